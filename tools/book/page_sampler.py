"""What the sampler in the pages needs: made before the book, then in it.

usage: python tools/book/page_sampler.py    makes it, in _build/sampler

As an extension of Sphinx it copies that folder into the book, and tells
every page what there is to load. Where npm or the network is missing the
book is built without, and its pages say so.
"""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = ROOT / "_build" / "sampler"
WEB = ROOT / "web"  # which version of the runtime, and its hash
RUNTIME = {  # and what it is called here: no server has to know .mjs
    "ort.wasm.min.js": "ort.wasm.min.js",
    "ort-wasm-simd-threaded.mjs": "ort-wasm-simd-threaded.js",
}
BINARY = "ort-wasm-simd-threaded.wasm"
PACKED = f"{BINARY}.gz"  # no server has to pack it; the page unpacks it
FACTS = "made.json"
# Before anything of a page is seen: has a link to a sampler opened it?
ARRIVES = (
    "/^#sampler(-\\d+)?\\?/.test(location.hash)"
    ' && document.documentElement.classList.add("dl-arrives")'
)
MADE_FROM = (
    *(WEB / name for name in ("package.json", "package-lock.json")),
    *sorted((ROOT / "diffusion_lessons").glob("weights/*.safetensors")),
    *sorted((ROOT / "diffusion_lessons").glob("*.py")),
    *sorted((ROOT / "diffusion_lessons").glob("checks/*.py")),
    ROOT / "diffusion_lessons" / "runs" / "export.py",
    *(
        ROOT / "tools" / "book" / f"{n}.py"
        for n in ("export_networks", "page_sampler")
    ),
)


def main() -> None:
    """Make it, unless it is there already, and say what was done."""
    wanted = hash_of(MADE_FROM)
    if facts().get("hash") == wanted:
        return
    try:
        sizes = make(wanted)
    except NotPossible as error:
        shutil.rmtree(MADE, ignore_errors=True)
        print(f"book: no sampler in the pages: {error}", file=sys.stderr)
    else:
        size = sum(sizes.values()) / 1e6
        print(f"book: a sampler for the pages, {size:.1f} MB in all")


class NotPossible(Exception):
    """Why there will be no sampler."""


def make(wanted: str) -> dict[str, int]:
    """Runtime and networks in MADE; returns {file: bytes}."""
    from export_networks import export_networks

    MADE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=MADE.parent) as place:
        folder = Path(place) / "sampler"
        folder.mkdir()
        fetch_runtime(folder)
        export_networks(folder)
        sizes = {p.name: p.stat().st_size for p in sorted(folder.iterdir())}
        known = {"hash": wanted, "bytes": sizes}
        (folder / FACTS).write_text(json.dumps(known), encoding="utf-8")
        shutil.rmtree(MADE, ignore_errors=True)
        folder.rename(MADE)
    return sizes


def fetch_runtime(folder: Path) -> None:
    """onnxruntime-web through npm, as locked in web/, three files of it."""
    if shutil.which("npm") is None:
        raise NotPossible("npm was not found (it comes with Node.js)")
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(WEB, place, dirs_exist_ok=True)
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund")
        command = ["npm", "ci", *quiet]
        done = subprocess.run(
            command, cwd=place, capture_output=True, text=True
        )
        if done.returncode:
            raise NotPossible(f"npm ci failed\n{done.stderr.strip()}")
        files = Path(place, "node_modules", "onnxruntime-web", "dist")
        for theirs, ours in RUNTIME.items():
            shutil.copy(files / theirs, folder / ours)
        packed = gzip.compress((files / BINARY).read_bytes(), mtime=0)
        (folder / PACKED).write_bytes(packed)


def hash_of(paths: tuple[Path, ...]) -> str:
    """One hash of all files."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()


def facts() -> dict:
    """What was made, {} if nothing was."""
    path = MADE / FACTS
    return json.loads(path.read_text()) if path.exists() else {}


# As an extension of Sphinx


def setup(app) -> dict:
    """Give the pages with a sampler what it needs, and bring the files."""
    app.connect("html-page-context", equip)
    app.connect("build-finished", bring)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def equip(app, name: str, template: str, context: dict, doctree) -> None:
    """Scripts and style, and which files there are, for such a page."""
    if doctree is None or not any(map(is_sampler, doctree.findall())):
        return
    app.add_js_file(None, body=ARRIVES, priority=1)
    app.add_js_file("ddim.js")
    app.add_js_file("sampler-networks.js", **what_there_is())
    app.add_js_file("sampler-board.js")
    app.add_js_file("sampler.js")
    app.add_css_file("sampler.css")


def what_there_is() -> dict[str, str]:
    """The script's attributes (a script in the page may be forbidden)."""
    sizes = facts().get("bytes")
    if sizes is None:
        return {}
    networks = json.loads((MADE / "networks.json").read_text())
    known = {
        name: {
            "shape": network["shape"],
            "numSteps": len(network["alphasCumprod"]) - 1,
        }
        for name, network in networks.items()
    }
    return {
        "data-files": json.dumps(sizes),
        "data-networks": json.dumps(known),
    }


def is_sampler(node) -> bool:
    """Is this the place in the text where a sampler is to stand?"""
    return node.tagname == "raw" and 'class="dl-sampler"' in node.astext()


def bring(app, error: Exception | None) -> None:
    """Copy the files into the built pages."""
    if error or app.builder.format != "html":
        return
    place = Path(app.outdir, "_static", "sampler")
    shutil.rmtree(place, ignore_errors=True)
    if facts():
        shutil.copytree(MADE, place)


if __name__ == "__main__":
    main()
