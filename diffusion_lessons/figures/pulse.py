"""Images that come and go by themselves: the first thing a reader sees."""

import base64
import html
import io
from collections.abc import Sequence

from PIL import Image
from torch import Tensor

GREYS = 16  # half a byte a pixel, and no band that an eye could see
STEP, HOLD = 0.08, 2.8  # seconds of a frame, and of the one that stays

# One property is animated, the number of the frame; the picture and the t
# beside it follow. It steps, so nothing is ever shown between two frames.
STYLE = """\
<style>
@keyframes dl-pulse {{ {moments} }}
.dl-pulse {{
  --dl-frame: {still}; --dl-t: {still_t};
  animation: dl-pulse {seconds:.2f}s step-end infinite;
}}
.dl-pulse:has(input:checked), .dl-pulse.dl-away {{
  animation-play-state: paused;
}}
.dl-pulse img {{
  display: block; width: 100%; height: auto; max-width: none;
  aspect-ratio: {width} / {height};
  object-fit: cover;
  object-position: 0 calc(100% * var(--dl-frame) / {last});
  image-rendering: pixelated;
}}
.dl-pulse .dl-bar {{
  display: flex; justify-content: space-between; align-items: center;
}}
.dl-pulse .dl-t {{ font-variant-numeric: tabular-nums; }}
.dl-pulse .dl-t::after {{
  counter-reset: dl-t var(--dl-t); content: "t = " counter(dl-t);
}}
.dl-pulse label {{
  display: flex; align-items: center; gap: 0.5em; min-height: 44px;
  cursor: pointer;
}}
@media (prefers-reduced-motion: reduce), print {{
  .dl-pulse {{ animation: none; }}
  .dl-pulse label {{ display: none; }}
}}
</style>"""


class Pulse:
    """A film of images that runs by itself, again and again.

    The output is one picture, all frames below each other, and a style
    that shows one of them at a time: it needs no script. It can be stopped,
    and for those who ask for stillness, and on paper, it stands still.

    Args:
        frames: (F, N, 1, H, W), from -1 to 1: N images in F moments.
        times: (F,) the step t of each moment, written beside it.
        still: the number of the frame that stays longer, and that stands
            where nothing moves.
        alt: what happens in the pictures, for those who cannot see them.
        caption: the sentence under them.
        columns: how many images stand side by side; it divides N.
    """

    def __init__(
        self,
        frames: Tensor,
        times: Sequence[int],
        *,
        still: int,
        alt: str,
        caption: str,
        columns: int = 5,
    ):
        if frames.ndim != 5 or frames.shape[2] != 1 or len(frames) < 2:
            raise ValueError(
                "frames must be (F, N, 1, H, W) with F of at least 2; got "
                f"{tuple(frames.shape)}"
            )
        if len(times) != len(frames):
            raise ValueError(
                "a Pulse takes one t for each of its frames; got "
                f"{len(frames)} frames and {len(times)} times"
            )
        if not 0 <= still < len(frames):
            raise ValueError(
                f"still must be in 0..{len(frames) - 1}; got {still}"
            )
        if columns < 1 or frames.shape[1] % columns:
            raise ValueError(
                f"columns must divide the {frames.shape[1]} images; got "
                f"{columns}"
            )
        if not alt.strip():
            raise ValueError("alt must say something; got nothing")
        self.times, self.still = [int(t) for t in times], still
        self.alt, self.caption = alt, caption
        strip = _strip(frames, columns)
        self.size = strip.width, strip.height // len(frames)
        self.png = _png(strip)

    @property
    def seconds(self) -> list[float]:
        """How long each frame is seen."""
        return [
            HOLD if i == self.still else STEP
            for i in range(len(self.times))
        ]

    def _repr_html_(self) -> str:
        quote = html.escape
        width, height = self.size
        style = STYLE.format(
            moments=self._moments(),
            still=self.still,
            still_t=self.times[self.still],
            seconds=sum(self.seconds),
            width=width,
            height=height,
            last=len(self.times) - 1,
        )
        src = base64.b64encode(self.png).decode()
        return (
            f'{style}<figure class="dl-pulse" style="margin:0;'
            f'max-width:{5 * width}px">'
            f'<img class="dark-light" alt="{quote(self.alt)}" '
            f'width="{width}" height="{height}" '
            f'src="data:image/png;base64,{src}">'
            '<figcaption><div class="dl-bar">'
            '<span class="dl-t" aria-hidden="true"></span>'
            '<label><input type="checkbox"> Hold still</label></div>'
            f'<p class="dl-caption">{quote(self.caption)}</p>'
            "</figcaption></figure>"
        )

    def _moments(self) -> str:
        """When each frame begins, as the keyframes of a style."""
        seconds, begins, moments = self.seconds, 0.0, []
        for i, t in enumerate(self.times):
            share = 100 * begins / sum(seconds)
            moments.append(f"{share:.3f}% {{--dl-frame:{i};--dl-t:{t}}}")
            begins += seconds[i]
        return " ".join(moments)

    def __repr__(self) -> str:
        return (
            f"Pulse({len(self.times)} frames, "
            f"t = {self.times[0]} … {self.times[self.still]} … "
            f"{self.times[-1]})"
        )


def _strip(frames: Tensor, columns: int) -> Image.Image:
    """All frames below each other, each a table of images without gaps."""
    count, images, _, height, width = frames.shape
    rows = images // columns
    table = frames.reshape(count, rows, columns, height, width)
    table = table.transpose(2, 3).reshape(-1, columns * width)
    grey = ((table.clamp(-1, 1) + 1) / 2 * (GREYS - 1)).round().byte()
    size = columns * width, len(table)
    strip = Image.frombytes("P", size, grey.cpu().numpy().tobytes())
    shades = [round(255 * i / (GREYS - 1)) for i in range(GREYS)]
    strip.putpalette([part for shade in shades for part in [shade] * 3])
    return strip


def _png(strip: Image.Image) -> bytes:
    buffer = io.BytesIO()
    strip.save(buffer, "png", optimize=True, bits=4)
    return buffer.getvalue()
