"""Live: a scrubber on the page, controls that compute in a kernel."""

import base64
import io
import re
import sys
from urllib.parse import unquote

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from PIL import Image
from traitlets import default

from diffusion_lessons import (
    Guided,
    NoiseSchedule,
    ddim_sample,
    linear_betas,
    load_pretrained,
    q_chain,
    q_sample,
)
from diffusion_lessons.figures import (
    COLORS,
    Live,
    Scrubber,
    draw_chain,
    draw_jump,
    draw_samples,
    live_chain,
    live_guidance,
    live_jump,
    scrub_linked,
)
from diffusion_lessons.figures.films import draw_linked
from diffusion_lessons.figures.themed import themed_svg

mpl.use("Agg")  # draw without a screen

VIEW = "application/vnd.jupyter.widget-view+json"
IMAGES = torch.linspace(-1, 1, 3 * 16).view(3, 1, 4, 4)
X = torch.linspace(0, 1, 11)
CHOSEN = {
    "moment": 0.5,
    "T": 20,
    "beta_start": 1e-4,
    "beta_end": 0.02,
    "digit": 2,
    "seed": 3,
}


@pytest.fixture(autouse=True)
def _closed():
    with mpl.rc_context():
        yield
    plt.close("all")


class Spy:
    """Draws what it is asked for, remembers it, and refuses 13."""

    def __init__(self):
        self.asked = []

    def __call__(self, **settings):
        self.asked.append(settings)
        if 13 in settings.values():
            raise ValueError("13 <brings> bad luck")
        figure = plt.figure(figsize=(2, 1))
        figure.text(0, 0.5, str([*settings.values()]))
        return figure


def live(draw, settings=None, **options):
    settings = settings or {"scale": [0, 1, 2], "n": [7, 8], "eta": 0.5}
    labels = [f"scale {value}" for value in next(iter(settings.values()))]
    words = {"alt": "A number <", "caption": "It grows.", "name": "scale"}
    return Live(draw, settings, labels, **words | options)


def shown(both):
    """The picture in the control as it is on the screen."""
    coded = re.search(r'base64,([^"]*)"', both.picture.value)[1]
    picture = Image.open(io.BytesIO(base64.b64decode(coded)))
    return picture.convert("RGB").tobytes()


# On the page


def test_a_page_shows_the_scrubber_of_the_first_setting():
    spy = Spy()
    both = live(spy, start=1)
    rest = {"n": 7, "eta": 0.5}
    assert spy.asked == [{"scale": s, **rest} for s in (0, 1, 2)]
    alone = Scrubber(
        (Spy()(**asked) for asked in spy.asked),
        both.labels,
        alt=both.alt,
        caption=both.caption,
        name="scale",
        start=1,
    )
    assert both._repr_html_() == alone._repr_html_()
    assert both._repr_png_() == alone._repr_png_()
    assert repr(both) == "Live(scale, n, eta; 3 frames)"


def test_a_live_leaves_no_figure_open():
    mine = plt.figure().number
    both = live(Spy())
    both.panel  # noqa: B018
    both.controls["n"].value = 8
    assert plt.get_fignums() == [mine]


# With a kernel


def test_every_setting_has_a_control_of_its_kind_and_a_name():
    both = live(
        Spy(),
        {
            "scale": [0, 0.5],
            "n": range(2, 9, 3),
            "kind": ["linear", "cosine"],
            "beta_end": 0.02,
            "seed": 4,
        },
        start=1,
    )
    kinds = {k: type(c).__name__ for k, c in both.controls.items()}
    assert kinds == {
        "scale": "SelectionSlider",
        "n": "IntSlider",
        "kind": "Dropdown",
        "beta_end": "FloatText",
        "seed": "IntText",
    }
    values = [c.value for c in both.controls.values()]
    assert values == [0.5, 2, "linear", 0.02, 4]
    names = [c.description for c in both.controls.values()]
    assert names == ["scale", "n", "kind", "beta end", "seed"]
    n = both.controls["n"]
    assert (n.min, n.max, n.step) == (2, 8, 3)


