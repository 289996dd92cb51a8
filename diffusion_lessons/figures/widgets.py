"""Moving pictures that need no kernel, no script library, no network.

`Live` is one of them as well, and where a kernel runs it is a control.
"""

import base64
import html
import io
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

SCALE = 1.5  # saved pixels per pixel on the page
COLORS_KEPT = 64  # with k-means, so that thin lines keep their colour
COLORS_LINKED = 128  # where greys stand beside coloured lines
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
Values = Sequence | int | float

MOVE = (
    "var f=this.closest('figure'),l=this.dataset.labels.split('|');"
    "f.querySelector('img').style.marginLeft=(-100*this.value)+'%';"
    "this.setAttribute('aria-valuetext',l[this.value]);"
    "f.querySelector('output').value=l[this.value]"
)


class Scrubber:
    """One frame of a film strip at a time, moved by a slider.

    The output is one picture, all frames side by side, under a native
    slider: alive in the rendered page, by mouse, finger and arrow keys.
    Where HTML is not shown, the whole strip is.

    Args:
        frames: matplotlib figures of one size, drawn and closed one by one.
        labels: what to say of each frame, as "t = 100".
        alt: what the pictures show, for those who cannot see them.
        caption: the sentence under the slider.
        name: what the slider moves, as "step t".
        start: the frame shown first.
        colors: how many the strip may have; fewer make a lighter page.
    """

    def __init__(
        self,
        frames: Iterable[Figure],
        labels: Sequence[str],
        *,
        alt: str,
        caption: str,
        name: str = "step t",
        start: int = 0,
        colors: int = COLORS_KEPT,
    ):
        if not labels:
            raise ValueError("a Scrubber takes at least one frame; got 0")
        if not 0 <= start < len(labels):
            raise ValueError(
                f"start must be in 0..{len(labels) - 1}; got {start}"
            )
        if not alt.strip() or any("|" in label for label in labels):
            raise ValueError("alt must say something; labels take no '|'")
        self.labels, self.alt, self.caption = list(labels), alt, caption
        self.name, self.start = name, start
        pictures = [_draw(figure) for figure in frames]
        if len(pictures) != len(labels):
            raise ValueError(
                "a Scrubber takes one label for each of its frames; got "
                f"{len(pictures)} frames and {len(labels)} labels"
            )
        if len({p.size for p in pictures}) > 1:
            raise ValueError("all frames must have one size")
        width, height = pictures[0].size
        self.width = round(width / SCALE)
        self.strip = width * len(pictures), height
        self.png = _film_strip(pictures, colors)

    def _repr_html_(self) -> str:
        quote = html.escape
        labels = quote("|".join(self.labels))
        first, last = quote(self.labels[self.start]), len(self.labels) - 1
        src = base64.b64encode(self.png).decode()
        wide, high = self.strip  # its place, before it is decoded
        return (
            '<figure class="dl-scrub" style="margin:0;'
            f'max-width:{self.width}px">'
            '<div class="dl-frame" style="overflow:hidden">'
            f'<img class="dark-light" alt="{quote(self.alt)}" '
            f'width="{wide}" height="{high}" '
            f'src="data:image/png;base64,{src}" style="display:block;'
            f"width:{100 * (last + 1)}%;max-width:none;height:auto;"
            f'margin-left:{-100 * self.start}%"></div>'
            f"<figcaption><label>{quote(self.name)} "
            f'<input type="range" min="0" max="{last}" step="1" '
            f'value="{self.start}" data-labels="{labels}" '
            f'aria-valuetext="{first}" oninput="{MOVE}" '
            'style="width:100%"></label> '
            f"<output>{first}</output>"
            f'<p class="dl-caption">{quote(self.caption)}</p>'
            "</figcaption></figure>"
        )

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return (
            f"Scrubber({len(self.labels)} frames, "
            f"{self.labels[0]} … {self.labels[-1]})"
        )


