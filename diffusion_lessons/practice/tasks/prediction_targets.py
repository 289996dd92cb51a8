"""Practice of chapter 6: from one answer of a network to the others."""

from ...prediction import target, x0_and_eps
from ..task import THOUSAND, Case, Task, at, one, three

THREE = "6.1 Three answers, one knowledge"
WRONG = "6.5 What people get wrong here"


def _factors(t, like, schedule):
    """√ᾱ_t and √(1 − ᾱ_t)."""
    return schedule.signal_and_sigma(t, like)


def _bars(table, t, like):
    """A number of the table and 1 less it: the factors without roots."""
    a = at(table, t, like)
    return a, 1 - a


def _early(t, like, schedule):
    """Both factors one step too early."""
    a, rest = _bars(schedule.alphas_cumprod, t - 1, like)
    return a.sqrt(), rest.sqrt()


def _of_one_step(t, like, schedule):
    """The factors of one step in place of those of the jump."""
    a, rest = _bars(schedule.alphas, t, like)
    return a.sqrt(), rest.sqrt()


FACTORS = {  # where both factors are wrong, in every task
    ("the roots are missing: ᾱ and 1 − ᾱ are the squares", THREE): (
        lambda t, x, schedule: _bars(schedule.alphas_cumprod, t, x)
    ),
    ("1 − ᾱ stands where its root should", THREE): (
        lambda t, x, schedule: (
            _factors(t, x, schedule)[0],
            _bars(schedule.alphas_cumprod, t, x)[1],
        )
    ),
    ("ᾱ stands where its root should", THREE): (
        lambda t, x, schedule: (
            _bars(schedule.alphas_cumprod, t, x)[0],
            _factors(t, x, schedule)[1],
        )
    ),
    (
        "ᾱ is read one step too early, at t − 1",
        "2.6 Reading a schedule",
    ): _early,
    (
        "the α of the one step stands where ᾱ, the product of all steps up "
        "to t, should",
        "2.2 The closed form: two steps, then all of them",
    ): _of_one_step,
}


def _add_factors(task, formula):
    """The slips of FACTORS, for a formula (x, y, signal, sigma)."""
    for (words, section), factors in FACTORS.items():

        def slip(x, y, t, schedule, factors=factors):
            return formula(x, y, *factors(t, x, schedule))

        task.slip(words, section)(slip)


# The picture that an answer of noise implies


def _solved(xt, eps_hat, signal, sigma):
    return (xt - sigma * eps_hat) / signal


def _x0_from_eps(xt, eps_hat, t, schedule):
    return _solved(xt, eps_hat, *_factors(t, xt, schedule))


x0_from_eps = Task(
    "x0_from_eps",
    chapter=6,
    answer=_x0_from_eps,
    goal="return the clean picture that x_t and ε̂ imply",
    tip=(
        "let ε̂ be off by 0.01 at t = 1000: how far is the picture off "
        "(section 6.2)"
    ),
    cases=[
        Case(
            "x_t = 1, eps_hat = 0, t = T",
            lambda: (one(), one(0.0), 1000, THOUSAND),
        ),
        Case(
            "x_t = 0, eps_hat = 1, t = 500",
            lambda: (one(0.0), one(), 500, THOUSAND),
        ),
        Case("three pictures, each with a t of its own", three),
    ],
)
_add_factors(x0_from_eps, _solved)


@x0_from_eps.slip("the division by √ᾱ is missing", THREE)
def _(xt, eps_hat, t, schedule):
    _, sigma = _factors(t, xt, schedule)
    return xt - sigma * eps_hat


@x0_from_eps.slip("√ᾱ is multiplied by, and not divided by", THREE)
def _(xt, eps_hat, t, schedule):
    signal, sigma = _factors(t, xt, schedule)
    return (xt - sigma * eps_hat) * signal


@x0_from_eps.slip(
    "only x_t is divided by √ᾱ: the noise has to be divided as well", THREE
)
def _(xt, eps_hat, t, schedule):
    signal, sigma = _factors(t, xt, schedule)
    return xt / signal - sigma * eps_hat


@x0_from_eps.slip("the noise is added, and not taken away", THREE)
def _(xt, eps_hat, t, schedule):
    return _x0_from_eps(xt, -eps_hat, t, schedule)


@x0_from_eps.slip(
    "the noise is taken away without its factor √(1 − ᾱ)", THREE
)
def _(xt, eps_hat, t, schedule):
    signal, _ = _factors(t, xt, schedule)
    return (xt - eps_hat) / signal


@x0_from_eps.slip(
    "the two factors are exchanged: that would be the noise, if ε̂ were "
    "the picture",
    THREE,
)
def _(xt, eps_hat, t, schedule):
    signal, sigma = _factors(t, xt, schedule)
    return (xt - signal * eps_hat) / sigma


@x0_from_eps.slip(
    "the picture is cut to the range from −1 to 1: that is for the sampler",
    "6.4 Samples, and a number for them",
)
def _(xt, eps_hat, t, schedule):
    return _x0_from_eps(xt, eps_hat, t, schedule).clamp(-1, 1)


