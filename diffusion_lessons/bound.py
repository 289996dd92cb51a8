"""The variational bound on how probable a picture is, term by term.

-log p(x_0) is at most L_T + L_{T-1} + … + L_1 + L_0, eq. 5 of DDPM, in nats
for each picture: ``prior_term``, T - 1 times ``step_term``, ``last_term``.
"""

from collections.abc import Iterator
from math import log, pi
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor

from .checks import (
    Clean,
    Count,
    Images,
    Model,
    Rows,
    Steps,
    checked,
    refuse,
)
from .forward import Gaussian, posterior_factors, q_posterior, q_sample
from .likelihood import Levels, gaussian_kl, level_log_prob
from .prediction import Predicts, x0_and_eps
from .sampling import Clip, noise_like
from .schedule import NoiseSchedule


def _variance(value: Any, name: str) -> str | Tensor:
    """The name of a variance, or a table of them."""
    table = isinstance(value, Tensor) and value.ndim == 1
    if not table and value not in ("posterior", "beta"):
        refuse(name, "'posterior', 'beta' or a table, (T + 1,)", value)
    return value


StepVariance = Annotated[str | Tensor, _variance]


@checked
def prior_term(x0: Clean, schedule: NoiseSchedule) -> Tensor:
    """L_T = KL(q(x_T | x_0) || N(0, I)), (B,): is x_T really noise?"""
    signal, sigma = schedule.signal_and_sigma(schedule.num_steps, x0)
    q = Gaussian(signal * x0, sigma**2)
    p = Gaussian(torch.zeros_like(x0), torch.ones_like(sigma))
    return gaussian_kl(q, p)


@checked
def step_term(
    model: Model,
    x0: Clean,
    t: Steps,
    noise: Images,
    schedule: NoiseSchedule,
    *,
    predicts: Predicts = "eps",
    variance: StepVariance = "posterior",
    clip: Clip = 1.0,
) -> Tensor:
    """L_{t-1}, (B,): KL of the model's step from q(x_{t-1} | x_t, x_0).

    With the posterior's variance and no clip it is the error of the
    output, squared and summed, times ``elbo_weight``.

    x0, noise: (B, …)    t: int or (B,) in 2..T
    variance: of the model's step; a table as by ``best_variance``
    """
    schedule.check_t(t, x0, 2)
    xt = q_sample(x0, t, noise, schedule)
    x0_hat = _x0_hat(model, xt, t, schedule, predicts, clip)
    true = q_posterior(x0, xt, t, schedule)
    mean, var = q_posterior(x0_hat, xt, t, schedule)
    if not isinstance(variance, str) or variance == "beta":
        var = _step_variance(variance, t, xt, schedule)
    return gaussian_kl(true, Gaussian(mean, var))


@checked
def last_term(
    model: Model,
    x0: Clean,
    noise: Images,
    schedule: NoiseSchedule,
    *,
    predicts: Predicts = "eps",
    variance: StepVariance = "posterior",
    clip: Clip = 1.0,
    levels: Levels | None = None,
) -> Tensor:
    """L_0 = -log p(x_0 | x_1), (B,), eq. 13 of DDPM.

    p is a Gaussian around the guess. A sampler adds no noise in its last
    step, but a density needs a width: beta_1, or entry 1 of a table.

    levels: how many values a pixel can have; None for data that have a
        density.
    """
    xt = q_sample(x0, 1, noise, schedule)
    mean = _x0_hat(model, xt, 1, schedule, predicts, clip)
    if isinstance(variance, str):
        variance = "beta"
    var = _step_variance(variance, 1, xt, schedule)
    if levels is not None:
        log_p = level_log_prob(x0, mean, var.item() ** 0.5, levels)
    else:
        log_p = -((x0 - mean) ** 2 / var + (2 * pi * var).log()) / 2
    return -log_p.flatten(1).sum(1)


@checked
def best_variance(errors: Rows, schedule: NoiseSchedule) -> Tensor:
    """The variances of the steps that make the bound smallest, (T + 1,).

    var_t = variance of the posterior + k_t² error_t, where k_t is the
    factor on x_0 in its mean: Bao et al. (2022), theorem 1.

    errors: (T + 1,) mean squared error of x0_hat in a pixel, at each t
    """
    on_x0, _, variance = schedule.once(posterior_factors)
    return variance + on_x0**2 * errors


