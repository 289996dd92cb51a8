"""Patients: what a user would hand to the doctor, with one thing wrong.

All are made from the networks that come with the module, so nothing is
trained. The 8x8 ones are to compute with, the 28x28 ones to look at.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import Count, Pictures, ToList, checked, choice
from ..data import load_images
from ..ema import EMA
from ..loss import diffusion_loss, loss_by_t
from ..pretrained import load_pretrained
from ..sampling import Snapshot, ddim_sample
from ..schedule import NoiseSchedule
from .exact import accepts
from .faults import (
    Activated,
    AsEps,
    AsFlow,
    Dropping,
    Memory,
    ScaledTime,
    ShiftedTime,
    SwappedHalves,
    Unlabelled,
    Untold,
    Wrapped,
    forgotten,
    noisy_end_sample,
    with_nan,
)

REMEMBERED = 30  # pictures that the memorised network knows
FEW = 10  # steps of the sampler whose index is off by one
Change = Callable[["Patient"], dict[str, Any]]


@dataclass(frozen=True)
class Patient:
    """A model, and all that its user believes of it."""

    name: str  # of what is wrong, as in PATIENTS; "healthy" if nothing is
    finding: str  # the row of the report that has to find it, "" for none
    model: Callable  # (x, t) or (x, t, label) -> output
    schedule: NoiseSchedule  # that its user samples with
    images: Tensor  # (N, C, H, W) that it was trained on, as user has them
    labels: Tensor | None  # (N,)
    predicts: str  # what its user takes the output for
    sampler: Callable  # (model, x_T, schedule, predicts=…) -> snapshots
    ema: Callable | None = None  # the averaged network, if there is one

    def chart(self) -> dict[str, Any]:
        """What ``examine`` is to be given: ``examine(**patient.chart())``.

        All but the name of the fault.
        """
        hidden = ("name", "finding")
        return {k: v for k, v in vars(self).items() if k not in hidden}

    @checked
    def samples(
        self, count: Count = 10, seed: int = 0
    ) -> Iterator[Snapshot]:
        """What its user sees: *count* samples, class after class.

        A generator of snapshots; the last one holds the samples. Drawn
        with the averaged network, where there is one.
        """
        generator = torch.Generator().manual_seed(seed)
        x_T = torch.randn(
            count, *self.images.shape[1:], generator=generator
        )
        model, label = self.ema or self.model, torch.arange(count) % 10
        if self.labels is not None:
            model = partial(_told, model, label)
        how = {"predicts": self.predicts}
        if accepts(self.sampler, "generator"):
            how["generator"] = generator  # for noise on the way
        return self.sampler(model, x_T, self.schedule, **how)

    @checked
    def loss_by_t(self, t_values: ToList, count: Count = 64) -> Tensor:
        """The loss that its user sees at each t, (len(t_values),)."""
        given = {"predicts": self.predicts}
        if self.labels is not None:
            given["label"] = self.labels[:count]
        return loss_by_t(
            self.model,
            self.images[:count],
            self.schedule,
            t_values,
            loss=partial(diffusion_loss, **given),
        )


def _told(model: Callable, label: Tensor, x: Tensor, t: Tensor) -> Tensor:
    """A model of (x, t, label) as one of (x, t)."""
    return model(x, t, label)


def _another_range(p: Patient) -> dict[str, Any]:
    """Pixels from 0 to 1 for a network of -1 to 1, or the other way."""
    unit = p.images.min() >= 0
    return {"images": p.images * 2 - 1 if unit else (p.images + 1) / 2}


def _another_target(p: Patient) -> dict[str, Any]:
    """The output taken for eps; for v, if it is eps."""
    return {"predicts": "v" if p.predicts == "eps" else "eps"}


def _another_schedule(p: Patient) -> dict[str, Any]:
    """The linear schedule; the cosine one, if it is the linear one."""
    top = p.schedule.num_steps
    linear, cosine = NoiseSchedule.linear(top), NoiseSchedule.cosine(top)
    middle = (top + 1) // 2
    own, other = p.schedule.alpha_bar(middle), linear.alpha_bar(middle)
    near = abs(own - other) < abs(own - cosine.alpha_bar(middle))
    return {"schedule": cosine if near else linear}


def _shifted(p: Patient) -> dict[str, Any]:
    """Ten steps out of all, and an index that is off by one of them."""
    model = ScaledTime(p.model, p.schedule.num_steps / FEW)
    return {
        "model": ShiftedTime(model, 1),
        "schedule": p.schedule.respaced(FEW),
        "sampler": partial(ddim_sample, num_steps=FEW),
    }


def _uncut(p: Patient) -> dict[str, Any]:
    """The same network, read as one of eps, without a cut."""
    model = AsEps(p.model, p.schedule, p.predicts)
    uncut = partial(ddim_sample, num_steps=20, clip=None)
    return {"model": model, "predicts": "eps", "sampler": uncut}


def _memorised(p: Patient) -> dict[str, Any]:
    """The perfect network of a few of the pictures."""
    few = p.images[:REMEMBERED]
    return {
        "model": Memory(few, p.schedule),
        "images": few,
        "labels": None,
        "predicts": "x0",
    }


def _model(fault: Callable[..., nn.Module], *how: Any) -> Change:
    """Only the network is another one: *fault* around the healthy one."""
    return lambda p: {"model": fault(p.model, *how)}


# name: (the row that finds it, what is changed in the healthy patient)
FAULTS: dict[str, tuple[str, Change]] = {
    "healthy": ("", lambda p: {}),
    "flow_as_chain": (
        "language",
        lambda p: {"model": AsFlow(p.model, p.schedule, p.predicts)},
    ),
    "wrong_range": ("range", _another_range),
    "wrong_target": ("target", _another_target),
    "t_shifted": ("t", _shifted),
    "t_of_0_to_1": (
        "t",
        lambda p: {"model": ScaledTime(p.model, 1 / p.schedule.num_steps)},
    ),
    "t_untold": (
        "time",
        lambda p: {"model": Untold(p.model, p.schedule.num_steps // 2)},
    ),
    "silu_output": ("activation", _model(Activated, F.silu)),
    "other_schedule": ("schedule", _another_schedule),
    "stale_average": (
        "average",
        lambda p: {"ema": EMA(forgotten(p.model))},
    ),
    "noisy_end": ("sampler", lambda p: {"sampler": noisy_end_sample}),
    "swapped_halves": (
        "guidance",
        lambda p: {"model": SwappedHalves(p.model, p.model.null_label)},
    ),
    "labels_lost": ("labels", _model(Unlabelled)),
    "memorised": ("copies", _memorised),
    "untrained": ("untrained", _model(forgotten)),
    "nan": ("finite", _model(with_nan)),
    "dropout_left": (
        "mode",
        lambda p: {"model": Dropping(p.model).train()},
    ),
    "no_clip": ("clip", _uncut),
}
PATIENTS = tuple(FAULTS)


@checked
def patient(
    name: Annotated[str, choice(*PATIENTS)],
    data: Annotated[str, choice("digits", "mnist")] = "digits",
    images: Pictures | None = None,
    labels: Tensor | None = None,
) -> Patient:
    """The patient of that name: a healthy one, but for one thing.

    data: "digits" (8x8) or "mnist" (28x28)    images, labels: what it was
    trained on; left out, the digits that need no download, for "mnist"
    enlarged to 28x28: enough to look at, too little to compute with
    """
    if images is None:
        side = None if data == "digits" else 28
        images, labels = load_images("digits", size=side)
    net = load_pretrained(data)
    healthy = Patient(
        "healthy",
        "",
        Wrapped(net.model),
        net.schedule,
        images,
        labels,
        net.predicts,
        partial(ddim_sample, num_steps=50),
    )
    return made_sick(healthy, name)


@checked
def made_sick(
    healthy: Patient, name: Annotated[str, choice(*PATIENTS)]
) -> Patient:
    """The same patient with one thing made wrong, as in PATIENTS."""
    finding, change = FAULTS[name]
    return replace(healthy, name=name, finding=finding, **change(healthy))
