"""Make the book's faces from their sources: book/_static/fonts.

usage: python tools/release/fonts.py    (needs npm; pip install brotli)

Source Serif 4, Source Sans 3 and Source Code Pro, with the letters that a
book on mathematics needs and no others. Their licence reserves the name
"Source" for the unchanged fonts, so these have names of their own.
"""

import subprocess
import tempfile
from itertools import chain
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph, GlyphComponent
from fontTools.varLib import instancer

ROOT = Path(__file__).resolve().parents[2]
FONTS = ROOT / "book" / "_static" / "fonts"
PACKAGES = ("source-serif", "source-sans", "source-code-pro")
VARIABLE = {"wght": (400, 700)}
TEXT = {"opsz": 16}  # drawn for reading, neither caption nor poster
SERIF = "source-serif/WOFF2/VAR/SourceSerif4Variable"
FACES = {  # file: (name, source, what is fixed of its axes)
    "serif": ("Serif", f"{SERIF}-Roman.ttf.woff2", TEXT | VARIABLE),
    "serif-italic": (
        "Serif",
        f"{SERIF}-Italic.ttf.woff2",
        TEXT | {"wght": 400},
    ),
    "sans": ("Sans", "source-sans/VF/SourceSans3VF-Upright.ttf", VARIABLE),
    "mono": (
        "Mono",
        "source-code-pro/VF/SourceCodeVF-Upright.ttf",
        VARIABLE,
    ),
}
LETTERS = "ĆćČčĞğİıŁłŃńŌōŐőŒœŘřŞşŠšŽžˆ˜\u0300\u0301\u0303\u0304\u0308ϑϕϵ"
SIGNS = "–—‘’‚“”„†•…‖‰′″‹›€™←↑→↓↔⇒∂∆∏∑−∕∙√∞∫≈≠≤≥⋅◊✓✗▸▾▪"
CHARACTERS = {
    *chain(range(0x20, 0x7F), range(0xA0, 0x100)),
    *range(0x391, 0x3CA),  # Greek
    *map(ord, LETTERS + SIGNS),
}
ALPHA_BAR = ord("ᾱ")  # as in the module's docstrings
FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "liga", "tnum", "lnum"]


def main() -> None:
    """Fetch the sources and write the files, with their licence."""
    FONTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--silent")
        subprocess.run(
            ["npm", "install", *quiet, *PACKAGES], cwd=place, check=True
        )
        sources = Path(place, "node_modules")
        for file, (name, source, axes) in FACES.items():
            target = FONTS / f"{file}.woff2"
            draw(sources / source, target, f"Lessons {name}", axes)
            print(f"{target.stat().st_size:7,} bytes  {target.name}")
        licence = (sources / "source-serif" / "LICENSE.md").read_text()
        (FONTS / "OFL.txt").write_text(licence.strip() + "\n")


def draw(source: Path, target: Path, name: str, axes: dict) -> None:
    """One face: its axes cut, its letters chosen, its name changed."""
    font = instancer.instantiateVariableFont(TTFont(source), axes)
    font.save(target)  # read again, it has nothing half done
    font = TTFont(target)
    if ALPHA_BAR not in font.getBestCmap():
        add_alpha_bar(font)
    options = subset.Options()
    options.layout_features = FEATURES
    options.hinting = False
    options.name_IDs = ["*"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=CHARACTERS | {ALPHA_BAR})
    subsetter.subset(font)
    rename(font, name)
    font.flavor = "woff2"
    font.save(target)


def add_alpha_bar(font: TTFont) -> None:
    """An alpha with the macron of the other letters over its middle."""
    names = font.getBestCmap()
    alpha, macron = names[ord("α")], names[ord("\u0304")]
    glyphs, metrics = font["glyf"], font["hmtx"]
    moves = font["gvar"].variations if "gvar" in font else {}
    moves["alphabar"] = []
    glyphs[alpha].recalcBounds(glyphs)
    glyphs[macron].recalcBounds(glyphs)
    middle = [
        (glyphs[n].xMin + glyphs[n].xMax) // 2 for n in (alpha, macron)
    ]
    both = Glyph()
    both.numberOfContours = -1
    both.components = [
        component(alpha, 0),
        component(macron, middle[0] - middle[1]),
    ]
    glyphs["alphabar"] = both
    font.getReverseGlyphMap(rebuild=True)
    metrics["alphabar"] = metrics[alpha]
    both.recalcBounds(glyphs)
    if "HVAR" in font:
        del font["HVAR"]  # the widths are in gvar as well
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[ALPHA_BAR] = "alphabar"


def component(glyph: str, x: int) -> GlyphComponent:
    """A glyph as a part of another, moved to the right by x."""
    part = GlyphComponent()
    part.glyphName, part.x, part.y, part.flags = glyph, x, 0, 0x4
    return part


def rename(font: TTFont, name: str) -> None:
    """The new name everywhere, and what it was made from in its place."""
    table = font["name"]
    style = (
        "Italic" if "Italic" in str(table.getDebugName(4)) else "Regular"
    )
    names = {
        1: name,
        2: style,
        3: f"{name} {style}; made from {table.getDebugName(4)}",
        4: f"{name} {style}",
        6: f"{name} {style}".replace(" ", "-"),
        16: name,
        17: style,
    }
    kept = [
        record for record in table.names if record.nameID in (0, 13, 14)
    ]
    table.names = kept
    for number, words in names.items():
        table.setName(words, number, 3, 1, 0x409)


if __name__ == "__main__":
    main()
