"""The training loop: one step, and a generator of them."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .batches import Batches
from .checkpoint import load_checkpoint
from .checks import (
    Count,
    Device,
    InputError,
    Loss,
    NotNegative,
    Pictures,
    Trainable,
    checked,
)
from .conditioning import drop_labels
from .ema import EMA
from .loss import diffusion_loss, draw_t_and_noise
from .networks import home_of, in_mode, unwrapped
from .progress import bar
from .recipe import recipe_of
from .schedule import NoiseSchedule
from .state import TrainState, check_saved


class Step(NamedTuple):
    """What the loop shows after each step."""

    step: int  # 1 for the first
    loss: float
    state: TrainState  # live: state.state_dict() is what to save


@checked
def train(
    model: Trainable,
    batches: Batches,
    schedule: NoiseSchedule,
    *,
    loss: Loss = diffusion_loss,
    resume: dict | str | os.PathLike | None = None,
    progress: bool = False,
    **recipe: Any,
) -> Iterator[Step]:
    """Train *model*, Algorithm 1 of DDPM, and yield a Step after each step.

    A generator: nothing runs until it is consumed, and breaking out of the
    loop stops the training.

    Args:
        model: any (x_t, t) -> output of the shape of x_t; where there are
            labels, any (x_t, t, label) -> output.
        batches: images (B, …), and labels or None.
        schedule: each step draws t from 1..T for every image.
        loss: (model, x0, t, noise, schedule) -> scalar, with label=… too
            where there are labels.
        resume: what ``state.state_dict()`` returned, or the path of a
            checkpoint; the run goes on with the recipe it had. Another lr
            is taken, another of the rest is refused.
        progress: show a bar with the loss (terminal, Jupyter, Colab).
        num_steps: the length of the whole run (1000).
        lr: AdamW's learning rate at the start (1e-3); a cosine takes it
            to 0.
        warmup: steps in which the learning rate rises to that curve (0).
        p_uncond: the share of labels replaced by ``model.null_label``, so
            that the network also learns to do without (0; chapter 9).
        ema: average the weights with this decay into ``state.ema`` (None).
        max_norm: gradients that are longer, all of them together, are made
            this long (None).
        seed: of t, noise and drops, drawn on the CPU for any device (0).
    """
    if resume is not None and not isinstance(resume, dict):
        resume = load_checkpoint(resume)
    if resume is not None:
        check_saved(resume)
    chosen = recipe_of(recipe, resume)
    if chosen.p_uncond and not (
        batches.labels is not None and hasattr(model, "null_label")
    ):
        raise InputError(
            "p_uncond drops labels: it takes batches with labels and a "
            "model with a null_label, as TimeUNet(num_classes=10) has"
        )
    state = TrainState(
        model,
        torch.optim.AdamW(model.parameters(), lr=chosen.lr, fused=True),
        batches,
        torch.Generator().manual_seed(chosen.seed),
        schedule,
        chosen,
        None if chosen.ema is None else EMA(unwrapped(model), chosen.ema),
    )
    state.set_rate()
    if resume is not None:
        state.load_state_dict(resume)
    return _steps(state, loss, progress)


def _steps(state: TrainState, loss: Loss, progress: bool) -> Iterator[Step]:
    was_training, total = state.model.training, state.recipe.num_steps
    options = {"total": total, "initial": state.step, "unit": "step"}
    try:
        with bar(shown=progress, desc="training", **options) as shown:
            while state.step < total:
                state.model.train()
                with state.whole_step():
                    x0, label = next(state.batches)
                    value = take_step(
                        state, x0, labelled(loss, label, state)
                    )
                shown.update()
                shown.set_postfix(loss=f"{value:.4f}", refresh=False)
                yield Step(state.step, value, state)
    finally:
        state.model.train(was_training)


def take_step(state: TrainState, x0: Tensor, loss: Loss) -> float:
    """One step of Algorithm 1 of DDPM on the images x0; the loss."""
    model, schedule = state.model, state.schedule
    x0, t, noise = drawn_for(model, x0, schedule, state.generator)
    value = loss(model, x0, t, noise, schedule)
    state.optimizer.zero_grad()
    value.backward()
    state.advance()
    return value.item()


def drawn_for(
    model: Trainable,
    x0: Tensor,
    schedule: NoiseSchedule,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """x0, and t and noise drawn for it, where *model* is and as it is."""
    device, dtype = home_of(model)
    x0 = x0.to(dtype)
    t, noise = draw_t_and_noise(x0, schedule, generator)
    return x0.to(device), t.to(device), noise.to(device)


def labelled(loss: Loss, label: Tensor | None, state: TrainState) -> Loss:
    """*loss* as it asks a network that is told the labels of the images.

    A share p_uncond of them is replaced by ``model.null_label`` (chapter
    9), drawn after t and noise. Without labels it is *loss* itself.
    """
    if label is None:
        return loss

    def told(model, x0, t, noise, schedule):
        known, p = label, state.recipe.p_uncond
        if p:
            null = model.null_label
            known = drop_labels(label, null, p, state.generator)
        known = known.to(x0.device)
        return loss(model, x0, t, noise, schedule, label=known)

    return told


@checked
def overfit_one_batch(
    model: Trainable,
    x0: Pictures,
    schedule: NoiseSchedule,
    *,
    num_steps: Count = 300,
    lr: NotNegative = 1e-3,
    loss: Loss = diffusion_loss,
    seed: int = 0,
) -> list[float]:
    """The first test of any training: learn one batch by heart.

    One t and one noise for each image, drawn once and never again. A loss
    that does not approach 0 points to a mistake in model, target or data.

    x0: (B, …)    returns the num_steps losses
    """
    generator = torch.Generator().manual_seed(seed)
    x0, t, noise = drawn_for(model, x0, schedule, generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, fused=True)
    losses = []
    with in_mode(model, training=True):
        for _ in range(num_steps):
            value = loss(model, x0, t, noise, schedule)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.item())
    return losses


@checked
def steps_for(device: Device, *, cpu: Count, gpu: Count) -> int:
    """How many steps a lesson trains: *cpu* of them, or *gpu* elsewhere.

    Where it is not the CPU, it prints both numbers, so that a reader knows
    why the results differ from those of the page.
    """
    if device.type == "cpu":
        return cpu
    print(f"{device.type}: {gpu:,} training steps, on a CPU {cpu:,}")
    return gpu
