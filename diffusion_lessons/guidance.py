"""Steering towards a class: a guided model is again a model."""

import torch
from torch import Tensor, nn


class Guided(nn.Module):
    """Classifier-free guidance, Ho & Salimans (2022), eq. 6, as a model.

    output = null + scale (conditional - null), with scale = 1 + w in the
    paper's letters: 0 ignores the class, 1 is the plain conditional model,
    more than 1 goes beyond it.

    Args:
        model: (x, t, label) -> output.
        label: the class to steer towards: an int, or (B,) one for each.
        null: the label that means "no class".
        scale: how far to go from the answer without the class.
    """

    def __init__(
        self,
        model: nn.Module,
        label: Tensor | int,
        null: int,
        scale: float = 1.0,
    ):
        super().__init__()
        self.model, self.null, self.scale = model, null, scale
        self.register_buffer("label", torch.as_tensor(label))

    def forward(self, x: Tensor, t: Tensor | int) -> Tensor:
        """(B, …) at the steps t to the guided output, one pass for both."""
        t = torch.as_tensor(t, device=x.device).expand(len(x))
        label = self.label.to(x.device).expand(len(x))
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
