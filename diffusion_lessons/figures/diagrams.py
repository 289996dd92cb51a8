"""Diagrams: boxes and arrows with the book's colours."""

from collections.abc import Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes

from ..schedule import NoiseSchedule
from .style import (
    COLORS,
    FAINT,
    INK,
    TEXT,
    TEXT_COLORS,
    WIDTH,
    axes_for,
    in_two_forms,
)

# Lettering that can still be read when a phone shows it at half its size.
LETTERS = 13  # points
MIDDLE = {"va": "center", "fontsize": LETTERS}

# What BasicUNet does, from left to right: text, role, x, levels down
BOXES = [
    ("image\n1", "x0", -0.12, 0),
    ("conv\n32", "truth", 1, 0),
    ("conv\n64", "truth", 2, 1),
    ("conv\n64", "truth", 3, 2),
    ("conv\n64", "truth", 4, 2),
    ("conv\n32", "truth", 5, 1),
    ("conv\n1", "prediction", 6, 0),
]
SIDES = ["H × W", "H/2 × W/2", "H/4 × W/4"]

# What TimeUNet does, from left to right: text, role, x, y
TIME_BOXES = [
    ("image\n1", "x0", 0.0, 0),
    ("conv\n16", "truth", 1.1, 0),
    ("block\n16", "truth", 2.3, 0),
    ("block\n32", "truth", 3.3, -1.2),
    ("block\n32", "truth", 4.7, -1.2),
    ("block\n16", "truth", 5.7, 0),
    ("conv\n1", "prediction", 6.9, 0),
]


def draw_unet() -> None:
    """BasicUNet: three convolutions down, three up, two added skips."""
    _, ax = plt.subplots(figsize=(WIDTH, 3.4))
    for (*_, x0, above), (*_, x1, below) in pairwise(BOXES):
        _step(ax, x0, x1, above, below)
    for text, role, x, level in BOXES:
        _framed(ax, text, role, x, -level)
    _skip(ax, 1, 6, 0, "skip: copied and added")
    _skip(ax, 2, 5, -1, "skip")
    for level, side in enumerate(SIDES):
        ax.text(-0.65, -level, side, ha="right", **MIDDLE)
    ax.set(xlim=(-1.95, 6.65), ylim=(-2.35, 0.35))
    ax.axis("off")


def draw_time_unet() -> None:
    """TimeUNet: four residual blocks, each of which is told t."""
    _, ax = plt.subplots(figsize=(WIDTH, 3.6))
    for text, role, x, y in TIME_BOXES:
        _framed(ax, text, role, x, y)
    for before, after in pairwise(TIME_BOXES):
        down = after[3] - before[3]
        start = before[2] + 0.42, before[3] + 0.3 * down
        stop = after[2] - 0.42, after[3] - 0.3 * down
        _line(ax, start, stop)
    for text, x in [("halve", 2.3), ("double", 5.75)]:
        ax.text(x, -0.8, text, ha="center", **MIDDLE)
    _line(ax, (2.75, 0), (5.0, 0), color=COLORS["xt"], linestyle="--")
    ax.text(5.15, 0, "+", ha="center", **MIDDLE)
    ax.text(4.0, 0.08, "skip", ha="center", va="bottom", fontsize=LETTERS)

    told = {"color": COLORS["guidance"], "linestyle": ":", "lw": 1.6}
    ax.plot((2.3, 5.7), (1.1, 1.1), **told)
    for _, _, x, y in TIME_BOXES[2:6]:
        _line(ax, (x, 1.1), (x, y + 0.4), **told)
    _framed(ax, "waves of t, two layers", "guidance", 4.0, 1.4)
    ax.text(2.2, 0.75, "scale and shift", ha="right", **MIDDLE)
    ax.set(xlim=(-0.5, 7.4), ylim=(-1.65, 1.65))
    ax.axis("off")


@in_two_forms
def draw_turn(schedule: NoiseSchedule, t_values: Sequence[int]) -> None:
    """x_t and v on the quarter circle from x_0 to the noise.

    One panel for each t. An image points to the right and a noise upwards,
    both of length 1; v begins where x_t ends.
    """
    axes = axes_for(len(t_values), 2.1, stacked=False)
    for ax, t in zip(axes, t_values, strict=True):
        signal = float(schedule.sqrt_alphas_cumprod[t])
        sigma = float(schedule.sqrt_one_minus_alphas_cumprod[t])
        _draw_turn(ax, signal, sigma)
        ax.set(xlim=(-1.1, 1.25), ylim=(-0.3, 1.5), aspect="equal")
        ax.set(xlabel=f"t = {t}", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)


def _draw_turn(ax: Axes, signal: float, sigma: float) -> None:
    arc = torch.linspace(0, torch.pi / 2, 91)
    ax.plot(arc.cos().numpy(), arc.sin().numpy(), color=FAINT, lw=1)
    tip, ahead = (signal, sigma), (signal - sigma, sigma + signal)
    inside = 1 if sigma < signal else -1  # where there is room for a name
    for start, stop, role, text, side in [
        ((0, 0), (1, 0), "x0", "$x_0$", -1),
        ((0, 0), (0, 1), "noise", r"$\varepsilon$", 1),
        ((0, 0), tip, "xt", "$x_t$", inside),
        (tip, ahead, "prediction", "$v$", -1),
    ]:
        color = COLORS[role]
        _line(ax, start, stop, color=color, lw=1.8)
        dx, dy = stop[0] - start[0], stop[1] - start[1]
        x = start[0] + 0.65 * dx - 0.14 * side * dy
        y = start[1] + 0.65 * dy + 0.14 * side * dx
        word = {"color": TEXT_COLORS[role], "fontsize": TEXT}
        ax.text(x, y, text, ha="center", va="center", **word)


def _framed(ax: Axes, text: str, role: str, x: float, y: float) -> None:
    frame = {"boxstyle": "round,pad=0.3", "fc": "white", "ec": COLORS[role]}
    ax.text(x, y, text, ha="center", bbox=frame, **MIDDLE)


def _line(ax: Axes, start: tuple, stop: tuple, **style) -> None:
    props = {"color": INK, "shrinkA": 0, "shrinkB": 0} | style
    props["arrowstyle"] = "->"
    ax.annotate("", xy=stop, xytext=start, arrowprops=props)


def _step(ax: Axes, x0: float, x1: float, above: int, below: int) -> None:
    """An arrow to the next box, and what happens to the size on the way."""
    down = below - above
    if down == 0:
        _line(ax, (x0 + 0.38, -above), (x1 - 0.38, -below))
        return
    start = x0 + 0.2, -above - 0.28 * down
    stop = x1 - 0.2, -below + 0.28 * down
    _line(ax, start, stop)
    what, side = ("max-pool", "right") if down > 0 else ("upsample", "left")
    x = (x0 + x1) / 2 - 0.14 * down
    ax.text(x, -(above + below) / 2, what, ha=side, **MIDDLE)


def _skip(ax: Axes, x0: float, x1: float, y: float, text: str) -> None:
    _line(
        ax,
        (x0 + 0.42, y),
        (x1 - 0.66, y),
        color=COLORS["xt"],
        linestyle="--",
    )
    ax.text(x1 - 0.54, y, "+", ha="center", **MIDDLE)
    x = (x0 + x1) / 2
    ax.text(x, y + 0.05, text, ha="center", va="bottom", fontsize=LETTERS)
