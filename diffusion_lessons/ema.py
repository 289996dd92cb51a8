"""The running average of a network's weights, which samples better."""

from copy import deepcopy
from typing import Annotated

import torch
from torch import Tensor, nn

from .checks import InputError, checked, real
from .networks import bare_names, misfit

Decay = Annotated[float, real(0, 1, ends="[)")]


class EMA:
    """The running average of a model's weights, which samples better.

    After every training step: average <- d average + (1 - d) weights, with
    d = *decay*, less in the first steps, so that the random start is soon
    forgotten. What is no weight (BatchNorm's statistics) is taken over as
    it is. Called, it answers as the averaged network.

    Args:
        model: the network in training; ``ema.model`` is the averaged copy.
        decay: d, near 1: about 1 / (1 - d) steps are averaged.
    """

    @checked
    def __init__(self, model: nn.Module, decay: Decay = 0.999):
        self.model = deepcopy(model).eval().requires_grad_(False)
        self.decay, self.updates = decay, 0

    @property
    def stands_for(self) -> nn.Module:
        """The network that is meant where an EMA is given for one."""
        return self.model

    def __call__(self, *given: Tensor) -> Tensor:
        """The output of the averaged network."""
        return self.model(*given)

    @checked
    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the weights of *model*, once after each step."""
        self._check_weights(model)
        self.updates += 1
        d = min(self.decay, self.updates / (self.updates + 10))
        averages = list(self.model.parameters())
        weights = list(model.parameters())
        # for each of them: d average + (1 - d) weights
        torch._foreach_lerp_(averages, weights, 1 - d)
        self._copy_statistics(model)

    def _copy_statistics(self, model: nn.Module) -> None:
        for own, new in zip(
            self.model.buffers(), model.buffers(), strict=True
        ):
            own.copy_(new)

    def _check_weights(self, model: nn.Module) -> None:
        average, weights = (
            [p.shape for p in its.parameters()]
            for its in (self.model, model)
        )
        if average != weights:
            raise InputError(
                "model must be the network that is averaged; this one has "
                f"other weights ({type(model).__name__})"
            )

    def state_dict(self) -> dict:
        """The averaged weights and how many steps they have seen."""
        saved = {"model": self.model.state_dict(), "updates": self.updates}
        return deepcopy(saved)

    @checked
    def load_state_dict(self, saved: dict) -> None:
        """Go on from where *saved* was taken."""
        self.check(saved)
        self.model.load_state_dict(bare_names(saved["model"]))
        self.updates = saved["updates"]

    def check(self, saved: dict) -> None:
        """Refuse what no EMA of such a network has saved."""
        if {"model", "updates"} - saved.keys():
            raise InputError(
                "an EMA loads what ema.state_dict() returned, with 'model' "
                f"and 'updates'; got a dict with {list(saved)[:3]}"
            )
        if wrong := misfit(bare_names(saved["model"]), self.model):
            raise InputError(f"the saved average does not fit: {wrong}")
