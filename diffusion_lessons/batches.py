"""Shuffled batches whose place in the data can be saved."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from .checks import (
    ClassRow,
    InputError,
    Pictures,
    checked,
    refuse,
    whole,
)


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

    @checked
    def __init__(
        self,
        images: Pictures,
        labels: ClassRow | None = None,
        *,
        batch_size: Annotated[int, whole(1)] = 128,
        seed: int = 0,
    ):
        if batch_size > len(images):
            refuse("batch_size", f"in 1..{len(images)}", batch_size)
        if labels is not None and len(labels) != len(images):
            raise InputError(
                f"labels must be one per image; got {len(images)} images "
                f"and {len(labels)} labels"
            )
        self.images, self.labels = images, labels
        self._begin(batch_size, seed)

    def _begin(self, batch_size: int, seed: int) -> None:
        """Before the first pass."""
        self.batch_size = batch_size
        self._generator = torch.Generator().manual_seed(seed)
        self._order = torch.empty(0, dtype=torch.int64)
        self._position = 0

    def __next__(self) -> tuple[Tensor, Tensor | None]:
        chosen = self._chosen()
        labels = None if self.labels is None else self.labels[chosen]
        return self.images[chosen], labels

    def _chosen(self) -> Tensor:
        """The next batch_size places in the current order, (B,)."""
        if self._position + self.batch_size > len(self._order):
            self._order = torch.randperm(
                len(self.images), generator=self._generator
            )
            self._position = 0
        stop = self._position + self.batch_size
        chosen = self._order[self._position : stop]
        self._position = stop
        return chosen

    def state_dict(self) -> dict:
        """The generator, the current order and the place in it."""
        return {
            "generator": self._generator.get_state(),
            "order": self._order,
            "position": self._position,
            "batch_size": self.batch_size,
        }

    def check(self, state: dict) -> None:
        """Refuse the state of batches of other images or another size."""
        missing = {"generator", "order", "position"} - state.keys()
        if missing:
            raise InputError(
                "batches load what batches.state_dict() returned; got a "
                f"dict without {sorted(missing)[0]!r}"
            )
        check_generator(state["generator"])
        if len(state["order"]) not in (0, len(self.images)):
            raise InputError(
                f"this state was saved over {len(state['order'])} images, "
                f"but there are {len(self.images)} here"
            )
        size = state.get("batch_size", self.batch_size)
        if size != self.batch_size:
            raise InputError(
                f"batch_size: the saved run has {size}; got "
                f"batch_size={self.batch_size}"
            )

    @checked
    def load_state_dict(self, state: dict) -> None:
        """Go on from where *state* was taken, over the same images."""
        self.check(state)
        self._generator.set_state(state["generator"])
        self._order, self._position = state["order"], state["position"]


def check_generator(state: Tensor) -> None:
    """Refuse what no torch.Generator has saved."""
    try:
        torch.Generator().set_state(state)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            "generator: this is no state of a torch.Generator"
        ) from error


@checked
def of_each_class(
    labels: ClassRow, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """Which images to take for *count* random ones of each class.

    labels: (N,)    returns (C * count,) indices, class after class
    """
    classes, sizes = labels.unique(return_counts=True)
    if not 1 <= count <= sizes.min():
        raise InputError(
            f"count must be in 1..{sizes.min()}, the size of the smallest "
            f"class; got {count}"
        )
    mixed = torch.randperm(len(labels), generator=generator)
    mixed = mixed.to(labels.device)
    chosen = [mixed[labels[mixed] == c][:count] for c in classes]
    return torch.cat(chosen)
