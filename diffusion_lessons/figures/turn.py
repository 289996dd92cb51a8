"""The turn from an image to the noise, on a quarter circle."""

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes

from ..schedule import NoiseSchedule
from .style import (
    COLORS,
    FAINT,
    INK,
    TEXT,
    TEXT_COLORS,
    axes_for,
    in_two_forms,
)


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


def _line(ax: Axes, start: tuple, stop: tuple, **style) -> None:
    props = {"color": INK, "shrinkA": 0, "shrinkB": 0} | style
    props["arrowstyle"] = "->"
    ax.annotate("", xy=stop, xytext=start, arrowprops=props)
