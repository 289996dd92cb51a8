"""Which pictures a step sees, at which t, and under which noise.

All of it is drawn for the whole batch of a step, in every process alike,
and then each takes its part. So a run is the same run on one process, on
two or on four.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..batches import Batches
from ..checks import refuse
from ..conditioning import drop_labels
from ..loss import draw_t_and_noise
from ..schedule import NoiseSchedule


class PictureBatches(Batches):
    """Batches of the pictures in a store, as their places in it.

    Every item is a pair: places (B,) of pictures for training, in a new
    random order in each pass, and labels (B,) or None.

    Args:
        store: where the pictures are.
        batch_size: B, of all processes together.
        seed: of the orders.
    """

    def __init__(self, store: Any, *, batch_size: int, seed: int = 0):
        if batch_size > (most := len(store.training)):
            refuse(
                "batch_size", f"in 1..{most}, for these {most}", batch_size
            )
        self.store, self.images = store, torch.as_tensor(store.training)
        labels = store.labels
        self.labels = None if labels is None else labels[self.images]
        self._begin(batch_size, seed)


class Drawn(NamedTuple):
    """What a step is about, for B pictures."""

    places: Tensor  # (B,) of the pictures in the store
    t: Tensor  # (B,)
    noise: Tensor  # (B, C, H, W)
    label: Tensor | None  # (B,), a share of them dropped

    def part(self, own: slice) -> "Drawn":
        """The same for a part of the pictures."""
        return Drawn(*(x if x is None else x[own] for x in self))


def draw(
    batches: PictureBatches,
    schedule: NoiseSchedule,
    generator: torch.Generator,
    null: int,
    p_uncond: float,
) -> Drawn:
    """The draws of one step, in the order in which ``train`` draws."""
    places, label = next(batches)
    like = torch.empty(len(places), *batches.store.shape)
    t, noise = draw_t_and_noise(like, schedule, generator)
    if label is not None and p_uncond:
        label = drop_labels(label, null, p_uncond, generator)
    return Drawn(places, t, noise, label)
