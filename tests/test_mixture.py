"""The mixture whose every answer is known."""

import pickle

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal
from torch.testing import assert_close

from diffusion_lessons import (
    GaussianMixture,
    NoiseSchedule,
    q_sample,
)

LINE = GaussianMixture(
    torch.tensor([[-1.5], [0.5], [2.0]]),
    stds=torch.tensor([0.2, 0.5, 0.3]),
    weights=torch.tensor([1.0, 2.0, 5.0]),
)
PLANE = GaussianMixture(
    torch.tensor([[-1.5, 0.0], [1.0, 1.0], [0.5, -2.0]]),
    stds=torch.tensor([0.2, 0.5, 0.3]),
    weights=torch.tensor([1.0, 2.0, 5.0]),
)
GRID = torch.linspace(-8, 8, 4001, dtype=torch.float64)[:, None]
SOME_T = [1, 5, 20, 45, 60]


# The mixture: density and score


@pytest.mark.parametrize("t", [0, *SOME_T])
def test_the_density_integrates_to_1(schedule, t):
    density = LINE.density(GRID, t, schedule)
    total = torch.trapezoid(density, GRID[:, 0])
    assert total.item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("t", [0, 5, 60])
def test_the_density_in_the_plane_integrates_to_1(schedule, t):
    side = torch.linspace(-7, 7, 281, dtype=torch.float64)
    density = PLANE.density(torch.cartesian_prod(side, side), t, schedule)
    total = density.sum() * (14 / 280) ** 2
    assert total.item() == pytest.approx(1, abs=1e-6)


def test_at_t_0_the_density_is_the_mixture_itself(schedule):
    x = torch.randn(50, 1).double()
    parts = Normal(LINE.means.T, LINE.variances.sqrt())
    weights = torch.tensor([1, 2, 5]) / 8
    density = (weights * parts.log_prob(x).exp()).sum(1)
    assert_close(LINE.density(x, 0, schedule), density)


def test_the_density_at_t_is_the_average_over_all_images(schedule):
    """q(x_t) = integral of q(x_t | x_0) q(x_0) over x_0."""
    x0, prior = GRID, LINE.density(GRID, 0, schedule)
    for t in SOME_T:
        xt = torch.linspace(-3, 3, 13).double()
        likelihood = jump(schedule, t, x0).log_prob(xt).exp()
        total = torch.trapezoid(likelihood * prior[:, None], x0, dim=0)
        assert_close(LINE.density(xt[:, None], t, schedule), total)


def jump(schedule, t, x0):
    """q(x_t | x_0), from the tables alone."""
    alpha_bar = schedule.alphas_cumprod[t]
    return Normal(alpha_bar.sqrt() * x0, (1 - alpha_bar).sqrt())


@pytest.mark.parametrize("t", SOME_T)
def test_noisy_samples_follow_the_density(schedule, t):
    """Kolmogorov-Smirnov, at 0.1 % for 20,000 samples."""
    x0 = LINE.sample(20_000)
    xt = q_sample(x0, t, torch.randn_like(x0), schedule)
    density, grid = LINE.density(GRID, t, schedule), GRID[:, 0]
    expected = torch.cumulative_trapezoid(density, grid)
    found = torch.searchsorted(xt[:, 0].sort().values, grid[1:]) / 20_000
    assert (found - expected).abs().max() < 1.95 / 20_000**0.5


@pytest.mark.parametrize("mixture", [LINE, PLANE], ids=["line", "plane"])
def test_samples_have_the_mixtures_mean_and_variance(mixture):
    """Within 5 standard errors of 50,000 samples."""
    x, w = mixture.sample(50_000), mixture.weights[:, None]
    mean = (w * mixture.means).sum(0)
    second = (w * (mixture.means**2 + mixture.variances[:, None])).sum(0)
    error = 5 * (second - mean**2).sqrt().max() / 50_000**0.5
    assert (x.mean(0) - mean).abs().max() < error
    assert_close(x.var(0), second - mean**2, rtol=0.03, atol=0)


