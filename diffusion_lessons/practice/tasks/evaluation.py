"""Practice of chapter 10: near, varied, and new."""

from functools import partial

import torch

from ...copies import nearest
from ...copies import nearest_ratio as right_nearest_ratio
from ...evaluation import frechet_distance as right_frechet_distance
from ...evaluation import precision_recall as right_precision_recall
from ..task import Case, Task, normal

FRECHET = "10.4 The Fréchet distance"
BALLS = "10.7 Precision and recall"
NEW = "10.8 Is it new?"


def row(*numbers):
    """Samples of one number each, (N, 1)."""
    return torch.tensor(numbers, dtype=torch.float32)[:, None]


def square():
    """Four corners, around 0."""
    side = torch.tensor([-1.0, 1.0])
    return torch.cartesian_prod(side, side)


def _cloud(n, seed, axes, centre):
    """n points in a plane, that vary together."""
    axes = torch.tensor(axes)
    return normal(n, 2, seed=seed) @ axes + torch.tensor(centre)


def _frechet(x, y):
    return right_frechet_distance(x, y)


frechet_distance = Task(
    "frechet_distance",
    chapter=10,
    answer=_frechet,
    goal=(
        "return how far two clouds of points are apart, by their means and "
        "covariances, as one number"
    ),
    tip=(
        "measure two halves of the same cloud with 20, 200 and 2000 "
        "points: it is never 0 (section 10.5)"
    ),
    tolerance=1e-3,
    cases=[
        Case(
            "x = the corners (±1, ±1) of a square, y = x moved right by 5",
            lambda: (square(), square() + torch.tensor([5.0, 0.0])),
        ),
        Case(
            "x = the corners (±1, ±1) of a square, y = 3 x",
            lambda: (square(), 3 * square()),
        ),
        Case(
            "x = the corners of a square of side 0.2, y = 3 x",
            lambda: (0.1 * square(), 0.3 * square()),
        ),
        Case(
            "6 and 9 points in a plane",
            lambda: (
                _cloud(6, 0, [[2.0, 1.0], [0.0, 1.0]], [1.0, 2.0]),
                _cloud(9, 1, [[1.0, 0.0], [-1.0, 3.0]], [3.0, 0.0]),
            ),
        ),
    ],
)


def _covariance(x, less=1):
    centred = x - x.mean(0)
    return centred.T @ centred / (len(x) - less)