def test_the_controls_wait_for_the_hand_and_stand_under_the_picture():
    both = live(
        Spy(),
        {"scale": [0, 0.25], "n": range(2, 5), "kind": ["z", "a"]},
        caption="Less < more.",
    )
    scale, n, kind = both.controls.values()
    assert not scale.continuous_update
    assert not n.continuous_update
    assert [label for label, _ in scale.options] == ["0", "0.25"]
    assert [*kind.options] == ["z", "a"]
    picture, message, slider, others, caption = both.panel.children
    assert (picture, message) == (both.picture, both.message)
    assert (slider, [*others.children]) == (scale, [n, kind])
    assert caption.value == "<p>Less &lt; more.</p>"
    assert both.panel.layout.max_width == f"{both.width}px"


def test_the_output_is_the_control_and_ipython_adds_the_scrubber():
    both = live(Spy())
    (view,) = both._repr_mimebundle_(include=None, exclude=None).items()
    assert view[0] == VIEW
    assert view[1]["model_id"] == both.panel.model_id
    assert both._repr_html_().startswith("<figure")


def test_on_colab_the_control_stands_alone(monkeypatch):
    both = live(Spy())
    monkeypatch.setitem(sys.modules, "google.colab", object())
    assert both._repr_html_() is None
    assert both._repr_png_() is None
    assert VIEW in both._repr_mimebundle_()


@pytest.mark.parametrize(
    ("name", "value"), [("scale", 2), ("n", 8), ("eta", 0.9)]
)
def test_a_change_draws_with_all_the_settings(name, value):
    spy = Spy()
    both = live(spy)
    assert both.panel.children[0] is both.picture
    before, spy.asked = shown(both), []
    both.controls[name].value = value
    wanted = {"scale": 0, "n": 7, "eta": 0.5} | {name: value}
    assert spy.asked == [wanted]
    assert shown(both) != before


def test_the_control_shows_what_the_page_shows():
    both = live(Spy(), start=2)
    assert both.panel
    picture = Image.open(io.BytesIO(both.png)).convert("RGB")
    assert picture.tobytes() == shown(both)


def test_what_is_refused_is_said_and_the_last_picture_stays():
    both = live(Spy())
    assert both.panel
    assert both.message.value == ""
    before = shown(both)
    both.controls["eta"].value = 13.0
    assert "13 &lt;brings&gt; bad luck" in both.message.value
    assert 'role="alert"' in both.message.value
    assert shown(both) == before
    both.controls["eta"].value = 0.25
    assert both.message.value == ""
    assert shown(both) != before


def test_a_mistake_in_the_drawing_is_not_hidden():
    both = live(
        lambda scale, n: Spy()(share=scale / n),
        {"scale": [1, 2], "n": [1, 0]},
    )
    assert both.panel
    with pytest.raises(ZeroDivisionError):
        both.controls["n"].value = 0


def test_the_picture_in_the_control_has_its_words():
    both = live(Spy())
    assert both.panel
    assert 'alt="A number &lt;"' in both.picture.value
    assert "It grows." in both.panel.children[-1].value


# What it draws


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_the_jump_is_drawn_by_the_module(kind):
    betas = linear_betas(20, 1e-4, 0.02)
    schedules = {
        "linear": NoiseSchedule(betas),
        "cosine": NoiseSchedule.cosine(20),
    }
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(1, 1, 4, 4, generator=generator)
    figure = draw_jump(IMAGES, **CHOSEN)
    panel, *pictures = figure.axes
    ax = {ax.get_title(): ax for ax in pictures}[f"{kind}, t = 10"]
    seen = torch.tensor(ax.images[0].get_array())
    xt = q_sample(IMAGES[2:], 10, noise, schedules[kind])
    assert torch.equal(seen, xt[0, 0])
    lines = {line.get_label(): line for line in panel.lines}
    snr = torch.tensor(lines[kind].get_ydata())
    assert torch.equal(snr, schedules[kind].snr()[1:].log10())


