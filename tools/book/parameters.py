"""Each argument has its line on the page of its function.

The module's docstrings describe arguments as a mathematician would, in one
line: ``x0, noise: (B, …)    t: int or (B,) in 0..T    returns (B, …)``. A
listing stays short that way. On a page of the module the same words stand
as a list. Names that mean the same everywhere are explained once, in
parameters.yaml, and are taken from there where a docstring is silent.
"""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx

EVERYWHERE = yaml.safe_load(
    Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
)
NAMED = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*): (.+)", re.DOTALL)
RETURNS = re.compile(r"[Rr]eturns (.+)", re.DOTALL)
SECTION = re.compile(r"(Args|Returns|Yields|Raises|Attributes):\n")
ARGUMENT = re.compile(r"^    (\w+(?:, \w+)*): ", re.MULTILINE)
FIELD = re.compile(r"^    (\w+): .*?  # (.+)$", re.MULTILINE)
ALIAS = "Alias for field number"


def arguments_of(thing: Any) -> list[str]:
    """The names of what can be handed over."""
    try:
        names = inspect.signature(getattr(thing, "__func__", thing))
    except (TypeError, ValueError):  # not to be called
        return []
    return [n for n in names.parameters if n not in ("self", "cls")]


def split(text: str, names: list[str]) -> tuple[list[str], dict, str]:
    """Prose, {argument: words} and the words on what is returned."""
    prose, words, returned = [], {}, ""
    one = f"(?:{'|'.join(map(re.escape, ['Returns', *names]))})"
    gap = re.compile(rf" {{3,}}|\n(?=Returns |{one}(?:, {one})*: )")
    for paragraph in text.split("\n\n"):
        if section := SECTION.match(paragraph):
            if section[1] == "Args":
                for found in ARGUMENT.findall(paragraph):
                    words |= dict.fromkeys(found.split(", "), "")
            prose.append(paragraph)
            continue
        kept = []
        for piece in gap.split(paragraph):
            named = NAMED.fullmatch(piece.strip())
            found = named[1].split(", ") if named else []
            result = RETURNS.fullmatch(piece.strip())
            if found and set(found) <= set(names):
                words |= dict.fromkeys(found, " ".join(named[2].split()))
            elif result and not kept:
                returned = " ".join(result[1].split())
            else:
                kept.append(piece)
        if kept:
            prose.append("    ".join(kept))
    return prose, words, returned


def explained(name: str, argument: str, thing: Any) -> str:
    """What is said elsewhere of an argument: in its class, or for all."""
    if inspect.isclass(thing):
        fields = dict(FIELD.findall(inspect.getsource(thing)))
        if argument in fields:
            return fields[argument]
    function = name.removeprefix("diffusion_lessons.")
    while function:
        if words := EVERYWHERE.get(f"{function}.{argument}"):
            return words
        function = function.partition(".")[2]
    return EVERYWHERE.get(argument, "")


def describe(
    app: Sphinx, what: str, name: str, thing: Any, options, lines: list[str]
) -> None:
    """Turn what a docstring says of the arguments into a list of them."""
    text = "\n".join(lines).strip()
    if what not in ("function", "method", "class"):
        return
    names = arguments_of(thing)
    prose, words, returned = split(text, names)
    lines[:] = [*"\n\n".join(prose).split("\n"), ""]
    for argument in names:
        if argument not in words:
            words[argument] = explained(name, argument, thing)
        if words[argument]:
            lines.append(f":param {argument}: {words[argument]}")
    if returned:
        lines.append(f":returns: {returned}")
    lines.append("")


def describe_field(
    app: Sphinx, what: str, name: str, thing: Any, options, lines: list[str]
) -> None:
    """Say of a field of a named tuple what the comment beside it says."""
    if "".join(lines).startswith(ALIAS):
        owner, _, field = name.rpartition(".")
        module, _, class_name = owner.rpartition(".")
        fields = getattr(import_module(module), class_name)
        lines[:] = [explained(owner, field, fields), ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Be heard before napoleon, which turns sections into lists, and after
    it, because it would take a colon in a comment for the end of a type.
    """
    app.connect("autodoc-process-docstring", describe, priority=400)
    app.connect("autodoc-process-docstring", describe_field, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
