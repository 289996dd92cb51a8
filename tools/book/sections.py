"""What the search looks through: each section of the book, in plain words.

A small Sphinx extension. It writes `_static/sections.js`; find.js loads it
when somebody begins to search, from disk as well. A section has its title,
its page's title, its address, the terms that it sets off, and its text,
formulas readable as on the page: `x_0`, `α_t`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from plain_tex import readable
from sphinx import addnodes
from sphinx.application import Sphinx

LEFT_OUT = (
    nodes.Invisible,
    nodes.system_message,
    nodes.raw,
    nodes.image,
    nodes.literal_block,
    addnodes.desc,
    addnodes.glossary,
)
ANSWERS = '<details class="dl-ask">'  # and what they say to each choice
SAMPLER = '<div class="dl-sampler"'
DRAWS = """draw a zero, draw a one, draw a two, draw a three, draw a four,
draw a five, draw a six, draw a seven, draw an eight, draw a nine,
draw a 0, draw a 1, draw a 2, draw a 3, draw a 4, draw a 5, draw a 6,
draw a 7, draw an 8, draw a 9"""
LABEL = re.compile(  # set off on every page, and no term
    r"(Before you run|Recall|Recall \d|Exercise [\d.]+|On loan"
    r"|From first.py|Next|Written|Right)[.:]?"
)
QUESTION = re.compile(r"The question of this chapter: (.*?\?)")


def own(section: nodes.section) -> nodes.section:
    """A copy without title, sections inside, answers, names of files."""
    copy = section.deepcopy()
    for child in list(copy.children):
        if isinstance(child, nodes.section | nodes.title):
            copy.remove(child)
    for part in [copy, *copy.findall(nodes.block_quote)]:
        part.children = list(told(part))
    for part in list(copy.findall(nodes.paragraph)):
        if re.fullmatch(r"[\w/]+\.py", part.astext()):
            part.parent.remove(part)  # over a listing
    return copy


def told(node: nodes.Element) -> Iterator[nodes.Node]:
    """The children without those in a fold of answers."""
    hidden = False
    for child in node.children:
        html = child.astext() if isinstance(child, nodes.raw) else ""
        hidden = hidden or ANSWERS in html
        if not hidden:
            yield child
        hidden = hidden and "</details>" not in html


def words(node: nodes.Node) -> Iterator[str]:
    """The text of a node, formulas in one line."""
    for child in node.children:
        if isinstance(child, LEFT_OUT):
            continue
        if isinstance(child, nodes.math | nodes.math_block):
            yield f" {readable(child.astext())} ".replace("  ", " ")
        elif isinstance(child, nodes.Text):
            yield child.astext()
        elif isinstance(child, nodes.Element):
            yield from words(child)
            if not isinstance(child, nodes.Inline):
                yield " "


def plain(node: nodes.Node) -> str:
    """The same in one line."""
    text = " ".join("".join(words(node)).split())
    return re.sub(r"(?<=[^,;:]) ([.,;:?!)])(?!\w)", r"\1", text)


def terms(section: nodes.section) -> str:
    """What a section sets off, which is what it explains."""
    found = [
        plain(term)
        for kind in (nodes.strong, nodes.emphasis, nodes.term)
        for term in section.findall(kind)
    ]
    return ", ".join(
        term
        for term in dict.fromkeys(found)
        if not LABEL.fullmatch(term) and len(term) < 60
    )


def has_sampler(section: nodes.section) -> bool:
    """Can one draw here?"""
    return any(SAMPLER in r.astext() for r in section.findall(nodes.raw))


def entries(page: str, doctree: nodes.document) -> Iterator[list[str]]:
    """Each section of a page, each thing of the module, each term."""
    titles = [plain(title) for title in doctree.findall(nodes.title)]
    if not titles:
        return
    for section in doctree.findall(nodes.section):
        title = plain(next(section.findall(nodes.title)))
        body = own(section)
        set_off = terms(body)
        if has_sampler(body):
            lesson = re.search(r"/\d\d_", page)  # where it shows one thing
            set_off += ", sampler" if lesson else f", sampler, {DRAWS}"
        address = f"{page}#{section['ids'][0]}"
        yield [title, titles[0], address, set_off, plain(body)]
    for item in doctree.findall(nodes.definition_list_item):
        about = plain(next(item.findall(nodes.definition)))
        for term in item.findall(nodes.term):
            if term["ids"]:
                address = f"{page}#{term['ids'][0]}"
                yield [plain(term), titles[0], address, "", about]
    for thing in doctree.findall(addnodes.desc):
        signature = next(thing.findall(addnodes.desc_signature))
        if not signature["ids"]:
            continue
        about = next(thing.findall(addnodes.desc_content))
        address = f"{page}#{signature['ids'][0]}"
        title = signature.get("fullname", signature.astext())
        yield [title, titles[0], address, "", plain(about)[:300]]


def subject(page: str, doctree: nodes.document) -> tuple[str, str]:
    """What all of a page is about: the word of its file, its question."""
    stem = re.sub(r"^\d+_|\.html$", "", page.rsplit("/", 1)[-1])
    asked = QUESTION.search(plain(doctree))
    return stem.replace("_", " "), asked[1] if asked else ""


def collect(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Read a page when its references have become words."""
    page = app.builder.get_target_uri(name)
    app.sections[page] = list(entries(page, doctree))
    app.subjects[page] = subject(page, doctree)


def begin(app: Sphinx) -> None:
    """Nothing is read yet."""
    app.sections, app.subjects = {}, {}


def finish(app: Sphinx, error: Exception | None) -> None:
    """Write what find.js loads; what was not written anew, is read anew."""
    if error or app.builder.format != "html":
        return
    for name in sorted(app.env.found_docs):
        if app.builder.get_target_uri(name) not in app.sections:
            app.env.get_and_resolve_doctree(name, app.builder)
    pages = sorted(app.sections)
    found = [entry for page in pages for entry in app.sections[page]]
    lines = {"SECTIONS": found, "SUBJECTS": app.subjects}
    script = "".join(
        f"window.{name} = {json.dumps(value, ensure_ascii=False)};\n"
        for name, value in lines.items()
    )
    place = Path(app.outdir, "_static", "sections.js")
    place.write_text(script, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write it when all pages are known."""
    app.connect("builder-inited", begin)
    app.connect("doctree-resolved", collect, priority=400)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
