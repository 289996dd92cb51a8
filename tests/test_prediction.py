"""What a network predicts: three targets for one knowledge."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.testing import assert_close

from diffusion_lessons import (
    NoiseSchedule,
    elbo_weight,
    q_posterior,
    q_sample,
    target,
    x0_and_eps,
)

EVERY_T = torch.arange(1, 61)


@pytest.fixture(params=["eps", "x0", "v"])
def predicts(request):
    return request.param


def noisy(schedule):
    """An x_0, a noise and their x_t at every t of the schedule."""
    x0, noise = torch.randn(2, 60, 3, dtype=torch.float64)
    return x0, noise, q_sample(x0, EVERY_T, noise, schedule)


def test_a_perfect_network_is_read_back_exactly(schedule, predicts):
    x0, noise, xt = noisy(schedule)
    output = target(predicts, x0, noise, EVERY_T, schedule)
    found = x0_and_eps(output, xt, EVERY_T, schedule, predicts)
    assert_close(found, (x0, noise), rtol=0, atol=1e-11)


def test_whatever_a_network_says_fits_x_t(schedule, predicts):
    _, output, xt = noisy(schedule)
    found = x0_and_eps(output, xt, EVERY_T, schedule, predicts)
    again = q_sample(found[0], EVERY_T, found[1], schedule)
    assert_close(again, xt, rtol=0, atol=1e-11)


def test_eps_is_the_noise_and_x0_the_image(schedule):
    x0, noise, _ = noisy(schedule)
    assert torch.equal(target("eps", x0, noise, EVERY_T, schedule), noise)
    assert torch.equal(target("x0", x0, noise, EVERY_T, schedule), x0)


def test_v_is_the_noise_at_t_0_and_minus_the_image_at_T():
    schedule = NoiseSchedule.cosine(1000)
    x0, noise = torch.randn(2, 4, 3, dtype=torch.float64)
    assert torch.equal(target("v", x0, noise, 0, schedule), noise)
    last = target("v", x0, noise, 1000, schedule)
    assert_close(last, -x0, rtol=0, atol=1e-3)


def test_v_is_a_quarter_turn_ahead_of_x_t(schedule):
    """Of an image and a noise at right angles, both of length 1."""
    x0, noise = torch.eye(2).double().expand(60, 2, 2).unbind(1)
    xt = q_sample(x0, EVERY_T, noise, schedule)
    v = target("v", x0, noise, EVERY_T, schedule)
    turned = torch.stack([-xt[:, 1], xt[:, 0]], 1)
    assert_close(v, turned)


def test_the_elbo_weight_is_that_of_the_kl_divergence(schedule, predicts):
    """Of q(x_{t-1} | x_t, x_0) from the same with the guess of x_0."""
    x0, noise, xt = (x[1:] for x in noisy(schedule))
    t = EVERY_T[1:]
    wanted = target(predicts, x0, noise, t, schedule)
    output = wanted + torch.randn_like(wanted)
    x0_hat, _ = x0_and_eps(output, xt, t, schedule, predicts)
    true, guess = (
        Normal(mean, variance.sqrt())
        for mean, variance in (
            q_posterior(x0, xt, t, schedule),
            q_posterior(x0_hat, xt, t, schedule),
        )
    )
    bound = kl_divergence(true, guess).sum(1)
    errors = (wanted - output).square().sum(1)
    weight = elbo_weight(schedule, predicts)[2:]
    assert_close(weight * errors, bound, rtol=1e-9, atol=0)


def test_the_elbo_weight_of_eps_is_that_of_ddpm(schedule):
    """Eq. 12, with the posterior's variance for sigma²."""
    a, b, ab = schedule.alphas, schedule.betas, schedule.alphas_cumprod
    variance = (1 - ab[1:-1]) / (1 - ab[2:]) * b[2:]
    expected = b[2:] ** 2 / (2 * variance * a[2:] * (1 - ab[2:]))
    assert_close(elbo_weight(schedule, "eps")[2:], expected)


