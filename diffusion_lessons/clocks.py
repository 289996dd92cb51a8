"""Flow and diffusion: the same picture, on another clock, in another size.

Both mix x_0 and noise. Where there is as much noise per signal it is the
same picture but for a factor, so each of the two can be asked as the other.
"""

from collections.abc import Callable
from math import inf, sqrt

import torch
from torch import Tensor

from .checks import Images, Model, Moments, Steps, checked
from .flow import flow_ends
from .languages import ddpm_step
from .mixture import GaussianMixture
from .prediction import Predicts, target, x0_and_eps
from .schedule import NoiseSchedule

WHOLE = 0.01  # of a step: what float32 makes of a whole one


# Which step is it


@checked
def time_at(t: Steps, schedule: NoiseSchedule) -> Tensor:
    """The time at which a flow has as much noise per signal as step t.

    sqrt(1 - ᾱ_t) / (sqrt(ᾱ_t) + sqrt(1 - ᾱ_t))

    t: int or (B,) in 0..T    returns () or (B,), float64
    """
    t = torch.as_tensor(t)
    like = torch.empty(max(t.numel(), 1), dtype=torch.float64)
    signal, sigma = schedule.signal_and_sigma(t, like)
    time = sigma / (signal + sigma)
    return time.reshape(t.shape)


@checked
def step_at(t: Moments, schedule: NoiseSchedule) -> Tensor:
    """The step with as much noise as a flow has at time t, (B,).

    The inverse of ``time_at``: whole numbers where it is a step, else
    floats between two of them. Never below 1, the least that networks
    know.
    """
    t = torch.as_tensor(t, dtype=torch.float64).reshape(-1).cpu()
    end = schedule.alpha_bar(schedule.num_steps)
    most = sqrt((1 - end) / end) if end else inf
    noise_per_signal = (t / (1 - t)).clamp(max=most)
    step = ddpm_step(noise_per_signal, schedule).clamp(min=1)
    near = step.round()
    return near.long() if ((step - near).abs() < WHOLE).all() else step


@checked
def schedule_through(times: Moments) -> NoiseSchedule:
    """A schedule whose steps 1, 2, … are these times of a flow.

    (1 - t) x_0 + t noise, divided by the root of (1 - t)² + t², keeps the
    variance as diffusion does: ᾱ = (1 - t)² / ((1 - t)² + t²).

    times: (T,), rising, in 0..1 without the 0
    """
    signal2, sigma2 = (1 - times.double()) ** 2, times.double() ** 2
    alphas_cumprod = signal2 / (signal2 + sigma2)
    before = torch.cat([alphas_cumprod.new_ones(1), alphas_cumprod[:-1]])
    return NoiseSchedule(1 - alphas_cumprod / before)


def _own_clock(
    t: Tensor | float, x: Tensor
) -> tuple[NoiseSchedule, Tensor]:
    """A schedule through these times, and 1; the step of each."""
    t = torch.as_tensor(t, dtype=torch.float64, device=x.device)
    t = t.expand(len(x))
    with_ends = torch.cat([t, t.new_tensor([0, 1])])
    times, k = with_ends.unique(return_inverse=True)
    return schedule_through(times[1:]), k[: len(t)]


# The same model in the other language


@checked
def as_flow(
    model: Model, schedule: NoiseSchedule, predicts: Predicts = "eps"
) -> Callable[..., Tensor]:
    """A network of diffusion, asked as a flow: (x_t, t) -> velocity.

    The picture of a flow, times the factor that ``schedule_through`` says,
    is one of diffusion; the step is ``step_at``; and the velocity is the
    difference of the two ends that the network sees, eps_hat - x0_hat.

    model: any (x_t, t) -> output at the steps of *schedule*
    """

    def velocity(x: Tensor, t: Tensor | float, *label: Tensor) -> Tensor:
        own, k = _own_clock(t, x)
        signal, sigma = own.signal_and_sigma(k, x)
        xt = (signal + sigma) * x
        step = step_at(t, schedule).to(x.device).expand(len(x))
        output = model(xt, step, *label)
        x0_hat, eps_hat = x0_and_eps(output, xt, k, own, predicts)
        return eps_hat - x0_hat

    return velocity


@checked
def from_flow(
    model: Model, schedule: NoiseSchedule, predicts: Predicts = "eps"
) -> Callable[..., Tensor]:
    """A flow, asked as a network of diffusion that predicts as wanted.

    model: any (x_t, t) -> velocity at times in 0..1
    Returns (x_t, t) -> output at the steps of *schedule*.
    """

    def output(x: Tensor, t: Tensor | int, *label: Tensor) -> Tensor:
        signal, sigma = schedule.signal_and_sigma(t, x)
        time = time_at(t, schedule).to(x).expand(len(x))
        xt = x / (signal + sigma)
        velocity = model(xt, time, *label)
        x0_hat, eps_hat = flow_ends(velocity, xt, time)
        return target(predicts, x0_hat, eps_hat, t, schedule)

    return output


@checked
def mixture_velocity(
    mixture: GaussianMixture, xt: Images, t: Moments
) -> Tensor:
    """E[noise - x_0 | x_t], exact: what a perfect flow would answer.

    The mean velocity of all lines through x_t, each as probable as it is.

    xt: (B, D)    t: a number or (B,) in 0..1    returns (B, D)
    """
    own, k = _own_clock(t, xt)
    signal, sigma = own.signal_and_sigma(k, xt)
    xt = (signal + sigma) * xt
    x0_hat = mixture.posterior_mean(xt, k, own)
    eps_hat = -sigma * mixture.score(xt, k, own)
    return eps_hat - x0_hat
