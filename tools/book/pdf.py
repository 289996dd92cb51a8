"""Bind the built book into one PDF, as Chromium prints it.

usage: python tools/book/pdf.py [_build/diffusion_lessons.pdf]

The pages are those of _toc.yml, in its order, without those below another:
the parts of the module are looked up, and a link to them leads out. The
browser sees them at the address at which the book is published, so that a
link to a page that is not bound leads there, and no path of this machine
gets in. Links between bound pages become jumps inside the file, and the
answers to the questions of all pages stand together at the end.
"""

from __future__ import annotations

import argparse
import html
import io
import mimetypes
import sys
from pathlib import Path

import yaml
from chromium import HOW_TO_GET_ONE, launch_chromium
from playwright.sync_api import (
    Browser,
    Error,
    Page,
    Route,
    sync_playwright,
)
from pypdf import PageObject, PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    TextStringObject,
)

from diffusion_lessons.files import whole_file

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
PAPER = {
    "format": "A4",
    "print_background": True,
    "margin": {
        "top": "18mm",
        "bottom": "20mm",
        "left": "20mm",
        "right": "20mm",
    },
}
STYLE = """<style>
  body { font: 11pt sans-serif; margin: 0; font-variant-ligatures: none; }
  h1 { font-size: 34pt; margin: 70mm 0 8mm; }
  h2 { font-size: 20pt; break-before: page; }
  h3 { font-size: 12pt; margin: 8mm 0 2mm; }
  p { font-size: 12pt; margin: 0 0 3mm; }
  .line { display: flex; gap: 4mm; margin: 0 0 1.5mm; font-size: 11pt; }
  .line :first-child { flex: 1; }
</style>"""
NUMBERS = """<style>
  @page { size: A4; margin: 0; }
  body { margin: 0; }
  p { height: 285mm; margin: 0; padding-top: 282mm; box-sizing: border-box;
      font: 9pt sans-serif; text-align: center; break-after: page; }
</style>"""


class Bound:
    """One page of the book: its title, its paper, where it begins."""

    def __init__(self, name: str, title: str, paper: bytes):
        self.name, self.title = name, title
        self.reader = PdfReader(io.BytesIO(paper))
        self.first = 0

    def __len__(self) -> int:
        return len(self.reader.pages)


def sections(toc: dict) -> list[tuple[str, list[str]]]:
    """(caption, names of pages) of each part; the first has no caption."""
    parts = [("", [toc["root"]])]
    for part in toc["parts"]:
        names = [chapter["file"] for chapter in part["chapters"]]
        parts.append((part["caption"], names))
    return parts


def serve(html_folder: Path, base: str):
    """Answer requests below *base* from the folder, refuse all others."""

    def answer(route: Route) -> None:
        url = route.request.url.split("#")[0].split("?")[0]
        path = html_folder / url.removeprefix(base)
        if url.startswith("data:"):
            route.continue_()
        elif url.startswith(base) and path.is_file():
            kind = mimetypes.guess_type(path.name)[0]
            route.fulfill(path=path, content_type=kind)
        else:
            route.abort()

    return answer


def print_page(page: Page, name: str, base: str) -> Bound:
    """Open a page of the book and print it, pictures and fonts loaded."""
    page.goto(f"{base}{name}.html", wait_until="load")
    page.evaluate(
        """() => Promise.all([...document.images].map(picture => {
        picture.loading = "eager";
        return picture.decode(); }))"""
    )
    page.evaluate("document.fonts.ready.then(() => {})")
    title = page.evaluate(
        """() => {
        const h1 = document.querySelector("article h1").cloneNode(true);
        h1.querySelectorAll(".headerlink").forEach(e => e.remove());
        return h1.textContent.trim(); }"""
    )
    page.evaluate(
        """() => {
        globalThis.answers = document.querySelector(".dl-appendix");
        globalThis.answers?.remove(); }"""
    )
    return Bound(name, title, page.pdf(**PAPER))


def print_answers(page: Page, asked: Bound) -> Bound | None:
    """Print the answers that were taken off a page; None if it has none."""
    title = f"Answers: {asked.title}"
    found = page.evaluate(
        """title => {
        if (!globalThis.answers) return false;
        globalThis.answers.querySelector("h2").textContent = title;
        document.querySelector("article").replaceChildren(answers);
        return true; }""",
        title,
    )
    if not found:
        return None
    return Bound(f"{asked.name}#answers", title, page.pdf(**PAPER))


