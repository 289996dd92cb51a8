"""No line begins with a full stop: a small Sphinx extension.

A formula is a box of its own to a browser, and a line may break on either
side of it, before the comma that follows or after the bracket before. So
the formula and the marks that touch it go into one span that is not broken.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

BEFORE = re.compile(r"[^\w\s/–—-]+\Z")  # a line may break after a dash
AFTER = re.compile(r"\A[^\w\s(\[“‘„«]+")
CLASS = "dl-together"  # custom.css


class Together(SphinxPostTransform):
    """Bind each formula in a sentence to the marks beside it."""

    default_priority = 800  # references are resolved by then
    formats = ("html",)

    def run(self, **_) -> None:
        """Each formula of the page; in headings no line is short."""
        for node in list(self.document.findall(nodes.math)):
            if not isinstance(node.parent, nodes.title):
                bind(node)


def bind(node: nodes.math) -> None:
    """Take the formula's neighbours in, as far as they touch it."""
    before = cut(node, -1, BEFORE)
    after = cut(node, +1, AFTER)
    if before or after:
        together = nodes.inline(classes=[CLASS])
        node.replace_self(together)
        together += [*before, node, *after]


def cut(node: nodes.math, side: int, marks: re.Pattern) -> list[nodes.Text]:
    """Cut the marks off the text on this side, and return them."""
    parent = node.parent
    place = parent.index(node) + side
    if not 0 <= place < len(parent):
        return []
    text = parent[place]
    found = isinstance(text, nodes.Text) and marks.search(text)
    if not found:
        return []
    rest = text[: found.start()] + text[found.end() :]
    parent[place : place + 1] = [nodes.Text(rest)] if rest else []
    return [nodes.Text(found[0])]


def setup(app: Sphinx) -> dict[str, bool]:
    """Run on every page, when it is written."""
    app.add_post_transform(Together)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
