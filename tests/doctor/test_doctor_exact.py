"""Perfect networks, and the samples that any sampler makes of them."""

from functools import partial

import pytest
import torch

from diffusion_lessons import (
    NoiseSchedule,
    clean_guess,
    ddim_sample,
    load_images,
    target,
)
from diffusion_lessons.doctor.exact import Constant, Exact, drawn

X, _ = load_images("digits")
FEW = NoiseSchedule.linear(40)


def test_what_it_returns_may_be_samples_or_snapshots():
    def samples(model, x_T, schedule):
        *_, last = ddim_sample(model, x_T, schedule, 20)
        return last.x

    def tensors(model, x_T, schedule):
        for shot in ddim_sample(model, x_T, schedule, 20):
            yield shot.x

    x_T = torch.randn(3, 1, 8, 8)
    model = Exact(X[:3], 0.1, None, FEW, "eps")
    got = [
        drawn(sampler, model, x_T, FEW, "eps")
        for sampler in (
            samples,
            tensors,
            partial(ddim_sample, num_steps=20),
        )
    ]
    assert torch.equal(got[0], got[1])
    assert torch.equal(got[0], got[2])


def test_a_sampler_is_told_what_is_predicted_if_it_takes_that():
    seen = []

    def told(model, x_T, schedule, predicts):
        seen.append(predicts)
        return x_T

    drawn(told, None, X[:2], FEW, "v")
    drawn(lambda model, x_T, schedule: x_T, None, X[:2], FEW, "v")
    drawn(lambda *a, **k: seen.append(k) or a[1], None, X[:2], FEW, "v")
    assert seen == ["v", {}]


@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
def test_a_perfect_network_of_one_picture_knows_the_noise(predicts):
    x0, noise = X[:4], torch.randn(4, 1, 8, 8)
    t = torch.tensor([1, 10, 20, 40])
    signal, sigma = FEW.signal_and_sigma(t, x0)
    wanted = target(predicts, x0, noise, t, FEW)
    for i in range(4):
        model = Exact(x0[i : i + 1], 1e-4, None, FEW, predicts)
        xt = (signal * x0 + sigma * noise)[i : i + 1]
        got = model(xt, t[i : i + 1])
        assert torch.allclose(got, wanted[i : i + 1], atol=1e-3)


def test_a_network_of_one_number_guesses_it_everywhere():
    model = Constant(3.0, FEW, "v")
    x0, _ = clean_guess(
        model, torch.randn(2, 1, 8, 8), 7, FEW, predicts="v", clip=None
    )
    assert torch.allclose(x0, torch.full_like(x0, 3.0), atol=1e-5)
