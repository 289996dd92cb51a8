"""Practice of chapter 2: the jump, a schedule, and the step back."""

from math import cos, pi

import torch

from ...forward import q_posterior as right_q_posterior
from ...forward import q_sample as right_q_sample
from ...schedule import cosine_betas
from ..task import (
    TEN,
    THOUSAND,
    Case,
    Task,
    at,
    one,
    three,
    three_noised,
)

JUMP = "2.2 The closed form: two steps, then all of them"

q_sample = Task(
    "q_sample",
    chapter=2,
    answer=right_q_sample,
    goal="return x_t, drawn from x_0 in one jump",
    tip=(
        "keep x_0 and the noise, and call it for t = 0, 100, …, 1000: one "
        "picture on its way (section 2.5)"
    ),
    cases=[
        Case(
            "x_0 = 1, noise = 0, t = T",
            lambda: (one(), 1000, one(0.0), THOUSAND),
        ),
        Case(
            "x_0 = 0, noise = 1, t = 1",
            lambda: (one(0.0), 1, one(), THOUSAND),
        ),
        Case(
            "x_0 = 1, noise = 1, t = 0", lambda: (one(), 0, one(), THOUSAND)
        ),
        Case("three pictures, each with a t of its own", three_noised),
    ],
)


@q_sample.slip(
    "the noise is scaled by 1 − ᾱ rather than by its root: a variance "
    "taken for a standard deviation",
    "2.9 Two slips, two numbers",
)
def _(x0, t, noise, schedule):
    a = at(schedule.alphas_cumprod, t, x0)
    return a.sqrt() * x0 + (1 - a) * noise


@q_sample.slip("x_0 is scaled by ᾱ rather than by its root", JUMP)
def _(x0, t, noise, schedule):
    a = at(schedule.alphas_cumprod, t, x0)
    return a * x0 + (1 - a).sqrt() * noise


@q_sample.slip("both square roots are missing", JUMP)
def _(x0, t, noise, schedule):
    a = at(schedule.alphas_cumprod, t, x0)
    return a * x0 + (1 - a) * noise


@q_sample.slip("the factor of the noise is 1 − √ᾱ and not √(1 − ᾱ)", JUMP)
def _(x0, t, noise, schedule):
    a = at(schedule.alphas_cumprod, t, x0)
    return a.sqrt() * x0 + (1 - a.sqrt()) * noise


@q_sample.slip(
    "the product runs to T for every t, and not to t",
    "2.9 Two slips, two numbers",
)
def _(x0, t, noise, schedule):
    return right_q_sample(x0, schedule.num_steps, noise, schedule)


