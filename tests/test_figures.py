"""Figures: what they draw, and what a page needs from them."""

import io
import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.colors import to_hex
from matplotlib.text import Annotation, Text
from PIL import Image
from torch.testing import assert_close

from diffusion_lessons import (
    NoiseSchedule,
    first,
    q_sample,
)
from diffusion_lessons.figures import (
    COLORS,
    Scrubber,
    draw_time_unet,
    draw_turn,
    draw_unet,
    plot_arrows,
    plot_balls,
    plot_bars,
    plot_curves,
    plot_histograms,
    plot_maps,
    plot_paths,
    plot_points,
    plot_rivals,
    plot_runs,
    plot_schedules,
    plot_shares_below,
    plot_stops,
    plot_targets,
    plot_walkers,
    scrub_grid,
    scrub_histograms,
    scrub_images,
    scrub_points,
    show_images,
    show_lines,
    show_source,
    use_style,
)
from diffusion_lessons.figures.films import _draw_histogram
from diffusion_lessons.figures.notebook import THEMED
from diffusion_lessons.figures.plots import draw_histogram, draw_points
from diffusion_lessons.figures.style import (
    FAINT,
    NARROW,
    SMALL,
    TEXT_COLORS,
    TIME,
    WIDTH,
    line_style,
    narrowly,
)
from diffusion_lessons.figures.themed import (
    DARK,
    THEME,
    film_strip,
    runs_of,
    themed_forms,
    themed_svg,
)

mpl.use("Agg")  # draw without a screen
BOOK = Path(__file__).resolve().parents[1] / "book"
NAMESPACE = ' xmlns="http://www.w3.org/2000/svg"'

IMAGES = torch.linspace(-3, 3, 5 * 16).view(5, 1, 4, 4)
X = torch.linspace(0, 1, 20)
GRID = torch.linspace(-3, 3, 50)
BELL = torch.exp(-(GRID**2) / 2) / 2.5066
SCHEDULES = {
    "one": NoiseSchedule.linear(20),
    "two": NoiseSchedule.cosine(30),
}
CALLS = {
    "images": lambda: show_images(IMAGES, labels=list("abcde")),
    "rows": lambda: show_images({"up": IMAGES, "down": IMAGES[:2]}),
    "curves": lambda: plot_curves({"y": [("a", X, X, "xt")]}),
    "walkers": lambda: plot_walkers(torch.randn(20, 30), X, X),
    "paths": lambda: plot_paths({"a": torch.randn(20, 3)}, start=0.5),
    "histograms": lambda: plot_histograms(
        {"a": torch.randn(99), "b": torch.randn(99)}, GRID, [BELL, BELL]
    ),
    "points": lambda: plot_points({"a": torch.randn(9, 2)}),
    "stops": lambda: plot_stops({"a": GRID, "b": GRID[:3]}, 9),
    "schedules": lambda: plot_schedules(SCHEDULES),
    "maps": lambda: plot_maps({"a": torch.rand(4, 4)}, log=True),
    "unet": draw_unet,
    "time unet": draw_time_unet,
    "turn": lambda: draw_turn(NoiseSchedule.cosine(9), [1, 9]),
    "targets": lambda: plot_targets({"y": (X, (X + 1, X + 2, X + 3))}),
    "rivals": lambda: plot_rivals({"y": (X, {"a": X, "b": X + 1})}),
    "band": lambda: plot_curves({"y": [("a", X, X, "xt", (X - 1, X + 1))]}),
    "balls": lambda: plot_balls(
        {"a": (torch.randn(9, 2), "x0", torch.randn(9, 2), "prediction")}
    ),
    "arrows": lambda: plot_arrows(
        {"a": (torch.randn(9, 2), "xt")}, torch.randn(9, 2)
    ),
    "runs": lambda: plot_runs({"y": (torch.randn(3, 20), X[1])}, X),
    "shares below": lambda: plot_shares_below({"a": X}, "ratio"),
    "bars": lambda: plot_bars({"a": X[:4]}, expected=X[:4]),
}


@pytest.fixture(autouse=True)
def _closed():
    with mpl.rc_context():
        yield
    plt.close("all")


def frames(n=3, size=(2, 1)):
    for i in range(n):
        figure, ax = plt.subplots(figsize=size)
        ax.plot([0, i])
        yield figure


def scrubber(**options):
    given = {"labels": ["t = 0", "t = 1", "t = 2"]}
    given |= {"alt": "A line rises.", "caption": "Steeper and steeper."}
    return Scrubber(frames(), **given | options)


def names_in(ax):
    """The names of an axes' curves, at their ends or in a legend."""
    if ax.get_legend():
        return [text.get_text() for text in ax.get_legend().get_texts()]
    return [text.get_text() for text in ax.texts]


