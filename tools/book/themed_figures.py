"""Figures in the page's own colours and letters: a small Sphinx extension.

A notebook keeps each figure twice: as a picture, for all that show
notebooks, and as SVG (diffusion_lessons/figures/notebook.py). Here the page
gets the SVG in place of the picture, in its wide form and in the narrow one
for phones; the style sheet shows one of them. Their dark colours come from
the module. A film, which is HTML, becomes a figure with a number like all.
"""

import hashlib
import html
import re
from base64 import b64decode
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

from diffusion_lessons.figures.notebook import THEMED
from diffusion_lessons.figures.themed import DARK_CSS

FILMS = "_images/films"
STRIP = re.compile(
    r'(?P<attribute>src|srcset)="data:image/svg\+xml,(?P<svg>[^"]*)"'
)
CAPTION = re.compile(r'<p class="dl-caption">(.*?)</p>', re.DOTALL)


@cache
def figures_of(notebook: Path) -> dict[str, str]:
    """{the name of a picture in the book: its SVGs} of a notebook."""
    found = {}
    cells = nbformat.read(notebook, as_version=4).cells
    outputs = [o for cell in cells for o in cell.get("outputs", [])]
    for data in (o.data for o in outputs if THEMED in o.get("data", {})):
        picture = b64decode(data["image/png"])
        name = f"{hashlib.sha256(picture).hexdigest()}.png"
        found[name] = data[THEMED]
    return found


def in_the_page(svgs: str, alt: str) -> str:
    """One or two forms of a figure, read as one picture."""
    told = f'role="img" aria-label="{html.escape(alt)}"'
    return f'<div class="dl-figure" {told}>{svgs}</div>'


class ThemedFigures(SphinxPostTransform):
    """Put the SVG where the picture of it stands."""

    default_priority = 5  # before the pictures are copied into the book
    formats = ("html",)

    def run(self, **_options) -> None:
        """Look at every picture of a page that is a notebook."""
        source = Path(self.env.doc2path(self.env.docname))
        if source.suffix != ".ipynb":
            return
        known = figures_of(source)
        for image in [*self.document.findall(nodes.image)]:
            svgs = known.get(Path(image["uri"]).name)
            if svgs:
                markup = in_the_page(svgs, image.get("alt", ""))
                image.replace_self(nodes.raw("", markup, format="html"))


class NumberedFilms(SphinxTransform):
    """Make a figure of every film, with a number before its caption.

    Its strip becomes a file, so that the page itself is light.
    """

    default_priority = 900  # after the outputs are there

    def in_a_file(self, strip: re.Match) -> str:
        """The place of a strip that is read when a reader comes near."""
        svg = unquote(html.unescape(strip["svg"]))
        name = f"{hashlib.sha256(svg.encode()).hexdigest()[:16]}.svg"
        place = Path(self.app.outdir, FILMS)
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(svg, encoding="utf-8")
        up = "../" * self.env.docname.count("/")
        return f'{strip["attribute"]}="{up}{FILMS}/{name}"'

    def apply(self, **_options) -> None:
        """Look at every output of a page."""
        films = 0
        for raw in [*self.document.findall(nodes.raw)]:
            caption = CAPTION.search(raw.astext())
            if 'class="dl-scrub"' not in raw.astext() or not caption:
                continue
            films += 1
            bundle = raw.parent.parent  # all forms of it
            without = CAPTION.sub("", raw.astext())
            without = STRIP.sub(self.in_a_file, without)
            raw.replace_self(nodes.raw("", without, format="html"))
            words = html.unescape(caption[1])
            figure = nodes.figure("", ids=[f"film-{films}"])
            figure["classes"] = ["dl-film"]
            bundle.replace_self(figure)
            figure += [bundle, nodes.caption("", words)]


def write_colours(app: Sphinx, error: Exception | None) -> None:
    """The dark colours of all figures, as variables."""
    if not error and app.builder.format == "html":
        css = f'html[data-theme="dark"]{{{DARK_CSS}}}\n'
        Path(app.outdir, "_static", "figures.css").write_text(css)


def setup(app: Sphinx) -> dict[str, bool]:
    """Work on every page."""
    app.add_post_transform(ThemedFigures)
    app.add_transform(NumberedFilms)
    app.add_css_file("figures.css")
    app.connect("build-finished", write_colours)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
