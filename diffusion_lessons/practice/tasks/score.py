"""Practice of chapter 15: the score, two walks, two steps, one grid."""

from functools import partial
from math import sqrt

import torch

from ...score import langevin_step as right_langevin_step
from ...sigmas import karras_sigmas as right_karras_sigmas
from ...solvers import euler_step as right_euler_step
from ...solvers import heun_step as right_heun_step
from ..task import TEN, Case, Task, at, normal, one, three

ARROWS = "15.1 A field of arrows"
UPHILL = "15.3 Walking uphill, shaken"
RULER = "15.6 Another ruler"
BETTER = "15.7 Better than straight on"
WRONG = "15.10 What people get wrong here"


# The score


def right_score(eps_hat, t, schedule):
    """-eps_hat / sqrt(1 - ᾱ_t)."""
    return -eps_hat / at(schedule.sqrt_one_minus_alphas_cumprod, t, eps_hat)


def _hat_and_t(schedule=TEN):
    """Three guesses of the noise, and a t for each."""
    _, eps_hat, t, _ = three(schedule)
    return eps_hat, t, schedule


score_from_eps = Task(
    "score_from_eps",
    chapter=15,
    answer=right_score,
    goal="return the score, the gradient of log q(x_t)",
    tip=(
        "lay it beside the arrows of a mixture, with eps_hat from its "
        "posterior_mean: the same numbers (section 15.1)"
    ),
    cases=[
        Case("ε̂ = 1, t = 1", lambda: (one(), torch.tensor([1]), TEN)),
        Case("ε̂ = 1, t = 6", lambda: (one(), torch.tensor([6]), TEN)),
        Case("three pictures, a t for each", _hat_and_t),
    ],
)

for words, section, factor in (
    (
        "the minus is missing: the noise points away from the picture, the "
        "score back to it",
        ARROWS,
        lambda alpha_bar, beta: (1 - alpha_bar) ** -0.5,
    ),
    (
        "the root is missing: 1 − ᾱ_t is a variance, and the noise is "
        "divided by its size",
        ARROWS,
        lambda alpha_bar, beta: -1 / (1 - alpha_bar),
    ),
    (
        "it is multiplied by √(1 − ᾱ_t), where it should be divided: with "
        "little noise the arrows are long",
        ARROWS,
        lambda alpha_bar, beta: -((1 - alpha_bar) ** 0.5),
    ),
    (
        "it is −ε̂ itself, not over √(1 − ᾱ_t)",
        WRONG,
        lambda alpha_bar, beta: -torch.ones_like(alpha_bar),
    ),
    (
        "√ᾱ_t, the factor on the picture, stands where √(1 − ᾱ_t) should",
        ARROWS,
        lambda alpha_bar, beta: -(alpha_bar**-0.5),
    ),
    (
        "√β_t, the noise of one step, stands where √(1 − ᾱ_t) should, the "
        "noise of all steps so far",
        WRONG,
        lambda alpha_bar, beta: -(beta**-0.5),
    ),
):

    @score_from_eps.slip(words, section)
    def _(eps_hat, t, schedule, factor=factor):
        alpha_bar, beta = schedule.alphas_cumprod, schedule.betas
        return at(factor(alpha_bar, beta), t, eps_hat) * eps_hat


# Langevin's step

langevin_step = Task(
    "langevin_step",
    chapter=15,
    answer=right_langevin_step,
    goal="return x after one step up the score, and shaken",
    tip=(
        "let a thousand walkers take 400 such steps on a single bell of "
        "variance 1: their variance is near 1 (section 15.3)"
    ),
    cases=[
        Case(
            "x = 0, score = 1, step = 0.5, noise = 0",
            lambda: (one(0.0), one(), 0.5, one(0.0)),
        ),
        Case(
            "x = 0, score = 0, step = 0.1, noise = 1",
            lambda: (one(0.0), one(0.0), 0.1, one()),
        ),
        Case(
            "x = 1, score = 0, step = 0.1, noise = 0",
            lambda: (one(), one(0.0), 0.1, one(0.0)),
        ),
        Case(
            "three pictures, step = 0.3",
            lambda: (
                normal(3, 1, 4, 4),
                normal(3, 1, 4, 4, seed=1),
                0.3,
                normal(3, 1, 4, 4, seed=2),
            ),
        ),
    ],
)


def _walked(x, score, step, noise, factors):
    """x plus the two, each times its factor."""
    on_score, on_noise = factors(step)
    return x + on_score * score + on_noise * noise


