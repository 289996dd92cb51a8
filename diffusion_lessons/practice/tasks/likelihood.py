"""Practice of chapter 14: bells, levels, bits, a term of the bound."""

from math import log, sqrt

import torch
from torch import Tensor

from ..task import TEN, THOUSAND, Case, Task, at, normal, one

PROBABLE = "14.1 How probable is a picture?"
BELLS = "14.2 How badly one bell stands in for another"
TERM = "14.4 One term of the bound"
ENDS = "14.5 The two ends"
WRONG = "14.10 What people get wrong here"


# The divergence of two bells


def _kl(mean_q, var_q, mean_p, var_p):
    far = (mean_q - mean_p) ** 2
    nats = ((var_p / var_q).log() + (var_q + far) / var_p - 1) / 2
    return nats.flatten(1).sum(1)


def _pictures():
    var_q, var_p = 0.2 + normal(2, 3, 1, 4, 4, seed=2).abs()
    return normal(3, 1, 4, 4), var_q, normal(3, 1, 4, 4, seed=1), var_p


gaussian_kl = Task(
    "gaussian_kl",
    chapter=14,
    answer=_kl,
    goal="return KL(q || p) of two Gaussians, (B,), summed over the pixels",
    tip=(
        "draw from q, average log q(x) − log p(x), and see how many draws "
        "it takes to find what the formula says (section 14.2)"
    ),
    cases=[
        Case(
            "means 1 and 0, both variances 0.25",
            lambda: (one(), one(0.25), one(0.0), one(0.25)),
        ),
        Case(
            "means 0 and 0, variances 4 and 1",
            lambda: (one(0.0), one(4.0), one(0.0), one()),
        ),
        Case(
            "means 0 and 0, variances 1 and 4",
            lambda: (one(0.0), one(), one(0.0), one(4.0)),
        ),
        Case(
            "means 2 and 0, variances 1 and 4",
            lambda: (one(2.0), one(), one(0.0), one(4.0)),
        ),
        Case("three pictures of 16 pixels", _pictures),
    ],
)


@gaussian_kl.slip(
    "the two are exchanged: that is KL(p || q), another number", BELLS
)
def _(mean_q, var_q, mean_p, var_p):
    return _kl(mean_p, var_p, mean_q, var_q)


@gaussian_kl.slip(
    "the variances are taken for equal: only the distance of the means is "
    "left",
    BELLS,
)
def _(mean_q, var_q, mean_p, var_p):
    nats = (mean_q - mean_p) ** 2 / var_p / 2
    return nats.flatten(1).sum(1)


@gaussian_kl.slip(
    "the logarithm has the other sign: it is that of var_p over var_q",
    BELLS,
)
def _(mean_q, var_q, mean_p, var_p):
    wrong = (var_q / var_p).log() - (var_p / var_q).log()
    right = _kl(mean_q, var_q, mean_p, var_p)
    wrong = wrong.expand(mean_q.shape).flatten(1).sum(1)
    return right + wrong / 2


@gaussian_kl.slip("the factor 1/2 is missing", BELLS)
def _(mean_q, var_q, mean_p, var_p):
    return 2 * _kl(mean_q, var_q, mean_p, var_p)


@gaussian_kl.slip(
    "the 1 is not taken away: two equal bells would not have the "
    "divergence 0",
    BELLS,
)
def _(mean_q, var_q, mean_p, var_p):
    return _kl(mean_q, var_q, mean_p, var_p) + mean_q[0].numel() / 2


@gaussian_kl.slip(
    "the variances are read as standard deviations, and squared once more",
    BELLS,
)
def _(mean_q, var_q, mean_p, var_p):
    return _kl(mean_q, var_q**2, mean_p, var_p**2)


@gaussian_kl.slip(
    "the mean over the pixels is taken: their divergences add up", BELLS
)
def _(mean_q, var_q, mean_p, var_p):
    return _kl(mean_q, var_q, mean_p, var_p) / mean_q[0].numel()


# What a bell has in a level


def _between(x0, mean, std, levels, half=None, edges=True):
    half = 1 / (levels - 1) if half is None else half
    x0, mean = x0.double(), mean.double()
    low, high = ((x0 + side - mean) / std for side in (-half, half))
    if edges:
        low = low.masked_fill(x0 < -1 + 1e-6, -torch.inf)
        high = high.masked_fill(x0 > 1 - 1e-6, torch.inf)
    below = torch.special.ndtr
    return below(high) - below(low)


