"""Divergences and bits, against quadrature and torch."""

import math

import pytest
import torch
from scipy.integrate import solve_ivp
from torch.distributions import Normal, kl_divergence
from torch.testing import assert_close

from diffusion_lessons import (
    ExactModel,
    Gaussian,
    GaussianMixture,
    InputError,
    NoiseSchedule,
    bits_per_dim,
    gaussian_kl,
    level_log_prob,
    ode_likelihood,
    probability_flow,
    sigma_at,
    t_at,
    with_divergence,
)
from diffusion_lessons.likelihood import _speed
from diffusion_lessons.sde import rate

BELLS = [((0.5, 0.3), (-0.2, 1.7)), ((1.0, 2.0), (1.0, 0.5))]


def gaussian(mean, variance):
    one = torch.ones(1, 1, dtype=torch.float64)
    return Gaussian(mean * one, variance * one)


# The divergence of two Gaussians


@pytest.mark.parametrize(("q", "p"), BELLS)
def test_the_divergence_is_the_mean_of_the_difference_of_logarithms(q, p):
    """By quadrature: variances unequal, in both orders."""
    x = torch.linspace(-30, 30, 200_001, dtype=torch.float64)
    for (m, v), (n, w) in ((q, p), (p, q)):
        one, other = (
            Normal(
                *torch.tensor(
                    [mean, var**0.5], dtype=torch.float64
                ).unbind()
            )
            for mean, var in ((m, v), (n, w))
        )
        gap = one.log_prob(x) - other.log_prob(x)
        mean = torch.trapezoid(one.log_prob(x).exp() * gap, x)
        found = gaussian_kl(gaussian(m, v), gaussian(n, w))
        assert_close(found, mean[None], rtol=1e-9, atol=1e-12)


def test_divergences_of_pixels_add_up_and_a_variance_is_shared():
    m_q, m_p = torch.randn(2, 3, 1, 4, 4).double()
    v_q, v_p = torch.rand(2, 3, 1, 1, 1).double() + 0.1
    found = gaussian_kl(Gaussian(m_q, v_q), Gaussian(m_p, v_p))
    each = kl_divergence(Normal(m_q, v_q.sqrt()), Normal(m_p, v_p.sqrt()))
    assert_close(found, each.flatten(1).sum(1))


def test_the_divergence_from_itself_is_0_and_else_positive():
    m, v = torch.randn(50, 3), torch.rand(50, 1) + 0.1
    same = gaussian_kl(Gaussian(m, v), Gaussian(m, v))
    assert_close(same, torch.zeros(50), rtol=0, atol=1e-6)
    assert (gaussian_kl(Gaussian(m, v), Gaussian(m, 2 * v)) > 0.1).all()


# Bits


def test_a_coin_for_each_pixel_is_a_bit_for_each_pixel():
    nats = torch.full((3,), 64 * math.log(2))
    assert_close(bits_per_dim(nats, 64), torch.ones(3))


def test_a_density_counts_what_lies_in_a_level():
    """Uniform on -1..1, 256 levels of width 2/256: 8 bits each."""
    nats = torch.tensor([784 * math.log(2)]).double()  # density 1/2
    assert_close(
        bits_per_dim(nats, 784, 2 / 256), torch.tensor([8.0]).double()
    )


def test_bits_do_not_depend_on_the_scale_of_the_pixels():
    """The density of x / 2 is twice that of x, its levels half as wide."""
    x = torch.randn(5, 9).double()
    nats = -Normal(0, 1).log_prob(x).sum(1)
    halved = -Normal(0, 0.5).log_prob(x / 2).sum(1)
    one, other = bits_per_dim(nats, 9, 0.1), bits_per_dim(halved, 9, 0.05)
    assert_close(one, other)


# A pixel that can have a few values


def every_level(levels):
    return torch.linspace(-1, 1, levels, dtype=torch.float64)[:, None]


@pytest.mark.parametrize("levels", [2, 3, 17, 256])
@pytest.mark.parametrize("mean", [-3.0, -1.0, 0.03, 0.9, 7.0])
@pytest.mark.parametrize("std", [1e-3, 0.02, 0.5, 4.0])
def test_the_probabilities_of_all_levels_sum_to_1(levels, mean, std):
    x0 = every_level(levels)
    log_p = level_log_prob(x0, torch.full_like(x0, mean), std, levels)
    assert log_p.isfinite().all()
    assert log_p.logsumexp(0).item() == pytest.approx(0, abs=1e-9)


