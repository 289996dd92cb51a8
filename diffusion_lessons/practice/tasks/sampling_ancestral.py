"""Practice of chapter 7: one step of the sampler, the cut, and the loop."""

from functools import partial

import torch

from ...forward import q_posterior, q_sample
from ...prediction import x0_and_eps
from ...sampling import ancestral_step as right_step
from ...sampling import clean_guess
from ..task import TEN, Case, Task, model, normal, one

STEP = "7.2 Small steps"
NOISE = "7.5 What is the noise for?"
SWITCHES = "7.9 Your own network, switch by switch"
CLIP = "7.10 Why one must clip, and when"
WRONG = "7.12 What people get wrong here"


def _step(x0_hat, xt, t, noise, schedule):
    return right_step(x0_hat, xt, t, noise, schedule)


ancestral_step = Task(
    "ancestral_step",
    chapter=7,
    answer=_step,
    goal="return x_{t-1}, drawn with the guess in the place of x_0",
    tip=(
        "put 0 in the place of the noise, draw ten threes, and look how "
        "many different ones there are (section 7.5)"
    ),
    cases=[
        Case(
            "x̂_0 = 0, x_t = 0, noise = 1, t = 5",
            lambda: (one(0.0), one(0.0), 5, one(), TEN),
        ),
        Case(
            "x̂_0 = 1, x_t = 0, noise = 0, t = 5",
            lambda: (one(), one(0.0), 5, one(0.0), TEN),
        ),
        Case(
            "x̂_0 = 0, x_t = 1, noise = 0, t = 5",
            lambda: (one(0.0), one(), 5, one(0.0), TEN),
        ),
        Case(
            "x̂_0 = 1, x_t = 0, noise = 1, t = 1",
            lambda: (one(), one(0.0), 1, one(), TEN),
        ),
        Case(
            "x̂_0 = 0, x_t = 0, noise = 1, t = 2",
            lambda: (one(0.0), one(0.0), 2, one(), TEN),
        ),
        Case(
            "three pictures at t = 7",
            lambda: (
                normal(3, 1, 4, 4),
                normal(3, 1, 4, 4, seed=1),
                7,
                normal(3, 1, 4, 4, seed=2),
                TEN,
            ),
        ),
    ],
)


def _with_std(x0_hat, xt, t, noise, schedule, std):
    """The right mean, and noise of another standard deviation."""
    bars, beta = schedule.alphas_cumprod.clone(), schedule.betas.clone()[t]
    mean = q_posterior(x0_hat, xt, t, schedule).mean
    return mean + std(bars[t], bars[t - 1], beta, t) * noise


for words, section, std in (
    (
        "the noise is scaled by the variance rather than by its root",
        STEP,
        lambda a, before, beta, t: (1 - before) / (1 - a) * beta,
    ),
    (
        "the variance is β_t, the larger of the two that are in use, and "
        "the last step, t = 1, adds noise as well",
        WRONG,
        lambda a, before, beta, t: beta.sqrt(),
    ),
    (
        "the variance is β_t, the larger of the two that are in use, and "
        "not β̃_t",
        SWITCHES,
        lambda a, before, beta, t: beta.sqrt() * (t > 1),
    ),
    (
        "1 − ᾱ_t and 1 − ᾱ_{t-1} are exchanged in the variance",
        STEP,
        lambda a, before, beta, t: ((1 - a) / (1 - before) * beta).sqrt(),
    ),
    (
        "the root is taken of β_t alone, and not of the whole variance",
        STEP,
        lambda a, before, beta, t: (1 - before) / (1 - a) * beta.sqrt(),
    ),
    (
        "the variance is 1 − ᾱ_{t-1}, all the noise of a jump from x_0, "
        "though x_t is known",
        STEP,
        lambda a, before, beta, t: (1 - before).sqrt(),
    ),
    (
        "the noise is left out, without which all pictures become the "
        "same one",
        NOISE,
        lambda a, before, beta, t: 0.0,
    ),
):
    ancestral_step.slip(words, section)(partial(_with_std, std=std))


def _by_hand(x0_hat, xt, noise, a, before, beta):
    """The step from any numbers, as a reader writes it."""
    on_x0 = before.sqrt() * beta / (1 - a)
    on_xt = (1 - beta).sqrt() * (1 - before) / (1 - a)
    std = ((1 - before) / (1 - a) * beta).sqrt()
    return on_x0 * x0_hat + on_xt * xt + std * noise


@ancestral_step.slip(
    "ᾱ_t stands where ᾱ_{t-1}, that of the step before, should", STEP
)
def _(x0_hat, xt, t, noise, schedule):
    a, beta = schedule.alphas_cumprod.clone()[t], schedule.betas.clone()[t]
    return _by_hand(x0_hat, xt, noise, a, a, beta)


@ancestral_step.slip(
    "the α of one step stands where ᾱ, the product of all, should", STEP
)
def _(x0_hat, xt, t, noise, schedule):
    alphas = schedule.alphas.clone()
    a, before = alphas[t], alphas[t - 1]
    return _by_hand(x0_hat, xt, noise, a, before, 1 - a)


