"""The way to diffusers and back: steps, tables, networks, loops."""

import sys
from types import SimpleNamespace

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
)
from theirs import NAMES, TYPES, small_unet
from torch.testing import assert_close

from diffusion_lessons import (
    Batches,
    ForDiffusers,
    FromDiffusers,
    Guided,
    NoiseSchedule,
    TimeUNet,
    ancestral_sample,
    ddim_sample,
    ddim_timesteps,
    diffusion_loss,
    lend_tables,
    path_of,
    predicts_of,
    q_sample,
    schedule_of,
    scheduler_sample,
    t_of,
    target,
    timestep_of,
    train,
    x0_and_eps,
)

REFIT = {"use_clipped_model_output": True}  # as we do, always


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture(params=TYPES)
def predicts(request):
    return request.param


def awake(**settings):
    """Ours, with random weights in the layers that start at 0 too."""
    torch.manual_seed(0)
    model = TimeUNet(1, 8, **settings)
    for p in model.parameters():
        if not p.any():
            torch.nn.init.normal_(p, std=0.1)
    return model.eval()


def images(n=4, dtype=torch.float32):
    return torch.randn(n, 1, 8, 8, dtype=torch.float64).to(dtype)


def seeded():
    return torch.Generator().manual_seed(3)


def smooth(schedule, predicts):
    """(x, t) -> output, whose x_0 goes beyond [-1, 1] and follows t."""

    def model(x, t):
        x0 = 1.3 * torch.sin(x + t.view(-1, 1, 1, 1) / 50)
        _, eps = x0_and_eps(x0, x, t, schedule, "x0")
        return target(predicts, x0, eps, t, schedule)

    return model


def scheduler(kind, name, predicts="eps", **settings):
    return kind(
        1000,
        beta_schedule=NAMES[name],
        prediction_type=TYPES[predicts],
        **settings,
    )


# Who counts from 0


def test_our_t_is_their_timestep_plus_one():
    assert (timestep_of(1), timestep_of(1000)) == (0, 999)
    assert (t_of(0), t_of(999)) == (1, 1000)


def test_the_two_converters_undo_each_other():
    t = torch.arange(1, 1001)
    assert torch.equal(t_of(timestep_of(t)), t)
    assert timestep_of(t).dtype == torch.int64


def test_their_table_at_the_timestep_is_ours_at_t(name):
    """At every single step."""
    theirs = scheduler(DDPMScheduler, name).alphas_cumprod.double()
    ours = getattr(NoiseSchedule, name)(1000).alphas_cumprod
    for t in range(1, 1001):
        there = theirs[timestep_of(t)]
        assert abs(there - ours[t]) < abs(there - ours[t - 1]), t
        if t < 1000:
            assert abs(there - ours[t]) < abs(there - ours[t + 1]), t


@pytest.mark.parametrize("t", [0, -3, torch.tensor([5, 0])])
def test_the_clean_image_has_no_timestep(t):
    got = torch.as_tensor(t).min().item()
    with pytest.raises(ValueError, match=f"t must be at .* 1; got {got}"):
        timestep_of(t)


@pytest.mark.parametrize("timestep", [-1, torch.tensor([-1, 4])])
def test_a_timestep_below_0_is_refused(timestep):
    with pytest.raises(ValueError, match=r"timestep must .* 0; got -1"):
        t_of(timestep)


# Tables


def test_schedule_of_finds_our_schedule(name):
    """As far as their float32 betas can tell."""
    ours = getattr(NoiseSchedule, name)(1000)
    found = schedule_of(scheduler(DDPMScheduler, name))
    assert found.num_steps == 1000
    assert found.alphas_cumprod.dtype == torch.float64
    for table in (
        "betas",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
    ):
        found_table, our_table = getattr(found, table), getattr(ours, table)
        assert_close(found_table, our_table, rtol=1e-5, atol=1e-9)


