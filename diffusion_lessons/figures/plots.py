"""The still pictures of the book. Each draws one figure, returns None."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from .style import COLORS, TIME, WIDTH, line_style

# (label, x, y, role): a role of style.COLORS, optionally with its own dash
# behind a space, as "xt" or "xt :"
Curve = tuple[str, Tensor, Tensor, str]


def show_images(
    images: Tensor | dict[str, Tensor],
    labels: Sequence[str] | None = None,
) -> None:
    """Images in one row, or in one named row each, all from -1 to 1.

    images: (N, 1, H, W), or {row name: (N, 1, H, W)}
    labels: (N,) what stands above the columns
    """
    rows = images if isinstance(images, dict) else {"": images}
    columns = max(len(row) for row in rows.values())
    side = WIDTH / max(columns, 6)
    _, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(WIDTH, len(rows) * side + 0.25 * bool(labels)),
        squeeze=False,
    )
    for ax in axes.flat:
        ax.axis("off")
    for row_axes, (name, row) in zip(axes, rows.items(), strict=True):
        for ax, image in zip(row_axes, row, strict=False):
            draw_image(ax, image)
        if name:
            row_axes[0].text(
                -0.15,
                0.5,
                name,
                transform=row_axes[0].transAxes,
                ha="right",
                va="center",
                fontsize=8,
            )
    for ax, label in zip(axes[0], labels or [], strict=False):
        ax.set_title(label, fontsize=8, pad=3)


def draw_image(ax: Axes, image: Tensor) -> None:
    """One image (1, H, W) with -1 black, 1 white, every pixel a square."""
    ax.imshow(
        as_array(image.squeeze(0)),
        vmin=-1,
        vmax=1,
        cmap="gray",
        interpolation="nearest",
    )
    ax.axis("off")


def plot_curves(
    panels: dict[str, list[Curve]],
    xlabel: str | Sequence[str] = "step $t$",
    yscale: str = "linear",
    height: float = 2.6,
    shade: tuple[float, float] | None = None,
) -> None:
    """Curves in one panel or several side by side.

    panels: {label of the y-axis: curves (label, x, y, role)}
    xlabel: of all panels, or one for each
    shade: an interval of x to grey out, in every panel
    """
    _, axes = plt.subplots(
        1, len(panels), figsize=(WIDTH, height), squeeze=False
    )
    names = [xlabel] * len(panels) if isinstance(xlabel, str) else xlabel
    for ax, (ylabel, curves), name in zip(
        axes[0], panels.items(), names, strict=True
    ):
        for label, x, y, role in curves:
            role, _, dash = role.partition(" ")
            style = line_style(role)
            if dash:
                style["linestyle"] = dash
            ax.plot(as_array(x), as_array(y), label=label, **style)
        ax.set(xlabel=name, ylabel=ylabel, yscale=yscale)
        if shade:
            ax.axvspan(*shade, color=COLORS["noise"], alpha=0.2, lw=0)
        if any(curve[0] for curve in curves):
            ax.legend()


def plot_walkers(
    paths: Tensor, mean: Tensor, std: Tensor, shown: int = 12
) -> None:
    """Some 1-D paths over t, and the band mean ± 2 std theory expects.

    paths: (T + 1, N)    mean, std: (T + 1,)
    """
    _, ax = plt.subplots(figsize=(WIDTH, 2.6))
    t = range(len(paths))
    paths, mean, std = as_array(paths), as_array(mean), as_array(std)
    ax.plot(t, paths[:, :shown], color=COLORS["xt"], lw=0.6, alpha=0.7)
    ax.plot([], [], color=COLORS["xt"], label="walkers $x_t$")
    ax.plot(t, mean, **line_style("x0"), label="mean")
    band = {"color": COLORS["truth"], "ls": "--", "lw": 1}
    ax.plot(t, mean - 2 * std, **band, label="mean ± 2 std")
    ax.plot(t, mean + 2 * std, **band)
    ax.set(xlabel="step $t$", ylabel="$x_t$", xlim=(0, len(paths) - 1))
    ax.legend(ncols=3, loc="lower center")


def plot_histograms(
    samples: dict[str, Tensor],
    grid: Tensor,
    densities: Sequence[Tensor],
    role: str = "xt",
) -> None:
    """A histogram in each panel under the density theory expects.

    samples: {title: (N,)}    grid: (G,)    densities: (G,) for each panel
    """
    _, axes = plt.subplots(
        1, len(samples), figsize=(WIDTH, 2.2), sharey=True, squeeze=False
    )
    for ax, (name, x), density in zip(
        axes[0], samples.items(), densities, strict=True
    ):
        draw_histogram(ax, x, grid, density, role)
        ax.set_xlabel(name)
    axes[0, 0].set_ylabel("density")
    axes[0, 0].legend(handlelength=1.2)


def draw_histogram(
    ax: Axes, x: Tensor, grid: Tensor, density: Tensor, role: str = "xt"
) -> None:
    """A histogram of x (N,) and the exact density (G,) over grid (G,)."""
    bins = torch.linspace(grid[0], grid[-1], 61).numpy()
    color = line_style(role)["color"]
    ax.hist(as_array(x), bins, density=True, color=color, label="walkers")
    truth = line_style("truth")
    ax.plot(as_array(grid), as_array(density), label="exact", **truth)


def plot_points(points: dict[str, Tensor], limit: float = 3.5) -> None:
    """Clouds of points side by side.    points: {title: (N, 2)}"""
    _, axes = plt.subplots(
        1, len(points), figsize=(WIDTH, WIDTH / len(points)), squeeze=False
    )
    for ax, (name, x) in zip(axes[0], points.items(), strict=True):
        draw_points(ax, x, limit)
        ax.set_xlabel(name)


def draw_points(
    ax: Axes, x: Tensor, limit: float, role: str = "xt"
) -> None:
    """A cloud of points (N, 2) in a square from -limit to limit."""
    color = line_style(role)["color"]
    ax.scatter(*as_array(x).T, s=3, color=color, alpha=0.6, lw=0)
    ax.set(
        xlim=(-limit, limit),
        ylim=(-limit, limit),
        aspect="equal",
        xticks=[],
        yticks=[],
    )


def plot_maps(maps: dict[str, Tensor], log: bool = False) -> None:
    """Matrices as pictures in the colours of time.

    maps: {title: (H, W)}, each scaled to its own maximum; log shows decades
    """
    _, axes = plt.subplots(
        1, len(maps), figsize=(WIDTH, 2.9), squeeze=False
    )
    for ax, (name, values) in zip(axes[0], maps.items(), strict=True):
        values = values / values.max()
        if log:
            values = values.clamp(min=1e-6).log10()
        values = as_array(values)
        picture = ax.imshow(values, cmap=TIME, interpolation="nearest")
        ax.set_xlabel(name)
        ax.set(xticks=[], yticks=[])
    label = (
        "log10 of the share of the maximum"
        if log
        else "share of the maximum"
    )
    plt.colorbar(picture, ax=axes[0], shrink=0.8, label=label)


def as_array(x: Tensor) -> np.ndarray:
    """What matplotlib can draw, from wherever the tensor lives."""
    return x.detach().cpu().numpy()
