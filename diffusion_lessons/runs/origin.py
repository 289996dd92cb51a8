"""Weights that a run begins with in the place of random ones."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..checks import InputError
from ..conditioning import TimeUNet
from ..pretrained import load_pretrained
from ..schedule import NoiseSchedule
from .config import RunConfig
from .load import load_run
from .photographs import NAMES

DIGITS = tuple("0123456789")
SHIPPED = {"digits": DIGITS, "mnist": DIGITS, "photographs": NAMES}


class Origin(NamedTuple):
    """A network that was trained before, and what it was trained on."""

    model: TimeUNet
    classes: tuple[str, ...]  # their names, in the order of the labels
    schedule: NoiseSchedule
    predicts: str

    @property
    def network(self) -> dict[str, int]:
        """The arguments of TimeUNet that no picture decides."""
        names = ("base_channels", "patch", "levels", "attention", "blocks")
        return {name: getattr(self.model, name) for name in names}


def origin_of(config: RunConfig, channels: int) -> Origin | None:
    """Where the weights of a new run come from; None for random ones.

    Refuses, by name, what does not fit the run.
    """
    if config.pretrained is None:
        return None
    origin = _opened(config.pretrained)
    schedule = getattr(NoiseSchedule, config.schedule)(config.num_steps)
    _check("predicts", origin.predicts, config.predicts)
    _check("schedule", origin.schedule, schedule)
    _check("channels of a picture", origin.model.in_channels, channels)
    return origin


def _opened(name: str) -> Origin:
    """A network that comes with the module, or that of a run."""
    if name in SHIPPED:
        net, classes = load_pretrained(name), SHIPPED[name]
    elif Path(name).is_dir():
        net = load_run(Path(name))
        classes = net.classes
    else:
        choices = ", ".join(map(repr, SHIPPED))
        raise InputError(
            f"pretrained must be {choices} or the folder of a run; "
            f"got {name!r}"
        )
    return Origin(net.model, classes, net.schedule, net.predicts)


def _check(what: str, theirs: object, ours: object) -> None:
    """Refuse weights that were trained for something else."""
    if isinstance(theirs, NoiseSchedule):
        same = theirs.betas.shape == ours.betas.shape and torch.equal(
            theirs.betas, ours.betas
        )
    else:
        same = theirs == ours
    if not same:
        raise InputError(
            f"pretrained: {what}: those weights were trained with "
            f"{theirs!r}, and this run has {ours!r}"
        )


def take_over(
    model: TimeUNet, origin: Origin, classes: tuple[str, ...]
) -> None:
    """Give *model* the weights of *origin*, for classes of its own.

    A class of the same name keeps what the network knows of it; every
    other one begins as "no class".
    """
    weights = dict(origin.model.state_dict())
    known = _vectors(weights, origin.classes)
    if model.num_classes:
        table = torch.zeros(model.classes.weight.shape)
        for row, name in zip(table[:-1], classes, strict=True):
            row.copy_(known.get(name, row))
        weights["classes.weight"] = table
    model.load_state_dict(weights)


def _vectors(
    weights: dict[str, Tensor], classes: tuple[str, ...]
) -> dict[str, Tensor]:
    """What each class adds to "no class", which becomes part of a bias."""
    table = weights.pop("classes.weight", None)
    if table is None:
        return {}
    *rows, null = table
    weights["time.2.bias"] = weights["time.2.bias"] + null
    return {
        name: row - null for name, row in zip(classes, rows, strict=True)
    }