class Tags(HTMLParser):
    """The tags of a piece of HTML, their attributes and the text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = {}, []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.setdefault(tag, []).append(dict(attrs))

    def handle_data(self, data):
        self.text.append(data)


def page(scrubber):
    return Tags(scrubber._repr_html_())


# Still pictures


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_plot_draws_one_figure_and_returns_none(call):
    before = plt.figure().number
    assert call() is None
    assert len(plt.get_fignums()) == 2
    assert plt.fignum_exists(before)
    assert plt.gcf().axes
    plt.gcf().canvas.draw()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_figure_is_as_wide_as_the_page_and_has_no_title(call):
    call()
    assert plt.gcf().get_figwidth() == WIDTH
    assert plt.gcf().get_suptitle() == ""


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_figure_can_be_read_on_a_phone(call):
    use_style()
    call()
    plt.gcf().draw_without_rendering()
    texts = plt.gcf().findobj(Text)
    written = [t for t in texts if t.get_visible() and t.get_text().strip()]
    assert all(text.get_fontsize() >= SMALL for text in written)
    assert SMALL >= 10  # test_phone.py: what that is on a screen


@pytest.mark.parametrize("rows", [IMAGES, {"a": IMAGES, "b": IMAGES}])
def test_images_run_from_minus_1_to_1_and_show_their_pixels(rows):
    show_images(rows)
    shown = [image for ax in plt.gcf().axes for image in ax.images]
    assert len(shown) == 5 * (2 if isinstance(rows, dict) else 1)
    for picture, image in zip(shown, [*IMAGES] * 2, strict=False):
        assert picture.get_clim() == (-1, 1)
        assert picture.get_interpolation() == "none"  # no blur
        assert picture.get_cmap().name == "gray"
        assert torch.equal(torch.tensor(picture.get_array()), image[0])


def test_labels_stand_above_their_images():
    show_images(IMAGES, labels=list("abcde"))
    assert [ax.get_title() for ax in plt.gcf().axes] == list("abcde")


def test_the_name_of_a_row_is_written_beside_it():
    show_images({"up": IMAGES, "down": IMAGES})
    texts = [t.get_text() for ax in plt.gcf().axes for t in ax.texts]
    assert texts == ["up", "down"]


def test_images_that_carry_gradients_can_be_shown():
    show_images(IMAGES.clone().requires_grad_())
    assert len(plt.gcf().axes) == 5


def test_a_curve_has_its_data_its_role_and_its_legend():
    plot_curves({"y": [("signal", X, X**2, "x0"), ("", X, X, "xt :")]})
    signal, dotted = plt.gca().lines
    assert signal.get_color() == COLORS["x0"]
    assert (dotted.get_color(), dotted.get_linestyle()) == (
        COLORS["xt"],
        ":",
    )
    assert torch.equal(torch.tensor(signal.get_ydata()), X**2)
    assert names_in(plt.gca()) == ["signal"]


def test_a_logarithmic_axis_names_the_few_values_it_has():
    x = torch.tensor([2, 5, 50])
    plot_curves({"y": [("a", x, X[:3], "xt")]}, xscale="log")
    names = [label.get_text() for label in plt.gca().get_xticklabels()]
    assert names == ["2", "5", "50"]


def test_a_band_reaches_from_low_to_high():
    plot_curves({"y": [("a", X, X, "xt", (X - 1, X + 2))]})
    (band,) = plt.gca().collections
    points = torch.tensor(band.get_paths()[0].vertices)
    assert points[:, 1].min() == -1
    assert points[:, 1].max() == 3
    assert band.get_alpha() < 1


def test_the_last_of_the_rivals_stands_out_and_axes_are_passed_on():
    three = {"a": X, "b": X + 1, "c": X.tolist()}
    panels = {"loss": (X, three), "ratio": (X, {"": X + 2})}
    plot_rivals(panels, xlabel="s", yscale=["log", "linear"])
    left, right = plt.gcf().axes
    seen = [(line.get_color(), line.get_linestyle()) for line in left.lines]
    gray, middle, last = seen
    assert gray == (COLORS["noise"], "-.")
    assert middle == (COLORS["xt"], ":")
    assert last == (COLORS["prediction"], "-")
    assert [line.get_label() for line in left.lines] == [*three]
    assert_close(torch.tensor(left.lines[1].get_ydata()), X + 1)
    assert right.lines[0].get_color() == COLORS["prediction"]
    assert right.get_legend() is None
    assert (left.get_xlabel(), left.get_ylabel()) == ("s", "loss")
    assert (left.get_yscale(), right.get_yscale()) == ("log", "linear")


def test_rivals_of_two_are_one_in_gray_and_the_one_in_question():
    plot_rivals({"y": (X, {"a": X, "b": X + 1})})
    colors = [line.get_color() for line in plt.gca().lines]
    assert colors == [COLORS["noise"], COLORS["prediction"]]


def test_there_are_no_more_rivals_than_three():
    with pytest.raises(ValueError, match="zip"):
        plot_rivals({"y": (X, dict.fromkeys("abcd", X))})


def test_targets_are_drawn_in_order_and_runs_as_mean_and_range():
    runs = torch.stack([X + 1, X + 5])
    plot_targets({"a": (X, (X + 1, X + 2, runs)), "b": (X, (X + 1,) * 3)})
    left, right = plt.gcf().axes
    heights = [torch.tensor(line.get_ydata()) for line in left.lines]
    assert_close(heights, [X + 1, X + 2, X + 3])
    colors = [line.get_color() for line in left.lines]
    assert colors == [COLORS[r] for r in ("noise", "x0", "prediction")]
    (band,) = left.collections
    points = torch.tensor(band.get_paths()[0].vertices)
    assert (points[:, 1].min(), points[:, 1].max()) == (1, 6)
    assert len(right.lines) == 3
    assert not right.collections
    assert left.get_yscale() == right.get_yscale() == "log"


def test_bars_have_the_heights_and_the_expected_steps():
    plot_bars({"a": X[:4], "b": X[4:8]}, expected=X[:4])
    heights = [
        [p.get_height() for p in ax.patches] for ax in plt.gcf().axes
    ]
    assert torch.equal(torch.tensor(heights).flatten(), X[:8])
    for ax in plt.gcf().axes:
        (real,) = ax.lines
        assert torch.equal(torch.tensor(real.get_ydata()), X[:4])


def test_panels_stand_side_by_side_with_their_own_labels():
    curves = [("", X, X, "xt")]
    scales = ["linear", "log"]
    plot_curves({"a": curves, "b": curves}, ["s", "t"], scales)
    names = [(ax.get_xlabel(), ax.get_ylabel()) for ax in plt.gcf().axes]
    assert names == [("s", "a"), ("t", "b")]
    assert [ax.get_yscale() for ax in plt.gcf().axes] == scales


def test_no_two_roles_look_alike():
    assert len(set(COLORS.values())) == len(COLORS)
    grey = {"noise", "truth"}  # told apart by their dashes as well
    assert len({line_style(role)["linestyle"] for role in grey}) == 2


def test_v_begins_where_x_t_ends_at_a_right_angle():
    schedule = NoiseSchedule.cosine(9)
    draw_turn(schedule, [2, 7])
    for ax, t in zip(plt.gcf().axes, [2, 7], strict=True):
        arrows = [a for a in ax.texts if isinstance(a, Annotation)]
        *_, xt, v = [(a.xyann, a.xy) for a in arrows]
        tip = schedule.sqrt_alphas_cumprod[t].item()
        rise = schedule.sqrt_one_minus_alphas_cumprod[t].item()
        assert xt == ((0, 0), v[0]) == ((0, 0), (tip, rise))
        along = [b - a for a, b in zip(*v, strict=True)]
        assert along == pytest.approx([-rise, tip])


def test_a_histogram_is_drawn_under_the_exact_density():
    plot_histograms({"a": torch.randn(99)}, GRID, [BELL])
    (exact,) = plt.gca().lines
    assert torch.equal(torch.tensor(exact.get_ydata()), BELL)
    x, y = torch.tensor(plt.gca().patches[0].get_xy()).T
    area = (x * y.roll(-1) - y * x.roll(-1)).sum().abs() / 2
    assert area.item() == pytest.approx(1)


def test_walkers_run_inside_the_band_of_theory():
    paths = torch.randn(20, 30)
    plot_walkers(paths, torch.zeros(20), torch.ones(20), shown=12)
    lines = [line.get_ydata() for line in plt.gca().lines]
    assert len(lines) == 12 + 1 + 3
    assert set(lines[-2]) == {-2.0}
    assert set(lines[-1]) == {2.0}


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: line_style("banana"),
        lambda ax: plot_curves({"y": [("a", X, X, "banana")]}),
        lambda ax: draw_histogram(ax, X, GRID, BELL, "banana"),
        lambda ax: draw_points(ax, torch.randn(9, 2), 3, "banana"),
    ],
    ids=["style", "curves", "histogram", "points"],
)
def test_an_unknown_role_is_refused(draw):
    words = "role must be one of 'x0', 'noise', .*; got 'banana'"
    with pytest.raises(ValueError, match=words):
        draw(plt.figure().add_subplot())


def test_the_style_of_the_book_can_be_used_outside_a_notebook():
    use_style()
    assert plt.rcParams["figure.facecolor"] == "white"
    assert plt.rcParams["savefig.facecolor"] == "white"


# What stands where, and in which colour


def colours(artists):
    """The colours that these are filled with, without repeats."""
    return {to_hex(a.get_facecolor()).upper() for a in artists}


def dots(collection):
    """Where the points of a cloud are, and in which colour."""
    (color,) = {to_hex(c).upper() for c in collection.get_edgecolor()} or (
        colours([collection])
    )
    return torch.tensor(collection.get_offsets()), color


def written(legend):
    return [text.get_text() for text in legend.get_texts()]


def data(line):
    return torch.stack([torch.as_tensor(z) for z in line.get_data()])


def test_bars_have_their_role_their_names_and_one_scale():
    plot_bars({"a": X[:3], "b": 9 * X[:3]}, "k", X[:3], role="x0")
    left, right = plt.gcf().axes
    for ax, title in ((left, "a"), (right, "b")):
        assert colours(ax.patches) == {COLORS["x0"]}
        assert (ax.get_title(), ax.get_xlabel()) == (title, "k")
        assert [*ax.get_xticks()] == [0, 1, 2]
        (real,) = ax.lines
        assert real.get_drawstyle() == "steps-mid"
        assert real.get_color() == COLORS["truth"]
    assert left.get_ylim() == right.get_ylim()
    assert (left.get_ylabel(), right.get_ylabel()) == ("share", "")
    assert left.get_legend() is None
    assert written(right.get_legend()) == ["real"]


def test_bars_are_predictions_of_classes_and_need_no_truth():
    plot_bars({"a": X[:3]})
    (ax,) = plt.gcf().axes
    assert colours(ax.patches) == {COLORS["prediction"]}
    assert ax.get_xlabel() == "class"
    assert (list(ax.lines), ax.get_legend()) == ([], None)


def test_stops_have_a_row_each_from_the_top_and_the_colour_of_t():
    stops = {"few": [1, 5], "many": [2, 4, 6]}
    plot_stops({k: torch.tensor(t) for k, t in stops.items()}, 10)
    ax = plt.gca()
    rows = zip(ax.collections, stops.values(), strict=True)
    for y, (row, t) in enumerate(rows):
        assert row.get_offsets().tolist() == [[step, y] for step in t]
        assert row.get_array().tolist() == t
        assert row.get_clim() == (0, 10)
        assert row.get_cmap().name == TIME
    names = {
        label.get_text(): y for y, label in enumerate(ax.get_yticklabels())
    }
    assert names == {"few": 0, "many": 1}
    bottom, top = ax.get_ylim()
    assert top < 0 < 1 < bottom
    assert (ax.get_xlim(), ax.get_xlabel()) == ((0, 10), "step $t$")


def test_the_walkers_shown_are_the_first_around_their_mean():
    paths, std = torch.randn(20, 5), 1 + X
    plot_walkers(paths, X, std, shown=3)
    ax = plt.gca()
    *walkers, _, mean, low, high = ax.lines
    shown = [data(line)[1] for line in walkers]
    assert torch.equal(torch.stack(shown, 1), paths[:, :3].double())
    assert {line.get_color() for line in walkers} == {COLORS["xt"]}
    for line, expected in (
        (mean, X),
        (low, X - 2 * std),
        (high, X + 2 * std),
    ):
        assert torch.equal(data(line)[1], expected)
    assert mean.get_color() == COLORS["x0"]
    assert low.get_color() == high.get_color() == COLORS["truth"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step $t$", "$x_t$")
    assert ax.get_xlim() == (0, 19)
    names = ["walkers $x_t$", "mean", "mean ± 2 std"]
    assert written(ax.get_legend()) == names


def test_each_histogram_has_its_own_density_name_and_role():
    samples = {"a": torch.full((9,), -2.0), "b": torch.full((9,), 2.0)}
    densities = [BELL, 2 * BELL]
    plot_histograms(samples, GRID, densities, role="guidance")
    axes = plt.gcf().axes
    for ax, (name, x), bell in zip(
        axes, samples.items(), densities, strict=True
    ):
        assert ax.get_xlabel() == name
        assert torch.equal(data(ax.lines[0]), torch.stack([GRID, bell]))
        assert ax.lines[0].get_color() == COLORS["truth"]
        assert colours(ax.patches) == {COLORS["guidance"]}
        edges, heights = torch.tensor(ax.patches[0].get_xy()).T
        highest = edges[heights == heights.max()]
        assert highest.min() <= x[0] <= highest.max()
        assert (edges.min(), edges.max()) == pytest.approx((-3, 3))
        assert ax.patches[0].get_label() == "walkers"
        assert ax.lines[0].get_label() == "exact"
    assert [ax.get_ylabel() for ax in axes] == ["density", ""]
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert set(written(axes[1].get_legend())) == {"walkers", "exact"}


def test_points_stand_where_they_are_in_a_square_up_to_the_limit():
    clouds = {"a": torch.randn(9, 2), "b": torch.randn(7, 2)}
    plot_points(clouds, limit=2)
    for ax, (name, x) in zip(plt.gcf().axes, clouds.items(), strict=True):
        places, color = dots(ax.collections[0])
        assert_close(places, x.double())
        assert color == COLORS["xt"]
        assert ax.get_xlim() == ax.get_ylim() == (-2, 2)
        assert ax.get_aspect() == 1
        assert ax.get_xlabel() == name


def test_arrows_stand_at_their_places_and_share_one_scale():
    places = torch.tensor([[0.0, 1.0], [-1.0, 0.5], [2.0, 0.0]])
    short = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, -1.0]])
    panels = {"a": (short, "xt"), "b": (4 * short, "guidance")}
    plot_arrows(panels, places, limit=2, longest=0.5)
    for ax, (name, (v, role)) in zip(
        plt.gcf().axes, panels.items(), strict=True
    ):
        _, arrows = ax.collections
        assert_close(torch.as_tensor(arrows.XY), places)
        ends = [torch.as_tensor(z) for z in (arrows.U, arrows.V)]
        drawn = torch.stack(ends, 1) / arrows.scale
        assert_close(
            drawn, v.double() * 0.5 / (4 * 2**0.5), check_dtype=False
        )
        assert (arrows.angles, arrows.scale_units) == ("xy", "xy")
        assert (
            to_hex(arrows.get_facecolor()[0], False).upper() == COLORS[role]
        )
        assert ax.get_xlim() == ax.get_ylim() == (-2, 2)
        assert ax.get_xlabel() == name


def test_balls_have_the_colour_of_their_centres_and_reach_to_the_third():
    centres = torch.tensor([[0.0, 2.0], [1, 2], [3, 2], [6, 2], [10, 2]])
    points = torch.tensor([[0.5, 2.0], [3.0, -9.0]])
    plot_balls({"a": (centres, "x0", points, "prediction")}, limit=2)
    ax = plt.gca()
    assert colours(ax.patches) == {COLORS["x0"]}
    middles = [[*ball.center] for ball in ax.patches]
    assert middles == centres.tolist()
    assert [ball.radius for ball in ax.patches] == [6, 5, 3, 5, 9]
    around, inside, outside = ax.collections
    for cloud, places, role in (
        (around, centres, "x0"),
        (inside, points[:1], "prediction"),
        (outside, points[1:], "prediction"),
    ):
        found, color = dots(cloud)
        assert_close(found, places.double())
        assert color == COLORS[role]
    dot, cross = (c.get_paths()[0].vertices for c in (inside, outside))
    assert len(cross) == 4 < len(dot)
    assert ax.get_xlim() == ax.get_ylim() == (-2, 2)
    assert ax.get_xlabel() == "a"


@pytest.mark.parametrize(
    ("options", "wanted", "label"),
    [
        ({}, [[0, 0.02, 0.2], [0.002, 0.2, 0.02]], "value"),
        (
            {"log": True},
            [[-6, -1, 0], [-2, 0, -1]],
            "log10 (value / maximum)",
        ),
    ],
)
def test_a_map_shows_values_from_minus_1_to_1_or_decades_of_shares(
    options, wanted, label
):
    values = torch.tensor([[0, 2, 20], [0.2, 20, 2]]) / 100
    other = 7 * values if options else values  # a share is the same
    plot_maps({"a": values, "b": other}, last_rows=[1, 16], **options)
    *maps, bar = plt.gcf().axes
    assert bar.get_ylabel() == label
    for ax, name in zip(maps, "ab", strict=True):
        (picture,) = ax.images
        shown = torch.tensor(picture.get_array())
        assert_close(shown, torch.tensor(wanted).to(shown))
        assert picture.get_cmap().name == "gray"
        assert picture.get_clim() == ((-6, 0) if options else (-1, 1))
        assert picture.get_interpolation() == "none"
        assert ax.get_xlabel() == name
        assert [x.get_text() for x in ax.get_xticklabels()] == ["0", "2"]
    rows = [[y.get_text() for y in ax.get_yticklabels()] for ax in maps]
    assert rows == [["0", "1"], ["0", "16"]]


def test_a_shade_covers_its_interval_of_x_in_every_panel():
    curves = [("", X, X, "xt")]
    plot_curves({"a": curves, "b": curves}, shade=(0.25, 0.75))
    for ax in plt.gcf().axes:
        (span,) = ax.patches
        box = span.get_extents().transformed(ax.transData.inverted())
        assert (box.x0, box.x1) == pytest.approx((0.25, 0.75))
        assert box.height >= 1
        assert 0 < span.get_alpha() < 1


def test_curves_run_over_t_unless_told_and_only_names_make_a_legend():
    plot_curves({"y": [("", X, X, "xt")]}, height=1.5)
    ax = plt.gca()
    assert (ax.get_xlabel(), ax.get_legend()) == ("step $t$", None)
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "linear")
    assert plt.gcf().get_figheight() == 1.5
    assert list(ax.patches) == []


def test_runs_are_their_mean_and_range_beside_one_dashed_value():
    runs = torch.stack([X, X + 1, X + 5])
    panels = {"FD": (runs, X[3]), "recall": (runs + 1, X[4])}
    plot_runs(panels, X, ("good", "true"), xlabel="scale", height=2.4)
    left, right = plt.gcf().axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("FD", "recall")
    assert left.get_xlabel() == "scale"
    assert plt.gcf().get_figheight() == 2.4
    for ax, more, value in ((left, 0, X[3]), (right, 1, X[4])):
        mean, dashed = ax.lines
        assert_close(torch.tensor(mean.get_ydata()), X + 2 + more)
        assert torch.tensor(dashed.get_ydata()).eq(value).all()
        assert_close(torch.tensor(mean.get_xdata()), X)
        assert mean.get_color() == COLORS["guidance"]
        assert [line.get_linestyle() for line in ax.lines] == [":", "--"]
        assert [line.get_label() for line in ax.lines] == ["good", "true"]
        (band,) = ax.collections
        points = torch.tensor(band.get_paths()[0].vertices)
        assert_close(points[:, 1].max().item(), 6.0 + more)
        assert_close(points[:, 1].min().item(), float(more))


def test_runs_are_guided_beside_real_unless_told():
    plot_runs({"y": (torch.stack([X, X]), X[0])}, X)
    assert [x.get_label() for x in plt.gca().lines] == ["guided", "real"]


def test_shares_below_rise_from_0_to_1_over_the_sorted_values():
    given = {"a": X.flip(0), "b": X[:5], "c": X + 1}
    plot_shares_below(given, "ratio")
    ax = plt.gca()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("ratio", "share below")
    roles = ["noise", "prediction", "truth"]
    for line, (name, x), role in zip(
        ax.lines, given.items(), roles, strict=True
    ):
        assert line.get_label() == name
        assert line.get_color() == COLORS[role]
        assert_close(torch.tensor(line.get_xdata()), x.sort().values)
        share = torch.tensor(line.get_ydata())
        assert_close(share, torch.linspace(0, 1, len(x)))


def test_the_last_shares_below_are_the_truth():
    plot_shares_below({"a": X, "b": X}, "ratio")
    colors = [line.get_color() for line in plt.gca().lines]
    assert colors == [COLORS["prediction"], COLORS["truth"]]


def test_paths_run_from_the_last_step_to_0_and_one_start_is_marked():
    paths = torch.arange(20.0).view(10, 2)
    plot_paths({"a": paths, "b": 2 * paths}, start=0.25)
    left, right = plt.gcf().axes
    assert left.get_ylabel() == "$x_t$, a"
    assert right.get_ylabel() == "$x_t$, b"
    for ax, factor in ((left, 1), (right, 2)):
        for i in range(2):
            t, x = ax.lines[i].get_data()
            assert t.tolist() == list(range(9, -1, -1))
            assert x.tolist() == (factor * paths[:, i]).tolist()
    assert len(left.lines) == 2
    assert left.get_ylim() == right.get_ylim()
    assert left.get_legend() is None
    t, x = right.lines[2].get_data()
    assert (t.tolist(), x.tolist()) == ([9, 8, 7], [0.25] * 3)
    assert names_in(right) == ["0.250"]


def test_paths_need_no_mark():
    plot_paths({"a": torch.randn(10, 2)})
    assert len(plt.gca().lines) == 2


def test_schedules_are_compared_by_beta_alpha_bar_and_snr():
    plot_schedules(SCHEDULES)
    axes = plt.gcf().axes
    labels = [ax.get_ylabel() for ax in axes]
    assert labels == [
        r"$\log_{10}\beta_t$",
        r"$\bar\alpha_t$",
        r"$\log_{10}$ SNR",
    ]
    looks = zip(SCHEDULES.items(), "-:", strict=True)
    for i, ((name, one), dash) in enumerate(looks):
        tables = one.betas.log10(), one.alphas_cumprod, one.snr().log10()
        for ax, table in zip(axes, tables, strict=True):
            line = ax.lines[i]
            assert line.get_linestyle() == dash
            assert_close(torch.tensor(line.get_ydata()), table[1:])
            steps = list(range(1, one.num_steps + 1))
            assert line.get_xdata().tolist() == steps
        assert axes[0].lines[i].get_label() == name
    assert axes[1].get_legend() is None


def test_a_band_has_the_colour_of_its_curve():
    plot_curves({"y": [("a", X, X, "guidance", (X - 1, X + 1))]})
    assert colours(plt.gca().collections) == {COLORS["guidance"]}


@pytest.mark.parametrize(("count", "named"), [(3, True), (30, False)])
def test_a_logarithmic_axis_names_its_values_only_if_they_are_few(
    count, named
):
    x = torch.arange(1, count + 1)
    plot_curves({"y": [("a", x, x, "xt")]}, xscale="log")
    ax = plt.gca()
    assert ax.get_xscale() == "log"
    assert ([*ax.get_xticks()] == x.tolist()) == named
    assert (len(ax.get_xticks(minor=True)) == 0) == named


@pytest.mark.parametrize("shape", [(1, 4, 6), (1, 1, 6), (1, 6, 1)])
def test_an_image_need_not_be_a_square(shape):
    image = torch.randn(shape)
    show_images(image[None])
    seen = torch.tensor(plt.gcf().axes[0].images[0].get_array())
    assert torch.equal(seen, image[0])


def test_rows_have_their_order_their_names_to_the_left_and_a_hair_around():
    rows = {"up": IMAGES[:1], "down": IMAGES[1:4]}
    show_images(rows, labels=list("abc"))
    axes = plt.gcf().axes
    assert not any(ax.axison for ax in axes)
    for ax in axes:
        hairs = {to_hex(patch.get_edgecolor()) for patch in ax.patches}
        assert hairs == ({FAINT} if ax.images else set())
    assert [ax.get_title() for ax in axes] == [*"abc", "", "", ""]
    seen = [ax.images[0].get_array() for ax in axes if ax.images]
    for picture, image in zip(seen, IMAGES[:4], strict=True):
        assert torch.equal(torch.tensor(picture), image[0])
    for ax, name in ((axes[0], "up"), (axes[3], "down")):
        (text,) = ax.texts
        x, y = text.get_position()
        assert (text.get_text(), text.get_ha(), y) == (name, "right", 0.5)
        assert x < 0
        assert text.get_transform() == ax.transAxes


def test_few_images_are_not_huge_and_names_have_room():
    show_images(IMAGES[:1])
    assert plt.gcf().get_figheight() < WIDTH / 5
    many = dict.fromkeys("ab", IMAGES.repeat(4, 1, 1, 1))
    show_images(many)
    wide, high = plt.gcf().get_size_inches()
    assert wide / high == pytest.approx((20 + 1) / 2)


# The turn


def test_the_turn_names_its_arrows_in_their_colours_and_is_round():
    draw_turn(NoiseSchedule.cosine(9), [2, 7])
    for ax, t in zip(plt.gcf().axes, [2, 7], strict=True):
        assert ax.get_xlabel() == f"t = {t}"
        assert ax.get_aspect() == 1
        lines = [a for a in ax.texts if isinstance(a, Annotation)]
        names = [a for a in ax.texts if not isinstance(a, Annotation)]
        roles = ["x0", "noise", "xt", "prediction"]
        words = [TEXT_COLORS[r] for r in roles]  # can be read on white
        assert [n.get_color() for n in names] == words
        assert [a.arrowprops["color"] for a in lines] == [
            COLORS[r] for r in roles
        ]
        words = ["$x_0$", r"$\varepsilon$", "$x_t$", "$v$"]
        assert [n.get_text() for n in names] == words
        ends = [lines[0].xy, lines[1].xy]
        assert ends == [(1, 0), (0, 1)]
        for arrow in lines:
            x, y = arrow.xy
            assert ax.get_xlim()[0] <= x <= ax.get_xlim()[1]
            assert ax.get_ylim()[0] <= y <= ax.get_ylim()[1]


def get_ipython_of():
    """A shell as a notebook has one."""
    shell = InteractiveShell()
    shell.display_formatter.active_types.append(THEMED)
    return shell


def test_in_a_notebook_figures_are_sharp_and_keep_their_size(monkeypatch):
    asked = []
    name = "diffusion_lessons.figures.notebook."
    shell = get_ipython_of()
    monkeypatch.setattr(name + "get_ipython", lambda: shell)
    monkeypatch.setattr(
        name + "set_matplotlib_formats",
        lambda *formats, **options: asked.append((formats, options)),
    )
    use_style()
    assert asked == [(("retina",), {"bbox_inches": None})]
    figure = plt.figure()
    data, _ = shell.display_formatter.format(figure)
    assert data[THEMED] == themed_svg(figure)


def test_the_style_draws_no_more_lines_than_are_needed():
    use_style()
    plot_curves({"y": [("a", X, X, "xt")]})
    ax = plt.gca()
    seen = {side for side, line in ax.spines.items() if line.get_visible()}
    assert seen == {"left", "bottom"}
    ax.legend()
    assert not ax.get_legend().get_frame_on()


# In the page's colours


def svg_of(call):
    use_style()
    call()
    return themed_svg(plt.gcf())


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_figure_can_be_drawn_in_the_pages_colours(call):
    svg = svg_of(call)
    tree = ElementTree.fromstring(svg)
    assert tree.get("viewBox").split()[2] == f"{72 * WIDTH:g}"
    assert "\ue000" not in svg
    assert "mathdefault" not in svg
    assert "$" not in svg
    left = set(re.findall("(?<=[:,])#[0-9a-f]{6}", svg)) - {*THEME}
    assert not left or call is CALLS["stops"]  # dots in the colours of t


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_figure_has_a_form_for_phones_that_can_be_read(call):
    use_style()
    call()
    *_, last = themed_forms(plt.gcf())
    tree = ElementTree.fromstring(last)
    wide = float(tree.get("viewBox").split()[2])
    sizes = [
        float(re.search(r"font-size: ?([\d.]+)px", style)[1])
        for style in (t.get("style", "") for t in tree.iter("text"))
        if "font-size" in style
    ]
    screen = 390 / wide  # pixels of a phone for each point
    assert all(size * screen >= 11 for size in sizes)


def test_what_is_drawn_twice_has_the_same_bytes_and_other_figures_names():
    one, other = CALLS["curves"], CALLS["bars"]
    assert svg_of(one) == svg_of(one)
    names = [re.findall(r'\bid="([^"]*)"', svg_of(c)) for c in (one, other)]
    assert all(names)
    assert not {*names[0]} & {*names[1]}


def test_a_figure_is_left_as_it_was():
    use_style()
    CALLS["curves"]()
    figure, before = plt.gcf(), plt.get_fignums()
    patches = [figure.patch, *(ax.patch for ax in figure.axes)]
    themed_forms(figure)
    assert figure.dpi == 100
    assert all(patch.get_visible() for patch in patches)
    assert plt.get_fignums() == before


def test_words_are_words_and_letters_of_formulas_are_italic():
    svg = svg_of(CALLS["curves"])
    (label,) = [
        text
        for text in ElementTree.fromstring(svg).iter("text")
        if "".join(text.itertext()) == "step t"
    ]
    words, letter = label
    assert words.text == "step "
    assert "italic" in letter.get("style")
    assert "italic" not in words.get("style", "")


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("t = 3", [("t = 3", False, 0)]),
        (r"$\hat x_0$", [("x\u0302", True, 0), ("0", False, -1)]),
        (r"$10^{-2}$", [*"10", ("−", False, 1), ("2", False, 1)]),
        (r"$x_{t-1}$ a", [("x", True, 0), *"t−1", (" a", False, 0)]),
        (r"$\sqrt{1-t}$", [("√(", False, 0), *"1−", ("t", True, 0), *")"]),
        (r"$\sqrt{\bar\alpha_t}$", ["√", ("α\u0304", True, 0), "t"]),
    ],
)
def test_a_label_is_cut_into_its_runs(label, wanted):
    runs = runs_of(label)
    assert len(runs) == len(wanted)
    for run, want in zip(runs, wanted, strict=True):
        assert run == want if isinstance(want, tuple) else run[0] == want


@pytest.mark.parametrize("label", [r"$\mathbf{x}$", "$x_", r"$\nabla$"])
def test_a_label_that_asks_for_more_is_left_to_matplotlib(label):
    assert runs_of(label) is None
    plt.figure().text(0, 0.5, "$x$" if label == "$x_" else label)
    assert "<text" in themed_svg(plt.gcf())


def test_a_number_that_is_a_word_keeps_its_digits():
    words = "0.0075 and 1.23456, black: #000000"
    plt.figure().text(0.1, 0.5, words)
    tree = ElementTree.fromstring(themed_svg(plt.gcf()))
    (text,) = tree.iter("text")
    assert text.text == words


def test_a_short_logarithmic_axis_has_plain_numbers():
    plot_curves({"y": [("", X, 0.06 + 0.5 * X, "xt")]}, yscale="log")
    plt.gcf().draw_without_rendering()
    low, high = plt.gca().get_ylim()
    ticks = [
        label.get_text()
        for y, label in zip(
            plt.gca().get_yticks(),
            plt.gca().get_yticklabels(),
            strict=True,
        )
        if low <= y <= high
    ]
    assert ticks == ["0.1", "0.2", "0.5"]
    plot_curves({"y": [("", X, 0.001 + 9 * X, "xt")]}, yscale="log")
    plt.gcf().draw_without_rendering()
    assert "10^{-1}" in str(
        [t.get_text() for t in plt.gca().get_yticklabels()]
    )


def test_an_index_stands_below_and_the_rest_on_the_line_again():
    plt.figure().text(0.1, 0.5, "$x_0$ and $y^2$")
    tree = ElementTree.fromstring(themed_svg(plt.gcf()))
    spans = [*tree.iter("tspan")]
    at = 0.0
    heights = []
    for span in spans:
        small = 0.72 if "font-size" in span.get("style", "") else 1
        at += small * float(span.get("dy", "0em")[:-2])
        heights.append(round(at, 1))
    texts = [span.text for span in spans]
    assert texts == ["x", "0", " and ", "y", "2"]
    assert heights == [0, 0.2, 0, 0, -0.4]


def test_a_few_points_are_drawn_and_many_are_a_picture():
    def images(count):
        plot_points({"a": torch.randn(count, 2)})
        svg = themed_svg(plt.gcf())
        return [*ElementTree.fromstring(svg).iter("image")]

    assert len(images(300)) == 0
    assert len(images(301)) == 1


def test_pictures_in_a_figure_keep_their_pixels_and_are_grey():
    image = torch.linspace(-1, 1, 30).view(1, 1, 5, 6)
    show_images(image)
    svg = themed_svg(plt.gcf())
    (picture,) = ElementTree.fromstring(svg).iter("image")
    data = b64decode(picture.get("href").split(",")[1])
    shown = Image.open(io.BytesIO(data))
    assert (shown.mode, shown.size) == ("L", (6, 5))
    seen = torch.tensor([*shown.tobytes()]).view(5, 6) / 127.5 - 1
    rows = (seen, seen.flip(0))  # SVG may count from the bottom
    assert min((row - image[0, 0]).abs().max() for row in rows) < 0.03
    assert "image-rendering:pixelated" in svg


def test_pictures_in_colour_keep_their_colours():
    image = torch.linspace(-1, 1, 90).view(1, 3, 5, 6)
    show_images(image * 1.5)  # what is too bright is white
    drawn = torch.tensor(plt.gcf().axes[0].images[0].get_array())
    wanted = (image[0].mul(1.5).clamp(-1, 1).movedim(0, -1) + 1) / 2
    torch.testing.assert_close(drawn, wanted)
    (picture,) = ElementTree.fromstring(themed_svg(plt.gcf())).iter("image")
    data = b64decode(picture.get("href").split(",")[1])
    shown = Image.open(io.BytesIO(data)).convert("RGB")
    seen = torch.tensor([*shown.tobytes()]).view(5, 6, 3) / 255
    rows = (seen, seen.flip(0))  # SVG may count from the bottom
    assert min((row - wanted).abs().max() for row in rows) < 0.04


def test_a_large_picture_has_sixteen_greys_and_few_bytes():
    image = torch.rand(1, 1, 28, 28) * 2 - 1
    show_images(image)
    tree = ElementTree.fromstring(themed_svg(plt.gcf()))
    (picture,) = tree.iter("image")
    data = b64decode(picture.get("href").split(",")[1])
    assert len(data) < 600  # half a byte for each pixel, and a palette
    seen = torch.tensor(
        [*Image.open(io.BytesIO(data)).convert("L").tobytes()]
    )
    seen = seen.view(28, 28) / 127.5 - 1
    rows = (seen, seen.flip(0))
    assert min((row - image[0, 0]).abs().max() for row in rows) < 0.08


def test_every_colour_has_a_dark_one_that_can_be_read():
    assert {*THEME.values()} <= {*DARK}
    ground = luminance(DARK["--fig-paper"])
    for name, color in DARK.items():
        if name not in ("--fig-paper", "--fig-faint"):
            contrast = (luminance(color) + 0.05) / (ground + 0.05)
            assert contrast >= 4.5, name


def test_words_of_a_figure_have_the_colours_of_those_around():
    sheet = (BOOK / "_static" / "custom.css").read_text(encoding="utf-8")
    names = {role: role for role in COLORS if role != "truth"}
    names |= {"prediction": "pred", "guidance": "class"}  # in the sheet
    for role, name in names.items():
        light, dark = re.findall(rf"--dl-{name}: (#\w{{6}});", sheet)
        assert light == TEXT_COLORS[role]
        assert dark == DARK[f"--fig-word-{role}"]


def luminance(color):
    rgb = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in rgb
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_frames_of_a_strip_have_one_size():
    sizes = [(2, 1), (2, 2)]
    svgs = [themed_svg(plt.figure(figsize=size)) for size in sizes]
    with pytest.raises(ValueError, match="one size"):
        film_strip(svgs)


def test_on_a_phone_panels_stand_one_under_the_other():
    curves = [("", X, X, "xt")]
    plot_curves({"a": curves, "b": curves})
    wide = [ax.get_position() for ax in plt.gcf().axes]
    assert wide[0].y0 == wide[1].y0
    narrow = [ax.get_position() for ax in plt.gcf().draw_narrow().axes]
    assert narrow[0].x0 == narrow[1].x0
    assert narrow[0].y0 > narrow[1].y1


def test_on_a_phone_a_long_row_goes_on_below_with_its_labels():
    show_images(
        {"up": IMAGES[[0] * 8], "down": IMAGES[[1] * 8]}, "abcdefgh"
    )
    figure = plt.gcf().draw_narrow()
    rows = [figure.axes[i : i + 4] for i in range(0, 16, 4)]
    above = ["".join(ax.get_title() for ax in row) for row in rows]
    assert above == ["abcd", "", "efgh", ""]
    names = [row[0].texts[0].get_text() for row in rows]
    assert names == ["up", "down", "up", "down"]
    tops = [row[0].get_position().y0 for row in rows]
    assert tops == sorted(tops, reverse=True)


def test_what_draws_for_a_phone_draws_for_the_page_afterwards():
    with pytest.raises(ZeroDivisionError), narrowly():
        1 / 0  # noqa: B018
    show_images(IMAGES)
    assert plt.gcf().get_figwidth() == WIDTH


def test_names_stand_at_the_ends_of_curves_where_there_is_room():
    plot_curves({"y": [("low", X, X, "xt"), ("high", X, X + 1, "x0")]})
    ax = plt.gca()
    assert ax.get_legend() is None
    for text, line in zip(ax.texts, ax.lines, strict=True):
        assert text.get_text() == line.get_label()
        place = ax.transAxes.transform(text.xy)
        end = ax.transData.transform((1, line.get_ydata()[-1]))
        assert place[1] == pytest.approx(end[1], abs=1)
    assert ax.texts[0].get_color() != ax.texts[1].get_color()


@pytest.mark.parametrize(
    "curves",
    [
        [("low", X, X, "xt"), ("near", X, X + 0.01, "x0")],
        [("a name of many words, too long", X, X, "xt")],
        [("whole", X, X, "xt"), ("half", X[:9], X[:9], "x0")],
    ],
    ids=["crowded", "long", "ends apart"],
)
def test_names_without_room_stand_in_a_legend(curves):
    plot_curves({"y": curves})
    assert [*plt.gca().texts] == []
    assert names_in(plt.gca()) == [name for name, *_ in curves]


# The scrubber


def test_a_scrubber_has_a_picture_with_words_and_a_caption():
    html = page(scrubber())
    (picture,) = html.tags["img"]
    assert picture["alt"] == "A line rises."
    assert "Steeper and steeper." in html.text


def test_a_scrubber_is_one_native_slider_that_says_where_it_is():
    html = page(scrubber(start=1))
    (slider,) = html.tags["input"]
    assert slider["type"] == "range"
    assert (slider["min"], slider["max"], slider["value"]) == (
        "0",
        "2",
        "1",
    )
    assert slider["aria-valuetext"] == "t = 1"
    assert slider["data-labels"] == "t = 0|t = 1|t = 2"
    assert "label" in html.tags
    assert "t = 1" in html.text  # what <output> shows first
    assert "script" not in html.tags


def test_a_scrubber_starts_at_the_frame_it_is_told():
    assert "margin-left:-200%" in scrubber(start=2)._repr_html_()
    assert "margin-left:0%" in scrubber()._repr_html_()


def test_a_scrubber_needs_nothing_from_outside():
    html = unquote(scrubber()._repr_html_()).replace(NAMESPACE, "")
    assert "http" not in html
    assert page(scrubber()).tags["img"][0]["src"].startswith("data:image/")


def test_quotes_and_tags_in_words_stay_words():
    words = """<b>"5" & 'x' < 7</b>"""
    labels = [words, "b", "c"]
    html = page(
        scrubber(labels=labels, alt=words, caption=words, name=words)
    )
    assert "b" not in html.tags
    assert html.tags["img"][0]["alt"] == words
    slider = html.tags["input"][0]
    assert slider["aria-valuetext"] == words
    assert slider["data-labels"] == words + "|b|c"
    assert "".join(html.text).count(words) == 3


def drawn(address):
    """The SVG behind an address, as a tree."""
    head, _, svg = address.partition(",")
    assert head == "data:image/svg+xml"
    return ElementTree.fromstring(unquote(svg).replace(NAMESPACE, "", 1))


def paths_of(svg):
    """What is drawn in an SVG, a set of paths."""
    return {path.get("d") for path in svg.iter("path")}


def test_the_strip_holds_all_frames_side_by_side_in_their_order():
    scrub = scrubber()
    shown = page(scrub).tags["img"][0]
    strip = drawn(shown["src"])
    assert strip.get("viewBox") == "0 0 432 72"
    places = [(f.get("x"), f.get("width")) for f in strip.iter("svg")]
    assert places[1:] == [("0", "144"), ("144", "144"), ("288", "144")]
    assert (shown["width"], shown["height"]) == ("600", "100")
    assert scrub.width == 200
    tiles = [*strip][1:]
    for tile, figure in zip(tiles, frames(), strict=True):
        alone = ElementTree.fromstring(themed_svg(figure))
        assert paths_of(alone) == paths_of(tile)
    assert len({"".join(tile.itertext()) for tile in tiles}) == 3


def test_where_there_is_no_html_the_first_frame_shown_is_there():
    scrub = scrubber(start=2)
    assert scrub._repr_png_() == scrub.png
    picture = Image.open(io.BytesIO(scrub.png)).convert("RGB")
    assert picture.size == (400, 200)  # twice as sharp as on the page
    *_, last = frames()
    buffer = io.BytesIO()
    last.savefig(buffer, format="png", dpi=200)
    assert picture == Image.open(buffer).convert("RGB")


def test_a_phone_gets_the_narrow_form_of_a_film_that_has_one():
    film = scrub_grid(
        {"up": torch.randn(2, 8, 1, 4, 4)}, ["a", "b"], alt="A", caption="B"
    )
    html = page(film)
    (source,) = html.tags["source"]
    assert source["media"] == "(max-width: 600px)"
    assert " " not in source["srcset"]  # else it would be two addresses
    wide, narrow = (
        drawn(html.tags["img"][0]["src"]),
        drawn(source["srcset"]),
    )
    assert wide.get("viewBox").split()[2] == f"{2 * 72 * WIDTH:g}"
    assert narrow.get("viewBox").split()[2] == f"{2 * 72 * NARROW:g}"
    assert "source" not in page(scrubber()).tags


def test_the_same_frames_give_the_same_bytes():
    assert scrubber()._repr_html_() == scrubber()._repr_html_()


def test_a_scrubber_stands_at_its_first_frame_unless_told():
    html = page(scrubber())
    (slider,) = html.tags["input"]
    assert (slider["value"], slider["step"]) == ("0", "1")
    assert slider["aria-valuetext"] == "t = 0"
    assert "step t " in html.text
    (figure,), (picture,) = html.tags["figure"], html.tags["img"]
    assert "max-width:200px" in figure["style"]
    assert "width:300%" in picture["style"]  # three frames of one width


def test_a_scrubber_may_have_one_frame():
    alone = Scrubber(frames(1), ["t = 0"], alt="A line.", caption="One.")
    assert page(alone).tags["input"][0]["max"] == "0"


def test_a_scrubber_closes_its_frames_and_no_other():
    mine = plt.figure().number
    scrubber()
    assert plt.get_fignums() == [mine]


def test_a_scrubber_says_what_it_is():
    assert repr(scrubber()) == "Scrubber(3 frames, t = 0 … t = 2)"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"labels": ["a", "b"]}, "one label for each .* 3 frames and 2"),
        ({"labels": list("abcd")}, "3 frames and 4 labels"),
        ({"start": 3}, r"start must be in 0\.\.2; got 3"),
        ({"start": -1}, r"start must be in 0\.\.2; got -1"),
        ({"alt": " "}, "alt must say something"),
        ({"labels": ["a|b", "c", "d"]}, "labels take no '|'"),
    ],
)
def test_a_broken_scrubber_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        scrubber(**options)


def test_a_scrubber_without_frames_is_refused():
    with pytest.raises(ValueError, match="at least one frame"):
        Scrubber([], [], alt="nothing", caption="nothing")


def test_frames_of_two_sizes_are_refused():
    mixed = [*frames(1), *frames(1, size=(3, 1))]
    with pytest.raises(ValueError, match="frames must have one size"):
        Scrubber(mixed, ["a", "b"], alt="two", caption="two")


def test_points_in_a_ball_are_dots_and_the_others_crosses():
    centres = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    points = torch.tensor([[0.5, 0.5], [3.0, 3.0], [-3.0, 0.0]])
    plot_balls({"a": (centres, "x0", points, "prediction")}, k=1)
    dots = [len(c.get_offsets()) for c in plt.gca().collections]
    assert dots == [3, 1, 2]  # centres, inside, in none
    assert [ball.radius for ball in plt.gca().patches] == [1, 1, 1]


def test_a_histogram_may_have_other_names_and_another_top():
    plot_histograms(
        {"a": torch.randn(99)}, GRID, [BELL], names=("mine", "theirs")
    )
    texts = [t.get_text() for t in plt.gca().get_legend().get_texts()]
    assert sorted(texts) == ["mine", "theirs"]
    look = {"role": "guidance", "names": ("mine", "theirs")}
    axes = {"xlabel": "x", "ylim": (0, 7.0)}
    figure = _draw_histogram(torch.randn(99), GRID, BELL, axes, look)
    assert figure.axes[0].get_ylim() == (0, 7)
    assert figure.axes[0].get_xlabel() == "x"


# Ready-made films


FILMS = {
    "images": lambda **words: scrub_images(
        {"mine": IMAGES[:2], "theirs": IMAGES[2:4]}, ["a", "b"], **words
    ),
    "five images": lambda **words: scrub_images(
        dict.fromkeys("vwxyz", IMAGES[:2]), ["a", "b"], **words
    ),
    "histograms": lambda **words: scrub_histograms(
        torch.randn(2, 99),
        GRID,
        torch.stack([BELL, BELL]),
        ["a", "b"],
        **words,
    ),
    "points": lambda **words: scrub_points(
        torch.randn(2, 9, 2), ["a", "b"], **words
    ),
    "one row": lambda **words: scrub_grid(
        IMAGES[:4].view(2, 2, 1, 4, 4), ["a", "b"], **words
    ),
    "named rows": lambda **words: scrub_grid(
        dict.fromkeys(["mine", "theirs"], IMAGES[:4].view(2, 2, 1, 4, 4)),
        ["a", "b"],
        **words,
    ),
}


@pytest.mark.parametrize("film", FILMS.values(), ids=FILMS)
def test_a_film_is_a_scrubber_and_closes_its_frames(film):
    scrub = film(alt="Two frames.", caption="One, two.", start=1)
    assert isinstance(scrub, Scrubber)
    assert (scrub.labels, scrub.start) == (["a", "b"], 1)
    assert (scrub.alt, scrub.caption) == ("Two frames.", "One, two.")
    assert scrub.width <= 100 * WIDTH  # or its lettering would be smaller
    assert plt.get_fignums() == []


# What a film draws


@pytest.fixture
def filmed(monkeypatch):
    """A film's figures, still open, and the words beside them."""

    def keep(frames, labels, **words):
        return [*frames], words

    name = "diffusion_lessons.figures.films.Scrubber"
    monkeypatch.setattr(name, keep)


