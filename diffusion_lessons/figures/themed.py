"""A figure as SVG: the words as text, the colours those of the page.

A page that sets the variables of `THEME` gives a figure its own colours
and letters. Without them it looks as matplotlib has drawn it, on any
ground.
"""

import base64
import hashlib
import io
import re
from itertools import groupby
from urllib.parse import quote

import matplotlib as mpl
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from .style import COLORS, FAINT, INK, TEXT_COLORS

# Which variable of the page a colour of matplotlib's becomes
THEME = {color.lower(): f"--fig-{role}" for role, color in COLORS.items()}
THEME |= {c: f"--fig-word-{role}" for role, c in TEXT_COLORS.items()}
THEME |= {INK: "--fig-ink", FAINT: "--fig-faint", "#ffffff": "--fig-paper"}
DARK = {  # their values where the page is dark
    "--fig-x0": "#6cb8ec",
    "--fig-noise": "#9a9a9a",
    "--fig-xt": "#e3a1c6",
    "--fig-prediction": "#ff9a57",
    "--fig-guidance": "#3ccf9f",
    "--fig-truth": "#e8e8e8",
    "--fig-word-x0": "#6cb8ec",
    "--fig-word-noise": "#adadad",
    "--fig-word-xt": "#e3a1c6",
    "--fig-word-prediction": "#ff9a57",
    "--fig-word-guidance": "#3ccf9f",
    "--fig-word-truth": "#e8e8e8",
    "--fig-ink": "#a9adb3",
    "--fig-faint": "#4a4f57",
    "--fig-paper": "#121212",
    "--fig-word": "#dcdcdc",
}
DARK_CSS = "".join(f"{name}:{color};" for name, color in DARK.items())
WORD = "var(--fig-word,#222)"
SANS = "var(--fig-sans,sans-serif)"
MONO = "var(--fig-mono,monospace)"
SERIF = "var(--fig-serif,serif)"
RASTER = 150  # dots per inch of what is too much for lines
RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": "diffusion_lessons",  # else other names every time
    "image.composite_image": False,  # each keeps its own pixels
}
SAFE = "/:;=,()!'+*@$~?&|"  # what need not be written as %..
SIZE = re.compile(r'viewBox="[^"]*"')
NO_METADATA = dict.fromkeys(["Creator", "Date", "Format", "Type"])
FEW_PIXELS = 400  # of a picture that may have more greys
LONG_PATH = re.compile(r'd="[^"]{3000,}"')  # which need not be so exact
MARK = re.compile("\ue000(\\d+)\ue001")  # where a formula is to stand


def themed_forms(figure: Figure) -> list[str]:
    """The wide form of a figure and, if it can draw one, the narrow one."""
    forms = [figure]
    if hasattr(figure, "draw_narrow"):
        forms.append(figure.draw_narrow())
    return [themed_svg(form) for form in forms]


def film_strip(frames: list[str]) -> tuple[str, int, int]:
    """Frames of one size side by side, as a picture of its own.

    Returns its address, and how many pixels it is wide and high.
    """
    sizes = {SIZE.search(frame)[0] for frame in frames}
    if len(sizes) > 1:
        raise ValueError("all frames must have one size")
    wide, high = map(float, sizes.pop().split('"')[1].split()[2:])
    size = f'width="{_short(wide)}" height="{_short(high)}"'
    places = (
        frame.replace("<svg ", f'<svg x="{_short(i * wide)}" {size} ', 1)
        for i, frame in enumerate(frames)
    )
    all_wide = len(frames) * wide
    strip = (
        '<svg xmlns="http://www.w3.org/2000/svg" '
        f'width="{_short(all_wide)}" height="{_short(high)}" '
        f'viewBox="0 0 {_short(all_wide)} {_short(high)}">'
        f"<style>:root{{color-scheme:light dark}}"
        f"@media(prefers-color-scheme:dark){{:root{{{DARK_CSS}}}}}</style>"
        f"{''.join(places)}</svg>"
    )
    address = "data:image/svg+xml," + quote(strip, safe=SAFE)
    return address, round(all_wide / 0.72), round(high / 0.72)


