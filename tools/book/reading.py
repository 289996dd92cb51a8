"""The page as it is read: a small Sphinx extension.

A notebook runs from top to bottom, on Colab as in the book; a page can be
better ordered. Here an exercise has one fold, with a hint and, in a fold of
its own, the words and the code of its solution; the code of a picture
stands under the picture; what was printed in columns keeps them on a phone.
And the faces of the text are asked for at once, not only when the style has
come.
"""

import json
import re

from docutils import nodes
from sphinx.application import Sphinx

FACES = ("serif", "sans")  # what nearly every first screen is set in
PRELOAD = """
<script>
if (location.protocol.startsWith("http")) for (const href of PLACES) {
  const link = document.createElement("link");
  Object.assign(link, {rel: "preload", as: "font", type: "font/woff2"});
  Object.assign(link, {crossOrigin: "", href});
  document.head.append(link);
}
</script>
"""
MODULE = "book/api"  # its parts have pages of their own
FORWARD = """
const places = PLACES;
const wanted = decodeURIComponent(location.hash.slice(1));
const has = (name) => [`module-${name}`, name].includes(wanted)
  || wanted.startsWith(`${name}.`);
const inside = Object.keys(places).filter(has);
inside.sort((a, b) => b.length - a.length);
if (inside.length) location.replace(places[inside[0]] + location.hash);
"""
PICTURE = "The code of this picture"
TITLE = re.compile(r"\A# @title .*\n")  # for Colab, which folds by it
COLUMNS = re.compile(r"\S {2,}\S")
FITS = 50  # letters of a small line on a phone
WIDEST = 80  # of a table; what is longer is a message, and is broken
OPENS = re.compile(r"<details>(<summary>Solution \S+</summary>)")
HINT = re.compile(r"<details>(<summary>Hint \S+</summary>)")


def order(app: Sphinx, tree: nodes.document) -> None:
    """Put the cells of a page where a reader looks for them."""
    for cell in list(tree.findall(nodes.container)):
        if cell.get("nb_element") != "cell_code":
            continue
        if cell.get("hide_mode") == "all":
            drop_title(cell)
        if cell.get("prompt_show") == PICTURE:
            show_picture_first(cell)
        elif "tag_exercise" in cell["classes"]:
            join_solution(cell)


def mark_columns(app: Sphinx, tree: nodes.document) -> None:
    """Say which of the printed texts a narrow page may not break."""
    for block in tree.findall(nodes.literal_block):
        if "stream" in block["classes"] and has_columns(block.astext()):
            block["classes"].append("dl-columns")


def has_columns(printed: str) -> bool:
    """Do its lines stand under each other, and are not too long for it?"""
    lines = [line.rstrip() for line in printed.rstrip().split("\n")]
    widest = max(map(len, lines))
    aligned = sum(bool(COLUMNS.search(line)) for line in lines)
    table = widest <= FITS or (aligned > 1 and widest <= WIDEST)
    return len(lines) > 1 and table


def drop_title(cell: nodes.container) -> None:
    """Leave out the line that only Colab reads."""
    for code in cell.findall(nodes.literal_block):
        code.children = [nodes.Text(TITLE.sub("", code.astext()))]
        code.rawsource = code.astext()
        return  # the others are what it prints


def show_picture_first(cell: nodes.container) -> None:
    """A picture, its caption, and under them a line that opens its code."""
    code, *rest = cell.children
    opens = f'<details class="dl-code"><summary>{PICTURE}</summary>'
    del cell["hide_mode"]
    cell.children = []
    cell += [*rest, raw(opens), code, raw("</details>")]


def join_solution(cell: nodes.container) -> None:
    """Take a solution's code into the fold that has its words."""
    parent = cell.parent
    here = parent.index(cell)
    end = parent[here - 1]
    if not is_end(end):
        raise ValueError(
            f"{cell.source}: a cell with the tag exercise stands right "
            "after the words of its solution, which end in </details>"
        )
    while here + 1 < len(parent) and is_check(parent[here + 1]):
        here += 1  # what holds of the solution belongs to it
    parent.remove(end)
    parent.insert(here, end)
    del cell["hide_mode"]
    begins = (n for n in reversed(parent[:here]) if opens(OPENS, n))
    join_hint(marked(OPENS, next(begins), "dl-solution"), end)


def join_hint(begin: nodes.Node, end: nodes.Node) -> None:
    """Take a solution into the fold of the hint that stands before it."""
    parent = begin.parent
    here = parent.index(begin)
    hints = [n for n in parent[:here] if opens(HINT, n)]
    if not hints or not is_end(parent[here - 1]):
        raise ValueError(
            f"{begin.astext()}: before it stands a fold with a hint"
        )
    marked(HINT, hints[-1], "dl-hint")
    hint_ends = parent[here - 1]
    parent.remove(hint_ends)
    parent.insert(parent.index(end) + 1, hint_ends)


def opens(form: re.Pattern, node: nodes.Node) -> bool:
    """Does a fold of this form begin here?"""
    return is_raw(node) and bool(form.search(node.astext()))


def marked(form: re.Pattern, node: nodes.Node, name: str) -> nodes.Node:
    """Give the fold that begins here a class."""
    begin = raw(
        form.sub(rf'<details class="{name}">\1', node.astext().strip())
    )
    node.parent.replace(node, begin)
    return begin


def is_end(node: nodes.Node) -> bool:
    """Does a fold end here?"""
    return is_raw(node) and node.astext().strip() == "</details>"


def is_check(node: nodes.Node) -> bool:
    """Is this a cell that only asserts?"""
    return isinstance(node, nodes.container) and (
        "tag_checked" in node["classes"]
    )


def is_raw(node: nodes.Node) -> bool:
    """Is this HTML as it was written?"""
    return isinstance(node, nodes.raw)


def raw(html: str) -> nodes.raw:
    """HTML as it is written."""
    return nodes.raw("", html, format="html")


def preload(
    app: Sphinx, name: str, template: str, context: dict, tree
) -> None:
    """Ask for the faces before the style that names them is read.

    A page that is opened from a disk may not ask for them by itself: its
    browser would complain, and find them through the style.
    """
    places = [
        context["pathto"](f"_static/fonts/{f}.woff2", 1) for f in FACES
    ]
    links = PRELOAD.replace("PLACES", json.dumps(places))
    context["metatags"] = context.get("metatags", "") + links


def forward(
    app: Sphinx, name: str, template: str, context: dict, tree
) -> None:
    """Lead old links on: the page of the module once held all of it."""
    if name == MODULE:
        modules = app.env.get_domain("py").modules
        places = {m: context["pathto"](modules[m].docname) for m in modules}
        app.add_js_file(
            None, body=FORWARD.replace("PLACES", json.dumps(places))
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Be heard when a page has been read, and when it is written."""
    app.connect("doctree-read", order)
    app.connect("doctree-read", mark_columns)
    app.connect("html-page-context", preload)
    app.connect("html-page-context", forward)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
