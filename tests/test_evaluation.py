"""Metrics against known answers."""

from math import log

import pytest
import torch
from torch.testing import assert_close

from diffusion_lessons import (
    bootstrap,
    class_histogram,
    entropy,
    frechet_distance,
    frechet_floor,
    precision_recall,
    sliced_wasserstein,
)


def exact(n, mean, covariance, seed=0):
    """n points whose sample mean and covariance are exactly these."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n, len(mean), generator=generator, dtype=torch.float64)
    z = z - z.mean(0)
    z = z @ torch.linalg.inv(torch.linalg.cholesky(z.T @ z / (n - 1)).mT)
    return z @ torch.linalg.cholesky(covariance).mT + mean


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


NOWHERE = torch.zeros(2, dtype=torch.float64)


# Fréchet distance


def test_the_distance_of_diagonal_gaussians_is_the_closed_form():
    x = exact(50, NOWHERE, torch.diag(tensor(1.0, 4.0)))
    y = exact(60, tensor(3.0, -1.0), torch.diag(tensor(9.0, 0.25)), 1)
    wanted = 9 + 1 + (1 - 3) ** 2 + (2 - 0.5) ** 2
    assert_close(frechet_distance(x, y).item(), wanted)


def test_the_distance_of_full_covariances_is_the_closed_form():
    """For 2x2: tr (C1 C2)^½ = sqrt(tr(C1 C2) + 2 sqrt(det C1 det C2))."""
    a, b = tensor([2.0, 0.9], [0.9, 1.0]), tensor([1.0, -0.5], [-0.5, 3.0])
    shared = ((a @ b).trace() + 2 * (a.det() * b.det()).sqrt()).sqrt()
    wanted = a.trace() + b.trace() - 2 * shared
    assert not torch.allclose(a @ b, b @ a)
    assert_close(
        frechet_distance(exact(40, NOWHERE, a), exact(70, NOWHERE, b, 1)),
        wanted,
    )


def test_a_set_is_at_no_distance_to_itself_and_a_shift_adds_its_square():
    x = torch.randn(30, 5).double()
    assert frechet_distance(x, x) < 1e-9
    shift = torch.arange(5.0).double()
    assert_close(frechet_distance(x, x + shift).item(), 30.0)


def test_the_distance_is_symmetric_also_with_fewer_images_than_features():
    x, y = torch.randn(4, 9), 1 + 2 * torch.randn(6, 9)
    there, back = frechet_distance(x, y), frechet_distance(y, x)
    assert_close(there, back)
    assert there > 0


def test_the_distance_agrees_with_the_papers_formula_in_scipy():
    """tr (C1 C2)^½ by scipy's root of a matrix that is not symmetric."""
    from scipy.linalg import sqrtm

    x, y = torch.randn(2, 40, 6).double() @ torch.randn(2, 6, 6).double()
    a, b = torch.cov(x.T), torch.cov(y.T)
    shared = sqrtm((a @ b).numpy()).real.trace()
    wanted = (x.mean(0) - y.mean(0)).square().sum() - 2 * shared
    wanted += a.trace() + b.trace()
    assert_close(frechet_distance(x, y), wanted)


def test_features_that_say_nothing_new_leave_the_distance_as_it_is():
    """Three features among nine, turned: the covariances have rank 3."""
    x, y = torch.randn(5, 3).double(), torch.randn(7, 3).double() + 1
    turn = torch.linalg.qr(torch.randn(9, 9).double())[0][:3]
    wanted = frechet_distance(x, y)
    assert_close(frechet_distance(x @ turn, y @ turn), wanted)


def test_the_distance_is_a_float64_number_that_is_never_negative():
    for seed in range(30):
        x = torch.randn(5 + seed, 8) * 10 ** (seed % 5)
        distance = frechet_distance(x, x.flip(0))
        assert 0 <= distance < 1e-9 * x.square().sum()
    assert (distance.dtype, distance.shape) == (torch.float64, ())


