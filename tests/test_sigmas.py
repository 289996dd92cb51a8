"""The ruler of sigma, its grids, and what a network is shown on it."""

from itertools import pairwise
from math import exp, log, sqrt

import pytest
import torch
from torch.testing import assert_close

from diffusion_lessons import (
    ExactModel,
    GaussianMixture,
    NoiseSchedule,
    Preconditioned,
    edm_factors,
    even_grid,
    karras_grid,
    karras_sigmas,
    log_snr_grid,
    q_sample,
    sigma_at,
    t_at,
    target,
)

S = NoiseSchedule.linear(1000)
GRIDS = [karras_grid, log_snr_grid]


def randn(*shape, seed=9):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def sigmas_of(grid, schedule=S):
    return [sigma_at(t, schedule) for t in grid]


# The ruler


def test_on_the_ruler_the_picture_keeps_its_size(schedule):
    x0, noise = randn(2, 4, 3)
    for t in (0, 1, 30, 60):
        xt = q_sample(x0, t, noise, schedule)
        ruler = xt / sqrt(schedule.alpha_bar(t))
        assert_close(ruler, x0 + sigma_at(t, schedule) * noise)


def test_sigma_squared_is_one_over_snr(schedule):
    sigmas = [sigma_at(t, schedule) for t in range(1, 61)]
    snr = schedule.snr()[1:]
    assert sigmas == pytest.approx((1 / snr).sqrt().tolist())
    assert sigma_at(0, schedule) == 0


def test_from_t_to_sigma_and_back_is_the_identity(schedule):
    for t in (1, 1.5, 7, 30.25, 59, 60):
        back = t_at(sigma_at(t, schedule), schedule)
        assert back == pytest.approx(t, abs=1e-8)
        assert isinstance(back, type(t))  # a step comes back as a step
    for sigma in (0.1, 1.0, 7.0):
        there = t_at(sigma, schedule)
        assert sigma_at(there, schedule) == pytest.approx(sigma, rel=1e-7)


def test_a_sigma_that_the_schedule_does_not_reach_is_refused(schedule):
    most = sigma_at(60, schedule)
    with pytest.raises(ValueError, match="noise over signal is"):
        t_at(1.01 * most, schedule)
    with pytest.raises(ValueError, match="holds something of x_0"):
        sigma_at(60, schedule.zero_terminal_snr())
    with pytest.raises(ValueError, match="sigma must be"):
        t_at(0.0, schedule)


# Grids


@pytest.mark.parametrize("n", [1, 2, 10, 999])
@pytest.mark.parametrize("grid", [even_grid, *GRIDS])
def test_a_grid_falls_to_0_in_so_many_steps(grid, n):
    for schedule in (S, NoiseSchedule.cosine(1000)):
        path = grid(schedule, n)
        assert len(path) == n + 1
        assert path[-1] == 0
        assert all(a > b for a, b in pairwise(path))
        assert sigma_at(path[0], schedule) > 79 or n == 1
        assert n == 1 or grid is even_grid or path[-2] == 1


def test_an_even_grid_is_even_in_t():
    assert even_grid(S, 4) == [1000, 750, 500, 250, 0]
    assert even_grid(S, 3) == pytest.approx([1000, 2000 / 3, 1000 / 3, 0])
    with pytest.raises(ValueError, match=r"in 1\.\.1000"):
        even_grid(S, 1001)


def test_a_log_snr_grid_is_even_in_log_sigma():
    logs = [log(s) for s in sigmas_of(log_snr_grid(S, 9))[:-1]]
    steps = [a - b for a, b in pairwise(logs)]
    assert steps == pytest.approx([steps[0]] * 8, rel=1e-6)
    assert exp(logs[0]) == pytest.approx(80)


def test_a_karras_grid_is_even_in_the_seventh_root_of_sigma():
    roots = [s ** (1 / 7) for s in sigmas_of(karras_grid(S, 9))[:-1]]
    steps = [a - b for a, b in pairwise(roots)]
    assert steps == pytest.approx([steps[0]] * 8, rel=1e-6)
    even = sigmas_of(karras_grid(S, 9, rho=1.0, sigma_max=20.0))[:-1]
    assert even[0] == pytest.approx(20)
    assert even[0] - even[1] == pytest.approx(even[-2] - even[-1], rel=1e-6)


def test_karras_sigmas_are_those_of_the_paper():
    """Eq. 5 and the numbers of table 1: 0.002, 80, rho = 7, N = 18."""
    sigmas = karras_sigmas(18, 0.002, 80.0)
    assert len(sigmas) == 19
    assert sigmas[-1] == 0
    assert sigmas[0] == pytest.approx(80)
    assert sigmas[-2] == pytest.approx(0.002)
    i = 5
    root = 80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))
    assert sigmas[i] == pytest.approx(root**7)
    with pytest.raises(ValueError, match="at most sigma_max"):
        karras_sigmas(5, 2.0, 1.0)


# EDM's factors


@pytest.mark.parametrize("sigma", [0.002, 0.3, 1.0, 80.0])
def test_a_network_sees_and_is_asked_for_variance_1(sigma):
    """Appendix B.6 of Karras et al., by drawing."""
    x0, noise = 0.5 * randn(200_000), randn(200_000, seed=2)
    c_skip, c_out, c_in, c_noise = edm_factors(sigma, 0.5)
    x = x0 + sigma * noise
    asked = (x0 - c_skip * x) / c_out
    assert (c_in * x).var().item() == pytest.approx(1, abs=0.02)
    assert asked.var().item() == pytest.approx(1, abs=0.02)
    assert c_noise == pytest.approx(log(sigma) / 4)
    corr = (asked * x).mean().item() * c_in
    assert abs(corr) < 0.02  # what is asked for cannot be guessed from x


def test_with_data_of_variance_1_it_is_the_prediction_of_minus_v(schedule):
    x0, noise = randn(2, 5, 3)
    for t in (1, 20, 60, torch.tensor([1, 9, 20, 40, 60])):
        xt = q_sample(x0, t, noise, schedule)
        v = target("v", x0, noise, t, schedule)
        guess = Preconditioned(lambda x, t, v=v: -v, schedule, 1.0)
        assert_close(guess(xt, t), x0)


def test_the_wrapper_has_the_factors(schedule):
    seen = {}

    def network(x, t):
        seen["x"], seen["t"] = x, t
        return torch.ones_like(x)

    xt, t = randn(4, 2), torch.full((4,), 30)
    guess = Preconditioned(network, schedule, 0.7)(xt, t)
    f = edm_factors(sigma_at(30, schedule), 0.7)
    x = xt / sqrt(schedule.alpha_bar(30))
    assert_close(seen["x"], f.c_in * x)
    assert torch.equal(seen["t"], t)
    assert_close(guess, f.c_skip * x + f.c_out)


def test_the_best_answer_behind_the_wrapper_is_the_exact_one(schedule):
    """What F has to say for D to be E[x_0 | x_t], found and put in."""
    mixture = GaussianMixture([[-1.0], [1.0]], 0.3)
    model, xt = ExactModel(mixture, schedule), randn(6, 1)
    f = edm_factors(sigma_at(20, schedule), 0.5)
    x = xt / sqrt(schedule.alpha_bar(20))
    answer = (model(xt, 20) - f.c_skip * x) / f.c_out
    D = Preconditioned(lambda x, t: answer, schedule, 0.5)
    assert_close(D(xt, torch.full((6,), 20)), model(xt, 20))
