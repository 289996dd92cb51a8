"""The loss: what a network is asked for, and how far off it is."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import (
    Clean,
    Images,
    Labels,
    Loss,
    Model,
    Pictures,
    Steps,
    ToList,
    checked,
    trusted,
)
from .forward import mix, q_sample
from .networks import home_of, in_mode
from .prediction import Predicts, target
from .schedule import NoiseSchedule

# What is handed on here came through a door already.
q_sample, target, mix = trusted(q_sample), trusted(target), trusted(mix)


@checked
def diffusion_loss(
    model: Model,
    x0: Clean,
    t: Steps,
    noise: Images,
    schedule: NoiseSchedule,
    *,
    predicts: Predicts = "eps",
    label: Labels | None = None,
) -> Tensor:
    """The simple loss of DDPM, eq. 14: || target - model(x_t, t) ||².

    Noise x_0, let the model guess its target from the result, and take the
    mean squared error; the target is the noise when predicts = "eps".

    x0, noise: (B, …)    t: int or (B,) in 0..T    returns a scalar
    """
    xt = q_sample(x0, t, noise, schedule)
    output = model(xt, t) if label is None else model(xt, t, label)
    return F.mse_loss(output, target(predicts, x0, noise, t, schedule))


@checked
def clean_image_loss(
    model: Model,
    x0: Clean,
    t: Steps,
    noise: Images,
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


@checked
def draw_t_and_noise(
    x0: Images, schedule: NoiseSchedule, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """One t in 1..T, both ends included, and one noise for each image."""
    last = schedule.num_steps
    t = torch.randint(1, last + 1, (len(x0),), generator=generator)
    noise = torch.randn(x0.shape, generator=generator, dtype=x0.dtype)
    return t, noise


@checked
@torch.no_grad()
def loss_by_t(
    model: nn.Module | Callable,
    x0: Pictures,
    schedule: NoiseSchedule,
    t_values: ToList,
    *,
    loss: Loss = diffusion_loss,
    seed: int = 0,
) -> Tensor:
    """The loss at each t apart, (len(t_values),): one noise for all t.

    x0: (N, …) images, preferably held out    t_values: whole numbers
    """
    device, dtype = home_of(model)
    x0 = x0.to(dtype)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(x0.shape, generator=generator, dtype=dtype)
    x0, noise = x0.to(device), noise.to(device)
    t_of_all = [torch.full((len(x0),), t, device=device) for t in t_values]
    with in_mode(model, training=False):
        values = [loss(model, x0, t, noise, schedule) for t in t_of_all]
    return torch.stack(values).cpu()
