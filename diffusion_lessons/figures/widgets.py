"""Moving pictures that need no kernel, no script library, no network."""

import base64
import html
import io
from collections.abc import Iterable, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

SCALE = 1.5  # saved pixels per pixel on the page
COLORS_KEPT = 64  # with k-means, so that thin lines keep their colour

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
                f"start must be in 0..{len(labels) - 1}, got {start}"
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
        self.width = round(pictures[0].width / SCALE)
        self.png = _film_strip(pictures)

    def _repr_html_(self) -> str:
        quote = html.escape
        labels = quote("|".join(self.labels))
        first, last = quote(self.labels[self.start]), len(self.labels) - 1
        src = base64.b64encode(self.png).decode()
        return (
            '<figure class="dl-scrub" style="margin:0;'
            f'max-width:{self.width}px">'
            '<div class="dl-frame" style="overflow:hidden">'
            f'<img class="dark-light" alt="{quote(self.alt)}" '
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


def _draw(figure: Figure) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100 * SCALE)
    plt.close(figure)
    return Image.open(buffer).convert("RGB")


def _film_strip(pictures: list[Image.Image]) -> bytes:
    width, height = pictures[0].size
    strip = Image.new("RGB", (width * len(pictures), height), "white")
    for i, picture in enumerate(pictures):
        strip.paste(picture, (i * width, 0))
    strip = strip.quantize(COLORS_KEPT, kmeans=1, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    strip.save(buffer, "png", optimize=True)
    return buffer.getvalue()
