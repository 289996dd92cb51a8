"""A mixture as a network: one that makes no mistake."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import Images, InputError, Labels, Times, checked, ends
from .mixture import GaussianMixture
from .schedule import NoiseSchedule


class ExactModel:
    """A mixture as the perfect network: (x_t, t, label) -> E[x_0 | x_t].

    It predicts "x0". Each component is a class; the label K, which is
    ``null_label``, means that the class is not known.
    """

    @checked
    def __init__(self, mixture: GaussianMixture, schedule: NoiseSchedule):
        self.mixture, self.schedule = mixture, schedule
        self.null_label = len(mixture.means)

    @checked
    def __call__(
        self, xt: Images, t: Times, label: Labels | None = None
    ) -> Tensor:
        """(B, D) at the steps t, of the classes (B,), to (B, D)."""
        schedule = self.schedule
        if isinstance(t, Tensor) and t.is_floating_point():  # between steps
            moments, each = t.unique(return_inverse=True)
            schedule, t = schedule.through(moments), each + 1
        parts = self.mixture.posterior(xt, t, schedule)
        label = self.null_label if label is None else label
        label = torch.as_tensor(label, device=xt.device)
        low, high = ends(label) or (0, 0)
        if low < 0 or high > self.null_label:
            raise InputError(
                f"label must be in 0..{self.null_label}, where "
                f"{self.null_label} means no class; got values from "
                f"{low} to {high}"
            )
        label = label.expand(len(xt))
        known = F.one_hot(label, self.null_label + 1)[:, :-1].to(xt)
        unknown = (label == self.null_label)[:, None]
        weights = torch.where(unknown, parts.weights, known)
        return (weights[..., None] * parts.means).sum(1)
