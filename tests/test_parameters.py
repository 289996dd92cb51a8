"""What a docstring says of the arguments becomes a list of them."""

import ast
import re
from functools import cache
from inspect import getdoc
from pathlib import Path
from typing import NamedTuple

import parameters
import pytest
from parameters import EVERYWHERE, describe, describe_field, split

ROOT = Path(__file__).resolve().parents[1]
MODULE = ROOT / "diffusion_lessons"
API = ROOT / "book" / "api.md"
HELPERS = {
    "checks",
    "files",
    "frozen",
    "networks",
    "progress",
    "interrupts",
}


class Pair(NamedTuple):
    """Two things."""

    first: int  # the one: it comes first
    second: int  # the other


def lines_of(function, name="package.function", what="function"):
    lines = getdoc(function).split("\n")
    describe(None, what, name, function, {}, lines)
    return "\n".join(lines)


def test_a_line_of_shapes_becomes_fields():
    def jump(x0, t, noise):
        """One draw.

        x0, noise: (B, …)    t: int or (B,)    returns (B, …)
        """

    assert lines_of(jump).split("\n")[2:] == [
        ":param x0: (B, …)",
        ":param t: int or (B,)",
        ":param noise: (B, …)",
        ":returns: (B, …)",
        "",
    ]
    assert lines_of(jump).startswith("One draw.\n")


def test_words_that_go_on_below_stay_together():
    text = "a: one thing\nor another    b: more\nReturns both\nas they are"
    prose, words, returned = split(text, ["a", "b"])
    assert prose == []
    assert words == {"a": "one thing or another", "b": "more"}
    assert returned == "both as they are"


def test_a_name_that_is_no_argument_is_prose():
    prose, words, returned = split("Note: a thing", ["a"])
    assert (prose, words, returned) == (["Note: a thing"], {}, "")


def test_a_section_of_arguments_is_left_to_others(monkeypatch):
    monkeypatch.setattr(parameters, "EVERYWHERE", {"a": "wrong", "b": "b"})

    def both(a, b):
        """Two.

        Args:
            a: told here.
        """

    assert ":param a:" not in lines_of(both)
    assert "    a: told here." in lines_of(both)
    assert ":param b: b" in lines_of(both)


def test_the_nearest_word_counts(monkeypatch):
    known = {"a": "any", "f.a": "of f", "C.f.a": "of C"}
    monkeypatch.setattr(parameters, "EVERYWHERE", known)

    def f(a):
        """It."""

    assert ":param a: any" in lines_of(f, "diffusion_lessons.m.g")
    assert ":param a: of f" in lines_of(f, "diffusion_lessons.m.f")
    assert ":param a: of C" in lines_of(f, "diffusion_lessons.m.C.f")


def test_a_field_of_a_tuple_has_the_words_beside_it():
    lines = ["Alias for field number 0"]
    name = f"{__name__}.Pair.first"
    describe_field(None, "attribute", name, Pair.first, {}, lines)
    assert lines == ["the one: it comes first", ""]
    assert ":param second: the other" in lines_of(Pair, "Pair", "class")


@cache
def arguments():
    """(Function, argument), of the whole module."""
    return set(found())


def found():
    for path in MODULE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                given = node.args
                names = [*given.posonlyargs, *given.args, *given.kwonlyargs]
                names += [a for a in (given.vararg, given.kwarg) if a]
                for each in names:
                    yield node.name, each.arg
            if isinstance(node, ast.ClassDef):
                for field in node.body:
                    if isinstance(field, ast.AnnAssign):
                        yield node.name, field.target.id
                    if isinstance(field, ast.FunctionDef):
                        owner = node.name
                        for each in field.args.args + field.args.kwonlyargs:
                            yield f"{owner}.{field.name}", each.arg
                            if field.name == "__init__":
                                yield owner, each.arg


@pytest.mark.parametrize("entry", EVERYWHERE)
def test_nothing_is_explained_that_there_is_not(entry):
    owner, _, argument = entry.rpartition(".")
    known = arguments()
    if owner:
        assert (owner, argument) in known
    else:
        assert argument in {name for _, name in known}


def floors():
    """{module: its floor} as the table says."""
    rows = re.findall(r"^\| (\d) \| (.*?) \|", API.read_text("utf-8"), re.M)
    return {
        module: int(floor)
        for floor, names in rows
        for module in re.findall(r"`(\w+) <", names)
    }


def test_the_table_has_every_module_once_and_imports_point_down():
    known = floors()
    single = {path.stem for path in MODULE.glob("*.py")}
    rooms = {path.parent.name for path in MODULE.glob("*/__init__.py")}
    no_page = {"first", "__init__", "__main__", "commands"}
    assert set(known) | HELPERS | no_page == single | rooms
    for module, floor in known.items():
        if module in rooms:
            continue
        source = (MODULE / f"{module}.py").read_text(encoding="utf-8")
        for below in re.findall(r"^from \.(\w+) import", source, re.M):
            assert below in HELPERS or known[below] < floor
