"""Practice of chapter 8: the stops, the step, and a part that is held."""

from functools import partial
from math import sqrt

import torch

from ...edit import held as right_held
from ...forward import q_sample
from ...sampling import ddim_step as right_ddim_step
from ...sampling import ddim_timesteps as right_ddim_timesteps
from ..task import TEN, Case, Task, normal, one

FIRST = "8.1 The first guess: leave steps out"
KEEP = "8.2 Keep the noise you have"
DIAL = "8.3 A dial between the two"
PART = "8.9 Start from a picture, keep a part"
WRONG = "8.11 What people get wrong here"


def _stops(result, given):
    """The stops, and how many of them are no integers."""
    rows = isinstance(result, list | tuple | range)
    if not (rows or hasattr(result, "__array__")):
        return None
    row = torch.as_tensor(result)
    return [row.double(), float(row.is_floating_point() * row.numel())]


def _whole(stops):
    """A list or a tensor of integers."""
    return stops.long() if isinstance(stops, torch.Tensor) else stops


ddim_timesteps = Task(
    "ddim_timesteps",
    chapter=8,
    answer=right_ddim_timesteps,
    goal=(
        "return num_steps + 1 whole numbers that fall from T to 0, as a "
        "list or a tensor"
    ),
    tip=(
        "squeeze the stops together near 0, for instance along a square, "
        "and see what 10 such steps draw (section 8.5)"
    ),
    observe=_stops,
    seen=("what is returned", "the number of stops of a float type"),
    cases=[
        Case("T = 10 and 2 steps", lambda: (10, 2)),
        Case("T = 10 and 3 steps", lambda: (10, 3)),
        Case("T = 1000 and 20 steps", lambda: (1000, 20)),
        Case("T = 1000 and 7 steps", lambda: (1000, 7)),
    ],
)


