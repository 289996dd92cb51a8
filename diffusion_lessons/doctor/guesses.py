"""The two stupid baselines: what is lost without any network."""

import torch
from torch import Tensor

from ..schedule import NoiseSchedule


def mean_loss(
    x0: Tensor, t: Tensor, schedule: NoiseSchedule, predicts: str
) -> float:
    """The loss of the mean target, over the steps *t*.

    For eps that is a guess of 0, whose loss is 1.

    x0: (N, …)    t: (K,)
    """
    variance = _variances(x0)[None]
    alpha_bar = _alpha_bars(t, schedule)
    at_each = {
        "eps": torch.ones_like(alpha_bar),
        "x0": variance + 0 * alpha_bar,
        "v": alpha_bar + (1 - alpha_bar) * variance,
    }
    return at_each[predicts].mean().item()


def linear_loss(
    x0: Tensor, t: Tensor, schedule: NoiseSchedule, predicts: str
) -> float:
    """The loss of the best linear guess, pixel by pixel.

    From x_t = s x_0 + σ ε it guesses x_0 with the error
    var σ² / (s² var + σ²) on average; an error of x_0 is s²/σ² times as
    large on eps, and 1/σ² times as large on v.

    x0: (N, …)    t: (K,)
    """
    variance = _variances(x0)[None]
    signal2 = _alpha_bars(t, schedule)
    sigma2 = 1 - signal2
    on_x0 = variance * sigma2 / (signal2 * variance + sigma2)
    factor = {"eps": signal2 / sigma2, "x0": 1, "v": 1 / sigma2}
    return (on_x0 * factor[predicts]).mean().item()


def _variances(x0: Tensor) -> Tensor:
    """Of every pixel over the images, (D,) float64."""
    return x0.flatten(1).double().var(0, correction=0)


def _alpha_bars(t: Tensor, schedule: NoiseSchedule) -> Tensor:
    return torch.as_tensor(schedule.alphas_cumprod)[t][:, None]
