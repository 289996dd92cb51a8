"""The types of arguments without their checks: a small Sphinx extension.

The module's annotations also say how an argument is looked at, as in
``Annotated[int, whole(1)]``. A reader of the page is told ``int``.
"""

from types import FunctionType
from typing import Any, get_type_hints

from sphinx.application import Sphinx


def strip(app: Sphinx, what: str, name: str, thing: Any, *_: Any) -> None:
    """Leave the plain types in what is about to be described."""
    thing = getattr(thing, "__func__", thing)  # of a bound method
    fields = isinstance(thing, type) and "__annotations__" in vars(thing)
    if fields or isinstance(thing, FunctionType):
        thing.__annotations__ = get_type_hints(thing)


def setup(app: Sphinx) -> dict[str, bool]:
    """Be heard before autodoc, which notes the types at the same time."""
    app.connect("autodoc-process-signature", strip, priority=0)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