def test_samples_are_repeatable_from_a_generator():
    one, same, other = (
        PLANE.sample(9, torch.Generator().manual_seed(s)) for s in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.shape == (9, 2)
    assert one.dtype == torch.float64


@pytest.mark.parametrize("mixture", [LINE, PLANE], ids=["line", "plane"])
def test_the_score_is_the_slope_of_the_log_density(schedule, mixture):
    for t in [0, *SOME_T]:
        x = mixture.sample(20).requires_grad_()
        log_density = mixture.log_density(x, t, schedule)
        (slope,) = torch.autograd.grad(log_density.sum(), x)
        assert_close(mixture.score(x, t, schedule), slope)


def test_every_bell_of_the_noisy_mixture_shrinks_and_widens(schedule):
    for t in [0, *SOME_T]:
        alpha_bar = schedule.alphas_cumprod[t]
        means, variances = PLANE.noisy_bells(PLANE.sample(4), t, schedule)
        assert_close(means[0], alpha_bar.sqrt() * PLANE.means)
        wanted = alpha_bar * PLANE.variances + 1 - alpha_bar
        assert_close(variances[0], wanted)


# The mixture: what is known of x_0 once x_t is seen


def test_responsibilities_are_the_shares_of_the_bells_in_the_density(
    schedule,
):
    for t in [0, *SOME_T]:
        x = LINE.sample(20)
        means, variances = LINE.noisy_bells(x, t, schedule)
        bells = Normal(means[..., 0], variances.sqrt())
        parts = LINE.weights * bells.log_prob(x).exp()
        shares = parts / LINE.density(x, t, schedule)[:, None]
        assert_close(LINE.responsibilities(x, t, schedule), shares)


def test_the_posterior_mean_is_the_integral_it_stands_for(schedule):
    x0, prior = GRID, LINE.density(GRID, 0, schedule)
    for t in SOME_T:
        xt = torch.linspace(-3, 3, 13).double()
        weight = jump(schedule, t, x0).log_prob(xt).exp() * prior[:, None]
        mean = (weight * x0).sum(0) / weight.sum(0)
        found = LINE.posterior_mean(xt[:, None], t, schedule)
        assert_close(found[:, 0], mean)


@pytest.mark.parametrize("mixture", [LINE, PLANE], ids=["line", "plane"])
def test_tweedies_formula_holds(schedule, mixture):
    for t in SOME_T:
        x = mixture.sample(20)
        alpha_bar = schedule.alphas_cumprod[t]
        pull = (1 - alpha_bar) * mixture.score(x, t, schedule)
        mean = mixture.posterior_mean(x, t, schedule)
        assert_close(mean, (x + pull) / alpha_bar.sqrt())


def test_the_posterior_is_bayes_rule_at_every_point(schedule):
    for t in SOME_T:
        x0, xt = LINE.sample(20), LINE.sample(20)
        weights, means, variances = LINE.posterior(xt, t, schedule)
        parts = Normal(means[..., 0], variances.sqrt()).log_prob(x0)
        posterior = (weights.log() + parts).logsumexp(1)
        joint = LINE.log_density(x0, 0, schedule)
        joint = joint + jump(schedule, t, x0).log_prob(xt)[:, 0]
        bayes = joint - LINE.log_density(xt, t, schedule)
        assert_close(posterior, bayes)


def test_the_posterior_is_a_mixture_around_the_posterior_mean(schedule):
    t = torch.tensor(SOME_T)
    x = PLANE.sample(5)
    weights, means, variances = PLANE.posterior(x, t, schedule)
    assert (weights.shape, means.shape) == ((5, 3), (5, 3, 2))
    assert variances.shape == (5, 3)
    assert_close(weights.sum(1), torch.ones(5).double())
    assert (variances > 0).all()
    mean = (weights[..., None] * means).sum(1)
    assert_close(mean, PLANE.posterior_mean(x, t, schedule))


def test_one_t_for_all_gives_the_same_posterior(schedule):
    x = PLANE.sample(4)
    for one, each in zip(
        PLANE.posterior(x, 9, schedule),
        PLANE.posterior(x, torch.full((4,), 9), schedule),
        strict=True,
    ):
        assert torch.equal(one, each)


def test_at_t_0_the_image_is_known_exactly(schedule):
    x = PLANE.sample(20)
    _, _, variances = PLANE.posterior(x, 0, schedule)
    assert_close(PLANE.posterior_mean(x, 0, schedule), x)
    assert (variances == 0).all()


def test_at_T_almost_nothing_is_known(schedule):
    x = torch.randn(20, 2).double()
    weights, means, variances = PLANE.posterior(x, 60, schedule)
    assert_close(weights, PLANE.weights.expand(20, 3), rtol=0, atol=0.05)
    assert_close(means, PLANE.means.expand(20, 3, 2), rtol=0, atol=0.01)
    assert_close(
        variances, PLANE.variances.expand(20, 3), rtol=1e-3, atol=0
    )


def test_a_standard_normal_stays_one_and_shrinks_to_signal_x_t(schedule):
    normal = GaussianMixture(torch.zeros(1, 1), 1.0)
    x = torch.randn(20, 1).double()
    for t in [0, *SOME_T]:
        log_density = normal.log_density(x, t, schedule)
        assert_close(log_density, Normal(0, 1).log_prob(x)[:, 0])
        mean = schedule.sqrt_alphas_cumprod[t] * x
        assert_close(normal.posterior_mean(x, t, schedule), mean)


def test_each_point_may_have_its_own_t(schedule):
    x, t = PLANE.sample(5), torch.tensor(SOME_T)
    together = PLANE.score(x, t, schedule)
    for i in range(5):
        alone = PLANE.score(x[i : i + 1], SOME_T[i], schedule)
        assert_close(alone[0], together[i])


def test_answers_have_the_dtype_of_the_question(schedule):
    x = PLANE.sample(4).float()
    assert PLANE.density(x, 5, schedule).dtype == torch.float32
    assert PLANE.score(x, 5, schedule).dtype == torch.float32
    assert PLANE.posterior_mean(x, 5, schedule).dtype == torch.float32


def test_weights_are_normalised_and_equal_by_default():
    assert LINE.weights.tolist() == [0.125, 0.25, 0.625]
    equal = GaussianMixture(torch.zeros(4, 2), 0.3)
    assert equal.weights.tolist() == [0.25] * 4
    assert_close(equal.variances, torch.full((4,), 0.09).double())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"means": torch.zeros(2)}, r"shape \(K, D\); got \(2,\)"),
        ({"stds": 0.0}, "positive number or 2 of them; got"),
        ({"stds": -1.0}, "positive number or 2 of them; got"),
        ({"stds": torch.ones(3)}, "positive number or 2 of them; got"),
        ({"stds": float("nan")}, "stds must be finite; 1 of its 1 values"),
        ({"weights": torch.ones(3)}, "be 2 positive numbers; got"),
        ({"weights": torch.tensor([1, 0])}, "be 2 positive numbers; got"),
    ],
)
def test_a_broken_mixture_is_refused(options, words):
    good = {"means": torch.zeros(2, 1), "stds": 1.0}
    with pytest.raises(ValueError, match=words):
        GaussianMixture(**good | options)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 2, 1)])
