"""Who has which task right, and which slip was made: a table and a CSV."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from ...files import whole_file
from ..tasks import TASKS
from ..verdict import MARKS
from .reading import Mark, marks_of, notebooks, opened, walls

SIGNS = MARKS | {"missing": "–", "unreadable": "!", "other": "!"}
COLUMNS = (
    *("student", "file", "chapter", "task", "result"),
    *("slip", "section", "words", "note"),
)
FORMULA = ("=", "+", "-", "@")  # a spreadsheet would run what follows


def check_folder(
    folder: Path,
    table: Path | None = None,
    seconds: float = 60.0,
    say: Callable[[str], None] = print,
) -> list[Mark]:
    """Check every notebook in a folder, and say what was found.

    Args:
        folder: with a notebook for each student, or a folder for each. It
            is only read.
        table: a CSV to write, if one is wanted, outside the folder.
        seconds: that the cells of one notebook may take, and its functions.
        say: what takes the lines of the table, as soon as each is known.
    """
    if table and table.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{table} lies in {folder}, which is only read")
    if not (found := notebooks(folder)):
        raise ValueError(f"there is no notebook (.ipynb) in {folder}")
    cells = [opened(handed.path) for handed in found]  # before any runs
    if any(isinstance(own, list) for own in cells):
        say(fence(walls(folder, seconds)))
    marks: list[Mark] = []
    for handed, own in zip(found, cells, strict=True):
        marks += (new := marks_of(handed, own, folder, seconds))
        say(block(new))
    say(summary(marks))
    if table:
        with whole_file(table) as place:
            place.write_text(as_csv(marks), "utf-8-sig", newline="")
        say(f"{table}: {len(marks)} lines")
    return marks


# In a terminal

INDENT = " " * 6
WALLS = {
    "time": "time of the processor",
    "memory": "memory",
    "size": "size of a file",
    "files": "files of others",
    "system": "network and other processes",
}


def fence(held: Iterable[str]) -> str:
    """Which limits hold on this system, and which do not."""
    held = set(held)
    there = ", ".join(w for key, w in WALLS.items() if key in held)
    not_there = ", ".join(w for key, w in WALLS.items() if key not in held)
    line = f"walls: {there}"
    return f"{line}; not on this system: {not_there}" if not_there else line


def block(marks: list[Mark]) -> str:
    """One notebook: its name, and each of its tasks."""
    first = marks[0]
    head = printable(f"{first.student}: {first.file}")
    if not first.task:
        return f"{head}\n  ! {printable(first.verdict.text)}"
    right = sum(map(bool, (mark.verdict for mark in marks)))
    lines = [f"{head}, {right} of {len(marks)} right"]
    return "\n".join([*lines, *map(_line, marks)])


def _line(mark: Mark) -> str:
    verdict = mark.verdict
    sign = SIGNS.get(verdict.kind, "×")
    lines = [f"  {sign} {mark.task}: {verdict.kind}"]
    if verdict.slip:
        lines[0] += f", {verdict.section}"
        lines.append(INDENT + verdict.slip)
    elif verdict.kind not in ("right", "unwritten"):
        lines.append(INDENT + verdict.text)
    if mark.note:
        lines.append(f"{INDENT}look: {mark.note}")
    return "\n".join(map(printable, lines))


def summary(marks: Iterable[Mark]) -> str:
    """How many there are of each result, and the slips of all together."""
    marks = list(marks)
    kinds = Counter(mark.verdict.kind for mark in marks)
    lines = [
        "",
        "together: " + ", ".join(f"{n} {k}" for k, n in kinds.items()),
    ]
    slips = Counter(
        (m.task, m.verdict.slip) for m in marks if m.verdict.slip
    )
    for (task, slip), count in slips.most_common():
        lines.append(f"  {count} × {task}: {slip}")
    return "\n".join(lines)


def printable(text: str) -> str:
    """Without what would move the cursor, or break a line."""
    return "".join(c if c.isprintable() else "�" for c in text)


# In a file


def as_csv(marks: Iterable[Mark]) -> str:
    """A line for each student and task, under a line of names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for mark in marks:
        verdict = mark.verdict
        chapter = str(TASKS[mark.task].chapter) if mark.task else ""
        row = (mark.student, mark.file, chapter, mark.task, verdict.kind)
        words = "" if verdict else verdict.text
        row += (verdict.slip, verdict.section, words, mark.note)
        writer.writerow([harmless(value) for value in row])
    return text.getvalue()


def harmless(value: str) -> str:
    """A value that a spreadsheet takes for text."""
    value = printable(value)
    return f"'{value}" if value.lstrip().startswith(FORMULA) else value
