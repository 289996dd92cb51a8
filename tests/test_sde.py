"""The SDE of the chain and its ODE, held to the exact densities.

One-sample bound of Dvoretzky, Kiefer and Wolfowitz: the distribution of n
draws is further than sqrt(log(2 / p) / 2n) from the true one, anywhere,
with a probability of at most p. The bounds here have p = 1e-5.
"""

from math import log, sqrt

import pytest
import torch
from torch.distributions import Normal
from torch.testing import assert_close
from torchdiffeq import odeint

from diffusion_lessons import (
    ExactModel,
    GaussianMixture,
    NoiseSchedule,
    euler_maruyama_step,
    probability_flow,
    q_sample,
    q_step,
    reverse_drift,
    sde_path,
    sde_sample,
    vp_sde,
)

LINE = GaussianMixture(
    means=[[-1.5], [0.5], [2.0]],
    stds=[0.3, 0.3, 0.4],
    weights=[0.3, 0.2, 0.5],
)
FIVE_T = [900, 700, 400, 200, 50]
S = NoiseSchedule.linear(1000)
EXACT = {"predicts": "x0", "clip": None}


def seeded(seed=9):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=9):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def cdf(x, t):
    """How much of q(x_t) of the line lies below x (B, 1)."""
    m, var = LINE.noisy_bells(x, t, S)
    return (LINE.weights * Normal(m[..., 0], var.sqrt()).cdf(x)).sum(1)


def agrees_with_the_density(x, t, slack=0.0):
    """Mean, variance and distribution of draws (n, 1) of q(x_t)."""
    n = len(x)
    signal2, noise2 = S.alpha_bar(t), 1 - S.alpha_bar(t)
    mean = (LINE.weights * LINE.means[:, 0]).sum()
    square = (LINE.weights * (LINE.means[:, 0] ** 2 + LINE.variances)).sum()
    var = signal2 * (square - mean**2) + noise2
    error = x.mean() - sqrt(signal2) * mean
    assert error.abs() < 5 * (var / n).sqrt() + slack
    assert abs(x.var() / var - 1) < 5 * sqrt(2 / n) + slack
    below = cdf(x, t).sort().values
    even = (torch.arange(n) + 0.5) / n
    bound = sqrt(log(2 / 1e-5) / (2 * n))
    assert (below - even).abs().max() < bound + slack


def two_samples_agree(x, y):
    """Kolmogorov and Smirnov: the largest distance of two distributions."""
    both = torch.cat([x, y])[:, 0].sort().values
    f, g = (
        torch.searchsorted(z[:, 0].sort().values, both, right=True) / len(z)
        for z in (x, y)
    )
    bound = sqrt(log(2 / 1e-5) / 2 * (1 / len(x) + 1 / len(y)))
    assert (f - g).abs().max() < bound


# The equation


def test_a_step_of_the_chain_is_the_sde_in_the_limit():
    """sqrt(1 - b) = 1 - b / 2 - b² / 8: the gap falls as the square."""
    x, gaps = torch.ones(1, 1).double(), []
    for T in (10, 100, 1000):
        schedule = NoiseSchedule.linear(T)
        t = T // 2
        drift, g = vp_sde(x, t, schedule)
        small = euler_maruyama_step(x, drift, g, 1.0, 0 * x)
        gap = q_step(x, t, 0 * x, schedule) - small
        gaps.append(gap.abs().item())
    assert gaps[0] / gaps[1] == pytest.approx(100, rel=0.5)
    assert gaps[1] / gaps[2] == pytest.approx(100, rel=0.2)


def test_the_gain_is_the_noise_per_unit_of_time(schedule):
    """Within a step, g² is what -log ᾱ grows by, and a mean between two."""
    x = randn(3, 2)
    grows = -schedule.alphas_cumprod.log().diff()
    sides = (grows[:-1] + grows[1:]) / 2
    known = {0.5: grows[0], 19.5: grows[19], 19.99: grows[19]}
    known |= {0: grows[0], 60: grows[59], 1: sides[0], 20: sides[19]}
    for t, beta in known.items():
        drift, g = vp_sde(x, t, schedule)
        assert g**2 == pytest.approx(beta.item())
        assert_close(drift, -beta / 2 * x)