def _every_level(levels, mean):
    x0 = torch.linspace(-1, 1, levels).view(-1, 1, 1, 1)
    return x0, torch.full_like(x0, mean)


level_probability = Task(
    "level_probability",
    chapter=14,
    answer=lambda x0, mean, std, levels: _between(x0, mean, std, levels),
    goal="return the probability of each pixel's level, (B, …)",
    tip=(
        "make std smaller and smaller, 0.1, 0.01, 0.001, and watch where "
        "the density goes and where the probability (section 14.5)"
    ),
    cases=[
        Case(
            "the middle one of 3 levels, mean 0, std 0.5",
            lambda: (one(0.0), one(0.0), 0.5, 3),
        ),
        Case(
            "the first of 3 levels, mean 0, std 0.5",
            lambda: (one(-1.0), one(0.0), 0.5, 3),
        ),
        Case(
            "the last of 3 levels, mean 0.5, std 1",
            lambda: (one(1.0), one(0.5), 1.0, 3),
        ),
        Case(
            "all of 5 levels, mean 0.2, std 0.3",
            lambda: (*_every_level(5, 0.2), 0.3, 5),
        ),
    ],
)


@level_probability.slip(
    "a density is returned, and no probability: it may be larger than 1, "
    "and all levels together do not have 1",
    WRONG,
)
def _(x0, mean, std, levels):
    z = (x0 - mean) / std
    return (-(z**2) / 2).exp() / (std * sqrt(2 * torch.pi))


@level_probability.slip(
    "the density times the width of a level is returned, which is right "
    "only where the bell is much wider than a level",
    ENDS,
)
def _(x0, mean, std, levels):
    z = (x0 - mean) / std
    density = (-(z**2) / 2).exp() / (std * sqrt(2 * torch.pi))
    return density * 2 / (levels - 1)


@level_probability.slip(
    "the first and the last level do not own what lies beyond them", ENDS
)
def _(x0, mean, std, levels):
    return _between(x0, mean, std, levels, edges=False)


@level_probability.slip(
    "a level reaches to its neighbours, and not half the way", ENDS
)
def _(x0, mean, std, levels):
    return _between(x0, mean, std, levels, half=2 / (levels - 1))


@level_probability.slip(
    "a level is 2 / levels wide: between L levels there are L − 1 gaps",
    ENDS,
)
def _(x0, mean, std, levels):
    return _between(x0, mean, std, levels, half=1 / levels)


@level_probability.slip(
    "the standard deviation is used as a variance, and its root taken", ENDS
)
def _(x0, mean, std, levels):
    return _between(x0, mean, sqrt(std), levels)


@level_probability.slip(
    "what lies below the level is counted with it: only the upper end is "
    "looked at",
    ENDS,
)
def _(x0, mean, std, levels):
    x0, mean = x0.double(), mean.double()
    high = (x0 + 1 / (levels - 1) - mean) / std
    high = high.masked_fill(x0 > 1 - 1e-6, torch.inf)
    return torch.special.ndtr(high)


# Bits


def _bits(nats, dims, width=1.0):
    return (nats / dims - log(width)) / log(2)


bits_per_dim = Task(
    "bits_per_dim",
    chapter=14,
    answer=_bits,
    goal="return the bits for each pixel, (B,)",
    tip=(
        "say a model with the density 1/2 everywhere in −1..1: how many "
        "bits is that with 256 levels, and with 17 (section 14.1)"
    ),
    cases=[
        Case(
            "log 2 nats, 1 pixel, no width",
            lambda: (torch.tensor([log(2)]), 1, 1.0),
        ),
        Case(
            "64 log 17 nats, 64 pixels, no width",
            lambda: (torch.tensor([64 * log(17)]), 64, 1.0),
        ),
        Case(
            "a density: log 2 nats, 1 pixel, levels 2/256 wide",
            lambda: (torch.tensor([log(2)]), 1, 2 / 256),
        ),
        Case(
            "three pictures, 10 pixels, levels 0.125 wide",
            lambda: (torch.tensor([3.0, -4.0, 50.0]), 10, 0.125),
        ),
    ],
)


