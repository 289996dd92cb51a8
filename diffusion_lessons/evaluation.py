"""Are the samples good? Distances between two sets, and how sure."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor

from .checks import (
    ClassRow,
    Count,
    InputError,
    Rows,
    checked,
    spoken,
    whole,
)
from .checks import real as number

CHUNK = 1000  # rows whose distances to all others are held at a time


# Two sets of features


@checked
def frechet_distance(features_x: Rows, features_y: Rows) -> Tensor:
    """Between the Gaussians of two sets, Heusel et al. (2017), eq. 6.

    FD = ‖m_x - m_y‖² + tr(C_x + C_y - 2 (R_x C_y R_x)^(1/2)), R_x² = C_x

    R_x C_y R_x has the eigenvalues of C_x C_y, so its root has the trace
    of the paper's (C_x C_y)^(1/2): the sum of the singular values of
    R_x R_y. A finite set makes FD too large, by an amount that falls about
    like 1/n: compare at equal n, with ``frechet_floor`` beside it.

    features_x: (N, D)    features_y: (M, D)    returns a float64 scalar
    """
    x, y = two_sets(features_x, features_y)
    if min(len(x), len(y)) < 2:
        raise InputError(
            "a covariance needs at least 2 samples in each set; got "
            f"{len(x)} and {len(y)}"
        )
    shift = (x.mean(0) - y.mean(0)).square().sum()
    spread_x, spread_y = _covariance(x), _covariance(y)
    shared = torch.linalg.svdvals(_root(spread_x) @ _root(spread_y)).sum()
    distance = shift + spread_x.trace() + spread_y.trace() - 2 * shared
    return distance.clamp(min=0)  # rounding can leave -1e-14


def _covariance(x: Tensor) -> Tensor:
    """Which features vary, and which of them together, (D, D)."""
    centred = x - x.mean(0)
    return centred.T @ centred / (len(x) - 1)


def _root(matrix: Tensor) -> Tensor:
    """The symmetric square root: the same axes, roots of the variances."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


class Spread(NamedTuple):
    """Mean and standard deviation over resamples."""

    mean: float
    std: float


@checked
def frechet_floor(
    features_x: Rows,
    features_y: Rows,
    n: int,
    resamples: Annotated[int, whole(2)] = 50,
    seed: int = 0,
) -> Spread:
    """FD at *n*: over random subsets, n of x against n of y.

    With two disjoint sets of real images this is the floor: what a perfect
    generator would get, and by how much that can move by chance. Its
    std is too small when n is near the size of a set, for the subsets are
    then nearly the same.

    features_x: (N, D)    features_y: (M, D)    n: 2..min(N, M)
    """
    x, y = two_sets(features_x, features_y)
    most = min(len(x), len(y))
    if not 2 <= n <= most:
        raise InputError(f"n must be in 2..{most}; got {n!r}")
    generator = torch.Generator().manual_seed(seed)

    def some(z: Tensor) -> Tensor:
        chosen = torch.randperm(len(z), generator=generator)[:n]
        return z[chosen.to(z.device)]

    draws = [frechet_distance(some(x), some(y)) for _ in range(resamples)]
    draws = torch.stack(draws)
    return Spread(draws.mean().item(), draws.std().item())


class PrecisionRecall(NamedTuple):
    """Shares in 0..1."""

    precision: float  # of the samples that lie where real images are
    recall: float  # of the real images that lie where samples are


@checked
def precision_recall(real: Rows, fake: Rows, k: int = 3) -> PrecisionRecall:
    """Quality and variety apart, Kynkäänniemi et al. (2019), eq. 1-3.

    Where a set is: in the balls around its points that reach to their k-th
    nearest neighbours in the set.

    real: (N, D)    fake: (M, D)    k: 1..min(N, M) - 1
    """
    real, fake = two_sets(real, fake)
    most = min(len(real), len(fake)) - 1
    if not 1 <= k <= most:
        raise InputError(f"k must be in 1..{most}; got {k!r}")
    return PrecisionRecall(
        _share_inside(real, fake, k), _share_inside(fake, real, k)
    )


def _share_inside(points: Tensor, others: Tensor, k: int) -> float:
    """The share of *others* inside at least one ball of *points*."""
    own = [_distances(part, points) for part in points.split(CHUNK)]
    # k + 1, for every point is its own nearest neighbour
    radius = torch.cat([d.kthvalue(k + 1).values for d in own])
    inside = [
        (_distances(part, points) <= radius).any(1)
        for part in others.split(CHUNK)
    ]
    return torch.cat(inside).double().mean().item()


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """Exact, so that a copy is at distance 0."""
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cdist(x, y, compute_mode=exact)