def test_small_sets_make_the_distance_too_large_by_about_1_over_n():
    means = [
        torch.stack(
            [
                frechet_distance(torch.randn(n, 4), torch.randn(n, 4))
                for _ in range(60)
            ]
        ).mean()
        for n in (50, 200)
    ]
    assert 2.8 < means[0] / means[1] < 5.6


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ((1, 3), (9, 3), "at least 2 samples in each set; got 1 and 9"),
        ((9, 3), (9, 4), r"shapes \(N, D\) and \(M, D\)"),
        ((9,), (9,), r"shapes \(N, D\) and \(M, D\)"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(x, y, words):
    with pytest.raises(ValueError, match=words):
        frechet_distance(torch.randn(x), torch.randn(y))


def test_the_floor_is_the_distance_of_random_parts_and_reproducible():
    x, y = torch.randn(2, 5000, 4)
    floor = frechet_floor(x, y, 100, resamples=40)
    assert floor == frechet_floor(x, y, 100, resamples=40)
    assert floor != frechet_floor(x, y, 100, resamples=40, seed=1)
    draws = torch.stack(
        [
            frechet_distance(torch.randn(100, 4), torch.randn(100, 4))
            for _ in range(60)
        ]
    )
    assert 0.7 < floor.mean / draws.mean() < 1.4
    assert 0.3 < floor.std / draws.std() < 2
    with pytest.raises(
        ValueError, match=r"n must be in 2\.\.5000; got 5001"
    ):
        frechet_floor(x, y, 5001)


def test_the_floor_of_whole_sets_is_their_distance_without_chance():
    x, y = torch.randn(2, 20, 3)
    mean, std = frechet_floor(x, y, 20, resamples=5)
    assert mean == pytest.approx(frechet_distance(x, y).item())
    assert std == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match=r"n must be in 2\.\.20; got 1"):
        frechet_floor(x, y, 1)


# Precision and recall


def test_equal_sets_have_all_and_distant_sets_nothing():
    x = torch.randn(50, 3)
    assert precision_recall(x, x) == (1, 1)
    assert precision_recall(x, x + 100) == (0, 0)


def test_a_missing_half_costs_recall_and_nonsense_costs_precision():
    left, right = torch.randn(2, 100, 2) + tensor([[0.0, 0]], [[50, 50]])
    both = torch.cat([left, right])
    assert precision_recall(both, left) == (1, 0.5)
    assert precision_recall(left, both) == (0.5, 1)


def test_samples_spread_too_widely_have_all_recall_but_not_precision():
    """Real ones in a square; samples in one of nine times the area."""
    real, fake = torch.rand(400, 2) - 0.5, 3 * torch.rand(4000, 2) - 1.5
    precision, recall = precision_recall(real, fake)
    assert recall > 0.98
    assert 1 / 9 - 0.02 < precision < 1 / 9 + 0.06


def test_on_a_line_the_balls_are_known():
    """Balls of k = 1 around 0, 1 and 3 reach from -1 to 2, and 1 to 5."""
    real = tensor([0.0], [1], [3])
    fake = tensor([-1.5], [-1], [2], [5], [5.5])
    assert precision_recall(real, fake, k=1).precision == 3 / 5


def test_what_is_nearly_a_copy_is_not_inside_a_ball_of_radius_0():
    """Each point stands there four times: to the third is no way."""
    real = (100 + torch.randn(30, 4).double()).repeat(4, 1)
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(real, real + 1e-9).precision == 0


def test_large_sets_are_the_same_in_pieces(monkeypatch):
    real, fake = torch.randn(50, 3), 1 + torch.randn(40, 3)
    at_once = precision_recall(real, fake)
    monkeypatch.setattr("diffusion_lessons.evaluation.CHUNK", 7)
    assert precision_recall(real, fake) == at_once


@pytest.mark.parametrize("k", [0, -1, 10])
def test_a_neighbour_that_is_not_there_is_refused(k):
    with pytest.raises(ValueError, match=rf"k must be in 1\.\.9; got {k}"):
        precision_recall(torch.randn(10, 2), torch.randn(20, 2), k)


def test_precision_and_recall_count_balls_by_hand():
    real, fake = torch.randn(30, 2).double(), torch.randn(25, 2).double()

    def inside(balls, points, k=3):
        radius = [(balls - b).norm(dim=1).sort().values[k] for b in balls]
        hits = [
            any(
                (p - b).norm() <= r
                for b, r in zip(balls, radius, strict=True)
            )
            for p in points
        ]
        return sum(hits) / len(hits)

    found = precision_recall(real, fake)
    assert found.precision == pytest.approx(inside(real, fake))
    assert found.recall == pytest.approx(inside(fake, real))
    assert found.precision != found.recall
    with pytest.raises(ValueError, match=r"k must be in 1\.\.24; got 25"):
        precision_recall(real, fake, k=25)


# Classes


def test_a_histogram_holds_the_share_of_each_class():
    shares = class_histogram(torch.tensor([0, 2, 2, 2]), num_classes=4)
    assert shares.tolist() == [0.25, 0, 0.75, 0]
    with pytest.raises(ValueError, match=r"labels must be in 0\.\.3"):
        class_histogram(torch.tensor([4]), num_classes=4)


