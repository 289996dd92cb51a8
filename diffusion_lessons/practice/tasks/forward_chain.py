"""Practice of chapter 1: one step of the chain, and the whole chain."""

import torch

from ...forward import q_step as right_q_step
from ..task import TEN, Case, Task, at, normal, one, three_noised

q_step = Task(
    "q_step",
    chapter=1,
    answer=right_q_step,
    goal="return x_t, which is x_{t-1} one step noisier",
    tip=(
        "apply it with t = 1, 2, …, T to the number 3, a thousand times, "
        "and look at mean and variance of where it ends (section 1.3)"
    ),
    cases=[
        Case(
            "x_{t-1} = 1, noise = 0, t = 10",
            lambda: (one(), 10, one(0.0), TEN),
        ),
        Case(
            "x_{t-1} = 0, noise = 1, t = 10",
            lambda: (one(0.0), 10, one(), TEN),
        ),
        Case(
            "x_{t-1} = 1, noise = 1, t = 1", lambda: (one(), 1, one(), TEN)
        ),
        Case("three pictures, each with a t of its own", three_noised),
    ],
)


@q_step.slip(
    "the noise is scaled by β rather than by its root",
    "1.4 Why two square roots",
)
def _(x_prev, t, noise, schedule):
    beta = schedule.beta_at(t, x_prev)
    return (1 - beta).sqrt() * x_prev + beta * noise


@q_step.slip(
    "x_{t-1} is scaled by 1 − β rather than by its root",
    "1.4 Why two square roots",
)
def _(x_prev, t, noise, schedule):
    beta = schedule.beta_at(t, x_prev)
    return (1 - beta) * x_prev + beta.sqrt() * noise


@q_step.slip("both square roots are missing", "1.4 Why two square roots")
def _(x_prev, t, noise, schedule):
    beta = schedule.beta_at(t, x_prev)
    return (1 - beta) * x_prev + beta * noise


@q_step.slip(
    "x_{t-1} is not made smaller before the noise is added, so that the "
    "variance grows from step to step",
    "1.4 Why two square roots",
)
def _(x_prev, t, noise, schedule):
    return x_prev + schedule.beta_at(t, x_prev).sqrt() * noise


@q_step.slip("β is read one step too early, at t − 1", "1.2 The step")
def _(x_prev, t, noise, schedule):
    beta = at(schedule.betas, t - 1, x_prev)
    return (1 - beta).sqrt() * x_prev + beta.sqrt() * noise


@q_step.slip(
    "ᾱ, the product of all steps, stands where the α of this step should: "
    "that is the jump, not the step",
    "2.2 The closed form: two steps, then all of them",
)
def _(x_prev, t, noise, schedule):
    signal, sigma = schedule.signal_and_sigma(t, x_prev)
    return signal * x_prev + sigma * noise


@q_step.slip(
    "the two factors are exchanged: the picture gets √β and the noise "
    "√(1 − β)",
    "1.2 The step",
)
def _(x_prev, t, noise, schedule):
    return right_q_step(noise, t, x_prev, schedule)


@q_step.slip("the noise is left out", "1.2 The step")
def _(x_prev, t, noise, schedule):
    return right_q_step(x_prev, t, 0 * noise, schedule)


def _chain(x0, noises, schedule):
    chain = [x0]
    for t, noise in enumerate(noises, start=1):
        chain.append(right_q_step(chain[-1], t, noise, schedule))
    return torch.stack(chain)


q_chain = Task(
    "q_chain",
    chapter=1,
    answer=_chain,
    goal="return all of x_0, x_1, …, x_T, stacked, (T + 1, B, …)",
    tip=(
        "measure the variance of each row for many pictures, and lay it "
        "beside 1 − ᾱ_t (section 2.4)"
    ),
    cases=[
        Case(
            "x_0 = 1 and ten noises of 0",
            lambda: (one(), torch.zeros(10, 1, 1, 1, 1), TEN),
        ),
        Case(
            "x_0 = 0 and ten noises of 1",
            lambda: (one(0.0), torch.ones(10, 1, 1, 1, 1), TEN),
        ),
        Case(
            "three pictures",
            lambda: (
                normal(3, 1, 4, 4),
                normal(10, 3, 1, 4, 4, seed=1),
                TEN,
            ),
        ),
    ],
)


@q_chain.slip(
    "every step starts from x_0 again, and not from the step before",
    "1.3 A thousand steps for one number",
)
def _(x0, noises, schedule):
    steps = [
        right_q_step(x0, t, noise, schedule)
        for t, noise in enumerate(noises, start=1)
    ]
    return torch.stack([x0, *steps])


@q_chain.slip(
    "the first noise is used for every step",
    "1.3 A thousand steps for one number",
)
def _(x0, noises, schedule):
    return _chain(x0, noises[:1].expand_as(noises), schedule)


@q_chain.slip("x_0 is left out at the start", "1.2 The step")
def _(x0, noises, schedule):
    return _chain(x0, noises, schedule)[1:]


@q_chain.slip(
    "the loop ends at T − 1: the last step is missing", "1.2 The step"
)
def _(x0, noises, schedule):
    return _chain(x0, noises[:-1], schedule)


@q_chain.slip(
    "the steps are walked from T down to 1: the largest noise comes first",
    "1.2 The step",
)
def _(x0, noises, schedule):
    chain = [x0]
    for noise, t in zip(noises, range(len(noises), 0, -1), strict=True):
        chain.append(right_q_step(chain[-1], t, noise, schedule))
    return torch.stack(chain)
