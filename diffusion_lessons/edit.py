"""From one picture to another: noised and drawn anew, or a part of it held.

Both are generators of snapshots, as the samplers are. Every noise that they
draw is as large as x_T, and the order of the draws is fixed:

- ``from_noised``, in every step: the fresh noise of DDIM, if eta > 0;
- ``inpaint``, in every pass of a step from t to s: (1) the fresh noise of
  DDIM, if eta > 0; (2) the noise of the known part, if s > 0; (3) the noise
  of going back to t, if another pass follows.
"""

from collections.abc import Iterator
from functools import partial
from math import sqrt

import torch
from torch import Tensor

from .checks import (
    Count,
    Images,
    InputError,
    Mask,
    Model,
    Noise,
    Share,
    Step,
    checked,
    refuse,
    trusted,
)
from .forward import q_sample
from .prediction import Predicts, check_readable
from .sampling import (
    Clip,
    Snapshot,
    check_leg,
    check_noise,
    check_path,
    ddim_timesteps,
    ddim_walk,
    legs_of,
    noise_like,
)
from .schedule import NoiseSchedule

# What is handed on here came through a door already.
q_sample = trusted(q_sample)


@checked
def from_noised(
    model: Model,
    x0: Noise,
    t: Step,
    noise: Noise,
    schedule: NoiseSchedule,
    num_steps: Count,
    *,
    eta: Share = 0.0,
    predicts: Predicts = "eps",
    clip: Clip = 1.0,
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> Iterator[Snapshot]:
    """Noise a picture up to t, and draw it from there (img2img).

    SDEdit of Meng et al. (2022), with DDIM for the way back: a small t
    keeps the picture, t = T forgets it and is ``ddim_sample``. A generator
    of snapshots.

    Args:
        model: any (x_t, t) -> output, t as (B,).
        x0: (B, …) the pictures, in [-1, 1].
        t: how far up, 1..T.
        noise: (B, …) of variance 1, what x0 is noised with.
        schedule: the one that the model was trained with.
        num_steps: how many steps lead from t to 0, evenly spaced, 1..t.
        eta: how much fresh noise every step adds, 0 to 1.
        predicts: what the model's output is: "eps", "x0" or "v".
        clip: guesses of x_0 are cut to [-clip, clip]; None for no cut.
        generator: of the noise, unused if eta = 0.
        progress: show a bar (terminal, Jupyter, Colab).
    """
    if not 1 <= t <= schedule.num_steps:
        refuse("t", f"an int in 1..{schedule.num_steps}", t)
    check_readable(predicts, schedule.alpha_bar(t))
    _check_alike(noise, "noise", x0, "x0")
    path = ddim_timesteps(t, num_steps)
    xt = q_sample(x0, t, noise, schedule)
    how = {"eta": eta, "predicts": predicts, "clip": clip}
    return ddim_walk(
        model, xt, path, schedule, generator, progress=progress, **how
    )


@checked
def held(
    x: Images,
    known: Images,
    mask: Mask,
    s: Step,
    noise: Images | None,
    schedule: NoiseSchedule,
) -> Tensor:
    """x_s with the known part put in, eq. 8 of Lugmayr et al. (2022).

    x_s <- mask q_sample(known, s, noise) + (1 - mask) x_s

    x, known, noise: (B, …); noise is not read at s = 0
    mask: 1 where known, 0 elsewhere, of any shape that fits x
    """
    mask = _fitted(mask, x)
    if s != 0:
        check_noise(noise, f"s = {s}")
        known = q_sample(known, s, noise, schedule)
    return mask * known + (1 - mask) * x


@checked
def noise_again(
    xs: Images, s: Step, t: Step, noise: Images, schedule: NoiseSchedule
) -> Tensor:
    """One draw of q(x_t | x_s): from s up to t, s < t, in one jump.

    x_t = sqrt(ᾱ_t / ᾱ_s) x_s + sqrt(1 - ᾱ_t / ᾱ_s) noise

    xs, noise: (B, …)    returns (B, …); s = 0 is ``q_sample``
    """
    check_leg(t, s, schedule)
    kept = schedule.alpha_bar(t) / schedule.alpha_bar(s)
    return sqrt(kept) * xs + sqrt(1 - kept) * noise


@checked
def inpaint(
    model: Model,
    x_T: Noise,
    known: Noise,
    mask: Mask,
    schedule: NoiseSchedule,
    num_steps: Count,
    *,
    passes: Count = 1,
    eta: Share = 0.0,
    predicts: Predicts = "eps",
    clip: Clip = 1.0,
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> Iterator[Snapshot]:
    """Finish a picture of which a part is known: RePaint.

    Lugmayr et al. (2022): after every step from t to s the known part is
    put in at the noise of s. What the sampler made then fits it only in
    part, so with passes > 1 the joined picture is noised again from s to t
    and the step repeated. A generator of snapshots, one for each step; at
    t = 0 the known part is *known* itself.

    Args:
        model: any (x_t, t) -> output, t as (B,).
        x_T: (B, …) noise of variance 1.
        known: (B, …) pictures in [-1, 1]; only the masked part is read.
        mask: 1 where known, 0 elsewhere, of any shape that fits x_T, as
            (1, 1, H, W).
        schedule: the one that the model was trained with.
        num_steps: how many steps, evenly spaced from T to 0, 1..T.
        passes: how often each step is taken; the model is asked
            num_steps * passes times.
        eta: how much fresh noise every step adds, 0 to 1; with 1 about
            half as many passes do as with 0.
        predicts: what the model's output is: "eps", "x0" or "v".
        clip: guesses of x_0 are cut to [-clip, clip]; None for no cut.
        generator: of the noise of every pass.
        progress: show a bar (terminal, Jupyter, Colab).
    """
    path = ddim_timesteps(schedule.num_steps, num_steps)
    check_path(path, schedule, predicts)
    _check_alike(known, "known", x_T, "x_T")
    _fitted(mask, x_T)
    fresh = partial(noise_like, generator=generator)
    ddim = partial(
        ddim_walk,
        model,
        schedule=schedule,
        generator=generator,
        eta=eta,
        predicts=predicts,
        clip=clip,
    )

    @torch.no_grad()
    def walk(x):
        for t, s in legs_of(path, progress):
            for number in range(passes):
                if number > 0:
                    x = noise_again(x, s, t, fresh(x), schedule)
                _, x, x0_hat = next(ddim(x, path=[t, s]))
                noise = fresh(x) if s > 0 else None
                x = held(x, known, mask, s, noise, schedule)
            yield Snapshot(s, x.clone(), x0_hat)

    return walk(x_T)


def _fitted(mask: Tensor, x: Tensor) -> Tensor:
    """The mask as numbers like x; refused if it does not fit."""
    fits = mask.ndim <= x.ndim and all(
        m in (1, n)
        for m, n in zip(mask.shape[::-1], x.shape[::-1], strict=False)
    )
    if not fits:
        one = (1,) * min(2, x.ndim - 1) + tuple(x.shape[2:] or x.shape[1:])
        raise InputError(
            f"mask must fit pictures of shape {tuple(x.shape)}, as "
            f"{one} does; got shape {tuple(mask.shape)}"
        )
    return mask.to(x)


def _check_alike(x: Tensor, name: str, like: Tensor, other: str) -> None:
    """Refuse a tensor of another dtype, or on another device."""
    if (x.dtype, x.device) != (like.dtype, like.device):
        raise InputError(
            f"{name} must be {like.dtype} on {like.device}, as {other} is; "
            f"got {x.dtype} on {x.device} ({name}.to({other}))"
        )