def _root(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def _shared(a, b):
    """The matrix (C_x C_y)^(1/2), by way of the symmetric roots."""
    root, inverse = _root(a), torch.linalg.pinv(_root(a))
    return root @ _root(root @ b @ root) @ inverse


def _squared(shift):
    return shift.square().sum()


def _widths(a, b):
    return (a + b - 2 * _shared(a, b)).trace()


def _distance(x, y, shift=_squared, spread=_widths, less=1):
    x, y = x.double(), y.double()
    a, b = _covariance(x, less), _covariance(y, less)
    return shift(x.mean(0) - y.mean(0)) + spread(a, b)


def _traces(root, factor=2):
    return lambda a, b: a.trace() + b.trace() - factor * root(a, b)


def _one_mean(x, y):
    x, y = x.double(), y.double()
    spread = _widths(_covariance(x), _covariance(y))
    return (x.mean() - y.mean()).square() + spread


for words, way in (
    (
        "the mean is taken over all numbers, and not for each feature",
        _one_mean,
    ),
    (
        "the distance of the means is not squared",
        partial(_distance, shift=torch.norm),
    ),
    (
        "the mean of the squared differences of the means is taken, and "
        "not their sum",
        partial(_distance, shift=lambda shift: shift.square().mean()),
    ),
    ("the means are left out", partial(_distance, shift=lambda shift: 0)),
    (
        "the covariances are left out, and only the means are compared",
        partial(_distance, spread=lambda a, b: 0),
    ),
    (
        "the product of the covariances is not rooted",
        partial(_distance, spread=_traces(lambda a, b: (a @ b).trace())),
    ),
    (
        "the root is taken of each entry of the product, but the root of a "
        "matrix is another thing",
        partial(
            _distance,
            spread=_traces(lambda a, b: (a @ b).diagonal().sqrt().sum()),
        ),
    ),
    (
        "only the variance of each feature is looked at, and not how "
        "features vary together",
        partial(
            _distance,
            spread=_traces(
                lambda a, b: (a.diagonal() * b.diagonal()).sqrt().sum()
            ),
        ),
    ),
    (
        "each covariance is rooted by itself, and the roots are multiplied",
        partial(
            _distance,
            spread=_traces(lambda a, b: (_root(a) @ _root(b)).trace()),
        ),
    ),
    (
        "the term with the root is left out",
        partial(_distance, spread=lambda a, b: a.trace() + b.trace()),
    ),
    (
        "the factor 2 before the root is missing",
        partial(
            _distance,
            spread=_traces(lambda a, b: _shared(a, b).trace(), factor=1),
        ),
    ),
    (
        "all entries of the matrix are added up, and not only its diagonal",
        partial(
            _distance, spread=lambda a, b: (a + b - 2 * _shared(a, b)).sum()
        ),
    ),
    (
        "there is no trace, so that a matrix comes out and not one number",
        partial(_distance, spread=lambda a, b: a + b - 2 * _shared(a, b)),
    ),
    (
        "the covariance is divided by N and not by N − 1",
        partial(_distance, less=0),
    ),
    (
        "the root of the whole is taken; what everybody reports is the "
        "squared distance",
        lambda x, y: right_frechet_distance(x, y).sqrt(),
    ),
):
    frechet_distance.slip(words, FRECHET)(way)


# Quality and variety apart

precision_recall = Task(
    "precision_recall",
    chapter=10,
    answer=right_precision_recall,
    goal=(
        "return the pair (precision, recall): the share of fakes in the "
        "balls of real points, and the share of real points in the balls "
        "of fakes"
    ),
    tip=(
        "put one fake far away from all others, and see what it does to "
        "the recall (section 10.7)"
    ),
    seen=("the precision", "the recall"),
    cases=[
        Case(
            "real = 0, 1, 3, 7, fake = 0.5, 2, 20, 24, k = 1",
            lambda: (row(0, 1, 3, 7), row(0.5, 2, 20, 24), 1),
        ),
        Case(
            "real = 0, 1, 3, 7, fake = 0.5, 6, 14, 15, 16, k = 2",
            lambda: (row(0, 1, 3, 7), row(0.5, 6, 14, 15, 16), 2),
        ),
        Case(
            "30 real and 20 fake points in a plane, k = 3",
            lambda: (
                normal(30, 2),
                0.7 * normal(20, 2, seed=1) + torch.tensor([1.0, 0.5]),
                3,
            ),
        ),
    ],
)


def _radius(points, k):
    return torch.cdist(points, points).kthvalue(k + 1).values


def _inside(points, others, k):
    """(others, points): which lies in whose ball."""
    return torch.cdist(others, points) <= _radius(points, k)


def _any(points, others, k):
    return _inside(points, others, k).any(1).double().mean()


def _both(real, fake, k, share):
    real, fake = real.double(), fake.double()
    return share(real, fake, k), share(fake, real, k)


def _nearest_ball(points, others, k):
    mine = torch.cdist(others, points).argmin(1, keepdim=True)
    return _inside(points, others, k).gather(1, mine).double().mean()


def _one_radius(points, others, k):
    apart = torch.cdist(others, points)
    return (apart <= _radius(points, k).mean()).any(1).double().mean()


def _far_radius(points, others, k):
    radius = torch.cdist(points, points).topk(k).values[:, -1]
    return (torch.cdist(others, points) <= radius).any(1).double().mean()


def _others_radius(points, others, k):
    apart = torch.cdist(others, points)
    radius = apart.kthvalue(k, dim=0).values
    return (apart <= radius).any(1).double().mean()


for words, share in (
    (
        "each point is counted as its own nearest neighbour, so that the "
        "balls reach to neighbour k − 1",
        lambda points, others, k: _any(points, others, k - 1),
    ),
    (
        "the balls reach to the k-th nearest point of the other set, and "
        "not of their own",
        _others_radius,
    ),
    (
        "the balls are counted that hold a point of the other set, and not "
        "the points that lie in a ball",
        lambda points, others, k: (
            _inside(points, others, k).any(0).double().mean()
        ),
    ),
    (
        "a point has to lie in all of the balls, and not in at least one",
        lambda points, others, k: (
            _inside(points, others, k).all(1).double().mean()
        ),
    ),
    (
        "only the ball of the nearest point is looked at, though a wider "
        "one may reach there",
        _nearest_ball,
    ),
    (
        "all balls have the same radius, the mean of their radii",
        _one_radius,
    ),
    (
        "the balls reach to the k-th farthest point, and not to the k-th "
        "nearest",
        _far_radius,
    ),
    (
        "the points are counted, and not their share",
        lambda points, others, k: _any(points, others, k) * len(others),
    ),
):
    precision_recall.slip(words, BALLS)(partial(_both, share=share))


@precision_recall.slip(
    "precision and recall are exchanged; precision is a share of the fakes",
    BALLS,
)
def _(real, fake, k):
    return right_precision_recall(fake, real, k)


@precision_recall.slip(
    "the recall looks into the balls of the real points, where real points "
    "always are",
    BALLS,
)
def _(real, fake, k):
    return _any(real, fake, k), _any(real, real, k)


# Is it new?

nearest_ratio = Task(
    "nearest_ratio",
    chapter=10,
    answer=right_nearest_ratio,
    goal=(
        "return for each sample the distance to its nearest training "
        "picture over that to its nearest held-out one, (N,)"
    ),
    tip=(
        "move copies of training pictures by one pixel: does the ratio "
        "still find them (section 10.8)"
    ),
    cases=[
        Case(
            "x = 1, train = 0 and 5, held out = 3 and 9, one pixel each",
            lambda: (row(1), row(0, 5), row(3, 9)),
        ),
        Case(
            "x = 5, train = 0 and 5, held out = 3 and 9, one pixel each",
            lambda: (row(5), row(0, 5), row(3, 9)),
        ),
        Case(
            "three pictures of 2 × 2 pixels, and five in each set",
            lambda: (
                normal(3, 1, 2, 2),
                normal(5, 1, 2, 2, seed=1),
                normal(5, 1, 2, 2, seed=2),
            ),
        ),
    ],
)


def _apart(x, images, p=2.0):
    """(N, M), from each of x to each of the images."""
    return torch.cdist(x.flatten(1), images.flatten(1), p=p)


def _over(x, train, held_out, least):
    return least(_apart(x, train)) / least(_apart(x, held_out))


for words, least in (
    (
        "the mean distance to all pictures is taken, and not that to the "
        "nearest",
        lambda apart: apart.mean(1),
    ),
    (
        "the distance to the farthest picture is taken, and not that to "
        "the nearest",
        lambda apart: apart.amax(1),
    ),
    (
        "the distances are squared, and their root is missing",
        lambda apart: apart.square().amin(1),
    ),
    (
        "the nearest of all is searched for once, and not for each sample",
        lambda apart: apart.amin(),
    ),
    (
        "the smallest distance of each training picture is taken, and not "
        "of each sample",
        lambda apart: apart.amin(0),
    ),
    (
        "the place of the nearest picture is divided, and not its distance",
        lambda apart: apart.argmin(1),
    ),
):
    nearest_ratio.slip(words, NEW)(partial(_over, least=least))


@nearest_ratio.slip(
    "the ratio is upside down, held out over trained on", NEW
)
def _(x, train, held_out):
    return right_nearest_ratio(x, held_out, train)


@nearest_ratio.slip(
    "only the distance to the nearest training picture is returned, and "
    "nothing says how near is near",
    NEW,
)
def _(x, train, held_out):
    return nearest(x, train).distance


@nearest_ratio.slip("the two distances are subtracted, not divided", NEW)
def _(x, train, held_out):
    return nearest(x, train).distance - nearest(x, held_out).distance


@nearest_ratio.slip(
    "the absolute differences of the pixels are summed up, and not their "
    "squares under a root",
    NEW,
)
def _(x, train, held_out):
    return _apart(x, train, 1.0).amin(1) / _apart(x, held_out, 1.0).amin(1)


@nearest_ratio.slip(
    "the mean over all samples is returned, and one copy among them does "
    "not show",
    NEW,
)
def _(x, train, held_out):
    return right_nearest_ratio(x, train, held_out).mean()
