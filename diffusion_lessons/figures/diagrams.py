"""Diagrams: boxes and arrows with the book's colours."""

from collections.abc import Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes

from ..schedule import NoiseSchedule
from .style import COLORS, WIDTH

# (name, channels at the side it works on, x, level): level 0 is full size
BOXES = [
    ("image", "1", 0.0, 0),
    ("conv", "32", 1.0, 0),
    ("conv", "64", 2.2, 1),
    ("conv", "64", 3.4, 2),
    ("conv", "64", 4.6, 2),
    ("conv", "32", 5.8, 1),
    ("conv", "1", 7.0, 0),
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
    _, ax = plt.subplots(figsize=(WIDTH, 2.6))
    for name, channels, x, level in BOXES:
        _box(ax, name, channels, x, -level)
    for before, after in pairwise(BOXES):
        _arrow(ax, before[2:], after[2:])
    for level, start, stop in [(0, 1, 6), (1, 2, 5)]:
        _skip(ax, BOXES[start][2], BOXES[stop][2], -level)
    for level, side in enumerate(SIDES):
        ax.text(-0.6, -level, side, ha="right", va="center", fontsize=8)
    ax.set(xlim=(-1.7, 7.6), ylim=(-2.5, 0.75))
    ax.axis("off")


def draw_time_unet() -> None:
    """TimeUNet: four residual blocks, each of which is told t."""
    _, ax = plt.subplots(figsize=(WIDTH, 3.3))
    for text, role, x, y in TIME_BOXES:
        _framed(ax, text, role, x, y, fontsize=10)
    for before, after in pairwise(TIME_BOXES):
        down = after[3] - before[3]
        start = before[2] + 0.42, before[3] + 0.3 * down
        stop = after[2] - 0.42, after[3] - 0.3 * down
        _line(ax, start, stop)
    for text, x in [("halve", 2.4), ("double", 5.65)]:
        ax.text(x, -0.75, text, ha="center", va="center", fontsize=10)
    _line(ax, (2.75, 0), (5.1, 0), color=COLORS["xt"], linestyle="--")
    ax.text(5.2, 0, "+", ha="center", va="center", fontsize=13)
    ax.text(4.0, 0.08, "skip", ha="center", va="bottom", fontsize=10)

    told = {"color": COLORS["guidance"], "linestyle": ":", "lw": 1.6}
    ax.plot((2.3, 5.7), (1.1, 1.1), **told)
    for _, _, x, y in TIME_BOXES[2:6]:
        _line(ax, (x, 1.1), (x, y + 0.4), **told)
    source = "waves of t, two layers (and the class)"
    _framed(ax, source, "guidance", 4.0, 1.4, fontsize=10)
    ax.text(2.2, 0.7, "scale and shift", ha="right", fontsize=10)
    ax.set(xlim=(-0.5, 7.4), ylim=(-1.65, 1.65))
    ax.axis("off")


def draw_turn(schedule: NoiseSchedule, t_values: Sequence[int]) -> None:
    """x_t and v on the quarter circle from x_0 to the noise.

    One panel for each t. An image points to the right and a noise upwards,
    both of length 1; v begins where x_t ends.
    """
    _, axes = plt.subplots(
        1, len(t_values), figsize=(WIDTH, 2.1), squeeze=False
    )
    for ax, t in zip(axes[0], t_values, strict=True):
        signal = float(schedule.sqrt_alphas_cumprod[t])
        sigma = float(schedule.sqrt_one_minus_alphas_cumprod[t])
        _draw_turn(ax, signal, sigma)
        ax.set(xlim=(-1.1, 1.25), ylim=(-0.3, 1.5), aspect="equal")
        ax.set(xlabel=f"t = {t}", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)


def _draw_turn(ax: Axes, signal: float, sigma: float) -> None:
    arc = torch.linspace(0, torch.pi / 2, 91)
    ax.plot(arc.cos().numpy(), arc.sin().numpy(), color="#BBBBBB", lw=1)
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
        ax.text(
            x, y, text, color=color, fontsize=11, ha="center", va="center"
        )


def _box(ax: Axes, name: str, channels: str, x: float, y: float) -> None:
    role = "x0" if name == "image" else "prediction" if x == 7 else "truth"
    _framed(ax, f"{name}\n{channels}", role, x, y)


def _framed(
    ax: Axes, text: str, role: str, x: float, y: float, fontsize: int = 8
) -> None:
    ax.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=fontsize,
        bbox={
            "boxstyle": "round,pad=0.35",
            "fc": "white",
            "ec": COLORS[role],
        },
    )


def _line(ax: Axes, start: tuple, stop: tuple, **style) -> None:
    props = {"color": "#444444", "shrinkA": 0, "shrinkB": 0} | style
    props["arrowstyle"] = "->"
    ax.annotate("", xy=stop, xytext=start, arrowprops=props)


def _arrow(ax: Axes, start: tuple, stop: tuple) -> None:
    (x0, level0), (x1, level1) = start, stop
    what = {1: "max-pool", -1: "upsample"}.get(level1 - level0, "")
    ax.annotate(
        "",
        xy=(
            x1 - 0.38,
            -level1 + 0.18 * (level1 > level0) - 0.18 * (level1 < level0),
        ),
        xytext=(
            x0 + 0.38,
            -level0 - 0.18 * (level1 > level0) + 0.18 * (level1 < level0),
        ),
        arrowprops={"arrowstyle": "->", "color": "#444444"},
    )
    side = 1 if level1 < level0 else -1
    ax.text(
        (x0 + x1) / 2 + 0.42 * side,
        -(level0 + level1) / 2,
        what,
        fontsize=7,
        ha="left" if side > 0 else "right",
        va="center",
        color="#444444",
    )


def _skip(ax: Axes, x0: float, x1: float, y: float) -> None:
    ax.annotate(
        "",
        xy=(x1 - 0.75, y),
        xytext=(x0 + 0.4, y),
        arrowprops={
            "arrowstyle": "->",
            "color": COLORS["xt"],
            "linestyle": "--",
        },
    )
    ax.text(x1 - 0.58, y, "+", ha="center", va="center", fontsize=11)
    ax.text(
        (x0 + x1) / 2,
        y + 0.1,
        "skip: copied and added",
        fontsize=7,
        ha="center",
        va="bottom",
        color="#444444",
    )
