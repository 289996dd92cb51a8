"""Shuffled batches whose place in the data can be saved."""

from collections.abc import Iterator

import torch
from torch import Tensor


class Batches(Iterator):
    """Endless shuffled batches that can stop and go on exactly as before.

    Each pass visits the images in a new random order; what is left over at
    the end of a pass and does not fill a batch is dropped. Every item is a
    pair: images (B, …), and labels (B,) or None.

    Args:
        images: (N, …).
        labels: (N,) or None.
        batch_size: B, in 1..N.
        seed: of the orders.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        *,
        batch_size: int = 128,
        seed: int = 0,
    ):
        if not 1 <= batch_size <= len(images):
            raise ValueError(
                f"batch_size must be in 1..{len(images)}, got {batch_size}"
            )
        if labels is not None and len(labels) != len(images):
            raise ValueError(
                f"one label per image: got {len(images)} images and "
                f"{len(labels)} labels"
            )
        self.images, self.labels = images, labels
        self.batch_size = batch_size
        self._generator = torch.Generator().manual_seed(seed)
        self._order = torch.empty(0, dtype=torch.int64)
        self._position = 0

    def __next__(self) -> tuple[Tensor, Tensor | None]:
        if self._position + self.batch_size > len(self._order):
            self._order = torch.randperm(
                len(self.images), generator=self._generator
            )
            self._position = 0
        stop = self._position + self.batch_size
        chosen = self._order[self._position : stop]
        self._position = stop
        labels = None if self.labels is None else self.labels[chosen]
        return self.images[chosen], labels

    def state_dict(self) -> dict:
        """The generator, the current order and the place in it."""
        return {
            "generator": self._generator.get_state(),
            "order": self._order,
            "position": self._position,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on from where *state* was taken, over the same images."""
        if len(state["order"]) not in (0, len(self.images)):
            raise ValueError(
                f"this state was saved over {len(state['order'])} images, "
                f"but there are {len(self.images)} here"
            )
        self._generator.set_state(state["generator"])
        self._order, self._position = state["order"], state["position"]


def of_each_class(
    labels: Tensor, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """Which images to take for *count* random ones of each class.

    labels: (N,)    returns (C * count,) indices, class after class
    """
    classes, sizes = labels.unique(return_counts=True)
    if not 1 <= count <= sizes.min():
        raise ValueError(
            f"count must be in 1..{sizes.min()}, the size of the smallest "
            f"class; got {count}"
        )
    mixed = torch.randperm(len(labels), generator=generator)
    mixed = mixed.to(labels.device)
    chosen = [mixed[labels[mixed] == c][:count] for c in classes]
    return torch.cat(chosen)
