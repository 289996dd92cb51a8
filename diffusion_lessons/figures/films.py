"""The scrubbers of the book: an idea that moves, frame by frame."""

from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from .plots import (
    ABOVE,
    ROOM_ABOVE,
    Curve,
    as_array,
    draw_curve,
    draw_histogram,
    draw_image,
    draw_points,
    draw_row_name,
    draw_rows,
)
from .style import COLORS, SMALL, WIDTH, in_two_forms, is_narrow, width
from .widgets import Scrubber


def scrub_images(
    rows: dict[str, Tensor],
    labels: Sequence[str],
    *,
    alt: str,
    caption: str,
    **options,
) -> Scrubber:
    """Images side by side, one per named row, changing together.

    rows: {name: (frames, 1, H, W)}    options: of Scrubber
    """
    frames = (
        _draw_images(dict(zip(rows, images, strict=True)))
        for images in zip(*rows.values(), strict=True)
    )
    return Scrubber(frames, labels, alt=alt, caption=caption, **options)


@in_two_forms
def _draw_images(images: dict[str, Tensor]) -> Figure:
    side = min(2.2, width() / len(images))  # of an image, in inches
    size = side * max(len(images), 1.4), side + 0.2  # room for its name
    figure, axes = plt.subplots(1, len(images), figsize=size, squeeze=False)
    for ax, (name, image) in zip(axes[0], images.items(), strict=True):
        draw_image(ax, image)
        ax.set_title(name, fontsize=SMALL, pad=4)
    return figure


def scrub_histograms(
    samples: Tensor,
    grid: Tensor,
    densities: Tensor,
    labels: Sequence[str],
    *,
    alt: str,
    caption: str,
    xlabel: str = "$x_t$",
    role: str = "xt",
    names: tuple[str, str] = ("walkers", "exact"),
    top: float | None = None,
    **options,
) -> Scrubber:
    """A histogram of walkers running into its exact density.

    samples: (frames, N)    grid: (G,)    densities: (frames, G)
    names: of the histogram and of the density, in the legend
    top: of the y-axis, by default just above the densities
    """
    top = 1.1 * float(densities.max()) if top is None else top
    axes = {"xlabel": xlabel, "ylim": (0, top)}
    look = {"role": role, "names": names}
    frames = (
        _draw_histogram(x, grid, density, axes, look)
        for x, density in zip(samples, densities, strict=True)
    )
    return Scrubber(frames, labels, alt=alt, caption=caption, **options)


@in_two_forms
def _draw_histogram(
    x: Tensor, grid: Tensor, density: Tensor, axes: dict, look: dict
) -> Figure:
    figure, ax = plt.subplots(figsize=(min(4.8, width()), 2.4))
    draw_histogram(ax, x, grid, density, **look)
    ax.set(xlim=(float(grid[0]), float(grid[-1])), ylabel="density", **axes)
    ax.legend(ncols=2, **ABOVE)
    return figure


def scrub_points(
    points: Tensor,
    labels: Sequence[str],
    *,
    alt: str,
    caption: str,
    limit: float = 3.5,
    traced: int = 4,
    **options,
) -> Scrubber:
    """A cloud of points dissolving; some of them leave a trace.

    points: (frames, N, 2)
    """
    frames = _point_frames(points, limit, traced)
    return Scrubber(frames, labels, alt=alt, caption=caption, **options)


def _point_frames(
    points: Tensor, limit: float, traced: int
) -> Iterator[Figure]:
    for i, x in enumerate(points):
        figure, ax = plt.subplots(figsize=(3.4, 3.4))
        draw_points(ax, x, limit)
        trace = points[: i + 1, :traced]
        ax.plot(
            *as_array(trace.permute(2, 0, 1)), color=COLORS["truth"], lw=0.8
        )
        ends = as_array(x[:traced]).T
        ax.scatter(*ends, s=16, color=COLORS["truth"], zorder=3)
        yield figure


def scrub_grid(
    images: Tensor | dict[str, Tensor],
    labels: Sequence[str],
    *,
    alt: str,
    caption: str,
    **options,
) -> Scrubber:
    """A row of images, or one for each name, changing together.

    images: (frames, N, 1, H, W), or {row name: (frames, N, 1, H, W)}
    """
    rows = images if isinstance(images, dict) else {"": images}
    frames = (
        in_two_forms(draw_rows)(dict(zip(rows, frame, strict=True)))
        for frame in zip(*rows.values(), strict=True)
    )
    return Scrubber(frames, labels, alt=alt, caption=caption, **options)


