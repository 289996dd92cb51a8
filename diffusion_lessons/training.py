"""The training loop: the loss, one state, and a generator of steps."""

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from math import cos, pi
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .batches import Batches
from .conditioning import drop_labels
from .files import whole_file
from .forward import mix, q_sample
from .prediction import target
from .schedule import NoiseSchedule, check_steps

Loss = Callable[..., Tensor]


def diffusion_loss(
    model: nn.Module,
    x0: Tensor,
    t: Tensor | int,
    noise: Tensor,
    schedule: NoiseSchedule,
    *,
    predicts: str = "eps",
    label: Tensor | None = None,
) -> Tensor:
    """The simple loss of DDPM, eq. 14: || target - model(x_t, t) ||².

    Noise x_0, let the model guess its target from the result, and take the
    mean squared error; the target is the noise when predicts = "eps".

    x0, noise: (B, …)    t: int or (B,) in 0..T    returns a scalar
    """
    xt = q_sample(x0, t, noise, schedule)
    output = model(xt, t) if label is None else model(xt, t, label)
    wanted = target(predicts, x0, noise, t, schedule)
    if output.shape != wanted.shape:
        raise ValueError(
            f"the model must return shape {tuple(wanted.shape)}; "
            f"got {tuple(output.shape)}"
        )
    return F.mse_loss(output, wanted)


def clean_image_loss(
    model: nn.Module,
    x0: Tensor,
    t: Tensor,
    noise: Tensor,
    schedule: NoiseSchedule,
) -> Tensor:
    """The first guess: mix in a share t/T of noise, predict the image.

    For images in [0, 1], as in the course: the Gaussian *noise* is turned
    into one that is uniform between 0 and 1, like the pixels.

    x0, noise: (B, …)    t: (B,) in 1..T    returns a scalar
    """
    uniform = torch.special.ndtr(noise)
    t_values = torch.arange(schedule.num_steps + 1, dtype=torch.float64)
    amounts = t_values / schedule.num_steps
    (amount,) = schedule.at(amounts[None], t, x0)
    return F.mse_loss(model(mix(x0, uniform, amount), t), x0)


