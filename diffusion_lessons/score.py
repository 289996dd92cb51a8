"""Arrows towards the data: the score, and Langevin's walk along it."""

from collections.abc import Iterator
from math import sqrt
from typing import Annotated

import torch
from torch import Tensor

from .checks import (
    Count,
    Images,
    Model,
    Moment,
    Noise,
    Steps,
    ToList,
    checked,
    real,
    refuse,
    trusted,
)
from .prediction import Predicts, x0_and_eps
from .sampling import Clip, Snapshot, check_path, clean_guess, noise_like
from .schedule import NoiseSchedule

StepSize = Annotated[float, real(0, ends="(]")]


@checked
def score_from(
    output: Images,
    xt: Images,
    t: Steps,
    schedule: NoiseSchedule,
    predicts: Predicts,
) -> Tensor:
    """A network's output read as the score, the gradient of log q(x_t).

    score = -eps_hat / sqrt(1 - alphas_cumprod_t): where the noise points
    away from the picture, the arrow points back.

    output, xt: (B, …)    t: int or (B,) in 1..T    returns (B, …)
    """
    _, eps_hat = x0_and_eps(output, xt, t, schedule, predicts)
    _, sigma = schedule.signal_and_sigma(t, xt, lowest=1)
    return -eps_hat / sigma


@checked
def langevin_step(
    x: Images, score: Images, step: StepSize, noise: Images
) -> Tensor:
    """Up the arrow, and shaken: eq. 4 of Song & Ermon (2019).

    x + step score + sqrt(2 step) noise; the paper's step is twice ours.

    x, score, noise: (B, …)    returns (B, …)
    """
    return x + step * score + sqrt(2 * step) * noise


@checked
def langevin(
    model: Model,
    x: Noise,
    t: Moment,
    schedule: NoiseSchedule,
    num_steps: Count,
    *,
    step: StepSize = 0.1,
    predicts: Predicts = "eps",
    clip: Clip = 1.0,
    generator: torch.Generator | None = None,
) -> Iterator[Snapshot]:
    """Langevin's walk at one noise level; it ends in draws of q(x_t).

    A generator of snapshots, all of them at t.

    Args:
        model: any (x_t, t) -> output, t as (B,).
        x: (B, …) from where the walk starts: anywhere.
        t: the noise level, 1..T.
        schedule: the one that the model was trained with.
        num_steps: how many steps.
        step: the size of a step, in units of 1 - alphas_cumprod_t.
        predicts: what the model's output is: "eps", "x0" or "v".
        clip: guesses of x_0 are cut to [-clip, clip]; None for no cut.
        generator: of the noise that every step adds.
    """
    var = 1 - schedule.alpha_bar(t)
    if t == 0:
        refuse("t", "a step from 1 on, where there is noise", t)
    how = {"predicts": predicts, "clip": clip}

    @torch.no_grad()
    def walk(x):
        for _ in range(num_steps):
            x0_hat, eps_hat = clean_guess(model, x, t, schedule, **how)
            score, noise = -eps_hat / sqrt(var), noise_like(x, generator)
            x = trusted(langevin_step)(x, score, step * var, noise)
            yield Snapshot(t, x.clone(), x0_hat)

    return walk(x)


@checked
def annealed_langevin(
    model: Model,
    x_T: Noise,
    schedule: NoiseSchedule,
    levels: ToList,
    num_steps: Count,
    *,
    step: StepSize = 0.1,
    predicts: Predicts = "eps",
    clip: Clip = 1.0,
    generator: torch.Generator | None = None,
) -> Iterator[Snapshot]:
    """Langevin's walk at falling noise: algorithm 1 of Song & Ermon (2019).

    Each level starts where the one before it ended. A generator of
    snapshots, num_steps for each level.

    Args:
        model: any (x_t, t) -> output, t as (B,).
        x_T: (B, …) noise of variance 1.
        schedule: the one that the model was trained with.
        levels: the t of the levels, falling from T, or near it, to 1.
        num_steps: how many steps at every level.
        step: the size of a step, in units of 1 - alphas_cumprod_t.
        predicts: what the model's output is: "eps", "x0" or "v".
        clip: guesses of x_0 are cut to [-clip, clip]; None for no cut.
        generator: of the noise that every step adds.
    """
    check_path([*levels, 0], schedule, predicts)
    how = {"step": step, "predicts": predicts, "clip": clip}

    def walk(x):
        for t in levels:
            for snapshot in langevin(
                model, x, t, schedule, num_steps, generator=generator, **how
            ):
                yield snapshot
                x = snapshot.x

    return walk(x_T)
