"""The loop of a run: step, look, write down, save."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from time import perf_counter
from typing import Any

from ..progress import bar
from ..training import Step
from .config import RunConfig
from .folder import RunFolder
from .log import Log, memory
from .look import draw_samples, held_out_loss
from .ranks import Ranks
from .step import RunState, take_step


@dataclass
class Run:
    """A run in progress, in one of its processes."""

    config: RunConfig
    ranks: Ranks
    state: RunState
    folder: RunFolder
    log: Log | None = None  # of the process that writes
    line: Any = None  # the bar
    since: tuple[float, int] = (0.0, 0)  # time and step of the last row
    speed: str = ""  # in words, for the bar
    saved: int = -1  # the step of the last checkpoint

    def steps(self, stop: Callable, shown: bool) -> Iterator[Step]:
        """The steps that are left; each is done whole or not at all."""
        state, total = self.state, self.config.steps
        options = {"total": total, "initial": state.step, "unit": "step"}
        self.since = perf_counter(), state.step
        with bar(shown=shown, desc="training", **options) as self.line:
            try:
                stopped = False
                while state.step < total and not stopped:
                    loss, stopped = self._step(stop)
                    self._after()
                    yield Step(state.step, loss, state)
            except (GeneratorExit, KeyboardInterrupt):
                self._save()
                raise
            self._save()

    def _step(self, stop: Callable) -> tuple[float, bool]:
        """One step: the loss, and does any process want to stop?"""
        state = self.state
        state.model.train()
        with state.whole_step():
            part = take_step(state, self.config, self.ranks)
        loss, wishes = self.ranks.sums(part, float(stop()))
        if isfinite(loss):
            total, count = state.seen
            state.seen = total + loss, count + 1
        elif not state.scaler.is_enabled() or state.scaler.get_scale() < 1:
            raise RuntimeError(self._lost(f"the loss is {loss}"))
        self.line.update()
        words = f"loss {loss:.4f}{self.speed}"
        self.line.set_postfix_str(words, refresh=False)
        return loss, wishes > 0

    def _after(self) -> None:
        """What is due after this step."""
        step, config = self.state.step, self.config
        looks = self._due(config.sample_every)
        if looks or self._due(config.log_every) or step == config.steps:
            if self.ranks.first:
                self._write_down(looks)
            self.state.seen = (0.0, 0)
        if self._due(config.save_every) or self._due(config.keep):
            self._save()

    def _due(self, every: int) -> bool:
        return every > 0 and self.state.step % every == 0

    def _write_down(self, looks: bool) -> None:
        """A row of the log, and what the network can do by now."""
        state, (total, count) = self.state, self.state.seen
        row = {
            "step": state.step,
            "loss": total / max(count, 1),
            "lr": state.rate_of(state.step - 1),
            "pictures_per_second": self._measured(),
        }
        if looks:
            place = self.folder.samples(state.step)
            draw_samples(state, self.config, place)
            row["held_out_loss"] = held_out_loss(state, self.config)
        self.log.write(**row)
        self.since = perf_counter(), state.step  # looking took its time

    def _measured(self) -> float:
        """Pictures a second since the last row."""
        start, step = self.since
        took = perf_counter() - start
        speed = (self.state.step - step) * self.config.batch_size / took
        size = memory(self.ranks.device)
        self.speed = f", {speed:,.0f} pictures/s, {size:.1f} GB"
        return speed

    def _save(self) -> None:
        """A checkpoint of this step, unless the weights are no numbers."""
        if not self.ranks.first or self.saved == self.state.step:
            return
        if not self.state.is_finite():
            raise RuntimeError(self._lost("the weights are not finite"))
        self.folder.save(self.state, self.state.step, self.config.keep)
        self.saved = self.state.step

    def _lost(self, what: str) -> str:
        return (
            f"step {self.state.step}: {what}. The last checkpoint in "
            f"{self.folder.place} is from before; go on from it with a "
            "lower learning rate (--override lr=…) or shorter gradients "
            "(--override max_norm=…)"
        )
