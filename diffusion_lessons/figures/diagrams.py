"""Diagrams of the networks: tensors as blocks, layers by their names."""

from matplotlib.axes import Axes

from .blocks import (
    AIR,
    MONO,
    TOLD,
    Block,
    across,
    along,
    arrow,
    layer,
    plus,
    sheet,
    skip,
    span,
    tensors,
    words,
)
from .style import in_two_forms, is_narrow

# What BasicUNet makes, in the order of its forward: channels, how often the
# picture was halved, and the role
UNET = [
    (1, 0, "xt"),
    *[(32, 0, "truth"), (32, 1, "truth")],
    *[(64, 1, "truth"), (64, 2, "truth")],
    *[(64, 2, "truth"), (64, 2, "truth")],
    *[(64, 1, "truth"), (32, 1, "truth")],
    *[(32, 0, "truth"), (1, 0, "prediction")],
]
SIDES = ["H × W", "H/2 × W/2", "H/4 × W/4"]
CONVOLVED = [0, 2, 4, 5, 7, 9]  # the tensors that a convolution takes
ADDED = {6: 3, 8: 1}  # those that are doubled, and what is added then


@in_two_forms
def draw_unet() -> None:
    """BasicUNet: three convolutions down, three up, two added skips.

    The wide form is a U. On a phone the way leads down on the left and up
    again on the right.
    """
    (_unet_on_a_phone if is_narrow() else _unet)()


def _unet() -> None:
    ax = sheet(262)
    xs = [34, 88, 88, 146, 146, 212, 278, 318, 375, 406, 440]
    ys = [168, 168, 80, 80, 23, 23, 23, 80, 80, 168, 168]
    made = tensors(ax, UNET, xs, ys, 84, 0.56)
    for i, name in zip(CONVOLVED, [0, 1, 2] * 2, strict=True):
        across(ax, made[i], made[i + 1], f"[{name}]")
    for i in (1, 3):
        along(ax, made[i], made[i + 1], "max-pool", "right")
    for i, kept in ADDED.items():
        at = plus(ax, made[i].x, made[i + 1].y)
        along(ax, made[i], at, "upsample")
        across(ax, at, made[i + 1])
        skip(ax, made[kept], at, "copied and added", -0.15)
    for i, side in zip((2, 4), SIDES[1:], strict=True):
        words(ax, made[i].left - 8, made[i].y, side, ha="right")
    words(ax, xs[0], made[0].bottom - 10, "image", "xt")
    words(ax, xs[0], made[0].bottom - 23, SIDES[0])
    words(ax, xs[-1], made[-1].bottom - 10, "output", "prediction")
    span(ax, made[0].left, made[5].x - 6, 236, "down_layers")
    span(ax, made[5].x + 6, made[-1].right, 236, "up_layers")


def _unet_on_a_phone() -> None:
    ax = sheet(422)
    xs = [48] * 5 + [140] + [232] * 5
    ys = [376, 288, 182, 121, 38, 38, 38, 121, 182, 288, 376]
    made = tensors(ax, UNET, xs, ys, 56, 0.56)
    for i, number in ((0, 0), (2, 1)):
        name, up = f"down_layers[{number}]", f"up_layers[{2 - number}]"
        along(ax, made[i], made[i + 1], name, "right", mono=True)
        along(ax, made[-2 - i], made[-1 - i], up, mono=True)
    for i, name in ((4, "down_layers[2]"), (5, "up_layers[0]")):
        across(ax, made[i], made[i + 1])
        middle = (made[i].x + made[i + 1].x) / 2
        words(ax, middle, made[i].bottom - 15, name, family=MONO)
    for i, kept in ADDED.items():
        along(ax, made[kept], made[kept + 1], "max-pool", "right")
        at = plus(ax, made[i].x, made[i + 1].bottom - 26)
        along(ax, made[i], at, "upsample")
        along(ax, at, made[i + 1])
        skip(ax, made[kept], at, "copied and added", -0.1)
    words(ax, made[0].right + 8, ys[0], "image, H × W", "xt", ha="left")
    words(ax, made[-1].left - 8, ys[0], "output", "prediction", ha="right")
    words(ax, made[2].right + 8, ys[2], SIDES[1], ha="left")
    words(ax, made[5].x, made[5].top + 11, SIDES[2])


