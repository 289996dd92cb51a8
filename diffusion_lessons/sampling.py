"""From noise to data: ancestral sampling and DDIM."""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from math import sqrt
from operator import index
from typing import NamedTuple

import torch
from torch import Tensor

from .forward import q_posterior
from .prediction import check_predicts, x0_and_eps
from .schedule import NoiseSchedule, check_steps

Model = Callable[[Tensor, Tensor], Tensor]  # (x_t, t) -> output
VARIANCES = ("posterior", "beta")
MOST_SIGNAL = 0.05  # of x_0 that may be left where sampling begins


class Snapshot(NamedTuple):
    """What a sampler shows after each step."""

    t: int  # the step just reached, 0 for the last
    x: Tensor  # x_t, (B, …)
    x0_hat: Tensor  # the clean image guessed on the way, (B, …)


def clean_guess(
    model: Model,
    xt: Tensor,
    t: int,
    schedule: NoiseSchedule,
    *,
    predicts: str = "eps",
    clip: float | None = 1.0,
) -> tuple[Tensor, Tensor]:
    """The model's (x0_hat, eps_hat) at x_t, x0_hat cut to [-clip, clip].

    After the cut eps_hat is computed anew, so that the two still fit x_t:
    q_sample(x0_hat, t, eps_hat) == x_t.

    xt: (B, …)    t: in 1..T    returns two (B, …)
    """
    output = model(xt, torch.full((len(xt),), t, device=xt.device))
    x0_hat, eps_hat = x0_and_eps(output, xt, t, schedule, predicts)
    if clip is not None:
        x0_hat = x0_hat.clamp(-clip, clip)
        _, eps_hat = x0_and_eps(x0_hat, xt, t, schedule, "x0")
    return x0_hat, eps_hat


def ancestral_step(
    x0_hat: Tensor,
    xt: Tensor,
    t: int,
    noise: Tensor,
    schedule: NoiseSchedule,
    variance: str = "posterior",
) -> Tensor:
    """One draw of p(x_{t-1} | x_t), eq. 6-7 and algorithm 2 of DDPM.

    x_{t-1} = mean + sqrt(variance) noise, the mean of q(x_{t-1} | x_t, x_0)
    with the guess in the place of x_0; at t = 1 no noise is added.

    x0_hat, xt, noise: (B, …)    t: in 1..T    returns (B, …)
    """
    _check_variance(variance)
    mean, var = q_posterior(x0_hat, xt, t, schedule)
    if t == 1:
        return mean
    if variance == "beta":
        (var,) = schedule.at(schedule.betas[None], t, xt)
    return mean + var.sqrt() * noise