def front_matter(page: Page, config: dict, parts: list) -> PdfReader:
    """The title, and the contents with the numbers of the pages."""
    quote = html.escape
    lines = [
        STYLE,
        f"<title>{quote(config['title'])}</title>",
        f"<h1>{quote(config['title'])}</h1>",
        f"<p>{quote(config['author'])}, {quote(config['copyright'])}</p>",
        f"<p>{quote(config['html']['baseurl'])}</p>",
        "<p>Text and figures: CC BY 4.0. Code: MIT.</p>",
        "<h2>Contents</h2>",
    ]
    for caption, bound in parts:
        lines += [f"<h3>{quote(caption)}</h3>"] if caption else []
        lines += [
            f'<div class="line"><span>{quote(b.title)}</span>'
            f"<span>{b.first + 1}</span></div>"
            for b in bound
        ]
    page.set_content("\n".join(lines))
    return PdfReader(io.BytesIO(page.pdf(**PAPER)))


def page_numbers(page: Page, first: int, last: int) -> PdfReader:
    """Empty paper with nothing but numbers, to be laid over the book."""
    numbers = "".join(f"<p>{n}</p>" for n in range(first, last + 1))
    page.set_content(NUMBERS + numbers)
    return PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))


def place(front: int, parts: list) -> int:
    """Say of each page of the book where it begins; return the length."""
    length = front
    for _, bound in parts:
        for one in bound:
            one.first, length = length, length + len(one)
    return length


def turn_links(
    page: PageObject, starts: dict[str, PageObject], base: str
) -> None:
    """Lead links to bound pages into this file."""
    for annotation in page.get("/Annots") or []:
        link = annotation.get_object()
        if "/A" not in link:
            continue
        name = str(link["/A"].get("/URI", "")).split("#")[0]
        name = name.removeprefix(base).removesuffix(".html")
        if name in starts:
            del link[NameObject("/A")]
            link[NameObject("/Dest")] = ArrayObject(
                [starts[name].indirect_reference, NameObject("/Fit")]
            )


def add_bookmark(writer, title, at, parent=None):
    """An entry of the outline beside the pages."""
    return writer.add_outline_item(
        title=title, page_number=at, parent=parent
    )


def bind(page: Page, config: dict, parts: list) -> PdfWriter:
    """Title, contents and all pages, with bookmarks and numbers."""
    base = config["html"]["baseurl"]
    place(0, parts)
    front = front_matter(page, config, parts)
    length = place(len(front.pages), parts)
    writer = PdfWriter()
    writer.append(front_matter(page, config, parts))
    for caption, bound in parts:
        above = None
        for one in bound:
            writer.append(one.reader, import_outline=False)
            if caption and above is None:
                above = add_bookmark(writer, caption, one.first)
            add_bookmark(writer, one.title, one.first, parent=above)
    everyone = [one for _, bound in parts for one in bound]
    starts = {one.name: writer.pages[one.first] for one in everyone}
    numbers = page_numbers(page, len(front.pages) + 1, length)
    for sheet, number in zip(
        writer.pages[len(front.pages) :], numbers.pages, strict=False
    ):
        turn_links(sheet, starts, base)
        sheet.merge_page(number)
        sheet.compress_content_streams()
    writer.add_metadata(
        {
            "/Title": TextStringObject(config["title"]),
            "/Author": TextStringObject(config["author"]),
        }
    )
    writer.root_object[NameObject("/Lang")] = TextStringObject("en")
    writer.root_object[NameObject("/ViewerPreferences")] = DictionaryObject(
        {NameObject("/DisplayDocTitle"): NameObject("/true")}
    )
    return writer


def make_pdf(
    browser: Browser, target: Path, names: list[tuple[str, list[str]]]
) -> int:
    """Write the PDF whole and return how many pages it has."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    base = config["html"]["baseurl"]
    page = browser.new_page(color_scheme="light")
    page.route("**/*", serve(HTML, base))
    parts, answers = [], []
    for caption, files in names:
        bound = []
        for name in files:
            bound.append(print_page(page, name, base))
            answers.append(print_answers(page, bound[-1]))
        parts.append((caption, bound))
    parts.append(("Answers", [one for one in answers if one]))
    writer = bind(page, config, parts)
    page.close()
    writer.compress_identical_objects()
    with whole_file(target) as unfinished:
        writer.write(unfinished)
    return len(writer.pages)


def main(arguments: list[str] | None = None) -> int:
    """Bind all pages; complain in one line where that cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    target = ROOT / "_build" / "diffusion_lessons.pdf"
    parser.add_argument("target", nargs="?", type=Path, default=target)
    target = parser.parse_args(arguments).target
    if not (HTML / "index.html").exists():
        print("pdf: the book is not built: `make book`", file=sys.stderr)
        return 1
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    try:
        with sync_playwright() as playwright:
            browser = launch_chromium(playwright)
            pages = make_pdf(browser, target, sections(toc))
    except Error as error:
        print(f"pdf: {HOW_TO_GET_ONE}\n{error}", file=sys.stderr)
        return 1
    print(f"pdf: {pages} pages in {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
