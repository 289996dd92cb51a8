"""Sampling: both ways back from noise, held to answers that are known."""

from functools import partial

import pytest
import torch
from torch.distributions import Normal
from torch.testing import assert_close

from diffusion_lessons import (
    GaussianMixture,
    NoiseSchedule,
    ancestral_sample,
    ancestral_step,
    chain_variance,
    clean_guess,
    ddim_sample,
    ddim_step,
    ddim_timesteps,
    linear_betas,
    q_posterior,
    q_sample,
    target,
    x0_and_eps,
)

DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
EVERY_T = torch.arange(1, 61)
ONE = torch.ones(1, 1, dtype=torch.float64)  # unit signal, or unit noise
ZERO = torch.zeros(1, 1, dtype=torch.float64)
SAMPLERS = {
    "ancestral": ancestral_sample,
    "ddim": partial(ddim_sample, num_steps=20),
    "ddim with noise": partial(ddim_sample, num_steps=20, eta=0.5),
}
LINE = GaussianMixture(
    means=[[-1.5], [0.5], [2.0]],
    stds=[0.3, 0.3, 0.4],
    weights=[0.3, 0.2, 0.5],
)
PLANE = GaussianMixture(
    means=[[-1.5, 0.0], [1.0, 1.0], [0.5, -2.0]],
    stds=[0.3, 0.5, 0.4],
    weights=[0.3, 0.2, 0.5],
)
NORMAL = GaussianMixture(means=[[1.5]], stds=0.3)


@pytest.fixture(params=SAMPLERS)
def sampler(request):
    return SAMPLERS[request.param]


@pytest.fixture(params=["eps", "x0", "v"])
def predicts(request):
    return request.param


