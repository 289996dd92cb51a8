"""Perfect networks of known pictures, to run a sampler with."""

from collections.abc import Callable, Iterable
from inspect import Parameter, signature

import torch
from torch import Tensor

from ..exact import ExactModel
from ..mixture import GaussianMixture
from ..schedule import NoiseSchedule


class Exact:
    """The perfect network of a mixture around a few pictures.

    It answers with what *predicts* names, as (x, t) -> output.

    means: (K, …) the pictures    std: of what is left around each
    """

    def __init__(
        self,
        means: Tensor,
        std: float,
        weights: list[float] | None,
        schedule: NoiseSchedule,
        predicts: str,
    ):
        bells = GaussianMixture(means.flatten(1), std, weights)
        self.denoiser = ExactModel(bells, schedule)
        self.schedule, self.predicts, self.calls = schedule, predicts, 0

    def __call__(self, x: Tensor, t: Tensor | int) -> Tensor:
        """(B, …) at the steps t to (B, …)."""
        self.calls += 1
        t = _whole(t, x)
        x0_hat = self.denoiser(x.flatten(1), t).view_as(x)
        return as_output(x0_hat, x, t, self.schedule, self.predicts)


class Constant:
    """A network that takes every picture for *value* everywhere."""

    def __init__(
        self, value: float, schedule: NoiseSchedule, predicts: str
    ):
        self.value, self.schedule = value, schedule
        self.predicts = predicts

    def __call__(self, x: Tensor, t: Tensor | int) -> Tensor:
        """(B, …) at the steps t to (B, …)."""
        t = _whole(t, x)
        x0_hat = torch.full_like(x, self.value)
        return as_output(x0_hat, x, t, self.schedule, self.predicts)


def _whole(t: Tensor | float, x: Tensor) -> Tensor:
    """A step for each image; some samplers stop between two of them."""
    return torch.as_tensor(t).expand(len(x)).round().long()


def as_output(
    x0_hat: Tensor,
    xt: Tensor,
    t: Tensor,
    schedule: NoiseSchedule,
    predicts: str,
) -> Tensor:
    """What a network that *predicts* answers if it guesses x0_hat."""
    signal, sigma = schedule.signal_and_sigma(t, xt, lowest=1)
    eps = (xt - signal * x0_hat) / sigma
    if predicts == "eps":
        return eps
    return x0_hat if predicts == "x0" else signal * eps - sigma * x0_hat


def drawn(
    sampler: Callable,
    model: Callable,
    x_T: Tensor,
    schedule: NoiseSchedule,
    predicts: str,
) -> Tensor:
    """The samples, whatever the sampler returns; seeded, (B, …)."""
    told = {"predicts": predicts} if accepts(sampler, "predicts") else {}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        out = sampler(model, x_T, schedule, **told)
        if not isinstance(out, Tensor) and isinstance(out, Iterable):
            *_, out = out
    return getattr(out, "x", out).detach().to("cpu", x_T.dtype)


def accepts(function: Callable, name: str) -> bool:
    """Whether there is an argument of that name."""
    try:
        own = signature(function).parameters
    except (TypeError, ValueError):
        return False
    named = own.get(name)
    return named is not None and named.kind is not Parameter.VAR_KEYWORD
