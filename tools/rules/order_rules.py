"""In which order the chapters need each other, from their code alone.

A function's *home* is the first chapter whose page lists it, or that names
it under "Code for this chapter". A chapter that calls a function before
its home borrows it, and says so in one line at its top.
"""

import ast
import re

from chapter_rules import HIDDEN, markdown
from nbformat import NotebookNode
from notebook_rules import code_cells, parsed, tags

BORROWED = re.compile(r"\*\*On loan:\*\* (.+)")
OPENS = re.compile(r"\*\*From \[`first\.py`\]\(00_first\.ipynb\):\*\* (.+)")
LENDER = re.compile(r"\[chapter (\d+)\]\((\d\d)_\w+\.ipynb\)")
CODE = re.compile(r"`([^`]+)`")


def listed(notebook: NotebookNode) -> set[str]:
    """Return the names of the module that the page lists."""
    names = set()
    for cell in code_cells(notebook):
        for call in _calls(cell, "show_source"):
            whole = (ast.unparse(argument) for argument in call.args)
            names |= {name.split(".")[0] for name in whole}
    return names


def _calls(cell: NotebookNode, name: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(parsed(cell))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == name
    ]


def named_as_code(notebook: NotebookNode) -> set[str]:
    """Return what stands under "Code for this chapter" as code."""
    last = markdown(notebook)[-1].source
    modules = re.findall(r"^- Module: (.*)$", last, re.MULTILINE)
    return set(CODE.findall(" ".join(modules)))


def imported(notebook: NotebookNode) -> set[str]:
    """Return the names that come from the module, but for its figures."""
    names = set()
    for cell in code_cells(notebook):
        for node in ast.walk(parsed(cell)):
            if not isinstance(node, ast.ImportFrom):
                continue
            top, *rest = node.module.split(".")
            if top == "diffusion_lessons" and "figures" not in rest:
                names |= {alias.name for alias in node.names}
    return names


def used(notebook: NotebookNode) -> set[str]:
    """Return the module's names in the cells that a reader sees."""
    names = set()
    for cell in code_cells(notebook):
        if not HIDDEN & set(tags(cell)):
            names |= {
                node.id
                for node in ast.walk(parsed(cell))
                if isinstance(node, ast.Name)
            }
    return names & imported(notebook)


def homes(chapters: dict[int, NotebookNode]) -> dict[str, int]:
    """Return the chapter that each name belongs to."""
    home: dict[str, int] = {}
    for names_of in (listed, named_as_code):
        found: dict[str, int] = {}
        for number, notebook in sorted(chapters.items()):
            for name in names_of(notebook):
                found.setdefault(name, number)
        home = found | home
    return home


def borrows(
    number: int, notebook: NotebookNode, home: dict[str, int]
) -> dict[str, int]:
    """Return what a chapter uses before its home, with that home."""
    return {
        name: home[name]
        for name in used(notebook)
        if home.get(name, 0) > number
    }


def says_it_borrows(notebook: NotebookNode) -> dict[str, int]:
    """Return what a chapter says at its top that it borrows, and where."""
    said = {}
    for line in _top_lines(notebook, BORROWED):
        begin = 0
        for lender in LENDER.finditer(line):
            number = int(lender[1])
            assert int(lender[2]) == number, f"{lender[0]} leads elsewhere"
            said |= dict.fromkeys(
                CODE.findall(line[begin : lender.start()]), number
            )
            begin = lender.end()
    return said


def opens(notebook: NotebookNode) -> list[str]:
    """Return the lines of first.py that a chapter says it takes apart."""
    lines = _top_lines(notebook, OPENS)
    return [code for line in lines for code in CODE.findall(line)]


def _top_lines(notebook: NotebookNode, form: re.Pattern[str]) -> list[str]:
    top = "\n".join(cell.source for cell in markdown(notebook)[:3])
    return form.findall(top)


def needs(
    number: int, notebook: NotebookNode, home: dict[str, int]
) -> set[int]:
    """Return the earlier chapters whose functions a chapter uses."""
    return {
        home[name]
        for name in used(notebook)
        if name in home and home[name] < number
    }


def arrows(needed: dict[int, set[int]]) -> set[tuple[int, int]]:
    """Return who needs whom, without what follows from the other arrows."""
    everything: dict[int, set[int]] = {}
    for number in sorted(needed):
        everything[number] = set(needed[number]).union(
            *(everything[before] for before in needed[number])
        )
    return {
        (before, number)
        for number, direct in needed.items()
        for before in direct
        if not any(before in everything[other] for other in direct)
    }