@ancestral_step.slip("the guess x̂_0 and x_t are exchanged", STEP)
def _(x0_hat, xt, t, noise, schedule):
    return _step(xt, x0_hat, t, noise, schedule)


@ancestral_step.slip(
    "the guess is noised to t − 1 by a jump, and x_t is forgotten", STEP
)
def _(x0_hat, xt, t, noise, schedule):
    return q_sample(x0_hat, t - 1, noise, schedule)


# The guess, cut to where pictures are


def _cut(eps_hat, xt, t, schedule, lowest, highest):
    x0_hat, _ = x0_and_eps(eps_hat, xt, t, schedule, "eps")
    x0_hat = x0_hat.clamp(lowest, highest)
    return x0_hat, x0_and_eps(x0_hat, xt, t, schedule, "x0")[1]


def _clip_guess(eps_hat, xt, t, schedule):
    return _cut(eps_hat, xt, t, schedule, -1.0, 1.0)


clip_guess = Task(
    "clip_guess",
    chapter=7,
    answer=_clip_guess,
    goal=(
        "return the pair (x̂_0, ε̂): the guess, cut to [−1, 1], and the "
        "noise that fits it after the cut"
    ),
    tip=(
        "mix your pair again with q_sample, and see whether it is x_t; "
        "then keep the old ε̂ and see how far it is off (section 8.11)"
    ),
    seen=("x̂_0", "ε̂"),
    cases=[
        Case(
            "ε̂ = 0, x_t = 0.5, t = 1",
            lambda: (one(0.0), one(0.5), 1, TEN),
        ),
        Case("ε̂ = 0, x_t = 1, t = 5", lambda: (one(0.0), one(), 5, TEN)),
        Case("ε̂ = 1, x_t = −1, t = 5", lambda: (one(), one(-1.0), 5, TEN)),
        Case(
            "three pictures at t = 4",
            lambda: (
                normal(3, 1, 4, 4),
                normal(3, 1, 4, 4, seed=1),
                4,
                TEN,
            ),
        ),
    ],
)


@clip_guess.slip("x̂_0 is not cut", CLIP)
def _(eps_hat, xt, t, schedule):
    return _cut(eps_hat, xt, t, schedule, None, 1e9)


@clip_guess.slip(
    "the old ε̂ is kept after the cut, so that the two make x_t no more",
    "8.11 What people get wrong here",
)
def _(eps_hat, xt, t, schedule):
    return _clip_guess(eps_hat, xt, t, schedule)[0], eps_hat


@clip_guess.slip("x̂_0 is cut to [0, 1], but pictures go from −1 to 1", CLIP)
def _(eps_hat, xt, t, schedule):
    return _cut(eps_hat, xt, t, schedule, 0.0, 1.0)


@clip_guess.slip("x̂_0 is cut at 1 but not at −1", CLIP)
def _(eps_hat, xt, t, schedule):
    return _cut(eps_hat, xt, t, schedule, None, 1.0)


@clip_guess.slip("it is ε̂ that is cut, and not the guess x̂_0", CLIP)
def _(eps_hat, xt, t, schedule):
    eps_hat = eps_hat.clamp(-1, 1)
    return x0_and_eps(eps_hat, xt, t, schedule, "eps")


def _solved(eps_hat, xt, signal, sigma):
    """As a reader writes it, from any two factors."""
    x0_hat = ((xt - sigma * eps_hat) / signal).clamp(-1, 1)
    return x0_hat, (xt - signal * x0_hat) / sigma


@clip_guess.slip("ᾱ_t stands where its root should", CLIP)
def _(eps_hat, xt, t, schedule):
    signal, sigma = schedule.signal_and_sigma(t, xt)
    return _solved(eps_hat, xt, signal**2, sigma)


@clip_guess.slip("both square roots are missing", CLIP)
def _(eps_hat, xt, t, schedule):
    signal, sigma = schedule.signal_and_sigma(t, xt)
    return _solved(eps_hat, xt, signal**2, sigma**2)


@clip_guess.slip(
    "the α of one step stands where ᾱ, the product of all, should", CLIP
)
def _(eps_hat, xt, t, schedule):
    alpha = schedule.alphas.clone()[t]
    return _solved(eps_hat, xt, alpha.sqrt(), (1 - alpha).sqrt())


@clip_guess.slip(
    "the noise is added to x_t for the guess, and not taken away", CLIP
)
def _(eps_hat, xt, t, schedule):
    signal, sigma = schedule.signal_and_sigma(t, xt)
    x0_hat = ((xt + sigma * eps_hat) / signal).clamp(-1, 1)
    return x0_hat, (xt - signal * x0_hat) / sigma


@clip_guess.slip("x̂_0 is not divided by √ᾱ_t", CLIP)
def _(eps_hat, xt, t, schedule):
    signal, sigma = schedule.signal_and_sigma(t, xt)
    x0_hat = (xt - sigma * eps_hat).clamp(-1, 1)
    return x0_hat, (xt - signal * x0_hat) / sigma


