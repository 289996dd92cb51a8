"""What a link to a page shows, and a sitemap: a small Sphinx extension.

Every page gets a description of whole sentences and a card of 1200 × 630
pixels, the size that a shared link is shown in: its title over a figure of
the page. `sphinxext.opengraph` turns both into tags. After the build
`sitemap.xml` lists every page.
"""

import base64
import html
import io
import re
import textwrap
from pathlib import Path
from urllib.parse import urljoin

import matplotlib
import nbformat
from docutils import nodes
from PIL import Image, ImageDraw, ImageFont, ImageOps
from sphinx.application import Sphinx

BOOK = Path(__file__).resolve().parents[2] / "book"
FIGURES = {  # the one that shows what the chapter is about
    "00_first": "fig-first-longer",
    "01_forward_chain": "fig-chain-digit",
    "02_forward_jump": "fig-one-noise",
    "03_unet_basic": "fig-unet",
    "04_training_loop": "fig-x0-hat",
    "05_conditioning_time": "fig-embedding",
    "06_prediction_targets": "fig-three-targets",
    "07_sampling_ancestral": "fig-no-fresh-noise",
    "08_sampling_ddim": "fig-ten-calls",
    "09_guidance": "fig-sevens-by-scale",
    "10_evaluation": "fig-line-up",
    "11_diffusers": "fig-two-loops",
    "12_doctor": "fig-patients",
    "13_runs": "fig-longer",
}
DIGITS = BOOK / "_static" / "digits.png"  # for all other pages
DIGITS_ALT = (
    "Ten handwritten digits in five moments of sampling, from pure noise "
    "at the top to clean digits at the bottom."
)
CARDS = "_static/cards"
SIZE, MARGIN = (1200, 630), 60
LONGEST = 200  # characters of a description
INK, GREY, PURPLE = "#222222", "#5c5c5c", "#cc79a7"


def description(doctree: nodes.document) -> str:
    """The page's first paragraph, as many whole sentences as fit."""
    first = next(doctree.findall(nodes.paragraph), None)
    text = " ".join(first.astext().split()) if first else ""
    text = re.sub(r" \[\d+\]", "", text)  # citations
    sentences = re.split(r"(?<=[.?!:]) ", text)
    kept = sentences[0]
    for sentence in sentences[1:]:
        if len(kept) + 1 + len(sentence) > LONGEST:
            break
        kept += " " + sentence
    return re.sub(":$", ".", kept)


def figure(stem: str) -> tuple[Image.Image, str]:
    """The picture of a page and what it shows."""
    if stem not in FIGURES:
        return Image.open(DIGITS).convert("RGB"), DIGITS_ALT
    cell = _cell(stem)
    png = base64.b64decode(outputs(stem)["image/png"])
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    return picture, cell.metadata["mystnb"]["image"]["alt"]


def outputs(stem: str) -> dict[str, str]:
    """The forms of the figure that shows what a chapter is about."""
    shown = [o.data for o in _cell(stem).outputs if "data" in o]
    return next(data for data in shown if "image/png" in data)


def _cell(stem: str) -> nbformat.NotebookNode:
    notebook = nbformat.read(BOOK / f"{stem}.ipynb", as_version=4)
    for cell in notebook.cells:
        told = cell.metadata.get("mystnb", {}).get("figure", {})
        if told.get("name") == FIGURES[stem]:
            return cell
    raise ValueError(f"{stem} has no figure {FIGURES[stem]!r}")


def card(title: str, book: str, picture: Image.Image) -> Image.Image:
    """The book's name, the page's title, and below them its picture."""
    sheet = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((0, 0, SIZE[0], 14), fill=PURPLE)
    pen.text((MARGIN, 50), book, fill=GREY, font=_font("DejaVuSans", 28))
    lines = "\n".join(textwrap.wrap(title, 34))
    font = _font("DejaVuSans-Bold", 50)
    pen.multiline_text((MARGIN, 96), lines, fill=INK, font=font, spacing=12)
    top = pen.multiline_textbbox((MARGIN, 96), lines, font, spacing=12)[3]
    room = SIZE[0] - 2 * MARGIN, SIZE[1] - int(top) - 70
    picture = ImageOps.contain(picture, room, Image.Resampling.LANCZOS)
    across, down = (room[i] - picture.size[i] for i in (0, 1))
    sheet.paste(picture, (MARGIN + across // 2, int(top) + 35 + down // 2))
    return sheet


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return ImageFont.truetype(fonts / f"{name}.ttf", size)


def card_of(name: str) -> str:
    """Where the card of a page lies: two pages may end in one word."""
    return f"{CARDS}/{name.removeprefix('book/').replace('/', '-')}.png"


def describe(app: Sphinx, name: str, _template, context, doctree) -> None:
    """Say what the tags of a page are to hold."""
    if doctree is None:  # as the search page: nothing to share
        return
    about = description(doctree)
    address = card_of(name)
    site = app.config.ogp_site_url
    context["meta"] = (context.get("meta") or {}) | {
        "og:description": about,
        "og:image": urljoin(site, address),
        "og:image:alt": figure(Path(name).name)[1],
        "og:image:width": str(SIZE[0]),
        "og:image:height": str(SIZE[1]),
    }
    quoted = html.escape(about)
    context["metatags"] += f'<meta name="description" content="{quoted}">'
    context["metatags"] += (
        '<meta name="twitter:card" content="summary_large_image">\n'
    )


def finish(app: Sphinx, error: Exception | None) -> None:
    """Draw the cards and list the pages, once all pages are written."""
    if error or app.builder.format != "html":
        return
    out = Path(app.outdir)
    (out / CARDS).mkdir(parents=True, exist_ok=True)
    for name in app.env.found_docs:
        title = app.env.titles[name].astext()
        picture, _ = figure(Path(name).name)
        drawn = card(title, app.config.project, picture).quantize(64)
        drawn.save(out / card_of(name), optimize=True)
    (out / "sitemap.xml").write_text(sitemap(app), encoding="utf-8")


def sitemap(app: Sphinx) -> str:
    """Every page, as search engines want them listed."""
    to_page = app.builder.get_target_uri
    pages = sorted(map(to_page, app.env.found_docs))
    pages = [urljoin(app.config.ogp_site_url, page) for page in pages]
    entries = [f"  <url><loc>{html.escape(p)}</loc></url>" for p in pages]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
            *entries,
            "</urlset>\n",
        ]
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Be heard before sphinxext.opengraph, which writes the tags."""
    app.connect("html-page-context", describe, priority=400)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