class Bound(NamedTuple):
    """-log p(x_0) is at most their sum. In nats, (B,) each."""

    prior: Tensor  # L_T
    steps: Tensor  # L_{T-1} + … + L_1
    last: Tensor  # L_0

    @property
    def total(self) -> Tensor:
        """The bound, (B,)."""
        return self.prior + self.steps + self.last


@checked
@torch.no_grad()
def variational_bound(
    model: Model,
    x0: Clean,
    schedule: NoiseSchedule,
    *,
    predicts: Predicts = "eps",
    variance: StepVariance = "posterior",
    clip: Clip = 1.0,
    levels: Levels | None = None,
    draws: Count | None = None,
    generator: torch.Generator | None = None,
) -> Bound:
    """The whole bound for each picture, with one noise at each t.

    Right on average over the noise: take the mean over many pictures, and
    ``bootstrap`` for its interval.

    draws: at so many t, drawn for each picture anew; None for every t
    """
    how = {"predicts": predicts, "variance": variance, "clip": clip}
    steps = torch.zeros(len(x0), dtype=torch.float64, device=x0.device)
    for t, weight in _some_steps(x0, schedule.num_steps, draws, generator):
        noise = noise_like(x0, generator)
        term = step_term(model, x0, t, noise, schedule, **how)
        steps += weight * term
    noise = noise_like(x0, generator)
    last = last_term(model, x0, noise, schedule, levels=levels, **how)
    return Bound(prior_term(x0, schedule), steps, last)


class Rounded:
    """A model that ends on the levels which a pixel can have.

    It predicts "x0": the guess of *model*, cut to [-1, 1] and, up to the
    step *below*, put on the nearest of the levels. Where noise is small
    beside their distance, that is nearly always the true one.
    """

    @checked
    def __init__(
        self,
        model: Model,
        schedule: NoiseSchedule,
        predicts: Predicts,
        levels: Levels,
        below: int,
    ):
        self.model, self.schedule, self.predicts = model, schedule, predicts
        self.half, self.below = (levels - 1) / 2, below

    @checked
    def __call__(self, xt: Images, t: Steps) -> Tensor:
        """(B, …) at the steps t to (B, …)."""
        how = self.schedule, self.predicts, 1.0
        guess = _x0_hat(self.model, xt, t, *how)
        nearest = ((guess + 1) * self.half).round() / self.half - 1
        late = torch.as_tensor(t, device=xt.device) <= self.below
        late = late.view(-1, *(1,) * (xt.ndim - 1))
        return torch.where(late, nearest, guess)


def _some_steps(
    x0: Tensor,
    last: int,
    draws: int | None,
    generator: torch.Generator | None,
) -> Iterator[tuple[Tensor, Tensor | int]]:
    """(B,) steps in 2..T, and how many each stands for.

    Each t once; or so many draws, evenly spread in log t, for the small t
    count most.
    """
    if draws is None:
        yield from (
            (torch.full((len(x0),), t), 1) for t in range(2, last + 1)
        )
        return
    start = torch.rand(len(x0), generator=generator, dtype=torch.float64)
    span = log((last + 1) / 2)
    for i in range(draws):
        t = (2 * ((start + i) / draws * span).exp()).long().clamp(max=last)
        chance = ((t + 1) / t).log() / span
        yield t.to(x0.device), (1 / (draws * chance)).to(x0)


def _x0_hat(
    model: Model,
    xt: Tensor,
    t: Tensor | int,
    schedule: NoiseSchedule,
    predicts: str,
    clip: float | None,
) -> Tensor:
    t_of_all = torch.as_tensor(t, device=xt.device).expand(len(xt))
    x0_hat, _ = x0_and_eps(model(xt, t_of_all), xt, t, schedule, predicts)
    return x0_hat if clip is None else x0_hat.clamp(-clip, clip)


def _step_variance(
    variance: str | Tensor,
    t: Tensor | int,
    xt: Tensor,
    schedule: NoiseSchedule,
) -> Tensor:
    table = schedule.betas if isinstance(variance, str) else variance
    if table.shape != schedule.betas.shape:
        takes = f"a table of {len(schedule.betas)} numbers, for t in 0..T"
        refuse("variance", takes, table)
    (var,) = schedule.at(table[None], t, xt)
    return var
