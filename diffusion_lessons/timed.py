"""Networks that are told the time of a flow, t in 0..1."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import Count, Images, InputError, Labels, Moments, checked

WAVES = 4  # of t: half a turn in 0..1, then one, two and four


class InSteps(nn.Module):
    """A network that is told steps, asked at times: t becomes T t.

    ``TimeUNet`` knows the t of diffusion, whole numbers up to T. Around it
    this makes the model of a flow, which can be trained and asked at t in
    0..1. A t below the first step is told as the first.

    model: any (x_t, t) or (x_t, t, label) -> output
    """

    @checked
    def __init__(self, model: nn.Module, num_steps: Count = 1000):
        super().__init__()
        self.model, self.num_steps = model, num_steps
        if hasattr(model, "null_label"):
            self.null_label = model.null_label

    @checked
    def forward(
        self, x: Images, t: Moments, label: Labels | None = None
    ) -> Tensor:
        """(B, …) at the times t to the network's output."""
        t = torch.as_tensor(t, dtype=torch.float32, device=x.device)
        step = (self.num_steps * t).clamp(min=1)
        told = () if label is None else (label,)
        return self.model(x, step, *told)


class PointNetwork(nn.Module):
    """Three layers that are told x and t: (x_t, t) -> output, like x_t.

    t is the time of a flow, in 0..1, and enters as sines and cosines. Any
    output is possible: the last layer is linear, and starts at 0.

    dim: D, the dimensions of a point    width: of the layers
    """

    @checked
    def __init__(self, dim: Count = 2, width: Count = 128):
        super().__init__()
        self.dim = dim
        self.into = nn.Linear(dim + 2 * WAVES, width)
        self.inner = nn.ModuleList(
            nn.Linear(width, width) for _ in range(2)
        )
        self.out = nn.Linear(width, dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    @checked
    def forward(self, x: Images, t: Moments) -> Tensor:
        """(B, D) at the times t to an output of the same shape."""
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise InputError(
                f"x must have shape (B, {self.dim}); got {tuple(x.shape)}"
            )
        t = torch.as_tensor(t, dtype=x.dtype, device=x.device)
        angles = t.expand(len(x))[:, None] * self._frequencies(x)
        h = F.silu(self.into(torch.cat([x, angles.sin(), angles.cos()], 1)))
        for layer in self.inner:
            h = F.silu(layer(h))
        return self.out(h)

    def _frequencies(self, x: Tensor) -> Tensor:
        """Of the waves of t, (WAVES,)."""
        turns = torch.arange(WAVES, dtype=x.dtype, device=x.device)
        return torch.pi * 2**turns
