"""Adding noise: the chain, the jump and the way back agree."""

import pytest
import torch
from torch.distributions import Normal
from torch.testing import assert_close

from diffusion_lessons import (
    NoiseSchedule,
    chain_variance,
    mix,
    q_chain,
    q_posterior,
    q_sample,
    q_step,
)

DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
ONE = torch.ones(1, 1, dtype=torch.float64)  # unit signal, or unit noise
ZERO = torch.zeros(1, 1, dtype=torch.float64)


def pair(*shape, dtype=torch.float64, device="cpu"):
    return torch.randn(2, *shape).to(device, dtype).unbind()


def calls(a, b, t, schedule):
    """The result of every function that takes two images and a t."""
    return {
        "q_step": q_step(a, t, b, schedule),
        "q_sample": q_sample(a, t, b, schedule),
        "q_posterior": q_posterior(a, b, t, schedule).mean,
        "mix": mix(a, b, 0.3),
    }


# The chain and the jump


def test_the_chain_keeps_as_much_signal_as_the_jump(schedule):
    x = ONE
    for t in range(1, 61):
        x = q_step(x, t, ZERO, schedule)
        assert_close(x, q_sample(ONE, t, ZERO, schedule))


def test_the_chain_gathers_as_much_noise_as_the_jump(schedule):
    variance = ZERO
    for t in range(1, 61):
        keep = q_step(ONE, t, ZERO, schedule)
        gain = q_step(ZERO, t, ONE, schedule)
        variance = keep**2 * variance + gain**2
        assert_close(variance.sqrt(), q_sample(ZERO, t, ONE, schedule))


def test_one_step_is_the_jump_to_t_1(schedule):
    x0, noise = pair(4, 3)
    assert_close(
        q_step(x0, 1, noise, schedule), q_sample(x0, 1, noise, schedule)
    )


def test_the_jump_to_t_0_is_the_clean_image(schedule):
    x0, noise = pair(4, 3)
    assert torch.equal(q_sample(x0, 0, noise, schedule), x0)


def test_the_jump_is_equation_4_of_ddpm(schedule):
    x0, noise = pair(61)
    alpha_bar = schedule.alphas_cumprod
    jump = alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * noise
    assert_close(q_sample(x0, torch.arange(61), noise, schedule), jump)


def test_a_step_is_equation_2_of_ddpm(schedule):
    x, noise = pair(60)
    beta = schedule.betas[1:]
    step = (1 - beta) ** 0.5 * x + beta**0.5 * noise
    assert_close(q_step(x, torch.arange(1, 61), noise, schedule), step)


def test_the_jump_is_linear_in_image_and_noise(schedule):
    x0, noise = pair(4, 3)
    parts = q_sample(x0, 9, 0 * noise, schedule) + q_sample(
        0 * x0, 9, noise, schedule
    )
    assert_close(q_sample(x0, 9, noise, schedule), parts)


def test_unit_variance_stays_unit_variance(schedule):
    for t in range(1, 61):
        keep = q_step(ONE, t, ZERO, schedule)
        gain = q_step(ZERO, t, ONE, schedule)
        assert_close(keep**2 + gain**2, ONE)


@pytest.mark.parametrize("t", [1, 20, 60])
def test_walkers_spread_as_the_jump_says(schedule, t):
    """Within 5 standard errors of 20,000 walkers."""
    x0 = torch.full((20_000,), 1.5, dtype=torch.float64)
    x = q_chain(x0, schedule)[t]
    sigma = schedule.sqrt_one_minus_alphas_cumprod[t].item()
    mean = 1.5 * schedule.sqrt_alphas_cumprod[t].item()
    assert x.mean().item() == pytest.approx(mean, abs=sigma / 28)
    assert x.var().item() == pytest.approx(sigma**2, rel=0.05)


def test_the_chain_has_every_x_t_and_starts_with_the_image(schedule):
    x0, _ = pair(2, 1, 4, 4)
    chain = q_chain(x0, schedule)
    assert chain.shape == (61, 2, 1, 4, 4)
    assert torch.equal(chain[0], x0)


def test_the_chain_is_repeatable_from_a_generator(schedule):
    seeded = torch.Generator().manual_seed
    x0, _ = pair(2, 3)
    one, same = (q_chain(x0, schedule, seeded(5)) for _ in range(2))
    assert torch.equal(one, same)
    assert not torch.equal(one, q_chain(x0, schedule, seeded(6)))


