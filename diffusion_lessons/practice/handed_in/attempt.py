"""One process for one notebook: started, ended, and what it left.

Nothing that it left is believed before it was looked at.
"""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from time import monotonic, sleep
from typing import Any, NamedTuple

from ...files import read_tensors
from ..outcome import Outcome
from ..task import Task
from ..tasks import TASKS
from .walls import LARGEST, MEGABYTE

START = 60.0  # seconds that Python and torch may take to begin
LOOK = 0.02  # seconds between two looks at a process
LEFT = 4 * LARGEST  # bytes that a process may leave in its folder
MANY = 2000  # and files
NUMBERS = 8 * MEGABYTE  # bytes of what one function has returned
LONGEST = 300  # characters of a stranger's words
PACKAGE = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
PLACES = ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR")
SETTINGS = {
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
BEGIN = (
    "import json, sys; job = json.load(sys.stdin); "
    "sys.path[:] = job['path']; "
    "from diffusion_lessons.practice.handed_in import worker; "
    "worker.main(job)"
)


class Attempt(NamedTuple):
    """How a process ended, and what it left."""

    begun: str  # the walls that hold, once they stood
    ended: bool  # by itself, with all done
    late: bool
    at: str  # the cell, or the task, that it was at
    left: dict[str, tuple[dict, list[Outcome]]]
    said: str  # before it began


def attempt(
    cells: list[str | None], names: list[str], folder: Path, seconds: float
) -> Attempt:
    """Run the cells in a process behind walls, and read what it leaves.

    Args:
        cells: their sources, None for one that is left out.
        names: of the tasks to try.
        folder: that the process may not read.
        seconds: that it may take, once Python has begun.
    """
    work, secret = Path(tempfile.mkdtemp()).resolve(), token_hex(16)
    try:
        for name in ("notes", "desk"):
            (work / name).mkdir()
        job = _job(work, folder) | {"cells": cells, "tasks": names}
        job |= {"seconds": seconds, "secret": secret}
        late, said = _process(job, work, seconds)
        return _found(work / "notes", secret, names, late, said)
    finally:
        with contextlib.suppress(RecursionError):  # folders in folders
            shutil.rmtree(work, ignore_errors=True)


def _job(work: Path, folder: Path) -> dict[str, Any]:
    """What a worker is told of places."""
    paths = _paths()
    return {
        "notes": str(work / "notes"),
        "writable": str(work),
        "path": paths,
        "readable": _readable(paths, folder),
    }


def _found(
    notes: Path, secret: str, names: list[str], late: bool, said: str
) -> Attempt:
    ended = os.path.lexists(notes / f"{secret}-end")
    left = dict(_left(notes, secret, names))
    begun, at = _word(notes / "begun"), _word(notes / "at")
    return Attempt(begun, ended, late, at, left, said)


def _paths() -> list[str]:
    """Where Python looks for modules, but not where it was started."""
    left_out = {os.getcwd(), str(PACKAGE.parent)}
    paths = dict.fromkeys(os.path.abspath(p) for p in sys.path if p)
    return [str(PACKAGE.parent), *(p for p in paths if p not in left_out)]


def _readable(paths: list[str], folder: Path) -> list[str]:
    """What Python needs, without what was handed in."""
    folder, root = folder.resolve(), PACKAGE.parent
    more = paths[1:] if (root / "pyproject.toml").exists() else paths
    return [
        path
        for path in (sys.prefix, sys.base_prefix, *more, str(PACKAGE))
        if not folder.is_relative_to(os.path.realpath(path))
    ]


def _process(job: dict, work: Path, seconds: float) -> tuple[bool, str]:
    """Start it, wait, and end all of it: was it late, what did it say."""
    desk = str(work / "desk")
    rest = {k: os.environ[k] for k in KEPT if k in os.environ}
    ours = dict.fromkeys(PLACES, desk) | SETTINGS
    with (
        tempfile.TemporaryFile("w+") as told,
        tempfile.TemporaryFile() as said,
    ):
        json.dump(job, told)  # in ASCII
        told.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-X", "utf8", "-c", BEGIN],
            stdin=told,
            stdout=subprocess.DEVNULL,
            stderr=said,
            cwd=desk,
            env=rest | ours,
            start_new_session=True,
        )
        try:
            late = _late(process, work, seconds)
        finally:
            _end(process)
        said.seek(0)
        lines = said.read(100_000).decode("utf-8", "replace").split("\n")
    return late, next((x for x in reversed(lines) if x.strip()), "")


def _late(process: subprocess.Popen, work: Path, seconds: float) -> bool:
    """Wait for its end; True if it took too long, or too much room."""
    start, begun, last = monotonic(), work / "notes" / "begun", START
    while process.poll() is None:
        sleep(LOOK)
        if begun and begun.exists():
            start, begun, last = monotonic(), None, seconds
        if monotonic() - start > last or _bytes(work) > LEFT:
            return True
    return False


def _bytes(folder: Path) -> float:
    """What lies in a folder; infinity if there is no end to it."""
    total, folders, seen = 0, [str(folder)], 0
    while folders:
        with contextlib.suppress(OSError):  # it comes and goes meanwhile
            for entry in os.scandir(folders.pop()):
                seen += 1
                total += entry.stat(follow_symlinks=False).st_size
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
        if seen > MANY:
            return float("inf")
    return total


def _end(process: subprocess.Popen) -> None:
    """End the process and whatever it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


# What it left: nothing of it is believed before it was looked at


def _word(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        if _plain(path, 100):
            return path.read_text(encoding="utf-8")
    return ""


def _plain(path: Path, largest: int) -> bool:
    kind = path.lstat()
    return stat.S_ISREG(kind.st_mode) and kind.st_size <= largest


def _left(
    notes: Path, secret: str, names: list[str]
) -> Iterator[tuple[str, tuple[dict, list[Outcome]]]]:
    for name in names:
        path = notes / f"{secret}-{name}"
        with contextlib.suppress(Exception):  # whatever a stranger wrote
            if _plain(path, NUMBERS):
                tensors, facts = read_tensors(path)
                yield name, (facts, _outcomes(tensors, facts, TASKS[name]))


def _outcomes(tensors: dict, facts: dict, task: Task) -> list[Outcome]:
    done = []
    for i, said in enumerate(facts["outcomes"][: len(task.cases)]):
        keys = [k for k in tensors if k.startswith(f"{i}.")]
        keys.sort(key=lambda key: int(key.partition(".")[2]))
        done.append(
            Outcome(
                [tensors[key].double() for key in keys],
                changed=[
                    n for n in task.parameters if n in said["changed"]
                ],
                seconds=float(said["seconds"]),
                **{k: short(said[k]) for k in ("form", "error", "line")},
                **{
                    k: said[k] is True
                    for k in ("unwritten", "endless", "random")
                },
            )
        )
    return done


def short(text: Any) -> str:
    """A stranger's words in one line, and not too many."""
    text = " ".join(str(text).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
