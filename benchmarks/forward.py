"""The jump beside diffusers' add_noise, and beside the chain."""

from collections.abc import Iterator

import torch
from diffusers import DDPMScheduler

from diffusion_lessons import NoiseSchedule, q_chain, q_sample

from .budget import Options
from .timing import medians, spoken

SHAPES = [(128, 1, 8, 8), (128, 3, 64, 64)]
STEPS = 500


def rows(options: Options) -> Iterator[tuple[str, str, str]]:
    """What was measured, the times, the ratio."""
    for shape in SHAPES:
        yield _jump(shape, options.device)
    yield ("  same bits, float64 images and tables", "", _same_bits())
    yield _chain(options.device)


def _jump(
    shape: tuple[int, ...], device: torch.device
) -> tuple[str, str, str]:
    schedule, theirs = NoiseSchedule.linear().to(device), DDPMScheduler()
    x0, noise = torch.randn(2, *shape, device=device)
    t = torch.randint(1, 1001, shape[:1], device=device)
    ours, peer = medians(
        lambda: q_sample(x0, t, noise, schedule),
        lambda: theirs.add_noise(x0, noise, t - 1),
        rounds=100,
        each=20 if x0.numel() < 10**5 else 2,
    )
    name = "q_sample : diffusers' add_noise, " + "×".join(map(str, shape))
    return name, f"{spoken(ours)} : {spoken(peer)}", f"{ours / peer:.2f}"


def _same_bits() -> str:
    schedule, theirs = NoiseSchedule.linear(), DDPMScheduler()
    theirs.alphas_cumprod = schedule.alphas_cumprod[1:]
    x0, noise = torch.randn(2, 1000, 1, 8, 8, dtype=torch.float64)
    t = torch.arange(1, 1001)
    jump = q_sample(x0, t, noise, schedule)
    return str(torch.equal(jump, theirs.add_noise(x0, noise, t - 1)))


def _chain(device: torch.device) -> tuple[str, str, str]:
    schedule = NoiseSchedule.linear(STEPS).to(device)
    x0 = torch.randn(SHAPES[0], device=device)

    def jump() -> None:
        q_sample(x0, STEPS, torch.randn_like(x0), schedule)

    chain, jumps = medians(
        lambda: q_chain(x0, schedule),
        lambda: [jump() for _ in range(100)],
        rounds=15,
    )
    jump_time = jumps / 100
    name = f"a chain of {STEPS} steps : one jump, both with their noise"
    times = f"{spoken(chain)} : {spoken(jump_time)}"
    return name, times, f"{chain / jump_time:.0f}"
