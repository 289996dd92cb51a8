"""Practice of chapter 16: the straight path, there and back."""

import torch

from ..task import Case, Task, normal, one

LINE = "16.1 A line"
BACK = "16.4 The way back"
TIMES = "16.6 Which times?"


def _column(t, like):
    """t, shaped to multiply pictures."""
    ones = (1,) * (like.ndim - 1)
    return torch.as_tensor(t, dtype=like.dtype).reshape(-1, *ones)


def _three(*more):
    """Three pictures, something else of that shape, and a t for each."""
    t = torch.tensor([0.1, 0.5, 1.0])
    return normal(3, 1, 4, 4), t, normal(3, 1, 4, 4, seed=1), *more


def _path(x0, t, noise):
    t = _column(t, x0)
    return (1 - t) * x0 + t * noise


flow_path = Task(
    "flow_path",
    chapter=16,
    answer=_path,
    goal="return x_t, on the straight line from x_0 to the noise",
    tip=(
        "keep x_0 and the noise, and call it for t = 0, 0.1, … 1: then do "
        "the same with q_sample, and compare the middle of the two ways"
    ),
    cases=[
        Case("x_0 = 1, noise = 0, t = 0", lambda: (one(), 0.0, one(0.0))),
        Case("x_0 = 0, noise = 1, t = 1", lambda: (one(0.0), 1.0, one())),
        Case(
            "x_0 = 1, noise = 0, t = 0.25",
            lambda: (one(), 0.25, one(0.0)),
        ),
        Case("three pictures, each with a t of its own", _three),
    ],
)


@flow_path.slip(
    "the two ends are exchanged: at t = 0 it returns the noise, as those "
    "do who count from noise to picture",
    LINE,
)
def _(x0, t, noise):
    return _path(noise, t, x0)


@flow_path.slip(
    "the factors are the roots of 1 − t and t: that is a path of "
    "diffusion, and no straight line",
    LINE,
)
def _(x0, t, noise):
    t = _column(t, x0)
    return (1 - t).sqrt() * x0 + t.sqrt() * noise


@flow_path.slip(
    "the whole picture stays, and noise is only added to it", LINE
)
def _(x0, t, noise):
    return x0 + _column(t, x0) * noise


@flow_path.slip("the noise comes in whole, at every t", LINE)
def _(x0, t, noise):
    return (1 - _column(t, x0)) * x0 + noise


@flow_path.slip("the noise is subtracted", LINE)
def _(x0, t, noise):
    return _path(x0, t, -noise)


@flow_path.slip("the factors are squared", LINE)
def _(x0, t, noise):
    t = _column(t, x0)
    return (1 - t) ** 2 * x0 + t**2 * noise


# The velocity


def _velocity(x0, noise):
    return noise - x0


def _two():
    return normal(3, 1, 4, 4), normal(3, 1, 4, 4, seed=1)


flow_velocity = Task(
    "flow_velocity",
    chapter=16,
    answer=_velocity,
    goal="return the velocity of the line from x_0 to the noise",
    tip=(
        "take two points of a line, at t = 0.3 and t = 0.5, and divide "
        "what lies between them by 0.2"
    ),
    cases=[
        Case("x_0 = 1, noise = 0", lambda: (one(), one(0.0))),
        Case("x_0 = 0, noise = 1", lambda: (one(0.0), one())),
        Case("x_0 = 2, noise = 3", lambda: (one(2.0), one(3.0))),
        Case("three pictures", _two),
    ],
)


@flow_velocity.slip(
    "the sign is turned: picture minus noise is the velocity of those for "
    "whom the picture is at t = 1",
    LINE,
)
def _(x0, noise):
    return x0 - noise


@flow_velocity.slip(
    "the noise alone: that is what a network of ε is asked for", LINE
)
def _(x0, noise):
    return noise


@flow_velocity.slip("the picture alone, with a minus", LINE)
def _(x0, noise):
    return -x0


@flow_velocity.slip("picture and noise are added", LINE)
def _(x0, noise):
    return noise + x0


@flow_velocity.slip(
    "half of it: that is the way to the middle of the line, and t runs to "
    "1",
    LINE,
)
def _(x0, noise):
    return (noise - x0) / 2


# The picture from a velocity


def _picture(velocity, xt, t):
    return xt - _column(t, xt) * velocity


def _with_velocity():
    pictures, t, velocity = _three()
    return velocity, pictures, t


x0_from_velocity = Task(
    "x0_from_velocity",
    chapter=16,
    answer=_picture,
    goal="return x̂_0, the end of the line that x_t and its velocity name",
    tip=(
        "and the other end, ε̂? Check that the two, mixed by flow_path at "
        "t, give x_t again"
    ),
    cases=[
        Case(
            "velocity = 1, x_t = 0, t = 1", lambda: (one(), one(0.0), 1.0)
        ),
        Case("velocity = 1, x_t = 1, t = 0", lambda: (one(), one(), 0.0)),
        Case(
            "velocity = 2, x_t = 1, t = 0.25",
            lambda: (one(2.0), one(), 0.25),
        ),
        Case("three pictures, each with a t of its own", _with_velocity),
    ],
)


