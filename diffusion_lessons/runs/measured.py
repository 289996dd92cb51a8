"""What many runs have shown.

The tables are those of tools/release/runs_table.py, and one is what
``python -m benchmarks gpu`` prints.
"""

import json
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("measured.json")
BASE = "as it is"  # what each switch is compared with
STUDENT = 4.303  # 95 % of Student's t with 2 degrees of freedom lie within


class Switched(NamedTuple):
    """One habit of training switched, in three runs of other seeds."""

    name: str
    loss: float  # the mean, on pictures that are not trained on
    change: float  # of the loss, as a share of what it is unswitched
    margin: float  # the interval of 95 % is change ± margin


class Copying(NamedTuple):
    """One run on so many pictures."""

    pictures: int
    own_loss: float  # on pictures it was trained on
    other_loss: float  # on others of the same kind
    nearer: float  # share of samples nearer to the former than the latter
    copies: float  # share of samples that are twice as near
    samples: int  # so many were compared


class FineTuned(NamedTuple):
    """The loss on other pictures of a new kind, after so many steps."""

    pictures: int
    steps: int
    shipped: float  # from the shipped weights; the mean of three runs
    random: float  # from new ones


class OnGpu(NamedTuple):
    """A step of the medium network on 128 pictures of 64 x 64."""

    way: str  # how it computes
    step_ms: float  # milliseconds of a step, the median
    busy_ms: float  # of which the GPU computes; else it waits
    loss: float  # the mean over the last 50 of 200 steps


def part(name: str) -> dict[str, Any]:
    """A table with its command.

    name: "switches", "copying", "fine_tuning" or "gpu"
    """
    return json.loads(FILE.read_text(encoding="utf-8"))[name]


def switched(what: str = "loss") -> list[Switched]:
    """What each habit changes, the run without a switch first.

    A switch is compared with the run of its own seed, so that what the
    seed does drops out. what: "loss", or "frechet", a distance of colours
    """
    found = part("switches")["found"]["found"]
    found = {k: [seed[what] for seed in v] for k, v in found.items()}
    names = [BASE, *(name for name in found if name != BASE)]
    return [_compared(name, found[name], found[BASE]) for name in names]


def _compared(name: str, own: list[float], base: list[float]) -> Switched:
    changes = [x / y - 1 for x, y in zip(own, base, strict=True)]
    margin = STUDENT * stdev(changes) / sqrt(len(changes))
    return Switched(name, mean(own), mean(changes), margin)


def copying() -> list[Copying]:
    """A run on 50, on 500 and on 5,000 pictures."""
    rows = part("copying")["found"]
    return [Copying(*(row[f] for f in Copying._fields)) for row in rows]


def fine_tuned() -> list[FineTuned]:
    """Runs on few pictures, from shipped weights and from new ones."""
    return [
        FineTuned(
            row["pictures"],
            row["steps"],
            mean(row["shipped"]),
            mean(row["random"]),
        )
        for row in part("fine_tuning")["found"]["rows"]
    ]


def on_gpu() -> list[OnGpu]:
    """One run in five ways to compute, on the card part("gpu") names."""
    rows = part("gpu")["found"]
    return [OnGpu(*(row[f] for f in OnGpu._fields)) for row in rows]


def before_tuning() -> float:
    """The loss of the shipped weights on the new kind, as they are."""
    return part("fine_tuning")["found"]["before"]
