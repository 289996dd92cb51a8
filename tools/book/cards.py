"""The chapters on the front page as cards: a small Sphinx extension.

The source is a plain list, `0. [Title](file). Question? *15 minutes*`, and
so it is read on Colab. In the book each entry gets the picture that is on
the chapter's card for links (`sharing.py`), cut to one form.
"""

from pathlib import Path

import numpy as np
from docutils import nodes
from PIL import Image, ImageOps
from sharing import FIGURES, figure
from sphinx.application import Sphinx

PICTURES = "_images/chapters"
SIZE, MARGIN = (640, 320), 16  # twice what is shown, for sharp screens
COLORS = 64
LEAST = 640  # pixels of a figure's width, half of it
STARTS = {"01_forward_chain": 0.4}  # share of what is left over; else 0
PAPER = 250  # from here on a grey is white


def picture(stem: str) -> Image.Image:
    """A part of the chapter's figure, in the form of all cards.

    It begins at the left, where rows have their names, is cut where the
    figure has a gap, and stands in the middle of its card.
    """
    whole, _ = figure(stem)
    wide = max(LEAST, whole.height * SIZE[0] // SIZE[1])
    left = round(STARTS.get(stem, 0) * max(0, whole.width - wide))
    part = whole.crop(
        (left, 0, min(left + wide, whole.width), whole.height)
    )
    part = trim(without_halves(part, left > 0, part.width < whole.width))
    room = SIZE[0] - 2 * MARGIN, SIZE[1] - 2 * MARGIN
    part = ImageOps.contain(part, room, Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", SIZE, "white")
    across, down = (SIZE[i] - part.size[i] for i in (0, 1))
    sheet.paste(part, (across // 2, down // 2))
    return sheet


def without_halves(
    part: Image.Image, left: bool, right: bool
) -> Image.Image:
    """Cut at the first gap from the left, and from the right, if asked.

    Where there is none in the first or last quarter, nothing is cut.
    """
    darkest = np.asarray(part.convert("L")).min(axis=0)
    gaps, quarter = np.flatnonzero(darkest >= PAPER), part.width // 4
    before = gaps[gaps < quarter] if left else []
    after = gaps[gaps > part.width - quarter] if right else []
    first = int(before[0]) if len(before) else 0
    last = int(after[-1]) if len(after) else part.width
    return part.crop((first, 0, last, part.height))


def trim(part: Image.Image) -> Image.Image:
    """Without the white around it."""
    ink = part.convert("L").point(lambda grey: 255 * (grey < PAPER))
    return part.crop(ink.getbbox())


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
            image = (
                '<img class="dark-light" alt="" aria-hidden="true" '
                f'src="{to_static}{PICTURES}/{stem}.png" width="{SIZE[0]}" '
                f'height="{SIZE[1]}" loading="lazy">'
            )
            row.insert(0, nodes.raw("", image, format="html"))


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


def setup(app: Sphinx) -> dict[str, bool]:
    """Links must lead somewhere before they are read here."""
    app.connect("doctree-resolved", deal)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