def test_a_level_has_what_lies_around_it():
    x0, mean = every_level(5), torch.full((5, 1), 0.2).double()
    log_p = level_log_prob(x0, mean, 0.3, 5)
    edges = torch.tensor([-0.75, -0.25, 0.25, 0.75]).double()
    below = Normal(0.2, 0.3).cdf(edges)
    shares = torch.cat([below, torch.ones(1)]).diff(prepend=torch.zeros(1))
    assert_close(log_p.exp()[:, 0], shares)


def test_far_away_a_level_is_improbable_and_not_impossible():
    """As far to the left as to the right, and exact to 1 in 1000."""
    x0 = torch.tensor([[-0.5], [0.5]]).double()
    log_p = level_log_prob(x0, -40 * x0, 0.1, 5)
    assert_close(log_p[0], log_p[1])
    near = -((20.5 - 0.25) ** 2) / (2 * 0.1**2)
    assert_close(log_p[0].item(), near, rtol=1e-3, atol=0)


def test_the_rounding_of_float32_leaves_a_pixel_on_its_level():
    x0 = (torch.arange(256) / 255 * 2 - 1)[:, None]
    log_p = level_log_prob(x0, x0, 1e-4, 256)
    assert log_p.dtype == torch.float64
    assert_close(log_p.exp(), torch.ones(256, 1).double())


@pytest.mark.parametrize("pixel", [0.1, 1.5, -1.25])
def test_a_pixel_beside_the_levels_is_refused(pixel):
    x0 = torch.tensor([[pixel]])
    with pytest.raises(InputError, match="on 17 levels from -1 to 1"):
        level_log_prob(x0, x0, 0.1, 17)


# Divergences of fields


def twist(x):
    """A field with a divergence that is known: 3 + 2 x_0 - sin x_1."""
    a, b = x.unbind(1)
    return torch.stack([3 * a + a**2 - b, b.cos() + 5 * a], 1)


def test_the_divergence_of_a_field_is_the_trace_of_its_slopes():
    x = torch.randn(20, 2).double()
    value, found = with_divergence(twist, x)
    assert_close(value, twist(x))
    assert not value.requires_grad
    assert_close(found, 3 + 2 * x[:, 0] - x[:, 1].sin())


def test_the_mean_over_all_probes_is_exact():
    x = torch.randn(20, 2).double()
    _, exact = with_divergence(twist, x)
    signs = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]]).double()
    each = [with_divergence(twist, x, s.expand_as(x))[1] for s in signs]
    assert_close(torch.stack(each).mean(0), exact)
    assert (each[0] - exact).abs().min() > 1e-3  # and one alone is not


def test_pictures_have_a_divergence_as_well():
    x = torch.randn(3, 2, 4, 4).double()
    _, found = with_divergence(lambda x: x**3 / 3, x)
    assert_close(found, x.square().flatten(1).sum(1))


# Likelihood through the ODE

FINE = NoiseSchedule.cosine(1000)
LINE = GaussianMixture([[-1.0], [1.5]], [0.2, 0.5], [1.0, 2.0])
PLANE = GaussianMixture(
    [[-1.0, 0.5], [1.5, -0.5]],
    covariances=torch.tensor(
        [[[0.3, 0.2], [0.2, 0.2]], [[0.2, 0.0], [0.0, 0.5]]]
    ),
)
each_mixture = pytest.mark.parametrize("mixture", [LINE, PLANE])


def output_of(mixture, predicts):
    """The exact network in any of the three languages."""
    exact = ExactModel(mixture, FINE)

    def model(x, t):
        x0 = exact(x, t)
        a = FINE.alpha_bar(t[0].item())
        eps = (x - a**0.5 * x0) / (1 - a) ** 0.5
        v = a**0.5 * eps - (1 - a) ** 0.5 * x0
        return {"eps": eps, "x0": x0, "v": v}[predicts]

    return model


@each_mixture
@pytest.mark.parametrize("t", [1, 300])
def test_the_ode_finds_the_exact_density(mixture, t):
    """To four digits."""
    x, model = mixture.sample(50), ExactModel(mixture, FINE)
    found = ode_likelihood(model, x, FINE, t=t, predicts="x0")
    exact = mixture.log_density(x, t, FINE)
    assert_close(found, exact, rtol=0, atol=1e-4)


