"""The diagram of a residual block."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from matplotlib.axes import Axes

from .blocks import (
    AIR,
    SKIP,
    TOLD,
    Block,
    across,
    along,
    arrow,
    layer,
    plus,
    sheet,
    words,
)
from .style import in_two_forms, is_narrow

# A residual block: its layers in the order of their use
LAYERS = [
    "norm1",
    "SiLU",
    "conv1",
    "norm2",
    "scale\nshift",
    "SiLU",
    "conv2",
]


@in_two_forms
def draw_res_block() -> None:
    """A residual block: what goes in, plus what its layers make of it.

    From left to right; on a phone from top to bottom.
    """
    (_res_block_on_a_phone if is_narrow() else _res_block)()


def _res_block() -> None:
    ax = sheet(160)
    xs = [16, 55, 109, 163, 219, 277, 331, 385, 426, 450]
    row = _chain(ax, xs, [84] * 10, across)
    start, stop = (xs[0], 95), (xs[-2], row[-2].top + AIR)
    arrow(ax, start, stop, -0.2, **SKIP)
    words(ax, (start[0] + stop[0]) / 2, 148, "x itself")
    words(ax, xs[7], row[7].bottom - 11, "starts at 0")
    told = layer(ax, xs[5], 18, "scale_and_shift", "guidance")
    words(
        ax, told.left - 30, 18, "embedding of $t$", "guidance", ha="right"
    )
    arrow(ax, (told.left - 26, 18), (told.left - AIR, 18), **TOLD)
    along(ax, told, row[5], **TOLD)


def _res_block_on_a_phone() -> None:
    ax = sheet(376)
    ys = [364, 327, 287, 247, 207, 161, 115, 75, 39, 12]
    row = _chain(ax, [160] * 10, ys, along)
    start, stop = (171, ys[0]), (row[-2].right + AIR, ys[-2])
    arrow(ax, start, stop, -0.3, **SKIP)
    words(ax, 228, 200, "x itself", ha="left")
    words(ax, row[7].left - 8, ys[7], "starts at 0", ha="right")
    told = layer(ax, 60, ys[5], "scale_and_shift", "guidance")
    words(ax, told.x, ys[5] + 45, "embedding of $t$", "guidance")
    arrow(ax, (told.x, ys[5] + 36), (told.x, told.top + AIR), **TOLD)
    arrow(ax, (told.right + AIR, ys[5]), (row[5].left - AIR, ys[5]), **TOLD)


def _chain(
    ax: Axes, xs: Sequence[float], ys: Sequence[float], joined: Callable
) -> list[Block]:
    """From x through all layers to the plus, and out."""
    row = [Block(xs[0], ys[0], 6, 12)]
    words(ax, xs[0], ys[0], "x")
    for x, y, name in zip(xs[1:-2], ys[1:-2], LAYERS, strict=True):
        role = "guidance" if "scale" in name else "truth"
        row.append(layer(ax, x, y, name, role))
    row += [plus(ax, xs[-2], ys[-2]), Block(xs[-1], ys[-1], 0, 0)]
    for before, after in pairwise(row):
        joined(ax, before, after)
    return row
