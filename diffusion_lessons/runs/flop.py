"""What a network costs: its operations, counted and not timed."""

from copy import deepcopy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..checks import InputError, checked, whole

GIGA = 1e9


@checked
def gflop(
    model: nn.Module, shape: tuple[int, int, int], *, training: bool = False
) -> float:
    """Billions of operations for one picture; a multiply-add is two.

    Convolutions, linear layers and attention are counted, which is nearly
    all; norms and activations are not. Nothing is computed: the network is
    copied to PyTorch's device "meta", where tensors have shapes only.

    Args:
        model: any (x, t) -> output like x.
        shape: (C, H, W) of the picture.
        training: a step of training, forward and backward: about three
            times as much.
    """
    x = torch.empty(1, *_sides(shape), device="meta")
    t = torch.ones(1, device="meta", dtype=torch.int64)
    model = deepcopy(model).to("meta")
    counter = FlopCounterMode(display=False)
    with counter, torch.enable_grad():
        output = model(x, t)
        if training:
            output.square().mean().backward()
    return counter.get_total_flops() / GIGA


def _sides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Three whole numbers of at least 1."""
    if len(shape) != 3:
        raise InputError(f"shape must be (C, H, W); got {tuple(shape)}")
    return tuple(whole(1)(side, "each of shape") for side in shape)
