"""What is examined, and how it is asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..checks import InputError
from ..forward import q_sample
from ..networks import home_of, in_mode
from ..prediction import PREDICTIONS, target
from ..schedule import NoiseSchedule

LEVELS, PICTURES = 8, 32  # steps, and images at each of them
MANY_PIXELS = 400  # from here on a quarter of the images has to do
FEW_PIXELS = 16  # of points, eight times as many are needed


@dataclass
class Case:
    """A model, what its user believes of it, and what was put right."""

    model: Callable
    schedule: NoiseSchedule
    images: Tensor
    labels: Tensor | None
    predicts: str
    sampler: Callable | None = None
    ema: Callable | None = None
    guided: Callable | None = None
    held_out: Tensor | None = None
    null: int | None = None  # the label that means "no class"
    seed: int = 0
    language: str = ""  # in which it had to be asked; "" for the chain's

    @property
    def generator(self) -> torch.Generator:
        """A new one for each test, so that their order does not matter."""
        return torch.Generator().manual_seed(self.seed)

    @property
    def pictures(self) -> bool:
        """Whether the images are images (N, C, H, W), and no points."""
        return self.images.ndim == 4

    def ask(
        self, x: Tensor, t: Tensor, label: Tensor | None = None
    ) -> Tensor:
        """The model's answer, (B, …): eval mode, nothing changed."""
        return asked(self.model, x, t, label)


def asked(
    model: Callable,
    x: Tensor,
    t: Tensor,
    label: Tensor | None = None,
    *,
    as_it_is: bool = False,
) -> Tensor:
    """What *model* answers; in eval mode, if not *as_it_is*."""
    model = getattr(model, "stands_for", model)  # an EMA
    device, dtype = home_of(model)
    told = [] if label is None else [label.to(device)]
    mode = nullcontext() if as_it_is else in_mode(model, training=False)
    with torch.no_grad(), mode:
        output = model(x.to(device, dtype), t.to(device), *told)
    if not isinstance(output, Tensor) or output.shape != x.shape:
        shape = getattr(output, "shape", type(output).__name__)
        raise InputError(
            f"the model must return a tensor of shape {tuple(x.shape)}; "
            f"got {tuple(shape) if isinstance(output, Tensor) else shape}"
        )
    return output.to("cpu", x.dtype)


@contextmanager
def untouched(model: Any) -> Iterator[None]:
    """What BatchNorm would learn meanwhile is forgotten again."""
    own = model.buffers() if isinstance(model, nn.Module) else ()
    before = [(b, b.clone()) for b in own]
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for buffer, value in before:
            buffer.copy_(value)


@dataclass(frozen=True)
class Levels:
    """The same images with the same noise, at several steps.

    x0, noise, xt: (K n, …), level after level    t: (K n,)
    """

    x0: Tensor
    noise: Tensor
    t: Tensor
    label: Tensor | None
    schedule: NoiseSchedule
    count: int  # n

    @property
    def xt(self) -> Tensor:
        """The noisy images, (K n, …)."""
        return q_sample(self.x0, self.t, self.noise, self.schedule)

    def losses(self, output: Tensor) -> dict[str, Tensor]:
        """For each reading the losses, (K, n): levels, images."""
        return {
            p: self.each((output - self.targets(p)).double().square())
            for p in PREDICTIONS
        }

    def loss(self, model: Any) -> float:
        """The loss of a model that says itself what it predicts."""
        losses = self.losses(model(self.xt, self.t))
        return losses[model.predicts].mean().item()

    def each(self, x: Tensor) -> Tensor:
        """The mean over the pixels, (K, n): levels, images."""
        return x.flatten(1).double().mean(1).view(-1, self.count)

    def targets(self, predicts: str) -> Tensor:
        """What should have been answered, (K n, …)."""
        return target(predicts, self.x0, self.noise, self.t, self.schedule)


def levels_of(case: Case, images: Tensor | None = None) -> Levels:
    """Some of the images, at evenly spaced steps of the schedule."""
    images = case.images if images is None else images
    generator, top = case.generator, case.schedule.num_steps
    n = PICTURES // (4 if images[0].numel() > MANY_PIXELS else 1)
    n *= 8 if images[0].numel() < FEW_PIXELS else 1
    chosen = torch.randperm(len(images), generator=generator)[:n]
    x0 = images[chosen]
    noise = torch.randn(x0.shape, generator=generator)
    last = min(0.96 * top, max(1, top - 1))  # eps may be unreadable at T
    t = torch.linspace(0.04 * top, last, min(LEVELS, top))
    t = t.round().long().clamp(min=1)
    label = None if case.labels is None else case.labels[chosen]
    return Levels(
        torch.cat([x0] * len(t)),
        torch.cat([noise] * len(t)),
        t.repeat_interleave(len(x0)),
        None if label is None else torch.cat([label] * len(t)),
        case.schedule,
        len(x0),
    )
