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

from .themed import film_strip, themed_forms

SCALE = 2  # saved pixels per pixel on the page
PHONE = "(max-width: 600px)"  # where the narrow form is shown
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

    The output is one picture, all frames side by side, over a native
    slider: alive in the rendered page, by mouse, finger and arrow keys.
    Where HTML is not shown, the frame is that it starts with.

    Args:
        frames: matplotlib figures of one size, drawn and closed one by one.
        labels: what to say of each frame, as "t = 100".
        alt: what the pictures show, for those who cannot see them.
        caption: the sentence under the slider.
        name: what the slider moves, as "step t".
        start: the frame shown first.
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
        forms, self.png = [], b""
        for i, figure in enumerate(frames):
            self.width = round(100 * figure.get_figwidth())
            if i == start:
                self.png = _png(figure)
            forms.append(themed_forms(figure))
            plt.close(figure)
        if len(forms) != len(labels):
            raise ValueError(
                "a Scrubber takes one label for each of its frames; got "
                f"{len(forms)} frames and {len(labels)} labels"
            )
        wide, *narrow = zip(*forms, strict=True)
        self.strip = film_strip(wide)
        self.narrow_strip = film_strip(*narrow) if narrow else None

    def _repr_html_(self) -> str:
        quote = html.escape
        labels = quote("|".join(self.labels))
        first, last = quote(self.labels[self.start]), len(self.labels) - 1
        return (
            '<figure class="dl-scrub" style="margin:0;'
            f'max-width:{self.width}px">'
            '<div class="dl-frame" style="overflow:hidden;direction:ltr;'
            'background:var(--fig-ground,#fff)"><picture>'
            f"{self._source()}"
            f'<img class="dark-light" alt="{quote(self.alt)}" '
            f'{_place("src", self.strip)} style="display:block;'
            f"width:{100 * (last + 1)}%;max-width:none;height:auto;"
            "color-scheme:var(--fig-scheme,light);"
            f'margin-left:{-100 * self.start}%"></picture></div>'
            f"<figcaption><label>{quote(self.name)} "
            f'<input type="range" min="0" max="{last}" step="1" '
            f'value="{self.start}" data-labels="{labels}" '
            f'aria-valuetext="{first}" oninput="{MOVE}" '
            'autocomplete="off" style="width:100%"></label> '
            f"<output>{first}</output>"
            f'<p class="dl-caption">{quote(self.caption)}</p>'
            "</figcaption></figure>"
        )

    def _source(self) -> str:
        if self.narrow_strip is None:
            return ""
        strip = _place("srcset", self.narrow_strip)
        return f'<source media="{PHONE}" {strip}>'

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
        labels, alt, caption, name, start: as for Scrubber.
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
            figure = self.draw(**chosen)
        except ValueError as error:
            self.message.value = (
                f'<p role="alert"><b>Not drawn:</b> '
                f"{html.escape(str(error))}</p>"
            )
            return
        png = _png(figure)
        plt.close(figure)
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


def _place(attribute: str, strip: tuple[str, int, int]) -> str:
    """The address of a strip, and its size, before it is decoded."""
    address, wide, high = strip
    return (
        f'{attribute}="{html.escape(address)}" width="{wide}" '
        f'height="{high}"'
    )


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100 * SCALE)
    return buffer.getvalue()
