"""Golden: the metrics of others say the same about the same sets."""

from types import SimpleNamespace

import numpy as np
import ot
import pytest
import torch
from scipy import stats
from scipy.spatial import cKDTree
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from diffusion_lessons import (
    bootstrap,
    class_histogram,
    entropy,
    frechet_distance,
    nearest,
    nearest_ratio,
    precision_recall,
    sliced_wasserstein,
)

of_any_size = pytest.mark.parametrize(
    ("n", "m"), [(40, 40), (49, 60), (60, 18), (1, 9)]
)
of_any_power = pytest.mark.parametrize("p", [1, 1.5, 2])
of_any_dtype = pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64], ids=str
)


def two_sets(n, m, features, dtype=torch.float64):
    """One of independent features; one correlated, shifted, stretched."""
    x, y = torch.randn(n, features), torch.randn(m, features)
    turn = torch.randn(features, features) / features**0.5
    return x.to(dtype), (0.3 + 1.5 * y @ turn).to(dtype)


def agree(found, wanted, rtol=1e-12):
    found, wanted = np.asarray(found), np.asarray(wanted)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=0)


@of_any_size
@of_any_power
def test_pot_agrees_along_the_same_lines(n, m, p):
    x, y = two_sets(n, m, 5)
    seeded = torch.Generator().manual_seed
    lines = torch.randn(5, 30, generator=seeded(3), dtype=torch.float64)
    lines = (lines / lines.norm(dim=0)).numpy()
    theirs = ot.sliced_wasserstein_distance(
        x.numpy(), y.numpy(), projections=lines, p=p
    )
    agree(sliced_wasserstein(x, y, 30, p, seeded(3)), theirs)


@of_any_size
@of_any_power
def test_no_plan_of_pots_linear_program_is_cheaper_on_a_line(n, m, p):
    """It knows the costs alone, no order; many points share a place."""
    x, y = ((2 * z).round() / 2 for z in two_sets(n, m, 1))
    cost = ot.emd2([], [], ((x - y.T).abs() ** p).numpy())
    agree(sliced_wasserstein(x, y, p=p), cost ** (1 / p))


@of_any_dtype
@pytest.mark.parametrize(
    ("n", "m", "features"),
    [(300, 200, 8), (40, 50, 1), (12, 9, 20), (100, 2, 20)],
)
def test_torch_fidelity_and_pot_agree_on_frechet(n, m, features, dtype):
    """Without full rank theirs takes roots of 1e-15 instead of 0."""
    sets = two_sets(n, m, features, dtype)
    arrays = [z.double().numpy() for z in sets]
    mean = [z.mean(0) for z in arrays]
    cov = [np.atleast_2d(np.cov(z, rowvar=False)) for z in arrays]
    x, y = ({"mu": mean[i], "sigma": cov[i]} for i in (0, 1))
    (theirs,) = fid_statistics_to_metric(x, y, verbose=False).values()
    full = min(n, m) > features
    ours = frechet_distance(*sets)
    agree(ours, theirs, 1e-11 if full else 1e-6)
    if full:
        root = ot.gaussian.bures_wasserstein_distance(*mean, *cov)
        agree(ours, root**2, 1e-11)


@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("k", [1, 3, 6])
def test_torch_fidelity_agrees_on_precision_and_recall(k, grid):
    """On a grid many points lie exactly on the edge of a ball."""
    real, fake = two_sets(80, 1100, 6)
    if grid:
        real, fake = real.round(), fake.round()
    theirs = prc_features_to_metric(
        fake,
        real,
        prc_neighborhood=k,
        prc_batch_size=5000,
        save_cpu_ram=False,
        verbose=False,
    )
    precision, recall = precision_recall(real, fake, k)
    assert precision != recall
    agree(precision, theirs["precision"], 1e-6)
    agree(recall, theirs["recall"], 1e-6)


@of_any_dtype
@pytest.mark.parametrize("shape", [(1,), (3,), (1, 4, 4)])
def test_scipys_search_tree_agrees_on_the_nearest(shape, dtype):
    x = torch.randn(1100, *shape, dtype=dtype)
    sets = torch.randn(2, 300, *shape, dtype=dtype)
    trees = [cKDTree(z.flatten(1)) for z in sets]
    seen, unseen = (tree.query(x.flatten(1)) for tree in trees)
    for ours, theirs in zip(nearest(x, sets[0]), seen, strict=True):
        agree(ours, theirs)
    agree(nearest_ratio(x, *sets), seen[0] / unseen[0])


def test_scipy_agrees_on_the_entropy_with_empty_classes():
    labels = 2 * torch.randint(4, (50,))
    counts = np.bincount(labels, minlength=10)
    agree(entropy(class_histogram(labels)), stats.entropy(counts))


def their_ends(samples, statistic, resamples, **options):
    """Of SciPy's percentile interval."""
    found = stats.bootstrap(
        [z.numpy() for z in samples],
        statistic,
        n_resamples=resamples,
        confidence_level=0.8,
        method="percentile",
        rng=np.random.default_rng(0),
        **options,
    )
    return found.confidence_interval


def test_scipy_finds_the_same_ends_of_the_same_resamples():
    seen = []

    def variance(x):
        seen.append(x.var().item())
        return seen[-1]

    x = torch.randn(30, dtype=torch.float64).exp()
    ends = bootstrap(variance, x, resamples=77, level=0.8)[1:]
    same = SimpleNamespace(bootstrap_distribution=np.array(seen[:77]))
    theirs = their_ends([x], np.var, 0, bootstrap_result=same)
    agree(ends, theirs)


@pytest.mark.parametrize("m", [50, 9])
def test_scipys_interval_of_a_gap_is_as_near_as_chance_lets_it(m):
    """A quantile of 4000 resamples moves by 1 % of the interval."""

    def gap(x, y, **axis):
        return x.mean(**axis) - y.mean(**axis)

    x = torch.randn(50, dtype=torch.float64).exp()
    sets = x, 2 * x[:m]
    low, high = their_ends(sets, gap, 4000)
    ends = bootstrap(gap, *sets, resamples=4000, level=0.8)[1:]
    assert ends == pytest.approx((low, high), abs=0.06 * (high - low))
