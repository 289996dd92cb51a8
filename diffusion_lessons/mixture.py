"""A mixture of Gaussians, with known answers to every question."""

from collections.abc import Sequence
from math import pi
from typing import Annotated, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import (
    Count,
    Images,
    InputError,
    Labels,
    Rows,
    Steps,
    Times,
    as_tensor,
    checked,
    ends,
    finite,
    refuse,
)
from .schedule import NoiseSchedule


def _numbers(value: Any, name: str) -> Tensor:
    """One number or a row of them, as float64."""
    takes = "a number or a row of numbers"
    if isinstance(value, bool):
        refuse(name, takes, value)
    numbers = as_tensor(value, name, takes, torch.float64)
    return finite(numbers.double(), name)


Numbers = Annotated[Tensor | Sequence[float] | float, _numbers]


class MixturePosterior(NamedTuple):
    """q(x_0 | x_t) of a mixture, again a mixture: a column for each part.

    weights (B, K), means (B, K, D), variances (B, K).
    """

    weights: Tensor
    means: Tensor
    variances: Tensor


class GaussianMixture:
    """Isotropic Gaussians with exact q(x_t), score and denoiser.

    A component N(m, s² I) of x_0 becomes N(sqrt(ᾱ_t) m, ᾱ_t s² + 1 - ᾱ_t)
    of x_t, so at every t the noisy data is again a mixture.

    means: (K, D)    stds: a number or (K,)    weights: (K,), default equal
    """

    @checked
    def __init__(
        self, means: Rows, stds: Numbers, weights: Numbers | None = None
    ):
        means = means.double().clone()  # the caller keeps its own
        if means.ndim != 2:
            raise InputError(
                f"means must have shape (K, D); got {tuple(means.shape)}"
            )
        k = len(means)
        weights = torch.ones(k).double() if weights is None else weights
        if stds.shape not in ((), (k,)) or not (stds > 0).all():
            raise InputError(
                f"stds must be a positive number or {k} of them; got {stds}"
            )
        if weights.shape != (k,) or not (weights > 0).all():
            raise InputError(
                f"weights must be {k} positive numbers; got {weights}"
            )
        self.means = means
        self.variances = stds.expand(k) ** 2
        self.weights = weights / weights.sum()

    @checked
    def sample(
        self,
        n: Count,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """*n* draws of x_0, (n, D) float64."""
        k = torch.multinomial(
            self.weights, n, replacement=True, generator=generator
        )
        noise = torch.randn(
            n, self.means.shape[1], generator=generator, dtype=torch.float64
        )
        return self.means[k] + self.variances[k, None].sqrt() * noise

    @checked
    def log_density(
        self, xt: Images, t: Steps, schedule: NoiseSchedule
    ) -> Tensor:
        """log q(x_t) in nats, (B,).    xt: (B, D)    t: int or (B,)"""
        return self._log_parts(xt, t, schedule).logsumexp(1)

    @checked
    def density(
        self, xt: Images, t: Steps, schedule: NoiseSchedule
    ) -> Tensor:
        """q(x_t), (B,).    xt: (B, D)    t: int or (B,) in 0..T"""
        return self.log_density(xt, t, schedule).exp()

    @checked
    def responsibilities(
        self, xt: Images, t: Steps, schedule: NoiseSchedule
    ) -> Tensor:
        """How probable each bell is once x_t is seen, (B, K).

        r_k = w_k N(x_t; m_kt, s_kt²) / q(x_t), see ``noisy_bells``
        """
        return self._log_parts(xt, t, schedule).softmax(1)

    @checked
    def score(
        self, xt: Images, t: Steps, schedule: NoiseSchedule
    ) -> Tensor:
        """The gradient of log q(x_t) with respect to x_t, (B, D).

        The sum of r_k (m_kt - x_t) / s_kt² over the bells.
        """
        r = self.responsibilities(xt, t, schedule)[..., None]
        m_t, var_t = self.noisy_bells(xt, t, schedule)
        return (r * (m_t - xt[:, None]) / var_t[..., None]).sum(1)

    @checked
    def posterior(
        self, xt: Images, t: Steps, schedule: NoiseSchedule
    ) -> MixturePosterior:
        """q(x_0 | x_t), exact: again a mixture, with the weights r_k.

        Its bells have the means m_k + g_k (x_t - m_kt) and the variances
        s_k² (1 - g_k sqrt(ᾱ_t)), where g_k = sqrt(ᾱ_t) s_k² / s_kt².

        xt: (B, D)    t: int or (B,) in 0..T
        """
        r = self.responsibilities(xt, t, schedule)
        m_t, var_t = self.noisy_bells(xt, t, schedule)
        signal, _ = schedule.signal_and_sigma(t, xt)
        m, var = self.means.to(xt), self.variances.to(xt)
        g = signal * var / var_t
        means = m + g[..., None] * (xt[:, None] - m_t)
        variances = var * (1 - g * signal)
        return MixturePosterior(r, means, variances.expand_as(r))

    @checked
    def posterior_mean(
        self, xt: Images, t: Steps, schedule: NoiseSchedule
    ) -> Tensor:
        """E[x_0 | x_t], (B, D): what a perfect x0-network would output."""
        r, means, _ = self.posterior(xt, t, schedule)
        return (r[..., None] * means).sum(1)

    @checked
    def noisy_bells(
        self, xt: Images, t: Steps, schedule: NoiseSchedule
    ) -> tuple[Tensor, Tensor]:
        """Means and variances of the bells at step t, in the dtype of xt.

        m_kt = sqrt(ᾱ_t) m_k and s_kt² = ᾱ_t s_k² + 1 - ᾱ_t.

        Returns (1, K, D) and (1, K), or (B, K, D) and (B, K).
        """
        self._check_dimension(xt)
        signal, sigma = schedule.signal_and_sigma(t, xt)
        m, var = self.means.to(xt), self.variances.to(xt)
        return signal[..., None] * m, signal**2 * var + sigma**2

    def _log_parts(
        self, xt: Tensor, t: Tensor | int, schedule: NoiseSchedule
    ) -> Tensor:
        """log of w_k N(x_t; m_kt, s_kt²), a column for each bell."""
        m_t, var_t = self.noisy_bells(xt, t, schedule)
        square = (xt[:, None] - m_t).square().sum(-1)
        dim = m_t.shape[-1]
        log_bell = -square / (2 * var_t) - dim / 2 * (2 * pi * var_t).log()
        return self.weights.to(xt).log() + log_bell

    def _check_dimension(self, xt: Tensor) -> None:
        dim = self.means.shape[1]
        if xt.ndim != 2 or xt.shape[1] != dim:
            raise InputError(
                f"xt must have shape (B, {dim}); got {tuple(xt.shape)}"
            )


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
