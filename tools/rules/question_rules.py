"""What a question that the reader answers is made of.

> **Before you run.** How far will it move?
>
> <details class="dl-ask"><summary>Choose, then look: 1 or 2</summary>
>
> - **1**: no. That is the variance.
> - **2**: yes. It is the root of the variance.
>
> </details>

A question that the reader works out asks for a number and offers none. Its
items are the right number with its range, and the numbers that tempt:

> <details class="dl-ask"><summary>Write a number, then look</summary>
>
> - **0.01 ± 0.001**: yes. It is the root of the variance.
> - **0.0001**: no. That is the variance.
>
> </details>
"""

import re
from itertools import pairwise
from typing import NamedTuple

from chapter_rules import is_recall, markdown
from nbformat import NotebookNode
from notebook_rules import code_cells, output_data
from order_rules import opens

KIND = r"^> \*\*((?:Before you|Recall) [^*]+)\.\*\*"
ASKED = re.compile(KIND, re.MULTILINE)
FORM = re.compile(
    KIND + r" ((?:.|\n> )+?)\n>\n"
    r'> <details class="dl-ask">'
    r"<summary>(Choose, then look: .+|Write a number, then look)"
    r"</summary>\n"
    r">\n((?:> - .+\n)+)>\n> </details>$",
    re.MULTILINE,
)
ITEM = re.compile(r"^> - \*\*(.+?)\*\*: (yes|no)\. (.+)$", re.MULTILINE)
NUMBER = re.compile(r"\d+(?:\.\d+)?")
RANGE = re.compile(r"([−-]?[\d,.]+)(?: ± ([\d.]+))?")
READ = ("text/markdown", "text/html")


class Question(NamedTuple):
    """One box: how it begins, what it asks, and its answers."""

    kind: str
    asks: str
    lines: int
    items: list[tuple[str, str, str]]  # choice, yes or no, reason
    numeric: bool = False  # the reader writes a number

    def __str__(self) -> str:
        """Call it as an author would look for it."""
        return f"{self.kind!r} that asks {self.asks[:40]!r}"


def questions(notebook: NotebookNode) -> list[Question]:
    """Return the questions of a page, in order."""
    return [
        Question(
            kind,
            asks,
            answers.count("> - "),
            ITEM.findall(answers),
            summary.startswith("Write a number"),
        )
        for cell in markdown(notebook)
        for kind, asks, summary, answers in FORM.findall(cell.source)
    ]


def every_box_is_answerable(notebook: NotebookNode) -> list[str]:
    """Each box that asks has its answers, in the one form."""
    return [
        f"cell `{cell.source[:40]}`: {asked} ask, {formed} take answers"
        for cell in markdown(notebook)
        if (asked := len(ASKED.findall(cell.source)))
        != (formed := len(FORM.findall(cell.source)))
    ]


def box_in_its_own_cell(notebook: NotebookNode) -> list[str]:
    """A cell asks one thing, and nothing else stands in it."""
    heading = re.compile(r"\A## Recall\n\n")
    return [
        f"cell `{cell.source[:40]}` does more than ask"
        for cell in markdown(notebook)
        if ASKED.search(cell.source)
        and not FORM.fullmatch(heading.sub("", cell.source))
    ]


def one_answer_is_right(notebook: NotebookNode) -> list[str]:
    """Two to four answers, one of them right, each with its reason."""
    complaints = []
    for question in questions(notebook):
        items = question.items
        if not 2 <= len(items) <= 4 or len(items) != question.lines:
            complaints.append(f"{question}: not 2 to 4 choices in the form")
        if [verdict for _, verdict, _ in items].count("yes") != 1:
            complaints.append(f"{question} has not one right answer")
        if len({choice for choice, *_ in items}) != len(items):
            complaints.append(f"{question} offers a choice twice")
        complaints += [
            f"{question}: {choice!r} has a reason of {words} words"
            for choice, _, reason in items
            if not 5 <= (words := len(reason.split())) <= 45
        ]
    return complaints


def numbers_have_ranges(notebook: NotebookNode) -> list[str]:
    """The right number has a range, and no other number lies in it."""
    complaints = []
    for question in questions(notebook):
        if not question.numeric:
            continue
        spans = {choice: _span(choice) for choice, *_ in question.items}
        complaints += [
            f"{question}: {choice!r} is no number"
            for choice, span in spans.items()
            if span is None
        ]
        complaints += [
            f"{question}: the right number {choice!r} has no range"
            for choice, verdict, _ in question.items
            if verdict == "yes" and "±" not in choice
        ]
        known = sorted((*span, c) for c, span in spans.items() if span)
        complaints += [
            f"{question}: {this!r} and {that!r} overlap"
            for (_, high, this), (low, _, that) in pairwise(known)
            if low <= high
        ]
    return complaints


def _span(choice: str) -> tuple[float, float] | None:
    """From where to where a number is taken for this one: see ask.js."""
    found = RANGE.fullmatch(choice)
    if not found:
        return None
    middle = float(found[1].replace(",", "").replace("−", "-"))
    reach = float(found[2]) if found[2] else abs(middle) / 10
    return middle - reach, middle + reach


def right_numbers_are_shown(notebook: NotebookNode) -> list[str]:
    """A number that is the right prediction stands in an output."""
    shown = []
    for cell in code_cells(notebook):
        shown += [output.get("text", "") for output in cell.outputs]
        for data in output_data(cell):
            shown += [data.get(kind, "") for kind in READ]
    outputs = _numbers("\n".join(shown))
    return [
        f"{question}: {number} is in no output"
        for question in questions(notebook)
        if not question.kind.startswith("Recall")
        for choice, verdict, _ in question.items
        if verdict == "yes"
        for number in _numbers(choice.split("±")[0])
        if not any(_rounds(output, number) for output in outputs)
    ]


def _numbers(text: str) -> set[str]:
    return set(NUMBER.findall(text.replace(",", "")))


def _rounds(output: str, number: str) -> bool:
    """Tell whether an output says *number*, perhaps with more digits."""
    digits = len(number.partition(".")[2])
    return f"{float(output):.{digits}f}" == number


def recalled_at_the_end(notebook: NotebookNode) -> list[str]:
    """Two or three questions look back, one to an earlier chapter."""
    recalls = [c.source for c in markdown(notebook) if is_recall(c)]
    complaints = []
    if not 2 <= len(recalls) <= 3 or "## Recall" not in recalls[0]:
        complaints.append(f"{len(recalls)} recall questions, not 2 or 3")
    back = re.compile(r"\]\(\d\d_\w+\.ipynb")
    if opens(notebook) and not any(map(back.search, recalls)):
        complaints.append("no recall question names an earlier chapter")
    return complaints


QUESTIONS = [
    every_box_is_answerable,
    box_in_its_own_cell,
    one_answer_is_right,
    numbers_have_ranges,
    right_numbers_are_shown,
]
