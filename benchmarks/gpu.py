"""What a GPU changes: half precision, peers, and digits in seconds.

python -m benchmarks gpu --device cuda
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import torch
from diffusers import UNet2DModel
from torch import nn
from torch.profiler import ProfilerActivity, profile

from diffusion_lessons import EMA, TimeUNet, count_parameters
from diffusion_lessons.runs.config import RunConfig
from diffusion_lessons.runs.flop import gflop
from diffusion_lessons.runs.look import held_out_loss
from diffusion_lessons.runs.photographs import write_crops
from diffusion_lessons.runs.presets import PRESETS
from diffusion_lessons.runs.train import train_run

from .budget import SCHEDULE, Options, Recipe, v_loss
from .contestants import HAS_LUCIDRAINS, loss_diffusers, loss_lucidrains
from .digits import contest, middle_loss
from .timing import medians, spoken

SIDE, BATCH, ROUNDS, STEPS, LAST = 64, 128, 25, 200, 50
SHAPE = (3, SIDE, SIDE)
NAME = f"{BATCH}×3×{SIDE}×{SIDE}"
WAYS = {  # how a run computes
    "fp32": {},
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
    "bf16, channels-last": {"precision": "bf16", "channels_last": True},
    "bf16, compiled": {"precision": "bf16", "compile": True},
}
DIGITS = Recipe(width=64, patch=2, lr=2e-3, batch_size=256, scale=1.75)
SECONDS, SEEDS = 20, (0, 1, 2)


def rows(options: Options) -> Iterator[tuple[str, str, str]]:
    """Ways to compute, then peers, then the seconds to digits."""
    if options.device.type == "cpu":
        yield "no GPU was named (--device cuda): not measured", "", ""
        return
    card = torch.cuda.get_device_properties(options.device)
    yield card.name, f"{card.total_memory / 2**30:.0f} GiB", ""
    yield from _ways(options)
    yield from _beside_peers(options)
    seconds = options.seconds or SECONDS
    few = options._replace(seconds=seconds)
    yield from contest(
        few, "mnist", 400, seconds, DIGITS, SEEDS, loss=middle_loss
    )


# Ways to compute


class Way(NamedTuple):
    """A run in progress, and what its first step took."""

    config: RunConfig
    run: Iterator
    first: float  # seconds


def _ways(options: Options) -> Iterator[tuple[str, str, str]]:
    """A step of each beside one in fp32, and where its loss ends."""
    with TemporaryDirectory() as name:
        place = Path(name)
        write_crops(place / "crops", 20 * BATCH, SIDE)
        ways = {
            way: _begun(place / "crops", place / way, options, settings)
            for way, settings in WAYS.items()
        }
        times = medians(
            *(partial(next, way.run) for way in ways.values()),
            rounds=ROUNDS,
        )
        for (words, way), time in zip(ways.items(), times, strict=True):
            yield (
                f"step of a run, medium, {NAME}, {words}",
                f"{spoken(time)}, {BATCH / time:,.0f}/s",
                f"{times[0] / time:.2f}",
            )
            busy = _busy(way.run)
            yield (
                "  the first step : a later one, without the waiting",
                f"{spoken(way.first)} : {spoken(busy)}",
                f"{busy / time:.2f}",
            )
            loss, held_out = _to_the_end(way)
            yield (
                f"  loss of the last {LAST} of {STEPS} : on held-out crops",
                f"{loss:.4f} : {held_out:.4f}",
                "",
            )


def _begun(
    pictures: Path, out: Path, options: Options, settings: dict
) -> Way:
    config = RunConfig(
        str(pictures),
        out,
        size=SIDE,
        network="medium",
        steps=STEPS,
        batch_size=BATCH,
        sample_every=0,
        device=options.device.type,
        **settings,
    )
    run, start = train_run(config), perf_counter()
    next(run)
    return Way(config, run, perf_counter() - start)


def _busy(run: Iterator, steps: int = 4) -> float:
    """Seconds a step in which the GPU computes."""
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        for _ in range(steps):
            next(run)
        torch.cuda.synchronize()
    spent = sum(
        event.device_time
        for event in seen.events()
        if event.device_type == torch.autograd.DeviceType.CUDA
    )
    return spent / 1e6 / steps


def _to_the_end(way: Way) -> tuple[float, float | None]:
    """The mean of its last losses, and the loss on held-out pictures."""
    losses = []
    for step in way.run:
        losses.append(step.loss)
        if step.step == STEPS:
            held_out = held_out_loss(step.state, way.config)
    return mean(losses[-LAST:]), held_out


# Peers


def _beside_peers(options: Options) -> Iterator[tuple[str, str, str]]:
    """A step of each peer's network and of ours as large, in one loop."""
    ours = TimeUNet(3, **PRESETS["medium"].network)
    size = count_parameters(ours)
    work = BATCH * gflop(ours, SHAPE, training=True) / 1000
    for kind, half in {"fp32": False, "bf16": True}.items():
        theirs = {"diffusers": (_diffusers, loss_diffusers)}
        if HAS_LUCIDRAINS:  # whose flash attention is for half precision
            build = partial(_lucidrains, flash=half)
            theirs["lucidrains"] = build, loss_lucidrains
        own = _step(ours, v_loss, options, half)
        for name, (build, loss) in theirs.items():
            model = _as_large(build, size)
            other = _step(model, loss, options, half)
            a, b = medians(other, own, rounds=ROUNDS)
            millions = count_parameters(model) / 1e6
            yield (
                f"step of {name}, {millions:.1f} M, {NAME}, {kind} : ours",
                f"{spoken(a)} : {spoken(b)}, {BATCH / b:,.0f}/s",
                f"{a / b:.2f}",
            )
        speed = f"{work / b:.0f} TFLOP/s"
        yield f"  operations of ours, {kind}", speed, ""