for words, factors in (
    (
        "the walk goes down the score, away from the data",
        lambda h: (-h, sqrt(2 * h)),
    ),
    (
        "the 2 under the root is missing: the walkers end too close "
        "together",
        lambda h: (h, sqrt(h)),
    ),
    (
        "the root is missing: the noise has the variance 2h, not the size",
        lambda h: (h, 2 * h),
    ),
    (
        "the 2 stands before the root and not under it",
        lambda h: (h, 2 * sqrt(h)),
    ),
    (
        "the walker is not shaken: all end on a peak",
        lambda h: (h, 0.0),
    ),
    (
        "the step up has the size √(2h), which belongs to the noise",
        lambda h: (sqrt(2 * h), sqrt(2 * h)),
    ),
    (
        "the step is halved: that is the step of the paper, which is twice "
        "as large as this one, beside the noise of this one",
        lambda h: (h / 2, sqrt(2 * h)),
    ),
):
    langevin_step.slip(words, UPHILL)(partial(_walked, factors=factors))


@langevin_step.slip(
    "the old place is forgotten: x itself is missing", UPHILL
)
def _(x, score, step, noise):
    return step * score + sqrt(2 * step) * noise


# Euler's step

HALF = (2.0, 0.5)  # sigma and to

euler_step = Task(
    "euler_step",
    chapter=15,
    answer=right_euler_step,
    goal="return the place at sigma = to, along eps_hat",
    tip=(
        "divide the result of ddim_step by √ᾱ_s: with x_t / √ᾱ_t as x it "
        "is the same number (section 15.6)"
    ),
    cases=[
        Case(
            "x = 0, ε̂ = 1, from 2 to 0.5", lambda: (one(0.0), one(), *HALF)
        ),
        Case(
            "x = 1, ε̂ = 0, from 2 to 0.5", lambda: (one(), one(0.0), *HALF)
        ),
        Case(
            "x = 1, ε̂ = 1, from 0.1 to 0", lambda: (one(), one(), 0.1, 0.0)
        ),
        Case(
            "three pictures, from 80 to 31",
            lambda: (
                normal(3, 1, 4, 4),
                normal(3, 1, 4, 4, seed=1),
                80.0,
                31.0,
            ),
        ),
    ],
)

for words, section, way in (
    (
        "the step has the wrong sign: sigma falls, so to − sigma is below "
        "0",
        WRONG,
        lambda x, e, sigma, to: x + (sigma - to) * e,
    ),
    (
        "all the noise is taken away, as if the step led to sigma = 0",
        RULER,
        lambda x, e, sigma, to: x - sigma * e,
    ),
    (
        "noise of the size to is added, and that of the size sigma stays",
        RULER,
        lambda x, e, sigma, to: x + to * e,
    ),
    (
        "the step is taken in σ², but the equation has dσ",
        RULER,
        lambda x, e, sigma, to: x + (to**2 - sigma**2) * e,
    ),
    (
        "ε̂ is divided by sigma as if it were the distance to x̂_0",
        RULER,
        lambda x, e, sigma, to: x + (to - sigma) * e / sigma,
    ),
    (
        "ε̂ is multiplied by sigma: σ ε̂ is x̃ − x̂_0, and the direction is ε̂",
        RULER,
        lambda x, e, sigma, to: x + (to - sigma) * sigma * e,
    ),
    (
        "the picture is scaled by to / sigma, as the noise would be",
        RULER,
        lambda x, e, sigma, to: to / sigma * x + (to - sigma) * e,
    ),
):
    euler_step.slip(words, section)(
        lambda x, eps_hat, sigma, to, way=way: way(x, eps_hat, sigma, to)
    )


# Heun's step

heun_step = Task(
    "heun_step",
    chapter=15,
    answer=right_heun_step,
    goal="return the place at sigma = to, along the mean of two directions",
    tip=(
        "halve the steps on a mixture: the error falls to a quarter, not "
        "to a half (section 15.7)"
    ),
    cases=[
        Case(
            "x = 0, ε̂_t = 1, ε̂_s = 0, from 2 to 0.5",
            lambda: (one(0.0), one(), one(0.0), *HALF),
        ),
        Case(
            "x = 0, ε̂_t = 0, ε̂_s = 1, from 2 to 0.5",
            lambda: (one(0.0), one(0.0), one(), *HALF),
        ),
        Case(
            "x = 1, ε̂_t = 0, ε̂_s = 0, from 2 to 0.5",
            lambda: (one(), one(0.0), one(0.0), *HALF),
        ),
        Case(
            "three pictures, from 80 to 31",
            lambda: (
                normal(3, 1, 4, 4),
                normal(3, 1, 4, 4, seed=1),
                normal(3, 1, 4, 4, seed=2),
                80.0,
                31.0,
            ),
        ),
    ],
)