def themed_svg(figure: Figure) -> str:
    """The figure as one `<svg>`, without an XML head; it stays open."""
    stream, dpi = io.StringIO(), figure.dpi
    width, height = figure.get_size_inches()
    sheets = [p for p in _sheets(figure) if p.get_visible()]
    try:
        with mpl.rc_context(RC):
            figure.set_dpi(72)
            for sheet in sheets:
                sheet.set_visible(False)
            inner = _Renderer(
                72 * width,
                72 * height,
                stream,
                image_dpi=RASTER,
                metadata=NO_METADATA,
            )
            renderer = MixedModeRenderer(
                figure, width, height, RASTER, inner
            )
            figure.draw(renderer)
            renderer.finalize()
    finally:
        figure.set_dpi(dpi)
        for sheet in sheets:
            sheet.set_visible(True)
    return _of_the_page(stream.getvalue(), inner.formulas)


def _sheets(figure: Figure) -> list[Patch]:
    """What matplotlib draws on; on a page that is the page."""
    return [figure.patch, *(ax.patch for ax in figure.axes)]


class _Renderer(RendererSVG):
    """Writes "step $t$" as text too, where matplotlib places glyphs."""

    def __init__(self, *args, **options):
        self.formulas = []
        super().__init__(*args, **options)

    def _draw_text_as_text(
        self, gc, x, y, s, prop, angle, ismath, mtext=None
    ):
        runs = runs_of(s) if ismath else None
        if runs:
            s, ismath = f"\ue000{len(self.formulas)}\ue001", False
            self.formulas.append(_tspans(runs))
        super()._draw_text_as_text(gc, x, y, s, prop, angle, ismath, mtext)


# Formulas: as much of TeX as labels of figures need

LETTERS = {
    r"\alpha": "α",
    r"\beta": "β",
    r"\varepsilon": "ε",
    r"\eta": "η",
    r"\sigma": "σ",
    r"\pm": "±",
    r"\times": "×",
    r"\log": "log",
}
SPACED = {"-": "−", "=": " = "}
ACCENTS = {r"\bar": "\u0304", r"\hat": "\u0302"}
TOKEN = re.compile(r"\\[a-zA-Z]+|[{}_^]|[^\\{}_^]")
SHIFTS = {0: 0.0, -1: 0.22, 1: -0.38}  # of a line, in its letters' size
SMALLER = 0.72  # letters of an index
Run = tuple[str, bool, int]  # text, italic?, index (-1), power (1) or line


def runs_of(label: str) -> list[Run] | None:
    """The pieces of a label with formulas; None if it asks for more TeX."""
    runs = []
    for i, part in enumerate(re.split(r"(?<!\\)\$", label)):
        if i % 2 == 0:
            runs.append((part, False, 0))
            continue
        part = part.replace(r"\mathdefault", "")
        try:
            runs += _formula([t for t in TOKEN.findall(part) if t != " "])
        except (KeyError, IndexError):
            return None
    return [run for run in runs if run[0]]


def _formula(tokens: list[str], level: int = 0) -> list[Run]:
    """Runs of what stands between two dollars; takes the tokens away."""
    runs = []
    while tokens and tokens[0] != "}":
        token = tokens.pop(0)
        if token in ("_", "^"):
            runs += _argument(tokens, -1 if token == "_" else 1)
        elif token == r"\sqrt":
            inner = _argument(tokens, level)
            long = len(inner) > 2  # more than a letter and its index
            first, last = ("√(", ")") if long else ("√", "")
            runs += [(first, False, level), *inner, (last, False, level)]
        elif token in ACCENTS:
            (text, *look), *rest = _argument(tokens, level)
            runs += [(text + ACCENTS[token], *look), *rest]
        elif token == "{":
            runs += _formula(tokens, level)
            tokens.pop(0)
        else:
            text = LETTERS[token] if token[0] == "\\" else token
            italic = len(text) == 1 and text.isalpha()
            runs.append((SPACED.get(text, text), italic, level))
    return runs


def _argument(tokens: list[str], level: int) -> list[Run]:
    """What the command before it takes: one letter, or a group."""
    if tokens[0] != "{":
        return _formula([tokens.pop(0)], level)
    tokens.pop(0)
    runs = _formula(tokens, level)
    tokens.pop(0)
    return runs


def _tspans(runs: list[Run]) -> str:
    """Runs one after the other on one line, italics in the page's serif."""
    parts, at = [], 0.0
    for (italic, level), group in groupby(runs, lambda run: run[1:]):
        text = "".join(run[0] for run in group)
        size = SMALLER if level else 1.0
        style = f"font-family:{SERIF};font-style:italic;" if italic else ""
        style += f"font-size:{size:.0%};" if level else ""
        move = (SHIFTS[level] - at) / size
        at = SHIFTS[level]
        text = text.replace("&", "&amp;").replace("<", "&lt;")
        dy = f' dy="{move:.2f}em"' if move else ""
        look = f' style="{style}"' if style else ""
        parts.append(f"<tspan{look}{dy}>{text}</tspan>")
    return "".join(parts)