class Live(Scrubber):
    """A Scrubber that computes anew for other settings, given a kernel.

    On a page it is the Scrubber of its first setting, the others at their
    defaults. In Jupyter and on Colab it is a slider for the first setting
    and a control for each of the others: every change calls *draw*. What
    *draw* refuses with a ValueError is shown in its words, under the last
    picture that could be drawn.

    Args:
        draw: takes one value of every setting by its name and returns a
            matplotlib figure, always of one size.
        settings: what can be chosen, by name. The first is a sequence of
            numbers, a frame each. The others: a ``range`` is a slider, a
            list a menu, a number a field to type in. They begin at the
            first value, or at the number.
        labels, alt, caption, name, start, colors: as for Scrubber.
    """

    def __init__(
        self,
        draw: Callable[..., Figure],
        settings: dict[str, Values],
        labels: Sequence[str],
        *,
        start: int = 0,
        **words,
    ):
        self.draw, self.settings = draw, settings
        swept, *others = settings
        rest = {name: _default(settings[name]) for name in others}
        frames = (draw(**{swept: v}, **rest) for v in settings[swept])
        words = {"colors": COLORS_LINKED} | words
        super().__init__(frames, labels, start=start, **words)

    @cached_property
    def controls(self) -> dict[str, ipywidgets.Widget]:
        """The control of each setting, by its name."""
        (swept, values), *others = self.settings.items()
        slider = ipywidgets.SelectionSlider(
            options=[(f"{value:g}", value) for value in values],
            value=values[self.start],
            description=_words(swept),
            continuous_update=False,
            style={"description_width": "initial"},
            layout={"width": "100%"},
        )
        rest = {name: _control(name, values) for name, values in others}
        return {swept: slider, **rest}

    @cached_property
    def panel(self) -> ipywidgets.Widget:
        """The picture, its controls and what there is to complain about."""
        self.picture, self.message = ipywidgets.HTML(), ipywidgets.HTML()
        slider, *others = self.controls.values()
        for control in self.controls.values():
            control.observe(self._redraw, names="value")
        self._redraw()
        return ipywidgets.VBox(
            [
                self.picture,
                self.message,
                slider,
                ipywidgets.HBox(others, layout={"flex_flow": "row wrap"}),
                ipywidgets.HTML(f"<p>{html.escape(self.caption)}</p>"),
            ],
            layout={"max_width": f"{self.width}px"},
        )

    def _redraw(self, _change: dict | None = None) -> None:
        chosen = {k: control.value for k, control in self.controls.items()}
        try:
            png = _png(_draw(self.draw(**chosen)))
        except ValueError as error:
            self.message.value = (
                f'<p role="alert"><b>Not drawn:</b> '
                f"{html.escape(str(error))}</p>"
            )
            return
        self.message.value = ""
        self.picture.value = (
            f'<img alt="{html.escape(self.alt)}" style="width:100%" '
            f'src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        )

    def _repr_mimebundle_(self, **_options) -> dict:
        """The control; IPython adds what the Scrubber shows on a page."""
        view = {"version_major": 2, "version_minor": 0}
        return {WIDGET_VIEW: view | {"model_id": self.panel.model_id}}

    def _repr_html_(self) -> str | None:
        return None if _on_colab() else super()._repr_html_()

    def _repr_png_(self) -> bytes | None:
        return None if _on_colab() else super()._repr_png_()

    def __repr__(self) -> str:
        names = ", ".join(self.settings)
        return f"Live({names}; {len(self.labels)} frames)"


def _default(values: Values) -> object:
    return values if isinstance(values, int | float) else values[0]


def _control(name: str, values: Values) -> ipywidgets.Widget:
    options = {
        "value": _default(values),
        "description": _words(name),
        "style": {"description_width": "initial"},
        "layout": {"width": "auto", "max_width": "14em"},
    }
    if isinstance(values, range):
        ends = {"min": values[0], "max": values[-1]}
        options |= ends | {"step": values.step}
        return ipywidgets.IntSlider(continuous_update=False, **options)
    if isinstance(values, float):
        return ipywidgets.FloatText(**options)
    if isinstance(values, int):
        return ipywidgets.IntText(**options)
    return ipywidgets.Dropdown(options=values, **options)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _on_colab() -> bool:
    """There the control must stand alone, or something else is shown."""
    return "google.colab" in sys.modules


def _draw(figure: Figure) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100 * SCALE)
    plt.close(figure)
    return Image.open(buffer).convert("RGB")


def _film_strip(pictures: list[Image.Image], colors: int) -> bytes:
    width, height = pictures[0].size
    strip = Image.new("RGB", (width * len(pictures), height), "white")
    for i, picture in enumerate(pictures):
        strip.paste(picture, (i * width, 0))
    strip = strip.quantize(colors, kmeans=1, dither=Image.Dither.NONE)
    return _png(strip)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "png", optimize=True)
    return buffer.getvalue()
