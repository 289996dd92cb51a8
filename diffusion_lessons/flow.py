"""The straight path from a picture to noise, and the way back along it."""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import (
    Clean,
    Count,
    Images,
    InputError,
    Labels,
    Model,
    Moments,
    Noise,
    Steps,
    checked,
    real,
    refuse,
    trusted,
    whole,
)
from .sampling import MOST_SIGNAL, Snapshot, legs_of
from .schedule import NoiseSchedule

Moment = Annotated[float, real(0, 1)]
Shift = Annotated[float, real(0, ends="(]")]


@checked
def flow_path(x0: Clean, t: Moments, noise: Images) -> Tensor:
    """The straight line from a picture to noise, Liu et al. (2023).

    x_t = (1 - t) x_0 + t noise

    x0, noise: (B, …)    t: a number or (B,) in 0..1    returns (B, …)
    """
    t = _column(t, x0)
    return (1 - t) * x0 + t * noise


@checked
def flow_velocity(x0: Clean, noise: Images) -> Tensor:
    """Where the line leads, the same at every t: noise - x_0, (B, …)."""
    return noise - x0


@checked
def flow_ends(
    velocity: Images, xt: Images, t: Moments
) -> tuple[Tensor, Tensor]:
    """Read a velocity as the two ends of a line, (x0_hat, eps_hat).

    x0_hat = x_t - t velocity and eps_hat = x_t + (1 - t) velocity

    velocity, xt: (B, …)    t: a number or (B,)    returns two (B, …)
    """
    t = _column(t, xt)
    return xt - t * velocity, xt + (1 - t) * velocity


@checked
def flow_loss(
    model: Model,
    x0: Clean,
    t: Steps,
    noise: Images,
    schedule: NoiseSchedule,
    *,
    times: Callable[[Tensor], Tensor] | None = None,
    label: Labels | None = None,
) -> Tensor:
    """Flow matching: ‖noise - x_0 - model(x_t, t)‖², with t in 0..1.

    A loss for ``train``, Lipman et al. (2023), eq. 23. The steps 1..T that
    it draws become the times t / T; nothing but T is read of the schedule.

    x0, noise: (B, …)    t: int or (B,) in 0..T    returns a scalar
    times: turns times uniform in 0..1, as ``logit_normal_times`` does
    """
    time = times_of(t, x0, schedule)
    time = time if times is None else times(time)
    xt = flow_path(x0, time, noise)
    output = model(xt, time) if label is None else model(xt, time, label)
    return F.mse_loss(output, flow_velocity(x0, noise))


def times_of(
    t: Tensor | int, like: Tensor, schedule: NoiseSchedule
) -> Tensor:
    """The steps t as times t / T, (B,), in the dtype of *like*."""
    schedule.check_t(t, like, 0)
    t = torch.as_tensor(t, device=like.device).expand(len(like))
    return t.to(like.dtype) / schedule.num_steps


@checked
def shift_times(t: Moments, shift: Shift) -> Tensor | float:
    """Times with more noise, Esser et al. (2024), eq. 23.

    shift t / (1 + (shift - 1) t), which makes the noise per signal,
    t / (1 - t), *shift* times as large. A picture with *shift* times as
    many pixels along each side then shows as much as the small one did.
    """
    return shift * t / (1 + (shift - 1) * t)


@checked
def logit_normal_times(
    u: Moments, mean: float = 0.0, std: Shift = 1.0
) -> Tensor:
    """Times most often in the middle, Esser et al. (2024), eq. 19.

    For u uniform in 0..1 the logit of t, log(t / (1 - t)), is normal:
    t = sigmoid(mean + std z), where z is the normal quantile of u.
    """
    z = torch.special.ndtri(torch.as_tensor(u))
    return torch.sigmoid(mean + std * z)


@checked
def flow_times(num_steps: Count, shift: Shift = 1.0) -> list[float]:
    """num_steps + 1 times from 1 down to 0: even, then shifted."""
    even = torch.linspace(1, 0, num_steps + 1, dtype=torch.float64)
    return shift_times(even, shift).tolist()


@checked
def flow_step(xt: Images, velocity: Images, t: Moment, s: Moment) -> Tensor:
    """Euler's step from x_t to x_s: x_s = x_t + (s - t) velocity."""
    return xt + (s - t) * velocity


def _count_or_times(value: Any, name: str) -> int | list[float]:
    """How many steps; or the times, numbers in 0..1 from any library."""
    many = isinstance(value, Iterable) and not isinstance(value, str)
    if many and getattr(value, "ndim", 1):
        return [real(0, 1)(v, f"each of {name}") for v in value]
    return whole(1)(value, name)


@checked
def flow_sample(
    model: Model,
    x_1: Noise,
    num_steps: Annotated[int | Iterable[float], _count_or_times],
    *,
    shift: Shift = 1.0,
    heun: bool = False,
    progress: bool = False,
) -> Iterator[Snapshot]:
    """From noise at t = 1 to a picture at t = 0, along the velocity.

    A generator of snapshots, whose t are times in 0..1. Nothing is random
    but x_1, and nothing is clipped.

    Args:
        model: any (x_t, t) -> velocity, t as (B,) floats in 0..1.
        x_1: (B, …) noise of variance 1.
        num_steps: how many steps, evenly spaced; or the times themselves,
            a list that falls from 1 (or near it) to 0.
        shift: above 1 spends more of the steps where there is much noise;
            not for times that are given.
        heun: take the mean of the velocities at both ends of each step but
            the last: two calls of the model for an error that falls with
            the square of the step.
        progress: show a bar (terminal, Jupyter, Colab).
    """
    path = num_steps
    if isinstance(num_steps, int):
        path = flow_times(num_steps, shift)
    elif shift != 1:
        refuse("shift", "1 where the times are given", shift)
    _check_path(path)
    return _walk(model, x_1, path, heun, progress)


@torch.no_grad()
def _walk(
    model: Model, x: Tensor, path: list[float], heun: bool, progress: bool
) -> Iterator[Snapshot]:
    """Along the path, step by step; checks nothing."""
    step = trusted(flow_step)
    for t, s in legs_of(path, progress):
        velocity = _ask(model, x, t)
        x0_hat, _ = trusted(flow_ends)(velocity, x, t)
        if heun and s > 0:
            there = step(x, velocity, t, s)
            velocity = (velocity + _ask(model, there, s)) / 2
        x = step(x, velocity, t, s)
        yield Snapshot(s, x.clone(), x0_hat)


def _ask(model: Model, x: Tensor, t: float) -> Tensor:
    """The model's velocity at x, the same t for all."""
    return model(x, torch.full((len(x),), t, dtype=x.dtype).to(x.device))


def _column(t: Tensor | float, like: Tensor) -> Tensor | float:
    """t, shaped to multiply *like*."""
    if isinstance(t, float):
        return t
    return t.to(like).view(-1, *(1,) * (like.ndim - 1))


def _check_path(path: list[float]) -> None:
    """Refuse times that do not lead from noise to t = 0."""
    falls = all(s < t for t, s in pairwise(path))
    if len(path) < 2 or path[-1] != 0 or not falls:
        raise InputError(
            "the times must fall from 1, the noise, to 0, as "
            f"[1.0, 0.5, 0.0]; got {path}"
        )
    if path[0] < 1 - MOST_SIGNAL:
        raise InputError(
            f"sampling starts from pure noise, but x_t at t = {path[0]:g} "
            f"still holds {1 - path[0]:.2f} of x_0 (at most {MOST_SIGNAL} "
            "is allowed)"
        )
