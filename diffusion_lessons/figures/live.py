"""What a Live draws: one picture from one choice of settings."""

from collections.abc import Sequence
from functools import partial

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ..forward import q_chain, q_sample
from ..guidance import Guided
from ..pretrained import Pretrained
from ..sampling import ddim_sample
from ..schedule import NoiseSchedule, linear_betas
from .films import draw_linked
from .plots import draw_rows
from .style import in_two_forms
from .widgets import Live

COLUMNS = 8  # of samples
LINE = {"beta_start": 1e-4, "beta_end": 0.02}  # as in DDPM


def live_chain(
    images: Tensor, stops: Sequence[int], name: str = "step t", **words
) -> Live:
    """draw_chain, with a control for everything that goes into it.

    images: (10, 1, H, W), one of each digit
    stops: where the slider stops, counted in steps of T = 1000
    words: alt, caption and what else a Scrubber takes
    """
    settings = {
        "moment": [t / 1000 for t in stops],
        "schedule": ["linear", "cosine"],
        "T": [1000, 200, 50],
        **LINE,
        "digit": range(10),
        "seed": 0,
    }
    draw, labels = partial(draw_chain, images), [f"t = {t}" for t in stops]
    return Live(draw, settings, labels, name=name, **words)


def live_jump(
    images: Tensor, stops: Sequence[int], name: str = "step t", **words
) -> Live:
    """draw_jump with its controls, as live_chain; it begins with a 3."""
    settings = {
        "moment": [t / 1000 for t in stops],
        "T": [1000, 200, 50],
        **LINE,
        "digit": [3, *range(3), *range(4, 10)],
        "seed": 0,
    }
    draw, labels = partial(draw_jump, images), [f"t = {t}" for t in stops]
    return Live(draw, settings, labels, name=name, **words)


def live_guidance(
    net: Pretrained, scales: Sequence[float], name: str = "scale", **words
) -> Live:
    """draw_samples with its controls; it begins with a 7, in 20 steps.

    scales: where the slider stops    words: as in live_chain
    """
    settings = {
        "scale": scales,
        "digit": [7, *range(7), 8, 9],
        "steps": 20,
        "eta": 0.0,
        "seed": 0,
    }
    draw = partial(draw_samples, net)
    labels = [f"scale {s:g}" for s in scales]
    return Live(draw, settings, labels, name=name, **words)


def draw_chain(
    images: Tensor,
    *,
    moment: float,
    schedule: str,
    T: int,
    beta_start: float,
    beta_end: float,
    digit: int,
    seed: int,
) -> Figure:
    """The betas, and a digit after t = moment · T steps of the chain.

    images: (N, 1, H, W), of which number *digit* is taken
    moment: in 0..1    schedule: "linear" or "cosine"
    beta_start, beta_end: of the linear schedule; in this order, or else a
    ValueError, as from everything that the schedule itself refuses
    """
    chosen = _schedule(schedule, T, beta_start, beta_end)
    x0 = images[digit][None]
    generator = torch.Generator().manual_seed(seed)
    t = round(moment * T)
    xt = q_chain(x0, chosen, generator)[t]
    steps = torch.arange(1, T + 1)
    return draw_linked(
        {r"$\beta_t$": [("", steps, chosen.betas[1:], "noise -")]},
        max(t, 1),
        {"$x_0$": x0, f"$x_t$ at t = {t} of {T}": xt},
    )


def draw_jump(
    images: Tensor,
    *,
    moment: float,
    T: int,
    beta_start: float,
    beta_end: float,
    digit: int,
    seed: int,
) -> Figure:
    """The SNR of both schedules, and a digit at t = moment · T in each.

    As draw_chain, but by one jump, with one noise for all t.
    """
    x0 = images[digit][None]
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(x0.shape, generator=generator)
    t, steps = round(moment * T), torch.arange(1, T + 1)
    curves, pictures = [], {}
    for kind, role in (("linear", "xt -"), ("cosine", "xt :")):
        chosen = _schedule(kind, T, beta_start, beta_end)
        snr = chosen.snr()[1:].log10()
        curves.append((kind, steps, snr, role))
        pictures[f"{kind}, t = {t}"] = q_sample(x0, t, noise, chosen)
    return draw_linked({r"$\log_{10}$ SNR": curves}, max(t, 1), pictures)


def draw_samples(
    net: Pretrained,
    *,
    scale: float,
    digit: int,
    steps: int,
    eta: float,
    seed: int,
) -> Figure:
    """Eight samples of one class by DDIM, unguided and guided by *scale*.

    Both rows start from the same noise, which depends on the seed alone.
    """
    generator = torch.Generator().manual_seed(seed)
    x_T = torch.randn(COLUMNS, *net.shape, generator=generator)
    x_T = x_T.to(next(net.model.parameters()).device)
    rows = {}
    for name, one in (("plain", 1), ("guided", scale)):
        *_, last = ddim_sample(
            Guided(net.model, digit, net.null, one),
            x_T,
            net.schedule,
            steps,
            eta=eta,
            predicts=net.predicts,
            generator=generator.manual_seed(seed),
        )
        rows[name] = last.x
    return in_two_forms(draw_rows)(rows)


def _schedule(
    kind: str, num_steps: int, beta_start: float, beta_end: float
) -> NoiseSchedule:
    if kind == "cosine":
        return NoiseSchedule.cosine(num_steps)
    if not beta_start < beta_end:
        raise ValueError(
            "beta_start must be smaller than beta_end; "
            f"got {beta_start:g} and {beta_end:g}"
        )
    return NoiseSchedule(linear_betas(num_steps, beta_start, beta_end))
