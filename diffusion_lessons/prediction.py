"""What a network predicts: eps, x0 or v, and the way between them."""

from torch import Tensor

from .forward import check_same_shape
from .schedule import NoiseSchedule

PREDICTIONS = ("eps", "x0", "v")


def target(
    predicts: str,
    x0: Tensor,
    noise: Tensor,
    t: Tensor | int,
    schedule: NoiseSchedule,
) -> Tensor:
    """What a network that *predicts* "eps", "x0" or "v" should output.

    eps is the noise, x0 the clean image and, after Salimans & Ho (2022),
    v = sqrt(alphas_cumprod_t) noise - sqrt(1 - alphas_cumprod_t) x_0.

    x0, noise: (B, …)    t: int or (B,) in 0..T    returns (B, …)
    """
    check_predicts(predicts)
    check_same_shape(x0=x0, noise=noise)
    if predicts == "eps":
        return noise
    if predicts == "x0":
        return x0
    signal, sigma = schedule.signal_and_sigma(t, x0)
    return signal * noise - sigma * x0


def x0_and_eps(
    output: Tensor,
    xt: Tensor,
    t: Tensor | int,
    schedule: NoiseSchedule,
    predicts: str,
) -> tuple[Tensor, Tensor]:
    """Read a network's output as the pair (x0_hat, eps_hat).

    The two always fit x_t: q_sample(x0_hat, t, eps_hat) == x_t.

    output, xt: (B, …)    t: int or (B,) in 1..T    returns two (B, …)
    """
    check_predicts(predicts)
    check_same_shape(output=output, xt=xt)
    signal, sigma = schedule.signal_and_sigma(t, xt, lowest=1)
    if predicts == "eps":
        return (xt - sigma * output) / signal, output
    if predicts == "x0":
        return output, (xt - signal * output) / sigma
    return signal * xt - sigma * output, sigma * xt + signal * output


def check_predicts(predicts: str) -> None:
    """Refuse an unknown name of a prediction."""
    if predicts not in PREDICTIONS:
        choices = ", ".join(map(repr, PREDICTIONS))
        raise ValueError(
            f"predicts must be one of {choices}; got {predicts!r}"
        )
