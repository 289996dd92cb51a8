"""The bound: its terms, where it is tight, and that it is a bound."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.testing import assert_close

from diffusion_lessons import (
    ExactModel,
    GaussianMixture,
    InputError,
    NoiseSchedule,
    Rounded,
    best_variance,
    elbo_weight,
    gaussian_kl,
    last_term,
    level_log_prob,
    prior_term,
    q_posterior,
    q_sample,
    step_term,
    target,
    variational_bound,
)
from diffusion_lessons.forward import Gaussian

S = NoiseSchedule.linear(12)
EXACT = {"predicts": "x0", "clip": None}
TWO = GaussianMixture([[-1.0], [1.5]], [0.2, 0.5], [1.0, 2.0])


def hermite(n):
    """Nodes and weights of a standard normal, (n, 1) and (n,)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    weights = torch.from_numpy(weights / weights.sum())
    return torch.from_numpy(nodes)[:, None], weights


def on_average(term, x0, n=3):
    """The mean of term(x0, noise) over the noise, for each x0."""
    nodes, weights = hermite(n)
    each = [term(x0, node.expand_as(x0)) for node in nodes]
    return sum(w * e for w, e in zip(weights, each, strict=True))


def whole_bound(model, x0, schedule, n=3, levels=None, **how):
    """The bound with the mean over the noise taken by quadrature."""
    total = prior_term(x0, schedule)
    for t in range(2, schedule.num_steps + 1):
        total = total + on_average(
            lambda x, e, t=t: step_term(model, x, t, e, schedule, **how),
            x0,
            n,
        )
    return total + on_average(
        lambda x, e: last_term(model, x, e, schedule, levels=levels, **how),
        x0,
        n,
    )


# The terms


def test_L_T_is_the_divergence_of_x_T_from_noise(schedule):
    x0 = torch.rand(4, 1, 3, 3).double() * 2 - 1
    signal, sigma = schedule.signal_and_sigma(60, x0)
    q = Normal(signal * x0, sigma.expand_as(x0))
    kl = kl_divergence(q, Normal(torch.zeros(()).double(), 1))
    assert_close(prior_term(x0, schedule), kl.flatten(1).sum(1))


def test_L_T_is_0_where_nothing_is_left(schedule):
    x0 = torch.rand(4, 1, 3, 3).double()
    left = prior_term(x0, schedule.zero_terminal_snr())
    assert_close(left, torch.zeros(4).double())


@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
def test_a_step_costs_the_error_times_the_weight_of_the_bound(
    schedule, predicts
):
    """The sum of two Gaussians is ``elbo_weight``, for every target."""
    x0, noise, off = torch.randn(3, 5, 1, 3, 3).double()
    t = torch.tensor([2, 9, 30, 59, 60])
    wanted = target(predicts, x0, noise, t, schedule)
    how = {"predicts": predicts, "clip": None}
    found = step_term(
        lambda x, t: wanted + off, x0, t, noise, schedule, **how
    )
    weight = elbo_weight(schedule, predicts)[t]
    assert_close(found, weight * off.square().flatten(1).sum(1))


def test_a_step_is_the_divergence_of_two_gaussians(schedule):
    """With the larger variance: the model's step has that one alone."""
    x0, noise, guess = torch.randn(3, 5, 4).double()
    how = EXACT | {"variance": "beta"}
    for t in (2, 30, 60):
        xt = q_sample(x0, t, noise, schedule)
        (m, v), (n, _) = (
            q_posterior(x, xt, t, schedule) for x in (x0, guess)
        )
        p = Normal(n, schedule.betas[t].sqrt())
        kl = kl_divergence(Normal(m, v.sqrt()), p).sum(1)
        found = step_term(lambda x, t: guess, x0, t, noise, schedule, **how)
        assert_close(found, kl)


def test_a_guess_is_cut_as_in_the_sampler():
    x0, noise = torch.ones(2, 1, 2, 2), torch.randn(2, 1, 2, 2)
    how = {"predicts": "x0"}
    too_far = step_term(lambda x, t: 5 + 0 * x, x0, 4, noise, S, **how)
    assert_close(too_far, torch.zeros(2), rtol=0, atol=1e-6)
    last = [
        last_term(lambda x, t, far=far: far + 0 * x, x0, noise, S, **how)
        for far in (1, 5)
    ]
    assert_close(*last)


def test_the_last_step_has_a_density(schedule):
    x0, noise, guess = torch.randn(3, 5, 4).double()
    found = last_term(lambda x, t: guess, x0, noise, schedule, **EXACT)
    p = Normal(guess, schedule.betas[1].sqrt())
    assert_close(found, -p.log_prob(x0).sum(1))