def test_points_of_another_dimension_are_refused(schedule, shape):
    for answer in (PLANE.score, PLANE.noisy_bells):
        with pytest.raises(ValueError, match=r"shape \(B, 2\); got \(4"):
            answer(torch.zeros(shape), 1, schedule)


def test_all_that_it_is_made_of_has_double_precision():
    mixture = GaussianMixture(
        *(
            torch.tensor(numbers, dtype=torch.float64)
            for numbers in ([[0.1], [0.7]], [0.1, 0.3], [0.1, 0.9])
        )
    )
    wanted = {
        "means": [[0.1], [0.7]],
        "variances": [0.1**2, 0.3**2],
        "weights": [0.1, 0.9],
    }
    for name, numbers in wanted.items():
        numbers = torch.tensor(numbers, dtype=torch.float64)
        assert_close(getattr(mixture, name), numbers, rtol=1e-14, atol=0)
    standard = GaussianMixture(torch.zeros(1, 1), 1.0).sample(9)
    assert not torch.equal(standard, standard.float().double())


def test_a_mixture_keeps_its_means_when_the_caller_changes_its_own():
    means = torch.zeros(2, 3, dtype=torch.float64)
    mixture = GaussianMixture(means, 1.0)
    means.fill_(7)
    assert not mixture.means.any()


