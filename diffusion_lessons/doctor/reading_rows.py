"""The rows about how the network is read, and the case put right."""

from collections.abc import Callable
from dataclasses import replace
from math import isfinite

import torch
from torch import Tensor, nn

from ..prediction import x0_and_eps
from .case import Case, levels_of
from .foreign import FOREIGN, Spoken
from .guesses import MeanGuess
from .readings import (
    RANGES,
    SCHEDULES,
    Reading,
    all_readings,
    beside,
    best_of,
    other_languages,
    told_instead,
)
from .report import Question, Row

LEAST = 0.2  # of what the linear guess gains on the mean
FAINT = 0.05  # of the loss of the mean: the least that is to be gained
UNTRAINED = Question(
    "untrained",
    "loss over t beside two stupid guesses, and x0_hat at three t",
    "far below the loss of guessing the mean; mostly below the other's",
)
SWITCHES = {
    "language": Question(
        "language",
        "read as a flow, and as a denoiser of σ",
        "best as a network of this schedule",
    ),
    "range": Question(
        "range",
        "the images moved to another range",
        "best as the images are",
    ),
    "target": Question(
        "target",
        "the output read as eps, x0 and v",
        "best as what it is said to predict",
    ),
    "t": Question(
        "t",
        "another number told in the place of t",
        "best with t itself",
    ),
    "schedule": Question(
        "schedule",
        "noise of this schedule, t looked up in others",
        "best with its own schedule",
    ),
}


class ToldAnother(nn.Module):
    """The model, told what it should have been told from the start."""

    def __init__(self, model: Callable, told: Callable):
        super().__init__()
        self.model, self.told = model, told
        self.training = getattr(model, "training", False)  # and no part

    def forward(self, x: Tensor, t: Tensor, *label: Tensor) -> Tensor:
        """(B, …) at t, which is changed on the way."""
        return self.model(x, self.told(t), *label)


def refused_row(case: Case) -> tuple[list[Row], Case]:
    """A network that takes no step of a chain, but what others tell it.

    Then the row says so, and the case is put right; else there is no row.
    """
    levels = levels_of(case)
    try:
        case.ask(levels.xt, levels.t, levels.label)
    except Exception as error:  # of any network
        others = other_languages(case, levels)
        readings = [other for other in others if isfinite(other.score)]
        if not readings:
            return [], case
        best = min(readings, key=lambda reading: reading.score)
        cured = put_right(case, best)
        if not _learnt(best, _loss_of_mean(cured, case)):
            return [], case
        found = f"it answers as {best.language}; told a step: {error}"
        remedy = FOREIGN[best.language].remedy
        row = SWITCHES["language"].ill(found, remedy)
        return [row], cured
    return [], case


def reading_rows(case: Case) -> tuple[list[Row], Case]:
    """Rows for untrained and for each switch; and the case put right.

    There is none for the language if that was put right before.
    """
    readings = _readable(case)
    best = best_of(readings)
    cured = put_right(case, best)
    mean = _loss_of_mean(cured, case)
    if not _learnt(best, mean):
        return _nothing_learnt(case, best, mean), case
    if best.language:  # and then as any other
        row = _sick_row(SWITCHES["language"], readings[0], best)
        (first, *rest), cured = reading_rows(cured)
        return [first, row, *rest], cured
    rows = [UNTRAINED.well(_in_words(cured, best, mean))]
    for name, test in _switches(case).items():
        if name in best.changes:
            rows.append(_sick_row(test, readings[0], best))
        else:
            rows.append(_well_row(test, best, beside(readings, best, name)))
    return rows, cured


def _readable(case: Case) -> list[Reading]:
    """The readings with the labels; or without, where those say nothing.

    What goes away from its class may still know what it does without.
    """
    readings = all_readings(case)
    if case.labels is None or case.null is None:
        return readings
    without = replace(case, labels=torch.full_like(case.labels, case.null))
    best = best_of(readings)
    mean = _loss_of_mean(put_right(case, best), case)
    return readings if _learnt(best, mean) else all_readings(without)


