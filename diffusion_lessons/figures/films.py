"""The scrubbers of the book: an idea that moves, frame by frame."""

from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from .plots import (
    Curve,
    as_array,
    draw_curve,
    draw_histogram,
    draw_image,
    draw_points,
    draw_row_name,
    draw_rows,
)
from .style import COLORS, SMALL, WIDTH
from .widgets import COLORS_LINKED, Scrubber


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
    frames = _image_frames(rows)
    return Scrubber(frames, labels, alt=alt, caption=caption, **options)


def _image_frames(rows: dict[str, Tensor]) -> Iterator[Figure]:
    side = min(2.2, WIDTH / len(rows))  # of an image, in inches
    size = side * max(len(rows), 1.4), side + 0.2  # room for its name
    for images in zip(*rows.values(), strict=True):
        figure, axes = plt.subplots(
            1, len(rows), figsize=size, squeeze=False
        )
        for ax, image, name in zip(axes[0], images, rows, strict=True):
            draw_image(ax, image)
            ax.set_title(name, fontsize=SMALL, pad=4)
        yield figure


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
    frames = _histogram_frames(samples, grid, densities, axes, look)
    return Scrubber(frames, labels, alt=alt, caption=caption, **options)


def _histogram_frames(
    samples: Tensor,
    grid: Tensor,
    densities: Tensor,
    axes: dict,
    look: dict,
) -> Iterator[Figure]:
    for x, density in zip(samples, densities, strict=True):
        figure, ax = plt.subplots(figsize=(4.8, 2.4))
        draw_histogram(ax, x, grid, density, **look)
        ax.set(
            xlim=(float(grid[0]), float(grid[-1])), ylabel="density", **axes
        )
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
        yield figure


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
    frames = _row_frames(rows)
    return Scrubber(frames, labels, alt=alt, caption=caption, **options)


def _row_frames(rows: dict[str, Tensor]) -> Iterator[Figure]:
    for frame in zip(*rows.values(), strict=True):
        yield draw_rows(dict(zip(rows, frame, strict=True)))


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
    options = {"colors": COLORS_LINKED} | options
    return Scrubber(frames, labels, alt=alt, caption=caption, **options)


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
    columns = max(map(len, table))
    figure = plt.figure(figsize=(WIDTH, 2.1))
    side = 1.8 / len(table)  # of an image, in inches, if there is room
    widths = [max(WIDTH / side - columns, 0.45 * columns), *[1] * columns]
    grid = figure.add_gridspec(len(table), columns + 1, width_ratios=widths)
    _mark(figure.add_subplot(grid[:, 0]), curves, x, axes or {})
    for i, row in enumerate(table):
        cells = [
            figure.add_subplot(grid[i, k + 1]) for k in range(len(row))
        ]
        for ax, image in zip(cells, row, strict=True):
            draw_image(ax, image)
        if side_by_side:
            for ax, name in zip(cells, names, strict=True):
                ax.set_title(name, fontsize=SMALL, pad=4)
        else:
            draw_row_name(cells[0], names[i])
    return figure


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
    if any(curve[0] for curve in lines):
        ax.legend(loc="lower left", frameon=True)  # in all frames
