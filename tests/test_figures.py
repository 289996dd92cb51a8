"""Figures: what they draw, and what a page needs from them."""

import base64
import io
from html.parser import HTMLParser

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.text import Annotation, Text
from PIL import Image

from diffusion_lessons import NoiseSchedule, TimeUNet, q_sample
from diffusion_lessons.figures import (
    COLORS,
    Scrubber,
    draw_time_unet,
    draw_turn,
    draw_unet,
    plot_balls,
    plot_bars,
    plot_curves,
    plot_histograms,
    plot_maps,
    plot_points,
    plot_stops,
    plot_walkers,
    scrub_grid,
    scrub_histograms,
    scrub_images,
    scrub_points,
    show_images,
    show_source,
    use_style,
)
from diffusion_lessons.figures.films import _histogram_frames
from diffusion_lessons.figures.plots import draw_histogram, draw_points
from diffusion_lessons.figures.style import SMALL, WIDTH, line_style

mpl.use("Agg")  # draw without a screen

IMAGES = torch.linspace(-3, 3, 5 * 16).view(5, 1, 4, 4)
X = torch.linspace(0, 1, 20)
GRID = torch.linspace(-3, 3, 50)
BELL = torch.exp(-(GRID**2) / 2) / 2.5066
CALLS = {
    "images": lambda: show_images(IMAGES, labels=list("abcde")),
    "rows": lambda: show_images({"up": IMAGES, "down": IMAGES[:2]}),
    "curves": lambda: plot_curves({"y": [("a", X, X, "xt")]}),
    "walkers": lambda: plot_walkers(torch.randn(20, 30), X, X),
    "histograms": lambda: plot_histograms(
        {"a": torch.randn(99), "b": torch.randn(99)}, GRID, [BELL, BELL]
    ),
    "points": lambda: plot_points({"a": torch.randn(9, 2)}),
    "stops": lambda: plot_stops({"a": GRID, "b": GRID[:3]}, 9),
    "maps": lambda: plot_maps({"a": torch.rand(4, 4)}, log=True),
    "unet": draw_unet,
    "time unet": draw_time_unet,
    "turn": lambda: draw_turn(NoiseSchedule.cosine(9), [1, 9]),
    "band": lambda: plot_curves({"y": [("a", X, X, "xt", (X - 1, X + 1))]}),
    "balls": lambda: plot_balls(
        {"a": (torch.randn(9, 2), "x0", torch.randn(9, 2), "prediction")}
    ),
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
        assert picture.get_interpolation() == "nearest"
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
    legend = [t.get_text() for t in plt.gca().get_legend().get_texts()]
    assert legend == ["signal"]


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


def test_the_diagram_has_the_widths_of_the_network():
    draw_time_unet()
    network = TimeUNet(base_channels=16)
    widths = [
        network.stem.out_channels,
        network.down.conv2.out_channels,
        *(block.conv2.out_channels for block in network.middle),
        network.up.conv2.out_channels,
        network.out.out_channels,
    ]
    texts = [t.get_text().split("\n") for t in plt.gca().texts]
    boxes = [text for text in texts if text[0] in ("conv", "block")]
    assert [int(channels) for _, channels in boxes] == widths


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
    area = sum(p.get_width() * p.get_height() for p in plt.gca().patches)
    assert area == pytest.approx(1)


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
    html = scrubber()._repr_html_()
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


def test_the_strip_holds_all_frames_side_by_side():
    scrub = scrubber()
    strip = Image.open(io.BytesIO(scrub.png))
    assert strip.size == (3 * 300, 150)
    assert scrub.width == 200
    assert scrub._repr_png_() == scrub.png
    shown = page(scrub).tags["img"][0]
    assert base64.b64decode(shown["src"].split(",")[1]) == scrub.png
    assert (shown["width"], shown["height"]) == ("900", "150")


def test_the_frames_stand_in_their_order():
    strip = Image.open(io.BytesIO(scrubber().png)).convert("RGB")
    tiles = [
        strip.crop((300 * i, 0, 300 * i + 300, 150)) for i in (0, 1, 2)
    ]
    for i, figure in enumerate(frames()):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150)
        exact = Image.open(buffer).convert("RGB")
        gaps = [distance(exact, tile) for tile in tiles]
        assert gaps.index(min(gaps)) == i


def distance(one, other):
    pairs = zip(one.tobytes(), other.tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs)


def test_the_same_frames_give_the_same_bytes():
    assert scrubber()._repr_html_() == scrubber()._repr_html_()


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
    (figure,) = _histogram_frames(
        torch.randn(1, 99), GRID, BELL[None], axes, look
    )
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


def test_several_listings_follow_each_other():
    listing = show_source(q_sample, NoiseSchedule).data
    assert listing.count("```python") == 2
    assert listing.index("def q_sample") < listing.index("class NoiseSch")
