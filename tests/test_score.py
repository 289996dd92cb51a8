"""The score and Langevin's walk, held to answers that are known."""

import pytest
import torch
from torch.distributions import Normal
from torch.testing import assert_close

from diffusion_lessons import (
    ExactModel,
    GaussianMixture,
    NoiseSchedule,
    annealed_langevin,
    langevin,
    langevin_step,
    q_sample,
    score_from,
    target,
    x0_and_eps,
)

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
FAR = GaussianMixture([[-4.0], [4.0]], 0.5, [0.2, 0.8])


def seeded(seed=9):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=9):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def share_above_zero(x):
    return (x > 0).double().mean().item()


# The score


@pytest.mark.parametrize("t", [1, 20, 60, torch.arange(1, 61, 3)])
def test_the_score_is_the_gradient_of_the_log_density(t, schedule):
    x = (2 * randn(20, 2)).requires_grad_()
    log_density = PLANE.log_density(x, t, schedule).sum()
    (expected,) = torch.autograd.grad(log_density, x)
    x = x.detach()
    eps = x0_and_eps(
        PLANE.posterior_mean(x, t, schedule), x, t, schedule, "x0"
    )
    for predicts in ("eps", "x0", "v"):
        output = target(predicts, *eps, t, schedule)
        score = score_from(output, x, t, schedule, predicts)
        assert_close(score, expected, rtol=1e-9, atol=1e-9)
    assert_close(PLANE.score(x, t, schedule), expected)


def test_the_score_of_one_bell_is_a_spring(schedule):
    """Of one picture, q(x_t | x_0): -(x_t - signal x_0) / sigma²."""
    x0, noise = randn(5, 3), randn(5, 3, seed=2)
    xt = q_sample(x0, 17, noise, schedule)
    signal, sigma = schedule.signal_and_sigma(17, x0)
    score = score_from(noise, xt, 17, schedule, "eps")
    assert_close(score, -(xt - signal * x0) / sigma**2)


def test_the_mean_of_the_arrows_to_the_pictures_is_the_score():
    """Denoising score matching: E[-noise / sigma | x_t] is the score."""
    schedule, n = NoiseSchedule.linear(60), 400_000
    x0, noise = LINE.sample(n, seeded()), randn(n, 1, seed=2)
    xt = q_sample(x0, 20, noise, schedule)
    arrows = score_from(noise, xt, 20, schedule, "eps")
    for low in (-1.5, -0.5, 0.5):
        here = (xt > low) & (xt < low + 0.1)
        expected = LINE.score(xt[here][:, None], 20, schedule).mean()
        spread = arrows[here].std() / here.sum().sqrt()
        assert (arrows[here].mean() - expected).abs() < 4 * spread


# Langevin's walk


def test_a_step_of_langevin_goes_up_the_arrow_and_is_shaken():
    x, score, noise = randn(3, 4, 2)
    step = langevin_step(x, score, 0.02, noise)
    assert_close(step, x + 0.02 * score + 0.2 * noise)


@pytest.mark.parametrize("step", [0.05, 0.5])
def test_langevin_ends_in_the_variance_that_its_step_allows(step):
    """On N(0, 1) with a step h: variance 1 / (1 - h / 2), near 1."""
    schedule = NoiseSchedule.linear(100)
    normal = GaussianMixture([[0.0]], 1.0)
    model, x = ExactModel(normal, schedule), torch.zeros(4000, 1).double()
    h = step * (1 - schedule.alpha_bar(50))
    *_, last = langevin(
        model,
        x,
        50,
        schedule,
        200,
        step=step,
        predicts="x0",
        clip=None,
        generator=seeded(2),
    )
    expected = 1 / (1 - h / 2)
    assert last.t == 50
    assert abs(last.x.var().item() / expected - 1) < 4 * (2 / 4000) ** 0.5


def test_langevin_does_not_find_the_weights_of_two_far_bells():
    """Started in the middle, half goes to each; annealing has 0.8."""
    schedule, n = NoiseSchedule.linear(1000), 2000
    model = ExactModel(FAR, schedule)
    how = {"predicts": "x0", "clip": None}
    x = 2 * randn(n, 1)
    *_, cold = langevin(
        model, x, 100, schedule, 300, generator=seeded(2), **how
    )
    levels = list(range(1000, 99, -50))
    *_, annealed = annealed_langevin(
        model, randn(n, 1), schedule, levels, 20, generator=seeded(2), **how
    )
    start = share_above_zero(x)
    assert abs(share_above_zero(cold.x) - start) < 0.02
    assert abs(share_above_zero(annealed.x) - 0.8) < 4 * (0.16 / n) ** 0.5


def distance_to_the_line(x, t, schedule):
    """Kolmogorov's, between draws and the exact distribution of x_t."""
    m, var = LINE.noisy_bells(x, t, schedule)
    parts = Normal(m[..., 0], var.sqrt())
    below = (LINE.weights * parts.cdf(x)).sum(1).sort().values
    even = (torch.arange(len(x)) + 0.5) / len(x)
    return (below - even).abs().max().item()


def test_annealing_comes_near_the_data_and_nearer_when_slow():
    """2000 draws of the truth come within 0.035, by chance, at p = 0.01."""
    schedule, x_T = NoiseSchedule.linear(1000), randn(2000, 1)
    model, how = (
        ExactModel(LINE, schedule),
        {"predicts": "x0", "clip": None},
    )
    levels = list(range(1000, 20, -40))
    distances = []
    for num_steps in (2, 60):
        *_, last = annealed_langevin(
            model,
            x_T,
            schedule,
            levels,
            num_steps,
            generator=seeded(2),
            **how,
        )
        assert last.t == 40
        distances.append(distance_to_the_line(last.x, 40, schedule))
    assert distances[1] < 0.06
    assert distances[0] > 2 * distances[1]


def test_every_step_of_every_level_is_shown():
    schedule = NoiseSchedule.linear(60)
    model = ExactModel(LINE, schedule)
    walk = annealed_langevin(
        model, randn(3, 1), schedule, [60, 30, 5], 2, predicts="x0"
    )
    assert [s.t for s in walk] == [60, 60, 30, 30, 5, 5]


def test_the_walk_repeats_with_its_generator_and_keeps_no_gradient():
    schedule = NoiseSchedule.linear(60)
    net = torch.nn.Linear(1, 1).double()

    def walk():
        args = (lambda x, t: net(x), randn(3, 1), 20, schedule, 3)
        return [s.x for s in langevin(*args, generator=seeded(4))]

    first, again = walk(), walk()
    assert torch.equal(torch.stack(first), torch.stack(again))
    assert not first[-1].requires_grad
    assert not torch.equal(first[0], first[1])


def test_langevin_says_what_it_does_not_take():
    schedule = NoiseSchedule.linear(60)
    model, x = ExactModel(LINE, schedule), randn(3, 1)
    with pytest.raises(ValueError, match="a step from 1 on"):
        langevin(model, x, 0, schedule, 3)
    with pytest.raises(ValueError, match=r"step must be in|step must be a"):
        langevin(model, x, 5, schedule, 3, step=0.0)
    with pytest.raises(ValueError, match="must fall from T to 0"):
        annealed_langevin(model, x, schedule, [60, 60], 3)
    with pytest.raises(ValueError, match="pure noise"):
        annealed_langevin(model, x, schedule, [9, 3], 3)