def test_the_last_step_to_a_level_is_a_probability(schedule):
    """And it is asked at t = 1, for the picture with the least noise."""
    x0 = torch.randint(0, 17, (5, 1, 2, 2)).double() / 8 - 1
    noise, guess = torch.randn(2, 5, 1, 2, 2).double()
    asked = []

    def model(x, t):
        asked.append((x, t))
        return guess

    how = EXACT | {"levels": 17}
    found = last_term(model, x0, noise, schedule, **how)
    std = schedule.betas[1].sqrt().item()
    p = level_log_prob(x0, guess, std, 17).flatten(1).sum(1)
    assert_close(found, -p)
    ((x, t),) = asked
    assert torch.equal(x, q_sample(x0, 1, noise, schedule))
    assert t.tolist() == [1] * 5


# Where it is tight


@pytest.mark.parametrize("x", [-2.0, 0.0, 0.7])
def test_the_bound_of_a_standard_normal_is_exact_at_every_point(
    schedule, x
):
    """Steps back are Gaussian there, with the variance beta (DDPM, 3.2)."""
    x0 = torch.tensor([[x]]).double()
    model = ExactModel(GaussianMixture([[0.0]], 1.0), schedule)
    bound = whole_bound(model, x0, schedule, **EXACT, variance="beta")
    assert_close(bound, -Normal(0, 1).log_prob(x0)[:, 0])


@pytest.mark.parametrize("std", [0.1, 0.5, 2.0])
def test_with_the_best_variance_the_bound_of_a_gaussian_is_exact(std):
    """Its mean over the data is their entropy and what x_T lacks."""
    bell, x = GaussianMixture([[0.6]], std), torch.zeros(1, 1).double()
    errors = [bell.posterior(x, t, S).variances.item() for t in range(13)]
    variance = best_variance(errors, S)
    nodes, weights = hermite(3)
    x0, model = 0.6 + std * nodes, ExactModel(bell, S)
    bound = weights @ whole_bound(model, x0, S, **EXACT, variance=variance)
    m, v = (y.reshape(1, 1) for y in bell.noisy_bells(x, S.num_steps, S))
    left = gaussian_kl(Gaussian(m, v), Gaussian(0 * m, 0 * v + 1)).item()
    entropy = math.log(2 * math.pi * math.e * std**2) / 2
    assert bound.item() == pytest.approx(entropy + left, abs=1e-10)


@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_with_another_variance_it_is_not(variance):
    bell = GaussianMixture([[0.6]], 0.5)
    nodes, weights = hermite(3)
    model = ExactModel(bell, S)
    how = EXACT | {"variance": variance}
    bound = weights @ whole_bound(model, 0.6 + 0.5 * nodes, S, **how)
    assert bound > Normal(0, 0.5).entropy() + 0.01


def test_the_best_variance_is_the_best():
    """A little more or a little less in any step makes the bound larger."""
    bell, x = GaussianMixture([[0.6]], 0.5), torch.zeros(1, 1).double()
    errors = [bell.posterior(x, t, S).variances.item() for t in range(13)]
    best = best_variance(errors, S)
    nodes, weights = hermite(3)
    model, x0 = ExactModel(bell, S), 0.6 + 0.5 * nodes

    def bound(variance):
        how = EXACT | {"variance": variance}
        return (weights @ whole_bound(model, x0, S, **how)).item()

    least = bound(best)
    for t in range(1, 13):
        for factor in (0.95, 1.05):
            other = best.clone()
            other[t] *= factor
            assert bound(other) > least + 1e-4


# That it is a bound


def entropies(mixture, schedule):
    """Of x_t for every t, by quadrature."""
    x = torch.linspace(-7, 7, 4001, dtype=torch.float64)
    found = []
    for t in range(schedule.num_steps + 1):
        log_q = mixture.log_density(x[:, None], t, schedule)
        found.append(torch.trapezoid(-log_q.exp() * log_q, x))
    return torch.stack(found)


