"""What a reader is asked to write, and what is known about it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..schedule import NoiseSchedule

TEN = NoiseSchedule.linear(10)  # few steps, so that every step is large
THOUSAND = NoiseSchedule.linear()


class Case(NamedTuple):
    """One call: in words, and what makes its arguments, new each time.

    With *times*, so many calls with the same arguments, one after the
    other: the result is then a list of what each returned.
    """

    words: str
    make: Callable[[], tuple]
    times: int = 1


class Slip(NamedTuple):
    """A mistake with a name: what it is, where it is explained, itself."""

    words: str  # "this is what comes out when …"
    section: str  # "2.4 The title of the section"
    function: Callable


@dataclass
class Task:
    """A function to write.

    name: of the function.    chapter: that it belongs to.
    answer: one that is right; what it returns is what is right.
    cases: calls, the smallest first, so that a mistake shows in the
        smallest numbers that can show it.
    goal: what it shall do, in words: "return x_t, one step noisier".
    tip: for one who has it right: something to try next.
    observe: (result, arguments) -> what is compared, where that is not the
        result itself; None where nothing can be.
    seen: names for the tensors that are returned; or, if it is one row,
        for its numbers.
    may_change: the arguments that it is asked to change.
    tolerance: of numbers, relative to 1 + their size.
    loose: a result that broadcasts to the right shape is right as well.
    """

    name: str
    chapter: int
    answer: Callable
    cases: list[Case]
    goal: str
    tip: str
    observe: Callable | None = None
    seen: tuple[str, ...] = ()
    may_change: tuple[str, ...] = ()
    tolerance: float = 1e-4
    loose: bool = False
    slips: list[Slip] = field(default_factory=list)

    def slip(self, words: str, section: str) -> Callable:
        """Take the function below as what comes out when *words*."""

        def take(function: Callable) -> Callable:
            self.slips.append(Slip(words, section, function))
            return function

        return take

    @property
    def parameters(self) -> list[str]:
        """The names of the arguments."""
        return list(inspect.signature(self.answer).parameters)

    def arguments(self, case: Case) -> dict[str, Any]:
        """The arguments of a case by their names."""
        return dict(zip(self.parameters, case.make(), strict=False))


def one(value: float = 1.0) -> Tensor:
    """A picture of one pixel, (1, 1, 1, 1)."""
    return torch.full((1, 1, 1, 1), value)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """The same normal numbers every time."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator)


def three(schedule: NoiseSchedule = TEN) -> tuple:
    """Three pictures, something else of that shape, and a t for each."""
    t = torch.tensor([1, 4, schedule.num_steps])
    return normal(3, 1, 4, 4), normal(3, 1, 4, 4, seed=1), t, schedule


def three_noised() -> tuple:
    """The same as (pictures, t, noise, schedule)."""
    pictures, noise, t, schedule = three()
    return pictures, t, noise, schedule


def model(network: Callable) -> Callable:
    """Give a network the name that errors in its call should show."""
    network.__name__ = network.__qualname__ = "model"
    return network


def at(table: Tensor, t: Tensor | int, like: Tensor) -> Tensor:
    """table[t], shaped to multiply pictures, as a reader would do it."""
    ones = (1,) * (like.ndim - 1)
    return table.clone()[torch.as_tensor(t)].reshape(-1, *ones).to(like)
