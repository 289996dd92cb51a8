"""The other ruler: x / sqrt(ᾱ_t), where x_0 keeps its size.

There the noise grows: sigma_t = sqrt(1 - ᾱ_t) / sqrt(ᾱ_t) is 0 at the clean
picture and large at t = T. A grid is the list of the t at which a sampler
stops, falling from T, or near it, to 0; between two steps where it must.
"""

from math import exp, log, sqrt
from typing import Annotated, NamedTuple

import torch
from torch import Tensor, nn

from .checks import (
    Count,
    Images,
    Model,
    Moment,
    Steps,
    checked,
    real,
    refuse,
)
from .languages import ddpm_step
from .schedule import NoiseSchedule

LARGEST = 80.0  # EDM's sigma_max: what lies above tells a network nothing
Positive = Annotated[float, real(0, ends="(]")]


@checked
def sigma_at(t: Moment, schedule: NoiseSchedule) -> float:
    """sigma_t = sqrt(1 - ᾱ_t) / sqrt(ᾱ_t), t in 0..T or between steps."""
    alpha_bar = schedule.alpha_bar(t)
    if alpha_bar == 0:
        refuse("t", "a step that holds something of x_0", t)
    return sqrt(1 - alpha_bar) / sqrt(alpha_bar)


@checked
def t_at(sigma: Positive, schedule: NoiseSchedule) -> int | float:
    """The t, a step or between two steps, that has this sigma."""
    ratio = torch.tensor([sigma], dtype=torch.float64)
    return _tidy(ddpm_step(ratio, schedule).item())


def _tidy(t: float) -> int | float:
    """A step as the int that it is, but for rounding."""
    t = round(t, 9)
    return int(t) if t == int(t) else t


# Grids


@checked
def even_grid(schedule: NoiseSchedule, num_steps: Count) -> list:
    """num_steps + 1 numbers from T to 0, evenly spaced in t."""
    T = schedule.num_steps
    if num_steps > T:
        refuse("num_steps", f"a whole number in 1..{T}", num_steps)
    return [_tidy(T - T * i / num_steps) for i in range(num_steps + 1)]


@checked
def karras_sigmas(
    num_steps: Count,
    sigma_min: Positive,
    sigma_max: Positive,
    rho: Positive = 7.0,
) -> Tensor:
    """(num_steps + 1,) sigmas falling to 0, eq. 5 of Karras et al. (2022).

    sigma_i^(1/rho) is evenly spaced between the two ends, and 0 comes last:
    large steps where the noise is large, small ones where it is small.
    """
    if sigma_min > sigma_max:
        refuse("sigma_min", f"at most sigma_max = {sigma_max:g}", sigma_min)
    share = torch.linspace(0, 1, num_steps, dtype=torch.float64)
    first, last = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    sigmas = (first + share * (last - first)) ** rho
    return torch.cat([sigmas, sigmas.new_zeros(1)])


@checked
def karras_grid(
    schedule: NoiseSchedule,
    num_steps: Count,
    *,
    rho: Positive = 7.0,
    sigma_max: Positive = LARGEST,
) -> list:
    """The t of ``karras_sigmas``, from sigma_max to sigma_1, then 0.

    Where the schedule ends below sigma_max, it begins at t = T.
    """
    last = sigma_at(schedule.num_steps, schedule)
    ends = sigma_at(1, schedule), min(sigma_max, last)
    sigmas = karras_sigmas(num_steps, *ends, rho)
    return [*(t_at(s, schedule) for s in sigmas[:-1].tolist()), 0]


@checked
def log_snr_grid(
    schedule: NoiseSchedule,
    num_steps: Count,
    *,
    sigma_max: Positive = LARGEST,
) -> list:
    """As ``karras_grid``, with log SNR = -2 log sigma evenly spaced."""
    last = sigma_at(schedule.num_steps, schedule)
    first, last = min(sigma_max, last), sigma_at(1, schedule)
    logs = torch.linspace(
        log(first), log(last), num_steps, dtype=torch.float64
    )
    return [*(t_at(exp(s), schedule) for s in logs.tolist()), 0]


# What a network is shown and asked for, in EDM


class EdmFactors(NamedTuple):
    """D(x; sigma) = c_skip x + c_out F(c_in x; c_noise)."""

    c_skip: float  # how much of what is seen is let through
    c_out: float  # the size of what the network is asked for
    c_in: float  # makes what the network sees have variance 1
    c_noise: float  # what the network is told of the noise


@checked
def edm_factors(sigma: Positive, sigma_data: Positive = 0.5) -> EdmFactors:
    """Table 1 of Karras et al. (2022), last column.

    What F sees and what F is asked for have variance 1 at every sigma, for
    data of standard deviation sigma_data.
    """
    total = sigma**2 + sigma_data**2
    return EdmFactors(
        c_skip=sigma_data**2 / total,
        c_out=sigma * sigma_data / sqrt(total),
        c_in=1 / sqrt(total),
        c_noise=log(sigma) / 4,
    )


class Preconditioned(nn.Module):
    """A network F behind EDM's factors: (x_t, t) to a guess of x_0.

    A model that predicts "x0". F is told t, which says what c_noise says.
    With sigma_data = 1, F is a network that predicts -v.
    """

    @checked
    def __init__(
        self,
        model: Model,
        schedule: NoiseSchedule,
        sigma_data: Positive = 0.5,
    ):
        super().__init__()
        self.model, self.schedule = model, schedule
        self.sigma_data = sigma_data

    @checked
    def forward(self, x: Images, t: Steps) -> Tensor:
        """(B, …) at the steps t >= 1 to (B, …)."""
        signal, noise = self.schedule.signal_and_sigma(t, x, lowest=1)
        x, sigma = x / signal, noise / signal
        total = sigma**2 + self.sigma_data**2
        c_skip = self.sigma_data**2 / total
        c_out = sigma * self.sigma_data / total.sqrt()
        return c_skip * x + c_out * self.model(x / total.sqrt(), t)
