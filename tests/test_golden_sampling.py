"""Golden: diffusers' samplers, written by others, walk the same path.

Same x_T, same network, same noise, compared after every step. diffusers
counts its steps 0..T-1: our t is their t + 1, and our steps end with one
more, 0.
"""

from math import sqrt

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
)
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from theirs import NAMES, TYPES
from torch.testing import assert_close

from diffusion_lessons import (
    ExactModel,
    GaussianMixture,
    NoiseSchedule,
    ancestral_sample,
    ddim_sample,
    ddim_timesteps,
    dpm2m_sample,
    euler_sample,
    heun_sample,
    karras_grid,
    sigma_at,
    t_at,
    target,
    x0_and_eps,
)

VARIANCES = {"posterior": "fixed_small", "beta": "fixed_large"}
SPACINGS = {  # 50 steps of 1000
    "trailing": ddim_timesteps(1000, 50),  # 1000, 980, … 20, 0
    "leading": [*range(981, 0, -20), 0],  # 981, 961, … 1, 0
}
TOLERANCES = {torch.float64: 1e-11, torch.float32: 1e-5}
AS_SHIPPED = 5e-4  # float32 leaves their tables three digits at small t


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture(params=TYPES)
def predicts(request):
    return request.param


@pytest.fixture(params=[1.0, None], ids=["clipped", "unclipped"])
def clip(request):
    return request.param


@pytest.fixture(params=TOLERANCES, ids=str)
def dtype(request):
    return request.param


def network(schedule, predicts="eps"):
    """Smooth in x and t; the x_0 it sees goes beyond [-1, 1]."""

    def model(x, t):
        x0 = 1.3 * torch.sin(x + t[:, None] / 50)
        _, eps = x0_and_eps(x0, x, t, schedule, "x0")
        return target(predicts, x0, eps, t, schedule)

    return model


def start(dtype=torch.float64):
    return torch.randn(4, 3, dtype=torch.float64).to(dtype)


def seeded():
    return torch.Generator().manual_seed(3)


def shipped(kind, name, predicts="eps", clip=1.0, T=1000, **settings):
    """Their scheduler as it comes, its tables in float32."""
    return kind(
        T,
        beta_schedule=NAMES[name],
        prediction_type=TYPES[predicts],
        clip_sample=clip is not None,
        **settings,
    )


def exact(scheduler, schedule):
    """Their formulas on our float64 tables."""
    scheduler.betas = schedule.betas[1:]
    scheduler.alphas = schedule.alphas[1:]
    scheduler.alphas_cumprod = schedule.alphas_cumprod[1:]
    scheduler.one = torch.ones((), dtype=torch.float64)
    if scheduler.config.get("set_alpha_to_one", True):
        scheduler.final_alpha_cumprod = scheduler.one
    else:
        scheduler.final_alpha_cumprod = scheduler.alphas_cumprod[0]
    return scheduler


def theirs(scheduler, model, x, **settings):
    """x after every step of their loop."""
    generator, path = seeded(), []
    for t in scheduler.timesteps.tolist():
        output = model(x, torch.full((len(x),), t + 1))
        step = scheduler.step(output, t, x, generator=generator, **settings)
        x = step.prev_sample
        path.append(x)
    return torch.stack(path)


def their_ddim(scheduler, model, x, eta):
    """In 50 steps; eps is computed anew when x_0 was cut, as ours is."""
    scheduler.set_timesteps(50)
    anew = {"use_clipped_model_output": True}
    return theirs(scheduler, model, x, eta=eta, **anew)


def ours(sampler, *args, **settings):
    path = sampler(*args, generator=seeded(), **settings)
    return torch.stack([snapshot.x for snapshot in path])


def agree(path, expected, atol):
    assert_close(path, expected, rtol=0, atol=atol)


# Ancestral sampling is DDPM


@pytest.mark.parametrize("variance", VARIANCES)
def test_ancestral_sampling_is_ddpm(name, predicts, clip, variance, dtype):
    schedule = getattr(NoiseSchedule, name)(60)
    model, x = network(schedule, predicts), start(dtype)
    ddpm = shipped(
        DDPMScheduler,
        name,
        predicts,
        clip,
        T=60,
        variance_type=VARIANCES[variance],
    )
    settings = {"predicts": predicts, "variance": variance, "clip": clip}
    path = ours(ancestral_sample, model, x, schedule, **settings)
    expected = theirs(exact(ddpm, schedule), model, x)
    agree(path, expected, TOLERANCES[dtype])