def scrub_linked(
    curves: dict[str, list[Curve]],
    stops: Sequence[float],
    images: dict[str, Tensor],
    labels: Sequence[str],
    *,
    alt: str,
    caption: str,
    axes: dict | None = None,
    **options,
) -> Scrubber:
    """Curves with a marker that moves along, and the images at that place.

    curves: {label of the y-axis: curves}, as one panel of plot_curves
    stops: (frames,) where on the x-axis    axes: what Axes.set takes
    images: {name: (frames, N, 1, H, W)}
    """
    frames = (
        draw_linked(curves, x, dict(zip(images, rows, strict=True)), axes)
        for x, *rows in zip(stops, *images.values(), strict=True)
    )
    return Scrubber(frames, labels, alt=alt, caption=caption, **options)


@in_two_forms
def draw_linked(
    curves: dict[str, list[Curve]],
    x: float,
    images: dict[str, Tensor],
    axes: dict | None = None,
) -> Figure:
    """One frame: curves with a marker at *x*, and images beside them.

    images: {name: (N, 1, H, W)}, a row each; where N is 1, side by side
    """
    names, rows = list(images), list(images.values())
    side_by_side = all(len(row) == 1 for row in rows)
    table = [torch.cat(rows)] if side_by_side else rows
    lengths = [len(row) for row in table]
    if is_narrow():
        curve, cells = _one_below_the_other(lengths)
    else:
        curve, cells = _one_beside_the_other(lengths)
    _mark(curve, curves, x, axes or {})
    for line, row in zip(cells, table, strict=True):
        for ax, image in zip(line, row, strict=True):
            draw_image(ax, image)
    if side_by_side:
        for ax, name in zip(cells[0], names, strict=True):
            ax.set_title(name, fontsize=SMALL, pad=4)
    else:
        for line, name in zip(cells, names, strict=True):
            draw_row_name(line[0], name)
    return curve.figure


Cells = tuple[Axes, list[list[Axes]]]  # of a curve, and of rows of images


def _one_beside_the_other(lengths: list[int]) -> Cells:
    columns = max(lengths)
    figure = plt.figure(figsize=(WIDTH, 2.1))
    side = 1.8 / len(lengths)  # of an image, in inches, if there is room
    widths = [max(WIDTH / side - columns, 0.45 * columns), *[1] * columns]
    grid = figure.add_gridspec(
        len(lengths), columns + 1, width_ratios=widths
    )
    curve = figure.add_subplot(grid[:, 0])
    cells = [
        [figure.add_subplot(grid[i, k + 1]) for k in range(length)]
        for i, length in enumerate(lengths)
    ]
    return curve, cells


def _one_below_the_other(lengths: list[int]) -> Cells:
    rows, columns = len(lengths), max(lengths)
    side = min(width() / columns, 1.4) + ROOM_ABOVE
    figure = plt.figure(figsize=(width(), 1.9 + rows * side))
    top, below = figure.subfigures(2, height_ratios=[1.9, rows * side])
    grid = below.add_gridspec(rows, columns)
    curve = top.subplots()
    cells = [
        [below.add_subplot(grid[i, k]) for k in range(length)]
        for i, length in enumerate(lengths)
    ]
    return curve, cells


def _mark(
    ax: Axes, curves: dict[str, list[Curve]], x: float, axes: dict
) -> None:
    ((ylabel, lines),) = curves.items()
    for curve in lines:
        draw_curve(ax, *curve)
    for line in list(ax.lines):
        seen, y = line.get_data()
        nearest = abs(seen - x).argmin()
        dot = {"marker": "o", "ms": 6, "color": line.get_color()}
        ax.plot(seen[nearest], y[nearest], **dot)
    ax.axvline(x, color=COLORS["truth"], lw=0.8, zorder=0)
    ax.set(ylabel=ylabel, **({"xlabel": "step $t$"} | axes))
    named = sum(bool(curve[0]) for curve in lines)
    if named:
        ax.legend(ncols=named, **ABOVE)  # at one place in all frames