def test_many_small_steps_keep_the_variance_of_the_jump():
    """Moments of x_T of the SDE, from one point, at five t."""
    n, steps = 20_000, 500
    path = sde_path(torch.ones(n, 1).double(), randn(steps, n, 1), S)
    for t in FIVE_T:
        x, signal2 = path[t // 2], S.alpha_bar(t)
        assert abs(x.mean() - sqrt(signal2)) < 5 / sqrt(n)
        assert abs(x.var() / (1 - signal2) - 1) < 5 * sqrt(2 / n) + 0.01


def test_the_sde_has_the_density_of_the_chain_at_five_t():
    n, steps = 10_000, 500
    path = sde_path(LINE.sample(n, seeded()), randn(steps, n, 1), S)
    for t in FIVE_T:
        agrees_with_the_density(path[t // 2], t)
        jump = q_sample(LINE.sample(n, seeded(1)), t, randn(n, 1), S)
        two_samples_agree(path[t // 2], jump)


def test_the_drift_moves_the_density_as_the_equation_says():
    """Fokker-Planck: dq/dt = -(f q)' + g² q'' / 2, by differences."""
    x = torch.linspace(-3, 3, 61, dtype=torch.float64)[:, None]
    t, h, d = 500, 1e-4, 2

    def density(x, t):
        return LINE.density(x, t, S)

    drift, g = vp_sde(x, t, S)
    f = (drift / x.where(x != 0, 1)).min()  # f(x) = f x
    score = LINE.score(x, t, S)[:, 0]
    up, down = density(x + h, t), density(x - h, t)
    second = (up - 2 * density(x, t) + down) / h**2
    moved = (density(x, t + d) - density(x, t - d)) / (2 * d)
    q = density(x, t)
    expected = -f * (q + x[:, 0] * score * q) + g**2 / 2 * second
    assert_close(moved, expected, rtol=0, atol=2e-3 * moved.abs().max())


# The way back


@pytest.mark.parametrize("eta", [1.0, 0.5, 0.0])
def test_every_way_back_has_the_exact_density_at_five_t(eta):
    n, model = 6000, ExactModel(LINE, S)
    x_T = q_sample(LINE.sample(n, seeded()), 1000, randn(n, 1), S)
    walk = sde_sample(
        model, x_T, S, 500, eta=eta, generator=seeded(2), **EXACT
    )
    shown = {round(s.t): s.x for s in walk}
    for t in (*FIVE_T, 2):
        agrees_with_the_density(shown[t], t, slack=0.005)
    two_samples_agree(shown[2], LINE.sample(n, seeded(5)))


def test_the_reverse_sde_follows_the_score_twice_as_much():
    x, score = randn(2, 5, 3)
    drift, g = vp_sde(x, 300, S)
    assert_close(reverse_drift(x, score, 300, S, 1), drift - g**2 * score)
    ode = probability_flow(x, score, 300, S)
    assert_close(ode, drift - g**2 / 2 * score)
    assert_close(reverse_drift(x, score, 300, S, 0.0), ode)


def test_the_ode_stands_still_on_a_standard_normal():
    """The chain keeps N(0, 1): nothing has to move."""
    normal, x = GaussianMixture([[0.0]], 1.0), randn(9, 1)
    score = normal.score(x, 300, S)
    assert_close(probability_flow(x, score, 300, S), 0 * x)


def test_the_ode_carries_quantiles_to_quantiles():
    """torchdiffeq's solver, of others, on our right-hand side.

    beta(t) jumps a little at every whole t, which costs it some digits.
    """
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]

    def right_hand_side(t, x):
        t = t.clamp(1, 1000)
        score = LINE.score(x, 1, S.through(t[None]))
        return probability_flow(x, score, t.item(), S)

    moments = torch.tensor([1000.0, 600, 200, 50]).double()
    path = odeint(
        right_hand_side,
        x,
        moments,
        method="rk4",
        options={"step_size": 2.0},
    )
    for t, xt in zip((1000, 600, 200, 50), path, strict=True):
        assert_close(cdf(xt, t), cdf(x, 1000), rtol=0, atol=2e-5)


def test_the_walk_without_noise_is_that_ode_at_first_order():
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    model, errors = ExactModel(LINE, S), []
    for steps in (50, 100, 200):
        walk = sde_sample(model, x, S, steps, eta=0.0, **EXACT)
        xt = next(s.x for s in walk if s.t == 200)
        errors.append((cdf(xt, 200) - cdf(x, 1000)).square().mean().sqrt())
    orders = (torch.stack(errors[:-1]) / torch.stack(errors[1:])).log2()
    assert ((orders - 1).abs() < 0.1).all()


def test_the_same_increments_in_larger_steps_end_nearly_there():
    """Finer and finer steps of one path of w: they come together."""
    noise, x0 = randn(800, 200, 1), torch.ones(200, 1).double()
    ends = []
    for k in (1, 4, 16, 64):
        coarse = noise[: 800 // k * k].view(-1, k, 200, 1).sum(1) / sqrt(k)
        ends.append(sde_path(x0, coarse, S)[-1])
    gaps = [(e - ends[0]).abs().mean() for e in ends[1:]]
    assert gaps[0] < gaps[1] / 2 < gaps[2] / 4


def test_a_walk_back_shows_where_it_is_and_repeats():
    model, x = ExactModel(LINE, S), randn(4, 1)

    def walk(seed):
        return list(
            sde_sample(model, x, S, 8, eta=1, generator=seeded(seed))
        )

    first = walk(3)
    assert [s.t for s in first] == [875, 750, 625, 500, 375, 250, 125, 0]
    assert torch.equal(first[-1].x, walk(3)[-1].x)
    assert not torch.equal(first[-1].x, walk(4)[-1].x)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: sde_path(x, randn(5, 3, 1), S), r"of shape \(n, 4, 1\)"),
        (lambda x: sde_sample(min, x, S, 1001, eta=1), r"in 1\.\.1000"),
        (lambda x: sde_sample(min, x, S, 9, eta=1.5), "eta must be"),
        (lambda x: vp_sde(x, 1001, S), "t must be"),
        (lambda x: vp_sde(x, -1, S), "t must be"),
    ],
)
def test_what_no_equation_takes_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(randn(4, 1))