@pytest.mark.parametrize("variance", ["posterior", "beta"])
@pytest.mark.parametrize("num_steps", [12, 48])
def test_every_term_is_at_least_the_exact_one(variance, num_steps):
    """Where q(x_{t-1} | x_t) stands in the model's place, term t is a
    difference of entropies; a Gaussian in its place can only be worse."""
    schedule = NoiseSchedule.linear(num_steps)
    h = entropies(TWO, schedule)
    x0 = torch.linspace(-4, 4.5, 1701, dtype=torch.float64)[:, None]
    weights = TWO.density(x0, 0, schedule)
    weights = weights / weights.sum()
    model, how = ExactModel(TWO, schedule), EXACT | {"variance": variance}
    gaps = []
    for t in range(2, num_steps + 1):
        term = weights @ on_average(
            lambda x, e, t=t: step_term(model, x, t, e, schedule, **how),
            x0,
            15,
        )
        rest = 1 - schedule.alphas_cumprod
        exact = (rest[t] / rest[t - 1]).log() / 2 + h[t - 1] - h[t]
        gaps.append((term - exact).item())
    assert min(gaps) > -1e-6
    assert max(gaps) > 1e-3
    last = weights @ on_average(
        lambda x, e: last_term(model, x, e, schedule, **how), x0, 15
    )
    noise = Normal(0, schedule.sqrt_one_minus_alphas_cumprod[1]).entropy()
    assert last >= h[0] + noise - h[1] - 1e-6


def test_more_steps_bring_the_bound_nearer_to_the_truth():
    """Not so with the posterior's variance: at the end of the walk it is
    too small for data that have a density, in any number of steps."""
    found = {"beta": [], "posterior": []}
    for variance, gaps in found.items():
        for num_steps in (10, 40, 160):
            schedule, x0 = NoiseSchedule.cosine(num_steps), TWO.sample(4000)
            model, how = ExactModel(TWO, schedule), {"variance": variance}
            bound = variational_bound(model, x0, schedule, **EXACT, **how)
            gap = bound.total + TWO.log_density(x0, 0, schedule)
            gaps.append(gap.mean().item())
    few, more, most = found["beta"]
    assert few > 2 * more > 2 * most > 0.01
    assert min(found["posterior"]) > 0.5


@pytest.mark.parametrize("levels", [2, 3, 5])
@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_no_model_can_give_the_levels_more_than_1_in_all(levels, variance):
    """exp(-bound) is at most a probability, and those sum to 1."""
    x0 = torch.linspace(-1, 1, levels, dtype=torch.float64)[:, None]
    data = GaussianMixture(x0, 0.05)
    how = EXACT | {"variance": variance, "levels": levels}
    for model in (
        ExactModel(data, S),
        lambda x, t: torch.tanh(2 * x),
        lambda x, t: 0 * x,
    ):
        bound = whole_bound(model, x0, S, n=40, **how)
        assert bound.neg().logsumexp(0) < 1e-6
    fine = NoiseSchedule.cosine(60)  # and it is not an empty bound
    exact = whole_bound(ExactModel(data, fine), x0, fine, n=40, **how)
    assert exact.neg().logsumexp(0) > -1


# The whole


def test_the_whole_is_the_sum_of_the_terms():
    x0, model = TWO.sample(3), ExactModel(TWO, S)
    g, same = (torch.Generator().manual_seed(1) for _ in range(2))
    found = variational_bound(model, x0, S, **EXACT, generator=g)
    steps = 0
    for t in range(2, 13):
        noise = torch.randn(3, 1, generator=same, dtype=torch.float64)
        steps = steps + step_term(model, x0, t, noise, S, **EXACT)
    noise = torch.randn(3, 1, generator=same, dtype=torch.float64)
    assert_close(found.prior, prior_term(x0, S))
    assert_close(found.steps, steps)
    last = last_term(model, x0, noise, S, **EXACT)
    assert_close(found.last, last)
    assert_close(found.total, prior_term(x0, S) + steps + last)


@pytest.mark.parametrize("draws", [1, 3, 11, 30])
def test_some_steps_stand_for_all(draws):
    """Within 5 standard errors, for any number of draws."""
    x0, model = TWO.sample(1).expand(40_000, 1), ExactModel(TWO, S)
    some = variational_bound(model, x0, S, **EXACT, draws=draws).steps
    every = variational_bound(model, x0, S, **EXACT).steps
    error = (some.var() + every.var()).sqrt() / 200
    assert abs(some.mean() - every.mean()) < 5 * error


def test_every_step_is_drawn_as_often_as_it_should_be():
    """In log t evenly, and what a draw stands for makes up for it."""
    seen = []

    def model(x, t):
        seen.append(t)
        return 0 * x

    x0 = torch.zeros(40_000, 1)
    variational_bound(model, x0, S, **EXACT, draws=4)
    *steps, last = seen
    t = torch.arange(2, 13)
    found = (
        torch.stack(steps).flatten().bincount(minlength=13)[2:] / 160_000
    )
    wanted = ((t + 1) / t).log() / math.log(13 / 2)
    assert_close(found, wanted.to(found), rtol=0, atol=0.005)
    first = steps[0]  # the lowest quarter of the logarithms
    assert first.max() <= 2 * (13 / 2) ** 0.25 < 4
    assert (last == 1).all()