def test_entropy_runs_from_0_to_log_of_the_number_of_classes():
    assert entropy(tensor(0.0, 1.0, 0.0)) == 0
    assert_close(entropy(torch.full((10,), 0.1).double()).item(), log(10))
    with pytest.raises(ValueError, match="sum to 1"):
        entropy(tensor(0.5, 0.6))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([], "at least one"),
        ([10], r"in 0\.\.9; got \[10\]"),
        ([-1], "0 or more; got -1"),
        ([3, -2], "0 or more; got -2"),
    ],
)
def test_labels_that_are_no_class_are_refused(labels, words):
    labels = torch.tensor(labels, dtype=torch.int64)
    with pytest.raises(ValueError, match=f"labels must be .*{words}"):
        class_histogram(labels)


def test_shares_of_one_class_more_or_less_are_shares():
    shares = class_histogram(torch.randint(7, (300,)))
    assert shares.shape == (10,)
    assert_close(shares.sum().item(), 1.0)
    assert shares.dtype == torch.float64
    assert 0 < entropy(shares) < log(7)


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ((1.5, -0.5), "0 or more and sum to 1; got -0.5 or more, sum 1"),
        ((0.5, 0.4), r"0 or more and sum to 1; got 0\.4 or more, sum 0\.9"),
        ((float("nan"), 1), "finite; 1 of its 2 values are NaN"),
    ],
)
def test_the_entropy_of_what_are_no_shares_is_refused(shares, words):
    with pytest.raises(ValueError, match=f"shares must be {words}"):
        entropy(torch.tensor(shares))


# Points


@pytest.mark.parametrize("p", [1, 2])
def test_on_a_line_sorted_points_are_compared(p):
    x, y = torch.randn(2, 40, 1).double()
    gaps = (x.sort(0).values - y.sort(0).values).abs() ** p
    assert_close(sliced_wasserstein(x, y, p=p), gaps.mean() ** (1 / p))


def test_a_shift_in_space_is_seen_along_every_line():
    x = torch.randn(50, 3)
    assert sliced_wasserstein(x, x[torch.randperm(50)]) < 1e-12
    moved = sliced_wasserstein(x, x + 2.0, num_projections=20_000)
    assert moved == pytest.approx(2.0, rel=0.02)  # |d|² / D = 4


def test_sets_of_unlike_size_count_as_if_points_were_repeated():
    x, y = torch.randn(6, 1).double(), torch.randn(9, 1).double()
    again = sliced_wasserstein(
        x.repeat_interleave(3, 0), y.repeat_interleave(2, 0)
    )
    assert_close(sliced_wasserstein(x, y), again)
    assert_close(sliced_wasserstein(y, x), again)


@pytest.mark.parametrize("p", [1, 2])
def test_the_lines_are_drawn_by_the_generator_and_sets_may_be_swapped(p):
    x, y = torch.randn(13, 3), 1 + torch.randn(20, 3)

    def apart(x, y, seed=0):
        generator = torch.Generator().manual_seed(seed)
        return sliced_wasserstein(x, y, p=p, generator=generator)

    assert torch.equal(apart(x, y), apart(x, y))
    assert apart(x, y) != apart(x, y, seed=1)
    assert_close(apart(x, y), apart(y, x))


def test_stretching_on_a_line_is_a_distance_known_in_advance():
    """Uniform on 0..1 to uniform on 0..3: |3q - q| has mean 1, W_2² 4/3."""
    x = (torch.arange(10_000).double()[:, None] + 0.5) / 10_000
    assert sliced_wasserstein(x, 3 * x, p=1).item() == pytest.approx(1)
    wanted = (4 / 3) ** 0.5
    found = sliced_wasserstein(x, 3 * x.flip(0))
    assert found.item() == pytest.approx(wanted, rel=1e-6)


# How sure


def test_an_interval_holds_the_true_mean_as_often_as_it_says():
    hits = 0
    for seed in range(200):
        x = torch.randn(40, 1)
        _, low, high = bootstrap(
            torch.mean, x, resamples=100, level=0.8, seed=seed
        )
        hits += low <= 0 <= high
    assert 0.68 < hits / 200 < 0.88


def test_the_value_is_that_of_the_samples_and_seeds_repeat_it():
    x, y = torch.randn(30), torch.randn(20)

    def apart(x, y):
        return x.mean() - y.mean()

    found = bootstrap(apart, x, y, resamples=50)
    assert found.value == apart(x, y).item()
    assert found == bootstrap(apart, x, y, resamples=50)
    assert found != bootstrap(apart, x, y, resamples=50, seed=1)
    assert found.low < found.value < found.high


