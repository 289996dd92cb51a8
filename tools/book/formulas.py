"""Formulas that are set when the book is built: a small Sphinx extension.

A page that brings TeX has to bring MathJax as well, 1.2 MB of script, and
its reader waits until that has run. So MathJax runs here, once for all the
formulas of the book, in the Node that Playwright brings along; a page gets
what MathJax would have made of it, and the letters' style sheet and fonts.
Each formula is there twice: drawn for eyes, and as MathML for those who
listen. Its TeX is kept beside it, for those who copy it (page.js).
"""

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

MATHJAX = Path(files("sphinx-mathjax-offline") / "static" / "mathjax")
FONTS = MATHJAX / "output" / "chtml" / "fonts" / "woff-v2"
SETTER = Path(__file__).with_suffix(".js")
PLACE = "formulas"  # of the style sheet and the fonts, in _static
WIDE = 10  # em: a formula in a sentence that a phone may not have room for

logger = logging.getLogger(__name__)


class Formula(NamedTuple):
    """TeX as MathJax wants it, and whether it has a line of its own."""

    tex: str
    display: bool


def node_js() -> Path:
    """The Node inside of Playwright, which drives the browser with it."""
    driver = Path(files("playwright") / "driver")
    for name in ("node", "node.exe"):
        if (driver / name).exists():
            return driver / name
    raise ExtensionError(
        f"no formula can be set: Playwright has no Node in {driver} "
        "(`pip install --force-reinstall playwright` brings it back)"
    )


def typeset(formulas: list[Formula]) -> tuple[list[dict], str]:
    """What MathJax makes of each, and the style sheet for them all."""
    done = subprocess.run(
        [node_js(), SETTER, MATHJAX],
        input=json.dumps(formulas),
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise ExtensionError(f"no formula could be set:\n{done.stderr}")
    answer = json.loads(done.stdout)
    return answer["set"], answer["css"]


def formula_of(node: nodes.math | nodes.math_block) -> Formula:
    """The formula of a node; lines of one are aligned as Sphinx does it."""
    text = node.astext().strip()
    if isinstance(node, nodes.math):
        return Formula(text, display=False)
    if node.get("nowrap"):
        return Formula(text, display=True)
    parts = [part for part in text.split("\n\n") if part.strip()]
    parts = [
        rf"\begin{{split}}{part}\end{{split}}" if r"\\" in part else part
        for part in parts
    ]
    text = r"\\".join(parts)
    if len(parts) > 1:
        text = rf"\begin{{aligned}}{text}\end{{aligned}}"
    return Formula(text, display=True)


def is_formula(node: nodes.Node) -> bool:
    """Is there something to be set?"""
    return isinstance(node, nodes.math | nodes.math_block)


def set_all(app: Sphinx, env: BuildEnvironment) -> None:
    """Set every formula of the book, and write down what draws them."""
    if app.builder.format != "html":
        return
    places: dict[Formula, nodes.Node] = {}
    for name in sorted(env.found_docs):
        for node in env.get_doctree(name).findall(is_formula):
            places.setdefault(formula_of(node), node)
    done, css = typeset(list(places))
    for (formula, node), one in zip(places.items(), done, strict=True):
        if one["error"]:
            logger.warning(
                "this formula cannot be set: %s\n%s",
                one["error"],
                formula.tex,
                location=node,
            )
    app.formulas = dict(zip(places, map(drawn, done), strict=True))
    place = Path(app.outdir, "_static", PLACE)
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(FONTS, place)
    (place / "formulas.css").write_text(css, encoding="utf-8")


def drawn(one: dict) -> str:
    """The HTML; of a wide formula it also says how wide (custom.css)."""
    code, width = one["html"], one["width"]
    display = ' display="true"' in code
    if width is None or not (display or width > WIDE):
        return code
    wide = f'style="--em: {width:.2f}; '
    return code.replace('style="', wide, 1)


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """A formula in a sentence."""
    translator.body.append(start(translator, node, "span"))
    translator.body.append(of(translator, node) + "</span>")
    raise nodes.SkipNode


def visit_block(
    translator: HTML5Translator, node: nodes.math_block
) -> None:
    """A formula with a line of its own, and its number if it has one."""
    translator.body.append(start(translator, node, "div"))
    translator.body.append(of(translator, node))
    if node.get("number"):
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, _("Link to this equation"))
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def start(translator: HTML5Translator, node: nodes.Node, tag: str) -> str:
    """The opening tag, which keeps the TeX."""
    told = {"class": "math notranslate nohighlight", "data-tex": ""}
    told["data-tex"] = node.astext().strip()
    return translator.starttag(node, tag, "", **told)


def of(translator: HTML5Translator, node: nodes.Node) -> str:
    """The HTML of a formula that was set."""
    return translator.builder.app.formulas[formula_of(node)]


def equip(app: Sphinx, _name, _template, context: dict, doctree) -> None:
    """Link the style sheet where there is a formula."""
    texts = context.get("body"), context.get("toc")
    if any("<mjx-container" in (text or "") for text in texts):
        app.add_css_file(f"{PLACE}/formulas.css")


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer that `html_math_renderer: formulas` asks for."""
    inline, block = (visit_inline, None), (visit_block, None)
    app.add_html_math_renderer("formulas", inline, block)
    app.connect("env-check-consistency", set_all)
    app.connect("html-page-context", equip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
