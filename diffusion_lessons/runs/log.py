"""What a run writes down: a table, and events for TensorBoard."""

import csv
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

import torch

from ..checks import InputError
from ..files import whole_file

COLUMNS = ("step", "loss", "lr", "pictures_per_second", "held_out_loss")


class Log:
    """Rows of numbers, each written down at once.

    Args:
        file: log.csv, open at its end.
        events: TensorBoard's writer, or None.
    """

    def __init__(self, file: TextIO, events: Any = None):
        self.file, self.events = file, events

    def write(self, **row: float | None) -> None:
        """One row; numbers that are not given stay empty."""
        table = csv.DictWriter(self.file, COLUMNS, lineterminator="\n")
        row = {k: v for k, v in row.items() if v is not None}
        table.writerow({k: _short(v) for k, v in row.items()})
        self.file.flush()
        if self.events:
            for name, value in row.items():
                if name != "step":
                    self.events.add_scalar(name, value, row["step"])


@contextmanager
def open_log(path: Path, step: int, events: Path | None) -> Iterator[Log]:
    """A log that goes on after *step*: rows of later steps are dropped.

    A run that was killed had gone on beyond its last checkpoint; it will
    write those rows again.
    """
    writer = None if events is None else _writer(events, step)
    _cut(path, step)
    try:
        with path.open("a", encoding="utf-8", newline="") as file:
            yield Log(file, writer)
    finally:
        if writer:
            writer.close()


def _cut(path: Path, step: int) -> None:
    """Leave the head and the rows up to *step*, whole or as before."""
    kept = io.StringIO()
    table = csv.DictWriter(kept, COLUMNS, lineterminator="\n")
    table.writeheader()
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            table.writerows(
                r for r in csv.DictReader(file) if _until(r, step)
            )
    with whole_file(path) as place:
        place.write_text(kept.getvalue(), encoding="utf-8")


def _until(row: dict, step: int) -> bool:
    """Is it a whole row of a step up to *step*?"""
    whole = None not in row and None not in row.values()
    return whole and row["step"].isdigit() and int(row["step"]) <= step


def _short(value: float) -> float | str:
    return value if isinstance(value, int) else f"{value:.6g}"


def _writer(folder: Path, step: int) -> Any:
    """TensorBoard's, which hides what it was told of later steps."""
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder, purge_step=step + 1)


def check_tensorboard() -> None:
    """Refuse in words where it is not installed."""
    if find_spec("tensorboard") is None:
        raise InputError(
            "tensorboard: it is not installed (pip install tensorboard); "
            "log.csv has the same numbers"
        )


def memory(device: torch.device) -> float:
    """The most memory that this process has needed so far, in GB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e9 if sys.platform == "darwin" else 1e6)