def test_the_ends_are_quantiles_of_the_resampled_values():
    seen = []

    def noted(x):
        seen.append(x.median().item())
        return seen[-1]

    x = torch.randn(30).exp()
    value, low, high = bootstrap(noted, x, resamples=80, level=0.9)
    assert seen.pop() == value == x.median()
    draws = torch.tensor(seen).double()
    assert len(draws) == 80
    assert low == pytest.approx(draws.quantile(0.05).item())
    assert high == pytest.approx(draws.quantile(0.95).item())


def test_the_width_for_a_mean_is_the_textbooks():
    x = torch.randn(400)
    _, low, high = bootstrap(torch.mean, x, resamples=2000)
    half = 1.96 * x.std(correction=0).item() / 400**0.5
    assert high - low == pytest.approx(2 * half, rel=0.1)


def test_different_samples_are_drawn_independently_but_rows_stay_whole():
    x = torch.randn(200)
    apart = bootstrap(lambda x, y: (x - y).mean(), x, x, resamples=300)
    wanted = 2 * 1.96 * x.std().item() * (2 / 200) ** 0.5
    assert apart.high - apart.low == pytest.approx(wanted, rel=0.2)
    pairs = torch.stack([x, x], 1)
    same = bootstrap(lambda z: (z[:, 0] - z[:, 1]).mean(), pairs)
    assert same == (0, 0, 0)


def test_repeats_add_to_a_frechet_distance_what_finite_sets_had_added():
    """Two sets of one kind: the distance of endless sets is 0."""
    x, y = torch.randn(2, 200, 16)
    value, low, high = bootstrap(frechet_distance, x, y, resamples=60)
    assert value < low
    assert 2 * value - high < 0 < 2 * value - low
    assert (low + high) / 2 == pytest.approx(2 * value, rel=0.2)


def test_a_resample_is_as_large_as_its_sample_and_repeats_rows():
    sizes, repeats = set(), []

    def looked_at(x, y):
        sizes.add((len(x), len(y)))
        repeats.append(len(x) - len(x.unique()))
        return 0.0

    bootstrap(looked_at, torch.arange(20), torch.arange(9), resamples=30)
    assert sizes == {(20, 9)}
    assert min(repeats[:-1]) > 0
    assert repeats[-1] == 0


@pytest.mark.parametrize(
    ("samples", "options", "words"),
    [
        ([], {}, "there must be samples"),
        ([torch.zeros(1)], {}, "at least 2 rows"),
        ([torch.zeros(5), torch.zeros(1)], {}, r"got \[5, 1\]"),
        *(
            (
                [torch.zeros(5)],
                {"level": level},
                rf"level must be in 0\.\.1, not 0 and not 1; got {level}",
            )
            for level in (1, 0, 95)
        ),
    ],
)
def test_a_bootstrap_of_nothing_is_refused(samples, options, words):
    with pytest.raises(ValueError, match=words):
        bootstrap(torch.mean, *samples, **options)


# Unless told


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        (sliced_wasserstein, {"num_projections": 128, "p": 2}),
        (precision_recall, {"k": 3}),
        (
            lambda x, y, **k: frechet_floor(x, y, 20, **k),
            {"resamples": 50, "seed": 0},
        ),
        (
            lambda x, y, **k: bootstrap(torch.mean, x, **k),
            {"resamples": 500, "level": 0.95, "seed": 0},
        ),
    ],
    ids=["sliced", "precision", "floor", "bootstrap"],
)
def test_what_is_not_said_is_what_the_signature_promises(metric, options):
    x, y = torch.randn(40, 3), torch.randn(50, 3) + 0.5

    def found(**options):
        torch.manual_seed(4)
        return metric(x, y, **options)

    assert found() == found(**options)


@pytest.mark.parametrize("empty", [0, 1])
def test_a_set_without_points_has_no_distance(empty):
    sets = [torch.randn(5, 2), torch.randn(5, 2)]
    sets[empty] = sets[empty][:0]
    with pytest.raises(ValueError, match="each set needs a sample; got"):
        sliced_wasserstein(*sets)


def test_no_shares_have_no_entropy_and_rounding_is_forgiven():
    with pytest.raises(
        ValueError, match="shares must be at least one; got"
    ):
        entropy(torch.zeros(0))
    with pytest.raises(ValueError, match="sum to 1"):
        entropy(tensor(0.5, 0.501))
    rounded = torch.tensor([0.33333, 0.33333, 0.33333])
    assert entropy(rounded).item() == pytest.approx(log(3), abs=1e-4)