for words, section, way in (
    (
        "the half is missing: the two directions are added, and the step "
        "is twice too long",
        BETTER,
        lambda x, a, b, h: x + h * (a + b),
    ),
    (
        "only the first direction counts: that is Euler's step",
        BETTER,
        lambda x, a, b, h: x + h * a,
    ),
    (
        "only the second direction counts, where the mean of both should",
        BETTER,
        lambda x, a, b, h: x + h * b,
    ),
    (
        "the second half starts where the first look ended: it is taken "
        "from the place ahead, not from the old place",
        BETTER,
        lambda x, a, b, h: x + h * a + h * (a + b) / 2,
    ),
    (
        "the step has the wrong sign: sigma falls, so to − sigma is below "
        "0",
        WRONG,
        lambda x, a, b, h: x - h * (a + b) / 2,
    ),
    (
        "the second direction is taken away and not added",
        BETTER,
        lambda x, a, b, h: x + h * (a - b) / 2,
    ),
):
    heun_step.slip(words, section)(
        lambda x, eps_hat, eps_ahead, sigma, to, way=way: way(
            x, eps_hat, eps_ahead, to - sigma
        )
    )


# The grid

karras_sigmas = Task(
    "karras_sigmas",
    chapter=15,
    answer=right_karras_sigmas,
    goal="return num_steps + 1 numbers that fall from sigma_max to 0",
    tip=(
        "print 18 of them with the numbers of the paper, 0.002, 80 and 7: "
        "half lie below 2.6 (section 15.6)"
    ),
    cases=[
        Case("2 steps, from 8 to 1, rho = 3", lambda: (2, 1.0, 8.0, 3.0)),
        Case("3 steps, from 8 to 1, rho = 3", lambda: (3, 1.0, 8.0, 3.0)),
        Case("5 steps, from 80 to 0.002", lambda: (5, 0.002, 80.0, 7.0)),
        Case("4 steps, from 9 to 1, rho = 1", lambda: (4, 1.0, 9.0, 1.0)),
    ],
)


def _rooted(n, first, last, rho):
    """n numbers whose rho-th roots are evenly spaced."""
    share = torch.linspace(0, 1, n, dtype=torch.float64)
    a, b = first ** (1 / rho), last ** (1 / rho)
    return (a + share * (b - a)) ** rho


def _and_zero(sigmas):
    return torch.cat([sigmas, sigmas.new_zeros(1)])


for words, way in (
    (
        "the last 0 is missing, so that the walk stops before the picture",
        lambda n, low, high, rho: _rooted(n, high, low, rho),
    ),
    (
        "the numbers rise from sigma_min, and a sampler walks down",
        lambda n, low, high, rho: _and_zero(_rooted(n, low, high, rho)),
    ),
    (
        "the root is missing: sigma itself is evenly spaced, and the small "
        "ones are skipped",
        lambda n, low, high, rho: _and_zero(_rooted(n, high, low, 1.0)),
    ),
    (
        "the last power is missing: these are the roots of the sigmas",
        lambda n, low, high, rho: _and_zero(
            _rooted(n, high, low, rho) ** (1 / rho)
        ),
    ),
    (
        "the rho-th power stands where the root should, and the root where "
        "the power should",
        lambda n, low, high, rho: _and_zero(_rooted(n, high, low, 1 / rho)),
    ),
    (
        "the numbers run to 0 in even steps of the root, and never visit "
        "sigma_min",
        lambda n, low, high, rho: _rooted(n + 1, high, 0.0, rho),
    ),
    (
        "there is one number too many before the 0: num_steps steps start "
        "at num_steps numbers",
        lambda n, low, high, rho: _and_zero(_rooted(n + 1, high, low, rho)),
    ),
    (
        "rho is ignored, as if it were always 7",
        lambda n, low, high, rho: _and_zero(_rooted(n, high, low, 7.0)),
    ),
):
    karras_sigmas.slip(words, RULER)(
        lambda num_steps, sigma_min, sigma_max, rho, way=way: way(
            num_steps, sigma_min, sigma_max, rho
        )
    )