WORDS = {"alt": "Two frames.", "caption": "One, two.", "start": 1}


@pytest.mark.parametrize("film", FILMS.values(), ids=FILMS)
def test_a_film_hands_all_its_words_on(film, filmed):
    figures, words = film(**WORDS, name="s")
    assert len(figures) == 2
    assert words == {**WORDS, "name": "s"}


def test_a_film_of_images_names_each_of_them(filmed):
    rows = {"mine": IMAGES[:2], "theirs": IMAGES[2:4]}
    figures, _ = scrub_images(rows, ["a", "b"], **WORDS)
    for i, figure in enumerate(figures):
        for ax, name in zip(figure.axes, rows, strict=True):
            assert ax.get_title() == name
            seen = torch.tensor(ax.images[0].get_array())
            assert torch.equal(seen, rows[name][i, 0])


@pytest.mark.parametrize("named", [True, False])
def test_a_film_of_rows_shows_all_of_each_row(named, filmed):
    row = IMAGES[:4].view(2, 2, 1, 4, 4)
    rows = {"up": row, "down": -row} if named else row
    figures, _ = scrub_grid(rows, ["a", "b"], **WORDS)
    for i, figure in enumerate(figures):
        seen = [
            torch.tensor(ax.images[0].get_array()) for ax in figure.axes
        ]
        wanted = [*row[i, :, 0], *(-row[i, :, 0] if named else [])]
        assert all(map(torch.equal, seen, wanted))
        assert len(seen) == len(wanted)


