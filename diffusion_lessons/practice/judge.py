"""Compare what a function did with what is right, and say it in words."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .limit import within
from .outcome import Outcome, outcome_of
from .task import Case, Slip, Task
from .verdict import Verdict

SECONDS = 10.0  # that all calls of one check may take
TOO_SLOW = 100  # times what ours takes, and then at least
NOTICED = 1.0  # seconds
CALLED = (
    " A function that it calls is still to be written: do that one first."
)
SPREAD = (
    " A number for each picture has shape (B,); it multiplies pictures "
    "as (B, 1, 1, 1), for instance after .reshape(-1, 1, 1, 1), and one "
    "for each channel, (B, C), as (B, C, 1, 1)."
)


def outcomes(
    function: Callable, task: Task, seconds: float = SECONDS
) -> list[Outcome]:
    """What the function does in every case of the task, within a time.

    It stops at the first call that does not end.
    """
    done: list[Outcome] = []

    def run_all() -> None:
        for case in task.cases:
            done.append(_outcome(function, task, case))
            if done[-1].endless:
                return

    ended, _ = within(seconds, run_all)
    if not ended and not (done and done[-1].endless):
        done.append(Outcome(endless=True, seconds=seconds))
    return [*done]  # what is left behind may still be writing


def _outcome(function: Callable, task: Task, case: Case) -> Outcome:
    return outcome_of(
        function,
        task.arguments(case),
        task.observe,
        task.may_change,
        case.times,
    )


def judge(task: Task, done: Sequence[Outcome]) -> Verdict:
    """The verdict on what a function did in the cases of a task."""
    right = [_outcome(task.answer, task, case) for case in task.cases]
    for view in (_unfinished, _slipped, _broken, _differing, _careless):
        verdict = view(task, done, right)
        if verdict is not None:  # one that is not right is false
            return verdict
    tried = "; ".join(case.words for case in task.cases)
    text = f"Right. Tried on: {tried}. Next: {task.tip}"
    return Verdict(task.name, "right", text)


def _unfinished(task, done, right) -> Verdict | None:
    if any(one.unwritten for one in done[:1]):
        text = f"Still to be written: it shall {task.goal}."
        if "..." in done[0].line:
            text += f" There is a gap in the line `{done[0].line}`."
        return Verdict(task.name, "unwritten", text)
    if done[-1].endless:
        case = task.cases[min(len(done), len(task.cases)) - 1]
        text = (
            f"It did not end within {SECONDS:g} s, with {case.words}. "
            "A loop whose condition never changes is the usual cause."
        )
        return Verdict(task.name, "endless", text)
    return None


def _slipped(task, done, right) -> Verdict | None:
    if agree(task, done, right):
        return None
    for slip in task.slips:
        if agree(task, done, slip_outcomes(slip, task)):
            return named(slip, task)
    return None


def slip_outcomes(slip: Slip, task: Task) -> list[Outcome]:
    """What a slip does in every case of its task."""
    return [_outcome(slip.function, task, case) for case in task.cases]


def named(slip: Slip, task: Task) -> Verdict:
    """A mistake with a name."""
    number, _, title = slip.section.partition(" ")
    text = (
        f"This is what comes out when {slip.words}. See section {number}, "
        f"“{title}”."
    )
    return Verdict(task.name, "slip", text, slip.words, slip.section)


def _broken(task, done, right) -> Verdict | None:
    for case, own, ours in zip(task.cases, done, right, strict=False):
        if own.error:
            where = f"the line `{own.line}`" if own.line else "it"
            text = f"With {case.words}, {where} raised {own.error}."
            text += CALLED * (own.error == "NotImplementedError")
            if {"t", "timesteps", "embedding"} & set(task.parameters):
                text += SPREAD * ("match the size of tensor" in own.error)
            return Verdict(task.name, "error", text)
        if not own.values:
            text = (
                f"It returned {own.form}, where {ours.form} should be."
                + (" Is the `return` missing?" * (own.form == "nothing"))
            )
            return Verdict(task.name, "wrong", text)
    return None


def _differing(task, done, right) -> Verdict | None:
    for case, own, ours in zip(task.cases, done, right, strict=True):
        if fits(task, own, ours):
            continue
        said = [_difference(task, case, own, ours)]
        said += [_pattern(own, ours)] if _comparable(own, ours) else []
        if own.random:
            said.append("It draws random numbers of its own.")
        said += [_changes(own)] if own.changed else []
        return Verdict(task.name, "wrong", " ".join(filter(None, said)))
    return None


def _careless(task, done, right) -> Verdict | None:
    said = []
    if own := next((own for own in done if own.changed), None):
        said.append(_changes(own))
    if any(
        o.random and not r.random for o, r in zip(done, right, strict=True)
    ):
        said.append(
            "It draws from the global random numbers, so that whoever "
            "calls it gets other numbers afterwards: draw with the "
            "generator that is given, or not at all."
        )
    took, takes = (sum(o.seconds for o in all_) for all_ in (done, right))
    if took > max(NOTICED, TOO_SLOW * takes):
        said.append(
            f"It takes {took:.1f} s where one expression for the whole "
            f"tensor takes {max(takes, 0.001):.3f} s: a loop over images "
            "or pixels is the usual cause."
        )
    if not said:
        return None
    text = " ".join(["The numbers are right, but:", *said])
    return Verdict(task.name, "careless", text)


def _changes(own: Outcome) -> str:
    names = " and ".join(f"`{name}`" for name in own.changed)
    return (
        f"It changes {names}, which belongs to whoever called it: make "
        "something new (x + y, not x += y), or change a copy (x.clone())."
    )


# Comparing


def agree(task: Task, done: Sequence, others: Sequence) -> bool:
    """Both did the same in every case, and not only fail."""
    alike = len(done) == len(others) and all(
        fits(task, own, other)
        for own, other in zip(done, others, strict=True)
    )
    return alike and not all(own.failed for own in done)


def fits(task: Task, own: Outcome, other: Outcome) -> bool:
    """The same numbers; or both failed."""
    if own.failed or other.failed:
        return own.failed and other.failed
    return len(own.values) == len(other.values) and all(
        _shaped(task, a, b) and _near(task, a, b)
        for a, b in zip(own.values, other.values, strict=True)
    )


def _shaped(task: Task, a: Tensor, b: Tensor) -> bool:
    if a.shape == b.shape or a.numel() == b.numel() == 1:
        return True
    try:
        return task.loose and bool(torch.broadcast_shapes(a.shape, b.shape))
    except RuntimeError:
        return False


def _near(task: Task, a: Tensor, b: Tensor) -> bool:
    if a.numel() == b.numel() == 1:
        a, b = a.reshape(()), b.reshape(())
    off = (a - b).abs() > task.tolerance * (1 + b.abs())
    unlike = a.isnan() != b.isnan()
    both = a.isinf() & (a == b)
    return not ((off & ~both) | unlike).any().item()


# In words


def _comparable(own: Outcome, ours: Outcome) -> bool:
    return [v.shape for v in own.values] == [v.shape for v in ours.values]


def _difference(task: Task, case: Case, own: Outcome, ours: Outcome) -> str:
    """The first number that is not as it should be."""
    if not _comparable(own, ours) and own.form != ours.form:
        return (
            f"With {case.words}, it should return {ours.form}; "
            f"yours returns {own.form}."
        )
    for i, (got, want) in enumerate(
        zip(own.values, ours.values, strict=True)
    ):
        if _near(task, got, want):
            continue
        off = (got - want).abs() - task.tolerance * (1 + want.abs())
        off = torch.where(got.isnan() != want.isnan(), torch.inf, off)
        flat = int((off.flatten() > 0).nonzero()[0])
        got_one, want_one = got.flatten()[flat], want.flatten()[flat]
        theirs, right = apart(got_one.item(), want_one.item())
        place = _place(task, ours, i, flat)
        return (
            f"With {case.words}, {place} should be {right}; "
            f"yours is {theirs}."
        )
    return ""


def _place(task: Task, ours: Outcome, i: int, flat: int) -> str:
    """Which number it is: entry *flat* of tensor *i*."""
    want, several = ours.values[i], len(ours.values) > 1
    if task.seen and not several:
        return task.seen[flat]
    if several:
        whole = task.seen[i] if task.seen else f"tensor {i + 1} of them"
    if want.numel() == 1:
        return whole if several else "it"
    index = torch.unravel_index(torch.tensor(flat), want.shape)
    entry = f"entry {[int(k) for k in index]}"
    return f"{entry} of {whole}" if several else entry


def apart(a: float, b: float) -> tuple[str, str]:
    """Two numbers in as few digits as tell them apart, four or more."""
    for digits in range(4, 12):
        texts = f"{a:.{digits}g}", f"{b:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts


def _pattern(own: Outcome, ours: Outcome) -> str:
    """What the difference looks like, where it is the same everywhere."""
    got = torch.cat([v.flatten() for v in own.values])
    want = torch.cat([v.flatten() for v in ours.values])
    if len(want) < 4 or not (
        got.isfinite().all() and want.isfinite().all()
    ):
        return ""
    if _even(got + want):
        return "It has the opposite sign everywhere."
    nonzero = want.abs() > 1e-9
    ratios = got[nonzero] / want[nonzero]
    if len(ratios) and _even(ratios - ratios.mean()):
        return (
            f"It is {ratios.mean().item():.4g} times too large everywhere."
        )
    shift = got - want
    if _even(shift - shift.mean()):
        return f"It is off by {shift.mean().item():.4g} everywhere."
    return ""


def _even(x: Tensor) -> bool:
    return bool(x.abs().max() < 1e-5)


def signature_of(function: Callable, task: Task) -> str:
    """What is wrong with the arguments that a function takes, or ""."""
    try:
        inspect.signature(function).bind(*task.cases[0].make())
    except TypeError:
        takes = ", ".join(task.parameters)
        return f"It should take ({takes}); yours takes {_spoken(function)}."
    return ""


def _spoken(function: Any) -> str:
    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError):
        return "something else"
