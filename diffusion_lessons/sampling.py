"""From noise to data: ancestral sampling and DDIM."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import sqrt
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor

from .checks import (
    Count,
    Images,
    InputError,
    Model,
    Moment,
    Noise,
    Share,
    Step,
    checked,
    choice,
    real,
    refuse,
    to_list,
    trusted,
    whole,
)
from .forward import q_posterior
from .prediction import Predicts, check_readable, x0_and_eps
from .progress import bar
from .schedule import NoiseSchedule, evenly

# What is handed on here came through a door already.
x0_and_eps, q_posterior = trusted(x0_and_eps), trusted(q_posterior)

Clip = Annotated[float, real(0, ends="(]")] | None
Variance = Annotated[str, choice("posterior", "beta")]
MOST_SIGNAL = 0.05  # of x_0 that may be left where sampling begins


class Snapshot(NamedTuple):
    """What a sampler shows after each step."""

    t: int | float  # the step just reached, 0 for the last
    x: Tensor  # x_t, (B, …)
    x0_hat: Tensor  # the clean image guessed on the way, (B, …)


@checked
def clean_guess(
    model: Model,
    xt: Images,
    t: Moment,
    schedule: NoiseSchedule,
    *,
    predicts: Predicts = "eps",
    clip: Clip = 1.0,
) -> tuple[Tensor, Tensor]:
    """The model's (x0_hat, eps_hat) at x_t, x0_hat cut to [-clip, clip].

    After the cut eps_hat is computed anew, so that the two still fit x_t:
    q_sample(x0_hat, t, eps_hat) == x_t.

    xt: (B, …)    t: in 1..T, or between two steps    returns two (B, …)
    """
    output = model(xt, told(t, xt))
    if isinstance(t, float):
        schedule, t = schedule.through([t]), 1
    x0_hat, eps_hat = x0_and_eps(output, xt, t, schedule, predicts)
    if clip is not None:
        x0_hat = x0_hat.clamp(-clip, clip)
        _, eps_hat = x0_and_eps(x0_hat, xt, t, schedule, "x0")
    return x0_hat, eps_hat


@checked
def ancestral_step(
    x0_hat: Images,
    xt: Images,
    t: Step,
    noise: Images | None,
    schedule: NoiseSchedule,
    variance: Variance = "posterior",
) -> Tensor:
    """The sampler's x_{t-1} from x_t, eq. 6-7 and algorithm 2 of DDPM.

    x_{t-1} = mean + sqrt(variance) noise, the mean of q(x_{t-1} | x_t, x_0)
    with the guess in the place of x_0; at t = 1 no noise is added.

    x0_hat, xt, noise: (B, …)    t: in 1..T    returns (B, …)
    """
    mean, var = q_posterior(x0_hat, xt, t, schedule)
    if t == 1:
        return mean
    check_noise(noise, f"t = {t}")
    if variance == "beta":
        (var,) = schedule.at(schedule.betas[None], t, xt)
    return mean + var.sqrt() * noise


@checked
def ancestral_sample(
    model: Model,
    x_T: Noise,
    schedule: NoiseSchedule,
    *,
    predicts: Predicts = "eps",
    variance: Variance = "posterior",
    clip: Clip = 1.0,
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> Iterator[Snapshot]:
    """Algorithm 2 of DDPM: from x_T to x_0 in T random steps.

    A generator of snapshots: nothing runs until it is consumed.

    Args:
        model: any (x_t, t) -> output, t as (B,).
        x_T: (B, …) noise of variance 1.
        schedule: the one that the model was trained with.
        predicts: what the model's output is: "eps", "x0" or "v".
        variance: of a step: "posterior" is the smallest that can be right,
            "beta" the largest (DDPM, section 3.2).
        clip: guesses of x_0 are cut to [-clip, clip], where images live;
            None for data without bounds.
        generator: of the noise that every step but the last adds.
        progress: show a bar (terminal, Jupyter, Colab).
    """
    path = list(range(schedule.num_steps, -1, -1))
    check_path(path, schedule, predicts)

    @torch.no_grad()
    def walk(x):
        for t, s in legs_of(path, progress):
            x0_hat, _ = trusted(clean_guess)(
                model, x, t, schedule, predicts=predicts, clip=clip
            )
            noise = noise_like(x, generator)
            x = trusted(ancestral_step)(
                x0_hat, x, t, noise, schedule, variance
            )
            yield Snapshot(s, x.clone(), x0_hat)

    return walk(x_T)


@checked
def ddim_step(
    x0_hat: Images,
    eps_hat: Images,
    t: Step,
    s: Step,
    noise: Images | None,
    schedule: NoiseSchedule,
    eta: Share = 0.0,
) -> Tensor:
    """From x_t to x_s, any s < t, eq. 12 and 16 of Song et al. (2021).

    x_s = sqrt(ᾱ_s) x0_hat + sqrt(1 - ᾱ_s - τ²) eps_hat + τ noise, where
    τ² = eta² (1 - ᾱ_s) / (1 - ᾱ_t) (1 - ᾱ_t / ᾱ_s); the paper writes σ.

    x0_hat, eps_hat, noise: (B, …); noise is not read if eta = 0
    """
    check_leg(t, s, schedule)
    a_t, a_s = schedule.alpha_bar(t), schedule.alpha_bar(s)
    tau2 = eta**2 * (1 - a_s) / (1 - a_t) * (1 - a_t / a_s)
    rest = max(0.0, 1 - a_s - tau2)
    kept = sqrt(a_s) * x0_hat + sqrt(rest) * eps_hat
    if eta == 0:
        return kept
    check_noise(noise, f"eta = {eta:g}")
    return kept + sqrt(tau2) * noise


@checked
def ddim_timesteps(num_train_steps: Count, num_steps: Count) -> list[int]:
    """num_steps + 1 whole numbers from T down to 0, evenly spaced."""
    if num_steps > num_train_steps:
        takes = f"a whole number in 1..{num_train_steps}"
        refuse("num_steps", takes, num_steps)
    return evenly(num_train_steps, 0, num_steps).tolist()


def _count_or_steps(value: Any, name: str) -> int | list[int]:
    """How many steps; or the steps, whole numbers from any library."""
    many = isinstance(value, Iterable) and not isinstance(value, str)
    if many and getattr(value, "ndim", 1):
        return to_list(value, name)
    return whole(1)(value, name)


@checked
def ddim_sample(
    model: Model,
    x_T: Noise,
    schedule: NoiseSchedule,
    num_steps: Annotated[int | Iterable[int], _count_or_steps],
    *,
    eta: Share = 0.0,
    predicts: Predicts = "eps",
    clip: Clip = 1.0,
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> Iterator[Snapshot]:
    """DDIM: the same model in a few large steps, Song et al. (2021).

    With eta = 0 the path is fixed by x_T; with eta = 1 and every step it
    is ``ancestral_sample``. A generator of snapshots.

    Args:
        model: any (x_t, t) -> output, t as (B,).
        x_T: (B, …) noise of variance 1.
        schedule: the one that the model was trained with.
        num_steps: how many steps, evenly spaced; or the steps themselves,
            a list that falls from T (or near it) to 0.
        eta: how much fresh noise every step adds, 0 to 1.
        predicts: what the model's output is: "eps", "x0" or "v".
        clip: guesses of x_0 are cut to [-clip, clip]; None for no cut.
        generator: of the noise, unused if eta = 0.
        progress: show a bar (terminal, Jupyter, Colab).
    """
    path = num_steps
    if isinstance(num_steps, int):
        path = ddim_timesteps(schedule.num_steps, num_steps)
    check_path(path, schedule, predicts)
    how = {"eta": eta, "predicts": predicts, "clip": clip}
    return ddim_walk(
        model, x_T, path, schedule, generator, progress=progress, **how
    )


@torch.no_grad()
def ddim_walk(
    model: Model,
    x: Tensor,
    path: list[int],
    schedule: NoiseSchedule,
    generator: torch.Generator | None,
    *,
    eta: float,
    predicts: str,
    clip: float | None,
    progress: bool = False,
) -> Iterator[Snapshot]:
    """DDIM from x at the first step of *path* to the last; checks nothing.

    What ``ddim_sample`` and the functions of ``edit`` have in common.
    """
    for t, s in legs_of(path, progress):
        x0_hat, eps_hat = trusted(clean_guess)(
            model, x, t, schedule, predicts=predicts, clip=clip
        )
        noise = noise_like(x, generator) if eta else None
        x = trusted(ddim_step)(x0_hat, eps_hat, t, s, noise, schedule, eta)
        yield Snapshot(s, x.clone(), x0_hat)


def legs_of(path: list[int], progress: bool) -> Iterable[tuple[int, int]]:
    """Every (t, s) of the path, under a bar if wanted."""
    return bar(list(pairwise(path)), shown=progress, desc="sampling")


def told(t: int | float, x: Tensor) -> Tensor:
    """t for each of the images, (B,): what a network is told.

    A whole t as an integer; a moment between two steps in the dtype of x.
    """
    if isinstance(t, int):
        return torch.full((len(x),), t, device=x.device)
    return torch.full((len(x),), t, dtype=x.dtype, device=x.device)


def noise_like(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """Noise like x, drawn where the generator lives."""
    device = x.device if generator is None else generator.device
    noise = torch.randn(
        x.shape, generator=generator, dtype=x.dtype, device=device
    )
    return noise.to(x.device)


def check_leg(t: int, s: int, schedule: NoiseSchedule) -> None:
    """Refuse a step that does not lead down within the schedule."""
    if not 0 <= s < t <= schedule.num_steps:
        takes = f"in 1..{schedule.num_steps}, and s in 0..t - 1"
        refuse("t", takes, (t, s))


def check_noise(noise: Tensor | None, where: str) -> None:
    """Refuse that there is no noise where it is needed."""
    if noise is None:
        refuse("noise", f"a tensor of images (B, …) at {where}", noise)


def check_path(path: list, schedule: NoiseSchedule, predicts: str) -> None:
    """Refuse steps that do not lead from noise to t = 0."""
    falls = all(s < t for t, s in pairwise(path))
    if len(path) < 2 or path[-1] != 0 or not falls:
        raise InputError(
            "the steps must fall from T to 0, as [1000, 500, 0]; "
            f"got {path}"
        )
    if path[0] > schedule.num_steps:
        raise InputError(
            f"the first step must be at most T = {schedule.num_steps}; "
            f"got {path[0]}"
        )
    signal = sqrt(schedule.alpha_bar(path[0]))
    check_readable(predicts, signal)
    if signal > MOST_SIGNAL:
        raise InputError(
            "sampling starts from pure noise, but at t = "
            f"{path[0]} this schedule still holds {signal:.2f} of x_0 (at "
            f"most {MOST_SIGNAL} is allowed); NoiseSchedule.linear(T), "
            ".cosine(T) and .zero_terminal_snr() end in noise at every T"
        )