@dataclass
class TrainState:
    """All that a run needs to stop and go on bit for bit as before."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    lr_schedule: torch.optim.lr_scheduler.LRScheduler
    batches: Batches
    generator: torch.Generator  # draws t and the noise
    num_steps: int  # the length of the whole run
    step: int = 0  # steps done so far

    _WITH_STATE = ("model", "optimizer", "lr_schedule", "batches")

    def state_dict(self) -> dict:
        """A copy, in tensors and plain numbers only, so safe to load."""
        saved = {k: getattr(self, k).state_dict() for k in self._WITH_STATE}
        saved["generator"] = self.generator.get_state()
        saved |= {"num_steps": self.num_steps, "step": self.step}
        return deepcopy(saved)  # the run goes on, this stays as it is

    def load_state_dict(self, saved: dict) -> None:
        """Become the run that *saved* was taken from."""
        if saved["num_steps"] != self.num_steps:
            raise ValueError(
                f"this state belongs to a run of {saved['num_steps']} "
                f"steps; got num_steps={self.num_steps}"
            )
        for name in self._WITH_STATE:
            part = deepcopy(saved[name])  # AdamW would go on writing in it
            getattr(self, name).load_state_dict(part)
        self.generator.set_state(saved["generator"])
        self.step = saved["step"]


class Step(NamedTuple):
    """What the loop shows after each step."""

    step: int  # 1 for the first
    loss: float
    state: TrainState  # live: state.state_dict() is what to save


def train(
    model: nn.Module,
    batches: Batches,
    schedule: NoiseSchedule,
    *,
    num_steps: int = 1000,
    lr: float = 1e-3,
    warmup: int = 0,
    p_uncond: float = 0.0,
    seed: int = 0,
    loss: Loss = diffusion_loss,
    resume: dict | None = None,
    progress: bool = False,
) -> Iterator[Step]:
    """Train *model*, Algorithm 1 of DDPM, and yield a Step after each step.

    A generator: nothing runs until it is consumed, and breaking out of the
    loop stops the training.

    Args:
        model: any (x_t, t) -> output of the shape of x_t; where there are
            labels, any (x_t, t, label) -> output.
        batches: images (B, …), and labels or None.
        schedule: each step draws t from 1..T for every image.
        num_steps: the length of the whole run.
        lr: AdamW's learning rate at the start; a cosine takes it to 0.
        warmup: steps in which the learning rate rises to that curve.
        p_uncond: the share of labels replaced by ``model.null_label``, so
            that the network also learns to do without (chapter 9).
        seed: of t, noise and drops, drawn on the CPU for any device.
        loss: (model, x0, t, noise, schedule) -> scalar, with label=… too
            where there are labels.
        resume: what ``state.state_dict()`` returned; the run goes on.
        progress: show a bar with the loss (terminal, Jupyter, Colab).
    """
    if not isinstance(batches, Batches):
        raise TypeError(
            "batches must be a Batches(images, labels, batch_size=…); "
            f"got {type(batches).__name__}"
        )
    check_steps(num_steps)
    if warmup < 0:
        raise ValueError(f"warmup must be 0 or more steps, got {warmup}")
    if p_uncond and not (
        batches.labels is not None and hasattr(model, "null_label")
    ):
        raise ValueError(
            "p_uncond drops labels: it takes batches with labels and a "
            "model with a null_label, as TimeUNet(num_classes=10) has"
        )
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, fused=True)
    lr_schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, partial(lr_factor, num_steps=num_steps, warmup=warmup)
    )
    generator = torch.Generator().manual_seed(seed)
    state = TrainState(
        model, optimizer, lr_schedule, batches, generator, num_steps
    )
    if resume is not None:
        state.load_state_dict(resume)
    step = partial(take_step, state, schedule, loss, p_uncond)
    return _steps(state, step, progress)


def lr_factor(step: int, num_steps: int, warmup: int = 0) -> float:
    """The share of the learning rate at *step*, 0 for the first.

    A cosine from 1 down to 0; the first *warmup* steps rise to it.
    """
    cosine = 0.5 * (1 + cos(pi * step / num_steps))
    return cosine * min(1.0, (step + 1) / (warmup + 1))


def _steps(
    state: TrainState, take: Callable[[], float], progress: bool
) -> Iterator[Step]:
    state.model.train()
    with _bar(state, progress) as bar:
        while state.step < state.num_steps:
            value = take()
            bar.update()
            bar.set_postfix(loss=f"{value:.4f}", refresh=False)
            yield Step(state.step, value, state)


def take_step(
    state: TrainState,
    schedule: NoiseSchedule,
    loss: Loss,
    p_uncond: float = 0.0,
) -> float:
    """One step of Algorithm 1 of DDPM; returns the loss."""
    x0, label = next(state.batches)
    t, noise = draw_t_and_noise(x0, schedule, state.generator)
    device = device_of(state.model)
    x0, t, noise = x0.to(device), t.to(device), noise.to(device)
    if label is not None:
        if p_uncond:
            null = state.model.null_label
            label = drop_labels(label, null, p_uncond, state.generator)
        loss = partial(loss, label=label.to(device))

    value = loss(state.model, x0, t, noise, schedule)
    state.optimizer.zero_grad()
    value.backward()
    state.optimizer.step()
    state.lr_schedule.step()
    state.step += 1
    return value.item()


def draw_t_and_noise(
    x0: Tensor, schedule: NoiseSchedule, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """One t in 1..T, both ends included, and one noise for each image."""
    last = schedule.num_steps
    t = torch.randint(1, last + 1, (len(x0),), generator=generator)
    noise = torch.randn(x0.shape, generator=generator, dtype=x0.dtype)
    return t, noise


class EMA:
    """The running average of a model's weights, which samples better.

    After every training step: average <- d average + (1 - d) weights, with
    d = *decay*, less in the first steps, so that the random start is soon
    forgotten.

    Args:
        model: the network in training; ``ema.model`` is the averaged copy.
        decay: d, near 1: about 1 / (1 - d) steps are averaged.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999):
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in 0..1, below 1; got {decay}")
        self.model = deepcopy(model).eval().requires_grad_(False)
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the weights of *model*, once after each step."""
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 10))
        average = list(self.model.parameters())
        torch._foreach_lerp_(average, list(model.parameters()), 1 - decay)

    def state_dict(self) -> dict:
        """The averaged weights and how many steps they have seen."""
        saved = {"model": self.model.state_dict(), "updates": self.updates}
        return deepcopy(saved)

    def load_state_dict(self, saved: dict) -> None:
        """Go on from where *saved* was taken."""
        self.model.load_state_dict(saved["model"])
        self.updates = saved["updates"]


def overfit_one_batch(
    model: nn.Module,
    x0: Tensor,
    schedule: NoiseSchedule,
    *,
    num_steps: int = 300,
    lr: float = 1e-3,
    loss: Loss = diffusion_loss,
    seed: int = 0,
) -> list[float]:
    """The first test of any training: learn one batch by heart.

    One t and one noise for each image, drawn once and never again. A loss
    that does not approach 0 points to a mistake in model, target or data.

    x0: (B, …)    returns the num_steps losses
    """
    generator = torch.Generator().manual_seed(seed)
    t, noise = draw_t_and_noise(x0, schedule, generator)
    device = device_of(model)
    x0, t, noise = x0.to(device), t.to(device), noise.to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, fused=True)
    losses = []
    for _ in range(num_steps):
        value = loss(model, x0, t, noise, schedule)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


def steps_for(device: torch.device | str, *, cpu: int, gpu: int) -> int:
    """How many steps a lesson trains: *cpu* of them, or *gpu* elsewhere.

    Where it is not the CPU, it prints both numbers, so that a reader knows
    why the results differ from those of the page.
    """
    device = torch.device(device)
    if device.type == "cpu":
        return cpu
    print(f"{device.type}: {gpu:,} training steps, on a CPU {cpu:,}")
    return gpu


def device_of(model: nn.Module) -> torch.device:
    """Where the parameters of *model* are; the CPU if it has none."""
    return next(model.parameters(), torch.empty(0)).device


def _bar(state: TrainState, progress: bool):
    from tqdm.auto import tqdm

    return tqdm(
        total=state.num_steps,
        initial=state.step,
        disable=not progress,
        desc="training",
        unit="step",
    )


@torch.no_grad()
def loss_by_t(
    model: nn.Module,
    x0: Tensor,
    schedule: NoiseSchedule,
    t_values: list[int],
    *,
    loss: Loss = diffusion_loss,
    seed: int = 0,
) -> Tensor:
    """The loss at each t apart, (len(t_values),): one noise for all t.

    x0: (N, …) images, preferably held out
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(x0.shape, generator=generator, dtype=x0.dtype)
    device = device_of(model)
    x0, noise = x0.to(device), noise.to(device)
    was_training = model.training
    model.eval()
    values = [
        loss(
            model,
            x0,
            torch.full((len(x0),), t, device=device),
            noise,
            schedule,
        )
        for t in t_values
    ]
    model.train(was_training)
    return torch.stack(values).cpu()


def save_checkpoint(path: str | os.PathLike, state: TrainState) -> None:
    """Write *state* to *path*, whole or not at all."""
    with whole_file(path) as place:
        torch.save(state.state_dict(), place)


def load_checkpoint(path: str | os.PathLike) -> dict:
    """Read what save_checkpoint wrote, for ``train(…, resume=…)``."""
    return torch.load(path, map_location="cpu", weights_only=True)