def test_a_film_of_points_traces_the_first_up_to_now(filmed):
    points = torch.randn(3, 9, 2)
    options = {"limit": 2, "traced": 2}
    figures, _ = scrub_points(points, list("abc"), **WORDS, **options)
    for i, figure in enumerate(figures):
        (ax,) = figure.axes
        assert ax.get_xlim() == ax.get_ylim() == (-2, 2)
        assert len(ax.lines) == 2
        for k, line in enumerate(ax.lines):
            assert torch.equal(data(line), points[: i + 1, k].T)
            assert line.get_color() == COLORS["truth"]
        cloud, ends = map(dots, ax.collections)
        assert_close(cloud[0], points[i].double())
        assert cloud[1] == COLORS["xt"]
        assert_close(ends[0], points[i, :2].double())
        assert ends[1] == COLORS["truth"]


@pytest.mark.parametrize("top", [None, 3.0])
def test_a_film_of_histograms_keeps_its_axes(top, filmed):
    densities = torch.stack([BELL, 2 * BELL])
    figures, _ = scrub_histograms(
        torch.randn(2, 99),
        GRID,
        densities,
        ["a", "b"],
        xlabel="z",
        role="guidance",
        names=("mine", "theirs"),
        top=top,
        **WORDS,
    )
    for figure, density in zip(figures, densities, strict=True):
        (ax,) = figure.axes
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("z", "density")
        assert ax.get_xlim() == pytest.approx((-3, 3))
        bottom, highest = ax.get_ylim()
        assert (bottom, highest) == (0, top or highest)
        assert 1 < highest / densities.max() < 1.2 or top
        assert torch.equal(data(ax.lines[0])[1], density)
        assert colours(ax.patches) == {COLORS["guidance"]}
        assert set(written(ax.get_legend())) == {"mine", "theirs"}