@q_sample.slip(
    "the α of the one step stands where ᾱ, the product of all steps up to "
    "t, should: that is the step, not the jump",
    JUMP,
)
def _(x0, t, noise, schedule):
    a = at(schedule.alphas, t, x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


@q_sample.slip(
    "ᾱ is read one step too early, at t − 1",
    "2.6 Reading a schedule",
)
def _(x0, t, noise, schedule):
    a = at(schedule.alphas_cumprod, t - 1, x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


@q_sample.slip("picture and noise are exchanged", JUMP)
def _(x0, t, noise, schedule):
    return right_q_sample(noise, t, x0, schedule)


@q_sample.slip("the noise is left out", JUMP)
def _(x0, t, noise, schedule):
    return right_q_sample(x0, t, 0 * noise, schedule)


# The cosine schedule


def _cosine(num_steps, s):
    u = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
    f = torch.cos((u + s) / (1 + s) * pi / 2) ** 2
    return f / f[0]


cosine_alphas_cumprod = Task(
    "cosine_alphas_cumprod",
    chapter=2,
    answer=_cosine,
    goal="return ᾱ_0 … ᾱ_T of the cosine schedule, (T + 1,)",
    tip=(
        "turn it into betas, 1 − ᾱ_t / ᾱ_{t-1}: which of them has to be "
        "cut at 0.999, and why (section 2.6)"
    ),
    tolerance=1e-6,
    cases=[
        Case("T = 2, s = 0", lambda: (2, 0.0)),
        Case("T = 4, s = 0.008", lambda: (4, 0.008)),
        Case("T = 1000, s = 0.008", lambda: (1000, 0.008)),
    ],
)


@cosine_alphas_cumprod.slip(
    "the offset s is left out", "2.6 Reading a schedule"
)
def _(num_steps, s):
    return _cosine(num_steps, 0.0)


@cosine_alphas_cumprod.slip(
    "the cosine is not squared", "2.6 Reading a schedule"
)
def _(num_steps, s):
    return _cosine(num_steps, s).abs().sqrt()


@cosine_alphas_cumprod.slip(
    "f is not divided by f(0), so that ᾱ_0 is not 1",
    "2.6 Reading a schedule",
)
def _(num_steps, s):
    return _cosine(num_steps, s) * cos(s / (1 + s) * pi / 2) ** 2


@cosine_alphas_cumprod.slip(
    "the angle goes to π instead of π/2", "2.6 Reading a schedule"
)
def _(num_steps, s):
    u = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
    f = torch.cos((u + s) / (1 + s) * pi) ** 2
    return f / f[0]


@cosine_alphas_cumprod.slip(
    "there are T values and not T + 1: the clean picture, t = 0, has a "
    "place as well",
    "2.6 Reading a schedule",
)
def _(num_steps, s):
    return _cosine(num_steps, s)[:-1]


@cosine_alphas_cumprod.slip(
    "the first of the T + 1 values, ᾱ_0 = 1, is left out",
    "2.6 Reading a schedule",
)
def _(num_steps, s):
    return _cosine(num_steps, s)[1:]


@cosine_alphas_cumprod.slip(
    "the betas are returned, and not their ᾱ", "2.6 Reading a schedule"
)
def _(num_steps, s):
    return cosine_betas(num_steps, s=s)


# The step back, if x_0 is known

BACK = "2.8 The way back, if you know the start"


def _parts(x0, xt, t, schedule):
    """ᾱ_t, ᾱ_{t-1} and β_t."""
    bars = schedule.alphas_cumprod
    beta = at(schedule.betas, t, xt)
    return at(bars, t, xt), at(bars, t - 1, xt), beta


q_posterior = Task(
    "q_posterior",
    chapter=2,
    answer=right_q_posterior,
    goal=(
        "return the pair (mean, variance) of q(x_{t-1} | x_t, x_0), for t "
        "from 1 on"
    ),
    tip=(
        "put x_t = √ᾱ_t x_0 into the mean: what comes out, and why "
        "(section 2.8)"
    ),
    loose=True,
    seen=("the mean", "the variance"),
    cases=[
        Case("x_0 = 1, x_t = 0, t = 5", lambda: (one(), one(0.0), 5, TEN)),
        Case("x_0 = 0, x_t = 1, t = 5", lambda: (one(0.0), one(), 5, TEN)),
        Case("x_0 = 1, x_t = 1, t = 1", lambda: (one(), one(), 1, TEN)),
        Case("three pictures, each with a t of its own", three),
    ],
)


@q_posterior.slip("the factors of x_0 and x_t are exchanged", BACK)
def _(x0, xt, t, schedule):
    mean, variance = right_q_posterior(xt, x0, t, schedule)
    return mean, variance


@q_posterior.slip(
    "the variance is β_t, and not β_t (1 − ᾱ_{t-1})/(1 − ᾱ_t)", BACK
)
def _(x0, xt, t, schedule):
    mean, _ = right_q_posterior(x0, xt, t, schedule)
    return mean, at(schedule.betas, t, xt)


@q_posterior.slip(
    "the standard deviation is returned, and not the variance", BACK
)
def _(x0, xt, t, schedule):
    mean, variance = right_q_posterior(x0, xt, t, schedule)
    return mean, variance.sqrt()


@q_posterior.slip(
    "1 − ᾱ_t and 1 − ᾱ_{t-1} are exchanged in the variance", BACK
)
def _(x0, xt, t, schedule):
    mean, _ = right_q_posterior(x0, xt, t, schedule)
    a, before, beta = _parts(x0, xt, t, schedule)
    return mean, beta * (1 - a) / (1 - before)


@q_posterior.slip("x_0 gets √ᾱ_t and not √ᾱ_{t-1}", BACK)
def _(x0, xt, t, schedule):
    a, before, beta = _parts(x0, xt, t, schedule)
    _, variance = right_q_posterior(x0, xt, t, schedule)
    mean = a.sqrt() * beta * x0 + (1 - beta).sqrt() * (1 - before) * xt
    return mean / (1 - a), variance


@q_posterior.slip(
    "x_t gets √ᾱ_t and not √α_t, the root of the one step", BACK
)
def _(x0, xt, t, schedule):
    a, before, beta = _parts(x0, xt, t, schedule)
    _, variance = right_q_posterior(x0, xt, t, schedule)
    mean = before.sqrt() * beta * x0 + a.sqrt() * (1 - before) * xt
    return mean / (1 - a), variance
