"""Solvers: held to the exact path, and to the order that they promise."""

from functools import partial
from math import sqrt

import pytest
import torch
from torch import nn
from torch.distributions import Normal
from torch.testing import assert_close
from torchdiffeq import odeint

from diffusion_lessons import (
    ExactModel,
    GaussianMixture,
    NoiseSchedule,
    ddim_sample,
    dpm2m_sample,
    dpm2m_step,
    euler_sample,
    euler_step,
    heun_sample,
    heun_step,
    karras_grid,
    log_snr_grid,
    sigma_at,
    target,
    x0_and_eps,
)

S = NoiseSchedule.linear(1000)
LINE = GaussianMixture(
    means=[[-1.5], [0.5], [2.0]],
    stds=[0.3, 0.3, 0.4],
    weights=[0.3, 0.2, 0.5],
)
EXACT = {"predicts": "x0", "clip": None}
SOLVERS = {"euler": euler_sample, "heun": heun_sample, "2M": dpm2m_sample}
each_solver = pytest.mark.parametrize(
    "solver", SOLVERS.values(), ids=SOLVERS
)


def randn(*shape, seed=9):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def cdf(x, t, schedule=S):
    """How much of q(x_t) of the line lies below x (B, 1)."""
    m, var = LINE.noisy_bells(x, 1, schedule.through([t]))
    return (LINE.weights * Normal(m[..., 0], var.sqrt()).cdf(x)).sum(1)


def quantiles(n, t, schedule=S):
    """Where the middles of n equal parts of q(x_t) lie, (n, 1)."""
    levels = (torch.arange(n).double() + 0.5) / n
    low, high = torch.full((2, n, 1), 9.0).double()
    low = -high
    for _ in range(60):
        middle = (low + high) / 2
        below = (cdf(middle, t, schedule) < levels)[:, None]
        low, high = low.where(~below, middle), high.where(below, middle)
    return low


def before_the_last(walk):
    return list(walk)[-2]


# The order


@pytest.mark.parametrize("grid", [karras_grid, log_snr_grid])
@pytest.mark.parametrize(
    ("solver", "order", "within"),
    [
        (euler_sample, 1, 0.1),
        (heun_sample, 2, 0.15),
        (dpm2m_sample, 2, 0.15),
    ],
)
def test_the_error_falls_at_the_order_of_the_method(
    solver, order, within, grid
):
    """Quantiles go to quantiles; from sigma = 80 to t = 1."""
    errors = []
    for n in (81, 161, 321):
        path = grid(S, n)
        x, model = quantiles(20, path[0]), ExactModel(LINE, S)
        last = before_the_last(solver(model, x, S, path, **EXACT))
        assert last.t == 1
        errors.append((last.x - quantiles(20, 1)).square().mean().sqrt())
    orders = (torch.stack(errors[:-1]) / torch.stack(errors[1:])).log2()
    assert ((orders - order).abs() < within).all()


@pytest.mark.parametrize("name", ["linear", "cosine"])
@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_ddim_is_euler_on_the_ruler_of_sigma(name, predicts, clip):
    schedule = getattr(NoiseSchedule, name)(1000)

    def model(x, t):
        x0 = 1.3 * torch.sin(x + t[:, None] / 50)
        _, eps = x0_and_eps(x0, x, t, schedule, "x0")
        return target(predicts, x0, eps, t, schedule)

    how = {"predicts": predicts, "clip": clip}
    for steps in (1, 7, 50, [1000, 400, 399, 3, 0]):
        given = (model, randn(4, 2), schedule, steps)
        ddim, euler = (
            f(*given, **how) for f in (ddim_sample, euler_sample)
        )
        for a, b in zip(ddim, euler, strict=True):
            assert a.t == b.t
            assert_close(a.x, b.x, rtol=0, atol=1e-10)
            assert_close(a.x0_hat, b.x0_hat, rtol=1e-10, atol=1e-10)


