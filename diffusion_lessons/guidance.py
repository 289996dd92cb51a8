"""Steering towards a class: a guided model is again a model."""

from typing import Annotated

import torch
from torch import Tensor, nn

from .checks import (
    Classes,
    Images,
    InputError,
    LabelledModel,
    Told,
    checked,
    whole,
)


class Guided(nn.Module):
    """Classifier-free guidance, Ho & Salimans (2022), eq. 6, as a model.

    output = null + scale (conditional - null), with scale = 1 + w in the
    paper's letters: 0 ignores the class, 1 is the plain conditional model,
    more than 1 goes beyond it.

    Args:
        model: (x, t, label) -> output.
        label: the class to steer towards: an int, or (B,) one for each.
        null: the label that means "no class".
        scale: how far to go from the answer without the class; left out, 1.
    """

    @checked
    def __init__(
        self,
        model: LabelledModel,
        label: Classes,
        null: Annotated[int, whole(0)],
        scale: float | None = None,
    ):
        super().__init__()
        own = getattr(model, "null_label", null)
        if scale is None and null != own:  # a scale in the place of null
            raise InputError(
                f'null must be the label that means "no class", {own} for '
                f"this model; got {null} (scale is the fourth argument)"
            )
        self.model, self.null = model, null
        self.scale = 1.0 if scale is None else scale
        self.register_buffer("label", torch.as_tensor(label))

    @checked
    def forward(self, x: Images, t: Told) -> Tensor:
        """(B, …) at t to the guided output, one pass for both."""
        t, label = self._for_each(x, t)
        null = torch.full_like(label, self.null)
        if self.scale == 1:
            return self.model(x, t, label)
        if self.scale == 0:
            return self.model(x, t, null)
        both = self.model(
            torch.cat([x, x]), torch.cat([t, t]), torch.cat([label, null])
        )
        conditional, unconditional = both.chunk(2)
        return unconditional + self.scale * (conditional - unconditional)

    def _for_each(
        self, x: Tensor, t: Tensor | float
    ) -> tuple[Tensor, Tensor]:
        """The step and the label of each image, both (B,)."""
        if self.label.ndim and len(self.label) not in (1, len(x)):
            raise InputError(
                f"label must be one, or one for each of the {len(x)} "
                f"images in x; got {len(self.label)}"
            )
        t = torch.as_tensor(t, device=x.device).expand(len(x))
        return t, self.label.to(x.device).expand(len(x))