@pytest.mark.parametrize("t", [1, 40.5, 300, 900])
def test_its_way_is_the_probability_flow(t):
    """Another clock: d log sigma / dt = beta / (2 (1 - alpha_bar))."""
    model, a = ExactModel(LINE, FINE), FINE.alpha_bar(t)
    x = torch.randn(6, 1).double()
    score = (a**0.5 * model(x, torch.full((6,), t)) - x) / (1 - a)
    wanted = probability_flow(x, score, t, FINE) * 2 * (1 - a)
    found = _speed(model, sigma_at(t, FINE), FINE, "x0", x)
    assert_close(found * rate(t, FINE), wanted)


def test_it_is_the_same_in_every_language():
    x = LINE.sample(20)
    exact = LINE.log_density(x, 1, FINE)
    for predicts in ("eps", "x0", "v"):
        model = output_of(LINE, predicts)
        found = ode_likelihood(model, x, FINE, predicts=predicts)
        assert_close(found, exact, rtol=0, atol=1e-4)


def test_half_the_step_is_a_sixteenth_of_the_error():
    """Order 4, or a little better."""
    x, model = LINE.sample(100), ExactModel(LINE, FINE)
    few, more, most = (
        ode_likelihood(model, x, FINE, n, t=300, predicts="x0")
        for n in (40, 80, 200)
    )
    errors = [
        (found - most).square().mean().sqrt() for found in (few, more)
    ]
    assert math.log2(errors[0] / errors[1]) > 3.7


@each_mixture
def test_scipys_solver_finds_the_same(mixture):
    """Another solver, in the time of sigma itself, on the raw score."""
    x = mixture.sample(3)
    z = x / FINE.alpha_bar(1) ** 0.5
    ends = [sigma_at(t, FINE) for t in (1, 900)]

    def right(sigma, y):
        now = torch.from_numpy(y[:-1])[None].requires_grad_()
        signal = (1 + sigma**2) ** -0.5
        there = FINE.through([t_at(min(sigma, ends[1]), FINE)])
        score = mixture.score(signal * now, 1, there) * signal
        slope = -sigma * score[0]
        rows = [
            torch.autograd.grad(s, now, retain_graph=True)[0][0]
            for s in slope
        ]
        trace = torch.stack(rows).trace()
        return torch.cat([slope, trace[None]]).detach().numpy()

    model = ExactModel(mixture, FINE)
    found = ode_likelihood(model, x, FINE, predicts="x0")
    for i in range(3):
        start = [*z[i].tolist(), 0.0]
        way = solve_ivp(right, ends, start, rtol=1e-8, atol=1e-10)
        *end, gained = way.y[:, -1]
        x_end = torch.tensor([end]).double() * FINE.alpha_bar(900) ** 0.5
        log_q = mixture.log_density(x_end, 900, FINE).item()
        drop = FINE.alpha_bar(900) / FINE.alpha_bar(1)
        log_q += gained + len(end) * math.log(drop) / 2
        assert found[i].item() == pytest.approx(log_q, abs=1e-4)


def test_one_probe_is_right_on_average():
    """In a dimension a probe of ±1 is exact; in two, on average."""
    model = ExactModel(LINE, FINE)
    x = LINE.sample(5)
    how = {"predicts": "x0"}
    one = ode_likelihood(
        model, x, FINE, 30, probe=-torch.ones_like(x), **how
    )
    assert_close(one, ode_likelihood(model, x, FINE, 30, **how))
    model, x = ExactModel(PLANE, FINE), PLANE.sample(1).expand(4, 2)
    signs = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]]).double()
    each = ode_likelihood(model, x, FINE, 30, probe=signs, **how)
    exact = ode_likelihood(model, x[:1], FINE, 30, **how)
    assert_close(each.mean()[None], exact)
    assert each.std() > 1e-3


@pytest.mark.parametrize("t", [0, 1000, 1001])
def test_where_there_is_no_noise_or_nothing_else_it_is_refused(t):
    with pytest.raises(InputError, match=r"t must be in 1\.\.999"):
        ode_likelihood(lambda x, t: x, torch.zeros(2, 1), FINE, t=t)
