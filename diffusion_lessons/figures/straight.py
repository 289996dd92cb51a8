"""Straight lines that cross, and what a flow makes of them."""

import torch
from matplotlib.axes import Axes
from torch import Tensor

from .plots import as_array
from .style import COLORS, axes_for, in_two_forms

LENGTH = 0.09  # of an arrow, in units of t


@in_two_forms
def plot_crossing(
    lines: Tensor, field: tuple[Tensor, Tensor, Tensor], paths: Tensor
) -> None:
    """Lines between pictures and noise, the way back, paths that take it.

    lines: (2, N), the pictures at t = 0 and their noises at t = 1
    field: times (M,), places (K,) and mean velocities (M, K), drawn back
    paths: (S + 1, N), walkers from t = 1 to t = 0
    """
    panels = axes_for(3, 2.8, sharey=True)
    names = ("lines", "way back, $-u$", "paths")
    draw_lines(panels[0], lines.flip(0))
    draw_field(panels[1], *field)
    draw_lines(panels[2], paths)
    for ax, name in zip(panels, names, strict=True):
        ax.set(xlabel=f"time $t$: {name}", xticks=[0, 0.5, 1])
    panels[0].set_ylabel("$x_t$")


def draw_lines(ax: Axes, paths: Tensor) -> None:
    """Walkers (S + 1, N) from t = 1 to 0, with a dot at both ends."""
    t = as_array(torch.linspace(1, 0, len(paths)))
    thin = {"color": COLORS["xt"], "lw": 0.8, "alpha": 0.8}
    ax.plot(t, as_array(paths), **thin)
    ends = {1: ("noise", paths[0]), 0: ("x0", paths[-1])}
    for at, (role, x) in ends.items():
        dots = {"color": COLORS[role], "s": 8, "zorder": 3}
        ax.scatter([at] * len(x), as_array(x), **dots)


def draw_field(ax: Axes, t: Tensor, x: Tensor, velocity: Tensor) -> None:
    """Short arrows to the left, each as steep as the velocity there."""
    at, height = torch.meshgrid(t.to(x), x, indexing="ij")
    steps = [-torch.ones_like(velocity) * LENGTH, -velocity * LENGTH]
    ax.quiver(
        *map(as_array, (at, height, *steps)),
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.006,
        color=COLORS["truth"],
    )
