"""Run somebody's function on one set of arguments, and write down all."""

import builtins
import linecache
import random
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from .limit import TimeUp

NUMBERS = (bool, int, float)
FEW = 3  # results of which each has its form told


@dataclass
class Outcome:
    """What came of one call: plain values, to be sent to any process."""

    values: list[Tensor] = field(default_factory=list)  # float64
    form: str = ""  # of what was returned, in words
    error: str = ""  # of what was raised
    line: str = ""  # of the reader's code that raised it
    unwritten: bool = False
    endless: bool = False
    random: bool = False  # global random numbers were drawn
    changed: list[str] = field(default_factory=list)  # of the arguments
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """There is nothing that could be compared."""
        return bool(self.error or self.endless or self.unwritten)


def outcome_of(
    function: Callable,
    arguments: dict[str, Any],
    observe: Callable | None = None,
    may_change: tuple[str, ...] = (),
    times: int = 1,
) -> Outcome:
    """Call the function, and look at what it returned and what it did.

    *observe* (result, arguments) gives what is compared; without it, it is
    the result, or the list of the results of several calls.
    """
    kept = {name: copy_of(value) for name, value in arguments.items()}
    before, start = _random_states(), perf_counter()
    try:
        results = [function(*arguments.values()) for _ in range(times)]
        seconds = perf_counter() - start
        result = results[0] if times == 1 else results
        seen = _observed(observe, result, arguments)
    except TimeUp:
        return Outcome(endless=True, seconds=perf_counter() - start)
    except (Exception, SystemExit) as error:
        return _raised(error, function)
    finally:
        drew = _random_states() != before
        _put_back(before)
    changed = [
        name
        for name, value in arguments.items()
        if name not in may_change and not same(value, kept[name])
    ]
    values, form = looked_at(seen)
    if observe is not None:
        form = looked_at(results[0])[1]
    return Outcome(
        values,
        form,
        unwritten=_has_no_body(results[0], function),
        random=drew,
        changed=changed,
        seconds=seconds,
    )


def _observed(
    observe: Callable | None, result: Any, arguments: dict[str, Any]
) -> Any:
    """What is compared; None if the result is not of a kind to observe."""
    if observe is None:
        return result
    try:
        return observe(result, arguments)
    except Exception:
        return None


def looked_at(result: Any) -> tuple[list[Tensor], str]:
    """As ``flattened``; what holds no numbers has none, and its name."""
    try:
        return flattened(result)
    except (TypeError, ValueError, RuntimeError):
        return [], _name_of(result)


def flattened(result: Any) -> tuple[list[Tensor], str]:
    """Every number in a result as tensors of float64, and its form."""
    if isinstance(result, Tensor):
        form = f"a tensor {tuple(result.shape)}"
        return [_as_double(result)], form if result.ndim else "a number"
    if isinstance(result, NUMBERS):
        return [_as_double(result)], "a number"
    if hasattr(result, "__array__"):
        return flattened(torch.as_tensor(result))
    if isinstance(result, list | tuple | range):
        if all(map(_is_number, result)):
            numbers = [_as_double(x) for x in result]
            empty = torch.zeros(0, dtype=torch.float64)
            row = torch.stack(numbers) if numbers else empty
            return [row], f"{len(result)} numbers"
        parts = [flattened(x) for x in result]
        values = [value for values, _ in parts for value in values]
        form = _form_of_many(result, [form for _, form in parts])
        return (values if all(v for v, _ in parts) else []), form
    return [], _name_of(result)


def _name_of(result: Any) -> str:
    """Of what holds no numbers."""
    if result is None:
        return "nothing"
    return f"something of type {type(result).__name__}"


def _form_of_many(result: list | tuple, forms: list[str]) -> str:
    if len(forms) > FEW:
        return f"a {type(result).__name__} of {len(forms)}"
    return " and ".join(forms)


def _is_number(value: Any) -> bool:
    """A plain number, or an array of no dimensions from any library."""
    return isinstance(value, NUMBERS) or getattr(value, "ndim", 1) == 0


def _as_double(value: Tensor | float) -> Tensor:
    if not isinstance(value, Tensor):
        return torch.as_tensor(value, dtype=torch.float64)
    value = value.detach().cpu().resolve_conj()
    return value.real.double() if value.is_complex() else value.double()


def copy_of(value: Any) -> Any:
    """What an argument is now, to compare it later."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, nn.Module):
        return [x.detach().clone() for x in value.state_dict().values()]
    if isinstance(value, list | tuple):
        return [copy_of(x) for x in value]
    return value


def same(value: Any, kept: Any) -> bool:
    """The argument is what it was."""
    if isinstance(value, nn.Module):
        value = list(value.state_dict().values())
    if isinstance(value, Tensor):
        return value.shape == kept.shape and torch.equal(
            value.detach(), kept
        )
    if isinstance(value, list | tuple):
        return len(value) == len(kept) and all(map(same, value, kept))
    return value is kept


def _random_states() -> list:
    """The state of every source that a stranger may draw from."""
    states = [torch.get_rng_state().numpy().tobytes(), random.getstate()]
    if "numpy" in sys.modules:
        name, keys, *rest = sys.modules["numpy"].random.get_state()
        states.append((name, keys.tolist(), *rest))
    return states


def _put_back(states: list) -> None:
    torch_state, python_state, *numpy_state = states
    torch.set_rng_state(torch.tensor(list(torch_state), dtype=torch.uint8))
    random.setstate(python_state)
    for state in numpy_state:
        sys.modules["numpy"].random.set_state(state)


def _raised(error: BaseException, function: Callable) -> Outcome:
    """An error, in words, with the line of the reader that raised it."""
    words = f"{type(error).__name__}: {error}".rstrip(": ")
    line = _line_of(error, function)
    gap = GAP.search(words) is not None
    stub = isinstance(error, NotImplementedError)  # torch has them, too
    stub = stub and (not str(error) or "NotImplementedError" in line)
    stub = stub and _in_its_own_lines(error, function)
    return Outcome(error=words, line=line, unwritten=stub or gap)


def _in_its_own_lines(error: BaseException, function: Callable) -> bool:
    """It was raised by the function itself, and by none that it calls."""
    code = getattr(function, "__code__", None)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return code is None or last.name == code.co_name


def _line_of(error: BaseException, function: Callable) -> str:
    """The last line of the file of the function on the way to the error."""
    code = getattr(function, "__code__", None)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if code is not None and frame.filename == code.co_filename:
            return linecache.getline(frame.filename, frame.lineno).strip()
    return ""


def _has_no_body(result: Any, function: Callable) -> bool:
    """It returned nothing, or the dots; and does nothing at all."""
    if result is builtins.Ellipsis:
        return True
    code = getattr(function, "__code__", None)
    if result is not None or code is None:
        return False
    return not code.co_names and len(code.co_code) <= EMPTY


GAP = re.compile(r"('|\(|not |got |of )ellipsis")  # as PyTorch names dots
EMPTY = len((lambda: None).__code__.co_code) + 4