@bits_per_dim.slip(
    "the logarithm of 2 is missing: these are nats, and not bits", PROBABLE
)
def _(nats, dims, width):
    return _bits(nats, dims, width) * log(2)


@bits_per_dim.slip("it is not shared among the pixels", PROBABLE)
def _(nats, dims, width):
    return (nats - dims * log(width)) / log(2)


@bits_per_dim.slip(
    "the width of a level is left out: the density is taken for a "
    "probability",
    WRONG,
)
def _(nats, dims, width):
    return _bits(nats, dims)


@bits_per_dim.slip(
    "the width counts once for the picture, and not once for each pixel",
    WRONG,
)
def _(nats, dims, width):
    return (nats - log(width)) / dims / log(2)


@bits_per_dim.slip(
    "the width has the wrong sign: density times width is the probability",
    WRONG,
)
def _(nats, dims, width):
    return _bits(nats, dims, 1 / width)


@bits_per_dim.slip(
    "the logarithm of 2 is multiplied by, and not divided by", PROBABLE
)
def _(nats, dims, width):
    return _bits(nats, dims, width) * log(2) ** 2


# A term of the bound


def _snr(t, like, schedule):
    a = at(schedule.alphas_cumprod.double(), t, like.double())
    return a / (1 - a)


def _drop(x0, t, schedule):
    return _snr(t - 1, x0, schedule) - _snr(t, x0, schedule)


def _summed(weight: Tensor, square: Tensor) -> Tensor:
    return (weight * square).flatten(1).sum(1)


def _term(x0, x0_hat, t, schedule):
    return _summed(_drop(x0, t, schedule) / 2, (x0 - x0_hat) ** 2)


def _three_guesses():
    t = torch.tensor([2, 4, 10])
    return normal(3, 1, 4, 4), normal(3, 1, 4, 4, seed=1), t, TEN


step_term = Task(
    "step_term",
    chapter=14,
    answer=_term,
    goal="return L_{t−1}, one number for each picture, (B,)",
    tip=(
        "add up the weights of all t from 2 to T, and find the two numbers "
        "of which the sum is half the difference (exercise 14.1)"
    ),
    cases=[
        Case(
            "x_0 = 1, x̂_0 = 0, t = 2 of 10",
            lambda: (one(), one(0.0), 2, TEN),
        ),
        Case(
            "x_0 = 1, x̂_0 = 0.9, t = 500 of 1000",
            lambda: (one(), one(0.9), 500, THOUSAND),
        ),
        Case("three pictures, each with a t of its own", _three_guesses),
    ],
)


@step_term.slip("the factor 1/2 is missing", TERM)
def _(x0, x0_hat, t, schedule):
    return 2 * _term(x0, x0_hat, t, schedule)


@step_term.slip(
    "the SNR itself stands where its drop in the step should", TERM
)
def _(x0, x0_hat, t, schedule):
    return _summed(_snr(t, x0, schedule) / 2, (x0 - x0_hat) ** 2)


@step_term.slip(
    "the sign of the drop is turned: SNR falls, so the one of t − 1 comes "
    "first",
    TERM,
)
def _(x0, x0_hat, t, schedule):
    return -_term(x0, x0_hat, t, schedule)


@step_term.slip(
    "the drop is taken one step too late, from t to t + 1", TERM
)
def _(x0, x0_hat, t, schedule):
    last = schedule.num_steps
    later = torch.as_tensor(t + 1).clamp(max=last)
    drop = _snr(t, x0, schedule) - _snr(later, x0, schedule)
    return _summed(drop / 2, (x0 - x0_hat) ** 2)


@step_term.slip("the error is not squared: its size alone is taken", TERM)
def _(x0, x0_hat, t, schedule):
    return _summed(_drop(x0, t, schedule) / 2, (x0 - x0_hat).abs())


@step_term.slip(
    "the mean over the pixels is taken, as in the loss: the divergences of "
    "the pixels add up",
    TERM,
)
def _(x0, x0_hat, t, schedule):
    return _term(x0, x0_hat, t, schedule) / x0[0].numel()


@step_term.slip(
    "the weight is left out: this is the plain squared error",
    "14.7 What the usual loss drops",
)
def _(x0, x0_hat, t, schedule):
    return _summed(torch.ones(1), (x0 - x0_hat) ** 2)
