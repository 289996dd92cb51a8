"""Fewer calls: Euler, Heun and DPM-Solver++ 2M on the ruler of sigma.

On it the probability-flow ODE is dx/dsigma = eps_hat(x, sigma), and a
sampler is a method of solving it. ``sigmas`` has the ruler and the grids.
A network is asked between two steps, too: its clock takes any number.
"""

from collections.abc import Callable, Iterable, Iterator
from math import log, sqrt
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor

from .checks import (
    Images,
    Model,
    Noise,
    NotNegative,
    checked,
    real,
    trusted,
    whole,
)
from .checks.tensors import moment
from .prediction import Predicts
from .sampling import (
    Clip,
    Snapshot,
    check_path,
    clean_guess,
    ddim_timesteps,
    legs_of,
)
from .schedule import NoiseSchedule
from .sigmas import sigma_at

Positive = Annotated[float, real(0, ends="(]")]
Guess = Callable[[Tensor, int | float], tuple[Tensor, Tensor]]


class Leg(NamedTuple):
    """One step of a path: from t to s, and so from sigma to *to*."""

    t: int | float
    s: int | float
    sigma: float
    to: float


def _count_or_grid(value: Any, name: str) -> int | list:
    """How many steps; or the t of a grid."""
    many = isinstance(value, Iterable) and not isinstance(value, str)
    if many and getattr(value, "ndim", 1):
        numbers = value.tolist() if hasattr(value, "tolist") else value
        return [moment(t, f"each of {name}") for t in numbers]
    return whole(1)(value, name)


Grid = Annotated[int | Iterable[float], _count_or_grid]


# One step


@checked
def euler_step(
    x: Images, eps_hat: Images, sigma: Positive, to: NotNegative
) -> Tensor:
    """x + (to - sigma) eps_hat: straight on, in the direction found at x.

    x: (B, …), x_t / sqrt(ᾱ_t)    eps_hat: (B, …), guessed at x
    sigma: of x    to: the smaller sigma to go to
    """
    return x + (to - sigma) * eps_hat


@checked
def heun_step(
    x: Images,
    eps_hat: Images,
    eps_ahead: Images,
    sigma: Positive,
    to: NotNegative,
) -> Tensor:
    """x + (to - sigma) (eps_hat + eps_ahead) / 2, the mean direction.

    The second half of algorithm 1 of Karras et al. (2022), without noise.

    x: (B, …), x_t / sqrt(ᾱ_t)    eps_hat: (B, …), guessed at x
    eps_ahead: (B, …), guessed at sigma = to, where ``euler_step`` leads
    sigma: of x    to: the smaller sigma to go to
    """
    return x + (to - sigma) * (eps_hat + eps_ahead) / 2


@checked
def dpm2m_step(
    x: Images,
    x0_hat: Images,
    x0_before: Images,
    before: Positive,
    sigma: Positive,
    to: Positive,
) -> Tensor:
    """Algorithm 2 of Lu et al. (2022), DPM-Solver++ 2M, one step.

    to / sigma x + (1 - to / sigma) D, where D extrapolates the line through
    both guesses: D = x0_hat + (x0_hat - x0_before) / 2r, and r is the step
    before over this one, both measured in log sigma.

    x: (B, …), x_t / sqrt(ᾱ_t)    x0_hat: (B, …), guessed at x
    x0_before: (B, …), guessed one step before, where sigma was *before*
    sigma: of x    to: the smaller sigma to go to, not 0
    """
    r = log(before / sigma) / log(sigma / to)
    D = x0_hat + (x0_hat - x0_before) / (2 * r)
    return to / sigma * x + (1 - to / sigma) * D


# Whole paths


@checked
def euler_sample(
    model: Model,
    x_T: Noise,
    schedule: NoiseSchedule,
    num_steps: Grid,
    *,
    predicts: Predicts = "eps",
    clip: Clip = 1.0,
    progress: bool = False,
) -> Iterator[Snapshot]:
    """Euler's method on the ruler of sigma: it is DDIM with eta = 0.

    One call of the model for each step. A generator of snapshots.

    Args:
        model: any (x_t, t) -> output, t as (B,).
        x_T: (B, …) noise of variance 1.
        schedule: the one that the model was trained with.
        num_steps: how many steps, evenly spaced in t; or a grid.
        predicts: what the model's output is: "eps", "x0" or "v".
        clip: guesses of x_0 are cut to [-clip, clip]; None for no cut.
        progress: show a bar (terminal, Jupyter, Colab).
    """

    def step(guess: Guess, x: Tensor, leg: Leg) -> tuple[Tensor, Tensor]:
        x0_hat, eps_hat = guess(x, leg.t)
        return euler_step(x, eps_hat, leg.sigma, leg.to), x0_hat

    guess = _reader(model, schedule, predicts, clip)
    path = _path(num_steps, schedule, predicts)
    return _walk(step, guess, x_T, schedule, path, progress)