def _leading(T, n):
    """As diffusers does it unless told otherwise, in our counting."""
    return [*(i * (T // n) + 1 for i in reversed(range(n))), 0]


for words, section, way in (
    (
        "there are num_steps numbers, which make one step less: between "
        "num_steps + 1 stops there are num_steps steps",
        FIRST,
        lambda T, n: _whole(torch.linspace(T, 0, n).round()),
    ),
    (
        "the last stop, 0, is missing, so that the walk never arrives "
        "at the picture",
        FIRST,
        lambda T, n: right_ddim_timesteps(T, n)[:-1],
    ),
    (
        "the first stop, T, is missing, so that the walk does not begin "
        "in pure noise",
        WRONG,
        lambda T, n: right_ddim_timesteps(T, n)[1:],
    ),
    (
        "the stops begin at T − 1, but the steps of a schedule go up to T",
        WRONG,
        lambda T, n: _whole(torch.linspace(T - 1, 0, n + 1).round()),
    ),
    (
        "the stops are spaced in the way that is called leading, which "
        "begins below T",
        WRONG,
        _leading,
    ),
    (
        "the stops end at 1 and not at 0, the clean picture",
        FIRST,
        lambda T, n: _whole(torch.linspace(T, 1, n + 1).round()),
    ),
    (
        "the stops are cut down to whole numbers, and not rounded",
        FIRST,
        lambda T, n: torch.linspace(T, 0, n + 1).long(),
    ),
    (
        "the stops are not rounded, but only whole numbers have a place "
        "in the schedule",
        FIRST,
        lambda T, n: torch.linspace(T, 0, n + 1),
    ),
    (
        "the stops are T, T − k, T − 2k, … with one whole k, which fits "
        "only where T is a multiple of num_steps",
        FIRST,
        lambda T, n: [*range(T, 0, -(T // n)), 0],
    ),
    (
        "the stops are T, T − k, T − 2k, … with one whole k, which fits "
        "only where T is a multiple of num_steps",
        FIRST,
        lambda T, n: torch.arange(T, -1, -(T // n)),
    ),
    (
        "the stops are whole, but of a float type, and no table can be "
        "read at 7.0: `.long()` is missing",
        WRONG,
        lambda T, n: torch.linspace(T, 0, n + 1).round(),
    ),
    (
        "the stops rise from 0 to T, and a sampler walks down",
        FIRST,
        lambda T, n: right_ddim_timesteps(T, n)[::-1],
    ),
):
    ddim_timesteps.slip(words, section)(way)


# The step

ddim_step = Task(
    "ddim_step",
    chapter=8,
    answer=right_ddim_step,
    goal="return x_s, any s below t, with eta of the noise fresh",
    tip=(
        "with eta = 1 and s = t − 1 lay it beside your ancestral_step: the "
        "same numbers (section 8.3)"
    ),
    cases=[
        Case(
            "x̂_0 = 1, ε̂ = 0, t = 6, s = 3, noise = 0, eta = 0",
            lambda: (one(), one(0.0), 6, 3, one(0.0), TEN, 0.0),
        ),
        Case(
            "x̂_0 = 0, ε̂ = 1, t = 6, s = 3, noise = 0, eta = 0",
            lambda: (one(0.0), one(), 6, 3, one(0.0), TEN, 0.0),
        ),
        Case(
            "x̂_0 = 0, ε̂ = 0, t = 6, s = 3, noise = 1, eta = 0.6",
            lambda: (one(0.0), one(0.0), 6, 3, one(), TEN, 0.6),
        ),
        Case(
            "x̂_0 = 0, ε̂ = 1, t = 6, s = 3, noise = 1, eta = 0.5",
            lambda: (one(0.0), one(), 6, 3, one(), TEN, 0.5),
        ),
        Case(
            "x̂_0 = 1, ε̂ = 1, t = 1, s = 0, noise = 1, eta = 1",
            lambda: (one(), one(), 1, 0, one(), TEN, 1.0),
        ),
        Case(
            "three pictures, t = 8, s = 4, eta = 0.7",
            lambda: (
                normal(3, 1, 4, 4),
                normal(3, 1, 4, 4, seed=1),
                8,
                4,
                normal(3, 1, 4, 4, seed=2),
                TEN,
                0.7,
            ),
        ),
    ],
)


def _parts(t, s, schedule, eta):
    """ᾱ_t, ᾱ_s and τ²."""
    a_t, a_s = schedule.alpha_bar(t), schedule.alpha_bar(s)
    return a_t, a_s, eta**2 * (1 - a_s) / (1 - a_t) * (1 - a_t / a_s)


def _made_of(x0_hat, eps_hat, t, s, noise, schedule, eta, factors):
    """The three, each times its factor."""
    parts = _parts(t, s, schedule, eta)
    on_x0, on_eps, on_noise = (
        sqrt(max(0.0, x)) for x in factors(*parts, eta)
    )
    return on_x0 * x0_hat + on_eps * eps_hat + on_noise * noise


for words, section, factors in (
    (
        "x̂_0 is scaled by ᾱ_s rather than by its root",
        KEEP,
        lambda a_t, a_s, tau2, eta: (a_s**2, 1 - a_s - tau2, tau2),
    ),
    (
        "x̂_0 keeps the factor √ᾱ_t of where it comes from, and not √ᾱ_s",
        KEEP,
        lambda a_t, a_s, tau2, eta: (a_t, 1 - a_s - tau2, tau2),
    ),
    (
        "ε̂ keeps the share 1 − ᾱ_t of where it comes from, and not 1 − ᾱ_s",
        KEEP,
        lambda a_t, a_s, tau2, eta: (a_s, 1 - a_t - tau2, tau2),
    ),
    (
        "the root before ε̂ is missing",
        KEEP,
        lambda a_t, a_s, tau2, eta: (a_s, (1 - a_s - tau2) ** 2, tau2),
    ),
    (
        "−τ² is missing under the root, so that there is more noise than "
        "there should be at s",
        DIAL,
        lambda a_t, a_s, tau2, eta: (a_s, 1 - a_s, tau2),
    ),
    (
        "τ and not τ² is taken away under the root",
        DIAL,
        lambda a_t, a_s, tau2, eta: (a_s, 1 - a_s - sqrt(tau2), tau2),
    ),
    (
        "the fresh noise is scaled by τ² rather than by τ",
        DIAL,
        lambda a_t, a_s, tau2, eta: (a_s, 1 - a_s - tau2, tau2**2),
    ),
    (
        "the fresh noise is left out though room was made for it",
        DIAL,
        lambda a_t, a_s, tau2, eta: (a_s, 1 - a_s - tau2, 0.0),
    ),
    (
        "eta is ignored, as if it were always 0",
        DIAL,
        lambda a_t, a_s, tau2, eta: (a_s, 1 - a_s, 0.0),
    ),
    (
        "eta is not squared in τ²",
        DIAL,
        lambda a_t, a_s, tau2, eta: (
            a_s,
            1 - a_s - (tau2 / eta if eta else 0.0),
            tau2 / eta if eta else 0.0,
        ),
    ),
    (
        "τ² has 1 − ᾱ_t, the noise up to t, and not 1 − ᾱ_t/ᾱ_s, the noise "
        "from s to t",
        DIAL,
        lambda a_t, a_s, tau2, eta: (
            a_s,
            1 - a_s - eta**2 * (1 - a_s),
            eta**2 * (1 - a_s),
        ),
    ),
):
    ddim_step.slip(words, section)(partial(_made_of, factors=factors))


@ddim_step.slip(
    "t and s are exchanged: ᾱ_t stands where ᾱ_s should, and ᾱ_s where ᾱ_t",
    KEEP,
)
def _(x0_hat, eps_hat, t, s, noise, schedule, eta):
    a_t, a_s = schedule.alpha_bar(s), schedule.alpha_bar(t)
    tau2 = (
        eta**2 * (1 - a_s) / (1 - a_t) * (1 - a_t / a_s) if a_t < 1 else 0
    )
    rest = sqrt(max(0.0, 1 - a_s - tau2))
    return (
        sqrt(a_s) * x0_hat + rest * eps_hat + sqrt(max(0.0, tau2)) * noise
    )


@ddim_step.slip(
    "the α of one step stands where ᾱ, the product of all, should", KEEP
)
def _(x0_hat, eps_hat, t, s, noise, schedule, eta):
    a_t, a_s = schedule.alphas.clone()[[t, s]]
    tau2 = eta**2 * (1 - a_s) / (1 - a_t) * (1 - a_t / a_s)
    kept = a_s.sqrt() * x0_hat + (1 - a_s - tau2).sqrt() * eps_hat
    return kept + tau2.sqrt() * noise


@ddim_step.slip("x̂_0 and ε̂ are exchanged", KEEP)
def _(x0_hat, eps_hat, t, s, noise, schedule, eta):
    return right_ddim_step(eps_hat, x0_hat, t, s, noise, schedule, eta)


@ddim_step.slip("the step goes to t − 1, wherever s is", FIRST)
def _(x0_hat, eps_hat, t, s, noise, schedule, eta):
    return right_ddim_step(x0_hat, eps_hat, t, t - 1, noise, schedule, eta)


# A part that is known

LEFT = torch.tensor([1.0, 1.0, 0.0, 0.0])  # of a picture, 4 pixels wide

held = Task(
    "held",
    chapter=8,
    answer=right_held,
    goal="return x_s with the known part put in, at the noise of s",
    tip=(
        "use it after every step of DDIM, with the upper half of a digit "
        "known: how often do the halves fit (section 8.9)"
    ),
    cases=[
        Case(
            "x_s = 0, known = 1, mask = 1, s = 5, noise = 0",
            lambda: (one(0.0), one(), one(), 5, one(0.0), TEN),
        ),
        Case(
            "x_s = 1, known = 0, mask = 0, s = 5, noise = 1",
            lambda: (one(), one(0.0), one(0.0), 5, one(), TEN),
        ),
        Case(
            "x_s = 0, known = 1, mask = 1, s = 0, noise = 1",
            lambda: (one(0.0), one(), one(), 0, one(), TEN),
        ),
        Case(
            "three pictures whose left half is known, s = 4",
            lambda: (
                normal(3, 1, 4, 4),
                normal(3, 1, 4, 4, seed=1),
                LEFT.clone(),
                4,
                normal(3, 1, 4, 4, seed=2),
                TEN,
            ),
        ),
    ],
)


@held.slip(
    "the mask is turned round, so that what is known is drawn anew", PART
)
def _(x, known, mask, s, noise, schedule):
    return right_held(x, known, 1 - mask, s, noise, schedule)


@held.slip(
    "x_0 and the noise are scaled by ᾱ and 1 − ᾱ, and not by their roots",
    "2.9 Two slips, two numbers",
)
def _(x, known, mask, s, noise, schedule):
    a = schedule.alpha_bar(s)
    return mask * (a * known + (1 - a) * noise) + (1 - mask) * x


@held.slip(
    "the known part is put in clean, and not at the noise of s, a mixture "
    "that the network has never seen",
    PART,
)
def _(x, known, mask, s, noise, schedule):
    return mask * known + (1 - mask) * x


@held.slip(
    "all of the picture is noised, also the part that has its noise",
    PART,
)
def _(x, known, mask, s, noise, schedule):
    return q_sample(mask * known + (1 - mask) * x, s, noise, schedule)


@held.slip(
    "x_s is not taken out where the known part is put in, so that both "
    "add up",
    PART,
)
def _(x, known, mask, s, noise, schedule):
    return mask * q_sample(known, s, noise, schedule) + x


@held.slip("only the known part is returned, and the rest is 0", PART)
def _(x, known, mask, s, noise, schedule):
    return mask * q_sample(known, s, noise, schedule)


@held.slip(
    "the mask is ignored, and all of the known picture is put in", PART
)
def _(x, known, mask, s, noise, schedule):
    return q_sample(known, s, noise, schedule)


@held.slip("x_s is returned as it was, with nothing put in", PART)
def _(x, known, mask, s, noise, schedule):
    return x.clone()


@held.slip(
    "the known part is not made smaller by √ᾱ_s before its noise is added",
    PART,
)
def _(x, known, mask, s, noise, schedule):
    _, sigma = schedule.signal_and_sigma(s, x)
    return mask * (known + sigma * noise) + (1 - mask) * x


@held.slip("the noise is scaled by 1 − ᾱ_s rather than by its root", PART)
def _(x, known, mask, s, noise, schedule):
    signal, sigma = schedule.signal_and_sigma(s, x)
    known = signal * known + sigma**2 * noise
    return mask * known + (1 - mask) * x


@held.slip("ᾱ_s stands where its root should", PART)
def _(x, known, mask, s, noise, schedule):
    signal, sigma = schedule.signal_and_sigma(s, x)
    known = signal**2 * known + sigma * noise
    return mask * known + (1 - mask) * x


@held.slip(
    "the α of one step stands where ᾱ, the product of all, should", PART
)
def _(x, known, mask, s, noise, schedule):
    alpha = schedule.alphas.clone()[s]
    known = alpha.sqrt() * known + (1 - alpha).sqrt() * noise
    return mask * known + (1 - mask) * x


@held.slip("the known part gets no noise, only the factor √ᾱ_s", PART)
def _(x, known, mask, s, noise, schedule):
    return right_held(x, known, mask, s, 0 * noise, schedule)