def test_schedule_of_mends_what_float32_lost(name):
    """1 - alpha_bar_1: three digits with them, seven here."""
    theirs = scheduler(DDPMScheduler, name)
    exact = getattr(NoiseSchedule, name)(1000).betas[1]
    lost = abs((1 - theirs.alphas_cumprod[0].double()) / exact - 1)
    found = abs(schedule_of(theirs).betas[1] / exact - 1)
    assert lost > 1e-4
    assert found < 1e-7


def test_schedule_of_knows_zero_terminal_snr(name):
    theirs = scheduler(DDPMScheduler, name, rescale_betas_zero_snr=True)
    ours = getattr(NoiseSchedule, name)(1000).zero_terminal_snr()
    found = schedule_of(theirs)
    assert found.alphas_cumprod[-1] == 0
    signals = found.sqrt_alphas_cumprod, ours.sqrt_alphas_cumprod
    assert_close(*signals, rtol=0, atol=1e-6)


def test_schedule_of_knows_schedules_that_we_do_not_have():
    theirs = DDPMScheduler(100, beta_schedule="scaled_linear")
    found = schedule_of(theirs)
    x0, noise = images(100), images(100)
    expected = theirs.add_noise(x0, noise, torch.arange(100))
    xt = q_sample(x0, torch.arange(1, 101), noise, found)
    assert_close(xt, expected, rtol=0, atol=1e-4)


def test_a_scheduler_without_betas_is_refused():
    """Flow matching has none."""
    words = "betas, as DDPMScheduler has; got FlowMatch.* has none"
    with pytest.raises(TypeError, match=words):
        schedule_of(FlowMatchEulerDiscreteScheduler())


def test_predicts_of_says_it_in_our_words(predicts):
    theirs = scheduler(DDPMScheduler, "linear", predicts)
    assert predicts_of(theirs) == predicts


def test_a_prediction_we_do_not_know_is_refused():
    config = SimpleNamespace(prediction_type="flow_prediction")
    words = "one of 'epsilon', 'sample', 'v_pred.*; got 'flow_prediction'"
    with pytest.raises(ValueError, match=words):
        predicts_of(SimpleNamespace(config=config))


def test_path_of_is_what_they_visit_and_zero():
    theirs = DDIMScheduler(1000)  # "leading" unless told
    theirs.set_timesteps(5)
    assert path_of(theirs) == [801, 601, 401, 201, 1, 0]


@pytest.mark.parametrize("num_steps", [1, 4, 5, 10, 50, 1000])
def test_trailing_is_our_own_path(num_steps):
    theirs = DDIMScheduler(1000, timestep_spacing="trailing")
    theirs.set_timesteps(num_steps)
    assert path_of(theirs) == ddim_timesteps(1000, num_steps)


# Our tables in their formulas


@pytest.mark.parametrize("kind", [DDPMScheduler, DDIMScheduler])
def test_lent_tables_make_add_noise_bit_equal(kind, name):
    theirs, ours = scheduler(kind, name), NoiseSchedule.cosine(1000)
    lend_tables(ours, theirs)
    x0, noise = images(1000), images(1000)
    timesteps = torch.arange(1000)
    expected = q_sample(x0.double(), timesteps + 1, noise.double(), ours)
    got = theirs.add_noise(x0.double(), noise.double(), timesteps)
    assert torch.equal(got, expected)


def test_lent_tables_end_where_theirs_did():
    ours = NoiseSchedule.linear(1000)
    for to_one, t in [(True, 0), (False, 1)]:
        theirs = DDIMScheduler(1000, set_alpha_to_one=to_one)
        lend_tables(ours, theirs)
        assert theirs.final_alpha_cumprod == ours.alphas_cumprod[t]


@pytest.mark.parametrize("kind", [DDPMScheduler, DDIMScheduler])
def test_all_tables_are_lent_as_copies(kind):
    theirs, ours = kind(1000), NoiseSchedule.cosine(1000)
    lend_tables(ours, theirs)
    assert theirs.one == theirs.final_alpha_cumprod == 1
    theirs.one.zero_()
    for name in ("betas", "alphas", "alphas_cumprod"):
        lent = getattr(theirs, name)
        assert torch.equal(lent, getattr(ours, name)[1:])
        lent.zero_()
        assert getattr(ours, name).any()
    assert ours.alphas_cumprod[0] == 1