def _diffusers(width: int) -> nn.Module:
    """Six levels, attention in the fifth, as in their script."""
    return UNet2DModel(
        sample_size=SIDE,
        in_channels=3,
        out_channels=3,
        layers_per_block=2,
        block_out_channels=[width * k for k in (1, 1, 2, 2, 4, 4)],
        down_block_types=[
            *["DownBlock2D"] * 4,
            "AttnDownBlock2D",
            "DownBlock2D",
        ],
        up_block_types=[
            "UpBlock2D",
            "AttnUpBlock2D",
            *["UpBlock2D"] * 4,
        ],
        norm_num_groups=8,
    )


def _lucidrains(width: int, flash: bool) -> nn.Module:
    """Four resolutions, as its page begins."""
    from denoising_diffusion_pytorch import GaussianDiffusion, Unet

    network = Unet(width, dim_mults=(1, 2, 4, 8), flash_attn=flash)
    return GaussianDiffusion(network, image_size=SIDE)


def _as_large(build: Callable[[int], nn.Module], size: int) -> nn.Module:
    """The one of their widths with the nearest number of weights."""
    models = [build(width) for width in range(8, 72, 8)]
    return min(models, key=lambda m: abs(count_parameters(m) - size))


def _step(
    model: nn.Module, loss: Callable, options: Options, half: bool
) -> Callable[[], None]:
    """A step of training on pictures that lie on the GPU already."""
    device = options.device
    model = model.to(device)
    ema = EMA(model, 0.999)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)
    pictures = torch.randn(20 * BATCH, *SHAPE, device=device)
    schedule = SCHEDULE.to(device)
    kind = device.type, torch.bfloat16

    def step() -> None:
        places = torch.randint(len(pictures), (BATCH,), device=device)
        x0 = pictures[places]
        t = torch.randint(1, 1001, (BATCH,), device=device)
        noise = torch.randn_like(x0)
        with torch.autocast(*kind, enabled=half):
            value = loss(model, x0, t, noise, schedule)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        ema.update(model)

    return step