def test_the_bound_has_no_such_weight_below_t_2(schedule, predicts):
    weight = elbo_weight(schedule, predicts)
    assert weight.shape == (61,)
    assert weight[0].isnan()
    assert weight[1] == torch.inf
    assert (weight[2:] > 0).all()
    assert weight[2:].isfinite().all()


def test_one_t_serves_a_whole_batch(schedule, predicts):
    x0, noise, _ = noisy(schedule)
    t = torch.full((60,), 9)
    each = target(predicts, x0, noise, t, schedule)
    assert torch.equal(target(predicts, x0, noise, 9, schedule), each)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_dtype_and_shape_are_kept(schedule, predicts, dtype):
    a, b = torch.randn(2, 3, 1, 4, 4).to(dtype).unbind()
    t = torch.tensor([1, 9, 60])
    results = x0_and_eps(a, b, t, schedule, predicts)
    for result in (target(predicts, a, b, t, schedule), *results):
        assert (result.dtype, result.shape) == (dtype, a.shape)


def test_no_input_is_changed(schedule, predicts):
    a, b = torch.randn(2, 3, 4)
    before = torch.stack([a, b])
    target(predicts, a, b, 5, schedule)
    x0_and_eps(a, b, 5, schedule, predicts)
    assert torch.equal(torch.stack([a, b]), before)


def test_gradients_reach_the_networks_output(schedule, predicts):
    output, xt = torch.randn(2, 3, 4)
    output.requires_grad_()
    x0, eps = x0_and_eps(output, xt, 9, schedule, predicts)
    (x0 + eps).sum().backward()
    assert (output.grad.abs() > 0).all()


def test_a_batch_may_be_empty(schedule, predicts):
    none, t = torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)
    assert target(predicts, none, none, t, schedule).shape == (0, 3)
    x0, eps = x0_and_eps(none, none, t, schedule, predicts)
    assert x0.shape == eps.shape == (0, 3)


def test_an_unknown_prediction_is_refused(schedule):
    words = "predicts must be one of 'eps', 'x0', 'v'; got 'score'"
    x = torch.zeros(1, 1)
    with pytest.raises(ValueError, match=words):
        target("score", x, x, 1, schedule)
    with pytest.raises(ValueError, match=words):
        x0_and_eps(x, x, 1, schedule, "score")
    with pytest.raises(ValueError, match=words):
        elbo_weight(schedule, "score")


def test_tensors_that_would_broadcast_are_refused(schedule, predicts):
    small, large = torch.zeros(4, 1), torch.zeros(4, 3)
    with pytest.raises(ValueError, match="shapes must be equal"):
        target(predicts, small, large, 1, schedule)
    with pytest.raises(ValueError, match="shapes must be equal"):
        x0_and_eps(small, large, 1, schedule, predicts)


def test_v_and_x0_are_read_where_nothing_is_left_of_the_image(schedule):
    """At t = T of zero terminal SNR v is -x_0, and x_T all noise."""
    schedule = schedule.zero_terminal_snr()
    x0, noise, xt = noisy(schedule)
    assert torch.equal(xt[-1], noise[-1])
    for predicts in ("x0", "v"):
        output = target(predicts, x0, noise, EVERY_T, schedule)
        found = x0_and_eps(output, xt, EVERY_T, schedule, predicts)
        assert_close(found, (x0, noise), rtol=0, atol=1e-11)
    assert torch.equal(output[-1], -x0[-1])


def test_eps_is_refused_where_nothing_is_left_of_the_image(schedule):
    schedule = schedule.zero_terminal_snr()
    _, noise, xt = noisy(schedule)
    words = r'"eps" cannot be read where x_T .* let it predict "x0" or "v"'
    for t in (60, EVERY_T):
        with pytest.raises(ValueError, match=words):
            x0_and_eps(noise, xt, t, schedule, "eps")
    before, _ = x0_and_eps(noise, xt, 59, schedule, "eps")
    assert before.isfinite().all()


def test_nothing_can_be_read_at_t_0(schedule, predicts):
    x = torch.zeros(1, 1)
    with pytest.raises(ValueError, match=r"in 1\.\.60; got 0"):
        x0_and_eps(x, x, 0, schedule, predicts)
