"""The module's own source as a listing on the page."""

import inspect
import textwrap
from collections.abc import Callable
from types import ModuleType

from IPython.display import Markdown


def show_source(*objects: Callable) -> Markdown:
    """The real code of functions or methods, with the file they stand in.

    The listing is an output: a test of the notebook compares it with the
    code, so a page cannot show what the module no longer does.
    """
    parts = [
        _listing(inspect.getmodule(thing), inspect.getsource(thing))
        for thing in objects
    ]
    return Markdown("\n\n".join(parts))


def show_lines(module: ModuleType, begin: str, until: str) -> Markdown:
    """The lines of a module from one place to another, as a listing.

    They start at the first line that starts with *begin* and stop before
    the next one that starts with *until*, or at the end of the file where
    *until* is empty. ValueError if there is no such line.
    """
    lines = inspect.getsource(module).splitlines()
    first = _find(lines, begin, 0)
    last = _find(lines, until, first + 1) if until else len(lines)
    return Markdown(_listing(module, "\n".join(lines[first:last])))


def _find(lines: list[str], begin: str, after: int) -> int:
    for number in range(after, len(lines)):
        if lines[number].startswith(begin):
            return number
    raise ValueError(f"no line starts with {begin!r}")


def _listing(module: ModuleType, source: str) -> str:
    where = module.__name__.replace(".", "/")
    code = textwrap.dedent(source).rstrip()
    return f"*{where}.py*\n\n```python\n{code}\n```"
