"""What may be asked of any network: where it is, and in which mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

WRAPPERS = ("module.", "_orig_mod.")  # DataParallel's, torch.compile's


@contextmanager
def in_mode(model: Any, training: bool) -> Iterator[None]:
    """Training or evaluation for a while, then the modes of before.

    In any case, and of every part; what has no mode is left alone.
    """
    parts = model.modules() if isinstance(model, nn.Module) else ()
    modes = {part: part.training for part in parts}
    for part in modes:
        part.training = training
    try:
        yield
    finally:
        for part, before in modes.items():
            part.training = before


def home_of(model: Any) -> tuple[torch.device, torch.dtype]:
    """Where the weights of *model* are, and of which dtype.

    The CPU and float32 if it has none.
    """
    weights = model.parameters() if isinstance(model, nn.Module) else ()
    first = next((p for p in weights if p.is_floating_point()), None)
    if first is None:
        return torch.device("cpu"), torch.float32
    return first.device, first.dtype


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside what torch.compile or DataParallel made of it."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if isinstance(
            model,
            nn.DataParallel | nn.parallel.DistributedDataParallel,
        ):
            inner = model.module
        if inner is None:
            return model
        model = inner


def bare_names(weights: dict[str, Any]) -> dict[str, Any]:
    """A state dict without a wrapper's prefix, if all names have it."""
    for prefix in WRAPPERS:
        if weights and all(name.startswith(prefix) for name in weights):
            return bare_names(
                {k.removeprefix(prefix): v for k, v in weights.items()}
            )
    return weights


def misfit(weights: dict[str, Any], model: nn.Module) -> str:
    """In which way *weights* do not fit the network; "" if they do."""
    own = model.state_dict()
    for name, value in own.items():
        if name not in weights:
            return f"it has no {name!r}"
        if getattr(weights[name], "shape", None) != value.shape:
            shape = tuple(getattr(weights[name], "shape", ()))
            return f"its {name!r} is {shape}, not {tuple(value.shape)}"
    more = [name for name in weights if name not in own]
    return f"it also has {more[0]!r}" if more else ""
