"""Are the samples good? A classifier, and distances between two sets."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALLEST_SIDE = 8  # of an image that DigitClassifier takes
CHUNK = 1000  # rows whose distances to all others are held at a time


class DigitClassifier(nn.Module):
    """A small CNN that reads digits: the eye behind the metrics.

    Three 3x3 convolutions, each followed by a halving that stops at 4x4,
    so one architecture takes 8x8 and 28x28; then 64 features and a score
    for each class. 47,610 parameters for ten classes.
    """

    def __init__(self, num_classes: int = 10):
        super().__init__()
        widths = [(1, 16), (16, 32), (32, 32)]
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in widths
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for _, b in widths)
        self.to_features = nn.Linear(32 * 4 * 4, 64)
        self.dropout = nn.Dropout(0.2)
        self.to_logits = nn.Linear(64, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """(B, 1, H, W) in [-1, 1] to (B, 64); H and W at least 8."""
        self._check(x)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x)).relu()
            side = [max(4, s // 2) for s in x.shape[2:]]
            x = F.adaptive_max_pool2d(x, side)
        return self.to_features(x.flatten(1)).relu()

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, H, W) in [-1, 1] to logits (B, num_classes)."""
        return self.to_logits(self.dropout(self.features(x)))

    def _check(self, x: Tensor) -> None:
        fits = x.ndim == 4 and x.shape[1] == 1
        if not fits or min(x.shape[2:]) < SMALLEST_SIDE:
            raise ValueError(
                "images must have shape (B, 1, H, W) with H and W at least "
                f"{SMALLEST_SIDE}; got {tuple(x.shape)}"
            )


class Classified(NamedTuple):
    """What a classifier makes of N images."""

    features: Tensor  # (N, 64)
    labels: Tensor  # (N,) the likeliest class
    confidence: Tensor  # (N,) the probability of that class


@torch.no_grad()
def features_and_labels(
    classifier: DigitClassifier, images: Tensor, batch_size: int = 500
) -> Classified:
    """Features, class and confidence of every image, without dropout.

    images: (N, 1, H, W) in [-1, 1], N at least 1
    """
    was_training = classifier.training
    classifier.eval()
    features = [classifier.features(x) for x in images.split(batch_size)]
    classifier.train(was_training)
    features = torch.cat(features)
    chances = classifier.to_logits(features).softmax(1)
    confidence, labels = chances.max(1)
    return Classified(features, labels, confidence)


# Two sets of features


def frechet_distance(features_x: Tensor, features_y: Tensor) -> Tensor:
    """Between the Gaussians of two sets, Heusel et al. (2017), eq. 6.

    FD = ‖m_x - m_y‖² + tr(C_x + C_y - 2 (R_x C_y R_x)^(1/2)), R_x² = C_x

    The last trace is the sum of the singular values of R_x R_y. A finite
    set makes FD too large, by about 1/n: compare at equal n, with
    ``frechet_floor`` beside it.

    features_x: (N, D)    features_y: (M, D)    returns a float64 scalar
    """
    x, y = _two_sets(features_x, features_y)
    if min(len(x), len(y)) < 2:
        raise ValueError(
            "a covariance needs at least 2 samples in each set; got "
            f"{len(x)} and {len(y)}"
        )
    shift = (x.mean(0) - y.mean(0)).square().sum()
    spread_x, spread_y = _covariance(x), _covariance(y)
    shared = torch.linalg.svdvals(_root(spread_x) @ _root(spread_y)).sum()
    distance = shift + spread_x.trace() + spread_y.trace() - 2 * shared
    return distance.clamp(min=0)  # rounding can leave -1e-14


def _covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    return centred.T @ centred / (len(x) - 1)


def _root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a covariance, of any rank."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


class Spread(NamedTuple):
    """Mean and standard deviation over resamples."""

    mean: float
    std: float


def frechet_floor(
    features_x: Tensor,
    features_y: Tensor,
    n: int,
    resamples: int = 50,
    seed: int = 0,
) -> Spread:
    """FD at *n*: over random subsets, n of x against n of y.

    With two disjoint sets of real images this is the floor: what a perfect
    generator would score, and by how much a score can move by chance. Its
    std is too small when n is near the size of a set, for the subsets are
    then nearly the same.

    features_x: (N, D)    features_y: (M, D)    n: 2..min(N, M)
    """
    x, y = _two_sets(features_x, features_y)
    most = min(len(x), len(y))
    if not 2 <= n <= most:
        raise ValueError(f"n must be in 2..{most}; got {n!r}")
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


def precision_recall(
    real: Tensor, fake: Tensor, k: int = 3
) -> PrecisionRecall:
    """Quality and variety apart, Kynkäänniemi et al. (2019), eq. 1-3.

    Where a set is: in the balls around its points that reach to their k-th
    nearest neighbours in the set.

    real: (N, D)    fake: (M, D)    k: 1..min(N, M) - 1
    """
    real, fake = _two_sets(real, fake)
    most = min(len(real), len(fake)) - 1
    if not 1 <= k <= most:
        raise ValueError(f"k must be in 1..{most}; got {k!r}")
    return PrecisionRecall(
        _share_inside(real, fake, k), _share_inside(fake, real, k)
    )


