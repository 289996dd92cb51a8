"""Adding noise: one step of the chain, and the jump to any step t."""

from typing import NamedTuple

import torch
from torch import Tensor

from .checks import Amount, Clean, Images, NotNegative, Steps, checked
from .schedule import NoiseSchedule


class Gaussian(NamedTuple):
    """N(mean, variance I): mean (B, …), variance (B, 1, …, 1)."""

    mean: Tensor
    variance: Tensor


@checked
def q_step(
    x_prev: Images, t: Steps, noise: Images, schedule: NoiseSchedule
) -> Tensor:
    """One draw of q(x_t | x_{t-1}), eq. 2 of DDPM.

    x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) noise

    x_prev, noise: (B, …)    t: int or (B,) in 1..T    returns (B, …)
    """
    beta = schedule.beta_at(t, x_prev)
    return (1 - beta).sqrt() * x_prev + beta.sqrt() * noise


@checked
def q_chain(
    x0: Clean,
    schedule: NoiseSchedule,
    generator: torch.Generator | None = None,
) -> Tensor:
    """One draw of q(x_{1:T} | x_0), eq. 2 of DDPM: T steps, one by one.

    x0: (B, …)    returns (T + 1, B, …) with x_0 first
    """
    chain = [x0]
    for t in range(1, schedule.num_steps + 1):
        noise = torch.randn(x0.shape, generator=generator, dtype=x0.dtype)
        chain.append(q_step(chain[-1], t, noise.to(x0.device), schedule))
    return torch.stack(chain)


@checked
def chain_variance(
    keep: Images, gain: Images, start: NotNegative = 1.0
) -> Tensor:
    """The variance of x_t when every step is x <- keep_t x + gain_t noise.

    It obeys variance_t = keep_t² variance_{t-1} + gain_t².

    keep, gain: (T,) for the steps 1..T    returns (T + 1,), *start* first
    """
    variance = [torch.tensor(start, dtype=keep.dtype)]
    for k, g in zip(keep, gain, strict=True):
        variance.append(k**2 * variance[-1] + g**2)
    return torch.stack(variance)


@checked
def q_sample(
    x0: Clean, t: Steps, noise: Images, schedule: NoiseSchedule
) -> Tensor:
    """One draw of q(x_t | x_0), eq. 4 of DDPM: the jump.

    x_t = sqrt(alphas_cumprod_t) x_0 + sqrt(1 - alphas_cumprod_t) noise

    x0, noise: (B, …)    t: int or (B,) in 0..T    returns (B, …)
    """
    signal, sigma = schedule.signal_and_sigma(t, x0)
    return signal * x0 + sigma * noise


@checked
def posterior_factors(schedule: NoiseSchedule) -> Tensor:
    """The numbers of q(x_{t-1} | x_t, x_0) at every t, eq. 7 of DDPM.

    Returns (3, T + 1): the factor on x_0, the factor on x_t and the
    variance. Entry 0 means nothing, for no step leads back from x_0.
    """
    beta, alpha = schedule.betas, schedule.alphas
    alpha_bar = schedule.alphas_cumprod
    before = alpha_bar.roll(1)  # alpha_bar_{t-1}
    on_x0 = before.sqrt() * beta / (1 - alpha_bar)
    on_xt = alpha.sqrt() * (1 - before) / (1 - alpha_bar)
    variance = (1 - before) / (1 - alpha_bar) * beta
    return torch.stack([on_x0, on_xt, variance])


@checked
def q_posterior(
    x0: Images, xt: Images, t: Steps, schedule: NoiseSchedule
) -> Gaussian:
    """q(x_{t-1} | x_t, x_0), eq. 6-7 of DDPM: one step back, x_0 known.

    x0, xt: (B, …)    t: int or (B,) in 1..T
    Returns mean (B, …) and variance (B, 1, …, 1); at t = 1 the mean is
    x_0 and the variance is exactly 0.
    """
    factors = schedule.once(posterior_factors)
    on_x0, on_xt, variance = schedule.at(factors, t, xt, lowest=1)
    return Gaussian(on_x0 * x0 + on_xt * xt, variance)


@checked
def mix(x0: Clean, noise: Images, amount: Amount) -> Tensor:
    """The first guess at adding noise: (1 - amount) x_0 + amount noise.

    x0, noise: (B, …)    amount: a number, or (B, 1, …, 1), in 0..1
    """
    return (1 - amount) * x0 + amount * noise