# What TimeUNet makes, for 16 channels at first
TIME_UNET = [
    (1, 0, "xt"),
    *[(16, 0, "truth"), (16, 0, "truth")],
    *[(32, 1, "truth"), (32, 1, "truth"), (32, 1, "truth")],
    *[(16, 0, "truth"), (16, 0, "truth"), (1, 0, "prediction")],
]
BLOCKS = {1: "down", 3: "[0]", 4: "[1]", 6: "up"}  # after which tensor
BUS = 44  # the height from which all blocks are told


@in_two_forms
def draw_time_unet() -> None:
    """TimeUNet: four residual blocks, each of which is told t."""
    (_time_unet_on_a_phone if is_narrow() else _time_unet)()


def _time_unet() -> None:
    ax = sheet(222)
    xs = [20, 61, 138, 138, 223, 308, 338, 402, 437]
    ys = [170, 170, 170, 88, 88, 88, 170, 170, 170]
    made = tensors(ax, TIME_UNET, xs, ys, 66, 0.9)
    told = [
        _between(ax, made[i], made[i + 1], name)
        for i, name in BLOCKS.items()
    ]
    across(ax, made[0], made[1], "stem")
    across(ax, made[7], made[8], "out")
    along(ax, made[2], made[3], "shrink", "right", mono=True)
    at = plus(ax, made[5].x, made[6].y)
    along(ax, made[5], at, "double, grow", mono=True)
    across(ax, at, made[6])
    skip(ax, made[2], at, "copied and added", -0.15)
    words(ax, xs[0], made[0].bottom - 10, "image", "xt")
    words(ax, xs[0], made[0].bottom - 23, SIDES[0])
    words(ax, xs[-1], made[-1].bottom - 10, "output", "prediction")
    words(ax, told[0].x - 7, ys[3], SIDES[1], ha="right")
    words(ax, told[3].x + 7, 100, "scale and shift", "guidance", ha="left")
    _tell(ax, 130, told)
    words(ax, made[4].x, 58, "middle", family=MONO)


def _time_unet_on_a_phone() -> None:
    ax = sheet(420)
    xs = [52, 52, 52, 52, 140, 228, 228, 228, 228]
    ys = [375, 291, 189, 84, 84, 84, 189, 291, 375]
    made = tensors(ax, TIME_UNET, xs, ys, 52, 0.9)
    down, low, lower, up = (
        _between(ax, made[i], made[i + 1], name)
        for i, name in BLOCKS.items()
    )
    along(ax, made[0], made[1], "stem", "right", mono=True)
    along(ax, made[7], made[8], "out", mono=True)
    along(ax, made[2], made[3], "shrink", "right", mono=True)
    at = plus(ax, made[5].x, made[6].bottom - 26)
    along(ax, made[5], at, "double, grow", mono=True)
    along(ax, at, made[6])
    skip(ax, made[2], at, "copied and added", -0.1)
    words(ax, made[0].right + 8, ys[0], "image, H × W", "xt", ha="left")
    words(ax, made[-1].left - 8, ys[0], "output", "prediction", ha="right")
    words(ax, made[3].x, 58, SIDES[1])
    words(ax, made[4].x, 58, "middle", family=MONO)
    words(ax, made[4].x, down.y, "scale and shift", "guidance")
    _tell(ax, 40, [low, lower])
    for x, edge in ((14, down.left - AIR), (266, up.right + AIR)):
        ax.plot([140, x, x], [BUS, BUS, down.y], **TOLD)
        arrow(ax, (x, down.y), (edge, down.y), **TOLD)


def _between(ax: Axes, before: Block, after: Block, name: str) -> Block:
    """A residual block, between what goes in and what comes out."""
    lies = before.y == after.y
    x = (before.right + after.left) / 2 if lies else before.x
    block = layer(ax, x, (before.y + after.y) / 2, name, "guidance")
    for start, stop in ((before, block), (block, after)):
        (across if lies else along)(ax, start, stop)
    return block


def _tell(ax: Axes, x: float, told: list[Block]) -> Block:
    """From t, at *x*, to the lower edges of the blocks."""
    waves = layer(ax, x + 83, 18, "timestep_embedding", "guidance")
    time = layer(ax, waves.right + 36, 18, "time", "guidance")
    words(ax, x, 18, "$t$", "guidance")
    across(ax, Block(x, 18, 6, 12), waves)
    across(ax, waves, time)
    ends = [block.x for block in (*told, time)]
    ax.plot([min(ends), max(ends)], [BUS, BUS], **TOLD)
    ax.plot([time.x, time.x], [time.top + AIR, BUS], **TOLD)
    for block in told:
        arrow(ax, (block.x, BUS), (block.x, block.bottom - AIR), **TOLD)
