"""A mixture of Gaussians, with known answers to every question."""

from collections.abc import Sequence
from math import pi
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor

from .checks import (
    Count,
    Images,
    InputError,
    Rows,
    Steps,
    as_tensor,
    checked,
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

    weights (B, K), means (B, K, D), variances (B, K); of a mixture with
    full covariances, the matrices (B, K, D, D) in the place of variances.
    """

    weights: Tensor
    means: Tensor
    variances: Tensor


class GaussianMixture:
    """Gaussians with exact q(x_t), score and denoiser.

    A component N(m, s² I) of x_0 becomes N(sqrt(ᾱ_t) m, ᾱ_t s² + 1 - ᾱ_t)
    of x_t, so at every t the noisy data is again a mixture. A component
    may also be long and tilted: then it has a matrix Σ in the place of
    s² I, and so have all answers that hold variances.

    means: (K, D)    stds: a number or (K,)    weights: (K,), default equal
    covariances: (K, D, D), in the place of stds
    """

    @checked
    def __init__(
        self,
        means: Rows,
        stds: Numbers | None = None,
        weights: Numbers | None = None,
        covariances: Rows | None = None,
    ):
        means = means.double().clone()  # the caller keeps its own
        if means.ndim != 2:
            raise InputError(
                f"means must have shape (K, D); got {tuple(means.shape)}"
            )
        k = len(means)
        weights = torch.ones(k).double() if weights is None else weights
        if (stds is None) == (covariances is None):
            raise InputError(
                "a mixture needs stds or covariances, not both"
            )
        if weights.shape != (k,) or not (weights > 0).all():
            raise InputError(
                f"weights must be {k} positive numbers; got {weights}"
            )
        self.means = means
        self.weights = weights / weights.sum()
        if covariances is None:
            self._take_stds(stds)
        else:
            self.__class__ = _Tilted  # the same answers, for matrices
            self._take_covariances(covariances.double().clone())

    def _take_stds(self, stds: Tensor) -> None:
        k = len(self.means)
        if stds.shape not in ((), (k,)) or not (stds > 0).all():
            raise InputError(
                f"stds must be a positive number or {k} of them; got {stds}"
            )
        self.variances = stds.expand(k) ** 2

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
        return self.means[k] + self._stretch(noise, k)

    def _stretch(self, noise: Tensor, k: Tensor) -> Tensor:
        """Noise of variance 1 to noise as wide as the bells k."""
        return self.variances[k, None].sqrt() * noise

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

        Returns (1, K, D) and (1, K), or (B, K, D) and (B, K); with full
        covariances the second is (1, K, D, D) or (B, K, D, D).
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


class _Tilted(GaussianMixture):
    """Bells with a matrix Σ_k each, which may be long and tilted.

    Along its own axes a bell is made of bells of one dimension: with
    Σ_k = U diag(λ) Uᵀ, that of x_t is U diag(ᾱ_t λ + 1 - ᾱ_t) Uᵀ.
    """

    def _take_covariances(self, covariances: Tensor) -> None:
        k, dim = self.means.shape
        if covariances.shape != (k, dim, dim):
            raise InputError(
                f"covariances must have shape {(k, dim, dim)}; got "
                f"{tuple(covariances.shape)}"
            )
        along, axes = torch.linalg.eigh(covariances)
        even = torch.allclose(covariances, covariances.mT)
        if not even or not (along > 0).all():
            raise InputError(
                "covariances must be symmetric, and positive in every "
                f"direction; got the least variance {along.min():.4g}"
            )
        self.variances, self._along, self._axes = covariances, along, axes

    def _stretch(self, noise: Tensor, k: Tensor) -> Tensor:
        return _turned(self._axes[k], self._along[k].sqrt() * noise)

    @checked
    def score(
        self, xt: Images, t: Steps, schedule: NoiseSchedule
    ) -> Tensor:
        """The sum of r_k Σ_kt⁻¹ (m_kt - x_t) over the bells, (B, D)."""
        r = self.responsibilities(xt, t, schedule)[..., None]
        m_t, lam_t = self._along_axes(xt, t, schedule)
        axes = self._axes.to(xt)
        back = _turned(axes.mT, m_t - xt[:, None]) / lam_t
        return (r * _turned(axes, back)).sum(1)

    @checked
    def posterior(
        self, xt: Images, t: Steps, schedule: NoiseSchedule
    ) -> MixturePosterior:
        """q(x_0 | x_t): means m_k + G_k (x_t - m_kt), where G_k =
        sqrt(ᾱ_t) Σ_k Σ_kt⁻¹, and covariances (I - sqrt(ᾱ_t) G_k) Σ_k.
        """
        r = self.responsibilities(xt, t, schedule)
        m_t, lam_t = self._along_axes(xt, t, schedule)
        signal, _ = schedule.signal_and_sigma(t, xt[:, None])
        axes, lam = self._axes.to(xt), self._along.to(xt)
        g = signal * lam / lam_t
        away = _turned(axes.mT, xt[:, None] - m_t)
        means = self.means.to(xt) + _turned(axes, g * away)
        left = axes * (lam * (1 - g * signal))[..., None, :] @ axes.mT
        left = left.expand(*r.shape, *left.shape[-2:])
        return MixturePosterior(r, means, left)

    @checked
    def noisy_bells(
        self, xt: Images, t: Steps, schedule: NoiseSchedule
    ) -> tuple[Tensor, Tensor]:
        """Means m_kt and covariances Σ_kt of the bells at step t."""
        m_t, lam_t = self._along_axes(xt, t, schedule)
        axes = self._axes.to(xt)
        return m_t, axes * lam_t[..., None, :] @ axes.mT

    def _along_axes(
        self, xt: Tensor, t: Tensor | int, schedule: NoiseSchedule
    ) -> tuple[Tensor, Tensor]:
        """Means m_kt, and the variances along the axes: (·, K, D) both."""
        self._check_dimension(xt)
        signal, sigma = schedule.signal_and_sigma(t, xt[:, None])
        m, lam = self.means.to(xt), self._along.to(xt)
        return signal * m, signal**2 * lam + sigma**2

    def _log_parts(
        self, xt: Tensor, t: Tensor | int, schedule: NoiseSchedule
    ) -> Tensor:
        m_t, lam_t = self._along_axes(xt, t, schedule)
        away = _turned(self._axes.to(xt).mT, xt[:, None] - m_t)
        log_bell = -(away**2) / (2 * lam_t) - (2 * pi * lam_t).log() / 2
        return self.weights.to(xt).log() + log_bell.sum(-1)


def _turned(matrices: Tensor, vectors: Tensor) -> Tensor:
    """Each vector (…, D) times its matrix (…, D, D)."""
    return (matrices @ vectors[..., None])[..., 0]
