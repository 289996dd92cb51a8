"""A training step, from batch to updated weights, beside a matmul."""

from collections.abc import Iterator
from functools import partial

import torch
from torch.utils.flop_counter import FlopCounterMode

from diffusion_lessons import (
    BasicUNet,
    Batches,
    IgnoreTime,
    NoiseSchedule,
    Step,
    TimeUNet,
    diffusion_loss,
    train,
)

from .budget import Options
from .timing import medians, spoken

SIDES = [(8, 40), (28, 12)]  # and how many steps to measure
TIME_UNETS = [(8, 16, 1), (28, 40, 2)]  # side, channels, patch
MATRIX = 1024


def rows(options: Options) -> Iterator[tuple[str, str, str]]:
    """What was measured, the time or speed, of two the ratio."""
    for side, rounds in SIDES:
        model = IgnoreTime(BasicUNet()).to(options.device)
        run = _run(model, side, 128)
        (step,) = medians(partial(next, run), rounds=rounds)
        name = f"training step, BasicUNet, 128×1×{side}×{side}"
        yield name, spoken(step), ""
    for side, channels, patch in TIME_UNETS:
        model = TimeUNet(1, channels, patch=patch).to(options.device)
        yield _speed(model, side, 32, f"TimeUNet({channels})")


def _run(model: torch.nn.Module, side: int, batch: int) -> Iterator[Step]:
    return train(
        model,
        Batches(torch.randn(512, 1, side, side), batch_size=batch),
        NoiseSchedule.linear(),
        loss=partial(diffusion_loss, predicts="v"),
    )


def _speed(
    model: torch.nn.Module, side: int, batch: int, name: str
) -> tuple[str, str, str]:
    """Operations a second of a step, beside those of one large product."""
    run = _run(model, side, batch)
    with FlopCounterMode(display=False) as counter:
        next(run)
    device = next(model.parameters()).device
    a, b = torch.randn(2, MATRIX, MATRIX, device=device)
    step, product = medians(
        partial(next, run), partial(torch.matmul, a, b), rounds=15
    )
    ours = counter.get_total_flops() / step / 1e9
    peak = 2 * MATRIX**3 / product / 1e9
    return (
        f"GFLOP/s, step of {name}, {batch}×1×{side}×{side} : matmul",
        f"{ours:.0f} : {peak:.0f}",
        f"{ours / peak:.2f}",
    )
