"""Fewer steps: paths made straight, and networks that need a single one."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import (
    Clean,
    Count,
    Images,
    InputError,
    Labels,
    Model,
    Noise,
    Steps,
    checked,
)
from .flow import (
    flow_ends,
    flow_path,
    flow_sample,
    flow_velocity,
    times_of,
)
from .schedule import NoiseSchedule


@checked
def reflow_pairs(
    model: Model, noise: Noise, num_steps: Count, **how: Any
) -> Tensor:
    """Each noise with the picture that its own path leads to.

    Liu et al. (2023): a flow trained on these pairs, with ``reflow_loss``,
    has straighter paths, because lines of such pairs hardly ever cross.

    model: any (x_t, t) -> velocity    noise: (B, …)
    how: heun and the like, as ``flow_sample`` takes them
    Returns (B, 2, …), the picture first.
    """
    *_, last = flow_sample(model, noise, num_steps, **how)
    return torch.stack([last.x, noise], 1)


@checked
def reflow_loss(
    model: Model,
    pairs: Clean,
    t: Steps,
    noise: Images,
    schedule: NoiseSchedule,
    *,
    label: Labels | None = None,
) -> Tensor:
    """``flow_loss`` on pairs that belong together, a loss for ``train``.

    pairs: (B, 2, …), as ``reflow_pairs`` returns them, each with its own
    noise; the *noise* that ``train`` has drawn, (B, 2, …), is not read.
    t: int or (B,) in 0..T, the time is t / T    returns a scalar
    """
    x0, own_noise = _pair(pairs)
    time = times_of(t, pairs, schedule)
    told = () if label is None else (label,)
    output = model(flow_path(x0, time, own_noise), time, *told)
    return F.mse_loss(output, flow_velocity(x0, own_noise))


def _pair(pairs: Tensor) -> tuple[Tensor, ...]:
    """A picture and its noise, both (B, …)."""
    if pairs.ndim < 3 or pairs.shape[1] != 2:
        raise InputError(
            "pairs must have shape (B, 2, …), as reflow_pairs returns "
            f"them; got {tuple(pairs.shape)}"
        )
    return pairs.unbind(1)


@checked
def detour(path: Images) -> Tensor:
    """How much longer a path is than the straight line between its ends.

    Length of the path over distance of the ends: 1 if it is straight.

    path: (S, B, …), what is passed one after the other    returns (B,)
    """
    steps = path.diff(dim=0).flatten(2).norm(dim=2)
    return steps.sum(0) / (path[-1] - path[0]).flatten(1).norm(dim=1)


@checked
def consistency_loss(
    model: Model,
    x0: Clean,
    t: Steps,
    noise: Images,
    schedule: NoiseSchedule,
    *,
    teacher: Model,
    label: Labels | None = None,
) -> Tensor:
    """Two neighbours on a path must lead to one end, Song et al. (2023).

    ‖f(x_t, t) - f(x_s, s)‖², where f(x, t) = x - t model(x, t) is where
    the model leads in a single step and x_s is one step of the *teacher*
    further down, s = t - 1 / T. The second answer is held fixed. At t = 0
    f is the picture itself, and from there the right answer spreads.

    A loss for ``train``; what it makes is sampled by ``flow_sample`` with
    num_steps = 1.

    teacher: any (x_t, t) -> velocity, whose paths are followed
    x0, noise: (B, …)    t: int or (B,) in 1..T    returns a scalar
    """
    time = times_of(t, x0, schedule)
    before = times_of(t - 1, x0, schedule)
    told = () if label is None else (label,)
    xt = flow_path(x0, time, noise)
    with torch.no_grad():
        gap = time - before
        xs, _ = flow_ends(teacher(xt, time, *told), xt, gap)
        goal, _ = flow_ends(model(xs, before, *told), xs, before)
    end, _ = flow_ends(model(xt, time, *told), xt, time)
    return F.mse_loss(end, goal)
