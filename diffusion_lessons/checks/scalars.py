"""Numbers, names, flags and paths, from any library."""

from collections.abc import Callable, Iterable
from math import inf, isfinite
from operator import index
from os import PathLike, fspath
from pathlib import Path
from typing import Annotated, Any

import torch

from .refusals import refuse

Check = Callable[[Any, str], Any]  # (value, name) -> the value to use


def whole_number(value: Any) -> int | None:
    """The whole number that *value* is, from any library; or None."""
    if isinstance(value, bool | str | bytes | None):
        return None
    if str(getattr(value, "dtype", "")).removeprefix("torch.") == "bool":
        return None
    try:
        return index(value)
    except (TypeError, ValueError, RuntimeError):
        number = _number(value)
    return int(number) if number is not None and number % 1 == 0 else None


def _number(value: Any) -> float | None:
    """The number that *value* is, from any library; or None."""
    if isinstance(value, bool | str | bytes | None):
        return None
    if getattr(value, "ndim", 0) or not hasattr(value, "__float__"):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        return None


def whole(low: float = -inf, high: float = inf) -> Check:
    """A whole number in low..high, from any library."""
    takes = f"a whole number{_between(low, high)}"

    def check(value: Any, name: str) -> int:
        number = value if type(value) is int else whole_number(value)
        if number is None or not low <= number <= high:
            refuse(name, takes, value)
        return number

    return check


def real(
    low: float = -inf, high: float = inf, *, ends: str = "[]"
) -> Check:
    """A finite number in low..high; ends "(]" leaves the lower one out."""
    takes = f"a number{_between(low, high)}"
    takes = takes.replace("a number in", "in")
    left_out = [
        f"not {v:g}"
        for v, end in zip((low, high), ends, strict=True)
        if end in "()" and isfinite(v)
    ]
    takes += f", {' and '.join(left_out)}" if left_out else ""

    def check(value: Any, name: str) -> float:
        number = value if type(value) is float else _number(value)
        inside = number is not None and isfinite(number)
        inside = inside and low <= number <= high
        if not inside or (number == low and ends[0] == "("):
            refuse(name, takes, value)
        if number == high and ends[1] == ")":
            refuse(name, takes, value)
        return number

    return check


def _between(low: float, high: float) -> str:
    if low == -inf and high == inf:
        return ""
    if high == inf:
        return f" of at least {low:g}"
    return (
        f" of at most {high:g}" if low == -inf else f" in {low:g}..{high:g}"
    )


def flag(value: Any, name: str) -> bool:
    """True or False, and nothing that only counts as one of them."""
    if type(value).__name__ not in ("bool", "bool_"):
        refuse(name, "True or False", value)
    return bool(value)


def choice(*choices: str) -> Check:
    """One of the names."""
    takes = f"one of {', '.join(map(repr, choices))}"

    def check(value: Any, name: str) -> str:
        if not isinstance(value, str) or value not in choices:
            refuse(name, takes, value)
        return value

    return check


def to_list(value: Any, name: str) -> list[int]:
    """Whole numbers of at least 0, from any library, as a list."""
    many = isinstance(value, Iterable) and getattr(value, "ndim", 1)
    if not many or isinstance(value, str | bytes | dict):
        refuse(name, "a list of whole numbers", value)
    numbers = [whole(0)(v, f"each of {name}") for v in value]
    if not numbers:
        refuse(name, "a list of at least one whole number", value)
    return numbers


def path(value: Any, name: str) -> Path:
    """Where a file is."""
    if not isinstance(value, str | PathLike) or not fspath(value):
        refuse(name, "the path of a file", value)
    return Path(value)


def device(value: Any, name: str) -> torch.device:
    """Where tensors can be."""
    takes = 'one of torch\'s devices, as "cuda"'
    if isinstance(value, bool | None):
        refuse(name, takes, value)
    try:
        return torch.device(value)
    except (RuntimeError, TypeError):
        return refuse(name, takes, value)


Count = Annotated[int, whole(1)]
NotNegative = Annotated[float, real(0)]
Share = Annotated[float, real(0, 1)]
ToList = Annotated[list[int], to_list]
Device = Annotated[torch.device | str, device]
FilePath = Annotated[Path, path]
