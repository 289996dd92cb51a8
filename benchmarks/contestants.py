"""Four ways to learn to draw digits, each with its own sampler.

Each keeps its own network, noise, loss and sampler. What is not the point
is shared, so that a peer has all that ours has: the loop with AdamW, its
learning rate's curve, and the averaged weights.
"""

from collections.abc import Callable
from contextlib import redirect_stderr
from importlib.util import find_spec
from io import StringIO
from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
from torch import Tensor, nn

from diffusion_lessons import (
    BasicUNet,
    IgnoreTime,
    TimeUNet,
    clean_image_loss,
)

from .budget import Recipe, v_loss
from .quality import draw

LUCIDRAINS = "lucidrains"
HAS_LUCIDRAINS = find_spec("denoising_diffusion_pytorch") is not None
STEPS = 50  # of every sampler
ETA = 1.0  # of those that are DDIM


class Tried(NamedTuple):
    """A recipe, and what it got."""

    recipe: Recipe
    distance: float | None = None  # Fréchet, 60 core-seconds, seed 0


class Contestant(NamedTuple):
    """One way from images to new images."""

    name: str
    build: Callable[[int], nn.Module]  # from a width
    loss: Callable[..., Tensor]  # (model, x0, t, noise, schedule)
    sample: Callable[[nn.Module, int, int], Tensor]  # (…, count, seed)
    tried: tuple[Tried, ...]  # `python -m benchmarks tuning` measures them

    @property
    def recipe(self) -> Recipe:
        """The best of those that were tried."""
        known = [t for t in self.tried if t.distance is not None]
        return min(known or self.tried[:1], key=lambda t: t.distance).recipe


# Ours


def draw_ours(model: nn.Module, count: int, seed: int) -> Tensor:
    """DDIM."""
    recipe = Recipe(eta=ETA, num_steps=STEPS)
    return draw(model, (count, 1, 8, 8), recipe, seed=seed)


# diffusers, as in the first unit of the Hugging Face course


def build_diffusers(width: int) -> nn.Module:
    """The network of its second notebook, (32, 64, 64) at width 32."""
    return UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        layers_per_block=2,
        block_out_channels=(width, 2 * width, 2 * width),
        down_block_types=("DownBlock2D", *["AttnDownBlock2D"] * 2),
        up_block_types=(*["AttnUpBlock2D"] * 2, "UpBlock2D"),
    )


COURSE_NOISE = DDPMScheduler(1000, beta_schedule="squaredcos_cap_v2")


def loss_diffusers(model, x0, t, noise, _) -> Tensor:
    """Their noise, their steps 0..999, the noise as the target."""
    noisy = COURSE_NOISE.add_noise(x0, noise, t - 1)
    return F.mse_loss(model(noisy, t - 1).sample, noise)


@torch.no_grad()
def draw_diffusers(model: nn.Module, count: int, seed: int) -> Tensor:
    """Their DDIM."""
    generator = torch.Generator().manual_seed(seed)
    scheduler = DDIMScheduler.from_config(COURSE_NOISE.config)
    scheduler.set_timesteps(STEPS)
    x = torch.randn(count, 1, 8, 8, generator=generator).to(model.device)
    for t in scheduler.timesteps:
        eps = model(x, t).sample
        step = scheduler.step(eps, t, x, eta=ETA, generator=generator)
        x = step.prev_sample
    return x


# denoising-diffusion-pytorch


def build_lucidrains(width: int) -> nn.Module:
    """Two resolutions, and the rest as it comes."""
    from denoising_diffusion_pytorch import GaussianDiffusion, Unet

    return GaussianDiffusion(
        Unet(width, dim_mults=(1, 2), channels=1),
        image_size=8,
        sampling_timesteps=STEPS,
        ddim_sampling_eta=ETA,
    )


def loss_lucidrains(model, x0, *_) -> Tensor:
    """It takes images in [0, 1], and draws t and the noise itself."""
    return model((x0 + 1) / 2)


def draw_lucidrains(model: nn.Module, count: int, seed: int) -> Tensor:
    """Its DDIM, without its progress bar."""
    torch.manual_seed(seed)
    with redirect_stderr(StringIO()):
        return model.sample(batch_size=count) * 2 - 1


# The way the course begins: uniform noise, the clean image as the target


def loss_course(model, x0, t, noise, schedule) -> Tensor:
    """In [0, 1], like its noise."""
    return clean_image_loss(model, (x0 + 1) / 2, t, noise, schedule)


@torch.no_grad()
def draw_course(model: nn.Module, count: int, seed: int) -> Tensor:
    """Its sampler: each step goes a share of the way to the guess."""
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    x = torch.rand(count, 1, 8, 8, generator=generator).to(device)
    for left in range(STEPS, 0, -1):
        x = x + (model(x, None) - x) / left
    return x * 2 - 1


OURS = Contestant(
    "TimeUNet",
    lambda width: TimeUNet(1, width),
    v_loss,
    draw_ours,
    (
        Tried(Recipe(16, lr=2e-3, batch_size=32), 18.46),
        Tried(Recipe(16, lr=4e-3, batch_size=32), 15.24),
        Tried(Recipe(16, lr=2e-3, batch_size=64), 21.14),
    ),
)
ALL_PEERS = (
    Contestant(
        "diffusers",
        build_diffusers,
        loss_diffusers,
        draw_diffusers,
        (
            Tried(Recipe(32, lr=1e-3, batch_size=16), 328.79),
            Tried(Recipe(32, lr=2e-3, batch_size=16), 227.36),
            Tried(Recipe(32, lr=1e-3, batch_size=32), 282.23),
        ),
    ),
    Contestant(
        LUCIDRAINS,
        build_lucidrains,
        loss_lucidrains,
        draw_lucidrains,
        (
            Tried(Recipe(32, lr=1e-3, batch_size=16), 157.42),
            Tried(Recipe(16, lr=1e-3, batch_size=16), 132.37),
            Tried(Recipe(16, lr=2e-3, batch_size=32), 103.25),
        ),
    ),
    Contestant(
        "the course's way",
        lambda width: IgnoreTime(BasicUNet()),
        loss_course,
        draw_course,
        (
            Tried(Recipe(32, lr=1e-3, batch_size=128), 144.35),
            Tried(Recipe(32, lr=1e-3, batch_size=32), 83.6),
            Tried(Recipe(32, lr=3e-3, batch_size=32), 34.1),
        ),
    ),
)
PEERS = [
    peer for peer in ALL_PEERS if HAS_LUCIDRAINS or peer.name != LUCIDRAINS
]
