"""Which setting reads the network best? Five switches are tried.

The same images with the same noise are read in every way. The way that the
user believes in has to be the best one; another one that is clearly better
is what the network was trained with.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import exp, inf, isfinite, log

import torch
from torch import Tensor

from ..prediction import PREDICTIONS
from ..schedule import NoiseSchedule
from .case import Case, Levels, levels_of
from .foreign import FOREIGN, Spoken
from .guesses import LinearGuess

RANGES = {  # what is done to images: which images it can be done to
    "images * 2 - 1": (lambda x: x * 2 - 1, (0, 1)),
    "(images + 1) / 2": (lambda x: (x + 1) / 2, (-1, 1)),
}
SCHEDULES: dict[str, Callable[[int], NoiseSchedule]] = {
    "NoiseSchedule.linear(T)": NoiseSchedule.linear,
    "NoiseSchedule.cosine(T)": NoiseSchedule.cosine,
    "NoiseSchedule.linear(T).zero_terminal_snr()": lambda T: (
        NoiseSchedule.linear(T).zero_terminal_snr()
    ),
}
PRICE = {  # by how much, in logarithms, another setting must be better
    "language": 0.15,
    "range": 0.15,
    "target": 0.15,
    "t": 0.015,
    "schedule": 0.015,
}
TIE = 0.005  # readings that are as good: the first of them
FOR_TWO = 0.15  # more, if it takes two of them
FINE = {"t", "schedule"}
CLEAR = 0.997  # of the loss at a level: less is better there
SURE = 3.0  # standard errors between the two losses of the same images


@dataclass(frozen=True)
class Reading:
    """The network read in one way."""

    language: str  # what it is taken for; "" for one of the chain
    range: str  # what is done to the images; "" for nothing
    t: str  # what is told instead of t; "" for t itself
    schedule: str  # where t is looked up; "" for the user's schedule
    predicts: str
    losses: Tensor  # of each image at each level, (K, n)
    linear: float  # the loss of the best linear guess
    changes: tuple[str, ...]  # the switches that are not the user's
    plain: "Reading | None" = None  # the same, told the user's own t

    @property
    def loss(self) -> float:
        """The mean over images and levels."""
        return self.losses.mean().item()

    @property
    def score(self) -> float:
        """The loss in shares of the best linear guess's."""
        return self.loss / max(self.linear, 1e-12)

    @property
    def cost(self) -> float:
        """What is to be small: the score, and a price for each change.

        Logarithms. Of another t or schedule every level counts the same,
        how small its loss may be; noise says most where it is small.
        """
        price = sum(PRICE[name] for name in self.changes)
        price += FOR_TWO * (len(self.changes) > 1)
        plain = self.plain or self
        if not 0 < plain.score < inf:
            return inf
        ratio = self.losses.mean(1) / plain.losses.mean(1)
        cost = price + log(plain.score) + ratio.log().mean().item()
        return cost if isfinite(cost) else inf

    def setting(self, switch: str) -> str:
        """The setting of one switch, in the user's words."""
        name = "predicts" if switch == "target" else switch
        return getattr(self, name)


