"""What is chosen before a run begins, and what a run goes on with."""

from dataclasses import dataclass, fields, replace
from math import cos, pi
from typing import Annotated, Any

from .checks import (
    Count,
    InputError,
    NotNegative,
    Share,
    checked,
    real,
    whole,
)
from .ema import Decay

Length = Annotated[float, real(0, ends="(]")]


@checked
@dataclass(frozen=True)
class Recipe:
    """What is chosen before a run begins, and stays as it is."""

    num_steps: Count = 1000  # the length of the whole run
    lr: NotNegative = 1e-3  # a cosine takes it to 0
    warmup: Annotated[int, whole(0)] = 0  # steps in which it rises
    p_uncond: Share = 0.0  # of the labels dropped
    ema: Decay | None = None  # averages the weights
    max_norm: Length | None = None  # of the gradients
    seed: int = 0  # of t, noise and drops


SETTINGS = tuple(field.name for field in fields(Recipe))
MAY_CHANGE = ("lr",)  # where a run goes on


def recipe_of(given: dict[str, Any], resume: dict | None) -> Recipe:
    """The settings of a run: those given, or those of the run before."""
    for name in given:
        if name not in SETTINGS:
            raise InputError(
                f"train takes no {name!r}; it takes {', '.join(SETTINGS)}, "
                "loss, resume and progress"
            )
    chosen = Recipe(**given)
    if resume is None:
        return chosen
    before = resume.get("recipe")
    if before is None:  # of the first version, which kept only two
        before = {"num_steps": resume.get("num_steps", chosen.num_steps)}
        for rate in resume.get("lr_schedule", {}).get("base_lrs", [])[:1]:
            before["lr"] = rate
    for name, value in before.items():
        new = getattr(chosen, name)
        if name in given and name not in MAY_CHANGE and new != value:
            raise InputError(
                f"{name}: the saved run has {value}; got {name}={new} "
                f"(leave {name} out to go on, or begin a new run)"
            )
    kept = {k: v for k, v in before.items() if k not in given}
    return replace(chosen, **kept)


def lr_factor(step: int, num_steps: int, warmup: int = 0) -> float:
    """The share of the learning rate at *step*, 0 for the first.

    A cosine from 1 down to 0; the first *warmup* steps rise to it.
    """
    cosine = 0.5 * (1 + cos(pi * step / num_steps))
    return cosine * min(1.0, (step + 1) / (warmup + 1))
