"""The two stupid guesses: no network has to be better at being stupid."""

import pytest
import torch
from torch.testing import assert_close

from diffusion_lessons import load_images, q_sample, target, x0_and_eps
from diffusion_lessons.doctor.guesses import LinearGuess, MeanGuess

X = load_images("digits")[0]


def loss_of(guess, x0, noise, t, schedule, predicts):
    xt = q_sample(x0, t, noise, schedule)
    wanted = target(predicts, x0, noise, t, schedule)
    return (guess(xt, t) - wanted).square().mean().item()


@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
def test_the_mean_guess_is_the_mean_of_the_target(schedule, predicts):
    noise = torch.randn(len(X), 1, 8, 8)
    noise -= noise.mean(0)
    guess = MeanGuess(X, schedule, predicts)
    for t in (1, 10, 30, 50):
        mean = target(predicts, X, noise, t, schedule).mean(0)
        got = guess(torch.randn(2, 1, 8, 8), t)
        assert_close(got, mean.expand(2, 1, 8, 8), rtol=0, atol=1e-5)


@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
def test_no_linear_guess_of_a_pixel_is_better(schedule, predicts):
    x0 = X.double()
    noise = torch.randn_like(x0)
    guess = LinearGuess(x0, schedule, predicts)
    for t in (1, 10, 30, 50):
        xt = q_sample(x0, t, noise, schedule).flatten(1)
        wanted = target(predicts, x0, noise, t, schedule).flatten(1)
        xt, wanted = xt - xt.mean(0), wanted - wanted.mean(0)
        slope = (xt * wanted).sum(0) / xt.square().sum(0)
        fitted = (wanted - slope * xt).square().mean().item()
        got = loss_of(guess, x0, noise, t, schedule, predicts)
        assert fitted <= got <= 1.02 * fitted


@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
def test_a_guess_is_the_same_guess_in_every_target(schedule, predicts):
    xt, t = torch.randn(3, 1, 8, 8), torch.tensor([1, 20, 50])
    own = LinearGuess(X, schedule, "x0")(xt, t)
    got = LinearGuess(X, schedule, predicts)(xt, t)
    x0_hat, _ = x0_and_eps(got, xt, t, schedule, predicts)
    assert_close(x0_hat, own, rtol=1e-4, atol=1e-4)
