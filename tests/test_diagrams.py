"""Diagrams: true to the networks, and nothing touches anything else."""

from itertools import combinations, pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.patches import Circle, FancyBboxPatch
from matplotlib.text import Annotation

from diffusion_lessons import BasicUNet, TimeUNet, layer_shapes
from diffusion_lessons.conditioning import ResBlock
from diffusion_lessons.figures import (
    draw_res_block,
    draw_time_unet,
    draw_unet,
    use_style,
)
from diffusion_lessons.figures.style import narrowly

mpl.use("Agg")  # draw without a screen
NEAR = 6  # points between an arrow's end and what it leaves or reaches
DIAGRAMS = [draw_unet, draw_time_unet, draw_res_block]
NETWORKS = [draw_unet, draw_time_unet]


@pytest.fixture(params=["wide", "narrow"])
def drawn(request):
    """Draws a diagram in one of its forms and returns its axes."""

    def draw(diagram):
        use_style()
        diagram()
        if request.param == "narrow":
            with narrowly():
                diagram()
        plt.gcf().set_dpi(72)  # a pixel is a point
        plt.gcf().draw_without_rendering()
        return plt.gca()

    with mpl.rc_context():
        yield draw
    plt.close("all")


def inside(box, frame):
    """Is a box all in another one?"""
    return (
        frame.x0 <= box.x0
        and box.x1 <= frame.x1
        and frame.y0 <= box.y0
        and box.y1 <= frame.y1
    )


def rectangles(ax):
    """(box, its words or "") of all blocks and layers, as drawn."""
    texts = written(ax)
    boxes = [
        p.get_window_extent()
        for p in ax.patches
        if isinstance(p, FancyBboxPatch)
    ]
    return [
        (box, " ".join(w for w, at in texts if inside(at, box)))
        for box in boxes
    ]


def written(ax):
    """(words, box) of all that is written."""
    return [
        (t.get_text(), t.get_window_extent())
        for t in ax.texts
        if t.get_text() and not isinstance(t, Annotation)
    ]


def arrows(ax, line):
    """Arrows with such a line, as polylines."""
    found = []
    for a in ax.texts:
        if isinstance(a, Annotation) and (
            a.arrowprops.get("linestyle", "-") == line
        ):
            way = a.axes.transData.transform([a.xyann, a.xy])
            bend = a.arrowprops["connectionstyle"].split("=")[1]
            found.append(curve(*way, float(bend)))
    return found


def curve(start, stop, bend):
    """Points of matplotlib's arc3."""
    (dx, dy), share = stop - start, np.linspace(0, 1, 50)[:, None]
    peak = (start + stop) / 2 + bend * np.array([dy, -dx])
    return (
        (1 - share) ** 2 * start
        + 2 * share * (1 - share) * peak
        + share**2 * stop
    )


def tensors(ax):
    """[(channels, box)] in the order of the way; a thin one's is above."""
    found = []
    numbers = [(w, b) for w, b in written(ax) if w.isdigit()]
    for box, name in rectangles(ax):
        x = (box.x0 + box.x1) / 2
        above = [
            w
            for w, b in numbers
            if b.x0 < x < b.x1 and box.y1 < b.y0 < box.y1 + 10
        ]
        if name.isdigit() or (not name and above):
            found.append((int(name or above[0]), box))
    return found


def things(ax):
    """All that an arrow may lead to: blocks, layers and plus signs."""
    signs = [
        p.get_window_extent() for p in ax.patches if isinstance(p, Circle)
    ]
    return [box for box, _ in rectangles(ax)] + signs


def at(point, boxes):
    """The one box a point is near to; None if it is near to no box."""
    x, y = point
    near = [
        i
        for i, b in enumerate(boxes)
        if b.x0 - NEAR < x < b.x1 + NEAR and b.y0 - NEAR < y < b.y1 + NEAR
    ]
    assert len(near) < 2
    return near[0] if near else None


def steps(ax, line="-"):
    """(from, to) of arrows, as places in things()."""
    boxes = things(ax)
    return [
        (at(way[0], boxes), at(way[-1], boxes)) for way in arrows(ax, line)
    ]


def shapes_of(draw):
    """(channels, side) of what a network makes, in the order it does."""
    if draw is draw_unet:
        network, side = BasicUNet(), 28
        shapes = layer_shapes(network, torch.zeros(1, 1, side, side))
        kept = [shape for name, shape in shapes if name != "act"]
    else:
        network, side = TimeUNet(), 8
        shapes = layer_shapes(network, torch.zeros(1, 1, side, side), 1)
        layers = {"stem", "shrink", "grow", "out"}
        kept = [
            shape
            for name, shape in shapes
            if name in layers or name.endswith("conv2")
        ]
    return [(1, side)] + [shape[1:3] for shape in kept]


@pytest.mark.parametrize("draw", NETWORKS)
def test_a_block_is_a_tensor_as_wide_as_its_channels_and_as_high(
    draw, drawn
):
    found, real = tensors(drawn(draw)), shapes_of(draw)
    assert [number for number, _ in found] == [n for n, _ in real]
    for (_, box), (channels, side) in zip(found, real, strict=True):
        assert box.height / found[0][1].height == pytest.approx(
            side / real[0][1]
        )
        if channels > 1:  # else it would be a hair
            assert box.width / found[1][1].width == pytest.approx(
                channels / real[1][0]
            )


