"""Several processes that train one network, as torchrun starts them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import nn

from ..checks import InputError


class Ranks(NamedTuple):
    """Which of the processes this one is, and what they do together."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Is this the process that writes?"""
        return self.rank == 0

    def sums(self, *values: float) -> list[float]:
        """Each value, added up over all processes."""
        if self.count == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64)
        if self.device.type == "cuda":  # where nccl can reach it
            total = total.to(self.device)
        dist.all_reduce(total)
        return total.tolist()

    def once(self, work: Callable[[], Any]) -> Any:
        """What *work* returns to the first process, for all of them.

        If it is refused there, it is refused everywhere.
        """
        if self.count == 1:
            return work()
        told: list[Any] = [None, None]
        if self.first:
            try:
                told[0] = work()
            except (OSError, ValueError, RuntimeError) as error:
                told[1] = str(error) or type(error).__name__
        dist.broadcast_object_list(told, device=self.device)
        if told[1] is not None:
            raise InputError(told[1])
        return told[0]

    def gathered(self, value: Any) -> list[Any] | None:
        """What each process has, in the first one; None in the others."""
        if self.count == 1:
            return [value]
        all_of_them = [None] * self.count if self.first else None
        dist.gather_object(value, all_of_them)
        return all_of_them

    def shared(self, model: nn.Module) -> nn.Module:
        """*model*, so that its gradients are the mean of all processes'."""
        if self.count == 1:
            return model
        here = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, here)


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """A block in which this process knows the others, if there are any.

    device: "cpu", "cuda", "mps", or "auto" for the best there is
    """
    count = int(os.environ.get("WORLD_SIZE", 1))
    if device == "mps" and count > 1:
        raise InputError(
            "device: torchrun's processes meet on cpu or cuda; got mps"
        )
    place = _place(device, alone=count == 1)
    if count == 1:
        yield Ranks(place)
        return
    backend = "nccl" if place.type == "cuda" else "gloo"
    store, rank, count = next(dist.rendezvous("env://"))
    store = dist.PrefixStore(_attempt(), store)
    dist.init_process_group(
        backend, store=store, rank=rank, world_size=count
    )
    try:
        yield Ranks(place, dist.get_rank(), count)
    finally:
        dist.destroy_process_group()


def _attempt() -> str:
    """A name under which the processes of one start find one another.

    torchrun keeps the addresses of those it has started before; the next
    ones would call the dead. Where it runs on several nodes, they do not
    count their starts alike, and a fresh book is for torchrun to open:
    TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1.
    """
    alone = os.environ.get("GROUP_WORLD_SIZE", "1") == "1"
    count = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return f"start {count if alone else 0}"


def _place(name: str, alone: bool) -> torch.device:
    """The device of this process."""
    found = {
        "cuda": torch.cuda.is_available(),
        "mps": alone and torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(n for n, there in found.items() if there)
    if not found[name]:
        there = ", ".join(n for n, there in found.items() if there)
        raise InputError(
            f"device: PyTorch finds no {name} here; it finds {there}"
        )
    if name != "cuda":
        return torch.device(name)
    place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    torch.cuda.set_device(place)
    return place


def parts_of(size: int, rank: int, count: int, each: int) -> list[slice]:
    """Which of *size* pictures a process takes, in *each* parts.

    They are as even as can be: no two differ by more than one.
    """
    if size < count * each:
        raise InputError(
            f"batch_size: {size} pictures cannot be divided among {count} "
            f"processes, {each} part{'s' * (each > 1)} each; take "
            f"batch_size={count * each} or more"
        )
    ends = [i * size // (count * each) for i in range(count * each + 1)]
    own = range(rank * each, (rank + 1) * each)
    return [slice(ends[i], ends[i + 1]) for i in own]
