"""Divergences and bits, against quadrature and torch."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.testing import assert_close

from diffusion_lessons import (
    Gaussian,
    InputError,
    bits_per_dim,
    gaussian_kl,
    level_log_prob,
)

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
