"""The cells of a notebook as plain Python, and what they speak of."""

import ast
import json
import re
from collections.abc import Iterable

MOST = 200_000  # characters of code; a practice notebook has a few thousand
# Nothing here goes back over what it has read: a line may be endless.
MAGIC = re.compile(
    r"^(\s*+)(?:[%!?].*|[\w.]++\?{1,2}|[\w, ]++=\s*+[%!].*)$"
)
NAMED = re.compile(r"^[ \t]*+(?:def |check\()(\w+)", re.MULTILINE)
HARMLESS = ("%%time", "%%timeit", "%%capture")  # of a whole cell
HELPS = {"TASKS", "task_of", "judge", "outcomes", "slip_outcomes"}


class NoNotebook(ValueError):
    """A file is not what its name says."""


def sources(data: bytes) -> list[str]:
    """The source of each code cell, in its order; raises NoNotebook."""
    try:
        book = json.loads(data)
        cells = [c for c in book["cells"] if c["cell_type"] == "code"]
        texts = [_text(cell["source"]) for cell in cells]
    except (ValueError, RecursionError) as error:
        raise NoNotebook("is empty or damaged: it is no JSON") from error
    except (TypeError, KeyError) as error:
        raise NoNotebook("is no notebook of today's form") from error
    if sum(map(len, texts)) > MOST:
        raise NoNotebook(f"has more than {MOST:,} characters of code")
    return [plain(text) for text in texts]


def _text(source: str | list[str]) -> str:
    text = source if isinstance(source, str) else "".join(source)
    return text.replace("\r\n", "\n").replace("\0", "")


def plain(source: str) -> str:
    """A cell without what only a notebook understands.

    A line as ``%pip install`` becomes ``pass``, where it stands. A cell in
    another language becomes nothing.
    """
    if source.startswith("%%"):
        first, _, rest = source.partition("\n")
        source = rest if first.split()[0] in HARMLESS else ""
    if _tree(source) is None:
        source = "\n".join(
            MAGIC.sub(r"\1pass", x) for x in source.split("\n")
        )
    return source


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def mentioned(cells: Iterable[str], names: Iterable[str]) -> set[str]:
    """Which of the names are defined in the cells, or checked there."""
    text = "\n".join(cells)
    return set(NAMED.findall(text)) & set(names)


def taken(cells: Iterable[str]) -> set[str]:
    """Names that the cells take from the package, or look up anywhere."""
    trees = [tree for tree in map(_tree, cells) if tree]
    found = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.ImportFrom):
            if (node.module or "").startswith("diffusion_lessons"):
                found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found
