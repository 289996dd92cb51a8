"""What a chapter's page is made of, as functions that complain.

The same form as `notebook_rules`: a notebook goes in, complaints come out.
"""

import re

from nbformat import NotebookNode
from notebook_rules import code_cells, is_scrubber, named, output_data, tags

PARTS = [
    "Before you run",
    "What people get wrong here",
    "In three lines",
    "Recall",
    "Exercises",
    "Code for this chapter",
]
HIDDEN = {"remove-cell", "remove-input", "hide-cell", "hide-input"}
MOST_WORDS_IN_A_CELL = 150
MOST_CODE_IN_A_ROW = 2
LONGEST_HINT = 25  # words
MOST_PLUMBING = 0.2  # of a chapter's lines of code
ALWAYS_ALLOWED = 40  # lines of it, where there is little other code


NOT_PROSE = re.compile(
    r"^> <details class=.dl-ask.>.*?^> </details>|"  # answers in a fold
    r"^<details class=.dl-languages.>.*?^</details>|"  # in other words
    r"^\*\*Practice\.\*\*[^\n]*$|"  # leads out of the chapter
    r"```.*?```|\$\$.*?\$\$|^(?::::|\|)[^\n]*$|</?\w[^>]*>",
    re.DOTALL | re.MULTILINE,
)


def prose(source: str) -> str:
    """Return the sentences alone; a formula within one counts as a word."""
    return re.sub(r"\$[^$]+\$", "x", NOT_PROSE.sub(" ", source))


def markdown(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells of text in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def is_recall(cell: NotebookNode) -> bool:
    """Tell whether a cell asks for something that was read before."""
    return bool(re.search(r"^> \*\*Recall \d", cell.source, re.MULTILINE))


def all_parts(notebook: NotebookNode) -> list[str]:
    """A page has all parts of the recipe."""
    text = "\n".join(cell.source for cell in markdown(notebook))
    return [f"there is no {part!r}" for part in PARTS if part not in text]


def exercises_solved(notebook: NotebookNode) -> list[str]:
    """Three to five exercises, each with its solution to open."""
    text = "\n".join(cell.source for cell in markdown(notebook))
    exercises = re.findall(r"\*\*Exercise (\d+\.\d+)", text)
    solutions = set(re.findall(r"<summary>Solution (\d+\.\d+)", text))
    for cell in code_cells(notebook):
        if "hide-cell" in tags(cell):
            mystnb = cell.metadata.get("mystnb", {})
            prompt = mystnb.get("code_prompt_show", "")
            solutions |= set(re.findall(r"^Solution (\d+\.\d+)", prompt))
    complaints = [
        f"exercise {number} has no solution"
        for number in exercises
        if number not in solutions
    ]
    if not 3 <= len(exercises) <= 5:
        complaints.append(f"{len(exercises)} exercises, not 3 to 5")
    return complaints


HINT = (
    r"<details><summary>Hint {0}</summary>\n\n([^\n]+)\n\n</details>\n\n"
    r"<details><summary>Solution {0}</summary>"
)


def exercises_hinted(notebook: NotebookNode) -> list[str]:
    """Before each solution a fold with a hint: one sentence, and short."""
    complaints = []
    text = "\n\n".join(cell.source for cell in markdown(notebook))
    for number in re.findall(r"<summary>Solution ([\d.]+)", text):
        hint = re.search(HINT.format(re.escape(number)), text)
        if not hint:
            complaints.append(f"solution {number} has no hint before it")
        elif not is_hint(hint[1]):
            complaints.append(f"hint {number} is not one short sentence")
    return complaints


def is_hint(text: str) -> bool:
    """Tell whether this is one sentence that is soon read."""
    ends = re.findall(r"[.?!](?=\s|$)", re.sub(r"`[^`]*`", "x", text))
    words = len(prose(text).split())
    return len(ends) == 1 and text[-1] in ".?" and 3 < words <= LONGEST_HINT


def enough_figures(notebook: NotebookNode) -> list[str]:
    """Five to eight figures; one in a solution does not count."""
    figures = sum(
        "image/png" in data or is_scrubber(data)
        for cell in code_cells(notebook)
        if "hide-cell" not in tags(cell)
        for data in output_data(cell)
    )
    return [] if 5 <= figures <= 8 else [f"{figures} figures, not 5 to 8"]


def length_of_chapter(notebook: NotebookNode) -> list[str]:
    """A chapter is read in one sitting: 1,500 to 3,000 words."""
    words = sum(
        len(prose(cell.source).split())
        for cell in markdown(notebook)
        if not is_recall(cell)  # no reading, a quiz
    )
    if 1500 <= words <= 3000:
        return []
    return [f"{words} words of prose, not 1,500 to 3,000"]


def short_texts(notebook: NotebookNode) -> list[str]:
    """Something happens at least every 150 words."""
    counted = [
        (cell, len(prose(cell.source).split()))
        for cell in markdown(notebook)
    ]
    return [
        f"{named(cell)} has {words} words"
        for cell, words in counted
        if words > MOST_WORDS_IN_A_CELL
    ]


def words_between_code(notebook: NotebookNode) -> list[str]:
    """At most two code cells follow each other without a word."""
    complaints, streak = [], 0
    for cell in notebook.cells:
        shown = cell.cell_type == "code" and not HIDDEN & set(tags(cell))
        streak = streak + 1 if shown else 0
        if streak > MOST_CODE_IN_A_ROW:
            complaints.append(f"{named(cell)} is number {streak} in a row")
    return complaints


def lines_of_code(cell: NotebookNode) -> int:
    """Count the lines that do something: no comment, no words in quotes."""
    words = re.compile(r'(?:alt=|caption=)?f?"[^"]*",?')
    lines = (line.strip() for line in cell.source.splitlines())
    return sum(
        bool(line) and line[0] != "#" and not words.fullmatch(line)
        for line in lines
    )


def little_plumbing(notebook: NotebookNode) -> list[str]:
    """Imports and plotting are folded, and a fifth of the code at most."""
    cells = [
        cell
        for cell in code_cells(notebook)
        if not {"remove-cell", "remove-input"} & set(tags(cell))
    ]
    everything = sum(map(lines_of_code, cells))
    plumbing = sum(
        lines_of_code(c) for c in cells if "hide-input" in tags(c)
    )
    if plumbing <= max(ALWAYS_ALLOWED, MOST_PLUMBING * everything):
        return []
    return [f"{plumbing} of {everything} lines of code are plumbing"]


RECIPE = [
    all_parts,
    exercises_solved,
    exercises_hinted,
    enough_figures,
    length_of_chapter,
    short_texts,
    words_between_code,
    little_plumbing,
]
