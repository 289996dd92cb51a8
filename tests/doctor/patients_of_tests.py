"""Models and cases that several tests of the doctor examine."""

import torch
from torch import nn

from diffusion_lessons import (
    NoiseSchedule,
    as_flow,
    interpreted,
    load_images,
)
from diffusion_lessons.doctor.case import Case
from diffusion_lessons.doctor.exact import Exact

SCHEDULE = NoiseSchedule.linear(40)
DIGITS = load_images("digits")[0]
X = DIGITS[:64]
CENTRES = DIGITS[:50]
PICTURES = CENTRES.repeat(4, 1, 1, 1) + 0.1 * torch.randn(
    200, 1, 8, 8, generator=torch.Generator().manual_seed(0)
)


def case(model=lambda x, t: x * t.view(-1, 1, 1, 1), images=X, **more):
    """Any model, with a short schedule."""
    given = {"labels": None, "predicts": "eps", **more}
    return Case(model, SCHEDULE, images, **given)


def case_of(model, schedule, predicts="eps", images=PICTURES):
    """A model with its own schedule, and pictures around the centres."""
    return Case(model, schedule, images, None, predicts)


def perfect(schedule, predicts, images=CENTRES, std=0.1):
    """The network of the digits that guesses as well as can be."""
    return Exact(images, std, None, schedule, predicts)


class Flat(nn.Module):
    """(x, t) -> one layer of x, times t."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x, t):
        return self.layers(x) * t.view(-1, 1, 1, 1) / 40


# Networks of other languages

COSINE = NoiseSchedule.cosine(1000)


def velocity(x, t):
    """The flow of the digits, perfect; it cuts what is no time of it."""
    network = as_flow(perfect(COSINE, "v"), COSINE, "v")
    return network(x, torch.as_tensor(t).clamp(0.001, 0.999))


def denoiser(x, sigma):
    """D(x; σ) of the same digits."""
    how = {"predicts": "v", "answers": "x0"}
    ask = interpreted(perfect(COSINE, "v"), "ddpm", "sigma", COSINE, **how)
    return ask(x, torch.as_tensor(sigma).double().clamp(0.01, 1000))


THEIRS = {
    "a flow": velocity,
    "a flow told 1000 t": lambda x, t: velocity(x, t / 1000),
    "a flow with the picture at t = 1": lambda x, t: -velocity(x, 1 - t),
    "a flow with the picture at t = 1000": lambda x, t: (
        -velocity(x, 1 - t / 1000)
    ),
    "a denoiser told σ": denoiser,
}
