"""Images in [-1, 1], and a mixture of Gaussians with known answers."""

import os
from collections.abc import Sequence
from math import log, pi
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .schedule import NoiseSchedule

DIGITS_TEST = 720  # of scikit-learn's 1,797 digits, held out for testing
TORCHVISION = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}
NAMES = ("digits", *TORCHVISION)


def load_images(
    name: str = "digits",
    train: bool = True,
    root: str | os.PathLike | None = None,
    size: int | None = None,
) -> tuple[Tensor, Tensor]:
    """A whole image set as two tensors: images and class labels.

    Args:
        name: "digits" (8x8, inside scikit-learn: needs no network), "mnist"
            or "fashion_mnist" (28x28, through torchvision).
        train: the training part, or the test part.
        root: the folder where torchvision's files are, or will be
            downloaded to; by default $DIFFUSION_LESSONS_DATA, and without
            that ~/.cache/diffusion_lessons.
        size: resize to size x size (bilinear); None keeps the native side.

    Returns:
        images (N, 1, H, W) float32 in [-1, 1], and labels (N,) int64.
    """
    if name not in NAMES:
        choices = ", ".join(map(repr, NAMES))
        raise ValueError(f"name must be one of {choices}; got {name!r}")
    if size is not None and (not isinstance(size, int) or size < 1):
        raise ValueError(
            f"size must be a positive whole number; got {size!r}"
        )
    if name == "digits":
        images, labels = _digits(train)
    else:
        images, labels = _torchvision(name, train, root)
    images = images * 2 - 1
    if size is not None and size != images.shape[-1]:
        images = F.interpolate(
            images, (size, size), mode="bilinear", antialias=True
        )
    return images, labels


def _digits(train: bool) -> tuple[Tensor, Tensor]:
    """Handwritten digits, the test images spread evenly over all."""
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    i = torch.arange(len(pixels))
    share = DIGITS_TEST / len(pixels)
    testing = ((i + 1) * share).floor() > (i * share).floor()
    keep = ~testing if train else testing
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8)
    return images[keep] / 16, torch.tensor(classes, dtype=torch.int64)[keep]


def _torchvision(
    name: str, train: bool, root: str | os.PathLike | None
) -> tuple[Tensor, Tensor]:
    from torchvision import datasets

    dataset = getattr(datasets, TORCHVISION[name])
    root = Path(root or data_root()).expanduser()
    try:
        data = dataset(root, train=train, download=False)
    except RuntimeError:  # not there yet
        try:
            data = dataset(root, train=train, download=True)
        except (OSError, RuntimeError) as error:
            raise RuntimeError(
                f"{dataset.__name__} is not in {root} and could not be "
                "downloaded. Connect to the internet and try again; or put "
                "its four IDX files into "
                f"{root / dataset.__name__ / 'raw'}; "
                "or use load_images('digits'), which needs no download."
            ) from error
    return data.data[:, None] / 255, data.targets


