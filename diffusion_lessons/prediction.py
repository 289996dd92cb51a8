"""What a network predicts: eps, x0 or v, and the way between them."""

from math import nan
from typing import Annotated

import torch
from torch import Tensor

from .checks import Clean, Images, InputError, Steps, checked, choice, ends
from .schedule import NoiseSchedule

PREDICTIONS = ("eps", "x0", "v")
Predicts = Annotated[str, choice(*PREDICTIONS)]


@checked
def target(
    predicts: Predicts,
    x0: Clean,
    noise: Images,
    t: Steps,
    schedule: NoiseSchedule,
) -> Tensor:
    """What a network that *predicts* "eps", "x0" or "v" should output.

    eps is the noise, x0 the clean image and, after Salimans & Ho (2022),
    v = sqrt(alphas_cumprod_t) noise - sqrt(1 - alphas_cumprod_t) x_0.

    x0, noise: (B, …)    t: int or (B,) in 0..T    returns (B, …)
    """
    signal, sigma = schedule.signal_and_sigma(t, x0)
    if predicts == "eps":
        return noise
    if predicts == "x0":
        return x0
    return signal * noise - sigma * x0


@checked
def x0_and_eps(
    output: Images,
    xt: Images,
    t: Steps,
    schedule: NoiseSchedule,
    predicts: Predicts,
) -> tuple[Tensor, Tensor]:
    """Read a network's output as the pair (x0_hat, eps_hat).

    The two always fit x_t: q_sample(x0_hat, t, eps_hat) == x_t.

    output, xt: (B, …)    t: int or (B,) in 1..T    returns two (B, …)
    Where x_t is noise alone, "eps" says nothing about x_0 and is refused.
    """
    signal, sigma = schedule.signal_and_sigma(t, xt, lowest=1)
    check_readable(predicts, signal)
    if predicts == "eps":
        return (xt - sigma * output) / signal, output
    if predicts == "x0":
        return output, (xt - signal * output) / sigma
    return signal * xt - sigma * output, sigma * xt + signal * output


@checked
def elbo_weight(schedule: NoiseSchedule, predicts: Predicts) -> Tensor:
    """How much the variational bound weighs an error at each t, (T + 1,).

    The bound's term of step t is weight · ‖target - output‖². For "x0" the
    weight is half of what the SNR drops in the step, as in Kingma et al.
    (2021); for "eps" it is that over SNR_t, which is eq. 12 of DDPM with
    the variance of the posterior; for "v" it is that over SNR_t + 1.

    Entry 0 is nan, as there is no step 0. Entry 1 is inf, as the posterior
    has no variance there: for t = 1 the bound has -log p(x_0 | x_1).
    """
    snr = schedule.snr()
    on_x0 = (snr.roll(1) - snr) / 2
    on_x0[0] = nan
    per_x0 = {"eps": snr, "x0": torch.ones_like(snr), "v": snr + 1}
    return on_x0 / per_x0[predicts]


def check_readable(predicts: str, signal: Tensor | float) -> None:
    """Refuse "eps" where no *signal* is left."""
    if predicts != "eps":
        return
    if isinstance(signal, Tensor):
        signal, _ = ends(signal) or (1, 1)
    if signal == 0:
        raise InputError(
            'a network that predicts "eps" cannot be read where x_T '
            "holds nothing of x_0, at t = T of a schedule with zero "
            'terminal SNR; let it predict "x0" or "v"'
        )
