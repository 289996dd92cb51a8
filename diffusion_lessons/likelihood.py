"""How probable is a picture? Divergences, bits, and the way of the ODE."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from math import exp, log, pi, sqrt
from typing import Annotated

import torch
from torch import Tensor

from .checks import (
    Count,
    Images,
    InputError,
    Model,
    Moment,
    Rows,
    checked,
    real,
    refuse,
    whole,
)
from .forward import Gaussian
from .prediction import Predicts
from .sampling import clean_guess
from .schedule import NoiseSchedule
from .sigmas import sigma_at, t_at

Levels = Annotated[int, whole(2)]
Width = Annotated[float, real(0, ends="(]")]


@checked
def gaussian_kl(q: Gaussian, p: Gaussian) -> Tensor:
    """KL(q || p) in nats, summed over the pixels, (B,).

    For one pixel: (log(v_p / v_q) + (v_q + (m_q - m_p)²) / v_p - 1) / 2
    """
    (m_q, v_q), (m_p, v_p) = q, p
    nats = ((v_p / v_q).log() + (v_q + (m_q - m_p) ** 2) / v_p - 1) / 2
    return nats.flatten(1).sum(1)


@checked
def bits_per_dim(nats: Rows, dims: Count, width: Width = 1.0) -> Tensor:
    """Nats for a picture to bits for a pixel: nats / (dims log 2).

    Nats of a density tell nothing before the density is multiplied by the
    *width* of a level, for each of the pixels. Where it is nearly flat over
    a level, that is a probability.

    nats: (B,) of -log p    dims: how many numbers a picture has
    """
    return (nats / dims - log(width)) / log(2)


@checked
def level_log_prob(
    x0: Images, mean: Images, std: Width, levels: Levels
) -> Tensor:
    """log of what N(mean, std²) has between a pixel's neighbours, (B, …).

    A pixel that can have so many values in -1..1 owns what lies up to
    1 / (levels - 1) from it; the first and the last own all beyond.

    x0: (B, …) on the levels    mean: (B, …)    returns (B, …) float64
    """
    half = 1 / (levels - 1)
    x0 = x0.double()
    steps = (x0 + 1) / (2 * half)
    if (
        (steps - steps.round()).abs() > 1e-3
    ).any() or x0.abs().max() > 1.01:
        raise InputError(f"x0 must lie on {levels} levels from -1 to 1")
    low, high = ((x0 + side - mean) / std for side in (-half, half))
    low = low.masked_fill(steps < 0.5, -torch.inf)
    high = high.masked_fill(steps > levels - 1.5, torch.inf)
    right = low + high > 0  # to the left, where small numbers are exact
    low, high = (
        torch.where(right, -high, low),
        torch.where(right, -low, high),
    )
    low, high = (torch.special.log_ndtr(z) for z in (low, high))
    return high + torch.log1p(-(low - high).exp())


# The way of the ODE


@checked
def with_divergence(
    field: Callable, x: Images, probe: Images | None = None
) -> tuple[Tensor, Tensor]:
    """field(x), (B, …), and its divergence at x, (B,).

    The sum of d field_i / d x_i takes one backward pass for each of the D
    numbers of x. With a *probe* v, whose numbers are -1 or 1 at random, one
    pass gives v · (d field / d x) v, right on average: Hutchinson (1989).

    x, probe: (B, …)
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = field(x)
    total = torch.zeros(len(x)).to(x)
    for v in _each_direction(x) if probe is None else [probe]:
        (pulled,) = torch.autograd.grad(value, x, v, retain_graph=True)
        total += (v * pulled).flatten(1).sum(1)
    return value.detach(), total


@checked
def ode_likelihood(
    model: Model,
    x: Images,
    schedule: NoiseSchedule,
    num_steps: Count = 120,
    *,
    t: Moment = 1,
    predicts: Predicts = "eps",
    probe: Images | None = None,
) -> Tensor:
    """log q(x_t) in nats, (B,), eq. 39 of Song et al. (2021).

    The probability-flow ODE carries x to x_T, where log N(x_T; 0, I) is
    known, and the divergences on the way add up to what the density lost.
    Its clock is u = log sigma, on which all levels of noise take as long:
    dx/du = sqrt(1 - ᾱ) (eps_hat - sqrt(1 - ᾱ) x).

    Args:
        model: any (x_t, t) -> output; no guess is cut.
        x: (B, …) images of the noise level t.
        schedule: the one that the model was trained with.
        num_steps: steps of the method of Runge and Kutta, of order 4.
        t: the noise level of x, from where there is noise: 1..T - 1.
        predicts: what the model's output is: "eps", "x0" or "v".
        probe: (B, …), -1 and 1 at random, for Hutchinson's estimate; None
            for the exact divergence.
    """
    last = schedule.num_steps
    if not 1 <= t < last:
        refuse("t", f"in 1..{last - 1}", t)
    sigmas = sigma_at(t, schedule), sigma_at(last, schedule)
    way = torch.linspace(
        *map(log, sigmas), num_steps + 1, dtype=torch.float64
    ).tolist()

    def speed(x: Tensor, u: float) -> tuple[Tensor, Tensor]:
        sigma = min(max(exp(u), sigmas[0]), sigmas[1])  # but for rounding
        field = partial(_speed, model, sigma, schedule, predicts)
        return with_divergence(field, x, probe)

    gained = torch.zeros(len(x)).to(x)
    for u, after in pairwise(way):
        dx, more = _runge_kutta(speed, x, u, after - u)
        x, gained = x + dx, gained + more
    log_normal = -(x**2 + log(2 * pi)).flatten(1).sum(1) / 2
    return log_normal + gained


def _speed(
    model: Callable,
    sigma: float,
    schedule: NoiseSchedule,
    predicts: str,
    x: Tensor,
) -> Tensor:
    """dx / d log sigma: ``probability_flow`` with another clock."""
    t, noise = t_at(sigma, schedule), sigma / sqrt(1 + sigma**2)
    how = {"predicts": predicts, "clip": None}
    _, eps_hat = clean_guess(model, x, t, schedule, **how)
    return noise * (eps_hat - noise * x)


def _runge_kutta(
    speed: Callable, x: Tensor, u: float, h: float
) -> tuple[Tensor, ...]:
    """How far one step of h leads, in x and in what is summed beside it."""
    one = speed(x, u)
    two = speed(x + h / 2 * one[0], u + h / 2)
    three = speed(x + h / 2 * two[0], u + h / 2)
    four = speed(x + h * three[0], u + h)
    stages = zip(one, two, three, four, strict=True)
    return tuple(h / 6 * (a + 2 * b + 2 * c + d) for a, b, c, d in stages)


def _each_direction(x: Tensor) -> Iterator[Tensor]:
    """(B, …) with a 1 at one place of each image, for every place."""
    ones = torch.eye(x[0].numel()).to(x)
    for row in ones:
        yield row.view(1, *x.shape[1:]).expand_as(x)
