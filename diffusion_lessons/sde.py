"""Small steps in the limit: the SDE of the chain, its way back, its ODE.

Time runs on between the steps, t in 0..T, and a step's noise comes evenly
over its time: alphas_cumprod is the chain's at every whole t. In Song et
al. (2021) time runs 0..1, and their beta is T times the one here.
"""

from collections.abc import Iterator
from math import ceil, log, sqrt
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from .checks import (
    Count,
    Images,
    Model,
    Noise,
    NotNegative,
    Rows,
    Share,
    checked,
    real,
    refuse,
)
from .prediction import Predicts
from .sampling import (
    Clip,
    Snapshot,
    check_path,
    clean_guess,
    legs_of,
    noise_like,
)
from .schedule import NoiseSchedule
from .sigmas import even_grid

Time = Annotated[float, real(0)]  # in 0..T


class DriftAndGain(NamedTuple):
    """Of dx = drift dt + gain dw: drift (B, …), gain a number."""

    drift: Tensor
    gain: float


def rate(t: int | float, schedule: NoiseSchedule) -> float:
    """beta(t) = -d log ᾱ / dt, the noise per unit of time.

    It jumps at every whole t; there it is the mean of its two sides.
    """
    if not 0 <= t <= schedule.num_steps:
        refuse("t", f"a number in 0..{schedule.num_steps}", t)
    before, after = max(0, ceil(t) - 1), min(int(t) + 1, schedule.num_steps)
    ratio = schedule.alpha_bar(before) / schedule.alpha_bar(after)
    return log(ratio) / (after - before)


@checked
def vp_sde(x: Images, t: Time, schedule: NoiseSchedule) -> DriftAndGain:
    """The chain in the limit of small steps, eq. 11 of Song et al. (2021).

    dx = -beta(t) / 2 x dt + sqrt(beta(t)) dw, beta(t) = -d log ᾱ_t / dt

    x: (B, …)    t: in 0..T    returns drift (B, …) and gain
    """
    beta = rate(t, schedule)
    return DriftAndGain(-beta / 2 * x, sqrt(beta))


@checked
def reverse_drift(
    x: Images,
    score: Images,
    t: Time,
    schedule: NoiseSchedule,
    eta: Share,
) -> Tensor:
    """dx/dt on the way back, to go with eta times the noise there.

    drift - (1 + eta²) / 2 gain² score: with eta = 1 the reverse SDE, eq. 6
    of Song et al. (2021), with eta = 0 ``probability_flow``.

    x, score: (B, …)    t: in 0..T    returns (B, …); walk it with dt < 0
    """
    drift, g = vp_sde(x, t, schedule)
    return drift - (1 + eta**2) / 2 * g**2 * score


@checked
def probability_flow(
    x: Images, score: Images, t: Time, schedule: NoiseSchedule
) -> Tensor:
    """dx/dt of the ODE with the same q(x_t), eq. 13 of Song et al. (2021).

    drift - gain² / 2 score

    x, score: (B, …)    t: in 0..T    returns (B, …)
    """
    drift, g = vp_sde(x, t, schedule)
    return drift - g**2 / 2 * score


@checked
def euler_maruyama_step(
    x: Images,
    drift: Images,
    gain: NotNegative,
    dt: float,
    noise: Images,
) -> Tensor:
    """x + drift dt + gain sqrt(abs(dt)) noise; dt < 0 leads back.

    x, drift, noise: (B, …)    returns (B, …)
    """
    return x + drift * dt + gain * sqrt(abs(dt)) * noise


@checked
def sde_path(x0: Images, noise: Rows, schedule: NoiseSchedule) -> Tensor:
    """From x_0 to x_T through the SDE, in as many steps as there is noise.

    x0: (B, …)    noise: (n, B, …)    returns (n + 1, B, …), x_0 first
    """
    if noise.shape[1:] != x0.shape:
        takes = f"of shape (n, {', '.join(map(str, x0.shape))})"
        refuse("noise", takes, noise)
    dt = schedule.num_steps / len(noise)
    path = [x0]
    for i, each in enumerate(noise):
        drift, g = vp_sde(path[-1], (i + 0.5) * dt, schedule)
        path.append(euler_maruyama_step(path[-1], drift, g, dt, each))
    return torch.stack(path)


@checked
def sde_sample(
    model: Model,
    x_T: Noise,
    schedule: NoiseSchedule,
    num_steps: Count,
    *,
    eta: Share,
    predicts: Predicts = "eps",
    clip: Clip = 1.0,
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> Iterator[Snapshot]:
    """Back from x_T in even steps of time: the reverse SDE, or its ODE.

    Every eta has the same q(x_t) in the limit of small steps: 1 is the
    reverse SDE, 0 the probability-flow ODE. A generator of snapshots.

    Args:
        model: any (x_t, t) -> output, t as (B,).
        x_T: (B, …) noise of variance 1.
        schedule: the one that the model was trained with.
        num_steps: how many steps, 1..T.
        eta: how much fresh noise, 0 to 1.
        predicts: what the model's output is: "eps", "x0" or "v".
        clip: guesses of x_0 are cut to [-clip, clip]; None for no cut.
        generator: of the noise, unused if eta = 0.
        progress: show a bar (terminal, Jupyter, Colab).
    """
    path = even_grid(schedule, num_steps)
    check_path(path, schedule, predicts)
    how = {"predicts": predicts, "clip": clip}

    @torch.no_grad()
    def walk(x):
        for t, s in legs_of(path, progress):
            x0_hat, eps_hat = clean_guess(model, x, t, schedule, **how)
            score = -eps_hat / sqrt(1 - schedule.alpha_bar(t))
            drift = reverse_drift(x, score, t, schedule, eta)
            noise = noise_like(x, generator) if eta else torch.zeros_like(x)
            gain = eta * sqrt(rate(t, schedule))
            x = euler_maruyama_step(x, drift, gain, s - t, noise)
            yield Snapshot(s, x.clone(), x0_hat)

    return walk(x_T)