@clip_guess.slip("the noise is scaled by 1 − ᾱ_t, not by its root", CLIP)
def _(eps_hat, xt, t, schedule):
    signal, sigma = schedule.signal_and_sigma(t, xt)
    return _solved(eps_hat, xt, signal, sigma**2)


@clip_guess.slip("the pair is returned as (ε̂, x̂_0)", CLIP)
def _(eps_hat, xt, t, schedule):
    return _clip_guess(eps_hat, xt, t, schedule)[::-1]


# The whole way


def _walk(model, x_T, noises, schedule, path=None, noise_of=None, **how):
    """Every step of *path*; noise_of(t, noises, schedule) is its noise."""
    x, variance = x_T, how.pop("variance", "posterior")
    for t in path or range(schedule.num_steps, 0, -1):
        x0_hat, _ = clean_guess(model, x, t, schedule, **how)
        noise = noise_of(t, noises, schedule) if noise_of else noises[t]
        x = right_step(x0_hat, x, t, noise, schedule, variance)
    return x


def _loop(model, x_T, noises, schedule):
    return _walk(model, x_T, noises, schedule)


@model
def _says_0(x, t):
    return 0 * x


@model
def _says_t(x, t):
    return 0 * x + torch.as_tensor(t).to(x).reshape(-1, 1, 1, 1) / 10


@model
def _says_more(x, t):
    return (x + _says_t(x, t)).tanh()


ancestral_loop = Task(
    "ancestral_loop",
    chapter=7,
    answer=_loop,
    goal="return x_0 after the T steps from x_T",
    tip=(
        "do not cut x̂_0, draw with a network of your own, and look how "
        "large the numbers grow (section 7.10)"
    ),
    cases=[
        Case(
            "a network that always answers 0, x_T = 1, every noise = 0",
            lambda: (_says_0, one(), torch.zeros(11, 1, 1, 1, 1), TEN),
        ),
        Case(
            "a network that answers t/10, x_T = 0, every noise = 0",
            lambda: (_says_t, one(0.0), torch.zeros(11, 1, 1, 1, 1), TEN),
        ),
        Case(
            "a network that answers t/10, x_T = 0, every noise = 0.5",
            lambda: (
                _says_t,
                one(0.0),
                torch.full((11, 1, 1, 1, 1), 0.5),
                TEN,
            ),
        ),
        Case(
            "three pictures and a network that looks at x_t and at t",
            lambda: (
                _says_more,
                normal(3, 1, 4, 4),
                normal(11, 3, 1, 4, 4, seed=1),
                TEN,
            ),
        ),
    ],
)


def _std(t, schedule):
    like = torch.zeros(1, dtype=torch.float64)
    return q_posterior(like, like, t, schedule).variance.sqrt().float()


for words, section, way in (
    (
        "the guess x̂_0 is not cut to [−1, 1] before the step",
        CLIP,
        partial(_walk, clip=None),
    ),
    (
        "the network is told t − 1 and not t",
        SWITCHES,
        lambda model, *rest: _walk(lambda x, t: model(x, t - 1), *rest),
    ),
    (
        "the loop begins at T − 1, so that the first step is missing",
        STEP,
        partial(_walk, path=range(9, 0, -1)),
    ),
    (
        "the loop stops at t = 2, so that the last step, from x_1 to x_0, "
        "is missing",
        STEP,
        partial(_walk, path=range(10, 1, -1)),
    ),
    (
        "the loop takes a step at t = 0 as well, where none is left",
        STEP,
        lambda *call: torch.nan * _walk(*call),
    ),
    (
        "the steps are walked from 1 up to T",
        STEP,
        partial(_walk, path=range(1, 11)),
    ),
    (
        "the noise is scaled by the variance rather than by its root",
        STEP,
        partial(
            _walk,
            noise_of=lambda t, noises, schedule: (
                _std(t, schedule) * noises[t]
            ),
        ),
    ),
    (
        "no noise is added on the way",
        NOISE,
        partial(_walk, noise_of=lambda t, noises, _: 0 * noises[t]),
    ),
    (
        "the same noise is added at every step",
        NOISE,
        partial(_walk, noise_of=lambda t, noises, _: noises[-1]),
    ),
    (
        "the step from t gets noises[t - 1], the noise of another step",
        STEP,
        partial(_walk, noise_of=lambda t, noises, _: noises[t - 1]),
    ),
    (
        "the variance of each step is β_t and not β̃_t",
        SWITCHES,
        partial(_walk, variance="beta"),
    ),
    (
        "the variance of each step is β_t, and the last one adds noise too",
        WRONG,
        lambda model, x_T, noises, schedule: (
            _walk(model, x_T, noises, schedule, variance="beta")
            + schedule.betas[1].sqrt() * noises[1]
        ),
    ),
    (
        "the answer of the network is read as x_0, though it is the noise",
        SWITCHES,
        partial(_walk, predicts="x0"),
    ),
    (
        "the network is asked about x_T at every step, and not about the "
        "picture that has been reached",
        STEP,
        lambda model, x_T, *rest: _walk(
            lambda _, t: model(x_T, t), x_T, *rest
        ),
    ),
):
    ancestral_loop.slip(words, section)(way)