# The variance of any chain


def test_the_chains_variance_is_one_minus_alpha_bar(schedule):
    keep, gain = schedule.alphas[1:].sqrt(), schedule.betas[1:].sqrt()
    variance = chain_variance(keep, gain, start=0)
    assert_close(variance, 1 - schedule.alphas_cumprod)


def test_beta_for_its_root_leaves_almost_no_noise():
    schedule = NoiseSchedule.linear(1000)
    keep, gain = schedule.alphas[1:].sqrt(), schedule.betas[1:]
    slipped = chain_variance(keep, gain, start=0)
    assert slipped[-1].item() == pytest.approx(0.019, abs=0.0005)


def test_chain_variance_is_what_a_simulation_finds():
    """Within 5 % (seven standard errors) for 40,000 walkers."""
    keep, gain = torch.tensor([[0.9, 0.5, 1.2], [0.3, 1.0, 0.1]])
    x = [2**0.5 * torch.randn(40_000)]
    for k, g in zip(keep, gain, strict=True):
        x.append(k * x[-1] + g * torch.randn(40_000))
    expected = chain_variance(keep, gain, start=2)
    assert_close(torch.stack(x).var(1), expected, rtol=0.05, atol=0)


# The way back, x_0 known


def test_the_posterior_is_bayes_rule_at_every_point(schedule):
    x0, xt = pair(16, 1)
    x, _ = pair(16, 1)
    alpha_bar, beta = schedule.alphas_cumprod, schedule.betas
    for t in range(2, 61):
        now, before = alpha_bar[t], alpha_bar[t - 1]
        prior = Normal(before.sqrt() * x0, (1 - before).sqrt())
        step = Normal((1 - beta[t]).sqrt() * x, beta[t].sqrt())
        evidence = Normal(now.sqrt() * x0, (1 - now).sqrt())
        joint = prior.log_prob(x) + step.log_prob(xt)
        mean, variance = q_posterior(x0, xt, t, schedule)
        posterior = Normal(mean, variance.sqrt())
        assert_close(posterior.log_prob(x), joint - evidence.log_prob(xt))


def test_the_posterior_at_t_1_is_the_image_itself(schedule):
    x0, xt = pair(4, 3)
    mean, variance = q_posterior(x0, xt, 1, schedule)
    assert_close(mean, x0, rtol=0, atol=1e-11)
    assert variance.item() == 0


def test_a_step_back_from_the_jump_has_the_mean_of_x_t_1(schedule):
    for t in range(1, 61):
        xt = q_sample(ONE, t, ZERO, schedule)
        mean, _ = q_posterior(ONE, xt, t, schedule)
        assert_close(mean, q_sample(ONE, t - 1, ZERO, schedule))


def test_a_step_back_from_the_jump_has_the_variance_of_x_t_1(schedule):
    for t in range(1, 61):
        on_xt, variance = q_posterior(ZERO, ONE, t, schedule)
        sigma = q_sample(ZERO, t, ONE, schedule)
        before = q_sample(ZERO, t - 1, ONE, schedule)
        assert_close(on_xt**2 * sigma**2 + variance, before**2)


def test_the_posterior_has_one_variance_per_image(schedule):
    x0, xt = pair(4, 1, 8, 8)
    t = torch.tensor([1, 2, 30, 60])
    mean, variance = q_posterior(x0, xt, t, schedule)
    assert mean.shape == (4, 1, 8, 8)
    assert variance.shape == (4, 1, 1, 1)


# The first guess


def test_mixing_runs_from_the_image_to_the_noise():
    x0, noise = pair(4, 3)
    assert torch.equal(mix(x0, noise, 0.0), x0)
    assert torch.equal(mix(x0, noise, 1.0), noise)
    assert_close(mix(x0, noise, 0.25), 0.75 * x0 + 0.25 * noise)


def test_mixing_takes_one_amount_per_image():
    x0, noise = pair(2, 1, 4, 4)
    amounts = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    assert torch.equal(mix(x0, noise, amounts)[0], x0[0])
    assert torch.equal(mix(x0, noise, amounts)[1], noise[1])