@pytest.mark.parametrize(
    "answer",
    [
        "log_density",
        "density",
        "responsibilities",
        "score",
        "posterior",
        "posterior_mean",
        "noisy_bells",
    ],
)
@pytest.mark.parametrize("t", ["7", 0.5, None, [1, 2]])
def test_every_answer_wants_a_step(answer, t):
    with pytest.raises(ValueError, match="t must be"):
        getattr(LINE, answer)(GRID[:3], t, NoiseSchedule.linear(20))


def test_numbers_of_python_are_not_rounded():
    mixture = GaussianMixture([[0.1, 0.3]], [0.7], [1.0])
    assert mixture.means.tolist() == [[0.1, 0.3]]
    assert mixture.variances.tolist() == [0.7**2]
    assert GaussianMixture([[0.1]], 0.7).variances.tolist() == [0.7**2]


# Bells with a matrix each

TURN = torch.tensor([[0.8, -0.6], [0.6, 0.8]], dtype=torch.float64)
LONG = TURN @ torch.diag(torch.tensor([1.0, 0.01]).double()) @ TURN.mT
TILTED = GaussianMixture(
    PLANE.means,
    weights=PLANE.weights,
    covariances=torch.stack(
        [LONG, LONG.inverse() / 50, 0.09 * TURN @ TURN.mT]
    ),
)

ROUGH = torch.tensor([[2.0, 0, 0], [1, 1, 0], [-1, 0.5, 0.3]]).double()
SPACE = GaussianMixture(
    [[0.0, 1.0, -1.0], [2.0, 0.0, 1.0]],
    covariances=torch.stack([ROUGH @ ROUGH.mT, ROUGH.mT @ ROUGH]),
)
each_tilted = pytest.mark.parametrize(
    "mixture", [TILTED, SPACE], ids=["plane", "space"]
)


def answers(mixture, x, t, schedule):
    """All that two mixtures that are one must agree on."""
    named = ("log_density", "responsibilities", "score", "posterior_mean")
    for name in named:
        yield getattr(mixture, name)(x, t, schedule)


@pytest.mark.parametrize("t", [0, *SOME_T, torch.tensor(SOME_T)])
def test_round_matrices_are_stds(schedule, t):
    eye = torch.eye(2).double()
    same = GaussianMixture(
        PLANE.means,
        weights=PLANE.weights,
        covariances=PLANE.variances[:, None, None] * eye,
    )
    x = PLANE.sample(5)
    for one, other in zip(
        answers(same, x, t, schedule),
        answers(PLANE, x, t, schedule),
        strict=True,
    ):
        assert_close(one, other)
    for answer in ("noisy_bells", "posterior"):
        *_, matrices = getattr(same, answer)(x, t, schedule)
        *_, variances = getattr(PLANE, answer)(x, t, schedule)
        assert_close(matrices, variances[..., None, None] * eye)


@each_tilted
@pytest.mark.parametrize("t", [0, *SOME_T])
def test_tilted_bells_are_those_of_torch(schedule, mixture, t):
    alpha_bar, x = schedule.alphas_cumprod[t], mixture.sample(20)
    means, matrices = mixture.noisy_bells(x, t, schedule)
    noise = (1 - alpha_bar) * torch.eye(x.shape[1]).double()
    assert_close(means[0], alpha_bar.sqrt() * mixture.means)
    assert_close(matrices[0], alpha_bar * mixture.variances + noise)
    bells = MultivariateNormal(means, matrices)
    parts = mixture.weights.log() + bells.log_prob(x[:, None])
    log_density = mixture.log_density(x, t, schedule)
    assert_close(log_density, parts.logsumexp(1))


@each_tilted
@pytest.mark.parametrize("t", [0, *SOME_T])
def test_the_score_of_tilted_bells_is_the_slope(schedule, mixture, t):
    x = mixture.sample(20).requires_grad_()
    log_density = mixture.log_density(x, t, schedule)
    (slope,) = torch.autograd.grad(log_density.sum(), x)
    assert_close(mixture.score(x, t, schedule), slope)


def test_the_density_of_tilted_bells_integrates_to_1(schedule):
    side = torch.linspace(-7, 7, 561, dtype=torch.float64)
    plane = torch.cartesian_prod(side, side)
    for t in (0, 5, 60):
        total = TILTED.density(plane, t, schedule).sum() * (14 / 560) ** 2
        assert total.item() == pytest.approx(1, abs=1e-6)