def test_ancestral_sampling_is_ddpm_as_shipped(name):
    schedule = getattr(NoiseSchedule, name)(1000)
    model, x = network(schedule), start(torch.float32)
    path = ours(ancestral_sample, model, x, schedule)
    expected = theirs(shipped(DDPMScheduler, name), model, x)
    agree(path, expected, AS_SHIPPED)


def test_a_respaced_schedule_is_ddpm_in_fewer_steps(name):
    """The network is asked at the t of the 1000 steps it learned."""
    schedule = getattr(NoiseSchedule, name)(1000)
    model, x = network(schedule), start()
    ddpm = shipped(DDPMScheduler, name, timestep_spacing="trailing")
    ddpm.set_timesteps(50)
    path = ours(
        ancestral_sample,
        lambda x, t: model(x, 20 * t),
        x,
        schedule.respaced(50),
    )
    agree(path, theirs(exact(ddpm, schedule), model, x), 1e-9)


# DDIM


@pytest.mark.parametrize(
    ("eta", "dtype"),
    [
        (0.0, torch.float64),
        (0.5, torch.float64),
        (1.0, torch.float64),
        (0.5, torch.float32),
    ],
)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_ddim_agrees(name, predicts, clip, spacing, eta, dtype):
    schedule = getattr(NoiseSchedule, name)(1000)
    model, x = network(schedule, predicts), start(dtype)
    kind = {"timestep_spacing": spacing}
    ddim = shipped(DDIMScheduler, name, predicts, clip, **kind)
    settings = {"predicts": predicts, "eta": eta, "clip": clip}
    steps = SPACINGS[spacing]
    path = ours(ddim_sample, model, x, schedule, steps, **settings)
    expected = their_ddim(exact(ddim, schedule), model, x, eta)
    agree(path, expected, TOLERANCES[dtype])


@pytest.mark.parametrize("spacing", SPACINGS)
def test_ddim_agrees_as_shipped(name, predicts, spacing):
    schedule = getattr(NoiseSchedule, name)(1000)
    model, x = network(schedule, predicts), start(torch.float32)
    kind = {"timestep_spacing": spacing}
    ddim = shipped(DDIMScheduler, name, predicts, **kind)
    steps = SPACINGS[spacing]
    path = ours(ddim_sample, model, x, schedule, steps, predicts=predicts)
    agree(path, their_ddim(ddim, model, x, 0.0), AS_SHIPPED)


def test_ddim_that_stops_a_step_early_is_set_alpha_to_one_false(name):
    """With an offset of 1 their last step leads to their t = 0, our 1."""
    schedule = getattr(NoiseSchedule, name)(1000)
    model, x = network(schedule), start()
    kind = {"set_alpha_to_one": False, "steps_offset": 1}
    ddim = exact(shipped(DDIMScheduler, name, **kind), schedule)
    steps = [*range(982, 1, -20), 1, 0]
    path = ours(ddim_sample, model, x, schedule, steps)[:-1]
    agree(path, their_ddim(ddim, model, x, 0.0), 1e-11)


# Zero terminal SNR


def test_zero_terminal_snr_has_their_betas(name):
    schedule = getattr(NoiseSchedule, name)(1000)
    bent = schedule.zero_terminal_snr().betas[1:]
    agree(bent, rescale_zero_terminal_snr(schedule.betas[1:]), 1e-12)


@pytest.mark.parametrize("predicts", ["x0", "v"])
@pytest.mark.parametrize("variance", VARIANCES)
def test_ancestral_sampling_agrees_from_pure_noise(
    name, predicts, variance
):
    schedule = getattr(NoiseSchedule, name)(60).zero_terminal_snr()
    model, x = network(schedule, predicts), start()
    kind = {"T": 60, "variance_type": VARIANCES[variance]}
    ddpm = shipped(DDPMScheduler, name, predicts, **kind)
    settings = {"predicts": predicts, "variance": variance}
    path = ours(ancestral_sample, model, x, schedule, **settings)
    agree(path, theirs(exact(ddpm, schedule), model, x), 1e-11)