def _share_inside(points: Tensor, others: Tensor, k: int) -> float:
    """The share of *others* inside at least one ball of *points*."""
    own = [_distances(part, points) for part in points.split(CHUNK)]
    radius = torch.cat([d.kthvalue(k + 1).values for d in own])  # self: 1st
    inside = [
        (_distances(part, points) <= radius).any(1)
        for part in others.split(CHUNK)
    ]
    return torch.cat(inside).double().mean().item()


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """Exact, so that a copy is at distance 0."""
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cdist(x, y, compute_mode=exact)


def _two_sets(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            "the two sets must have shapes (N, D) and (M, D); "
            f"got {tuple(x.shape)} and {tuple(y.shape)}"
        )
    return x.double(), y.double()


def sliced_wasserstein(
    x: Tensor,
    y: Tensor,
    num_projections: int = 128,
    p: float = 2,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The mean p-Wasserstein distance along random lines.

    SW = (mean over lines of W_p^p)^(1/p). On a line the optimal transport
    keeps the order, so W_p compares the quantiles of both sets, exactly,
    also for sets of different size. Two sets apart by a shift d have
    SW² = ‖d‖²/D for p = 2 and many lines.

    x: (N, D)    y: (M, D)    returns a float64 scalar
    """
    x, y = _two_sets(x, y)
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


# One set: classes, and copies


def class_histogram(labels: Tensor, num_classes: int = 10) -> Tensor:
    """The share of each class, (num_classes,) float64, sum 1."""
    outside = (labels < 0) | (labels >= num_classes)
    if len(labels) == 0 or outside.any():
        raise ValueError(
            f"labels must be in 0..{num_classes - 1}, at least one; got "
            f"{labels.unique().tolist()}"
        )
    counts = labels.bincount(minlength=num_classes)
    return counts.double() / len(labels)


def entropy(shares: Tensor) -> Tensor:
    """-sum p log p in nats, with 0 log 0 = 0; log C if all C are equal."""
    total = shares.sum().item()
    if (shares < 0).any() or not abs(total - 1) <= 1e-4:
        raise ValueError(
            "shares must be 0 or more and sum to 1; got "
            f"{shares.min():.4g} or more, sum {total:.4g}"
        )
    return torch.special.entr(shares).sum()


class Nearest(NamedTuple):
    """For each of N images its nearest training image."""

    distance: Tensor  # (N,) float64, Euclidean, over all pixels
    index: Tensor  # (N,) int64, which training image


def nearest(x: Tensor, train: Tensor) -> Nearest:
    """The nearest training image of each sample: is it a copy?

    x: (N, …)    train: (M, …) of the same sizes
    """
    x, train = _two_sets(x.flatten(1), train.flatten(1))
    index = [_nearest_index(part, train) for part in x.split(CHUNK)]
    index = torch.cat(index)
    return Nearest((x - train[index]).norm(dim=1), index)


def _nearest_index(x: Tensor, train: Tensor) -> Tensor:
    """By |x|² - 2 x·y + |y|²: fast, and |x|² is the same for all y."""
    return (train.square().sum(1) - 2 * x @ train.T).argmin(1)


def nearest_ratio(x: Tensor, train: Tensor, held_out: Tensor) -> Tensor:
    """How much nearer a sample is to what was trained on, (N,).

    Distance to the nearest training image over that to the nearest of as
    many held-out ones. New images are nearer to either as often, so half
    of the ratios are below 1; a copy of a training image has ratio 0.

    x: (N, …)    train, held_out: (M, …), equally many
    """
    if len(train) != len(held_out):
        raise ValueError(
            "train and held_out must be equally many, for the larger set "
            f"is nearer by chance; got {len(train)} and {len(held_out)}"
        )
    seen, unseen = (nearest(x, y).distance for y in (train, held_out))
    return torch.where(seen == unseen, 1.0, seen / unseen)


# How sure


class Interval(NamedTuple):
    """A value, and the two ends of its confidence interval."""

    value: float
    low: float
    high: float


def bootstrap(
    statistic: Callable[..., Tensor | float],
    *samples: Tensor,
    resamples: int = 500,
    level: float = 0.95,
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
        raise ValueError(
            "there must be samples, each of at least 2 rows; got "
            f"{[len(s) for s in samples]}"
        )
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1; got {level!r}")
    generator = torch.Generator().manual_seed(seed)

    def again(x: Tensor) -> Tensor:
        i = torch.randint(len(x), (len(x),), generator=generator)
        return x[i.to(x.device)]

    draws = [
        float(statistic(*map(again, samples))) for _ in range(resamples)
    ]
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2]).double()
    low, high = torch.tensor(draws).double().quantile(tails).tolist()
    return Interval(float(statistic(*samples)), low, high)
