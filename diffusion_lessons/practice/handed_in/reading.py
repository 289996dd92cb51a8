"""Read handed-in notebooks, and judge what their functions did.

A handed-in notebook is a stranger's code. It never runs in this process,
and it never sees the folder that it lies in: its cells are sent to another
process, which leaves plain numbers. What is right is decided here.
"""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..judge import judge
from ..outcome import Outcome
from ..task import Task
from ..tasks import TASKS
from ..verdict import Verdict
from .attempt import attempt, short
from .cells import NoNotebook, mentioned, sources, taken
from .walls import MEGABYTE

ATTEMPTS = 4  # each leaves out what ended the one before
NOTEBOOK = 20 * MEGABYTE  # no larger one is read


class Mark(NamedTuple):
    """What one notebook says to one task."""

    student: str
    file: str
    task: str  # "" if this is about the whole notebook
    verdict: Verdict
    note: str  # for the teacher: what to look at


class Handed(NamedTuple):
    """A notebook in a folder of them."""

    student: str  # the folder inside, or else the file's own name
    file: str  # in that folder
    path: Path


def notebooks(folder: Path) -> list[Handed]:
    """All notebooks in a folder, without hidden files and copies."""
    found = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.suffix.lower() != ".ipynb" or hidden:
            continue
        first, *rest = inside.parts
        student = first if rest else path.stem
        found.append(Handed(student, "/".join(rest) or first, path))
    return found


def opened(path: Path) -> list[str] | str:
    """The code cells of a notebook; or what is wrong with it, in words."""
    try:
        return sources(read(path))
    except NoNotebook as problem:
        return str(problem)


def marks_of(
    handed: Handed, cells: list[str] | str, folder: Path, seconds: float
) -> list[Mark]:
    """Every task of the chapters that one notebook is about.

    Args:
        handed: whose it is.
        cells: what ``opened`` said.
        folder: that nothing of it may see.
        seconds: that it may take.
    """

    def about_all(kind: str, words: str) -> list[Mark]:
        verdict = Verdict("", kind, f"The file {words}.")
        return [Mark(handed.student, handed.file, "", verdict, "")]

    if isinstance(cells, str):
        return about_all("unreadable", cells)
    chapters = {TASKS[name].chapter for name in mentioned(cells, TASKS)}
    if not chapters:
        return about_all("other", "has no task of this book")
    names = [n for n, task in TASKS.items() if task.chapter in chapters]
    verdicts, note = run(cells, names, folder, seconds)
    return [
        Mark(
            handed.student,
            handed.file,
            name,
            verdicts[name],
            "; ".join(filter(None, [note, *notes_on(TASKS[name], cells)])),
        )
        for name in names
    ]


def read(path: Path) -> bytes:
    """A file, if it is one and no link, and not too large."""
    try:
        kind = path.lstat()
        if not stat.S_ISREG(kind.st_mode):
            raise NoNotebook("is a link or no file, and is not opened")
        if kind.st_size > NOTEBOOK:
            size = NOTEBOOK // MEGABYTE
            raise NoNotebook(f"is larger than {size} MB, and is not opened")
        return path.read_bytes()
    except OSError as error:
        raise NoNotebook(f"cannot be read ({error.strerror})") from error


def notes_on(task: Task, cells: list[str]) -> Iterator[str]:
    """What a teacher should look at, although it may be right."""
    own = task.answer
    names = taken(cells)
    if "practice" not in own.__module__ and own.__name__ in names:
        yield f"takes the module's own {own.__name__}"
    if names & {"TASKS", "task_of", "answer", "_getframe"}:
        yield "looks into the checker"


# One notebook, in as many attempts as it needs


def walls(folder: Path, seconds: float) -> list[str]:
    """Which walls hold here; OSError if a process cannot even begin."""
    tried = attempt([], [], folder, seconds)
    if not tried.begun:
        raise OSError(f"no process can begin here: {tried.said}")
    return json.loads(tried.begun)


def run(
    cells: list[str], names: list[str], folder: Path, seconds: float
) -> tuple[dict[str, Verdict], str]:
    """A verdict for each name, and a note on cells that were left out."""
    kept: list[str | None] = list(cells)
    found: dict[str, Verdict] = {}
    notes = []
    for _ in range(ATTEMPTS):
        if not (left := [name for name in names if name not in found]):
            break
        tried = attempt(kept, left, folder, seconds)
        for name, (facts, done) in tried.left.items():
            found[name] = verdict_on(TASKS[name], facts, done)
        if tried.ended:
            break
        if tried.at in left and tried.at not in found:
            found[tried.at] = _fatal(tried.at, tried.late, seconds)
        elif tried.at in map(str, range(len(kept))):
            kept[int(tried.at)] = None
            how = "did not end" if tried.late else "ended Python"
            notes.append(f"code cell {int(tried.at) + 1} {how}")
        else:
            break
    text = "It could not be tried: its notebook ends Python."
    if tried.ended:
        text = "It returned more than can be read, or nothing plain."
    for name in names:
        found.setdefault(name, Verdict(name, "error", text))
    return found, "; ".join(notes)


def _fatal(name: str, late: bool, seconds: float) -> Verdict:
    if late:
        return _endless(name, seconds)
    text = "It ended Python itself, or took more than it may have."
    return Verdict(name, "error", text)


def _endless(name: str, seconds: float) -> Verdict:
    text = f"It did not end within {seconds:.3g} s."
    return Verdict(name, "endless", text)


def verdict_on(task: Task, facts: dict, done: list[Outcome]) -> Verdict:
    """The verdict on what a worker has written down."""
    name = task.name
    if not facts.get("there"):
        if broken := short(facts.get("broken", "")):
            text = f"The cell that defines it does not run: {broken}."
            return Verdict(name, "error", text)
        return Verdict(name, "missing", "It is not in the notebook.")
    if not facts.get("callable"):
        return Verdict(name, "error", "It is no function.")
    if facts.get("copied"):
        return Verdict(
            name, "unwritten", "It is the function of the module."
        )
    if takes := short(facts.get("takes", "")):
        return Verdict(name, "error", takes)
    if done and done[-1].endless:
        return _endless(name, done[-1].seconds)
    if len(done) != len(task.cases):
        return Verdict(
            name, "error", "Not every case of it came to an end."
        )
    try:
        return judge(task, done)
    except Exception as error:  # numbers of a form that no one thought of
        text = f"It cannot be judged: {type(error).__name__}."
        return Verdict(name, "error", text)