@each_solver
def test_a_single_bell_is_carried_along_its_exact_path(solver):
    """x - m shrinks as the root of s² + sigma²."""
    bell = GaussianMixture([[0.7, -0.2]], 0.4)
    path, x_T = karras_grid(S, 400), randn(5, 2)
    last = before_the_last(
        solver(ExactModel(bell, S), x_T, S, path, **EXACT)
    )
    first, sigma = sigma_at(path[0], S), sigma_at(1, S)
    x = x_T / sqrt(S.alpha_bar(path[0])) - bell.means
    expected = bell.means + x * sqrt((0.16 + sigma**2) / (0.16 + first**2))
    tolerance = 2e-2 if solver is euler_sample else 1e-4
    found = last.x / sqrt(S.alpha_bar(1))
    assert_close(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("solver", [heun_sample, dpm2m_sample])
def test_torchdiffeq_finds_the_same_end(solver):
    model, path = ExactModel(LINE, S), log_snr_grid(S, 400)
    x_T = quantiles(9, path[0])

    def right_hand_side(sigma, x):
        """(x - x0_hat) / sigma, without a line of ours but the mixture."""
        one = NoiseSchedule([(sigma**2 / (1 + sigma**2)).item()])
        xt = x / (1 + sigma**2).sqrt()
        return (x - LINE.posterior_mean(xt, 1, one)) / sigma

    ends = torch.tensor([sigma_at(path[0], S), sigma_at(1, S)]).double()
    x = x_T / sqrt(S.alpha_bar(path[0]))
    *_, theirs = odeint(right_hand_side, x, ends, rtol=1e-8, atol=1e-8)
    last = before_the_last(solver(model, x_T, S, path, **EXACT))
    assert_close(last.x / sqrt(S.alpha_bar(1)), theirs, rtol=0, atol=2e-4)


# One step


def test_a_step_of_euler_follows_the_noise():
    x, eps = randn(2, 3, 2)
    assert_close(euler_step(x, eps, 5.0, 2.0), x - 3 * eps)


def test_a_step_of_heun_follows_the_mean_of_two():
    x, a, b = randn(3, 3, 2)
    assert_close(heun_step(x, a, b, 5.0, 2.0), x - 1.5 * (a + b))
    assert_close(heun_step(x, a, a, 5.0, 2.0), euler_step(x, a, 5.0, 2.0))


def test_a_step_of_2m_with_no_change_of_mind_is_euler():
    x, x0 = randn(2, 3, 2)
    step = dpm2m_step(x, x0, x0, 9.0, 5.0, 2.0)
    assert_close(step, euler_step(x, (x - x0) / 5, 5.0, 2.0))


def test_a_step_of_2m_goes_on_to_the_middle_of_its_step():
    """Steps of log 2 and log 4 in log sigma: one whole change of mind."""
    x, x0, x0_before = randn(3, 3, 2)
    step = dpm2m_step(x, x0, x0_before, 8.0, 4.0, 1.0)
    assert_close(step, x / 4 + 3 / 4 * (2 * x0 - x0_before))


def test_2m_is_exact_enough_where_the_guess_is_a_line_in_log_sigma():
    """Its error is then of the third order in the step."""
    errors = []
    for h in (0.2, 0.1):
        before, sigma, to = (torch.tensor(k * -h).exp() for k in (-1, 0, 1))
        x = torch.ones(1, 1).double()
        step = dpm2m_step(
            x,
            0 * x,
            -h * x,
            before.item(),
            sigma.item(),
            to.item(),
        )
        # x' = x - k in lambda, with k = lambda: x(h) = h - 1 + 2 exp(-h)
        exact = h - 1 + 2 * torch.tensor(-h).double().exp()
        errors.append((step - exact).abs().item())
    assert errors[0] / errors[1] == pytest.approx(8, rel=0.1)


# Paths


@pytest.mark.parametrize(
    ("solver", "calls"),
    [(euler_sample, 7), (heun_sample, 13), (dpm2m_sample, 7)],
)
def test_the_network_is_asked_so_many_times(solver, calls):
    asked = []

    def model(x, t):
        asked.append(t[0].item())
        return torch.zeros_like(x)

    grid = karras_grid(S, 7)
    shown = [s.t for s in solver(model, randn(2, 1), S, grid)]
    assert shown == grid[1:]
    assert len(asked) == calls
    assert set(asked) == set(grid[:-1])


@each_solver
def test_a_network_is_told_moments_as_its_images_are(solver):
    told = []

    def model(x, t):
        told.append(t)
        return x

    x_T, path = randn(3, 1, 2, 2).float(), [1000, 50.5, 9, 0]
    *_, last = solver(model, x_T, S, path)
    assert last.x.dtype == torch.float32
    kinds = {t[0].item(): t.dtype for t in told}
    assert kinds == {
        1000: torch.int64,
        50.5: torch.float32,
        9: torch.int64,
    }
    assert all(t.shape == (3,) for t in told)


@each_solver
def test_a_path_is_fixed_and_keeps_no_gradient(solver):
    net = nn.Linear(2, 2).double()
    walk = partial(solver, lambda x, t: net(x), randn(3, 2), S, 4)
    first, again = list(walk()), list(walk())
    assert torch.equal(first[-1].x, again[-1].x)
    assert not first[-1].x.requires_grad
    first[0].x.fill_(7)
    changed = walk()
    next(changed).x.fill_(7)
    assert torch.equal(list(changed)[-1].x, again[-1].x)


@each_solver
def test_a_guess_is_cut_and_shown(solver):
    model = partial(torch.full_like, fill_value=3.0)
    walk = solver(lambda x, t: model(x), randn(3, 2), S, 5, predicts="x0")
    assert all((s.x0_hat == 1).all() for s in walk)


@each_solver
@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (0, "num_steps must be"),
        (1001, r"num_steps must be .* in 1\.\.1000"),
        ([1000, 0.5, 0], "not t / T"),
        ([1000, 1000, 0], "must fall from T to 0"),
        ([1000, 5], "must fall from T to 0"),
        ([100, 0], "pure noise"),
        ("many", "num_steps must be"),
        ([1000, None, 0], "each of num_steps"),
    ],
)
def test_what_is_no_grid_is_refused(solver, steps, words):
    with pytest.raises(ValueError, match=words):
        solver(min, randn(2, 1), S, steps)


@each_solver
def test_a_schedule_that_ends_in_nothing_has_no_ruler(solver):
    bent = S.zero_terminal_snr()
    with pytest.raises(ValueError, match="holds something of x_0"):
        solver(min, randn(2, 1), bent, 5, predicts="v")


@each_solver
@pytest.mark.parametrize("progress", [True, False])
def test_a_bar_is_shown_where_it_is_wanted(solver, progress, capsys):
    list(solver(lambda x, t: x, randn(2, 1), S, 3, progress=progress))
    assert ("sampling: 100%" in capsys.readouterr().err) == progress