# What every function keeps


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_shape_dtype_and_device_are_kept(schedule, dtype, device):
    a, b = pair(3, 1, 4, 4, dtype=dtype, device=device)
    for t in (5, torch.tensor([1, 30, 60], device=device)):
        for name, result in calls(a, b, t, schedule).items():
            assert result.shape == a.shape, name
            assert result.dtype == dtype, name
            assert result.device == a.device, name


@pytest.mark.parametrize("device", DEVICES)
def test_a_moved_schedule_gives_the_same_images(schedule, device):
    a, b = pair(3, 4, device=device)
    moved = calls(a, b, torch.tensor([1, 9, 60]), schedule.to(device))
    still = calls(a.cpu(), b.cpu(), torch.tensor([1, 9, 60]), schedule)
    for name, result in moved.items():
        assert_close(result.cpu(), still[name], msg=name)


def test_no_input_is_changed(schedule):
    a, b = pair(3, 4)
    before, t = torch.stack([a, b]), torch.tensor([1, 2, 3])
    calls(a, b, t, schedule)
    assert torch.equal(torch.stack([a, b]), before)
    assert t.tolist() == [1, 2, 3]


def test_gradients_reach_image_and_noise(schedule):
    x0, noise = (x.requires_grad_() for x in pair(2, 3))
    for name, result in calls(x0, noise, 7, schedule).items():
        grads = torch.autograd.grad(result.sum(), (x0, noise))
        assert all((g.abs() > 0).all() for g in grads), name


def test_the_slopes_of_the_jump_are_signal_and_sigma(schedule):
    x0, noise = (x.requires_grad_() for x in pair(2, 3))
    jump = q_sample(x0, 7, noise, schedule).sum()
    by_x0, by_noise = torch.autograd.grad(jump, (x0, noise))
    assert (by_x0 == schedule.sqrt_alphas_cumprod[7]).all()
    assert (by_noise == schedule.sqrt_one_minus_alphas_cumprod[7]).all()


@pytest.mark.parametrize("n", [0, 1])
def test_a_batch_may_hold_one_image_or_none(schedule, n):
    a, b = pair(n, 1, 4, 4)
    for t in (3, torch.tensor(3), torch.full((n,), 3)):
        for result in calls(a, b, t, schedule).values():
            assert result.shape == (n, 1, 4, 4)


def test_an_image_does_not_depend_on_its_batch(schedule):
    a, b = pair(5, 1, 4, 4)
    t = torch.tensor([1, 7, 20, 40, 60])
    together = calls(a, b, t, schedule)
    for i in range(5):
        alone = calls(a[i : i + 1], b[i : i + 1], int(t[i]), schedule)
        for name, result in alone.items():
            assert torch.equal(result[0], together[name][i]), name


# Refusals


@pytest.mark.parametrize("function", [q_step, q_sample])
def test_noise_of_another_shape_is_refused(schedule, function):
    got = r"shapes must be equal; got x\w+ \(4, 3\) and noise \(4, 1\)"
    with pytest.raises(ValueError, match=got):
        function(torch.zeros(4, 3), 1, torch.zeros(4, 1), schedule)


def test_images_of_another_shape_are_refused(schedule):
    small, large = torch.zeros(4, 1), torch.zeros(4, 3)
    with pytest.raises(ValueError, match=r"x0 \(4, 1\) and xt \(4, 3\)"):
        q_posterior(small, large, 1, schedule)
    with pytest.raises(ValueError, match=r"x0 \(4, 1\) and noise \(4, 3\)"):
        mix(small, large, 0.5)
    with pytest.raises(ValueError, match=r"keep \(4, 1\) and gain"):
        chain_variance(small, large)


@pytest.mark.parametrize("t", [0, 61])
def test_there_is_no_step_into_t_0_or_beyond_T(schedule, t):
    a, b = pair(4, 3)
    with pytest.raises(ValueError, match=rf"in 1\.\.60; got {t}"):
        q_step(a, t, b, schedule)
    with pytest.raises(ValueError, match=rf"in 1\.\.60; got {t}"):
        q_posterior(a, b, t, schedule)


def test_there_is_no_jump_beyond_T(schedule):
    with pytest.raises(ValueError, match=r"in 0\.\.60; got 61"):
        q_sample(ONE, 61, ONE, schedule)