def test_each_picture_draws_steps_of_its_own():
    seen = []

    def model(x, t):
        seen.append(t)
        return 0 * x

    variational_bound(model, torch.zeros(50, 1), S, **EXACT, draws=1)
    assert len(seen[0].unique()) > 5


def test_a_bound_is_repeatable_and_needs_no_gradient():
    x0, model = TWO.sample(3), torch.nn.Linear(1, 1).double()
    one, same, other = (
        variational_bound(
            lambda x, t: model(x),
            x0,
            S,
            draws=4,
            generator=torch.Generator().manual_seed(seed),
        ).total
        for seen, seed in enumerate((1, 1, 2))
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not one.requires_grad


# On the levels


def test_a_rounded_model_is_the_model_until_late_and_then_on_the_levels():
    xt = torch.linspace(-1.3, 1.3, 9)[:, None]
    model = Rounded(lambda x, t: x, S, "x0", 5, 3)
    cut = xt.clamp(-1, 1)
    assert torch.equal(model(xt, 4), cut)
    late = model(xt, 3)
    assert ((late - cut).abs() <= 0.25 + 1e-6).all()
    assert set(late.flatten().tolist()) == {-1.0, -0.5, 0.0, 0.5, 1.0}
    t = torch.tensor([9, 3] * 4 + [1])
    wanted = torch.where((t <= 3)[:, None], late, cut)
    assert torch.equal(model(xt, t), wanted)


def test_a_rounded_model_reads_every_target():
    noise = torch.randn(5, 1).double()
    x0 = torch.tensor([[-1.0], [0.5], [0.0], [1.0], [-0.5]]).double()
    xt = q_sample(x0, 2, noise, S)
    for predicts in ("eps", "x0", "v"):
        answer = target(predicts, x0, noise, 2, S) + 0.02
        model = Rounded(lambda x, t, a=answer: a, S, predicts, 5, 2)
        assert_close(model(xt, 2), x0)


# Refusals


@pytest.mark.parametrize("t", [0, 1, 13, torch.tensor([2, 1])])
def test_steps_that_have_no_such_term_are_refused(t):
    x = torch.zeros(2, 1)
    with pytest.raises(InputError, match=r"t must be .* in 2\.\.12"):
        step_term(lambda x, t: x, x, t, x, S)


@pytest.mark.parametrize(
    "variance", ["small", None, 1, torch.ones(3, 3), torch.ones(12)]
)
def test_a_variance_that_is_none_is_refused(variance):
    x = torch.zeros(2, 1)
    with pytest.raises(InputError, match="variance must be"):
        step_term(lambda x, t: x, x, 3, x, S, variance=variance)


def test_weights_of_the_bound_add_up_to_what_the_snr_drops():
    """All steps of one constant error, from the end of SNR to the other."""
    x0, noise = torch.zeros(1, 1).double(), torch.zeros(1, 1).double()
    total = sum(
        step_term(lambda x, t: 0.3 + 0 * x, x0, t, noise, S, **EXACT)
        for t in range(2, 13)
    )
    snr = S.snr()
    drop = (snr[1] - snr[12]).item() / 2 * 0.3**2
    assert total.item() == pytest.approx(drop)
    assert math.isfinite(drop)


def test_infinitely_many_steps_are_an_integral_in_every_language():
    """As the fold below chapter 14's summary says it; errors of size 1."""
    T, first, last = 20_000, 2_000, 18_000  # all in the bulk of the chain
    betas = torch.linspace(1e-4, 0.02, T).double() * 1000 / T
    fine = NoiseSchedule(betas)
    steps = slice(first + 1, last + 1)
    weight = elbo_weight(fine, "eps")[steps]
    sigma = fine.snr() ** -0.5
    time = sigma / (1 + sigma)
    beta, noise = fine.betas[steps], 1 - fine.alphas_cumprod[steps]

    def between(antiderivative):
        return (antiderivative[last] - antiderivative[first]).item()

    close = partial(pytest.approx, rel=1e-3)
    assert weight.sum().item() == close(between(sigma.log()))
    assert weight.sum().item() == close((beta / (2 * noise)).sum().item())
    of_velocity = (1 - time) ** 2  # what an error in u is in eps, squared
    flow = (weight * of_velocity[steps]).sum().item()
    assert flow == close(between(time.log() - time))  # of (1 - t) / t