def test_a_kind_of_scheduler_is_not_a_scheduler():
    with pytest.raises(TypeError, match="the scheduler must have betas"):
        lend_tables(NoiseSchedule.linear(1000), DDPMScheduler)


def test_no_steps_at_all_are_converted_to_none():
    none = torch.zeros(0, dtype=torch.int64)
    assert timestep_of(none).shape == t_of(none).shape == (0,)


def test_tables_of_another_length_are_refused():
    words = "schedule has 10 steps, the scheduler 1000"
    with pytest.raises(ValueError, match=words):
        lend_tables(NoiseSchedule.linear(10), DDPMScheduler(1000))


def test_schedulers_with_more_tables_than_these_are_refused():
    theirs = DPMSolverMultistepScheduler(1000)
    with pytest.raises(TypeError, match=r"DDIM.*; got DPMSolverMulti"):
        lend_tables(NoiseSchedule.linear(1000), theirs)


# Networks


def test_the_snippet_of_the_post_is_our_loss():
    """Four lines of theirs, one of ours, the same number."""
    x = images(16).clamp(-1, 1)
    noise_scheduler, model = DDPMScheduler(1000), small_unet()
    timesteps = torch.randint(0, 1000, (16,))

    noise = torch.randn_like(x)
    noisy_x = noise_scheduler.add_noise(x, noise, timesteps)
    model_prediction = model(noisy_x, timesteps).sample
    loss = torch.nn.functional.mse_loss(model_prediction, noise)

    schedule, t = NoiseSchedule.linear(1000), t_of(timesteps)
    ours = diffusion_loss(FromDiffusers(model), x, t, noise, schedule)
    assert_close(ours, loss, rtol=1e-5, atol=0)


def spy(seen):
    """Something like their network that notes what it was handed."""

    def unet(sample, timestep, **given):
        seen.append((timestep, given))
        return SimpleNamespace(sample=sample)

    return unet


def test_their_network_gets_one_less_than_our_t():
    seen, t = [], torch.tensor([1, 20, 300, 1000])
    model = FromDiffusers(spy(seen))
    model(images(), t)
    model(images(), 7)
    assert torch.equal(seen[0][0], torch.tensor([0, 19, 299, 999]))
    assert seen[1] == (6, {})


def test_their_network_answers_as_it_does_at_home():
    unet, x, t = small_unet(), images(), torch.tensor([1, 20, 300, 1000])
    with torch.no_grad():
        expected = unet(x, t - 1).sample
        assert torch.equal(FromDiffusers(unet)(x, t), expected)


@pytest.mark.parametrize("k", [7, torch.tensor(7), torch.arange(4) * 300])
def test_our_network_gets_one_more_than_their_timestep(k):
    model, x = awake(), images()
    t = torch.as_tensor(k).expand(4) + 1
    with torch.no_grad():
        got = ForDiffusers(model)(x, k)
        assert torch.equal(got.sample, model(x, t))
    assert torch.equal(got[0], got.sample)  # as with their outputs


def test_there_and_back_is_the_same_network():
    model, x, t = awake(), images(), torch.tensor([1, 20, 300, 1000])
    there_and_back = FromDiffusers(ForDiffusers(model))
    with torch.no_grad():
        assert torch.equal(there_and_back(x, t), model(x, t))


def test_their_network_cannot_be_asked_about_the_clean_image():
    with pytest.raises(ValueError, match="at least 1; got 0"):
        FromDiffusers(small_unet())(images(), 0)


def test_labels_are_handed_on_both_ways():
    label, x, t = torch.tensor([0, 1, 2, 1]), images(), torch.full((4,), 9)
    ours, theirs = awake(num_classes=3), small_unet(classes=3)
    with torch.no_grad():
        got = ForDiffusers(ours)(x, t - 1, class_labels=label).sample
        assert torch.equal(got, ours(x, t, label))
        got = FromDiffusers(theirs)(x, t, label)
        expected = theirs(x, t - 1, class_labels=label).sample
        assert torch.equal(got, expected)


