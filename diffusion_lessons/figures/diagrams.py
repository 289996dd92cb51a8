"""Diagrams: boxes and arrows with the book's colours."""

from itertools import pairwise

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

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


def _box(ax: Axes, name: str, channels: str, x: float, y: float) -> None:
    role = "x0" if name == "image" else "prediction" if x == 7 else "truth"
    ax.text(
        x,
        y,
        f"{name}\n{channels}",
        ha="center",
        va="center",
        fontsize=8,
        bbox={
            "boxstyle": "round,pad=0.35",
            "fc": "white",
            "ec": COLORS[role],
        },
    )


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
