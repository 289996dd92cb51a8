"""All that a run needs to stop, and to go on as if it had not."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from .batches import Batches, check_generator
from .checks import InputError
from .ema import EMA
from .interrupts import uninterrupted
from .networks import bare_names, misfit, unwrapped
from .recipe import Recipe, lr_factor
from .schedule import NoiseSchedule


@dataclass
class TrainState:
    """All that a run needs to stop and go on bit for bit as before."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    batches: Batches
    generator: torch.Generator  # draws t and the noise
    schedule: NoiseSchedule
    recipe: Recipe
    ema: EMA | None = None  # the averaged weights, if the recipe asks
    step: int = 0  # steps done so far

    def state_dict(self) -> dict:
        """A copy, in tensors and plain numbers only, so safe to load."""
        return deepcopy(
            {
                "model": unwrapped(self.model).state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "batches": self.batches.state_dict(),
                "ema": self.ema and self.ema.state_dict(),
                "generator": self.generator.get_state(),
                "torch_generator": torch.get_rng_state(),  # Dropout's
                "recipe": asdict(self.recipe),
                "betas": self.schedule.betas[1:].clone(),
                "step": self.step,
            }
        )

    def load_state_dict(self, saved: dict) -> None:
        """Become the run that *saved* was taken from.

        Everything is checked before anything is changed.
        """
        self.check(saved)
        saved = deepcopy(saved)  # AdamW would go on writing in it
        model = unwrapped(self.model)
        model.load_state_dict(bare_names(saved["model"]))
        self.optimizer.load_state_dict(saved["optimizer"])
        self.batches.load_state_dict(saved["batches"])
        if self.ema:
            self.ema.load_state_dict(saved["ema"])
        self.generator.set_state(saved["generator"])
        if "torch_generator" in saved:
            torch.set_rng_state(saved["torch_generator"])
        self.step = saved["step"]
        self.set_rate()

    def check(self, saved: dict) -> None:
        """Refuse, by name, what does not fit the run that is to go on."""
        check_saved(saved)
        wrong = misfit(bare_names(saved["model"]), unwrapped(self.model))
        if wrong:
            raise InputError(f"the saved model does not fit: {wrong}")
        if not _moved_the_same(saved["optimizer"], self.optimizer):
            raise InputError(
                "the saved optimizer does not fit: it moved other weights"
            )
        check_generator(saved["generator"])
        if "torch_generator" in saved:
            check_generator(saved["torch_generator"])
        self.batches.check(saved["batches"])
        if self.ema:
            if not saved.get("ema"):
                raise InputError(
                    f"ema={self.recipe.ema}: the saved run averaged no "
                    "weights; leave ema out"
                )
            self.ema.check(saved["ema"])
        betas = saved.get("betas")
        own = self.schedule.betas[1:]
        if betas is not None and not torch.equal(own.cpu(), betas):
            raise InputError(
                "schedule: the saved run was trained with another one, "
                f"{NoiseSchedule(betas)!r}; got {self.schedule!r}"
            )

    def set_rate(self) -> None:
        """The learning rate of the step to come."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate_of(self.step)

    def rate_of(self, step: int) -> float:
        """The learning rate of a step, 0 for the first."""
        recipe = self.recipe
        share = lr_factor(step, recipe.num_steps, recipe.warmup)
        return recipe.lr * share

    def advance(self) -> None:
        """Let the gradients move the weights; Ctrl-C waits until it has."""
        with uninterrupted():
            self.move()
            self.step += 1
            self.set_rate()
            if self.ema:
                self.ema.update(self.model)

    def move(self) -> None:
        """A step of the optimizer."""
        self.shorten()
        self.optimizer.step()

    def shorten(self) -> None:
        """Shorten gradients that are longer than the recipe allows."""
        if self.recipe.max_norm is not None:
            clip_grad_norm_(self.model.parameters(), self.recipe.max_norm)

    @contextmanager
    def whole_step(self) -> Iterator[None]:
        """A block that, if it is cut short, leaves the state as before."""
        step, place = self.step, self.batches.state_dict()
        draws, drops = self.generator.get_state(), torch.get_rng_state()
        buffers = [(b, b.clone()) for b in self.model.buffers()]
        try:
            yield
        except BaseException:
            if self.step == step:  # the weights have not moved
                self.batches.load_state_dict(place)
                self.generator.set_state(draws)
                torch.set_rng_state(drops)
                for buffer, before in buffers:
                    buffer.copy_(before)
            raise


def _moved_the_same(saved: dict, own: torch.optim.Optimizer) -> bool:
    """Are the saved moments those of weights of these shapes?"""
    weights = [p for group in own.param_groups for p in group["params"]]
    groups = saved.get("param_groups", [])
    if sum(len(g["params"]) for g in groups) != len(weights):
        return False
    moments = saved.get("state", {}).items()
    return all(m["exp_avg"].shape == weights[i].shape for i, m in moments)


NEEDED = {"model", "optimizer", "batches", "generator", "step"}


def check_saved(saved: dict) -> None:
    """Refuse what is no state of a run at all."""
    missing = NEEDED - saved.keys()
    if missing:
        raise InputError(
            "resume takes what state.state_dict() or load_checkpoint "
            f"returned; got a dict without {sorted(missing)[0]!r} (weights "
            "alone: model.load_state_dict)"
        )
