"""The way to the library diffusers and back: steps, tables, networks.

Nothing here imports diffusers: whatever looks like one of its schedulers
or networks will do.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .checks import (
    Asked,
    Count,
    Images,
    InputError,
    Labels,
    Model,
    Noise,
    Times,
    checked,
    ends,
    spoken,
)
from .sampling import Snapshot
from .schedule import NoiseSchedule

PREDICTION_TYPES = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
LAST = {"one", "final_alpha_cumprod"}  # alpha bar where sampling ends


@checked
def timestep_of(t: Times) -> Tensor | int:
    """Their timestep for our t: t - 1, because they count from 0.

    t: int or (B,), at least 1: the clean image, t = 0, has no timestep
    """
    _check_at_least(1, "t", t)
    return t - 1


@checked
def t_of(timestep: Times) -> Tensor | int:
    """Our t for their timestep: timestep + 1.

    timestep: int or (B,), at least 0
    """
    _check_at_least(0, "a timestep", timestep)
    return timestep + 1


def schedule_of(scheduler: Any) -> NoiseSchedule:
    """The noise schedule behind one of their schedulers, in float64.

    It is made from their betas alone, so it holds for every scheduler that
    has betas, and forgets what was lost by multiplying in float32.
    """
    _check_has(scheduler, "betas")
    return NoiseSchedule(scheduler.betas)


def predicts_of(scheduler: Any) -> str:
    """Our word, "eps", "x0" or "v", for their prediction_type."""
    _check_has(scheduler, "config")
    name = scheduler.config.prediction_type
    if name not in PREDICTION_TYPES:
        choices = ", ".join(map(repr, PREDICTION_TYPES))
        raise InputError(
            f"prediction_type must be one of {choices}; got {name!r}"
        )
    return PREDICTION_TYPES[name]


def path_of(scheduler: Any) -> list[int]:
    """The t that a scheduler will visit, and 0: a path for ddim_sample."""
    _check_has(scheduler, "timesteps")
    return [*t_of(scheduler.timesteps).tolist(), 0]


@checked
def lend_tables(schedule: NoiseSchedule, scheduler: Any) -> None:
    """Let their DDPM or DDIM scheduler look up our float64 numbers.

    The scheduler is changed, its formulas are not: only the float32 tables
    that it came with are replaced.
    """
    _check_has(scheduler, "betas")
    if not LAST & vars(scheduler).keys():
        raise InputError(
            "only DDPMScheduler and DDIMScheduler look up all of their "
            f"numbers in these tables; got {type(scheduler).__name__}"
        )
    if len(scheduler.betas) != schedule.num_steps:
        raise InputError(
            f"the schedule has {schedule.num_steps} steps, the scheduler "
            f"{len(scheduler.betas)}; the two must be equal"
        )
    for name in ("betas", "alphas", "alphas_cumprod"):
        setattr(scheduler, name, getattr(schedule, name)[1:].clone())
    to_clean = getattr(scheduler.config, "set_alpha_to_one", True)
    last = schedule.alphas_cumprod[0 if to_clean else 1].clone()
    for name in LAST:
        setattr(scheduler, name, last)


class Output(NamedTuple):
    """What a network of theirs returns."""

    sample: Tensor


class ForDiffusers(nn.Module):
    """Our network as one of theirs: model(x, timestep).sample.

    model: any (x_t, t) -> output, or (x_t, t, label) -> output
    """

    @checked
    def __init__(self, model: Callable):
        super().__init__()
        self.model = model

    @checked
    def forward(
        self,
        sample: Images,
        timestep: Times,
        class_labels: Labels | None = None,
    ) -> Output:
        """(B, …) at a timestep, int or (B,), to an Output of (B, …)."""
        t = torch.as_tensor(t_of(timestep), device=sample.device)
        t = t.expand(len(sample))
        label = () if class_labels is None else (class_labels,)
        return Output(Asked(self.model)(sample, t, *label))


class FromDiffusers(nn.Module):
    """Their network as one of ours: model(x, t) is a tensor.

    unet: as UNet2DModel, (sample, timestep) -> something with .sample
    """

    @checked
    def __init__(self, unet: Callable):
        super().__init__()
        self.unet = unet

    @checked
    def forward(
        self, x: Images, t: Times, label: Labels | None = None
    ) -> Tensor:
        """(B, …) at the steps t, int or (B,) in 1..T, to (B, …)."""
        given = {} if label is None else {"class_labels": label}
        output = self.unet(x, timestep_of(t), **given)
        _check_has(output, "sample", "the output of unet", "UNet2DModel's")
        return output.sample


@checked
@torch.no_grad()
def scheduler_sample(
    model: Model,
    x_T: Noise,
    scheduler: Any,
    num_steps: Count,
    **settings: Any,
) -> Iterator[Snapshot]:
    """Our network under one of their schedulers, as snapshots of ours.

    A generator, as ``ddim_sample`` is; x0_hat is None where the scheduler
    does not tell it.

    Args:
        model: any (x_t, t) -> output, t as (B,).
        x_T: (B, …) noise of variance 1.
        scheduler: it must know what the model predicts.
        num_steps: how many steps it may take.
        settings: more for scheduler.step, as eta=… or generator=….
    """
    _check_has(scheduler, "set_timesteps")
    model = ForDiffusers(model)
    scheduler.set_timesteps(num_steps, device=x_T.device)
    x = x_T * scheduler.init_noise_sigma
    legs = zip(scheduler.timesteps, path_of(scheduler)[1:], strict=True)
    for timestep, t in legs:
        seen = scheduler.scale_model_input(x, timestep)
        output = model(seen, timestep).sample
        step = scheduler.step(output, timestep, x, **settings)
        x = step.prev_sample
        x0_hat = getattr(step, "pred_original_sample", None)
        yield Snapshot(t, x, x0_hat)


def _check_at_least(lowest: int, name: str, value: Tensor | int) -> None:
    low = value if isinstance(value, int) else (ends(value) or (lowest,))[0]
    if low < lowest:
        raise InputError(f"{name} must be at least {lowest}; got {low}")


def _check_has(
    thing: Any,
    name: str,
    what: str = "the scheduler",
    example: str = "DDPMScheduler",
) -> None:
    if not hasattr(thing, name) or isinstance(thing, type):
        raise InputError(
            f"{what} must have {name}, as {example} has; got "
            f"{spoken(thing)}, which has none"
        )