@pytest.mark.parametrize("label", [0, torch.zeros(4, dtype=torch.int64)])
def test_the_label_0_is_a_label(label):
    x, t, seen = images(), torch.full((4,), 9), []
    FromDiffusers(spy(seen))(x, t, label)
    assert seen[0][1]["class_labels"] is label
    ours = awake(num_classes=3)
    with torch.no_grad():
        got = ForDiffusers(ours)(x, t - 1, class_labels=label).sample
        assert torch.equal(got, ours(x, t, label))


def test_a_network_that_answers_with_a_bare_tensor_is_not_theirs():
    words = "the output of unet must have sample, as UNet2DModel's has"
    with pytest.raises(TypeError, match=words):
        FromDiffusers(lambda sample, timestep: sample)(images(), 5)


@pytest.mark.parametrize(
    ("wrap", "model"),
    [(ForDiffusers, awake()), (FromDiffusers, small_unet())],
)
def test_what_is_wrapped_can_be_trained_and_moved(wrap, model):
    held = wrap(model).parameters()
    assert [id(p) for p in held] == [id(p) for p in model.parameters()]


def test_their_network_learns_in_our_loop():
    model = FromDiffusers(small_unet(classes=4))
    batches = Batches(images(8), torch.arange(8) % 4, batch_size=8)
    schedule = NoiseSchedule.linear(100)
    steps = [*train(model, batches, schedule, num_steps=30, lr=3e-3)]
    assert steps[-1].loss < steps[0].loss - 0.1


def test_a_guided_network_of_theirs_is_our_guided_network():
    """Their label for "no class" is one of their classes, as ours is."""
    unet, x, t = small_unet(classes=4), images(), torch.full((4,), 9)
    guided = Guided(FromDiffusers(unet), 1, null=3, scale=7.5)
    with torch.no_grad():
        text, uncond = (
            unet(x, t - 1, class_labels=torch.full((4,), c)).sample
            for c in (1, 3)
        )
        expected = uncond + 7.5 * (text - uncond)
        assert_close(guided(x, t), expected, rtol=1e-4, atol=1e-4)


# Loops


def run_theirs(model, x, theirs, num_steps, **settings):
    steps = scheduler_sample(model, x, theirs, num_steps, **settings)
    return [*steps]


def apart(ours, theirs):
    """How far x and x0_hat are apart, at most; they visit the same t."""
    assert [a.t for a in ours] == [b.t for b in theirs]
    return max(
        (getattr(a, part) - getattr(b, part)).abs().max().item()
        for a, b in zip(ours, theirs, strict=True)
        for part in ("x", "x0_hat")
    )


def test_scheduler_sample_is_the_loop_everybody_writes():
    model, x = awake(), images()
    theirs = scheduler(DDPMScheduler, "cosine")
    *_, last = scheduler_sample(model, x, theirs, 10, generator=seeded())
    generator = seeded()
    with torch.no_grad():
        for timestep in theirs.timesteps:
            t = torch.full((4,), timestep.item() + 1)
            output = model(x, t)
            step = theirs.step(output, timestep, x, generator=generator)
            x = step.prev_sample
    assert torch.equal(last.x, x)
    assert last.t == 0


def test_a_run_under_their_scheduler_keeps_no_graph():
    first = next(scheduler_sample(awake(), images(), DDIMScheduler(9), 3))
    assert not first.x.requires_grad
    assert not first.x0_hat.requires_grad


def test_nothing_runs_until_it_is_asked_for():
    seen = []
    model = spy(seen)
    scheduler_sample(model, images(), DDIMScheduler(1000), 5)
    assert seen == []


@pytest.mark.parametrize("spacing", ["trailing", "leading"])
def test_their_ddim_is_ours_to_the_last_digits(name, predicts, spacing):
    schedule = getattr(NoiseSchedule, name)(1000)
    model, x = smooth(schedule, predicts), images(dtype=torch.float64)
    theirs = scheduler(
        DDIMScheduler, name, predicts, timestep_spacing=spacing
    )
    lend_tables(schedule, theirs)
    path = run_theirs(model, x, theirs, 50, **REFIT)
    steps = path_of(theirs)
    ours = [*ddim_sample(model, x, schedule, steps, predicts=predicts)]
    assert apart(ours, path) < 1e-11