# The code on the page


def test_the_listing_is_the_functions_own_source():
    listing = show_source(q_sample).data
    assert "*diffusion_lessons/forward.py*" in listing
    assert "```python\n@checked\ndef q_sample(" in listing
    assert q_sample.__doc__.splitlines()[0] in listing
    assert "return signal * x0 + sigma * noise" in listing


def test_the_listing_of_a_method_is_dedented():
    listing = show_source(NoiseSchedule.respaced).data
    assert "*diffusion_lessons/schedule.py*" in listing
    assert "```python\n@checked\ndef respaced(self" in listing
    assert "Keeps the first and the last alphas_cumprod" in listing


def test_lines_of_a_module_from_one_place_to_another():
    listing = show_lines(first, "T = 100", until="class Network").data
    assert "first.py*\n\n```python\nT = 100" in listing
    assert "def add_noise(" in listing
    assert "class Network" not in listing
    assert listing.endswith("* noise).float()\n```")


def test_lines_of_a_module_to_the_end_of_its_file():
    listing = show_lines(first, "if __name__", until="").data
    assert listing.endswith('print("\\nfirst.png is written")\n```')
    assert listing.count("\n") == 11


@pytest.mark.parametrize(
    "places", [("T = 101", ""), ("T = 100", "class Nobody"), ("if", "T =")]
)
def test_lines_that_are_not_there_are_named(places):
    with pytest.raises(ValueError, match="no line starts with '"):
        show_lines(first, *places)


def test_several_listings_follow_each_other():
    listing = show_source(q_sample, NoiseSchedule).data
    assert listing.count("```python") == 2
    assert listing.index("def q_sample") < listing.index("class NoiseSch")
