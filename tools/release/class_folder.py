"""Write the folder that a teacher gives out: _build/class.

usage: python tools/release/class_folder.py [FOLDER]

In it are the practice notebooks, in which nothing is solved, a list of
the readings, a file for pip, and a page that says what to do with them.
Files of these names are written anew; all others there stay as they are.
"""

import re
import sys
from pathlib import Path

import nbformat

# The module need not be installed for this.
TOOLS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOOLS / "book"), str(TOOLS / "release")]
from set_repo import current_address, pages, split_address  # noqa: E402
from whole_file import write_whole  # noqa: E402

ROOT = TOOLS.parent
CLASS = ROOT / "_build" / "class"
COLAB = "https://colab.research.google.com/github"
LINK = re.compile(r"\]\(\.\./([\w/]+)\.(?:ipynb|md)(#[\w-]*)?\)")
TIME = re.compile(r"\*Time: (\d+) minutes")
QUESTION = re.compile(r"\*\*The question of this chapter: (.+?)\*\*")
README = """\
# Practice

To each chapter of the book *Diffusion Lessons* belongs a notebook in
which you write what the chapter explains: {count} functions in all.

1. Read the chapter. [readings.md](readings.md) has a link to each.
2. Open its notebook: on Colab, where nothing has to be installed, or on
   your own machine, after

       pip install -r requirements.txt

3. Replace `raise NotImplementedError` by your lines. Run the cell, then
   the check below it, as often as you like. It says what is wrong, and
   where that is explained.
4. Save the notebook under its own name, and hand that file in.

Only your functions count. They are tried in a process of their own, with
no files and no network: what a function needs must be in the notebook. A
cell that does not run does no harm to the others.
"""


def files(root: Path = ROOT) -> dict[str, str]:
    """What the folder holds: {name: text}."""
    address = current_address(root)
    owner, repo = split_address(address)
    site = f"{pages(owner, repo)}/book"
    found = {
        f"practice/{path.name}": unsolved(path, site)
        for path in practice(root)
    }
    tasks = "\n".join(found.values()).count('"def ')
    return found | {
        "README.md": README.format(count=tasks),
        "readings.md": readings(root, site, f"{COLAB}/{owner}/{repo}"),
        "requirements.txt": requirements(address),
    }


def practice(root: Path) -> list[Path]:
    """The practice notebooks, in the order of the chapters."""
    return sorted((root / "book" / "practice").glob("*.ipynb"))


def unsolved(path: Path, site: str) -> str:
    """A notebook as a student opens it: nothing run, and links that go."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cell.source = LINK.sub(rf"]({site}/\1.html\2)", cell.source)
    return nbformat.writes(notebook) + "\n"


def readings(root: Path, site: str, colab: str) -> str:
    """Each chapter with its question, its minutes and where to open it."""
    lines = ["# Readings", ""]
    named = {path.name for path in practice(root)}
    for path in sorted((root / "book").glob("[0-9][0-9]_*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        text = "\n\n".join(c.source for c in cells)
        title = re.match(r"# (.+)", text)[1]
        asked, took = QUESTION.search(text)[1], TIME.search(text)[1]
        notebook = f"{colab}/blob/main/book/{path.name}"
        own = f"practice/{path.name}"
        lines += [
            f"{int(path.stem[:2])}. [{title}]({site}/{path.stem}.html)  ",
            f"   {asked[0].upper()}{asked[1:]} {took} minutes.  ",
            f"   [Open it on Colab]({notebook})"
            + (f"; then [practice]({own})" if path.name in named else "")
            + ".",
        ]
    return "\n".join(lines) + "\n"


def requirements(address: str) -> str:
    """What pip is to install; its floors replace nothing on Colab."""
    return (
        "# On Colab you need none of this: the first cell of a notebook\n"
        "# brings the module with --no-deps, and replaces nothing.\n"
        f"diffusion-lessons @ git+{address}@main\n"
    )


def main(arguments: list[str]) -> int:
    """Write them all, and say where."""
    folder = Path(arguments[0]) if arguments else CLASS
    found = files()
    for name, text in found.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, text)
    print(f"class: {len(found)} files in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
