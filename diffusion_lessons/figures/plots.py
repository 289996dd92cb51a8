"""The still pictures of the book. Each draws one figure, returns None."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from torch import Tensor

from ..schedule import NoiseSchedule
from .style import (
    COLORS,
    FAINT,
    INK,
    SMALL,
    TEXT_COLORS,
    TIME,
    WIDTH,
    axes_for,
    in_two_forms,
    is_narrow,
    line_style,
    width,
)
from .themed import runs_of

# (label, x, y, role): a role of style.COLORS, optionally with its own dash
# behind a space, as "xt" or "xt :"; a fifth entry (low, high) draws a band
Curve = tuple[str, Tensor, Tensor, str] | tuple
MOST_TICKS = 10  # that a logarithmic axis names
DECADES = 1.7  # of an axis; with fewer, its ticks are plain numbers
MOST_VECTORS = 300  # points that are drawn one by one; more are a picture
ROOM_FOR_NAMES = 0.3  # of a panel's width, beside the ends of its curves
ABOVE = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}  # a panel
APART = 1.25  # lines of text from one name to the next
MOST_COLUMNS, FEW_ROWS = 6, 4  # on a phone; more columns go on below
ROOM_ABOVE = 0.22  # inches for a line of words over images
TARGETS = {r"$\varepsilon$": "noise", "$x_0$": "x0 --", "$v$": "prediction"}
RIVALS = ["noise", "xt :"]  # beside the one in question, a "prediction"


@in_two_forms
def show_images(
    images: Tensor | dict[str, Tensor],
    labels: Sequence[str] | None = None,
) -> None:
    """Images in one row, or in one named row each, all from -1 to 1.

    images: (N, 1 or 3, H, W), or {row name: (N, 1 or 3, H, W)}
    labels: (N,) what stands above the columns
    """
    rows = images if isinstance(images, dict) else {"": images}
    draw_rows(rows, labels, least=6)


def draw_rows(
    rows: dict[str, Tensor],
    labels: Sequence[str] | None = None,
    least: int = 1,
) -> Figure:
    """Rows of images, each with its name, as wide as the page.

    rows: {name: (N, 1, H, W)}    labels: as in show_images
    least: columns for which there is room, so that few are not huge
    """
    lines = _lines(rows, labels or [])
    columns = max(len(images) for _, images, _ in lines)
    if is_narrow():
        side = width() / max(columns, min(least, 4))
        words = sum(bool(name) + bool(above) for name, _, above in lines)
    else:  # names stand beside the rows and need room too
        side = width() / (max(columns, least) + any(rows))
        words = bool(labels)
    figure, axes = plt.subplots(
        len(lines),
        columns,
        figsize=(width(), len(lines) * side + words * ROOM_ABOVE),
        squeeze=False,
    )
    for ax in axes.flat:
        ax.axis("off")
    for row, (name, images, above) in zip(axes, lines, strict=True):
        for ax, image in zip(row, images, strict=False):
            draw_image(ax, image)
        draw_row_name(row[0], name, 1 + bool(above))
        for ax, label in zip(row, above, strict=False):
            ax.set_title(label, fontsize=SMALL, pad=3)
    return figure


def _lines(
    rows: dict[str, Tensor], labels: Sequence[str]
) -> list[tuple[str, Tensor, Sequence[str]]]:
    """Name, images and labels of every line; on a phone rows are broken."""
    columns = max(map(len, rows.values()))
    cut = columns
    if is_narrow() and columns > MOST_COLUMNS and len(rows) <= FEW_ROWS:
        cut = -(-columns // 2)
    lines = []
    for start in range(0, columns, cut):
        part = slice(start, start + cut)
        for i, (name, images) in enumerate(rows.items()):
            if len(images[part]):
                above = labels[part] if i == 0 else []
                lines.append((name, images[part], above))
    return lines


def draw_image(ax: Axes, image: Tensor) -> None:
    """One image with -1 black, 1 white, every pixel a square.

    image: (1, H, W), or (3, H, W) in colour
    """
    if len(image) == 3:
        image = ((image.movedim(0, -1) + 1) / 2).clamp(0, 1)
    ax.imshow(
        as_array(image.squeeze(0)),
        vmin=-1,
        vmax=1,
        cmap="gray",
        interpolation="none",  # each pixel a square, at any size
        clip_on=False,
    )
    ax.axis("off")
    hair = {"fill": False, "ec": FAINT, "lw": 0.5, "clip_on": False}
    frame = plt.Rectangle((0, 0), 1, 1, transform=ax.transAxes, **hair)
    ax.add_patch(frame)  # white pixels end on a white page too


def draw_row_name(ax: Axes, name: str, line: int = 1) -> None:
    """What stands before a row of images; on a phone it stands above.

    line: which line of words over the images that is
    """
    if not name:
        return
    if is_narrow():
        above = 0, 3 + (line - 1) * 1.4 * SMALL
        place = {"xycoords": "axes fraction", "textcoords": "offset points"}
        ax.annotate(name, (0, 1), above, fontsize=SMALL, **place)
        return
    place = {"ha": "right", "va": "center", "transform": ax.transAxes}
    ax.text(-0.15, 0.5, name, fontsize=SMALL, **place)


@in_two_forms
def plot_curves(
    panels: dict[str, list[Curve]],
    xlabel: str | Sequence[str] = "step $t$",
    yscale: str | Sequence[str] = "linear",
    height: float = 2.6,
    shade: tuple[float, float] | None = None,
    xscale: str = "linear",
    same_y: bool = False,
) -> None:
    """Curves in one panel or several side by side.

    panels: {label of the y-axis: its curves}, each (label, x, y, role), or
    (label, x, y, role, (low, high)) with a band around it
    xlabel, yscale: of all panels, or one for each
    shade: an interval of x to grey out, in every panel
    xscale: "log" shows a few values of x where they are
    same_y: are the y-axes of all panels to have the same ends?
    """
    axes = axes_for(len(panels), height)
    names, scales = (
        [each] * len(panels) if isinstance(each, str) else each
        for each in (xlabel, yscale)
    )
    for ax, (ylabel, curves), name, scale in zip(
        axes, panels.items(), names, scales, strict=True
    ):
        for curve in curves:
            draw_curve(ax, *curve)
        ax.set(xlabel=name, ylabel=ylabel, xscale=xscale, yscale=scale)
        if scale == "log":
            _name_plainly(ax)
        if xscale == "log" and len(curves[0][1]) <= MOST_TICKS:
            values = curves[0][1].tolist()
            ax.set_xticks(values, [f"{x:g}" for x in values])
            ax.xaxis.set_minor_locator(NullLocator())
        if shade:
            ax.axvspan(*shade, color=COLORS["noise"], alpha=0.2, lw=0)
    if same_y:
        low, high = zip(*(ax.get_ylim() for ax in axes), strict=True)
        for ax in axes:
            ax.set_ylim(min(low), max(high))
    for ax, curves in zip(axes, panels.values(), strict=True):
        name_curves(ax, [curve[3] for curve in curves if curve[0]])


def _name_plainly(ax: Axes) -> None:
    """Ticks as 0.2 and 0.5, where the y-axis has hardly two decades."""
    low, high = ax.get_ylim()
    if high / low < 10**DECADES:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        ax.yaxis.set_minor_locator(NullLocator())


def name_curves(ax: Axes, roles: Sequence[str]) -> None:
    """Names at the ends of the curves, or a legend where they are crowded.

    roles: of the curves that have a name, in order
    """
    named = [x for x in ax.lines if not x.get_label().startswith("_")]
    if not named:
        return
    ax.get_ylim()  # sets the limits that it will be drawn with
    heights = [_height_at_end(ax, line) for line in named]
    wide, high = ax.figure.get_size_inches() * 72 * ax.get_position().size
    lengths = [0.55 * SMALL * _letters(x.get_label()) for x in named]
    apart = np.diff(sorted(heights)) * high > APART * SMALL
    one_end = len({line.get_xdata()[-1] for line in named}) == 1
    if max(lengths) < ROOM_FOR_NAMES * wide and all(apart) and one_end:
        for line, height, role in zip(named, heights, roles, strict=True):
            _name_end(ax, line, height, role)
    elif is_narrow():  # there is no room among the curves
        row = sum(lengths) + 45 * len(named) < wide
        ax.legend(ncols=len(named) if row else 1, **ABOVE)
    else:
        ax.legend()


def _name_end(ax: Axes, line: Line2D, height: float, role: str) -> None:
    ax.annotate(
        line.get_label(),
        (1, height),
        (4, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        color=TEXT_COLORS[role.partition(" ")[0]],
    )


def _height_at_end(ax: Axes, line: Line2D) -> float:
    end = line.get_xdata()[-1], line.get_ydata()[-1]
    return ax.transAxes.inverted().transform(ax.transData.transform(end))[1]


def _letters(label: str) -> int:
    return sum(len(run[0]) for run in runs_of(label) or [(label,)])


def plot_targets(
    panels: dict[str, tuple[Tensor, Sequence[Tensor]]],
) -> None:
    """A curve for each target: asked for eps, asked for x_0, asked for v.

    panels: {label of the logarithmic y-axis: (x, three curves)}, a curve
    (N,), or (R, N) for R runs: their mean, and a band over their range
    """
    curves = {
        label: [
            (f"asked for {name}", x, *_mean_and_band(y, role))
            for (name, role), y in zip(TARGETS.items(), three, strict=True)
        ]
        for label, (x, three) in panels.items()
    }
    plot_curves(curves, yscale="log")


def plot_rivals(
    panels: dict[str, tuple[Tensor, dict[str, Tensor]]], **axes
) -> None:
    """Up to three curves in each panel; the last is the one in question.

    panels: {label of the y-axis: (x, {name: y})}, x and y (N,); a curve
    with the name "" is left out of the legend
    axes: as in plot_curves
    """
    curves = {}
    for label, (x, named) in panels.items():
        roles = [*RIVALS[: len(named) - 1], "prediction"]
        curves[label] = [
            (name, x, torch.as_tensor(y), role)
            for (name, y), role in zip(named.items(), roles, strict=True)
        ]
    plot_curves(curves, **axes)


def plot_runs(
    panels: dict[str, tuple[Tensor, Tensor]],
    x: Tensor,
    names: tuple[str, str] = ("guided", "real"),
    **axes,
) -> None:
    """What guidance does to some numbers, and their values without it.

    panels: {label of the y-axis: (runs (R, N), one value ())}, drawn as
    the mean of the runs, a band over their range, and a dashed line
    x: (N,)    names: of the runs and of the line    axes: as in plot_curves
    """
    curves = {}
    for label, (runs, value) in panels.items():
        curves[label] = [
            (names[0], x, *_mean_and_band(runs, "guidance")),
            (names[1], x, value.expand(len(x)), "truth"),
        ]
    plot_curves(curves, **axes)


def plot_shares_below(values: dict[str, Tensor], xlabel: str) -> None:
    """Up to three rising curves: which share of the values is below x.

    values: {name: (N,)}, in any order; the last curve is the dashed truth
    """
    roles = ["noise", "prediction", "truth"][-len(values) :]
    curves = [
        (name, x.sort().values, torch.linspace(0, 1, len(x)), role)
        for (name, x), role in zip(values.items(), roles, strict=True)
    ]
    plot_curves({"share below": curves}, xlabel=xlabel)


def _mean_and_band(runs: Tensor, role: str) -> tuple:
    """The rest of a Curve for one run (N,) or several (R, N)."""
    if runs.ndim == 1:
        return runs, role
    return runs.mean(0), role, (runs.amin(0), runs.amax(0))


def draw_curve(
    ax: Axes,
    label: str,
    x: Tensor,
    y: Tensor,
    role: str,
    band: tuple[Tensor, Tensor] | None = None,
) -> None:
    """A curve (N,) and, if given, the band from low (N,) to high (N,)."""
    role, _, dash = role.partition(" ")
    style = line_style(role)
    if dash:
        style["linestyle"] = dash
    ax.plot(as_array(x), as_array(y), label=label, **style)
    if band:
        low, high = map(as_array, band)
        color = style["color"]
        ax.fill_between(
            as_array(x), low, high, color=color, alpha=0.2, lw=0
        )


def plot_schedules(schedules: dict[str, NoiseSchedule]) -> None:
    """The betas, alpha-bar and the SNR of two schedules, side by side.

    schedules: {name: schedule}, the first solid, the second dotted. The
    betas and the SNR are shown as powers of ten.
    """
    panels = {r"$\log_{10}\beta_t$": [], r"$\bar\alpha_t$": []}
    panels |= {r"$\log_{10}$ SNR": []}
    betas, alpha_bars, snrs = panels.values()
    for (name, one), dash in zip(schedules.items(), "-:", strict=True):
        t = torch.arange(1, one.num_steps + 1)
        betas.append((name, t, one.betas[1:].log10(), f"noise {dash}"))
        alpha_bars.append(("", t, one.alphas_cumprod[1:], f"x0 {dash}"))
        snrs.append(("", t, one.snr()[1:].log10(), f"xt {dash}"))
    plot_curves(panels)


@in_two_forms
def plot_bars(
    panels: dict[str, Tensor],
    xlabel: str = "class",
    expected: Tensor | None = None,
    role: str = "prediction",
) -> None:
    """Bars side by side, as the shares of classes.

    panels: {title: (C,)}    expected: (C,) drawn as dashed steps over each
    """
    axes = axes_for(len(panels), 2.2, sharey=True)
    for ax, (name, heights) in zip(axes, panels.items(), strict=True):
        places = range(len(heights))
        ax.bar(places, as_array(heights), color=line_style(role)["color"])
        if expected is not None:
            truth = line_style("truth")
            ax.step(
                places,
                as_array(expected),
                where="mid",
                label="real",
                **truth,
            )
        ax.set_title(name, fontsize=SMALL, pad=3)
        ax.set(xlabel=xlabel, xticks=list(places))
    axes[0].set_ylabel("share")
    if expected is not None:
        axes[-1].legend(handlelength=1.4)


@in_two_forms
def plot_stops(
    stops: dict[str, Tensor], last: int, xlabel: str = "step $t$"
) -> None:
    """Which steps are visited: a row of dots for each way of choosing.

    stops: {row name: (N,) steps}    last: T; all dots have the colour of t
    """
    _, ax = plt.subplots(figsize=(width(), 0.6 + 0.4 * len(stops)))
    for y, t in enumerate(stops.values()):
        ax.axhline(y, color=FAINT, lw=0.8, zorder=1)
        ax.scatter(
            as_array(t),
            [y] * len(t),
            c=as_array(t),
            cmap=TIME,
            vmin=0,
            vmax=last,
            edgecolors=INK,
            lw=0.6,
            zorder=2,
            clip_on=False,
        )
    ax.set(xlabel=xlabel, xlim=(0, last), ylim=(len(stops) - 0.5, -0.5))
    ax.set_yticks(range(len(stops)), stops)
    ax.tick_params(axis="y", length=0, pad=8)
    ax.spines["left"].set_visible(False)


@in_two_forms
def plot_walkers(
    paths: Tensor, mean: Tensor, std: Tensor, shown: int = 12
) -> None:
    """Some 1-D paths over t, and the band mean ± 2 std theory expects.

    paths: (T + 1, N)    mean, std: (T + 1,)
    """
    _, ax = plt.subplots(figsize=(width(), 2.6))
    t = range(len(paths))
    paths, mean, std = as_array(paths), as_array(mean), as_array(std)
    thin = {"lw": 0.6, "alpha": 0.7, "rasterized": True}
    ax.plot(t, paths[:, :shown], color=COLORS["xt"], **thin)
    ax.plot([], [], color=COLORS["xt"], label="walkers $x_t$")
    ax.plot(t, mean, **line_style("x0"), label="mean")
    band = {"color": COLORS["truth"], "ls": "--", "lw": 1}
    ax.plot(t, mean - 2 * std, **band, label="mean ± 2 std")
    ax.plot(t, mean + 2 * std, **band)
    ax.set(xlabel="step $t$", ylabel="$x_t$", xlim=(0, len(paths) - 1))
    ax.legend(ncols=3, **ABOVE)


def plot_paths(
    panels: dict[str, Tensor], start: float | None = None
) -> None:
    """Every path of a few walkers, a panel for each sampler, from T to 0.

    panels: {name: (T + 1, N)}, the first row at t = T
    start: a value of x_T, marked by a dashed line in the last panel
    """
    curves = {}
    for name, paths in panels.items():
        t = torch.arange(len(paths) - 1, -1, -1)
        lines = [("", t, path, "xt") for path in paths.T]
        curves[f"$x_t$, {name}"] = lines
    if start is not None:
        early = t[: 3 * len(t) // 10]
        line = torch.full(early.shape, start)
        lines.append((f"{start:.3f}", early, line, "truth"))
    plot_curves(curves, same_y=True)


@in_two_forms
def plot_histograms(
    samples: dict[str, Tensor],
    grid: Tensor,
    densities: Sequence[Tensor],
    role: str = "xt",
    names: tuple[str, str] = ("walkers", "exact"),
) -> None:
    """A histogram in each panel under the density theory expects.

    samples: {title: (N,)}    grid: (G,)    densities: (G,) for each panel
    names: of the histogram and of the density, in the legend
    """
    axes = axes_for(len(samples), 2.2, sharey=True)
    for ax, (name, x), density in zip(
        axes, samples.items(), densities, strict=True
    ):
        draw_histogram(ax, x, grid, density, role, names)
        ax.set_xlabel(name)
    axes[0].set_ylabel("density")
    axes[0].locator_params(axis="y", nbins=4)  # the same at any height
    axes[-1].legend(handlelength=1.2)


def draw_histogram(
    ax: Axes,
    x: Tensor,
    grid: Tensor,
    density: Tensor,
    role: str = "xt",
    names: tuple[str, str] = ("walkers", "exact"),
) -> None:
    """A histogram of x (N,) and the exact density (G,) over grid (G,)."""
    bins = torch.linspace(grid[0], grid[-1], 61).numpy()
    color = line_style(role)["color"]
    style = {"density": True, "histtype": "stepfilled"}
    ax.hist(as_array(x), bins, color=color, label=names[0], **style)
    truth = line_style("truth")
    ax.plot(as_array(grid), as_array(density), label=names[1], **truth)


@in_two_forms
def plot_points(points: dict[str, Tensor], limit: float = 3.5) -> None:
    """Clouds of points side by side.    points: {title: (N, 2)}"""
    axes = axes_for(len(points), WIDTH / len(points), stacked=False)
    for ax, (name, x) in zip(axes, points.items(), strict=True):
        draw_points(ax, x, limit)
        ax.set_xlabel(name)


def draw_points(
    ax: Axes, x: Tensor, limit: float, role: str = "xt", size: float = 3
) -> None:
    """A cloud of points (N, 2) in a square from -limit to limit."""
    color = line_style(role)["color"]
    ax.spines[:].set(visible=True, color=FAINT, linewidth=0.5)
    dots = {"s": size, "alpha": 0.6, "lw": 0}
    many = len(x) > MOST_VECTORS
    ax.scatter(*as_array(x).T, color=color, rasterized=many, **dots)
    ax.set(
        xlim=(-limit, limit),
        ylim=(-limit, limit),
        aspect="equal",
        xticks=[],
        yticks=[],
    )


@in_two_forms
def plot_arrows(
    panels: dict[str, tuple[Tensor, str]],
    places: Tensor,
    limit: float = 3.5,
    longest: float = 0.9,
) -> None:
    """Arrows at the same places in each panel, all on one scale.

    panels: {title: (arrows (N, 2), role)}    places: (N, 2)
    longest: how long the longest arrow of all is drawn, in units of x
    """
    axes = axes_for(len(panels), WIDTH / len(panels), stacked=False)
    most = max(v.norm(dim=1).max().item() for v, _ in panels.values())
    style = {"angles": "xy", "scale_units": "xy", "scale": most / longest}
    for ax, (name, (v, role)) in zip(axes, panels.items(), strict=True):
        draw_points(ax, places, limit, "noise", size=2)
        color = line_style(role)["color"]
        ax.quiver(
            *as_array(places).T,
            *as_array(v).T,
            color=color,
            width=0.008,
            **style,
        )
        ax.set_xlabel(name)


@in_two_forms
def plot_balls(
    panels: dict[str, tuple[Tensor, str, Tensor, str]],
    k: int = 3,
    limit: float = 3.5,
) -> None:
    """A set as balls to the k-th neighbours, and which points are inside.

    panels: {title: (centres (N, 2), their role, points (M, 2), their
        role)}; a point in no ball is drawn as a cross
    """
    axes = axes_for(len(panels), WIDTH / len(panels), stacked=False)
    for ax, (title, panel) in zip(axes, panels.items(), strict=True):
        centres, role, points, other_role = panel
        radius = torch.cdist(centres, centres).kthvalue(k + 1).values
        style = {"color": COLORS[role], "alpha": 0.13, "lw": 0}
        for centre, r in zip(
            as_array(centres), radius.tolist(), strict=True
        ):
            ax.add_patch(plt.Circle(centre, r, **style))
        draw_points(ax, centres, limit, role, size=6)
        inside = (torch.cdist(points, centres) <= radius).any(1)
        draw_points(ax, points[inside], limit, other_role, size=10)
        lost = as_array(points[~inside]).T
        ax.scatter(*lost, s=16, marker="x", color=COLORS[other_role], lw=1)
        ax.set_xlabel(title)


@in_two_forms
def plot_maps(
    maps: dict[str, Tensor],
    log: bool = False,
    last_rows: Sequence[int] | None = None,
) -> None:
    """Matrices as pictures, from black to white.

    maps: {title: (H, W)}, from -1 to 1; log: instead, each as a share of
    its own maximum, in decades
    last_rows: for each map, what its last row is called, by default H - 1
    """
    axes = axes_for(len(maps), 2.9, stacked=False)
    low, high, label = (
        (-6, 0, "log10 (value / maximum)") if log else (-1, 1, "value")
    )
    for i, (ax, (name, values)) in enumerate(
        zip(axes, maps.items(), strict=True)
    ):
        if log:
            values = (values / values.max()).clamp(min=1e-6).log10()
        picture = ax.imshow(
            as_array(values),
            cmap="gray",
            vmin=low,
            vmax=high,
            interpolation="none",
        )
        bottom, right = (n - 1 for n in values.shape)
        ax.set_xlabel(name)
        ax.set_xticks([0, right])
        ax.set_yticks(
            [0, bottom], [0, last_rows[i] if last_rows else bottom]
        )
    plt.colorbar(picture, ax=axes, shrink=0.8, label=label)


def as_array(x: Tensor) -> np.ndarray:
    """What matplotlib can draw, from wherever the tensor lives."""
    return x.detach().cpu().numpy()