def test_their_ddpm_in_few_steps_is_our_ddim_with_eta_1(name, predicts):
    """Each of its steps is a posterior between two levels it visits."""
    schedule = getattr(NoiseSchedule, name)(1000)
    model, x = smooth(schedule, predicts), images(dtype=torch.float64)
    theirs = scheduler(DDPMScheduler, name, predicts)
    lend_tables(schedule, theirs)
    path = run_theirs(model, x, theirs, 50, generator=seeded())
    ours = ddim_sample(
        model,
        x,
        schedule,
        path_of(theirs),
        eta=1,
        predicts=predicts,
        generator=seeded(),
    )
    assert apart([*ours], path) < 1e-9


def test_their_ddpm_in_all_steps_is_ancestral_sampling():
    schedule = NoiseSchedule.linear(100)
    model, x = smooth(schedule, "v"), images(dtype=torch.float64)
    theirs = DDPMScheduler(100, prediction_type="v_prediction")
    lend_tables(schedule, theirs)
    path = run_theirs(model, x, theirs, 100, generator=seeded())
    settings = {"predicts": "v", "generator": seeded()}
    ours = [*ancestral_sample(model, x, schedule, **settings)]
    assert apart(ours, path) < 1e-10


@pytest.mark.parametrize(
    "kind", [DPMSolverMultistepScheduler, EulerDiscreteScheduler]
)
def test_other_schedulers_drive_our_networks_too(kind):
    """A perfect network knows the one image there is; they find it."""
    schedule, image = NoiseSchedule.linear(1000), images(1).clamp(-1, 1)

    def perfect(x, t):
        t = t.long()  # Euler asks between the steps
        _, eps = x0_and_eps(image.expand_as(x), x, t, schedule, "x0")
        return eps

    theirs = kind(1000, timestep_spacing="trailing")
    *_, last = scheduler_sample(perfect, images(), theirs, 10)
    assert_close(last.x, image.expand(4, -1, -1, -1), rtol=0, atol=0.05)
    assert last.t == 0


def test_x0_hat_is_none_where_the_scheduler_does_not_tell():
    theirs = DPMSolverMultistepScheduler(1000)
    first = next(scheduler_sample(awake(), images(), theirs, 5))
    assert first.x0_hat is None


def test_a_cut_guess_beside_an_old_eps_drifts_more_with_more_steps():
    """Their default: x_0 is cut to [-1, 1], eps stays as it was."""
    schedule = NoiseSchedule.cosine(1000)
    model, x = smooth(schedule, "v"), images(dtype=torch.float64)
    drift = []
    for num_steps in (5, 20, 100):
        theirs = scheduler(
            DDIMScheduler, "cosine", "v", timestep_spacing="trailing"
        )
        default, refitted = (
            run_theirs(model, x, theirs, num_steps, **settings)
            for settings in ({}, REFIT)
        )
        drift.append(apart(default, refitted))
    assert drift[0] < drift[1] < drift[2]


# Without diffusers


def test_what_looks_like_a_scheduler_is_one(monkeypatch):
    """Also where diffusers cannot be imported."""
    monkeypatch.setitem(sys.modules, "diffusers", None)
    look_alike = SimpleNamespace(
        betas=torch.full((9,), 0.5),
        timesteps=torch.tensor([8, 3]),
        init_noise_sigma=2.0,
        set_timesteps=lambda num_steps, device: None,
        scale_model_input=lambda x, k: x,
        step=lambda output, k, x: SimpleNamespace(prev_sample=x - output),
    )
    assert schedule_of(look_alike).num_steps == 9
    path = scheduler_sample(
        lambda x, t: t.view(-1, 1) * 1.0, torch.ones(2, 1), look_alike, 2
    )
    seen = [
        (snapshot.t, *snapshot.x.flatten().tolist()) for snapshot in path
    ]
    assert seen == [(4, -7, -7), (0, -11, -11)]
