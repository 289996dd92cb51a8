"""Pages that load little: a small Sphinx extension, the last to run.

Once the pages are written

- each icon is drawn into them. The theme's script holds every icon there
  is, 1.5 MB of them, and puts an <svg> in the place of each name; so does
  this, with the outlines found in it. Then script and icon fonts go.
- the theme's scripts wait until the page can be read, and Sphinx's own
  search with its index of the whole book is left out.
- a picture far down is loaded when it comes near, and its place is kept.
"""

import re
import shutil
from functools import cache, partial
from pathlib import Path

from PIL import Image
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

# An icon of the theme's: name:[width,height,[other names],"code","outline"]
OUTLINE = re.compile(
    r'[{,]"?(?P<name>[a-z][\w-]*)"?:\[(?P<width>\d+),(?P<height>\d+),'
    r'\[(?P<others>[^\]]*)\],"\w+","(?P<path>[^"]+)"\]'
)
FAMILIES = {"fab": 0, "fa-brands": 0, "fas": -1, "fa-solid": -1}
ICONS = "scripts/fontawesome.js"  # in _static, as all of the theme's
FONTS = "vendor/fontawesome"
STYLE = "styles/pydata-sphinx-theme.css"
FONT_RULES = re.compile(
    r"@font-face\{[^}]*Font Awesome[^}]*\}"
    r"|\.fa-[^{}]*:before\{content:[^{}]*\}"
)

ICON = re.compile(
    r'<(?P<tag>i|span) class="(?P<classes>[^"]*\bfa-[^"]*)"(?P<rest>[^>]*)>'
    r"\s*</(?P=tag)>"
)
PICTURE = re.compile(r'<img (?P<rest>[^>]*src="(?P<path>[^":]+)"[^>]*)>')
SCRIPT = re.compile(r'<script (?P<rest>[^>]*src="[^"]*"[^>]*)></script>')
DROPPED = (  # find.js searches by section
    "scripts/fontawesome.js",
    "searchtools.js",
    "language_data.js",
    "searchindex.js",
)
AT_ONCE = ("documentation_options.js",)  # what stands in the page reads it


def outlines(script: str) -> dict[str, list[re.Match]]:
    """Each name's outlines, the brands' first and the solid one last."""
    found: dict[str, list[re.Match]] = {}
    for outline in OUTLINE.finditer(script):
        others = re.findall(r'"([\w-]+)"', outline["others"])
        for name in (outline["name"], *others):
            found.setdefault(name, []).append(outline)
    return found


def draw(known: dict[str, list[re.Match]], icon: re.Match) -> str:
    """The <svg> in the place of a name."""
    classes = icon["classes"].split()
    families = [c for c in classes if c in FAMILIES]
    kept = [c for c in classes if c not in FAMILIES]
    names = [c[3:] for c in kept if c[:3] == "fa-" and c[3:] in known]
    if not (families and names):
        families = ", ".join(FAMILIES)
        raise ExtensionError(f"no icon in {families} for {icon[0]}")
    outline = known[names[0]][FAMILIES[families[0]]]
    rest = re.sub(r'\s*title="[^"]*"', "", icon["rest"]).rstrip()
    return (
        f'<svg class="dl-icon {" ".join(kept)}"{rest} aria-hidden="true" '
        f'viewBox="0 0 {outline["width"]} {outline["height"]}">'
        f'<path fill="currentColor" d="{outline["path"]}"/></svg>'
    )


def wait(script: re.Match) -> str:
    """Let a script run when the page is there, or leave it out."""
    if any(name in script["rest"] for name in DROPPED):
        return ""
    if re.search(r"\b(defer|async)\b", script["rest"]) or any(
        name in script["rest"] for name in AT_ONCE
    ):
        return script[0]
    return f"<script defer {script['rest']}></script>"


@cache
def size(path: Path) -> tuple[int, int] | None:
    """Of a picture in pixels; None of a drawing."""
    if path.suffix == ".svg":
        return None
    with Image.open(path) as picture:
        return picture.size


def settle(page: Path, picture: re.Match) -> str:
    """Say how large a picture is, and that it can wait."""
    rest = picture["rest"].rstrip(" /")
    known = size((page.parent / picture["path"]).resolve())
    if known and not re.search(r'\b(width|height)="', rest):
        rest += f' width="{known[0]}" height="{known[1]}"'
    if "loading=" not in rest:
        rest += ' loading="lazy" decoding="async"'
    return f"<img {rest}>"


def finish(app: Sphinx, error: Exception | None) -> None:
    """Go over every page, then remove what no page loads any more."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    known = outlines((static / ICONS).read_text(encoding="utf-8"))
    for page in Path(app.outdir).rglob("*.html"):
        before = page.read_text(encoding="utf-8")
        after = ICON.sub(partial(draw, known), before)
        after = PICTURE.sub(partial(settle, page), after)
        after = SCRIPT.sub(wait, after)
        if after != before:
            page.write_text(after, encoding="utf-8")
    style = (static / STYLE).read_text(encoding="utf-8")
    (static / STYLE).write_text(FONT_RULES.sub("", style), encoding="utf-8")
    shutil.rmtree(static / FONTS, ignore_errors=True)
    for path in static.glob("s*/*.map"):  # for the theme's makers
        path.unlink()
    for path in static.glob(f"{ICONS}*"):
        path.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Run after all others, who may still write pages."""
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