@pytest.mark.parametrize("draw", NETWORKS)
def test_the_arrows_lead_from_each_tensor_to_the_next(draw, drawn):
    ax = drawn(draw)
    boxes, ways = things(ax), dict(steps(ax))
    blocks = [
        next(i for i, b in enumerate(boxes) if b.bounds == box.bounds)
        for _, box in tensors(ax)
    ]
    for block, following in pairwise(blocks):
        place = ways[block]
        while place not in blocks:  # a plus, a residual block
            place = ways[place]
        assert place == following
    assert blocks[-1] not in ways


@pytest.mark.parametrize("draw", NETWORKS)
def test_a_skip_carries_a_tensor_to_a_plus_before_one_of_its_shape(
    draw, drawn
):
    ax = drawn(draw)
    boxes, ways, skips = things(ax), dict(steps(ax)), steps(ax, "--")
    assert len(skips) == (2 if draw is draw_unet else 1)
    for kept, sign in skips:
        assert sign >= len(rectangles(ax))  # it is a plus
        before, after = boxes[kept], boxes[ways[sign]]
        assert before.size == pytest.approx(after.size)
        assert before.x1 < boxes[sign].x0
    words = [w for w, _ in written(ax)]
    assert words.count("copied and added") == len(skips)


def test_the_convolutions_have_the_names_of_the_network(drawn):
    words = [w for w, _ in written(drawn(draw_unet))]
    layers = [n for n, _ in BasicUNet().named_children() if "layers" in n]
    assert layers == ["down_layers", "up_layers"]
    for name in layers:
        if name in words:  # over a bracket
            assert [words.count(f"[{i}]") for i in range(3)] == [2, 2, 2]
        else:
            assert all(f"{name}[{i}]" in words for i in range(3))
    assert words.count("max-pool") == words.count("upsample") == 2


def test_all_layers_of_the_time_network_have_its_names(drawn):
    words = " ".join(w for w, _ in written(drawn(draw_time_unet)))
    for name, layer in TimeUNet().named_children():
        assert name in words.split() or name == "norm", name
        if name == "middle":
            assert [f"[{i}]" in words for i in range(len(layer))] == [1, 1]


def test_every_residual_block_is_told_t(drawn):
    ax = drawn(draw_time_unet)
    names = [name for _, name in rectangles(ax)]
    told = {names[stop] for _, stop in steps(ax, ":")}
    blocks = [
        name
        for name, layer in TimeUNet().named_modules()
        if isinstance(layer, ResBlock)
    ]
    assert {name.replace("middle.", "") for name in blocks} == {
        name.strip("[]") for name in told
    }


def test_a_residual_block_has_its_layers_in_their_order(drawn):
    ax = drawn(draw_res_block)
    names = [name.replace("\n", " ") for _, name in rectangles(ax)]
    ways = dict(steps(ax))
    place, order = names.index("norm1"), []
    while place is not None and place < len(names):
        order.append(names[place])
        place = ways[place]
    layers = ["norm1", "SiLU", "conv1", "norm2", "scale shift", "SiLU"]
    assert order == [*layers, "conv2"]
    seen = [n for n, _ in ResBlock(16, 8).named_children()]
    assert set(seen) - {"scale_and_shift"} <= set(order)
    told = names.index("scale_and_shift")
    assert (told, names.index("scale shift")) in steps(ax, ":")
    ((start, sign),) = steps(ax, "--")
    assert (start, sign) == (None, len(names))  # from x to the plus


@pytest.mark.parametrize("draw", DIAGRAMS)
def test_all_of_a_diagram_is_inside_its_picture(draw, drawn):
    ax = drawn(draw)
    assert not ax.axison
    area = plt.gcf().bbox
    assert area.width == pytest.approx(72 * plt.gcf().get_figwidth())
    for box in [b for _, b in written(ax)] + things(ax):
        assert inside(box, area)
    for line in ("-", "--", ":"):
        for way in arrows(ax, line):
            assert (way > 0).all()
            assert (way < [area.x1, area.y1]).all()


@pytest.mark.parametrize("draw", DIAGRAMS)
def test_nothing_of_a_diagram_touches_anything_else(draw, drawn):
    ax = drawn(draw)
    texts, boxes = written(ax), things(ax)
    for a, b in combinations(boxes, 2):
        assert not a.overlaps(b)
    for (word, a), (other, b) in combinations(texts, 2):
        assert not a.overlaps(b), (word, other)
    for word, box in texts:
        for frame in boxes:
            assert inside(box, frame) or not box.overlaps(frame), word
    ways = [w for line in ("-", "--", ":") for w in arrows(ax, line)]
    ways += [line.get_xydata() for line in ax.lines if not signs(line, ax)]
    for way in ways:
        dense = [
            a + (b - a) * share
            for a, b in pairwise(way)
            for share in np.linspace(0, 1, 20)
        ]
        for word, box in texts:
            assert not any(box.contains(*p) for p in dense), word
        for frame in boxes:
            assert not any(frame.contains(*p) for p in dense)


def signs(line, ax):
    """Is it a stroke of a plus?"""
    x, y = line.get_xydata().mean(0)
    circles = [p.center for p in ax.patches if isinstance(p, Circle)]
    return any((x, y) == pytest.approx(c) for c in circles)