def ancestral_sample(
    model: Model,
    x_T: Tensor,
    schedule: NoiseSchedule,
    *,
    predicts: str = "eps",
    variance: str = "posterior",
    clip: float | None = 1.0,
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> Iterator[Snapshot]:
    """Algorithm 2 of DDPM: from x_T to x_0 in T random steps.

    A generator of snapshots: nothing runs until it is consumed.

    Args:
        model: any (x_t, t) -> output, t as (B,).
        x_T: (B, …) noise of variance 1.
        schedule: the one that the model was trained with.
        predicts: what the model's output is: "eps", "x0" or "v".
        variance: of a step: "posterior" is the smallest that can be right,
            "beta" the largest (DDPM, section 3.2).
        clip: guesses of x_0 are cut to [-clip, clip], where images live;
            None for data without bounds.
        generator: of the noise that every step but the last adds.
        progress: show a bar (terminal, Jupyter, Colab).
    """
    _check_variance(variance)
    path = range(schedule.num_steps, -1, -1)
    path = _check_path(path, schedule, predicts)

    @torch.no_grad()
    def walk(x):
        for t, s in _legs(path, progress):
            x0_hat, _ = clean_guess(
                model, x, t, schedule, predicts=predicts, clip=clip
            )
            noise = _noise(x, generator)
            x = ancestral_step(x0_hat, x, t, noise, schedule, variance)
            yield Snapshot(s, x, x0_hat)

    return walk(x_T)


def ddim_step(
    x0_hat: Tensor,
    eps_hat: Tensor,
    t: int,
    s: int,
    noise: Tensor | None,
    schedule: NoiseSchedule,
    eta: float = 0.0,
) -> Tensor:
    """From x_t to x_s, any s < t, eq. 12 and 16 of Song et al. (2021).

    x_s = sqrt(ᾱ_s) x0_hat + sqrt(1 - ᾱ_s - σ²) eps_hat + σ noise, where
    σ² = eta² (1 - ᾱ_s) / (1 - ᾱ_t) (1 - ᾱ_t / ᾱ_s).

    x0_hat, eps_hat, noise: (B, …); noise is not read if eta = 0
    """
    signal, spread = schedule.signal_and_sigma(s, x0_hat)  # of x_s
    if eta == 0:
        return signal * x0_hat + spread * eps_hat
    now, then = schedule.alphas_cumprod[[t, s]].tolist()
    sigma2 = eta**2 * (1 - then) / (1 - now) * (1 - now / then)
    rest = max(0.0, 1 - then - sigma2)  # 0, but for rounding, at s = 0
    kept = signal * x0_hat + sqrt(rest) * eps_hat
    return kept + sqrt(sigma2) * noise


def ddim_timesteps(num_train_steps: int, num_steps: int) -> list[int]:
    """num_steps + 1 whole numbers from T down to 0, evenly spaced."""
    check_steps(num_steps, highest=num_train_steps)
    spaced = torch.linspace(num_train_steps, 0, num_steps + 1)
    return spaced.round().int().tolist()


def ddim_sample(
    model: Model,
    x_T: Tensor,
    schedule: NoiseSchedule,
    num_steps: int | Iterable[int],
    *,
    eta: float = 0.0,
    predicts: str = "eps",
    clip: float | None = 1.0,
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> Iterator[Snapshot]:
    """DDIM: the same model in a few large steps, Song et al. (2021).

    With eta = 0 the path is fixed by x_T; with eta = 1 and every step it
    is ``ancestral_sample``. A generator of snapshots.

    Args:
        model: any (x_t, t) -> output, t as (B,).
        x_T: (B, …) noise of variance 1.
        schedule: the one that the model was trained with.
        num_steps: how many steps, evenly spaced; or the steps themselves,
            a list that falls from T (or near it) to 0.
        eta: how much fresh noise every step adds, 0 to 1.
        predicts: what the model's output is: "eps", "x0" or "v".
        clip: guesses of x_0 are cut to [-clip, clip]; None for no cut.
        generator: of the noise, unused if eta = 0.
        progress: show a bar (terminal, Jupyter, Colab).
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must be in 0..1, got {eta}")
    if not isinstance(num_steps, Iterable):
        num_steps = ddim_timesteps(schedule.num_steps, num_steps)
    path = _check_path(num_steps, schedule, predicts)

    @torch.no_grad()
    def walk(x):
        for t, s in _legs(path, progress):
            x0_hat, eps_hat = clean_guess(
                model, x, t, schedule, predicts=predicts, clip=clip
            )
            noise = _noise(x, generator) if eta else None
            x = ddim_step(x0_hat, eps_hat, t, s, noise, schedule, eta)
            yield Snapshot(s, x, x0_hat)

    return walk(x_T)


def _legs(path: list[int], progress: bool) -> Iterable[tuple[int, int]]:
    """Every (t, s) of the path, under a bar if wanted."""
    from tqdm.auto import tqdm

    legs = list(pairwise(path))
    return tqdm(legs, desc="sampling", disable=not progress)


def _noise(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """Noise like x, drawn where the generator lives."""
    device = x.device if generator is None else generator.device
    noise = torch.randn(
        x.shape, generator=generator, dtype=x.dtype, device=device
    )
    return noise.to(x.device)


def _check_variance(variance: str) -> None:
    if variance not in VARIANCES:
        choices = ", ".join(map(repr, VARIANCES))
        raise ValueError(
            f"variance must be one of {choices}; got {variance!r}"
        )


def _check_path(
    path: Iterable[int], schedule: NoiseSchedule, predicts: str
) -> list[int]:
    """Refuse steps that do not lead from noise to t = 0."""
    path = [index(t) for t in path]
    falls = all(s < t for t, s in pairwise(path))
    if len(path) < 2 or path[-1] != 0 or not falls:
        raise ValueError(
            "the steps must fall from T to 0, as [1000, 500, 0]; "
            f"got {path}"
        )
    if path[0] > schedule.num_steps:
        raise ValueError(
            f"the first step must be at most T = {schedule.num_steps}; "
            f"got {path[0]}"
        )
    signal = schedule.sqrt_alphas_cumprod[path[0]]
    check_predicts(predicts, signal)
    if signal > MOST_SIGNAL:
        raise ValueError(
            "sampling starts from pure noise, but at t = "
            f"{path[0]} this schedule still holds {signal:.2f} of x_0 (at "
            f"most {MOST_SIGNAL} is allowed); NoiseSchedule.linear(T), "
            ".cosine(T) and .zero_terminal_snr() end in noise at every T"
        )
    return path