# From matplotlib's file to a piece of a page


def _of_the_page(svg: str, formulas: list[str]) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(
        r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.S
    )
    svg = re.sub(
        r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", svg, flags=re.S
    )
    svg = MARK.sub(lambda m: formulas[int(m[1])], svg)
    svg = re.sub(r"data:image/png;base64,\s*([^\"]+)", _lighter, svg)
    svg = LONG_PATH.sub(_coarser, svg)
    svg = re.sub("<[^>]*>", _shorter, svg)  # but no number that is a word
    svg = re.sub(r' d="[^"]*"', _closer, svg)
    svg = re.sub(
        r'\s(?:id="[a-z][\w.]*_\d+"|xmlns:?\w*="[^"]*"|version="[^"]*")',
        "",
        svg,
    )
    for face, letters in (("Sans", SANS), ("Sans Mono", MONO)):
        svg = re.sub(
            rf"(font(?:-family)?:[^;\"']*)'DejaVu {face}'[^;\"]*",
            rf"\1{letters}",
            svg,
        )
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r' transform="rotate\(-0 [^"]*"', "", svg)
    svg = svg.replace(f"font-family: {SANS}; ", "")
    svg = re.sub(r'style="[^"]*"', _themed, svg)
    svg = _without_groups(re.sub(r"\s*\n\s*", "", svg).strip())
    look = f'<svg style="fill:{WORD};font-family:{SANS};'
    look += 'image-rendering:pixelated" '
    svg = svg.replace("<svg ", look, 1)
    name = hashlib.sha256(svg.encode()).hexdigest()[:8]  # one of a page
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\1f{name}", svg)
    return svg


def _coarser(path: re.Match) -> str:
    """A path of very many points, to a tenth of a point."""
    path = re.sub(r"-?\d+\.\d+", lambda x: f"{float(x[0]):.1f}", path[0])
    return re.sub(r"\s*\n?L\s+", " L", path).replace(".0 ", " ")


def _closer(path: re.Match) -> str:
    """A path with no more spaces than it needs."""
    path = re.sub(r"\s+", " ", path[0])
    return " " + re.sub(r" ?([MLQCHVZz]) ?", r"\1", path).strip()


def _shorter(tag: re.Match) -> str:
    """A tag with its numbers to a hundredth of a point."""
    return re.sub(r"-?\d+\.\d{3,}", lambda x: _short(float(x[0])), tag[0])


def _themed(style: re.Match) -> str:
    """A style in the colours of the page, with no needless spaces."""
    closer = re.sub(r"\s*([:;,])\s+", r"\1", style[0])
    return re.sub(":(#[0-9a-f]{6})", _colour, closer)


def _without_groups(svg: str) -> str:
    """Without the groups that say nothing of what is in them."""
    kept, open_groups = [], []
    for piece in re.split(r"(</?g\b[^>]*>)", svg):
        if piece == "</g>":
            piece = open_groups.pop()
        elif piece.startswith("<g") and not piece.endswith("/>"):
            bare = piece.replace(" ", "") == "<g>"
            open_groups.append("" if bare else "</g>")
            piece = "" if bare else piece
        elif piece == "<g/>":
            piece = ""
        kept.append(piece)
    return "".join(kept)


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _colour(found: re.Match) -> str:
    color = found[1]
    name = THEME.get(color)
    return f":var({name},{color})" if name else f":{color}"


def _lighter(found: re.Match) -> str:
    """The same picture in fewer bytes: grey where it is grey."""
    picture = Image.open(io.BytesIO(base64.b64decode(found[1])))
    picture = picture.convert("RGBA")
    red, green, blue, alpha = picture.split()
    if alpha.getextrema()[0] == 255 and (
        red.tobytes() == green.tobytes() == blue.tobytes()
    ):
        steps = 4 if red.width * red.height < FEW_PIXELS else 17
        picture = red.point(lambda grey: round(grey / steps) * steps)
        if steps == 17:  # 16 greys are half a byte for each pixel
            picture = picture.quantize(16, dither=Image.Dither.NONE)
    else:
        octree = Image.Quantize.FASTOCTREE  # the one that knows alpha
        colours = 256 if red.width * red.height < FEW_PIXELS else 64
        picture = picture.quantize(
            colours, octree, dither=Image.Dither.NONE
        )
    buffer = io.BytesIO()
    picture.save(buffer, "png", optimize=True)
    packed = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/png;base64,{packed}"