def test_the_chain_is_drawn_by_the_module():
    figure = draw_chain(IMAGES, schedule="linear", **CHOSEN | {"T": 40})
    panel, clean, noisy = figure.axes
    betas = torch.tensor(panel.lines[0].get_ydata())
    assert torch.equal(betas, linear_betas(40, 1e-4, 0.02))
    assert noisy.get_title() == "$x_t$ at t = 20 of 40"
    x0, xt = (
        torch.tensor(ax.images[0].get_array()) for ax in (clean, noisy)
    )
    assert torch.equal(x0, IMAGES[2, 0])
    assert 0.1 < (xt - x0).std() < 0.6  # the noise after half of them
    other = draw_chain(IMAGES, schedule="cosine", **CHOSEN)
    betas = torch.tensor(other.axes[0].lines[0].get_ydata())
    assert torch.equal(betas, NoiseSchedule.cosine(20).betas[1:])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {"beta_start": 0.02},
            "beta_start must be smaller .* 0.02 and 0.02",
        ),
        ({"beta_start": 0.5}, "beta_start must be smaller .* 0.5 and 0.02"),
        (
            {"beta_end": 1.5},
            r"beta_end must be in 0\.\.1, not 0 and not 1; got 1\.5",
        ),
        (
            {"beta_start": -1.0},
            r"beta_start must be in 0\.\.1, not 0 and not 1; got -1",
        ),
        ({"beta_end": float("nan")}, "beta_start must be smaller"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(wrong, words):
    for draw in (
        draw_jump,
        lambda *a, **k: draw_chain(*a, schedule="linear", **k),
    ):
        with pytest.raises(ValueError, match=words):
            draw(IMAGES, **CHOSEN | wrong)
    assert plt.get_fignums() == []


def test_samples_are_drawn_by_the_module_plain_and_guided():
    net = load_pretrained("digits")
    chosen = {"digit": 7, "steps": 2, "eta": 0.5, "seed": 3}
    figure = draw_samples(net, scale=3.0, **chosen)
    seen = torch.stack(
        [torch.tensor(ax.images[0].get_array()) for ax in figure.axes]
    )
    for row, scale in zip(seen.split(8), (1, 3.0), strict=True):
        generator = torch.Generator().manual_seed(3)
        x_T = torch.randn(8, *net.shape, generator=generator)
        model = Guided(net.model, 7, net.null, scale)
        run = ddim_sample(
            model,
            x_T,
            net.schedule,
            2,
            eta=0.5,
            predicts=net.predicts,
            generator=generator.manual_seed(3),
        )
        assert torch.equal(row, [step.x for step in run][-1][:, 0])
    width, height = figure.get_size_inches()
    assert width / height == 9 / 2  # a name and 8 images, all squares
    with pytest.raises(ValueError, match=r"eta must be in 0\.\.1; got 2"):
        draw_samples(net, scale=3.0, **chosen | {"eta": 2.0})


@pytest.mark.parametrize(
    ("moment", "T", "t"), [(0, 20, 0), (0.48, 20, 10), (1, 7, 7)]
)
def test_the_chain_stops_at_the_nearest_step_of_its_seed(moment, T, t):
    chosen = CHOSEN | {"moment": moment, "T": T}
    figure = draw_chain(IMAGES, schedule="cosine", **chosen)
    panel, clean, noisy = figure.axes
    assert clean.get_title() == "$x_0$"
    assert noisy.get_title() == f"$x_t$ at t = {t} of {T}"
    generator = torch.Generator().manual_seed(CHOSEN["seed"])
    chain = q_chain(IMAGES[2:], NoiseSchedule.cosine(T), generator)
    seen = torch.tensor(noisy.images[0].get_array())
    assert torch.equal(seen, chain[t][0, 0])
    betas, dot, place = panel.lines
    assert betas.get_xdata().tolist() == list(range(1, T + 1))
    assert [*dot.get_xdata()] == [max(t, 1)]  # there is no beta_0
    assert [*place.get_xdata()] == [max(t, 1)] * 2
    names = panel.get_xlabel(), panel.get_ylabel()
    assert names == ("step $t$", r"$\beta_t$")


def test_the_two_schedules_of_a_jump_are_told_apart():
    figure = draw_jump(IMAGES, **CHOSEN | {"moment": 0})
    panel, *pictures = figure.axes
    linear, cosine, *_ = panel.lines
    looks = [(ln.get_label(), ln.get_linestyle()) for ln in panel.lines[:2]]
    assert looks == [("linear", "-"), ("cosine", ":")]
    assert linear.get_color() == cosine.get_color() == COLORS["xt"]
    assert panel.get_ylabel() == r"$\log_{10}$ SNR"
    assert [*panel.lines[-1].get_xdata()] == [1, 1]  # SNR_0 is infinite
    for ax in pictures:
        seen = torch.tensor(ax.images[0].get_array())
        assert torch.equal(seen, IMAGES[2, 0])


@pytest.mark.parametrize(
    ("live_one", "draw", "first", "more"),
    [
        (live_chain, draw_chain, 0, {"schedule": "linear"}),
        (live_jump, draw_jump, 3, {}),
    ],
)
def test_the_live_pictures_of_the_chain_begin_at_ddpm(
    live_one, draw, first, more
):
    images = torch.rand(10, 1, 2, 2)
    one = live_one(images, [0, 500], alt="A digit <", caption="It goes.")
    controls = dict(one.controls)
    assert controls.pop("moment").options == (("0", 0.0), ("0.5", 0.5))
    chosen = {name: control.value for name, control in controls.items()}
    for digit in range(10):  # every one can be chosen
        controls["digit"].value = digit
    line = {"T": 1000, "beta_start": 1e-4, "beta_end": 0.02}
    assert chosen == {**line, "digit": first, "seed": 0, **more}
    drawn = one.draw(moment=0.5, **chosen)
    wanted = draw(images, moment=0.5, **chosen)
    for ax, other in zip(drawn.axes[1:], wanted.axes[1:], strict=True):
        assert ax.get_title() == other.get_title()
        seen, told = (a.images[0].get_array() for a in (ax, other))
        assert (seen == told).all()
    html = one._repr_html_()
    assert all(words in html for words in ("step t", "t = 500", "It goes."))


def test_the_live_guidance_begins_with_a_seven_in_twenty_steps():
    net = load_pretrained("digits")
    one = live_guidance(net, [0, 1.5], alt="A 7.", caption="It goes.")
    controls = dict(one.controls)
    scales = controls.pop("scale")
    assert scales.options == (("0", 0), ("1.5", 1.5))
    chosen = {name: control.value for name, control in controls.items()}
    assert chosen == {"digit": 7, "steps": 20, "eta": 0.0, "seed": 0}
    for digit in range(10):  # every one can be chosen
        controls["digit"].value = digit
    drawn = one.draw(scale=1.5, **chosen)
    wanted = draw_samples(net, scale=1.5, **chosen)
    for ax, other in zip(drawn.axes, wanted.axes, strict=True):
        seen, told = (a.images[0].get_array() for a in (ax, other))
        assert (seen == told).all()
    html = one._repr_html_()
    words = ("scale", "scale 1.5", "It goes.")
    assert all(word in html for word in words)


def test_plain_samples_stand_above_the_guided_ones():
    net = load_pretrained("digits")
    chosen = {"digit": 0, "steps": 1, "eta": 0, "seed": 3}
    figure = draw_samples(net, scale=3.0, **chosen)
    names = [[t.get_text() for t in ax.texts] for ax in figure.axes]
    assert [name for name in names if name] == [["plain"], ["guided"]]
    assert names[0] == ["plain"]


def test_the_panel_of_linked_curves_has_a_line_names_and_a_legend():
    curves = {"y": [("a", X, X, "x0")]}
    figure = draw_linked(curves, 0.3, {"one": IMAGES[:1]})
    panel = figure.axes[0]
    place = panel.lines[-1]
    assert [*place.get_xdata()] == [0.3, 0.3]
    assert place.get_color() == COLORS["truth"]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("step $t$", "y")
    legend = [t.get_text() for t in panel.get_legend().get_texts()]
    assert legend == ["a"]
    axes = {"xlabel": "s", "xlim": (0, 2)}
    other = draw_linked(
        {"y": [("", X, X, "x0")]}, 0.3, {"one": IMAGES[:1]}, axes
    ).axes[0]
    assert (other.get_xlabel(), other.get_xlim()) == ("s", (0, 2))
    assert other.get_legend() is None


def test_rows_beside_curves_keep_their_order_and_may_be_unequal():
    curves = {"y": [("", X, X, "x0")]}
    rows = {"a": IMAGES[:1], "b": IMAGES[1:]}
    figure = draw_linked(curves, 0, rows)
    _, one, *others = figure.axes
    assert [len(ax.texts) for ax in figure.axes] == [0, 1, 1, 0]
    for ax, image in zip([one, *others], IMAGES, strict=True):
        seen = torch.tensor(ax.images[0].get_array())
        assert torch.equal(seen, image[0])
    heights = [ax.get_position().y0 for ax in (one, *others)]
    assert heights[0] > heights[1] == heights[2]


def test_the_marker_stands_on_every_curve_at_its_place():
    curves = {"y": [("a", X, X, "x0"), ("b", X, 1 - X, "xt")]}
    figure = draw_linked(curves, 0.3, {"one": IMAGES[:1]})
    dots = [ln for ln in figure.axes[0].lines if ln.get_marker() == "o"]
    places = [(*dot.get_xdata(), *dot.get_ydata()) for dot in dots]
    assert places == [pytest.approx((0.3, 0.3)), pytest.approx((0.3, 0.7))]
    assert [d.get_color() for d in dots] == [COLORS["x0"], COLORS["xt"]]


def test_single_images_have_titles_and_rows_have_names():
    curves = {"y": [("", X, X, "x0")]}
    one = draw_linked(curves, 0, {"a": IMAGES[:1], "b": IMAGES[1:2]})
    assert [ax.get_title() for ax in one.axes[1:]] == ["a", "b"]
    rows = draw_linked(curves, 0, {"a": IMAGES, "b": IMAGES})
    texts = [t.get_text() for ax in rows.axes for t in ax.texts]
    assert texts == ["a", "b"]
    assert sum(bool(ax.images) for ax in rows.axes) == 6


def test_linked_frames_pair_each_stop_with_its_images():
    scrub = scrub_linked(
        {"y": [("", X, X, "x0")]},
        [0, 1],
        {"a": IMAGES[:2, None]},
        ["first", "last"],
        alt="A marker and an image.",
        caption="Both move.",
        axes={"xlabel": "step"},
    )
    assert scrub.labels == ["first", "last"]
    strip = unquote(scrub.strip[0])
    for i, x in enumerate([0, 1]):
        images = {"a": IMAGES[i : i + 1]}
        figure = draw_linked(
            {"y": [("", X, X, "x0")]}, x, images, {"xlabel": "step"}
        )
        _, body = themed_svg(figure).split(">", 1)
        assert strip.count(body) == 1
        assert (strip.index(body) < len(strip) / 2) == (i == 0)


# A kernel of its own, and a control moved from outside


class OwnKernel(KernelManager):
    """A kernel of this very Python."""

    @default("kernel_spec_manager")
    def _search_nowhere(self):
        return KernelSpecManager(kernel_dirs=[])


CELL = """
import torch
from functools import partial
from diffusion_lessons.figures import Live, draw_jump
both = Live(
    partial(draw_jump, torch.zeros(1, 1, 4, 4)),
    {"moment": [0, 1], "T": [20, 10], "beta_start": 1e-4,
     "beta_end": 0.02, "digit": [0], "seed": 0},
    ["start", "end"], alt="Noise.", caption="Noise.",
)
print(both.controls["beta_end"].model_id)
both
"""


@pytest.fixture(scope="module")
def kernel():
    manager = OwnKernel(kernel_name="python3")
    manager.start_kernel(extra_arguments=["--log-level=ERROR"])
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def messages(client, asked):
    """All that the kernel says until it has done what was asked."""
    while True:
        message = client.get_iopub_msg(timeout=120)
        if message["parent_header"].get("msg_id") != asked:
            continue
        yield message["msg_type"], message["content"]
        if message["content"].get("execution_state") == "idle":
            return


def test_a_reader_who_types_into_a_field_gets_a_new_picture(kernel):
    said = list(messages(kernel, kernel.execute(CELL)))
    (field,) = (c["text"].strip() for kind, c in said if kind == "stream")
    (output,) = (c["data"] for kind, c in said if kind == "execute_result")
    assert output[VIEW]["model_id"]
    assert "dl-scrub" in output["text/html"]
    assert output["image/png"]

    def type_in(value):
        """What a page sends when a field is changed."""
        data = {"method": "update", "state": {"value": value}}
        message = kernel.session.msg(
            "comm_msg", {"comm_id": field, "data": data}
        )
        kernel.shell_channel.send(message)
        asked = message["header"]["msg_id"]
        return " ".join(
            str(c["data"].get("state", {}).get("value"))
            for kind, c in messages(kernel, asked)
            if kind == "comm_msg"
        )

    assert "data:image/png;base64," in type_in(0.5)
    refused = type_in(1.5)
    words = "beta_end must be in 0..1, not 0 and not 1; got 1.5"
    assert words in refused
    assert "data:image" not in refused
