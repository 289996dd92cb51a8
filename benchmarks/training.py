"""A training step of BasicUNet, from batch to updated weights."""

from collections.abc import Iterator

import torch

from diffusion_lessons import (
    BasicUNet,
    Batches,
    IgnoreTime,
    NoiseSchedule,
    train,
)

from .timing import medians, spoken

SIDES = [(8, 40), (28, 12)]  # and how many steps to measure


def rows() -> Iterator[tuple[str, str, str]]:
    """What was measured, the time."""
    for side, rounds in SIDES:
        images = torch.randn(512, 1, side, side)
        run = train(
            IgnoreTime(BasicUNet()),
            Batches(images, batch_size=128),
            NoiseSchedule.linear(),
        )
        (step,) = medians(lambda run=run: next(run), rounds=rounds)
        name = f"training step, BasicUNet, 128×1×{side}×{side}"
        yield name, spoken(step), ""
