"""The mixture as a network that makes no mistake."""

import pytest
import torch
from torch.testing import assert_close

from diffusion_lessons import ExactModel, GaussianMixture

PLANE = GaussianMixture(
    torch.tensor([[-1.5, 0.0], [1.0, 1.0], [0.5, -2.0]]),
    stds=torch.tensor([0.2, 0.5, 0.3]),
    weights=torch.tensor([1.0, 2.0, 5.0]),
)
SOME_T = [1, 5, 20, 45, 60]


def test_an_exact_model_of_a_class_knows_that_component_alone(schedule):
    """Components of unequal width and weight: each is its own mixture."""
    x, exact = 2 * torch.randn(20, 2).double(), ExactModel(PLANE, schedule)
    for k in range(3):
        std = PLANE.variances[k].sqrt()
        alone = GaussianMixture(PLANE.means[k : k + 1], std)
        for t in SOME_T:
            expected = alone.posterior_mean(x, t, schedule)
            assert_close(exact(x, t, k), expected)


def test_an_exact_model_without_a_class_knows_the_mixture(schedule):
    x, exact = 2 * torch.randn(20, 2).double(), ExactModel(PLANE, schedule)
    expected = PLANE.posterior_mean(x, 20, schedule)
    assert exact.null_label == 3
    for label in [(), (None,), (3,), (torch.full((20,), 3),)]:
        assert_close(exact(x, 20, *label), expected)


def test_an_exact_model_takes_a_class_and_a_t_for_each_point(schedule):
    x, exact = torch.randn(4, 2), ExactModel(PLANE, schedule)
    t, label = torch.tensor([1, 9, 30, 60]), torch.tensor([0, 3, 2, 1])
    together = exact(x, t, label)
    assert together.dtype == torch.float32
    for i in range(4):
        alone = exact(x[i : i + 1], int(t[i]), int(label[i]))
        assert_close(alone[0], together[i])


@pytest.mark.parametrize("label", [-1, 4, torch.tensor([0, 4])])
def test_a_label_that_is_no_component_is_refused(label, schedule):
    words = r"label must be in 0\.\.3, where 3 means no class; got"
    with pytest.raises(ValueError, match=words):
        ExactModel(PLANE, schedule)(torch.zeros(2, 2), 5, label)


def test_an_exact_model_of_tilted_bells_answers_their_mean(schedule):
    tilted = torch.tensor([[1.0, 0.9], [0.9, 1.0]]).expand(3, 2, 2)
    mixture = GaussianMixture(PLANE.means, covariances=tilted)
    x, exact = torch.randn(20, 2).double(), ExactModel(mixture, schedule)
    for t in SOME_T:
        mean = mixture.posterior_mean(x, t, schedule)
        assert_close(exact(x, t), mean)
        parts = mixture.posterior(x, t, schedule)
        assert_close(exact(x, t, 1), parts.means[:, 1])


def test_an_exact_model_is_asked_between_two_steps(schedule):
    x, exact = torch.randn(4, 2).double(), ExactModel(PLANE, schedule)
    moments = torch.tensor([2.5, 1, 30, 59.75], dtype=torch.float64)
    guesses = exact(x, moments)
    for i, t in enumerate(moments.tolist()):
        there = schedule.through([t])
        expected = PLANE.posterior_mean(x[i : i + 1], 1, there)
        assert_close(guesses[i : i + 1], expected)
    assert_close(exact(x, torch.full((4,), 30.0)), exact(x, 30))
