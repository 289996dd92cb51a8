"""How probable is a picture? Divergences, bits, and the way of the ODE."""

from math import log
from typing import Annotated

import torch
from torch import Tensor

from .checks import Count, Images, InputError, Rows, checked, real, whole
from .forward import Gaussian

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

    Nats of a density tell nothing before they are made a probability: the
    density times the *width* of a level, for each of the pixels.

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