def data_root() -> Path:
    """Where downloaded image sets are kept."""
    default = Path.home() / ".cache" / "diffusion_lessons"
    return Path(os.environ.get("DIFFUSION_LESSONS_DATA") or default)


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

    def __init__(
        self,
        means: Tensor | Sequence[Sequence[float]],
        stds: Tensor | Sequence[float] | float,
        weights: Tensor | Sequence[float] | None = None,
    ):
        means = torch.as_tensor(means, dtype=torch.float64)
        if means.ndim != 2:
            raise ValueError(
                f"means must have shape (K, D); got {tuple(means.shape)}"
            )
        k = len(means)
        stds = torch.as_tensor(stds, dtype=torch.float64)
        weights = torch.ones(k) if weights is None else weights
        weights = torch.as_tensor(weights, dtype=torch.float64)
        if stds.shape not in ((), (k,)) or not (stds > 0).all():
            raise ValueError(
                f"stds must be a positive number or {k} of them; got {stds}"
            )
        if weights.shape != (k,) or not (weights > 0).all():
            raise ValueError(
                f"weights must be {k} positive numbers; got {weights}"
            )
        self.means = means
        self.variances = stds.expand(k) ** 2
        self.weights = weights / weights.sum()

    def sample(
        self, n: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """*n* draws of x_0, (n, D) float64."""
        k = torch.multinomial(
            self.weights, n, replacement=True, generator=generator
        )
        noise = torch.randn(
            n, self.means.shape[1], generator=generator, dtype=torch.float64
        )
        return self.means[k] + self.variances[k, None].sqrt() * noise

    def log_density(
        self, xt: Tensor, t: Tensor | int, schedule: NoiseSchedule
    ) -> Tensor:
        """log q(x_t) in nats, (B,).    xt: (B, D)    t: int or (B,)"""
        return self._parts(xt, t, schedule).log_joint.logsumexp(1)

    def density(
        self, xt: Tensor, t: Tensor | int, schedule: NoiseSchedule
    ) -> Tensor:
        """q(x_t), (B,).    xt: (B, D)    t: int or (B,) in 0..T"""
        return self.log_density(xt, t, schedule).exp()

    def score(
        self, xt: Tensor, t: Tensor | int, schedule: NoiseSchedule
    ) -> Tensor:
        """The gradient of log q(x_t) with respect to x_t, (B, D)."""
        parts = self._parts(xt, t, schedule)
        weights = parts.log_joint.softmax(1)
        pull = parts.offset / parts.variance[..., None]
        return -(weights[..., None] * pull).sum(1)

    def posterior(
        self, xt: Tensor, t: Tensor | int, schedule: NoiseSchedule
    ) -> MixturePosterior:
        """q(x_0 | x_t), exact, for every x_t of the batch.

        xt: (B, D)    t: int or (B,) in 0..T
        """
        parts = self._parts(xt, t, schedule)
        own = self.variances.to(xt)
        gain = parts.signal * own / parts.variance  # (B, K)
        means = self.means.to(xt) + gain[..., None] * parts.offset
        weights = parts.log_joint.softmax(1)
        variances = own * (1 - gain * parts.signal)
        return MixturePosterior(
            weights, means, variances.expand_as(weights)
        )

    def posterior_mean(
        self, xt: Tensor, t: Tensor | int, schedule: NoiseSchedule
    ) -> Tensor:
        """E[x_0 | x_t], (B, D): what a perfect x0-network would output."""
        weights, means, _ = self.posterior(xt, t, schedule)
        return (weights[..., None] * means).sum(1)

    def _parts(
        self, xt: Tensor, t: Tensor | int, schedule: NoiseSchedule
    ) -> "_Parts":
        dim = self.means.shape[1]
        if xt.ndim != 2 or xt.shape[1] != dim:
            raise ValueError(
                f"xt must have shape (B, {dim}); got {tuple(xt.shape)}"
            )
        signal, sigma = schedule.signal_and_sigma(t, xt)
        variance = signal**2 * self.variances.to(xt) + sigma**2
        offset = xt[:, None] - signal[..., None] * self.means.to(xt)
        square = offset.square().sum(-1) / variance
        log_normal = -0.5 * (square + dim * (variance.log() + log(2 * pi)))
        log_joint = self.weights.to(xt).log() + log_normal
        return _Parts(signal, variance, offset, log_joint)


class ExactModel:
    """A mixture as the perfect network: (x_t, t, label) -> E[x_0 | x_t].

    It predicts "x0". Each component is a class; the label K, which is
    ``null_label``, means that the class is not known.
    """

    def __init__(self, mixture: GaussianMixture, schedule: NoiseSchedule):
        self.mixture, self.schedule = mixture, schedule
        self.null_label = len(mixture.means)

    def __call__(
        self,
        xt: Tensor,
        t: Tensor | int,
        label: Tensor | int | None = None,
    ) -> Tensor:
        """(B, D) at the steps t, of the classes (B,), to (B, D)."""
        parts = self.mixture.posterior(xt, t, self.schedule)
        label = self.null_label if label is None else label
        label = torch.as_tensor(label, device=xt.device).expand(len(xt))
        known = F.one_hot(label, self.null_label + 1)[:, :-1].to(xt)
        unknown = (label == self.null_label)[:, None]
        weights = torch.where(unknown, parts.weights, known)
        return (weights[..., None] * parts.means).sum(1)


class _Parts(NamedTuple):
    """x_t seen from every component at step t."""

    signal: Tensor  # sqrt(ᾱ_t), (1, 1) or (B, 1)
    variance: Tensor  # of x_t in each component, (1, K) or (B, K)
    offset: Tensor  # x_t - sqrt(ᾱ_t) mean, (B, K, D)
    log_joint: Tensor  # log weight N(x_t; component), (B, K)