@each_tilted
@pytest.mark.parametrize("t", [*SOME_T, torch.tensor(SOME_T * 4)])
def test_the_posterior_of_tilted_bells_is_bayes_rule(schedule, mixture, t):
    x0, xt = mixture.sample(20), mixture.sample(20)
    weights, means, matrices = mixture.posterior(xt, t, schedule)
    bells = MultivariateNormal(means, matrices)
    posterior = (weights.log() + bells.log_prob(x0[:, None])).logsumexp(1)
    joint = mixture.log_density(x0, 0, schedule)
    jumped = Normal(*jump_of(schedule, t, x0)).log_prob(xt).sum(1)
    bayes = joint + jumped - mixture.log_density(xt, t, schedule)
    assert_close(posterior, bayes)
    mean = (weights[..., None] * means).sum(1)
    assert_close(mixture.posterior_mean(xt, t, schedule), mean)


def jump_of(schedule, t, x0):
    """Mean and standard deviation of x_t, from the tables alone."""
    alpha_bar = schedule.alphas_cumprod[t].view(-1, 1)
    return alpha_bar.sqrt() * x0, (1 - alpha_bar).sqrt()


@each_tilted
def test_the_posterior_mean_of_tilted_bells_obeys_tweedie(
    schedule, mixture
):
    for t in SOME_T:
        x, alpha_bar = mixture.sample(20), schedule.alphas_cumprod[t]
        pull = (1 - alpha_bar) * mixture.score(x, t, schedule)
        mean = mixture.posterior_mean(x, t, schedule)
        assert_close(mean, (x + pull) / alpha_bar.sqrt())


@each_tilted
def test_samples_of_tilted_bells_have_their_moments(schedule, mixture):
    """Mean and covariance, within 5 standard errors of 50,000 samples."""
    x, w = mixture.sample(50_000), mixture.weights
    mean = w @ mixture.means
    away = mixture.means - mean
    around = mixture.variances + away[:, :, None] * away[:, None]
    matrix = (w[:, None, None] * around).sum(0)
    error = 5 / 50_000**0.5
    assert (x.mean(0) - mean).abs().max() < error * matrix.max().sqrt()
    products = (x - mean)[:, :, None] * (x - mean)[:, None]
    off = (products.mean(0) - matrix).abs()
    assert (off < error * products.std(0)).all()


@each_tilted
def test_at_t_0_nothing_is_left_to_know_of_tilted_bells(schedule, mixture):
    x = mixture.sample(20)
    _, means, matrices = mixture.posterior(x, 0, schedule)
    assert_close(means, x[:, None].expand_as(means))
    assert (matrices == 0).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs stds or covariances, not both"),
        (
            {"stds": 1.0, "covariances": LONG.expand(2, 2, 2)},
            "needs stds or covariances, not both",
        ),
        (
            {"covariances": LONG},
            r"must have shape \(2, 2, 2\); got \(2, 2\)",
        ),
        (
            {"covariances": torch.tensor([[[1.0, 2], [2, 1]]] * 2)},
            "positive in every direction; got the least variance -1",
        ),
        (
            {"covariances": torch.tensor([[[1.0, 0.5], [0, 1]]] * 2)},
            "must be symmetric",
        ),
        (
            {"covariances": float("nan") * LONG.expand(2, 2, 2)},
            "covariances must be finite",
        ),
    ],
)
def test_broken_matrices_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        GaussianMixture(torch.zeros(2, 2), **options)


def test_a_tilted_mixture_keeps_its_matrices_and_can_be_copied(schedule):
    mine = LONG[None].clone()
    mixture = GaussianMixture([[0.0, 0.0]], covariances=mine)
    other = pickle.loads(pickle.dumps(mixture))
    mine.fill_(7)
    assert torch.equal(mixture.variances, LONG[None])
    x = mixture.sample(3)
    for one, same in zip(
        answers(mixture, x, 9, schedule),
        answers(other, x, 9, schedule),
        strict=True,
    ):
        assert torch.equal(one, same)
    assert mixture.score(x.float(), 9, schedule).dtype == torch.float32
