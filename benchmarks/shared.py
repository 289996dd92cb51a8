"""A step of a peer's network, or of ours as large, among processes.

python -m torch.distributed.run --nproc-per-node 2 -m benchmarks.shared \\
    PEER theirs|ours

Prints the median of its seconds. The processes divide the batch.
"""

import subprocess
import sys
from collections.abc import Callable
from functools import partial

import torch
import torch.distributed as dist
from torch import nn

from diffusion_lessons import (
    Batches,
    NoiseSchedule,
    TimeUNet,
    count_parameters,
    diffusion_loss,
    train,
)

from .contestants import PEERS
from .timing import medians

BATCH, ROUNDS, MANY = 64, 9, 10**6
LAUNCH = ("-m", "torch.distributed.run", "--standalone")


def network(name: str, whose: str) -> tuple[nn.Module, Callable]:
    """The network of a peer, or ours as large, and its loss."""
    peer = next(peer for peer in PEERS if peer.name == name)
    model = peer.build(peer.recipe.width)
    if whose == "theirs":
        return model, peer.loss
    size = count_parameters(model)
    models = (TimeUNet(1, width) for width in range(8, 1000, 8))
    large = next(m for m in models if count_parameters(m) >= size)
    return large, diffusion_loss


def step_of(
    model: nn.Module, loss: Callable, batch_size: int = BATCH
) -> Callable:
    """One step of training after the other, on noise as pictures."""
    device = next(model.parameters()).device
    images = torch.randn(256, 1, 8, 8)
    run = train(
        model,
        Batches(images, batch_size=batch_size),
        NoiseSchedule.cosine().to(device),
        loss=loss,
        num_steps=MANY,
    )
    return partial(next, run)


def seconds_among(count: int, name: str, whose: str) -> float:
    """Of a step in so many processes."""
    way = (*LAUNCH, f"--nproc-per-node={count}", "-m", "benchmarks.shared")
    run = subprocess.run(
        [sys.executable, *way, name, whose],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(run.stdout.split()[-1])


def main(name: str, whose: str) -> None:
    """What one of the processes does."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    model, loss = network(name, whose)
    model = nn.parallel.DistributedDataParallel(model)
    step = step_of(model, loss, BATCH // dist.get_world_size())
    (seconds,) = medians(step, rounds=ROUNDS)
    if dist.get_rank() == 0:
        print(seconds)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