# The velocity


def _velocity(x0, noise, signal, sigma):
    return signal * noise - sigma * x0


def _v_target(x0, noise, t, schedule):
    return target("v", x0, noise, t, schedule)


v_target = Task(
    "v_target",
    chapter=6,
    answer=_v_target,
    goal="return the velocity v, (B, …)",
    tip=(
        "divide the difference of two neighbours on the way, x_501 and "
        "x_499, by that of their angles (section 6.1)"
    ),
    cases=[
        Case(
            "x_0 = 1, noise = 0, t = T",
            lambda: (one(), one(0.0), 1000, THOUSAND),
        ),
        Case(
            "x_0 = 0, noise = 1, t = 500",
            lambda: (one(0.0), one(), 500, THOUSAND),
        ),
        Case(
            "x_0 = 1, noise = 1, t = 1",
            lambda: (one(), one(), 1, THOUSAND),
        ),
        Case("three pictures, each with a t of its own", three),
    ],
)
_add_factors(v_target, _velocity)


@v_target.slip(
    "the sign is turned: there is code with this sign, but here v points "
    "from the picture to the noise",
    WRONG,
)
def _(x0, noise, t, schedule):
    return -_v_target(x0, noise, t, schedule)


@v_target.slip("the picture is added, and not taken away", THREE)
def _(x0, noise, t, schedule):
    return _v_target(-x0, noise, t, schedule)


@v_target.slip(
    "the two factors are exchanged: √ᾱ belongs to the noise here", THREE
)
def _(x0, noise, t, schedule):
    signal, sigma = _factors(t, x0, schedule)
    return sigma * noise - signal * x0


@v_target.slip("x_t itself is returned", THREE)
def _(x0, noise, t, schedule):
    signal, sigma = _factors(t, x0, schedule)
    return signal * x0 + sigma * noise


@v_target.slip("picture and noise are exchanged", THREE)
def _(x0, noise, t, schedule):
    return _v_target(noise, x0, t, schedule)


@v_target.slip(
    "the factors are left out: it is the plain difference of noise and "
    "picture",
    THREE,
)
def _(x0, noise, t, schedule):
    return noise - x0


# And back


def _turned_back(v_hat, xt, signal, sigma):
    return signal * xt - sigma * v_hat, sigma * xt + signal * v_hat


def _x0_and_eps(v_hat, xt, t, schedule):
    return x0_and_eps(v_hat, xt, t, schedule, "v")


x0_and_eps_from_v = Task(
    "x0_and_eps_from_v",
    chapter=6,
    answer=_x0_and_eps,
    goal="return the pair (x̂_0, ε̂) that x_t and v̂ imply",
    tip=(
        "hand it the v and the x_t of a known picture and a known noise, "
        "and see whether both come back (section 6.1)"
    ),
    seen=("x̂_0", "ε̂"),
    cases=[
        Case(
            "v_hat = 0, x_t = 1, t = 500",
            lambda: (one(0.0), one(), 500, THOUSAND),
        ),
        Case(
            "v_hat = 1, x_t = 0, t = 500",
            lambda: (one(), one(0.0), 500, THOUSAND),
        ),
        Case("three pictures, each with a t of its own", three),
    ],
)
_add_factors(x0_and_eps_from_v, _turned_back)


@x0_and_eps_from_v.slip(
    "the noise comes first: the pair is (x̂_0, ε̂)", THREE
)
def _(v_hat, xt, t, schedule):
    return _x0_and_eps(v_hat, xt, t, schedule)[::-1]


@x0_and_eps_from_v.slip(
    "v is read with the opposite sign, as there is code that has it", WRONG
)
def _(v_hat, xt, t, schedule):
    return _x0_and_eps(-v_hat, xt, t, schedule)


@x0_and_eps_from_v.slip("the two factors are exchanged", THREE)
def _(v_hat, xt, t, schedule):
    signal, sigma = _factors(t, xt, schedule)
    return _turned_back(v_hat, xt, sigma, signal)


@x0_and_eps_from_v.slip("v_hat and x_t are exchanged", THREE)
def _(v_hat, xt, t, schedule):
    return _x0_and_eps(xt, v_hat, t, schedule)


@x0_and_eps_from_v.slip(
    "the answer is read as noise, and not as velocity", WRONG
)
def _(v_hat, xt, t, schedule):
    return x0_and_eps(v_hat, xt, t, schedule, "eps")


@x0_and_eps_from_v.slip(
    "the answer is read as the picture, and not as velocity", WRONG
)
def _(v_hat, xt, t, schedule):
    return x0_and_eps(v_hat, xt, t, schedule, "x0")


@x0_and_eps_from_v.slip(
    "the answer, v̂, stands where ε̂ should, beside the right picture",
    THREE,
)
def _(v_hat, xt, t, schedule):
    return _x0_and_eps(v_hat, xt, t, schedule)[0], v_hat


@x0_and_eps_from_v.slip("only the picture is returned, and no noise", THREE)
def _(v_hat, xt, t, schedule):
    return _x0_and_eps(v_hat, xt, t, schedule)[0]
