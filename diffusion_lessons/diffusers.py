"""The way to the library diffusers and back: steps, tables, networks.

Nothing here imports diffusers: whatever looks like one of its schedulers
or networks will do.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .sampling import Model, Snapshot
from .schedule import NoiseSchedule

PREDICTION_TYPES = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
LAST = {"one", "final_alpha_cumprod"}  # alpha bar where sampling ends


def timestep_of(t: Tensor | int) -> Tensor | int:
    """Their timestep for our t: t - 1, because they count from 0.

    t: int or (B,), at least 1: the clean image, t = 0, has no timestep
    """
    _check_at_least(1, "t", t)
    return t - 1


def t_of(timestep: Tensor | int) -> Tensor | int:
    """Our t for their timestep: timestep + 1.

    timestep: int or (B,), at least 0
    """
    _check_at_least(0, "a timestep", timestep)
    return timestep + 1


def schedule_of(scheduler: Any) -> NoiseSchedule:
    """The noise schedule behind one of their schedulers, in float64.

    It is made from their betas alone, so it holds for every schedule that
    they have, and forgets what they lost by multiplying in float32.
    """
    if not hasattr(scheduler, "betas"):
        raise TypeError(
            "the scheduler must have betas, as DDPMScheduler has; "
            f"{type(scheduler).__name__} has none"
        )
    return NoiseSchedule(scheduler.betas)


def predicts_of(scheduler: Any) -> str:
    """Our word, "eps", "x0" or "v", for their prediction_type."""
    name = scheduler.config.prediction_type
    if name not in PREDICTION_TYPES:
        choices = ", ".join(map(repr, PREDICTION_TYPES))
        raise ValueError(
            f"prediction_type must be one of {choices}; got {name!r}"
        )
    return PREDICTION_TYPES[name]


def path_of(scheduler: Any) -> list[int]:
    """The t that a scheduler will visit, and 0: a path for ddim_sample."""
    return [*t_of(scheduler.timesteps).tolist(), 0]


def lend_tables(schedule: NoiseSchedule, scheduler: Any) -> None:
    """Let their DDPM or DDIM scheduler look up our float64 numbers.

    The scheduler is changed, its formulas are not: only the float32 tables
    that it came with are replaced.
    """
    if not LAST & vars(scheduler).keys():
        raise TypeError(
            "only DDPMScheduler and DDIMScheduler look up all of their "
            f"numbers in these tables; got {type(scheduler).__name__}"
        )
    if len(scheduler.betas) != schedule.num_steps:
        raise ValueError(
            f"the schedule has {schedule.num_steps} steps, the scheduler "
            f"{len(scheduler.betas)}; the two must be equal"
        )
    for name in ("betas", "alphas", "alphas_cumprod"):
        setattr(scheduler, name, getattr(schedule, name)[1:])
    to_clean = getattr(scheduler.config, "set_alpha_to_one", True)
    last = schedule.alphas_cumprod[0 if to_clean else 1]
    for name in LAST:
        setattr(scheduler, name, last)


class Output(NamedTuple):
    """What a network of theirs returns."""

    sample: Tensor


class ForDiffusers(nn.Module):
    """Our network as one of theirs: model(x, timestep).sample.

    model: any (x_t, t) -> output, or (x_t, t, label) -> output
    """

    def __init__(self, model: Model):
        super().__init__()
        self.model = model

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        class_labels: Tensor | None = None,
    ) -> Output:
        """(B, …) at a timestep, int or (B,), to an Output of (B, …)."""
        t = torch.as_tensor(t_of(timestep), device=sample.device)
        t = t.expand(len(sample))
        label = () if class_labels is None else (class_labels,)
        return Output(self.model(sample, t, *label))


class FromDiffusers(nn.Module):
    """Their network as one of ours: model(x, t) is a tensor.

    unet: as UNet2DModel, (sample, timestep) -> something with .sample
    """

    def __init__(self, unet: nn.Module):
        super().__init__()
        self.unet = unet

    def forward(
        self, x: Tensor, t: Tensor | int, label: Tensor | None = None
    ) -> Tensor:
        """(B, …) at the steps t, int or (B,) in 1..T, to (B, …)."""
        given = {} if label is None else {"class_labels": label}
        return self.unet(x, timestep_of(t), **given).sample


@torch.no_grad()
def scheduler_sample(
    model: Model, x_T: Tensor, scheduler: Any, num_steps: int, **settings
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
    value = torch.as_tensor(value)
    if (value < lowest).any():
        raise ValueError(
            f"{name} must be at least {lowest}; got {value.min().item()}"
        )