def told_instead(T: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """What may be told to the network in the place of t."""
    return {
        "t - 1": lambda t: t - 1,
        "t + 1": lambda t: t + 1,
        "T + 1 - t": lambda t: T + 1 - t,
        "t / T": lambda t: t / T,
        "T * t": lambda t: T * t,
        "1000 * t / T": lambda t: (1000 * t / T).round().long(),
    }


def looked_up(t: Tensor, own: NoiseSchedule, other: NoiseSchedule):
    """The steps of *other* that are as noisy as the steps t of *own*."""
    mine, theirs = (
        torch.logit(torch.as_tensor(s.alphas_cumprod)[1:], eps=1e-9)
        for s in (own, other)
    )
    return (mine[t - 1, None] - theirs[None]).abs().argmin(1) + 1


def all_readings(case: Case) -> list[Reading]:
    """Every way to read the network, the user's own first."""
    levels = levels_of(case)
    own = list(_read(case, levels, levels.t, case.images))
    plain = {reading.predicts: reading for reading in own}
    others = [
        replace(reading, plain=plain[reading.predicts])
        for reading in _other_times(case, levels)
    ]
    ranges, spoken = _other_ranges(case), other_languages(case, levels)
    return [*own, *others, *ranges, *spoken]


def _other_times(case: Case, levels: Levels) -> Iterator[Reading]:
    """Another t is told, or that of another schedule."""
    top = case.schedule.num_steps
    for name, instead in told_instead(top).items():
        told = instead(levels.t)
        if not torch.equal(told, levels.t):
            yield from _read(case, levels, told, case.images, t=name)
    for name, make in SCHEDULES.items():
        told = looked_up(levels.t, case.schedule, make(top))
        if not torch.equal(told, levels.t):
            yield from _read(case, levels, told, case.images, schedule=name)


def _other_ranges(case: Case) -> Iterator[Reading]:
    """The images moved to where others have theirs."""
    if not case.pictures:
        return
    low, high = case.images.min().item(), case.images.max().item()
    for name, (move, (least, most)) in RANGES.items():
        if least <= low + 1e-6 and high - 1e-6 <= most and high > least:
            moved = move(case.images)
            levels = levels_of(case, moved)
            yield from _read(case, levels, levels.t, moved, range=name)


def other_languages(case: Case, levels: Levels) -> Iterator[Reading]:
    """The network taken for one of another language, if it is not yet."""
    if case.language:
        return
    for name, spoken in FOREIGN.items():
        model = Spoken(case.model, name, case.schedule)
        asked = replace(case, model=model, predicts=spoken.predicts)
        read = _read(asked, levels, levels.t, case.images, language=name)
        yield from list(read)[:1]  # as what is said of it


def _read(
    case: Case,
    levels: Levels,
    told: Tensor,
    images: Tensor,
    **changed: str,
) -> Iterator[Reading]:
    """The three targets, of the same answers; none if it will not answer.

    Where the user's own t is told it must answer.
    """
    try:
        output = case.ask(levels.xt, told, levels.label)
    except Exception:  # of any network that takes no such t
        if not changed:
            raise
        return
    losses = levels.losses(output)
    for predicts in sorted(PREDICTIONS, key=lambda p: p != case.predicts):
        other = [*changed, *["target"] * (predicts != case.predicts)]
        none = dict.fromkeys(("language", "range", "t", "schedule"), "")
        yield Reading(
            **{**none, **changed},
            predicts=predicts,
            losses=losses[predicts],
            linear=levels.loss(
                LinearGuess(images, levels.schedule, predicts)
            ),
            changes=tuple(other),
        )


def best_of(readings: list[Reading]) -> Reading:
    """The reading to believe: the user's, unless one is clearly better.

    Another language is the last thing to be thought of: its loss has to be
    clearly below that of the best reading as a network of the chain.
    """
    own = readings[0]
    known = [r for r in readings if not r.language and _is_clear(r, own)]
    least = min(reading.cost for reading in known)
    best = next(r for r in known if r.cost <= least + TIE)
    spoken = (r for r in readings if r.language and isfinite(r.score))
    other = min(spoken, key=lambda r: r.score, default=best)
    clear = other.score < exp(-PRICE["language"]) * best.score
    return other if clear else best


def _is_clear(reading: Reading, own: Reading) -> bool:
    """Whether a small gain is no accident: it has to be broad and sure.

    Another t or schedule alone may gain little, but it must do so beyond
    chance and at half of the levels. A network that is bad at one noise
    level gains there from any t that says less of its answer. Two changes
    at once must do better than none.
    """
    if not reading.changes:
        return True
    if not set(reading.changes) <= FINE:
        return reading.score < own.score
    gains = reading.losses.mean(1) < CLEAR * own.losses.mean(1)
    broad = gains.double().mean().item() >= 0.5
    size = own.losses.mean(1, keepdim=True) + 1e-12
    mine, other = (r.losses / size for r in (own, reading))
    return broad and surely(other.mean(0), mine.mean(0))


def surely(less: Tensor, more: Tensor) -> bool:
    """Whether one loss is smaller on the same images, beyond chance."""
    gap = more - less
    error = gap.std().item() / len(gap) ** 0.5
    return gap.mean().item() > SURE * error


def beside(
    readings: list[Reading], best: Reading, switch: str
) -> Reading | None:
    """The best reading that changes one switch more than *best* does."""
    changes = {*best.changes, switch}
    others = [r for r in readings if set(r.changes) == changes]
    if switch == "language":  # none of them changes another switch as well
        others = [r for r in readings if r.language]
    return min(others, key=_rounded, default=None)


def _rounded(reading: Reading) -> float:
    """Of two that are as good, the first, on every machine."""
    return round(reading.score, 2)
