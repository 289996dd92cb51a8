"""Which switch is wrong? One test after the other, as a doctor asks."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import torch
from torch import Tensor

from ..checks import (
    ClassRow,
    InputError,
    as_tensor,
    checked,
    choice,
    refuse,
    takes,
    whole,
)
from ..diffusers import (
    FromDiffusers,
    predicts_of,
    schedule_of,
    scheduler_sample,
)
from ..prediction import PREDICTIONS
from ..schedule import NoiseSchedule
from .case import Case
from .first_rows import (
    activation_row,
    data_row,
    finite_row,
    mode_row,
    time_row,
)
from .label_rows import average_row, guidance_row, label_row
from .reading_rows import reading_rows, refused_row
from .report import Report, Row
from .sampler_rows import clip_row, copies_row, end_row, sampler_row

STEPS = 50  # of a scheduler of diffusers


@checked
def examine(
    model: Callable,
    schedule: Any,
    images: Any,
    *,
    labels: ClassRow | None = None,
    predicts: Annotated[str, choice(*PREDICTIONS)] | None = None,
    sampler: Callable | None = None,
    ema: Callable | None = None,
    guided: Any = None,
    held_out: Any = None,
    null: Annotated[int, whole(0)] | None = None,
    seed: Annotated[int, whole(0)] = 0,
) -> Report:
    """Find the first switch that is wrong, and the setting that is right.

    Every test asks the model as it is: nothing is trained, and nothing of
    it is changed. What one test puts right stays right for those that
    follow, so that a report can name more than one fault.

    Args:
        model: any (x, t) -> output, or with labels (x, t, label); or a
            UNet2DModel of diffusers with its scheduler. A flow is known
            for one and then asked as one; its sampler is left out.
        schedule: a NoiseSchedule, or a scheduler of diffusers.
        images: (N, …) that it was trained on, as it was trained on them;
            at least 8.
        labels: (N,) their classes, if the model is told classes.
        predicts: what the output is taken for; without it "eps", or what
            the scheduler says.
        sampler: (model, x_T, schedule) -> samples or snapshots, with a
            predicts=… if it takes one, as
            ``partial(ddim_sample, num_steps=50)``.
        ema: the averaged model beside *model*, the live one.
        guided: what makes a model of (model, label, null, scale), as
            ``Guided`` does.
        held_out: (M, …) images that it was not trained on.
        null: the label that means "no class"; without it, the model's
            ``null_label`` if it has one.
        seed: of the noise.
    """
    if guided is not None and not callable(guided):
        refuse("guided", "a function, as Guided is", guided)
    if not isinstance(schedule, NoiseSchedule):
        scheduler, schedule = schedule, schedule_of(schedule)
        model, sampler, predicts = _of_diffusers(
            model, scheduler, sampler, predicts
        )
    x = _as_images(images, "images")
    _check_labels(model, x, labels)
    case = Case(
        getattr(model, "stands_for", model),
        schedule.to("cpu"),
        x,
        None if labels is None else labels.cpu(),
        predicts or "eps",
        sampler,
        ema,
        guided,
        None if held_out is None else _as_images(held_out, "held_out"),
        getattr(model, "null_label", None) if null is None else null,
        seed,
    )
    return Report(tuple(_rows(case)))


def _check_labels(model: Any, x: Tensor, labels: Tensor | None) -> None:
    """One for each image, and a model that takes them."""
    if labels is not None and len(labels) != len(x):
        raise InputError(
            f"labels must be one per image; got {len(x)} images and "
            f"{len(labels)} labels"
        )
    names = ("x", "t") if labels is None else ("x", "t", "label")
    takes(*names)(model, "model")


def _rows(case: Case) -> list[Row]:
    """All tests, in the order in which they are asked."""
    user, end = case, end_row(case)
    row, case = data_row(case)
    rows = [row]
    if not case.images.isfinite().all():
        return rows
    refused, case = refused_row(case)
    rows += [*refused, finite_row(case)]
    if rows[-1].sick:
        return [*rows, end, sampler_row(user)]
    mode, time = mode_row(case), time_row(case)
    read, case = reading_rows(case)
    rows += [mode, activation_row(case), time]
    if case.language:  # its sampler walks another way, to another end
        user = case = replace(case, sampler=None)
        end = end_row(case)
    sampler = sampler_row(user)
    if read[0].sick:
        return [*rows, *read, end, sampler]
    told = [test(case) for test in (average_row, label_row, guidance_row)]
    drawn = [test(case) for test in (clip_row, copies_row)]
    return [*rows, *read, end, *told, sampler, *drawn]


def _as_images(images: Any, name: str) -> Tensor:
    """(N, …) floats; pixels of any range, for the doctor to look at."""
    takes = "at least 8 images, (N, …)"
    x = as_tensor(images, name, takes, torch.float32)
    if x.ndim < 2 or len(x) < 8 or x.is_complex():
        raise InputError(
            f"{name} must be {takes}; got shape {tuple(x.shape)}"
        )
    return x.detach().to("cpu", torch.float32)


def _of_diffusers(
    model: Callable,
    scheduler: Any,
    sampler: Callable | None,
    predicts: str | None,
) -> tuple[Callable, Callable, str]:
    """Their network as one of ours, with their scheduler as sampler."""
    if not isinstance(model, FromDiffusers):
        model = FromDiffusers(model)
    if sampler is None and hasattr(scheduler, "set_timesteps"):
        sampler = partial(_their_sample, scheduler)
    return model, sampler, predicts or predicts_of(scheduler)


def _their_sample(
    scheduler: Any, model: Callable, x_T: Tensor, schedule: NoiseSchedule
):
    """What their scheduler draws; it has a schedule of its own."""
    steps = min(STEPS, schedule.num_steps)
    return scheduler_sample(model, x_T, scheduler, steps)
