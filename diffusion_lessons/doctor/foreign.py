"""Networks that were not trained on a chain: flows, and denoisers of σ.

Their pictures have another size and their clock is another one, so read as
a network of the chain they seem to have learnt nothing. Each is wrapped
here in what asks it rightly, and is then a model as any other.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..clocks import from_flow
from ..schedule import NoiseSchedule
from ..translate import interpreted

Make = Callable[[Callable, NoiseSchedule], Callable]


class Foreign(NamedTuple):
    """How to ask a network of another language."""

    predicts: str  # what the wrapped network predicts
    wrap: Make  # (model, schedule) -> a model at the steps of the schedule
    remedy: str  # in words, what to do with such a network


def _flow(model: Callable, schedule: NoiseSchedule) -> Callable:
    """A flow as in this book: t of 0 to 1, the picture at 0."""
    return from_flow(model, schedule, "v")


def _thousand(model: Callable, schedule: NoiseSchedule) -> Callable:
    """A flow whose clock is told in thousandths, as diffusers tells it."""
    return _flow(lambda x, t, *label: model(x, 1000 * t, *label), schedule)


def _turned(model: Callable, schedule: NoiseSchedule) -> Callable:
    """A flow that counts from the noise: the picture at 1."""
    return _flow(lambda x, t, *label: -model(x, 1 - t, *label), schedule)


def _turned_thousand(model: Callable, schedule: NoiseSchedule) -> Callable:
    """The two together."""
    return _turned(
        lambda x, t, *label: model(x, 1000 * t, *label), schedule
    )


def _denoiser(model: Callable, schedule: NoiseSchedule) -> Callable:
    """D(x; σ) of EDM, a guess of the picture."""
    how = {"predicts": "x0", "answers": "x0"}
    ask = interpreted(model, "sigma", "ddpm", schedule, **how)
    top = schedule.num_steps  # where nothing is left there is no σ
    last = top if schedule.alpha_bar(top) else max(1, top - 1)

    def guess(x: Tensor, t: Tensor | int, *label: Tensor) -> Tensor:
        return ask(x, torch.as_tensor(t).clamp(max=last), *label)

    return guess


FLOW = 'sample with flow_sample; or ask from_flow(model, schedule, "v")'
FOREIGN = {
    "a flow": Foreign("v", _flow, FLOW),
    "a flow told 1000 t": Foreign(
        "v", _thousand, f"tell it 1000 t; then {FLOW}"
    ),
    "a flow with the picture at t = 1": Foreign(
        "v", _turned, f"take -model(x, 1 - t); then {FLOW}"
    ),
    "a flow with the picture at t = 1000": Foreign(
        "v",
        _turned_thousand,
        f"take -model(x, 1000 * (1 - t)); then {FLOW}",
    ),
    "a denoiser told σ": Foreign(
        "x0",
        _denoiser,
        'ask interpreted(model, "sigma", "ddpm", schedule, predicts="x0"), '
        'with predicts="x0"',
    ),
}


class Spoken(nn.Module):
    """A network of another language, as a model of the chain."""

    def __init__(self, model: Callable, name: str, schedule: NoiseSchedule):
        super().__init__()
        self.model, self.schedule = model, schedule
        self.wrap = FOREIGN[name].wrap
        self.training = getattr(model, "training", False)  # and no part

    def forward(self, x: Tensor, t: Tensor, *label: Tensor) -> Tensor:
        """(B, …) at the steps t of the schedule to (B, …)."""
        return self.wrap(self.model, self.schedule)(x, t, *label)