def two_sets(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Both as float64, if both are sets of points of D numbers."""
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise InputError(
            "the two sets must have shapes (N, D) and (M, D); "
            f"got {tuple(x.shape)} and {tuple(y.shape)}"
        )
    return x.double(), y.double()


@checked
def sliced_wasserstein(
    x: Rows,
    y: Rows,
    num_projections: Count = 128,
    p: Annotated[float, number(1)] = 2,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The mean p-Wasserstein distance along random lines.

    SW = (mean over lines of W_p^p)^(1/p). On a line the optimal transport
    keeps the order, so W_p compares the quantiles of both sets, exactly,
    also for sets of different size. Two sets apart by a shift d have
    SW² = ‖d‖²/D for p = 2 and many lines.

    x: (N, D)    y: (M, D)    returns a float64 scalar
    """
    x, y = two_sets(x, y)
    if not len(x) or not len(y):
        raise InputError(
            f"each set needs a sample; got {len(x)} and {len(y)}"
        )
    lines = torch.randn(
        x.shape[1], num_projections, generator=generator, dtype=x.dtype
    )
    lines = (lines / lines.norm(dim=0)).to(x.device)
    i, j, weight = _quantiles(len(x), len(y))
    along_x, along_y = ((z @ lines).sort(0).values for z in (x, y))
    gaps = (along_x[i] - along_y[j]).abs() ** p  # (N + M, num_projections)
    return (weight.to(gaps) @ gaps).mean() ** (1 / p)


def _quantiles(n: int, m: int) -> tuple[Tensor, Tensor, Tensor]:
    """Which of n and of m sorted values face each other, and how long.

    The levels i/n and j/m cut 0..1 into n + m pieces, some of width 0.
    """
    ends = torch.cat(
        [torch.arange(1, k + 1).double() / k for k in (n, m)]
    ).sort()[0]
    width = ends.diff(prepend=ends.new_zeros(1))
    middle = ends - width / 2
    i, j = ((middle * k).long().clamp(max=k - 1) for k in (n, m))
    return i, j, width


# One set: its classes


@checked
def class_histogram(labels: ClassRow, num_classes: Count = 10) -> Tensor:
    """The share of each class, (num_classes,) float64, sum 1."""
    outside = (labels < 0) | (labels >= num_classes)
    if outside.any():
        raise InputError(
            f"labels must be in 0..{num_classes - 1}; got "
            f"{labels.unique().tolist()}"
        )
    counts = labels.bincount(minlength=num_classes)
    return counts.double() / len(labels)


@checked
def entropy(shares: Rows) -> Tensor:
    """-sum p log p in nats, with 0 log 0 = 0; log C if all C are equal."""
    if not shares.numel():
        raise InputError("shares must be at least one; got none")
    total = shares.sum().item()
    if (shares < 0).any() or not abs(total - 1) <= 1e-4:
        raise InputError(
            "shares must be 0 or more and sum to 1; got "
            f"{shares.min():.4g} or more, sum {total:.4g}"
        )
    return torch.special.entr(shares).sum()


# How sure


class Interval(NamedTuple):
    """A value, and the two ends of its confidence interval."""

    value: float
    low: float
    high: float


@checked
def bootstrap(
    statistic: Callable[..., Tensor | float],
    *samples: Rows,
    resamples: Count = 500,
    level: Annotated[float, number(0, 1, ends="()")] = 0.95,
    seed: int = 0,
) -> Interval:
    """A percentile interval for a statistic of samples, Efron (1979).

    Each resample draws the rows of each sample with replacement: the rows
    of one tensor stay whole, different tensors are drawn independently.
    What was measured in pairs belongs into one tensor, side by side.

    For means and shares. Not so for ``frechet_distance``: the repeated
    rows add once more what the finite sets had added, so low can lie above
    the value. What then holds the distance of endless sets is the interval
    turned round, 2 value - high to 2 value - low.
    """
    if not samples or min(map(len, samples)) < 2:
        raise InputError(
            "there must be samples, each of at least 2 rows; got "
            f"{[len(s) for s in samples]}"
        )
    generator = torch.Generator().manual_seed(seed)

    def again(x: Tensor) -> Tensor:
        i = torch.randint(len(x), (len(x),), generator=generator)
        return x[i.to(x.device)]

    draws = [
        _as_number(statistic(*map(again, samples)))
        for _ in range(resamples)
    ]
    tails = [(1 - level) / 2, (1 + level) / 2]
    tails = torch.tensor(tails, dtype=torch.float64)
    low, high = (
        torch.tensor(draws, dtype=torch.float64).quantile(tails).tolist()
    )
    return Interval(float(statistic(*samples)), low, high)


def _as_number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"statistic must return one number; got {spoken(value)}"
        ) from error
