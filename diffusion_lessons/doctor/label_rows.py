"""The rows about labels, guidance and averaged weights."""

import torch
from torch import Tensor

from .case import Case, asked, levels_of
from .guesses import MeanGuess
from .readings import surely
from .report import Question, Row

LABELS = Question(
    "labels",
    "the same noisy images, told another class",
    "another answer",
)
GUIDANCE = Question(
    "guidance",
    "guidance of a known model, and the way that the right class leads",
    "null + scale (conditional - null), towards the target",
)
AVERAGE = Question(
    "average",
    "the loss of the averaged weights beside the live ones",
    "about the same, or less",
)
KEPT = 0.5  # of what is learnt; less is no average of these weights
BEHIND = 1.1  # times the live loss: no more than a little behind
CHANGED = 1e-6  # of an answer: less is rounding
SCALES = (0.0, 1.0, 3.0)
GUIDED_TO = {  # what comes out at SCALES
    (0.0, 1.0, 3.0): "null + scale (conditional - null)",
    (1.0, 2.0, 4.0): "w is counted from the plain model: scale = 1 + w",
}


def label_row(case: Case) -> Row:
    """The label reaches the network."""
    if not _classes(case):
        return LABELS.skip("there are no labels")
    levels = levels_of(case)
    right, wrong = (
        case.ask(levels.xt, levels.t, label)
        for label in (levels.label, _another(case, levels.label))
    )
    size = right.square().mean().sqrt().item()
    if size < 1e-9:
        return LABELS.skip("it answers 0 to everything")
    change = (right - wrong).square().mean().sqrt().item() / size
    remedy = "hand the label on to the network, and add its embedding"
    found = f"answers change by {change:.0%}"
    return LABELS.judge(change < CHANGED, found, remedy)


def _classes(case: Case) -> bool:
    """Whether there are at least two classes."""
    return case.labels is not None and len(case.labels.unique()) > 1


def _another(case: Case, label: Tensor) -> Tensor:
    """For each label that of another class."""
    classes = case.labels.unique()
    place = torch.searchsorted(classes, label)
    return classes[(place + 1 + len(classes) // 3) % len(classes)]


def guidance_row(case: Case) -> Row:
    """The two halves of guidance are put together the right way round."""
    rows = [_formula(case), _direction(case)]
    rows = [row for row in rows if row is not None]
    sick = [row for row in rows if row.sick]
    if not rows:
        return GUIDANCE.skip("there is no guidance and no label")
    return (sick or rows)[0]


def _formula(case: Case) -> Row | None:
    """Guidance of a model whose two halves are known."""
    if case.guided is None:
        return None
    label, null, x = 3, 10, torch.zeros(2, *case.images.shape[1:])

    def halves(x: Tensor, t: Tensor, told: Tensor) -> Tensor:
        told = torch.as_tensor(told).expand(len(x))
        known = (told == label).to(x)
        return known.view(-1, *[1] * (x.ndim - 1)).expand_as(x).clone()

    t = torch.ones(2).long()
    guided = [case.guided(halves, label, null, s) for s in SCALES]
    values = [asked(model, x, t).mean().item() for model in guided]
    return _formula_row(tuple(round(v, 4) for v in values))


def _formula_row(values: tuple) -> Row:
    if values in GUIDED_TO:
        return GUIDANCE.well(GUIDED_TO[values])
    found = (
        f"{', '.join(f'{v:g}' for v in values)} at the scales "
        f"{', '.join(f'{s:g}' for s in SCALES)}"
    )
    remedy = "null + scale * (conditional - null)"
    return GUIDANCE.ill(found, remedy)


def _direction(case: Case) -> Row | None:
    """The right class has to lead towards the target.

    Away from the answer without a class; where there is none, from half
    way to the answer with a wrong class.
    """
    if not _classes(case):
        return None
    levels = levels_of(case)
    xt, t, label = levels.xt, levels.t, levels.label
    right = case.ask(xt, t, label)
    if case.null is None:
        wrong = case.ask(xt, t, _another(case, label))
        start = (right + wrong) / 2
    else:
        start = case.ask(xt, t, torch.full_like(label, case.null))
    way, gap = right - start, levels.targets(case.predicts) - start
    gain = levels.each(way * gap).mean(0)
    return _towards(gain, way, gap)


def _towards(gain: Tensor, way: Tensor, gap: Tensor) -> Row:
    """Sick if the way to the right class is surely the wrong one."""
    size = (way.norm() * gap.norm()).item()
    along = (way * gap).sum().item() / max(size, 1e-12)
    found = f"the right class leads {'away from' if along < 0 else 'to'} "
    found += f"the target (cosine {along:.2f})"
    remedy = "swap the halves: null + scale * (conditional - null)"
    harm = surely(torch.zeros_like(gain), -gain)
    return GUIDANCE.judge(harm, found, remedy)


def average_row(case: Case) -> Row:
    """The averaged weights are those of this network."""
    if case.ema is None:
        return AVERAGE.skip("there are no averaged weights")
    levels = levels_of(case)
    live, average = (
        levels.losses(answer)[case.predicts].mean().item()
        for answer in (
            asked(model, levels.xt, levels.t, levels.label)
            for model in (case.model, case.ema)
        )
    )
    mean = levels.loss(MeanGuess(case.images, case.schedule, case.predicts))
    found = f"{average:.3f} averaged, {live:.3f} live, {mean:.3f} unlearnt"
    remedy = "ema.update(model) after every step; until then use model"
    most = max(BEHIND * live, mean - KEPT * (mean - live))
    return AVERAGE.judge(not average <= most, found, remedy)
