"""How much noise there is at a moment of each language, and when."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from torch.testing import assert_close

from diffusion_lessons import InputError, NoiseSchedule, sigma_at, t_at
from diffusion_lessons.languages import (
    LANGUAGES,
    ddpm_step,
    factors,
    vp_t,
)

LINEAR = NoiseSchedule.linear()
exact = {"rtol": 1e-12, "atol": 0}


def ddpm_ratio(t, chain):
    """Noise over signal."""
    a, b = factors(t, "ddpm", chain)
    return b / a


def number(value):
    return torch.tensor(value, dtype=torch.float64)


def test_at_a_step_of_the_chain_they_are_those_of_the_jump(schedule):
    a, b = factors(torch.arange(61), "ddpm", schedule)
    assert_close(a, schedule.sqrt_alphas_cumprod, **exact)
    assert_close(b, schedule.sqrt_one_minus_alphas_cumprod, **exact)


def test_in_flow_time_the_two_factors_are_the_two_shares():
    for t in (0, 0.25, 1):
        assert factors(t, "flow") == (number(1 - t), number(t))


def test_in_sigma_the_picture_keeps_its_size():
    for sigma in (0, 0.5, 80):
        assert factors(sigma, "sigma") == (number(1), number(sigma))


@pytest.mark.parametrize("t", [0, 1e-5, 0.1, 0.5, 1])
def test_in_vp_the_signal_fades_as_the_integral_of_beta_grows(t):
    gathered, _ = quad(lambda t: 0.1 + 19.9 * t, 0, t, epsabs=1e-13)
    a, b = factors(t, "vp")
    assert_close(a, number(np.exp(-gathered / 2)), **exact)
    assert_close(b, number(np.sqrt(-np.expm1(-gathered))), **exact)


def test_vp_is_the_limit_of_finer_and_finer_chains():
    """Of beta_i = beta(i / N) / N: the error falls like 1 / N."""
    a, _ = factors(1, "vp")
    errors = []
    for n in (1000, 2000, 4000):
        t = torch.arange(1, n + 1).double() / n
        chain = NoiseSchedule((0.1 + 19.9 * t) / n)
        errors.append((chain.alpha_bar(n) / a**2).log())
    ratios = torch.stack(errors[:-1]) / torch.stack(errors[1:])
    assert_close(ratios, number([2.0, 2.0]), rtol=0, atol=0.02)


@pytest.mark.parametrize("language", ["ddpm", "vp"])
def test_the_squares_of_the_two_add_up_to_1(language):
    a, b = factors(torch.linspace(0, 1, 999), language, LINEAR)
    assert_close(a**2 + b**2, torch.ones(999).double())


def test_a_step_is_found_again_whole_and_nothing_rounds_it(schedule):
    every = torch.arange(61).double()
    found = ddpm_step(ddpm_ratio(every, schedule), schedule)
    assert torch.equal(found, every)


@settings(derandomize=True, deadline=None)
@given(st.floats(0, 1000))
def test_a_moment_between_two_steps_is_found_again(t):
    for chain in (LINEAR, NoiseSchedule.cosine(1000)):
        found = ddpm_step(ddpm_ratio(number([t]), chain), chain)
        assert_close(found, number([t]), rtol=0, atol=2e-9)


@settings(derandomize=True, deadline=None)
@given(st.floats(0, 1))
def test_a_moment_of_vp_is_found_again(t):
    a, b = factors([t], "vp")
    assert_close(vp_t(b / a), number([t]), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_between_two_steps_it_is_what_the_solvers_have(kind):
    chain = getattr(NoiseSchedule, kind)()
    for t in torch.linspace(1, 1000, 97).tolist():
        ratio = ddpm_ratio(t, chain).reshape(1)
        assert_close(ratio.item(), sigma_at(t, chain), rtol=1e-11, atol=0)
        found = ddpm_step(ratio, chain).item()
        assert_close(found, float(t_at(ratio.item(), chain)))


def test_within_a_step_noise_comes_evenly():
    """As in a chain that has cut each of its steps into four."""
    betas = 1 - (1 - LINEAR.betas[1:]) ** 0.25
    fine = NoiseSchedule(betas.repeat_interleave(4))
    t = torch.arange(4001) / 4
    assert_close(ddpm_ratio(t, LINEAR), ddpm_ratio(t * 4, fine))


@pytest.mark.parametrize("language", LANGUAGES)
def test_later_is_noisier(language):
    clock = torch.linspace(0, 1, 5000).double()
    last = {"ddpm": 1000, "sigma": 80}.get(language, 1)
    a, b = factors(clock * last, language, LINEAR)
    assert ((b / a).diff() > 0).all()


def test_pure_noise_is_a_moment_of_its_own():
    chain = NoiseSchedule.cosine(60).zero_terminal_snr()
    assert factors(60, "ddpm", chain) == (number(0), number(1))
    assert ddpm_step(number([torch.inf]), chain) == 60
    for t in (59.5, 59.999):
        with pytest.raises(InputError, match=r"between t = 59 and t = 60"):
            factors(t, "ddpm", chain)
    with pytest.raises(InputError, match=r"between t = 59 and t = 60"):
        ddpm_step(2 * ddpm_ratio(number([59]), chain), chain)
    assert ddpm_step(ddpm_ratio(number([59]), chain), chain) == 59


@pytest.mark.parametrize(
    ("clock", "language", "words"),
    [
        (1001, "ddpm", r"in 0\.\.1000 in \"ddpm\"; got 1001"),
        (1.5, "flow", r"in 0\.\.1 in \"flow\"; got 1.5"),
        (-0.1, "sigma", r"a number of at least 0, or \(B,\) of them"),
        (float("inf"), "sigma", "a number of at least 0"),
        (float("nan"), "flow", "a number of at least 0"),
        ([[0.1]], "flow", "a number of at least 0"),
        (True, "flow", "a number of at least 0"),
        ("0.5", "flow", "a number of at least 0"),
    ],
)
def test_a_clock_that_shows_no_such_moment_is_refused(
    clock, language, words
):
    with pytest.raises(InputError, match=f"clock must be {words}"):
        factors(clock, language, LINEAR)


def test_more_noise_than_a_chain_has_is_refused():
    last = ddpm_ratio(number([1000]), LINEAR)
    assert ddpm_step(last * (1 + 1e-12), LINEAR) == 1000
    with pytest.raises(InputError, match=r"is 157\.4.*; got 157\.5"):
        ddpm_step(last * 1.001, LINEAR)


def test_a_step_without_its_schedule_is_refused():
    with pytest.raises(InputError, match=r'schedule .* where "ddpm" is'):
        factors(5, "ddpm")


def test_an_unknown_language_is_refused():
    with pytest.raises(InputError, match="language must be one of 'ddpm'"):
        factors(5, "edm")
