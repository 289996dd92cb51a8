"""What the drawn networks are made of: blocks, arrows, arcs and words.

A sheet is laid out by hand, in points (72 to the inch), from its lower
left corner. A tensor is a block: the wider, the more channels it has; the
higher, the larger its pictures are.
"""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import Circle, FancyBboxPatch

from .style import COLORS, INK, SMALL, TEXT_COLORS, width

AIR = 4  # between the end of an arrow and what it points at
MONO = "monospace"  # names of the code
PLUS = 13  # how wide a plus is
THIN = 12  # too narrow a block for a number in it
HEAD = "-|>,head_length=.4,head_width=.16"
MADE = {"color": INK, "lw": 1.2}
SKIP = MADE | {"linestyle": "--"}
TOLD = {"color": COLORS["guidance"], "linestyle": ":", "lw": 1.6}

Kind = tuple[int, int, str]  # channels, how often halved, role


class Block(NamedTuple):
    """A rectangle by its centre."""

    x: float
    y: float
    wide: float
    high: float

    @property
    def left(self) -> float:
        """Where it begins."""
        return self.x - self.wide / 2

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.x + self.wide / 2

    @property
    def top(self) -> float:
        """Its upper edge."""
        return self.y + self.high / 2

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y - self.high / 2


def sheet(high: float) -> Axes:
    """An empty figure; its axes count in points and are not to be seen."""
    size = width(), high / 72
    figure = plt.figure(figsize=size, layout=PlaceHolderLayoutEngine(1, 1))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, 72 * width()), ylim=(0, high))
    ax.axis("off")
    return ax


def tensors(
    ax: Axes,
    kinds: Sequence[Kind],
    xs: Sequence[float],
    ys: Sequence[float],
    high: float,
    wide: float,
) -> list[Block]:
    """Blocks with their numbers of channels, in the order of the way.

    high: of a picture that is not yet halved    wide: of a channel
    """
    found = []
    for (channels, halved, role), x, y in zip(kinds, xs, ys, strict=True):
        block = Block(x, y, max(3, channels * wide), high / 2**halved)
        frame(ax, block, role)
        thin = block.wide < THIN
        at = block.top + 8 if thin else y
        words(ax, x, at, str(channels), role)
        found.append(block)
    return found


def frame(ax: Axes, block: Block, role: str, corner: float = 1.5) -> None:
    """A rectangle with round corners, lightly filled."""
    color = INK if role == "truth" else COLORS[role]
    look = {"ec": color, "fc": (color, 0.12), "lw": 1}
    shape = f"round,pad=0,rounding_size={corner}"
    corner = block.left, block.bottom
    ax.add_patch(
        FancyBboxPatch(
            corner, block.wide, block.high, boxstyle=shape, **look
        )
    )


def layer(ax: Axes, x: float, y: float, name: str, role: str) -> Block:
    """A layer by its name in the code, in a frame as long as the name."""
    lines = name.split("\n")
    wide = 6.1 * max(map(len, lines)) + 9
    block = Block(x, y, wide, 12 * len(lines) + 7)
    frame(ax, block, role, corner=5)
    words(ax, x, y, name, role, family=MONO)
    return block


def words(
    ax: Axes, x: float, y: float, text: str, role: str = "truth", **look
) -> None:
    """Words around a point, unless *look* says on which side of it."""
    side = {"ha": "center", "va": "center", "fontsize": SMALL}
    ax.text(x, y, text, color=TEXT_COLORS[role], **side | look)


def plus(ax: Axes, x: float, y: float) -> Block:
    """The place where two tensors are added."""
    ax.add_patch(Circle((x, y), PLUS / 2, ec=INK, fc="none", lw=1.2))
    for dx, dy in [(3.2, 0), (0, 3.2)]:
        ax.plot([x - dx, x + dx], [y - dy, y + dy], **MADE)
    return Block(x, y, PLUS, PLUS)


def arrow(
    ax: Axes, start: tuple, stop: tuple, bend: float = 0, **look
) -> None:
    """From one point to another; a *bend* below 0 is to the left."""
    props = {"arrowstyle": HEAD, "shrinkA": 0, "shrinkB": 0}
    props |= {"connectionstyle": f"arc3,rad={bend}"} | MADE | look
    ax.annotate("", xy=stop, xytext=start, arrowprops=props)


def across(ax: Axes, before: Block, after: Block, name: str = "") -> None:
    """An arrow to the right, and the name of a layer above it."""
    start, stop = before.right + AIR, after.left - AIR
    arrow(ax, (start, before.y), (stop, before.y))
    words(ax, (start + stop) / 2, before.y + 9, name, family=MONO)


def along(
    ax: Axes,
    before: Block,
    after: Block,
    text: str = "",
    side: str = "left",
    mono: bool = False,
    **look,
) -> None:
    """An arrow up or down, and words on the left or the right of it."""
    down = after.y < before.y
    start = before.bottom - AIR if down else before.top + AIR
    stop = after.top + AIR if down else after.bottom - AIR
    arrow(ax, (before.x, start), (before.x, stop), **look)
    x = before.x + (7 if side == "right" else -7)
    ha = "left" if side == "right" else "right"
    words(
        ax,
        x,
        (start + stop) / 2,
        text,
        ha=ha,
        family=MONO if mono else None,
    )


def skip(ax: Axes, kept: Block, at: Block, text: str, bend: float) -> None:
    """A copy of a tensor that is carried to a plus, and words above it."""
    low = min(kept.y, max(kept.bottom + 8, at.y))
    start, stop = (kept.right + AIR, low), (at.left - AIR, at.y)
    arrow(ax, start, stop, bend, **SKIP)
    wide, falls = stop[0] - start[0], start[1] - stop[1]
    lift = -bend * wide / 2 + 9 + 30 * falls / wide  # free of the curve
    y = (start[1] + stop[1]) / 2 + lift
    words(ax, (start[0] + stop[0]) / 2, y, text)


def span(ax: Axes, left: float, right: float, y: float, name: str) -> None:
    """A bracket over what has one name, and the name."""
    xs = [left, left, right, right]
    ax.plot(xs, [y - 5, y, y, y - 5], color=INK, lw=0.8)
    words(ax, (left + right) / 2, y + 9, name, family=MONO)
