"""Practice of chapter 12: the guess that needs no network."""

import torch

from ..task import TEN, THOUSAND, Case, Task, at, normal, one

LINE = "12.3 Two guesses without thinking"


def _guess(xt, t, mean, variance, schedule):
    a = at(schedule.alphas_cumprod, t, xt)
    seen = a * variance + 1 - a
    return mean + a.sqrt() * variance / seen * (xt - a.sqrt() * mean)


def _pictures():
    spread = 0.1 + normal(1, 1, 4, 4, seed=2).abs()
    return (
        normal(3, 1, 4, 4),
        torch.tensor([1, 4, 10]),
        normal(1, 1, 4, 4, seed=1),
        spread,
        TEN,
    )


linear_guess = Task(
    "linear_guess",
    chapter=12,
    answer=_guess,
    goal="return the best guess of x_0 that is linear in each pixel",
    tip=(
        "read it as a guess of ε, and lay its loss beside that of a "
        "network of yours, at ten steps t (section 12.4)"
    ),
    cases=[
        Case(
            "x_t = 1, mean = 0, variance = 1, t = 5",
            lambda: (one(), 5, one(0.0), one(), TEN),
        ),
        Case(
            "x_t = 0, mean = 1, variance = 1, t = 5",
            lambda: (one(0.0), 5, one(), one(), TEN),
        ),
        Case(
            "x_t = 1, mean = 0, variance = 4, t = 5",
            lambda: (one(), 5, one(0.0), one(4.0), TEN),
        ),
        Case(
            "x_t = 3, mean = 1, variance = 1, t = T",
            lambda: (one(3.0), 1000, one(), one(), THOUSAND),
        ),
        Case("three pictures, each with a t of its own", _pictures),
    ],
)


@linear_guess.slip(
    "the mean is forgotten: the line goes through 0 and not through the "
    "mean of the pixel",
    LINE,
)
def _(xt, t, mean, variance, schedule):
    return _guess(xt, t, 0 * mean, variance, schedule)


@linear_guess.slip(
    "the mean is taken from x_t as it is, and not times √ᾱ: noising has "
    "made it smaller",
    LINE,
)
def _(xt, t, mean, variance, schedule):
    a = at(schedule.alphas_cumprod, t, xt)
    slope = a.sqrt() * variance / (a * variance + 1 - a)
    return mean + slope * (xt - mean)


@linear_guess.slip("the mean is not added again at the end", LINE)
def _(xt, t, mean, variance, schedule):
    return _guess(xt, t, mean, variance, schedule) - mean


@linear_guess.slip(
    "ᾱ stands above the line of the fraction, and not its root", LINE
)
def _(xt, t, mean, variance, schedule):
    a = at(schedule.alphas_cumprod, t, xt)
    slope = a * variance / (a * variance + 1 - a)
    return mean + slope * (xt - a.sqrt() * mean)


@linear_guess.slip(
    "the standard deviation of the noise, √(1 − ᾱ), stands below the line "
    "of the fraction, and not its variance",
    LINE,
)
def _(xt, t, mean, variance, schedule):
    a = at(schedule.alphas_cumprod, t, xt)
    slope = a.sqrt() * variance / (a * variance + (1 - a).sqrt())
    return mean + slope * (xt - a.sqrt() * mean)


@linear_guess.slip(
    "the noise is left out, and x_t is only divided by √ᾱ: that trusts "
    "every x_t as if it were clean",
    LINE,
)
def _(xt, t, mean, variance, schedule):
    return xt / at(schedule.alphas_cumprod, t, xt).sqrt() + 0 * mean


@linear_guess.slip(
    "the variance of the pixel is taken for 1, whatever it is", LINE
)
def _(xt, t, mean, variance, schedule):
    return _guess(xt, t, mean, torch.ones_like(variance), schedule)


@linear_guess.slip(
    "the standard deviation of the pixel is used where its variance should "
    "be",
    LINE,
)
def _(xt, t, mean, variance, schedule):
    return _guess(xt, t, mean, variance.sqrt(), schedule)


@linear_guess.slip(
    "x_t is not looked at: the answer is the mean for every picture", LINE
)
def _(xt, t, mean, variance, schedule):
    return mean + 0 * xt
