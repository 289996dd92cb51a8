"""Run the cells of one handed-in notebook, and write down what came of it.

This is a process of its own, behind walls. It judges nothing: it calls the
functions that the notebook has defined, and leaves plain numbers and words
in a folder. Whoever started it reads them when it has ended.
"""

import json
import linecache
import os
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ...files import write_tensors
from ..limit import TimeUp, within
from ..outcome import Outcome
from .walls import raise_walls

PRACTICE = __package__.rpartition(".")[0]
PACKAGE = f"{__package__.partition('.')[0]}."
SHARE = 3  # a cell may take one third of the time
LONGEST = 1000  # characters of an error


def main(job: dict[str, Any]) -> None:
    """Do one job, and end Python.

    Args:
        job: cells, a list of sources, None for one that is left out; tasks,
            the names that are asked for; seconds, for all; secret, the
            start of the names of what is written; notes, the folder for
            it; readable and writable, as ``raise_walls`` takes them.
    """
    notes, secret = Path(job["notes"]), job.pop("secret")
    held = raise_walls(job["seconds"], job["readable"], job["writable"])
    _be_quiet()
    (notes / "begun").write_text(json.dumps(held), encoding="utf-8")
    room, broken = run(job["cells"], job["seconds"] / SHARE, notes / "at")
    judge, tasks = _as_they_were()
    for name in job["tasks"]:
        (notes / "at").write_text(name, encoding="utf-8")
        facts, done = tried(room, tasks[name], judge, job["seconds"])
        facts["broken"] = broken.get(name, "")
        write_outcomes(notes / f"{secret}-{name}", facts, done)
    (notes / f"{secret}-end").touch()
    os._exit(0)  # no thread of the notebook's is waited for


def _be_quiet() -> None:
    """Nothing can be read or said any more."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for place in (0, 1, 2):
        os.dup2(nowhere, place)


def run(
    cells: list[str | None], seconds: float, at: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    """Run the cells one by one; an error ends its cell and no other.

    Returns all names that they have bound, and for each function whose
    cell has failed, the error.
    """
    room = {"__name__": "__main__", "display": lambda *_, **__: None}
    broken: dict[str, str] = {}
    for number, source in enumerate(cells):
        if source is None:
            continue
        at.write_text(str(number), encoding="utf-8")
        _, error = within(
            seconds, lambda n=number, s=source: _cell(n, s, room)
        )
        for name in re.findall(r"^def (\w+)", source, re.MULTILINE):
            broken[name] = error or ""
    return room, broken


def _cell(number: int, source: str, room: dict[str, Any]) -> str:
    """Run one cell; returns its error in words, or ""."""
    name = f"<cell {number}>"  # its lines can be shown, where one fails
    lines = source.splitlines(keepends=True)
    linecache.cache[name] = (len(source), None, lines, name)
    try:
        exec(compile(source, name, "exec"), room)
    except TimeUp:
        return "it did not end in its time"
    except BaseException as error:  # SystemExit as well
        return f"{type(error).__name__}: {error}"[:LONGEST]
    return ""


def _as_they_were() -> tuple[ModuleType, dict[str, Any]]:
    """The judge and the tasks, without what the notebook did to them."""
    for key in [k for k in sys.modules if k.startswith(f"{PRACTICE}.")]:
        if not key.startswith(__package__):
            del sys.modules[key]
    judge = import_module(f"{PRACTICE}.judge")
    return judge, import_module(f"{PRACTICE}.tasks").TASKS


def tried(
    room: dict[str, Any], task: Any, judge: ModuleType, seconds: float
) -> tuple[dict[str, Any], list[Outcome]]:
    """What can be said of the function of this name, and what it did."""
    function = room.get(task.name)
    if not callable(function):
        return {"there": task.name in room, "callable": False}, []
    takes = judge.signature_of(function, task)
    facts = {"there": True, "callable": True, "takes": takes}
    home = getattr(function, "__module__", None)
    facts["copied"] = str(home).startswith(PACKAGE)
    if takes or facts["copied"]:
        return facts, []
    seconds = min(judge.SECONDS, seconds / SHARE)
    return facts, judge.outcomes(function, task, seconds)


def write_outcomes(
    path: Path, facts: dict[str, Any], done: list[Outcome]
) -> None:
    """Numbers as tensors "case.value", all the rest as words."""
    tensors = {
        f"{i}.{j}": value
        for i, outcome in enumerate(done)
        for j, value in enumerate(outcome.values)
    }
    words = [
        {
            key: value[:LONGEST] if isinstance(value, str) else value
            for key, value in vars(outcome).items()
            if key != "values"
        }
        for outcome in done
    ]
    write_tensors(path, tensors, {**facts, "outcomes": words})
