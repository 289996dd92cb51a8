"""Golden: diffusers, written by others, says the same.

diffusers counts its steps 0..T-1: our t is their t + 1, so our tables
without entry 0 are theirs.
"""

import pytest
import torch
from diffusers import DDPMScheduler
from theirs import NAMES
from torch.testing import assert_close

from diffusion_lessons import (
    NoiseSchedule,
    cosine_betas,
    linear_betas,
    q_posterior,
    q_sample,
    target,
)

T = 1000
OUR_T = torch.arange(1, T + 1)
THEIR_T = OUR_T - 1


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def ours(name):
    return getattr(NoiseSchedule, name)(T)


@pytest.fixture
def shipped(name):
    """Their scheduler as it comes, in float32."""
    return DDPMScheduler(
        T, beta_schedule=NAMES[name], prediction_type="sample"
    )


@pytest.fixture
def exact(shipped, ours):
    """Their formulas on our float64 tables."""
    shipped.register_to_config(clip_sample=False)
    shipped.betas, shipped.alphas = ours.betas[1:], ours.alphas[1:]
    shipped.alphas_cumprod = ours.alphas_cumprod[1:]
    shipped.one = torch.ones((), dtype=torch.float64)
    return shipped


def images(dtype=torch.float64):
    """An image and a noise for every step."""
    return torch.randn(2, T, 1, 4, 4, dtype=dtype).unbind()


def variances(scheduler):
    return torch.stack([scheduler._get_variance(int(t)) for t in THEIR_T])


def test_betas_agree(name, shipped, ours):
    betas = {"linear": linear_betas, "cosine": cosine_betas}[name](T)
    assert_close(betas.float(), shipped.betas, rtol=1e-6, atol=1e-8)
    assert_close(ours.betas[1:], betas, rtol=0, atol=1e-15)


def test_alphas_cumprod_agrees(shipped, ours):
    """As far as a product of 1000 float32 numbers can."""
    expected = ours.alphas_cumprod[1:].float()
    assert_close(shipped.alphas_cumprod, expected, rtol=1e-4, atol=1e-7)


def test_alphas_cumprod_agrees_in_float64(shipped, ours):
    """Their own float32 betas, multiplied in float64."""
    product = (1 - ours.betas[1:].float().double()).cumprod(0)
    assert_close(ours.alphas_cumprod[1:], product, rtol=2e-5, atol=0)
    assert_close(
        shipped.alphas.double(), ours.alphas[1:], rtol=1e-4, atol=0
    )


def test_add_noise_is_bit_equal_at_equal_dtype(exact, ours):
    x0, noise = images()
    theirs = exact.add_noise(x0, noise, THEIR_T)
    assert torch.equal(q_sample(x0, OUR_T, noise, ours), theirs)


def test_add_noise_agrees_with_float32_as_shipped(shipped, ours):
    x0, noise = images(torch.float32)
    theirs = shipped.add_noise(x0, noise, THEIR_T)
    jump = q_sample(x0, OUR_T, noise, ours)
    assert_close(jump, theirs, rtol=0, atol=5e-5)


def test_the_posterior_variance_agrees_at_every_t(exact, ours):
    """Theirs is kept above 1e-20; at t = 1 ours is 0."""
    x0, xt = images()
    variance = q_posterior(x0, xt, OUR_T, ours).variance.flatten()
    assert_close(variance, variances(exact), rtol=1e-9, atol=1e-20)
    assert variance[0] == 0


def test_the_posterior_variance_agrees_as_shipped(shipped, ours):
    """float32 leaves them three digits where alpha_bar is near 1."""
    x0, xt = images()
    variance = q_posterior(x0, xt, OUR_T, ours).variance.flatten()
    theirs = variances(shipped).double()
    assert_close(variance, theirs, rtol=5e-3, atol=1e-20)


def test_a_step_back_with_the_image_known_agrees(exact, ours):
    x0, xt = images()
    for t in [1, 2, 3, 10, 100, 500, 999, 1000]:
        seeded = torch.Generator().manual_seed
        step = exact.step(x0, t - 1, xt, generator=seeded(t))
        mean, variance = q_posterior(x0, xt, t, ours)
        noise = torch.randn(
            xt.shape, generator=seeded(t), dtype=torch.float64
        )
        back = mean + variance.sqrt() * noise
        assert_close(back, step.prev_sample, rtol=0, atol=1e-9)


def test_v_agrees(exact, ours):
    x0, noise = images()
    theirs = exact.get_velocity(x0, noise, THEIR_T)
    assert torch.equal(target("v", x0, noise, OUR_T, ours), theirs)