@checked
def heun_sample(
    model: Model,
    x_T: Noise,
    schedule: NoiseSchedule,
    num_steps: Grid,
    *,
    predicts: Predicts = "eps",
    clip: Clip = 1.0,
    progress: bool = False,
) -> Iterator[Snapshot]:
    """Heun's method: algorithm 1 of Karras et al. (2022), without noise.

    Two calls of the model for each step, one for the last, which leads to
    sigma = 0. A generator of snapshots; arguments as ``euler_sample``.
    """

    def step(guess: Guess, x: Tensor, leg: Leg) -> tuple[Tensor, Tensor]:
        x0_hat, eps_hat = guess(x, leg.t)
        ahead = euler_step(x, eps_hat, leg.sigma, leg.to)
        if leg.to == 0:
            return ahead, x0_hat
        _, eps_ahead = guess(ahead, leg.s)
        return heun_step(x, eps_hat, eps_ahead, leg.sigma, leg.to), x0_hat

    guess = _reader(model, schedule, predicts, clip)
    path = _path(num_steps, schedule, predicts)
    return _walk(step, guess, x_T, schedule, path, progress)


@checked
def dpm2m_sample(
    model: Model,
    x_T: Noise,
    schedule: NoiseSchedule,
    num_steps: Grid,
    *,
    predicts: Predicts = "eps",
    clip: Clip = 1.0,
    progress: bool = False,
) -> Iterator[Snapshot]:
    """DPM-Solver++ 2M of Lu et al. (2022): a step remembers one guess.

    One call of the model for each step; the first step, and the last to
    sigma = 0, are Euler's. A generator of snapshots; arguments as
    ``euler_sample``.
    """
    last: list[tuple[float, Tensor]] = []  # sigma and guess of a step ago

    def step(guess: Guess, x: Tensor, leg: Leg) -> tuple[Tensor, Tensor]:
        x0_hat, eps_hat = guess(x, leg.t)
        if not last or leg.to == 0:
            x = euler_step(x, eps_hat, leg.sigma, leg.to)
        else:
            before, x0_before = last.pop()
            x = dpm2m_step(x, x0_hat, x0_before, before, *leg[2:])
        last[:] = [(leg.sigma, x0_hat)]
        return x, x0_hat

    guess = _reader(model, schedule, predicts, clip)
    path = _path(num_steps, schedule, predicts)
    return _walk(step, guess, x_T, schedule, path, progress)


def _reader(
    model: Model, schedule: NoiseSchedule, predicts: str, clip: float | None
) -> Guess:
    """(x, t) -> (x0_hat, eps_hat), x on the ruler of sigma."""

    def guess(x: Tensor, t: int | float) -> tuple[Tensor, Tensor]:
        xt = x * sqrt(schedule.alpha_bar(t))
        how = {"predicts": predicts, "clip": clip}
        return trusted(clean_guess)(model, xt, t, schedule, **how)

    return guess


def _path(
    num_steps: int | list, schedule: NoiseSchedule, predicts: str
) -> list:
    """The grid of so many steps, or the one that was given."""
    path = num_steps
    if isinstance(num_steps, int):
        path = ddim_timesteps(schedule.num_steps, num_steps)
    check_path(path, schedule, predicts)
    sigma_at(path[0], schedule)  # refused where nothing is left of x_0
    return path


@torch.no_grad()
def _walk(
    step: Callable,
    guess: Guess,
    x: Tensor,
    schedule: NoiseSchedule,
    path: list,
    progress: bool,
) -> Iterator[Snapshot]:
    """From x_T to x_0 by *step*, on the ruler of sigma."""
    x = x / sqrt(schedule.alpha_bar(path[0]))
    for t, s in legs_of(path, progress):
        leg = Leg(t, s, sigma_at(t, schedule), sigma_at(s, schedule))
        x, x0_hat = step(guess, x, leg)
        xs = x * sqrt(schedule.alpha_bar(s))
        yield Snapshot(s, xs.clone(), x0_hat)
