"""The way between any two of the four languages of ``languages``.

To translate is to multiply the picture and to set the clock. x_0 and eps
stay what they are, so what a network says of them holds in every language,
and a network trained in one can be asked in another.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, hypot

from .checks import (
    Clock,
    Images,
    InputError,
    Model,
    checked,
    refuse,
)
from .languages import Language, ddpm_step, factors, known, vp_t
from .prediction import Predicts, check_readable
from .schedule import NoiseSchedule


def translations(step: Callable[[Tensor], Tensor]) -> dict:
    """From a and b of x = a x_0 + b eps, in each of the twelve ways.

    The values are functions of a and b that return what x is multiplied
    by, and the new clock.

    step: from b / a to the step of a schedule, as ``ddpm_step``
    """
    return {
        ("ddpm", "sigma"): lambda a, b: (1 / a, b / a),
        ("ddpm", "flow"): lambda a, b: (1 / (a + b), b / (a + b)),
        ("ddpm", "vp"): lambda a, b: (1, vp_t(b / a)),
        ("sigma", "ddpm"): lambda a, s: ((1 + s**2) ** -0.5, step(s)),
        ("sigma", "flow"): lambda a, s: (1 / (1 + s), s / (1 + s)),
        ("sigma", "vp"): lambda a, s: ((1 + s**2) ** -0.5, vp_t(s)),
        ("flow", "ddpm"): lambda a, t: (1 / hypot(a, t), step(t / a)),
        ("flow", "sigma"): lambda a, t: (1 / a, t / a),
        ("flow", "vp"): lambda a, t: (1 / hypot(a, t), vp_t(t / a)),
        ("vp", "ddpm"): lambda a, b: (1, step(b / a)),
        ("vp", "sigma"): lambda a, b: (1 / a, b / a),
        ("vp", "flow"): lambda a, b: (1 / (a + b), b / (a + b)),
    }


@checked
def translate(
    x: Images,
    clock: Clock,
    source: Language,
    target: Language,
    schedule: NoiseSchedule | None = None,
) -> tuple[Tensor, Tensor]:
    """The picture x at the *clock* of one language, in another.

    x: (B, …)    clock: a number, or (B,) of them
    source, target: "ddpm", "sigma", "flow" or "vp"
    schedule: whose steps t are, if "ddpm" is one of the two

    Returns the picture, in its own dtype, and the clock, in float64. Where
    the other language has no such moment, it is refused.
    """
    a, b = factors(clock, source, schedule)
    if source == target:
        return x.clone(), clock.clone()
    step = partial(ddpm_step, schedule=known(schedule, target))
    factor, clock = translations(step)[source, target](a, b)
    if not clock.isfinite().all():
        raise InputError(f'pure noise has no clock in "{target}"')
    return _beside(factor, x) * x, clock


@checked
def read_output(
    output: Images,
    x: Images,
    clock: Clock,
    language: Language,
    predicts: Predicts,
    schedule: NoiseSchedule | None = None,
) -> tuple[Tensor, Tensor]:
    """A network's output, in its own language, as (x0_hat, eps_hat).

    "v" is the velocity of the language: sqrt(ᾱ) eps - sqrt(1 - ᾱ) x_0 in
    "ddpm" and "vp", eps - x_0 in "flow", eps in "sigma".

    output, x: (B, …)    clock: above 0    returns two (B, …)
    """
    a, b = factors(clock, language, schedule)
    if not (b > 0).all():
        refuse("clock", "above 0, for x_0 holds no noise to be read", 0)
    check_readable(predicts, a)
    c, d = velocity(a, b, language)
    a, b, c, d = (_beside(factor, x) for factor in (a, b, c, d))
    if predicts == "eps":
        return (x - b * output) / a, output
    if predicts == "x0":
        return output, (x - a * output) / b
    return d * x - b * output, a * output - c * x


def velocity(a: Tensor, b: Tensor, language: str) -> tuple[Tensor, Tensor]:
    """c and d of v = c x_0 + d eps, the velocity of a language.

    With each of them a d - b c = 1, so that one formula reads them all.
    """
    one, none = torch.ones_like(a), torch.zeros_like(a)
    if language == "flow":
        return -one, one
    return (none, one) if language == "sigma" else (-b, a)


@checked
def interpreted(
    model: Model,
    source: Language,
    target: Language,
    schedule: NoiseSchedule | None = None,
    *,
    predicts: Predicts = "eps",
    answers: Predicts = "x0",
) -> Callable[..., Tensor]:
    """A network trained in one language, as a model of another.

    The model that is returned takes x and the clock of *target*, and a
    label if the network does, and asks it with both translated.

    Args:
        model: any (x, clock) -> output, the clock as (B,).
        source: the language that it was trained in.
        target: the language that it will be asked in.
        schedule: whose steps t are, if "ddpm" is one of the two.
        predicts: what it outputs: "eps", "x0" or the "v" of *source*.
        answers: what is wanted: "eps", "x0" or the "v" of *target*.
    """

    def speaks(x: Tensor, clock: Tensor | float, *label: Tensor) -> Tensor:
        there, then = translate(x, clock, target, source, schedule)
        output = model(there, _told(then, there, source), *label)
        x0, eps = read_output(
            output, there, then, source, predicts, schedule
        )
        if answers != "v":
            return x0 if answers == "x0" else eps
        a, b = factors(clock, target, schedule)
        c, d = velocity(a, b, target)
        return _beside(c, x) * x0 + _beside(d, x) * eps

    return speaks


def _told(clock: Tensor, x: Tensor, language: str) -> Tensor:
    """(B,) as a network is told it: the steps of a chain are whole."""
    clock = clock.expand(len(x)).to(x.device)
    whole = language == "ddpm" and (clock == clock.round()).all()
    return clock.long() if whole else clock.to(x.dtype)


def _beside(factor: Tensor | int, x: Tensor) -> Tensor:
    """Shaped to multiply x, in its dtype: the one place that rounds."""
    factor = torch.as_tensor(factor, dtype=torch.float64)
    return factor.reshape(-1, *(1,) * (x.ndim - 1)).to(x)