@pytest.mark.parametrize("predicts", ["x0", "v"])
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_agrees_from_pure_noise_as_shipped(name, predicts, eta):
    schedule = getattr(NoiseSchedule, name)(1000).zero_terminal_snr()
    model, x = network(schedule, predicts), start(torch.float32)
    kind = {"timestep_spacing": "trailing", "rescale_betas_zero_snr": True}
    ddim = shipped(DDIMScheduler, name, predicts, **kind)
    settings = {"eta": eta, "predicts": predicts}
    path = ours(ddim_sample, model, x, schedule, 50, **settings)
    agree(path, their_ddim(ddim, model, x, eta), AS_SHIPPED)


# On the ruler of sigma: Euler, Heun, DPM-Solver++ 2M

RULER = {
    "euler": (euler_sample, EulerDiscreteScheduler),
    "heun": (heun_sample, HeunDiscreteScheduler),
    "2M": (dpm2m_sample, DPMSolverMultistepScheduler),
}
each_on_the_ruler = pytest.mark.parametrize("solver", RULER)


def on_the_ruler(solver, predicts, schedule, steps, karras=False):
    """Their scheduler, on our betas, at so many steps."""
    _, kind = RULER[solver]
    scheduler = kind(
        schedule.num_steps,
        trained_betas=schedule.betas[1:].tolist(),
        prediction_type=TYPES[predicts],
        timestep_spacing="linspace" if karras else "trailing",
        use_karras_sigmas=karras,
    )
    scheduler.set_timesteps(steps)
    return scheduler


def their_walk(scheduler, model, x, schedule):
    """x_0 of their loop; the network is told our t of their sigma."""
    vp = isinstance(scheduler, DPMSolverMultistepScheduler)
    x = x if vp else x / sqrt(schedule.alpha_bar(schedule.num_steps))
    sigmas = scheduler.sigmas.double()
    for i, t in enumerate(scheduler.timesteps):
        ours = t_at(min(sigmas[i].item(), LAST), schedule)
        xt = x if vp else scheduler.scale_model_input(x, t)
        output = model(xt, torch.full((len(x),), ours).double())
        x = scheduler.step(output, t, x).prev_sample
    return x


T1000 = NoiseSchedule.linear(1000)
LAST = sigma_at(1000, T1000)
THEIR_SIGMAS = 2e-4  # in float32, and 2M computes in it


def smooth(predicts, schedule):
    """A perfect network of two bells, between two steps as well."""
    exact = ExactModel(GaussianMixture([[-0.5], [0.7]], 0.2), schedule)

    def model(x, t):
        x0 = exact(x, t)
        there = schedule.through([t[0].item()])
        _, eps = x0_and_eps(x0, x, 1, there, "x0")
        return target(predicts, x0, eps, 1, there)

    return model


@each_on_the_ruler
@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
@pytest.mark.parametrize("steps", [20, 50])
@pytest.mark.parametrize("karras", [False, True])
def test_their_solvers_end_where_ours_do(solver, predicts, steps, karras):
    """Whole loops: even in t ("trailing"), and on Karras' grid."""
    sampler, model = RULER[solver][0], smooth(predicts, T1000)
    scheduler = on_the_ruler(solver, predicts, T1000, steps, karras)
    x = torch.linspace(-2, 2, 9).double()[:, None]
    grid = karras_grid(T1000, steps, sigma_max=LAST) if karras else steps
    *_, last = sampler(model, x, T1000, grid, predicts=predicts, clip=None)
    expected = their_walk(scheduler, model, x, T1000)
    agree(last.x, expected, THEIR_SIGMAS)


def test_their_network_is_told_nearly_our_t_between_two_steps():
    """They draw a line in log sigma, we in log ᾱ: a tenth of a step."""
    scheduler = on_the_ruler("euler", "eps", T1000, 30, karras=True)
    ours = karras_grid(T1000, 30, sigma_max=LAST)[:-1]
    ours = torch.tensor(ours).float()
    assert_close(ours, scheduler.timesteps + 1, rtol=0, atol=0.15)
