"""A training run that fits into a budget of core-seconds."""

from collections.abc import Callable
from functools import partial
from time import perf_counter, process_time
from typing import NamedTuple

import torch
from torch import Tensor, nn

from diffusion_lessons import (
    EMA,
    Batches,
    NoiseSchedule,
    diffusion_loss,
    train,
)
from diffusion_lessons.recipe import lr_factor

SCHEDULE = NoiseSchedule.cosine()
v_loss = partial(diffusion_loss, predicts="v")
ENDLESS = 10**9  # steps: the loop's own cosine stays at 1


class Options(NamedTuple):
    """What the command line says to every topic."""

    device: torch.device
    seconds: float | None  # a budget in the place of the topic's own


class Recipe(NamedTuple):
    """How a network is built, trained and sampled: what a sweep turns."""

    width: int = 16  # channels at the fine resolution
    patch: int = 1
    lr: float = 2e-3
    batch_size: int = 32
    warmup: int = 100  # steps
    decay: float = 0.995  # of the averaged weights
    p_uncond: float = 0.1  # labels dropped, where there are labels
    scale: float = 1.0  # of guidance
    eta: float = 1.0
    num_steps: int = 50  # of DDIM


class Trained(NamedTuple):
    """What came of a budget."""

    model: nn.Module  # with the averaged weights
    steps: int
    seconds: float


def clock(device: torch.device) -> Callable[[], float]:
    """Seconds of this process's cores; on another device, of the wall."""
    return process_time if device.type == "cpu" else perf_counter


def train_within(
    seconds: float,
    model: nn.Module,
    images: Tensor,
    labels: Tensor | None,
    recipe: Recipe,
    loss: Callable[..., Tensor],
    *,
    seed: int = 0,
) -> Trained:
    """Train *model* for *seconds*, and average its weights.

    The learning rate must end at 0, but nobody knows how many steps will
    fit. So its cosine follows the clock: half of the seconds, half the way.
    """
    device = next(model.parameters()).device
    now = clock(device)
    start = now()
    ema = EMA(model, recipe.decay)
    for step in train(
        model,
        Batches(images, labels, batch_size=recipe.batch_size, seed=seed),
        SCHEDULE.to(device),
        num_steps=ENDLESS,
        lr=recipe.lr,
        warmup=recipe.warmup,
        p_uncond=0.0 if labels is None else recipe.p_uncond,
        seed=seed,
        loss=loss,
    ):
        ema.update(model)
        spent = now() - start
        if spent >= seconds:
            return Trained(ema.model, step.step, spent)
        for group in step.state.optimizer.param_groups:
            group["lr"] *= lr_factor(spent, seconds)