def randn(*shape, seed=9):
    generator = seeded(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def wild(x, t):
    """A network that was never trained; it makes x_0 of any size."""
    return 3 * torch.sin(x + t.view(-1, *[1] * (x.ndim - 1)))


def oracle(mixture, schedule, predicts="x0"):
    """A perfect network: E[x_0 | x_t], said as eps, x0 or v."""

    def model(x, t):
        x0 = mixture.posterior_mean(x, t, schedule)
        _, eps = x0_and_eps(x0, x, t, schedule, "x0")
        return target(predicts, x0, eps, t, schedule)

    return model


def sample(sampler, mixture, x_T, schedule, **settings):
    """x_0 from the mixture's perfect network, not cut."""
    model = oracle(mixture, schedule)
    settings = {"predicts": "x0", "clip": None} | settings
    return list(sampler(model, x_T, schedule, **settings))[-1].x


def cdf(mixture, x):
    """How much of a mixture on the line lies below x (B, 1)."""
    parts = Normal(mixture.means[:, 0], mixture.variances.sqrt())
    return (mixture.weights * parts.cdf(x)).sum(1)


def levels(n):
    """n evenly spaced levels of probability: the middles of n parts."""
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


def quantiles(n):
    """n evenly spaced quantiles of N(0, 1), (n, 1)."""
    return Normal(0, 1).icdf(levels(n))[:, None]


def order(errors):
    """How fast errors fall each time that the steps are doubled."""
    return (errors[:-1] / errors[1:]).log2()


# One step


def test_a_step_back_is_a_draw_of_the_posterior(schedule):
    x0_hat, xt, noise = randn(3, 4, 2)
    for t in range(2, 61):
        mean, variance = q_posterior(x0_hat, xt, t, schedule)
        step = ancestral_step(x0_hat, xt, t, noise, schedule)
        assert_close(step, mean + variance.sqrt() * noise)


def test_the_mean_from_the_noise_is_equation_11_of_ddpm():
    """What most code computes, from the noise and not from the image."""
    schedule = NoiseSchedule.linear(60)
    xt, eps = randn(60, 2), randn(60, 2, seed=3)
    x0, _ = x0_and_eps(eps, xt, EVERY_T, schedule, "eps")
    mean, _ = q_posterior(x0, xt, EVERY_T, schedule)
    alpha_bar, beta = (
        table[1:, None]
        for table in (schedule.alphas_cumprod, schedule.betas)
    )
    from_eps = xt - beta / (1 - alpha_bar).sqrt() * eps
    assert_close(mean, from_eps / (1 - beta).sqrt())
    step = ancestral_step(x0[1:2], xt[1:2], 2, 0 * xt[1:2], schedule)
    assert_close(step, mean[1:2])


def test_variance_beta_adds_noise_of_the_size_of_beta(schedule):
    for t in range(2, 61):
        gain = ancestral_step(ZERO, ZERO, t, ONE, schedule, "beta")
        assert_close(gain.item() ** 2, schedule.betas[t].item())


@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_the_step_to_t_0_adds_no_noise(schedule, variance):
    x0_hat, xt, noise = randn(3, 4, 2)
    back = ancestral_step(x0_hat, xt, 1, noise, schedule, variance)
    assert_close(back, x0_hat, rtol=0, atol=1e-11)
    jump = ddim_step(x0_hat, xt, 30, 0, noise, schedule, eta=1.0)
    assert_close(jump, x0_hat, rtol=0, atol=1e-11)


@pytest.mark.parametrize("eta", [0.0, 0.3, 0.5, 1.0])
def test_a_ddim_step_lands_on_the_noise_level_of_s(schedule, eta):
    """Old noise and new together, for every eta: equation 7's demand."""
    for t, s in [(60, 59), (60, 30), (31, 30), (30, 1), (2, 1)]:
        signal = ddim_step(ONE, ZERO, t, s, ZERO, schedule, eta)
        kept = ddim_step(ZERO, ONE, t, s, ZERO, schedule, eta)
        fresh = ddim_step(ZERO, ZERO, t, s, ONE, schedule, eta)
        alpha_bar = schedule.alphas_cumprod[s]
        assert_close(signal.squeeze() ** 2, alpha_bar)
        assert_close((kept**2 + fresh**2).squeeze(), 1 - alpha_bar)


@pytest.mark.parametrize("eta", [0.0, 0.3, 0.5, 1.0])
def test_eta_scales_the_standard_deviation_of_the_posterior(schedule, eta):
    for t in range(2, 61):
        fresh = ddim_step(ZERO, ZERO, t, t - 1, ONE, schedule, eta)
        _, variance = q_posterior(ZERO, ZERO, t, schedule)
        assert_close(fresh, eta * variance.sqrt())


# The truth as network


@pytest.mark.parametrize("steps", [1, 7, 60, [60, 41, 40, 3, 0]], ids=str)
def test_ddim_told_the_truth_walks_along_the_jump(schedule, steps):
    """Every x_s is q_sample of the same x_0 with the same noise."""
    x0, noise = randn(2, 4, 3)
    x_T = q_sample(x0, 60, noise, schedule)
    truth = {"predicts": "x0", "clip": None}
    path = ddim_sample(lambda x, t: x0, x_T, schedule, steps, **truth)
    for t, x, _ in path:
        jump = q_sample(x0, t, noise, schedule)
        assert_close(x, jump, rtol=0, atol=1e-11)


def test_any_sampler_told_the_truth_ends_there(schedule, sampler):
    x0, x_T = randn(2, 4, 3)
    path = sampler(lambda x, t: x0, x_T, schedule, predicts="x0", clip=None)
    assert_close(list(path)[-1].x, x0, rtol=0, atol=1e-11)


def test_every_guess_fits_the_path_that_led_to_it(schedule):
    """x_t is made of x0_hat and eps; x_s is made of the same two."""
    x_T = randn(4, 3)
    before = x_T
    for t, x, x0_hat in ddim_sample(wild, x_T, schedule, 60, clip=0.5):
        _, eps = x0_and_eps(x0_hat, before, t + 1, schedule, "x0")
        jump = q_sample(x0_hat, t, eps, schedule)
        assert_close(x, jump, rtol=0, atol=1e-11)
        before = x


def test_ddim_with_eta_1_and_every_step_is_ancestral_sampling(predicts):
    for schedule in (NoiseSchedule.linear(60), NoiseSchedule.cosine(60)):
        settings = {"predicts": predicts, "clip": 2.0}
        x_T = randn(4, 3)
        ddim = ddim_sample(
            wild, x_T, schedule, 60, eta=1, generator=seeded(1), **settings
        )
        ancestral = ancestral_sample(
            wild, x_T, schedule, generator=seeded(1), **settings
        )
        for ours, other in zip(ddim, ancestral, strict=True):
            assert_close(ours, other, rtol=0, atol=1e-9)


# One Gaussian: every step is linear, so nothing is left to chance


def spread(schedule, data, variance):
    """The variances of x_T … x_0 on the way back to N(0, data)."""
    keep, gain = [], []
    for t in range(schedule.num_steps, 0, -1):
        signal, sigma = schedule.signal_and_sigma(t, ONE)
        x0_hat = data * signal / (data * signal**2 + sigma**2)  # x_t = 1
        walk = partial(ancestral_step, t=t, schedule=schedule)
        keep.append(walk(x0_hat, ONE, noise=ZERO, variance=variance))
        gain.append(walk(ZERO, ZERO, noise=ONE, variance=variance))
    alpha_bar = schedule.alphas_cumprod[-1].item()
    start = alpha_bar * data + 1 - alpha_bar
    keep, gain = (torch.cat(x).flatten() for x in (keep, gain))
    return chain_variance(keep, gain, start)


def test_variance_posterior_is_exact_for_data_of_one_point(schedule):
    sigma2 = (1 - schedule.alphas_cumprod).flip(0)
    assert_close(spread(schedule, 0.0, "posterior"), sigma2)


def test_variance_beta_is_exact_for_data_from_n_0_1(schedule):
    """Until the last step, which leaves its noise away."""
    *before, last = spread(schedule, 1.0, "beta")
    assert_close(torch.stack(before), torch.ones(60).double())
    assert_close(last, schedule.alphas[1])


@pytest.mark.parametrize("make", ["linear", "cosine"])
def test_other_data_lie_between_the_two_and_both_err_by_1_in_T(make):
    def excess(variance):
        schedules = [getattr(NoiseSchedule, make)(T) for T in (200, 400)]
        ends = [spread(each, 0.25, variance)[-1] for each in schedules]
        return torch.stack(ends) - 0.25

    narrow, wide = excess("posterior"), excess("beta")
    assert (narrow < 0).all()
    assert (wide > 0).all()
    for errors in (narrow, wide):
        assert order(errors).item() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("make", ["linear", "cosine"])
def test_ddim_converges_at_first_order_to_the_exact_path(make):
    """For one Gaussian the path has a closed form, held to here."""
    schedule = getattr(NoiseSchedule, make)(1000)
    alpha_bar, x_T = schedule.alphas_cumprod[-1], quantiles(20)
    std = (alpha_bar * 0.3**2 + 1 - alpha_bar).sqrt()
    exact = 1.5 + 0.3 * (x_T - alpha_bar.sqrt() * 1.5) / std
    errors = [
        (sample(ddim_sample, NORMAL, x_T, schedule, num_steps=n) - exact)
        for n in (50, 100, 200)
    ]
    errors = torch.stack(errors).abs().amax((1, 2))
    assert errors[-1] < 0.03
    assert_close(order(errors), torch.ones(2).double(), rtol=0, atol=0.1)


# A mixture of Gaussians


def cdf_error(schedule, num_steps):
    """How far DDIM moves any quantile, in probability."""
    x_T = quantiles(500)
    x0 = sample(ddim_sample, LINE, x_T, schedule, num_steps=num_steps)
    return (cdf(LINE, x0) - levels(500)).abs().max()


@pytest.mark.parametrize("make", ["linear", "cosine"])
def test_ddim_carries_quantiles_to_quantiles_at_first_order(make):
    """In one dimension paths do not cross: no randomness in this test."""
    schedule = getattr(NoiseSchedule, make)(1000).zero_terminal_snr()
    counts = (25, 50, 100)
    errors = torch.stack([cdf_error(schedule, n) for n in counts])
    assert (errors < 1 / torch.tensor(counts)).all()
    assert_close(order(errors), torch.ones(2).double(), rtol=0, atol=0.1)


def test_signal_left_in_x_T_is_an_error_that_no_step_removes():
    """By symmetry x_T = 0 must end at the mean, 1.5, in any n."""
    left = NoiseSchedule.linear()
    none = left.zero_terminal_snr()
    for n in (20, 200, 1000):
        x0 = [
            sample(ddim_sample, NORMAL, ZERO, schedule, num_steps=n).item()
            for schedule in (left, none)
        ]
        assert x0[0] == pytest.approx(1.4975, abs=5e-4)
        assert x0[1] == pytest.approx(1.5, abs=1e-9)


WAYS = {
    "ancestral": ("cosine", ancestral_sample),
    "beta": ("linear", partial(ancestral_sample, variance="beta")),
    "ddim": ("linear", partial(ddim_sample, num_steps=150)),
    "ddim with noise": (
        "cosine",
        partial(ddim_sample, num_steps=150, eta=0.5),
    ),
}


@pytest.fixture(params=WAYS)
def way(request):
    """A schedule that ends in pure noise, and a sampler."""
    make, sampler = WAYS[request.param]
    return getattr(NoiseSchedule, make)(300).zero_terminal_snr(), sampler


@pytest.mark.parametrize("mixture", [LINE, PLANE], ids=["1-D", "2-D"])
def test_the_perfect_network_gives_back_the_mixture(mixture, way):
    """Within 5 standard errors of 5000 draws, and what 1/T leaves.

    Each draw is shared out by Bayes' rule, so each part's weight, mean
    and variance is an unbiased estimate.
    """
    schedule, sampler = way
    n, dim = 5000, mixture.means.shape[1]
    x = sample(sampler, mixture, randn(n, dim), schedule)
    share = mixture.posterior(x, 0, schedule).weights  # (n, K)
    count = share.sum(0)
    means = share.T @ x / count[:, None]
    square = (x[:, None] - mixture.means).square().sum(-1)
    variances = (share * square).sum(0) / count / dim

    weights, each = mixture.weights, mixture.weights * n
    off = (count / n - weights).abs()
    assert (off < 5 * (weights / n).sqrt() + 0.005).all()
    off = (means - mixture.means).abs().amax(1)
    std = mixture.variances.sqrt()
    assert (off < 5 * std / each.sqrt() + 0.01).all()
    off = (variances / mixture.variances - 1).abs()
    assert (off < 5 * (2 / dim / each).sqrt() + 0.05).all()


def test_draws_on_the_line_have_the_mixtures_distribution(way):
    """Kolmogorov and Smirnov's test at 1 in 1000, and what 1/T leaves."""
    schedule, sampler = way
    x = sample(sampler, LINE, randn(5000, 1), schedule)
    distance = (cdf(LINE, x).sort().values - levels(5000)).abs().max()
    assert distance < 1.95 / 5000**0.5 + 0.005


def test_eps_x0_and_v_are_three_ways_to_the_same_samples(sampler):
    schedule = NoiseSchedule.linear(60)
    results = [
        list(
            sampler(
                oracle(PLANE, schedule, predicts),
                randn(50, 2),
                schedule,
                predicts=predicts,
                generator=seeded(1),
            )
        )[-1].x
        for predicts in ("eps", "x0", "v")
    ]
    assert_close(results[1:], results[:1] * 2, rtol=0, atol=1e-9)


@pytest.mark.parametrize("predicts", ["x0", "v"])
def test_pure_noise_is_no_obstacle_to_x0_and_v(sampler, predicts):
    schedule = NoiseSchedule.cosine(60).zero_terminal_snr()
    model = oracle(PLANE, schedule, predicts)
    x_T = randn(50, 2)
    first, *_, last = sampler(
        model, x_T, schedule, predicts=predicts, clip=None
    )
    middle = PLANE.weights @ PLANE.means
    assert_close(first.x0_hat, middle.expand(50, 2))
    assert last.x.isfinite().all()


# The cut


def test_a_guess_that_was_cut_still_fits_x_t(schedule, predicts):
    xt = randn(60, 3)
    for t in EVERY_T.tolist():
        x0_hat, eps_hat = clean_guess(
            wild, xt, t, schedule, predicts=predicts, clip=0.7
        )
        assert x0_hat.abs().max() == 0.7
        again = q_sample(x0_hat, t, eps_hat, schedule)
        assert_close(again, xt, rtol=0, atol=1e-11)


def test_a_guess_within_the_bounds_is_not_changed_by_the_cut(schedule):
    def tame(x, t):
        return wild(x, t) / 4

    settings = {"predicts": "x0", "schedule": schedule}
    xt = randn(9, 3)
    cut = clean_guess(tame, xt, 30, clip=1.0, **settings)
    assert_close(cut, clean_guess(tame, xt, 30, clip=None, **settings))


def test_without_a_cut_the_guess_is_what_the_network_said(
    schedule, predicts
):
    xt, t = randn(9, 3), torch.full((9,), 30)
    guess = clean_guess(
        wild, xt, 30, schedule, predicts=predicts, clip=None
    )
    said = x0_and_eps(wild(xt, t), xt, t, schedule, predicts)
    assert_close(guess, said, rtol=0, atol=0)


def test_samples_stay_where_images_live_unless_told_otherwise(sampler):
    schedule, x_T = NoiseSchedule.linear(60), randn(4, 3)
    for _, _, x0_hat in sampler(wild, x_T, schedule):
        assert x0_hat.abs().max() <= 1
    path = sampler(wild, x_T, schedule, clip=None)
    assert max(s.x0_hat.abs().max() for s in path) > 1


# The walk


def test_the_network_is_asked_once_at_each_t_it_walks_through():
    asked = []

    def model(x, t):
        assert t.shape == (4,)
        assert t.dtype == torch.int64
        assert not torch.is_grad_enabled()
        asked.extend(t.unique().tolist())
        return x

    schedule, x_T = NoiseSchedule.linear(60), randn(4, 3)
    ts = [s.t for s in ancestral_sample(model, x_T, schedule)]
    assert (asked, ts) == ([*range(60, 0, -1)], [*range(59, -1, -1)])
    asked.clear()
    ts = [s.t for s in ddim_sample(model, x_T, schedule, [60, 31, 2, 0])]
    assert (asked, ts) == ([60, 31, 2], [31, 2, 0])


def test_nothing_runs_until_it_is_consumed_and_only_so_far(sampler):
    asked = []

    def model(x, t):
        asked.append(t)
        return x

    path = sampler(model, randn(4, 3), NoiseSchedule.linear(60))
    assert asked == []
    next(path)
    assert len(asked) == 1


def test_gradients_are_off_inside_and_as_before_outside(sampler):
    weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
    x_T = randn(4, 3)
    for snapshot in sampler(
        lambda x, t: weight * x, x_T, NoiseSchedule.linear(60)
    ):
        assert torch.is_grad_enabled()
        assert not snapshot.x.requires_grad
        assert not snapshot.x0_hat.requires_grad


def test_the_last_x_is_the_last_guess(sampler):
    path = list(sampler(wild, randn(4, 3), NoiseSchedule.cosine(60)))
    assert path[-1].t == 0
    assert_close(path[-1].x, path[-1].x0_hat, rtol=0, atol=1e-11)


def walk(sampler, generator=None, x_T=None):
    """All of x on the way."""
    x_T = randn(4, 3) if x_T is None else x_T
    schedule = NoiseSchedule.linear(60)
    path = sampler(wild, x_T, schedule, generator=generator)
    return torch.stack([snapshot.x for snapshot in path])


def test_a_seed_can_be_repeated(sampler):
    same = walk(sampler, seeded(1)), walk(sampler, seeded(1))
    assert torch.equal(*same)
    torch.manual_seed(5)
    one = walk(sampler)
    torch.manual_seed(5)
    assert torch.equal(one, walk(sampler))


@pytest.mark.parametrize("name", ["ancestral", "ddim with noise"])
def test_another_seed_is_another_sample(name):
    one, other = (walk(SAMPLERS[name], seeded(i)) for i in (1, 2))
    assert ((one - other).abs().amax((1, 2)) > 0).all()


def test_ddim_without_noise_draws_none():
    generator = seeded(1)
    before = generator.get_state(), torch.get_rng_state()
    ddim = SAMPLERS["ddim"]
    assert torch.equal(walk(ddim, generator), walk(ddim))
    after = generator.get_state(), torch.get_rng_state()
    assert all(map(torch.equal, before, after))


def test_noise_from_a_generator_leaves_the_global_one_alone(sampler):
    before = torch.get_rng_state()
    walk(sampler, seeded(1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_shape_dtype_and_device_are_kept(sampler, dtype, device):
    """With a generator that stays on the CPU."""
    x_T = randn(2, 1, 4, 4).to(device, dtype)
    before = x_T.clone()

    def model(x, t):
        assert x.device == t.device
        return wild(x, t).to(dtype)

    schedule = NoiseSchedule.linear(60)
    for snapshot in sampler(model, x_T, schedule, generator=seeded(1)):
        for x in (snapshot.x, snapshot.x0_hat):
            assert (x.shape, x.dtype) == (x_T.shape, dtype)
            assert x.device == x_T.device
            assert x.isfinite().all()
    assert torch.equal(x_T, before)


def test_a_batch_may_hold_one_image_or_none(sampler):
    for n in (0, 1):
        assert walk(sampler, x_T=randn(n, 3)).shape[1:] == (n, 3)


def test_an_image_does_not_depend_on_its_batch():
    x_T, ddim = randn(4, 3), SAMPLERS["ddim"]
    together = walk(ddim, x_T=x_T)
    for i in range(4):
        alone = walk(ddim, x_T=x_T[i : i + 1])
        assert_close(alone[:, 0], together[:, i])


def test_a_bar_shows_where_it_stands_only_if_asked(sampler, capsys):
    for progress in (False, True):
        path = sampler(
            wild, randn(4, 3), NoiseSchedule.linear(60), progress=progress
        )
        list(path)
        assert ("sampling: 100%" in capsys.readouterr().err) == progress


# The steps of DDIM


@pytest.mark.parametrize("T", [1, 10, 60, 1000])
def test_steps_fall_evenly_from_T_to_0(T):
    for n in range(1, T + 1):
        steps = ddim_timesteps(T, n)
        assert (len(steps), steps[0], steps[-1]) == (n + 1, T, 0)
        gaps = -torch.tensor(steps).diff()
        assert gaps.min() >= max(1, T // n - 1)
        assert gaps.max() <= T // n + 2


def test_every_way_to_write_the_steps_is_the_same(schedule):
    ways = (4, [60, 45, 30, 15, 0], range(60, -1, -15))
    ways += (torch.tensor(ways[1]), (t for t in ways[1]))
    paths = [
        list(ddim_sample(wild, randn(4, 3), schedule, steps))
        for steps in ways
    ]
    for path in paths[1:]:
        assert_close(path, paths[0], rtol=0, atol=0)


# Refusals, before the first step is asked for


def test_a_schedule_that_does_not_end_in_noise_is_refused(sampler):
    short = NoiseSchedule(linear_betas(300))
    words = (
        r"pure noise, but at t = 300 .* still holds 0\.22 of x_0"
        r".*zero_terminal_snr\(\)"
    )
    with pytest.raises(ValueError, match=words):
        sampler(wild, randn(4, 3), short)
    sampler(wild, randn(4, 3), short.zero_terminal_snr(), predicts="v")


def test_steps_that_begin_where_the_image_still_shows_are_refused():
    schedule = NoiseSchedule.cosine(60)
    with pytest.raises(ValueError, match=r"at t = 30 .* 0\.70 of x_0"):
        ddim_sample(wild, randn(4, 3), schedule, [30, 0])


def test_eps_is_refused_where_nothing_is_left_of_x_0(sampler):
    schedule = NoiseSchedule.linear(60).zero_terminal_snr()
    with pytest.raises(ValueError, match='"eps" cannot be read where x_T'):
        sampler(wild, randn(4, 3), schedule)
    near = ddim_sample(wild, randn(4, 3), schedule, [59, 30, 0])
    assert next(near).x.isfinite().all()


def test_an_unknown_prediction_is_refused(sampler):
    with pytest.raises(ValueError, match="predicts must be one of"):
        sampler(wild, randn(4, 3), NoiseSchedule.linear(), predicts="noise")


def test_an_unknown_variance_is_refused(schedule):
    words = "variance must be one of 'posterior', 'beta'; got 'learned'"
    with pytest.raises(ValueError, match=words):
        ancestral_sample(wild, randn(4, 3), schedule, variance="learned")
    with pytest.raises(ValueError, match=words):
        ancestral_step(ONE, ONE, 9, ONE, schedule, "learned")


@pytest.mark.parametrize("eta", [-0.1, 1.1, float("nan")])
def test_an_eta_outside_0_and_1_is_refused(schedule, eta):
    words = rf"eta must be in 0\.\.1; got {eta}"
    with pytest.raises(ValueError, match=words):
        ddim_sample(wild, randn(4, 3), schedule, 5, eta=eta)
    with pytest.raises(ValueError, match=words):
        ddim_step(ONE, ONE, 9, 8, ONE, schedule, eta)


@pytest.mark.parametrize(
    ("steps", "takes"),
    [
        (0, "of at least 1"),
        (-1, "of at least 1"),
        (2.5, "of at least 1"),
        (61, r"in 1\.\.60"),
    ],
)
def test_a_number_of_steps_outside_1_and_T_is_refused(
    schedule, steps, takes
):
    words = f"num_steps must be a whole number {takes}; got {steps}"
    with pytest.raises(ValueError, match=words):
        ddim_sample(wild, randn(4, 3), schedule, steps)


@pytest.mark.parametrize(
    "steps",
    [[0], [60], [60, 30], [60, 30, 30, 0], [0, 30, 60]],
    ids=str,
)
def test_steps_that_do_not_fall_to_0_are_refused(schedule, steps):
    with pytest.raises(ValueError, match="must fall from T to 0, as"):
        ddim_sample(wild, randn(4, 3), schedule, steps)


def test_no_steps_at_all_are_refused(schedule):
    with pytest.raises(ValueError, match=r"num_steps .* one .*; got \[\]"):
        ddim_sample(wild, randn(4, 3), schedule, [])


def test_a_first_step_beyond_T_is_refused(schedule):
    with pytest.raises(ValueError, match="at most T = 60; got 61"):
        ddim_sample(wild, randn(4, 3), schedule, [61, 30, 0])


@pytest.mark.parametrize("step", [30.5, -1])
def test_a_step_between_two_steps_or_below_0_is_refused(schedule, step):
    words = f"each of num_steps must be a whole .* at least 0; got {step}"
    with pytest.raises(TypeError, match=words):
        ddim_sample(wild, randn(4, 3), schedule, [60, step, 0])


# Between two steps


def test_a_guess_between_two_steps_fits_the_noise_there(schedule):
    """x_t = q_sample(x0_hat, noise of that moment), and t is told."""
    told = []

    def model(x, t):
        told.append(t)
        return 0.3 * torch.sin(x)

    xt = randn(4, 2)
    for predicts in ("eps", "x0", "v"):
        x0_hat, eps_hat = clean_guess(
            model, xt, 20.5, schedule, predicts=predicts, clip=0.2
        )
        there = schedule.through([20.5])
        assert_close(q_sample(x0_hat, 1, eps_hat, there), xt)
        assert x0_hat.abs().max() <= 0.2
        assert torch.equal(told[-1], torch.full((4,), 20.5).double())
    clean_guess(model, xt, 20, schedule)
    assert torch.equal(told[-1], torch.full((4,), 20))
