"""The rows that come first: the data, and one batch through the network."""

from contextlib import suppress
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .case import Case, Levels, asked, levels_of, untouched
from .report import Question, Row

DATA = Question(
    "data",
    "range, mean and spread of the images",
    "finite numbers around 0, images in [-1, 1]",
)
FINITE = Question(
    "finite",
    "one batch at t from 1 to T",
    "an answer at every t, of finite numbers",
)
MODE = Question(
    "mode",
    "the same batch twice, in the mode that the model is in",
    "the same answer twice, and the same as in eval mode",
)
ACTIVATION = Question(
    "activation",
    "the smallest answer beside the targets",
    "as far below 0 as the targets",
)
TIME = Question(
    "time",
    "the same noisy images, told another t",
    "another answer",
)
MOST = 10  # pixels beyond this are on a scale of 0..255
FLOORS = {  # the smallest value of each
    "ReLU or sigmoid": 0.0,
    "GELU": F.gelu(torch.linspace(-2, 0, 2001)).min().item(),
    "SiLU": F.silu(torch.linspace(-3, 0, 3001)).min().item(),
    "tanh or ELU": -1.0,
}
NEAR = 0.004  # to a floor
BELOW = 0.1  # the share of the targets below a floor that does harm
CHANGED = 1e-6  # of an answer: less is rounding


def data_row(case: Case) -> tuple[Row, Case]:
    """Finite, and of a size that networks are made for."""
    x = case.images
    if not x.isfinite().all():
        bad = (~x.isfinite()).sum().item()
        found = f"{bad} of {x.numel()} values are NaN or infinite"
        return DATA.ill(found, "look for them before training"), case
    low, high = x.min().item(), x.max().item()
    found = (
        f"{len(x)} of shape {tuple(x.shape[1:])}, from {low:.2f} to "
        f"{high:.2f}, mean {x.mean():.2f}, spread "
        f"{x.std(correction=0):.2f}"
    )
    if low == high:
        return DATA.ill(found, "hand it images that differ"), case
    if case.pictures and max(-low, high) > MOST:
        case = replace(case, images=x / 127.5 - 1)
        return DATA.ill(found, "x / 127.5 - 1"), case
    return DATA.well(found), case


def finite_row(case: Case) -> Row:
    """Every weight and every answer is a number."""
    if bad := _bad_weights(case.model):
        remedy = "load a checkpoint from before; train with a smaller lr"
        return FINITE.ill(f"{bad} weights are NaN or infinite", remedy)
    top = case.schedule.num_steps
    levels = levels_of(case)
    for t in sorted({1, (top + 1) // 2, top}):
        told = torch.full_like(levels.t, t)
        try:
            answer = case.ask(levels.xt, told, levels.label)
        except IndexError as error:
            remedy = "count t from 0 in this network: tell it t - 1"
            return FINITE.ill(f"it stops at t = {t}: {error}", remedy)
        if not answer.isfinite().all():
            remedy = "look for a division by 0 or an overflow in the model"
            return FINITE.ill(f"NaN or infinite at t = {t}", remedy)
    return FINITE.well(f"finite at t = 1, {(top + 1) // 2} and {top}")


def _bad_weights(model: object) -> int:
    """How many weights are no finite numbers."""
    if not isinstance(model, nn.Module):
        return 0
    state = [*model.parameters(), *model.buffers()]
    return sum((~x.isfinite()).sum().item() for x in state)


def mode_row(case: Case) -> Row:
    """No dropout and no batch statistics while it is asked."""
    levels = levels_of(case)
    given = (levels.xt, levels.t, levels.label)
    with untouched(case.model):
        calm = case.ask(*given)
        first, second = (
            asked(case.model, *given, as_it_is=True) for _ in range(2)
        )
    size = calm.square().mean().sqrt() + 1e-12
    again = ((first - second).square().mean().sqrt() / size).item()
    apart = ((first - calm).square().mean().sqrt() / size).item()
    if max(again, apart) < 1e-3:
        return MODE.well("the same answers")
    found = (
        f"answers differ by {again:.0%} from one time to the next, and by "
        f"{apart:.0%} from eval mode"
    )
    return MODE.ill(found, "model.eval() before it is asked or sampled")


def activation_row(case: Case) -> Row:
    """No floor under the answers where targets go on."""
    levels = levels_of(case)
    answer = case.ask(levels.xt, levels.t, levels.label)
    low = answer.min().item()
    targets = levels.targets(case.predicts)
    found = f"{low:.3f}; targets go down to {targets.min():.2f}"
    if not answer.std() > 0.02:
        return ACTIVATION.skip("all answers are nearly the same")
    for name, floor in FLOORS.items():
        lost = (targets < floor).double().mean().item()
        if abs(low - floor) < NEAR and lost > BELOW:
            found += f": the floor of {name}, above {lost:.0%} of them"
            remedy = "no activation after the last layer"
            return ACTIVATION.ill(found, remedy)
    return ACTIVATION.well(found)


def time_row(case: Case) -> Row:
    """t reaches the network."""
    levels = levels_of(case)
    if len(levels.t.unique()) < 2:
        return TIME.skip("there is only one t to tell")
    change = _change(case, levels, levels.t)
    if change is None:
        return TIME.skip("it answers 0 to everything")
    if change < CHANGED:  # a clock of 0 to 1 may stand still from 1 on
        with suppress(Exception):  # of a network that takes whole t only
            own = _change(case, levels, levels.t / case.schedule.num_steps)
            change = max(change, own or 0)
    remedy = "hand t on to every block of the network"
    found = f"answers change by {change:.0%}"
    return TIME.judge(change < CHANGED, found, remedy)


def _change(case: Case, levels: Levels, t: Tensor) -> float | None:
    """How much its answers change with t; None if they are all 0."""
    answer = case.ask(levels.xt, t, levels.label)
    other = case.ask(levels.xt, t.flip(0), levels.label)
    size = answer.square().mean().sqrt().item()
    if size < 1e-9:
        return None
    return (answer - other).square().mean().sqrt().item() / size
