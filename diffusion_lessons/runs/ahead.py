"""The draws of the next step, made while a GPU is busy with this one."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

from ..schedule import NoiseSchedule
from .draws import Drawn, PictureBatches, draw


class Ahead:
    """Draws as ``draw`` does, and for the next step in another thread.

    Noise is drawn on the CPU, so that a run is the same run on any device,
    and a GPU would have to wait for it. What a step draws depends on the
    state before it alone. So it is drawn early, from a copy of that state,
    and the batches and the generator move on when the step takes it: what
    is saved after a step knows nothing of the next one.

    Args:
        batches: those that it will be called with.
    """

    def __init__(self, batches: PictureBatches):
        self._batches = PictureBatches(
            batches.store, batch_size=batches.batch_size
        )
        self._generator = torch.Generator()
        self._worker = ThreadPoolExecutor(1)
        self._early: Future | None = None
        self._begin: Any = None  # the state that it is drawn from

    def __call__(
        self,
        batches: PictureBatches,
        schedule: NoiseSchedule,
        generator: torch.Generator,
        null: int,
        p_uncond: float,
    ) -> Drawn:
        """The draws of this step; those of the next one are begun."""
        drawn = self._taken(batches, generator)
        if drawn is None:
            drawn = draw(batches, schedule, generator, null, p_uncond)
        self._begin = batches.state_dict(), generator.get_state()
        _move(self._batches, self._generator, *self._begin)
        self._early = self._worker.submit(
            draw, self._batches, schedule, self._generator, null, p_uncond
        )
        return drawn

    def _taken(
        self, batches: PictureBatches, generator: torch.Generator
    ) -> Drawn | None:
        """What was drawn early, if it was from the state there is now."""
        if self._early is None:
            return None
        drawn = self._early.result()
        now = batches.state_dict(), generator.get_state()
        if not _same(now, self._begin):  # a step was taken back
            return None
        after = self._batches.state_dict(), self._generator.get_state()
        _move(batches, generator, *after)
        return drawn


def _move(batches, generator, places: dict, draws: torch.Tensor) -> None:
    batches.load_state_dict(places)
    generator.set_state(draws)


def _same(one: tuple, other: tuple) -> bool:
    (places, draws), (others, theirs) = one, other
    return (
        torch.equal(draws, theirs)
        and torch.equal(places["generator"], others["generator"])
        and torch.equal(places["order"], others["order"])
        and places["position"] == others["position"]
    )