def put_right(case: Case, best: Reading) -> Case:
    """The case as it is read best, for the tests that follow."""
    case = replace(case, predicts=best.predicts)
    top = case.schedule.num_steps
    if best.range:
        move, _ = RANGES[best.range]
        case = replace(case, images=move(case.images))
    if best.t:
        told = told_instead(top)[best.t]
        ema = case.ema and ToldAnother(case.ema, told)
        model = ToldAnother(case.model, told)
        case = replace(case, model=model, ema=ema)
    if best.language:
        said = best.language, case.schedule
        ema = case.ema and Spoken(case.ema, *said)
        model = Spoken(case.model, *said)
        case = replace(case, model=model, ema=ema, language=best.language)
    if best.schedule:
        case = replace(case, schedule=SCHEDULES[best.schedule](top))
    return case


def _loss_of_mean(cured: Case, case: Case) -> float:
    """The loss of guessing the mean target, at the steps of the user."""
    cured = replace(cured, schedule=case.schedule)
    guess = MeanGuess(cured.images, cured.schedule, cured.predicts)
    return levels_of(cured).loss(guess)


def _learnt(best: Reading, mean: float) -> bool:
    """Whether it gains on the mean, measured by the linear guess."""
    gained = mean - best.loss
    return gained > max(LEAST * (mean - best.linear), FAINT * mean)


def _switches(case: Case) -> dict[str, Question]:
    """The questions that are still open."""
    known = {"language"} if case.language else set()
    return {name: SWITCHES[name] for name in SWITCHES if name not in known}


def _nothing_learnt(case: Case, best: Reading, mean: float) -> list[Row]:
    """There is nothing to read, so no switch can be told apart."""
    why = "nothing to be read"
    found = f"{_shares(best, mean)}, read in the best of all ways"
    remedy = "train it, or load its weights before it is used"
    rows = [UNTRAINED.ill(found, remedy)]
    return rows + [test.skip(why) for test in _switches(case).values()]


def _shares(best: Reading, mean: float) -> str:
    share = best.loss / max(mean, 1e-12)
    return (
        f"{share:.2f} of the loss of guessing the mean, {best.score:.2f} "
        "of the best linear guess's"
    )


def _in_words(case: Case, best: Reading, mean: float) -> str:
    """The loss beside its baselines, and x0_hat at three t."""
    guesses = ", ".join(
        f"{error:.2f} at t = {t}" for t, error in _three_guesses(case)
    )
    return f"{_shares(best, mean)}; x0_hat is off by {guesses}"


def _three_guesses(case: Case) -> list[tuple[int, float]]:
    """How far x0_hat is off, in spreads of the images, at three t."""
    levels, low = levels_of(case), case.images.min()
    output = case.ask(levels.xt, levels.t, levels.label)
    x0_hat, _ = x0_and_eps(
        output, levels.xt, levels.t, levels.schedule, case.predicts
    )
    off = x0_hat.clamp(low, case.images.max()) - levels.x0
    spread = levels.x0.std(correction=0).item()
    errors = levels.each(off.square()).mean(1).sqrt() / max(spread, 1e-12)
    steps = levels.t.unique().tolist()
    picked = (0, len(steps) // 2, len(steps) - 1)
    return [(steps[i], errors[i].item()) for i in picked]


def _well_row(test: Question, best: Reading, other: Reading | None) -> Row:
    """One switch as it is, the rest put right, beside the best other."""
    if other is None:
        return test.skip("there is nothing else to try")
    mine, theirs = _numbers(test.name, best, other)
    return test.well(f"{mine}; {other.setting(test.name)}: {theirs}")


def _sick_row(test: Question, own: Reading, best: Reading) -> Row:
    """One switch as the user has it, beside what reads best."""
    mine, theirs = _numbers(test.name, own, best)
    name = best.setting(test.name)
    known = FOREIGN.get(best.language)
    words = {
        "language": (f"reads better as {name}", known and known.remedy),
        "range": (f"reads better with {name}", f"hand it {name}"),
        "target": (
            f"reads better as {name} than as {own.predicts}",
            f'predicts="{name}"',
        ),
        "t": (f"reads better when told {name} than t", f"tell it {name}"),
        "schedule": (
            f"reads better with {name}",
            f"sample with {name}, as it was trained",
        ),
    }
    found, remedy = words[test.name]
    return test.ill(f"{found}: {theirs} against {mine}", remedy)


def _numbers(switch: str, own: Reading, other: Reading) -> tuple[str, str]:
    """Losses; between two ranges, shares of the linear guess's."""
    if switch == "range":
        return f"{own.score:.3f}", f"{other.score:.3f}"
    return f"{own.loss:.3f}", f"{other.loss:.3f}"