@x0_from_velocity.slip(
    "it goes on to the noise and not back to the picture: that is ε̂", LINE
)
def _(velocity, xt, t):
    return xt + (1 - _column(t, xt)) * velocity


@x0_from_velocity.slip("the sign is turned", LINE)
def _(velocity, xt, t):
    return xt + _column(t, xt) * velocity


@x0_from_velocity.slip(
    "1 − t is the way to the noise, and t the way to the picture: the two "
    "are exchanged",
    LINE,
)
def _(velocity, xt, t):
    return xt - (1 - _column(t, xt)) * velocity


@x0_from_velocity.slip(
    "the velocity is taken for ε: (x_t − t ε) / (1 − t)", LINE
)
def _(velocity, xt, t):
    t = _column(t, xt)
    return (xt - t * velocity) / (1 - t).clamp(min=1e-3)


@x0_from_velocity.slip(
    "the velocity is taken for the v of diffusion, with the roots of 1 − t "
    "and t",
    "16.5 Is it another model?",
)
def _(velocity, xt, t):
    t = _column(t, xt)
    return (1 - t).sqrt() * xt - t.sqrt() * velocity


@x0_from_velocity.slip("the length of the way is left out", LINE)
def _(velocity, xt, t):
    return xt - velocity + 0 * _column(t, xt)


# Euler's step


def _step(xt, velocity, t, s):
    return xt + (s - t) * velocity


def _pictures_on_the_way():
    return normal(3, 1, 4, 4), normal(3, 1, 4, 4, seed=1), 0.7, 0.4


flow_step = Task(
    "flow_step",
    chapter=16,
    answer=_step,
    goal="return x_s, one step of Euler's method from x_t",
    tip=(
        "walk from t = 1 to 0 in a hundred steps along mixture_velocity, "
        "and look at where the walkers end (exercise 16.1)"
    ),
    cases=[
        Case(
            "x_t = 0, velocity = 1, from t = 1 to s = 0",
            lambda: (one(0.0), one(), 1.0, 0.0),
        ),
        Case(
            "x_t = 1, velocity = 1, from t = 0.75 to s = 0.5",
            lambda: (one(), one(), 0.75, 0.5),
        ),
        Case(
            "three pictures, from t = 0.7 to s = 0.4", _pictures_on_the_way
        ),
    ],
)


@flow_step.slip(
    "the step has the wrong sign: s is smaller than t, and the velocity "
    "points to the noise",
    BACK,
)
def _(xt, velocity, t, s):
    return xt + (t - s) * velocity


@flow_step.slip(
    "it goes the whole way to t = 0, and not only to s: that is x̂_0", BACK
)
def _(xt, velocity, t, s):
    return xt - t * velocity


@flow_step.slip("it walks the length s, and not from t to s", BACK)
def _(xt, velocity, t, s):
    return xt - s * velocity


@flow_step.slip("the length of the step is left out", BACK)
def _(xt, velocity, t, s):
    return xt - velocity


@flow_step.slip(
    "the answer of the network is taken for ε: x_0 is read from it, and "
    "the two are mixed anew",
    BACK,
)
def _(xt, velocity, t, s):
    x0 = (xt - t * velocity) / max(1 - t, 1e-3)
    return (1 - s) * x0 + s * velocity


@flow_step.slip("the answer of the network is taken for the picture", BACK)
def _(xt, velocity, t, s):
    noise = (xt - (1 - t) * velocity) / t
    return (1 - s) * velocity + s * noise


# The shift


def _shifted(t, shift):
    return shift * t / (1 + (shift - 1) * t)


shift_times = Task(
    "shift_times",
    chapter=16,
    answer=_shifted,
    goal="return the times with *shift* times as much noise per picture",
    tip=(
        "which shift undoes a shift by 3? And what does a shift by 3 leave "
        "as it is?"
    ),
    tolerance=1e-6,
    cases=[
        Case("t = 0.5, shift = 3", lambda: (torch.tensor([0.5]), 3.0)),
        Case(
            "t = 0, 0.25 and 1, shift = 2",
            lambda: (torch.tensor([0.0, 0.25, 1.0]), 2.0),
        ),
        Case(
            "five times, shift = 0.5",
            lambda: (torch.linspace(0, 1, 5), 0.5),
        ),
    ],
)


@shift_times.slip(
    "the shift is upside down: there is less noise, and not more", TIMES
)
def _(t, shift):
    return _shifted(t, 1 / shift)


@shift_times.slip(
    "only the factor is there, so that times leave 0 … 1", TIMES
)
def _(t, shift):
    return shift * t


@shift_times.slip(
    "the times are cut at 1 instead of being bent towards it", TIMES
)
def _(t, shift):
    return (shift * t).clamp(max=1)


@shift_times.slip(
    "it multiplies the variances: t/(1 − t) becomes the root of *shift* "
    "times as large",
    TIMES,
)
def _(t, shift):
    return _shifted(t, shift**0.5)


@shift_times.slip("a minus stands below the line of the fraction", TIMES)
def _(t, shift):
    return shift * t / (1 - (shift - 1) * t)


@shift_times.slip(
    "the ratio of noise to picture is returned, and not the time", TIMES
)
def _(t, shift):
    return shift * t / (1 - t).clamp(min=1e-6)
