"""The module's own source as a listing on the page."""

import inspect
import textwrap
from collections.abc import Callable

from IPython.display import Markdown


def show_source(*objects: Callable) -> Markdown:
    """The real code of functions or methods, with the file they stand in.

    The listing is an output: a test of the notebook compares it with the
    code, so a page cannot show what the module no longer does.
    """
    parts = []
    for thing in objects:
        where = inspect.getmodule(thing).__name__.replace(".", "/")
        code = textwrap.dedent(inspect.getsource(thing)).rstrip()
        parts.append(f"*{where}.py*\n\n```python\n{code}\n```")
    return Markdown("\n\n".join(parts))
