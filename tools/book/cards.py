"""The chapters on the front page as cards: a small Sphinx extension.

The source is a plain list, `0. [Title](file). Question? *15 minutes*`, and
so it is read on Colab. In the book each entry gets the picture that is on
the chapter's card for links (`sharing.py`), cut to one form, and the same
in the colours of a dark page.
"""

import re
from pathlib import Path

import numpy as np
from docutils import nodes
from PIL import Image
from sharing import FIGURES, figure, outputs
from sphinx.application import Sphinx

from diffusion_lessons.figures.notebook import THEMED
from diffusion_lessons.figures.themed import DARK_CSS

PICTURES = "_images/chapters"
SIZE, MARGIN = (640, 320), 16  # twice what is shown, for sharp screens
COLORS = 64
LEAST = 640  # pixels of a figure's width, half of it
STARTS = {"01_forward_chain": 0.4}  # share of what is left over; else 0
AIR = 10  # pixels of a figure, above and below a part of it
PAPER = 250  # from here on a grey is white
VIEW = re.compile(r'viewBox="0 0 ([\d.]+) [\d.]+"')


Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels


def picture(stem: str) -> Image.Image:
    """A part of the chapter's figure, in the form of all cards.

    It begins at the left, where rows have their names, is cut where the
    figure has a gap, and stands in the middle of its card.
    """
    whole, _ = figure(stem)
    part = whole.crop(part_of(stem, whole))
    left, top, right, bottom = middle(part.size)
    part = part.resize(
        (right - left, bottom - top), Image.Resampling.LANCZOS
    )
    sheet = Image.new("RGB", SIZE, "white")
    sheet.paste(part, (left, top))
    return sheet


def dark_picture(stem: str) -> str:
    """The same part in the colours of a dark page, as an SVG.

    Its letters are those of the reader, so they get a little more room.
    """
    whole, _ = figure(stem)
    svg = outputs(stem)[THEMED].partition("\n")[0]
    left, top, right, bottom = part_of(stem, whole)
    x, y, end, _ = middle((right - left, bottom - top))
    by = (end - x) / (right - left)
    wide, high = right - left, bottom - top + 2 * AIR
    place = f'x="{x}" y="{y - by * AIR:.2f}" '
    place += f'width="{by * wide:.2f}" height="{by * high:.2f}"'
    unit = float(VIEW.search(svg)[1]) / whole.width  # in a pixel
    view = [unit * n for n in (left, top - AIR, wide, high)]
    seen = 'viewBox="{:.2f} {:.2f} {:.2f} {:.2f}"'.format(*view)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE[0]}" '
        f'height="{SIZE[1]}"><style>:root{{{DARK_CSS}}}</style>'
        + VIEW.sub(f"{place} {seen}", svg, count=1)
        + "</svg>"
    )


def part_of(stem: str, whole: Image.Image) -> Box:
    """Which part of a figure is on the card."""
    wide = max(LEAST, whole.height * SIZE[0] // SIZE[1])
    left = round(STARTS.get(stem, 0) * max(0, whole.width - wide))
    right = min(left + wide, whole.width)
    box = within((left, 0, right, whole.height), whole, left, right)
    inner = ink(whole.crop(box))
    return moved(inner, box)


def within(box: Box, whole: Image.Image, left: int, right: int) -> Box:
    """Without what would be cut in half at a side that is cut."""
    cut = without_halves(whole.crop(box), left > 0, right < whole.width)
    return moved(cut, box)


def moved(inner: Box, box: Box) -> Box:
    """A box in a part of a picture as one in the whole of it."""
    left, top, *_ = box
    return (
        inner[0] + left,
        inner[1] + top,
        inner[2] + left,
        inner[3] + top,
    )


def middle(size: tuple[int, int]) -> Box:
    """Where a part of that size stands on its card."""
    room = SIZE[0] - 2 * MARGIN, SIZE[1] - 2 * MARGIN
    by = min(room[0] / size[0], room[1] / size[1])
    wide, high = (round(by * side) for side in size)
    left, top = (SIZE[0] - wide) // 2, (SIZE[1] - high) // 2
    return left, top, left + wide, top + high


def without_halves(part: Image.Image, left: bool, right: bool) -> Box:
    """From the first gap on the left to the last on the right, if asked.

    Where there is none in the first or last quarter, nothing is cut.
    """
    darkest = np.asarray(part.convert("L")).min(axis=0)
    gaps, quarter = np.flatnonzero(darkest >= PAPER), part.width // 4
    before = gaps[gaps < quarter] if left else []
    after = gaps[gaps > part.width - quarter] if right else []
    first = int(before[0]) if len(before) else 0
    last = int(after[-1]) if len(after) else part.width
    return first, 0, last, part.height


def ink(part: Image.Image) -> Box:
    """What is not the white around it."""
    dark = part.convert("L").point(lambda grey: 255 * (grey < PAPER))
    return dark.getbbox()


def deal(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Turn the front page's lists of chapters into cards."""
    if app.builder.format != "html" or name != app.config.root_doc:
        return
    to_static = "../" * name.count("/")
    for chapters in list(doctree.findall(nodes.enumerated_list)):
        linked = [next(row.findall(nodes.reference)) for row in chapters]
        stems = [Path(link["refuri"]).stem for link in linked]
        if not set(stems) <= set(FIGURES):
            continue
        chapters["classes"].append("dl-cards")
        for row, stem in zip(chapters, stems, strict=True):
            name_parts(row[0])
            place = f"{to_static}{PICTURES}/{stem}"
            images = shown(f"{place}.png", "only-light dark-light")
            images += shown(f"{place}.svg", "only-dark dark-light")
            row.insert(0, nodes.raw("", images, format="html"))


def shown(address: str, classes: str) -> str:
    """A picture for one of the themes; the other is not even loaded."""
    return (
        f'<img class="{classes}" alt="" aria-hidden="true" src="{address}" '
        f'width="{SIZE[0]}" height="{SIZE[1]}" loading="lazy">'
    )


def name_parts(words: nodes.paragraph) -> None:
    """Give question and minutes a class each, for the style sheet."""
    _, asked, minutes = words.children
    question = asked.astext().lstrip(". ")
    end = asked.astext().removesuffix(
        question
    )  # of the title, unless styled
    parts = {"dl-end": end, "dl-asks": question}
    words.replace(
        asked,
        [
            nodes.inline("", text, classes=[name])
            for name, text in parts.items()
        ],
    )
    minutes["classes"].append("dl-minutes")


def finish(app: Sphinx, error: Exception | None) -> None:
    """Write the pictures, once all pages are written."""
    if error or app.builder.format != "html":
        return
    place = Path(app.outdir, PICTURES)
    place.mkdir(parents=True, exist_ok=True)
    for stem in FIGURES:
        drawn = picture(stem).quantize(COLORS)
        drawn.save(place / f"{stem}.png", optimize=True)
        svg = place / f"{stem}.svg"
        svg.write_text(dark_picture(stem), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Links must lead somewhere before they are read here."""
    app.connect("doctree-resolved", deal)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
