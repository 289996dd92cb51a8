"""What every notebook of the book keeps, as functions that complain.

Each rule takes a notebook and returns its complaints in plain words: an
empty list is a pass. `tests/test_book.py` asks every chapter, and
`tests/test_book_rules.py` breaks each rule once to see it complain.
"""

import ast
import re
from collections.abc import Iterator

from nbformat import NotebookNode

COLAB_CELL = """\
# Colab: install the book's module (elsewhere this does nothing)
import importlib.util

if importlib.util.find_spec("diffusion_lessons") is None:
    %pip install -q --no-deps "git+{address}@main"\
"""
CHECKED = "# @title ✓ Checked"
VERDICT = re.compile(r"\b(?:True|False)$", re.MULTILINE)
LONGEST_TYPED = 4  # words: the name of what is printed, no statement
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|tmp|home|Users)/")


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the code cells in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> list[str]:
    """Return a cell's tags."""
    return cell.metadata.get("tags", [])


def named(cell: NotebookNode) -> str:
    """Call a cell by its first line, as an author would look for it."""
    first = next(iter(cell.source.strip().splitlines()), "(empty)")
    return f"cell `{first}`"


def output_data(cell: NotebookNode) -> Iterator[dict[str, str]]:
    """Yield the media types of each output that has them."""
    yield from (o.data for o in cell.outputs if "data" in o)


def is_scrubber(data: dict[str, str]) -> bool:
    """Tell whether an output is a Scrubber, which describes itself."""
    return "dl-scrub" in data.get("text/html", "")


def no_functions(notebook: NotebookNode) -> list[str]:
    """Real code lives in the module: a page only calls it."""
    definition = re.compile(
        r"^\s*(?:async def|def|class)\s|^\s*\w+\s*=\s*lambda\b",
        re.MULTILINE,
    )
    return [
        f"{named(cell)} defines a function or class"
        for cell in code_cells(notebook)
        if definition.search(cell.source) and "exercise" not in tags(cell)
    ]


def short_lines(notebook: NotebookNode) -> list[str]:
    """A line of code fits the page: 76 columns, but for an address."""
    return [
        f"{named(cell)} has a line of {len(line)} columns"
        for cell in code_cells(notebook)
        for line in cell.source.splitlines()
        if len(line) > 76 and "https://" not in line
    ]


def executed_in_order(notebook: NotebookNode) -> list[str]:
    """Every cell ran, from the first to the last, on a fresh kernel."""
    return [
        f"{named(cell)} has run number {cell.execution_count}, not {wanted}"
        for wanted, cell in enumerate(code_cells(notebook), start=1)
        if cell.execution_count != wanted
    ]


def ignored_outputs_asserted(notebook: NotebookNode) -> list[str]:
    """What nbval does not compare is held by an assert, there or next."""
    cells = code_cells(notebook)
    return [
        f"{named(cell)} is not compared, and no assert follows it"
        for cell, following in zip(cells, [*cells[1:], None], strict=True)
        if "nbval-ignore-output" in tags(cell)
        and "assert" not in cell.source + getattr(following, "source", "")
    ]


def parsed(cell: NotebookNode) -> ast.Module:
    """Return a cell's code as a tree, without the lines for IPython."""
    magic = re.compile(r"^(\s*)%.*$", re.MULTILINE)
    return ast.parse(magic.sub(r"\1pass", cell.source))


def checks_out_of_sight(notebook: NotebookNode) -> list[str]:
    """What only asserts is folded under a small mark, and looks like it."""
    complaints = []
    for cell in code_cells(notebook):
        asserts = any(
            isinstance(node, ast.Assert) for node in ast.walk(parsed(cell))
        )
        folded = {"hide-cell", "remove-cell"} & set(tags(cell))
        if asserts and not folded:
            complaints.append(f"{named(cell)} asserts where a reader reads")
        mystnb = cell.metadata.get("mystnb", {})
        form = [
            cell.source.startswith(CHECKED + "\n"),
            mystnb.get("code_prompt_show") == CHECKED.split(" ", 2)[2],
            cell.metadata.get("cellView") == "form",
        ]
        if "checked" in tags(cell) and not (asserts and all(form)):
            complaints.append(f"{named(cell)} is marked and checks nothing")
    return complaints


def numbers_not_sentences(notebook: NotebookNode) -> list[str]:
    """Code prints what it computed: no typed sentence, no bare verdict."""
    complaints = []
    for cell in code_cells(notebook):
        for node in ast.walk(parsed(cell)):
            if not (isinstance(node, ast.Call) and len(node.args) == 1):
                continue
            typed = getattr(node.args[0], "value", None)
            if (
                ast.unparse(node.func) == "print"
                and isinstance(typed, str)
                and len(re.findall(r"[A-Za-z]{2,}", typed)) > LONGEST_TYPED
                and "   " not in typed  # the heads of a table
            ):
                complaints.append(f"{named(cell)} prints a typed sentence")
        for output in cell.outputs:
            if VERDICT.search(output.get("text", "")):
                complaints.append(f"{named(cell)} prints a bare verdict")
    return complaints


def gpu_asked_for(notebook: NotebookNode) -> list[str]:
    """Colab gives a GPU to a notebook that asks for it in its metadata."""
    uses = any("cuda" in cell.source for cell in code_cells(notebook))
    asks = notebook.metadata.get("accelerator") == "GPU"
    if uses == asks:
        return []
    return [f"uses a GPU: {uses}, asks Colab for one: {asks}"]


def nothing_private(notebook: NotebookNode) -> list[str]:
    """No path of somebody's machine and no note to oneself is published."""
    complaints = []
    for cell in notebook.cells:
        texts = [cell.source]
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            texts += [output.get("text", ""), data.get("text/plain", "")]
            texts += [data.get("text/markdown", "")]
        text = "\n".join(texts)
        if MACHINE_PATH.search(text):
            complaints.append(f"{named(cell)} names a folder of a machine")
        if re.search(r"\b(?:TODO|FIXME)\b", text):
            complaints.append(f"{named(cell)} holds a note to oneself")
    return complaints


CELLS = [
    no_functions,
    short_lines,
    executed_in_order,
    ignored_outputs_asserted,
    checks_out_of_sight,
    numbers_not_sentences,
    gpu_asked_for,
    nothing_private,
]
