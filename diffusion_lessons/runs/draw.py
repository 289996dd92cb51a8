"""Many pictures from one network: in batches, and among processes."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ..guidance import Guided
from ..networks import home_of
from ..pretrained import Pretrained
from ..progress import bar
from ..sampling import ddim_sample
from .load import LoadedRun

STRIDE = 0x9E3779B1  # between the seeds of batches: far apart, and odd


class Order(NamedTuple):
    """How many pictures are wanted, of what, and drawn how."""

    count: int  # in all
    label: int | None = None  # a class; None for each in turn, or for none
    scale: float = 1.0  # of guidance
    steps: int = 50  # of DDIM
    eta: float = 0.0  # 0 for the fixed path
    seed: int = 0
    batch: int = 16  # pictures at a time; another number, other pictures

    def labels(self, classes: int) -> Tensor | None:
        """(N,) the class of each picture; None where there are none."""
        if self.label is not None:
            return torch.full((self.count,), self.label)
        return torch.arange(self.count) % classes if classes else None

    def batches(self, rank: int = 0, count: int = 1) -> list[slice]:
        """The batches that one of *count* processes draws: whole ones."""
        starts = range(rank * self.batch, self.count, count * self.batch)
        ends = (min(s + self.batch, self.count) for s in starts)
        return [slice(s, end) for s, end in zip(starts, ends, strict=True)]

    def generator(self, batch: slice) -> torch.Generator:
        """The one of a batch: the same whichever process draws it."""
        number = batch.start // self.batch
        return torch.Generator().manual_seed(self.seed + number * STRIDE)


def draw(
    net: Pretrained | LoadedRun,
    order: Order,
    *,
    rank: int = 0,
    ranks: int = 1,
    progress: bool = False,
) -> Iterator[tuple[slice, Tensor]]:
    """The pictures of one process, batch by batch, and where they belong.

    All processes together draw what one alone would draw: every batch has
    noise of its own, and is drawn as a whole by one of them.

    Args:
        net: what ``load_pretrained`` or ``load_run`` returned.
        order: how many pictures, of what, drawn how.
        rank: which process this is.
        ranks: how many there are.
        progress: show a bar.
    """
    own = order.batches(rank, ranks)
    alone = progress and len(own) == 1  # then a bar of its steps
    for batch in bar(own, shown=progress and not alone, desc="sampling"):
        yield batch, _drawn(net, order, batch, alone)


def _drawn(
    net: Pretrained | LoadedRun, order: Order, batch: slice, progress: bool
) -> Tensor:
    """The pictures of one batch, (B, C, H, W)."""
    device, _ = home_of(net.model)
    generator = order.generator(batch)
    size = batch.stop - batch.start
    x_T = torch.randn(size, *net.shape, generator=generator)
    model, labels = net.model, order.labels(net.null)
    if labels is not None:
        own = labels[batch].to(device)
        model = Guided(net.model, own, net.null, order.scale)
    *_, last = ddim_sample(
        model,
        x_T.to(device),
        net.schedule.to(device),
        order.steps,
        eta=order.eta,
        predicts=net.predicts,
        generator=generator,
        progress=progress,
    )
    return last.x.cpu()
