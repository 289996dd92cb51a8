"""Inputs of the practice that are not those of its cases.

A case of the task is drawn anew: other numbers everywhere, and by the names
of the arguments other shapes, schedules, steps and sizes as well. The same
seed draws the same.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from diffusion_lessons import NoiseSchedule
from diffusion_lessons.practice.judge import fits
from diffusion_lessons.practice.outcome import Outcome, outcome_of
from diffusion_lessons.practice.task import Task

DRAWS = 24
PICTURES = (
    "x_prev", "x0", "xt", "x_T", "x0_hat", "eps_hat", "v_hat", "noise",
    "known", "score", "eps_ahead",
)  # fmt: skip


class Draw:
    """Numbers from one seed."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)

    def whole(self, low: int, high: int, *shape: int) -> Tensor:
        """Whole numbers from low to high, both included."""
        return torch.randint(low, high + 1, shape, generator=self.generator)

    def pick(self, *options: Any) -> Any:
        """One of the options."""
        return options[int(self.whole(0, len(options) - 1))]

    def normal(self, shape: tuple) -> Tensor:
        """Normal numbers of one of three sizes."""
        size = self.pick(0.3, 1.0, 2.0)
        return torch.randn(shape, generator=self.generator) * size


@torch.no_grad()
def drawn(task: Task, seed: int) -> tuple[dict[str, Any], int]:
    """Arguments by their names, and how often to call with them."""
    case = task.cases[seed % len(task.cases)]
    given, draw = task.arguments(case), Draw(seed)
    by_name = _by_name(draw, given)
    for name, value in given.items():
        if name in by_name:
            given[name] = by_name[name]
        elif isinstance(value, nn.Module):
            for p in value.parameters():
                p.mul_(1 + 0.3 * draw.normal(p.shape))
                p.add_(0.02 * draw.normal(p.shape))
        elif isinstance(value, list):
            for x in value:
                x.copy_(draw.normal(x.shape))
        elif isinstance(value, Tensor) and value.is_floating_point():
            given[name] = draw.normal(value.shape)
    return given, case.times


def _by_name(draw: Draw, given: dict[str, Any]) -> dict[str, Any]:
    """What the names of arguments say about their shape and range."""
    pick, b, T = draw.pick, draw.pick(1, 2, 3), draw.pick(4, 10, 50)
    k, c, o = pick(1, 3, 5), pick(1, 2, 3), pick(1, 2, 4)
    sides = pick((4, 4), (8, 4), (4, 12))
    t = draw.whole(1, T if "schedule" in given else 1000, b)
    one_t = isinstance(given.get("t"), int)
    found = {
        "schedule": getattr(NoiseSchedule, pick("linear", "cosine"))(T),
        "t": int(t[0]) if one_t else t,
        "timesteps": t - 1,
        "noises": draw.normal((T + ("x_T" in given), b, 1, *sides)),
        "path": sorted({int(x) for x in t} | {0}, reverse=True),
        "mask": draw.whole(0, 1, b, 1, *sides).float(),
        "mean": draw.normal((1, 1, *sides)),
        "variance": 0.1 + draw.normal((1, 1, *sides)).abs(),
        "weight": draw.normal((o, c, k, k)),
        "bias": draw.normal((o,)),
        "num_steps": pick(3, 7, 50),
        "num_train_steps": pick(50, 100, 1000),
        "s": pick(0.0, 0.008, 0.1),
        "eta": pick(0.0, 0.5, 1.0),
        "scale": pick(0.0, 0.5, 1.0, 2.0, 4.0),
        "kernel_size": k,
        "in_channels": pick(2, 7, 32),
        "out_channels": pick(3, 5, 64),
        "dim": pick(2, 8, 32),
        "max_period": pick(10.0, 1000.0, 10_000.0),
        "decay": pick(0.0, 0.5, 0.99),
        "step": pick(0, 1, 2)
        if "warmup" in given
        else pick(0.01, 0.1, 0.5),
        "sigma": pick(0.5, 2.0, 80.0),
        "to": pick(0.0, 0.1, 0.4),
        "sigma_min": pick(0.002, 0.1, 1.0),
        "sigma_max": pick(2.0, 10.0, 80.0),
        "rho": pick(1.0, 3.0, 7.0),
        "mean_q": draw.normal((b, 1, *sides)),
        "mean_p": draw.normal((b, 1, *sides)),
        "var_q": 0.1 + draw.normal((b, 1, *sides)).abs(),
        "var_p": 0.1 + draw.normal((b, 1, *sides)).abs(),
        "nats": 100 * draw.normal((b,)),
        "dims": pick(1, 10, 64),
        "width": pick(1.0, 0.125),
        "std": pick(0.05, 0.5, 2.0),
        "warmup": pick(0, 1, 10),
        "rank": pick(0, 1),
    }
    if "label" in given:
        one = isinstance(given["label"], int)
        found["label"] = pick(0, 4, 9) if one else draw.whole(0, 9, b)
        found["null"] = pick(3, 10)
    if isinstance(given.get("s"), int):  # a step, and earlier than t
        found["s"] = int(draw.whole(0, int(t[0]) - 1))
    if "generator" not in given:  # one that is drawn with asks for many
        found |= {name: draw.normal((b, 1, *sides)) for name in PICTURES}
    if "levels" in given:
        found["levels"] = levels = pick(2, 5, 17)
        on = draw.whole(0, levels - 1, b, 1, *sides)
        found["x0"] = 2 * on / (levels - 1) - 1
        found["mean"] = draw.normal((b, 1, *sides))
    if {"x0", "x0_hat", "t"} == given.keys() - {
        "schedule"
    }:  # t = 2 at least
        found["t"] = max(2, int(t[0])) if one_t else t.clamp(min=2)
    if {"net", "t", "known", "score", "sigma"} & given.keys():
        found["x"] = draw.normal((b, 1, *sides))
    if "weight" in given:
        found["x"] = draw.normal((b, c, *sides))
    return found | _of_a_flow(draw, given, b, sides)


def _of_a_flow(draw: Draw, given: dict, b: int, sides: tuple) -> dict:
    """Times in 0..1 in the place of steps, and what goes with them."""
    if not torch.as_tensor(given.get("t", 0)).is_floating_point():
        return {}
    times = torch.rand(b, generator=draw.generator)
    one_time = isinstance(given["t"], float)
    return {
        "t": times[0].item() if one_time else times,
        "s": times[0].item() * draw.pick(0.0, 0.3, 0.9),
        "velocity": draw.normal((b, 1, *sides)),
        "shift": draw.pick(0.5, 2.0, 3.0),
    }


def outcome(function: Callable, task: Task, seed: int) -> Outcome:
    """What a function does with the arguments of a draw."""
    given, times = drawn(task, seed)
    return outcome_of(function, given, task.observe, task.may_change, times)


def differs(function: Callable, other: Callable, task: Task) -> bool:
    """Somewhere among the draws it does not do what *other* does."""
    tried = 0
    for seed in range(DRAWS):
        theirs = outcome(other, task, seed)
        if theirs.failed:
            continue
        tried += 1
        own = outcome(function, task, seed)
        if own.changed != theirs.changed or own.random != theirs.random:
            return True
        if not fits(task, own, theirs):
            return True
    if not tried:
        raise ValueError(f"{task.name}: no draw fits; teach _by_name how")
    return False
