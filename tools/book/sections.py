"""What the search looks through: each section of the book, in plain words.

A small Sphinx extension. It writes `_static/sections.js`; find.js loads it
when somebody begins to search, from disk as well. A section has its title,
its page's title, its address, the terms that it sets off, and its text,
formulas readable as on the page: `x_0`, `α_t`.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

GREEK = re.compile(
    r"\\(?:var)?(alpha|beta|gamma|delta|epsilon|eta|theta|mu"
    r"|pi|rho|sigma|tau|phi|omega|lambda|nabla)(?![a-zA-Z])"
)
ACCENT = re.compile(r"\\(bar|hat|tilde)\s*\{?\s*(\\?[A-Za-z]+|\S)\}?")
MARKS = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303"}
SIGNS = {
    "mid": "|",
    "sim": "~",
    "approx": "≈",
    "cdot": "·",
    "sqrt": "√",
    "le": "≤",
    "ge": "≥",
    "infty": "∞",
    "sum": "Σ",
    "prod": "Π",
    "int": "∫",
    "leftarrow": "←",
    "to": "→",
    "times": "×",
    "log": "log",
    "exp": "exp",
    "min": "min",
    "max": "max",
}
LEFT_OUT = (
    nodes.section,
    nodes.Invisible,
    nodes.system_message,
    nodes.raw,
    nodes.image,
    nodes.literal_block,
    addnodes.desc,
    addnodes.glossary,
)


def readable(tex: str) -> str:
    """TeX as one would write it in a mail."""
    tex = re.sub(r"\\(begin|end)\{\w+\*?\}", " ", tex)
    tex = ACCENT.sub(lambda m: f"{m[2]}{{}}{MARKS[m[1]]}", tex)
    tex = GREEK.sub(greek, tex)
    tex = re.sub(r"\\([a-zA-Z]+)", lambda m: SIGNS.get(m[1], " "), tex)
    tex = re.sub(r"\\.|[{}&]", "", tex)
    return unicodedata.normalize("NFC", " ".join(tex.split()))


def greek(letter: re.Match) -> str:
    """The letter that a command stands for."""
    if letter[1] == "nabla":
        return "∇"
    name = {"lambda": "lamda"}.get(letter[1], letter[1])
    return unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}")


def words(node: nodes.Node) -> Iterator[str]:
    """The text of a node without the sections inside it."""
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
    return re.sub(r" ([.,;:?!)])", r"\1", text)


def terms(section: nodes.section) -> str:
    """What a section sets off, which is what it explains."""
    inside = [
        c for c in section.children if not isinstance(c, nodes.section)
    ]
    found = [
        plain(term)
        for child in inside
        for kind in (nodes.strong, nodes.emphasis, nodes.term)
        for term in child.findall(kind)
    ]
    return ", ".join(dict.fromkeys(t for t in found if len(t) < 60))


def entries(page: str, doctree: nodes.document) -> Iterator[list[str]]:
    """Each section of a page, each thing of the module, each term."""
    titles = [plain(title) for title in doctree.findall(nodes.title)]
    if not titles:
        return
    for section in doctree.findall(nodes.section):
        title = plain(next(section.findall(nodes.title)))
        body = section.deepcopy()
        body.remove(next(body.findall(nodes.title)))
        address = f"{page}#{section['ids'][0]}"
        yield [title, titles[0], address, terms(section), plain(body)]
    for item in doctree.findall(nodes.definition_list_item):
        term = next(item.findall(nodes.term))
        if term["ids"]:
            about = plain(next(item.findall(nodes.definition)))
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


def finish(app: Sphinx, error: Exception | None) -> None:
    """Write what find.js loads."""
    if error or app.builder.format != "html":
        return
    found = [
        entry
        for name in sorted(app.env.found_docs)
        for entry in entries(
            app.builder.get_target_uri(name), app.env.get_doctree(name)
        )
    ]
    script = f"window.SECTIONS = {json.dumps(found, ensure_ascii=False)};\n"
    place = Path(app.outdir, "_static", "sections.js")
    place.write_text(script, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write it when all pages are known."""
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
