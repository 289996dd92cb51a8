"""The notebooks and the pages as the book's readers need them."""

import re
from pathlib import Path

import nbformat
import pytest
import yaml
from chapter_rules import RECIPE
from notebook_rules import CELLS, COLAB_CELL, code_cells, tags
from order_rules import (
    arrows,
    borrows,
    homes,
    needs,
    opens,
    says_it_borrows,
)
from output_rules import OUTPUTS
from question_rules import QUESTIONS, recalled_at_the_end
from rerun_rules import same_when_run_again
from set_repo import current_address

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
CHAPTERS = sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))

each_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda path: path.stem
)
each_chapter = pytest.mark.parametrize(
    "path", CHAPTERS, ids=lambda path: path.stem
)


def read(path):
    return nbformat.read(path, as_version=4)


def pages_in_toc():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [c for part in toc["parts"] for c in part["chapters"]]
    below = [page for c in chapters for page in c.get("sections", [])]
    return [toc["root"], *(page["file"] for page in chapters + below)]


def all_text():
    pages = [*BOOK.glob("**/*.md"), *BOOK.glob("*.ipynb")]
    return "\n".join(path.read_text(encoding="utf-8") for path in pages)


def number(path):
    return int(path.stem[:2])


def name(rule):
    return rule.__name__


@each_notebook
@pytest.mark.parametrize(
    "rule", [*CELLS, same_when_run_again, *QUESTIONS, *OUTPUTS], ids=name
)
def test_notebook_keeps_the_rule(path, rule):
    assert rule(read(path)) == []


@each_chapter
@pytest.mark.parametrize("rule", [*RECIPE, recalled_at_the_end], ids=name)
def test_chapter_keeps_the_rule(path, rule):
    assert rule(read(path)) == []


def test_the_book_lists_every_chapter_and_only_pages_that_exist():
    listed = pages_in_toc()
    folders = (BOOK, BOOK / "api")
    sources = {
        str(path.relative_to(ROOT).with_suffix(""))
        for folder in folders
        for path in folder.iterdir()
        if path.suffix in (".md", ".ipynb")
    }
    assert set(listed) == sources
    assert CHAPTERS


@each_notebook
def test_first_code_cell_installs_the_module_on_colab(path):
    first = code_cells(read(path))[0]
    assert first.source == COLAB_CELL.format(address=current_address(ROOT))
    assert tags(first) == ["remove-cell"]


@each_chapter
def test_chapter_has_its_module_and_its_test(path):
    stem = path.stem.split("_")[1]
    module = ROOT / "diffusion_lessons"
    if (module / stem).is_dir():  # a room of its own, with tests of its own
        assert any((ROOT / "tests" / stem).glob("test_*.py"))
        return
    assert (module / f"{stem}.py").is_file()
    assert (ROOT / "tests" / f"test_{stem}.py").is_file()


@pytest.fixture(scope="module")
def home():
    return homes({number(path): read(path) for path in CHAPTERS})


@each_chapter
def test_chapter_says_at_its_top_what_is_on_loan(path, home):
    notebook = read(path)
    borrowed = borrows(number(path), notebook, home)
    assert says_it_borrows(notebook) == borrowed


@pytest.mark.parametrize("path", CHAPTERS[1:], ids=lambda path: path.stem)
def test_chapter_says_at_its_top_which_lines_of_first_py_it_opens(path):
    code = (ROOT / "diffusion_lessons" / "first.py").read_text("utf-8")
    lines = opens(read(path))
    assert lines
    assert [line for line in lines if line not in code] == []


def test_the_first_chapter_shows_the_whole_file_and_leads_to_all_others():
    notebook = read(CHAPTERS[0])
    shown = "\n".join(
        output.data["text/markdown"]
        for cell in code_cells(notebook)
        for output in cell.outputs
        if "text/markdown" in output.get("data", {})
    )
    code = (ROOT / "diffusion_lessons" / "first.py").read_text("utf-8")
    _, body = code.split("T = 100", 1)
    for line in body.splitlines():
        assert line in shown
    text = "\n".join(cell.source for cell in notebook.cells)
    assert all(f"]({path.name})" in text for path in CHAPTERS[1:])


def test_the_maps_arrows_and_needs_are_those_of_the_code(home):
    chapters = {number(path): read(path) for path in CHAPTERS}
    needed = {n: needs(n, page, home) for n, page in chapters.items()}
    text = (BOOK / "map.md").read_text(encoding="utf-8")
    drawn = re.findall(r'data-needs="(\d+) (\d+)"', text)
    assert sorted((int(a), int(b)) for a, b in drawn) == sorted(
        arrows(needed)
    )
    said = re.findall(r"^(\d+)\. .*\\\n   Needs ([^.]+)\.", text, re.M)
    assert {
        int(n): set(map(int, re.findall(r"\d+", before)))
        for n, before in said
    } == needed


@each_notebook
def test_notebook_is_light_enough_for_a_phone(path):
    assert path.stat().st_size < 1_500_000


def test_every_citation_has_an_entry_and_every_entry_is_cited():
    bibliography = (BOOK / "references.bib").read_text(encoding="utf-8")
    entries = set(
        re.findall(r"^@\w+\{([^,\s]+),", bibliography, re.MULTILINE)
    )
    roles = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", all_text())
    cited = {key.strip() for role in roles for key in role.split(",")}
    assert entries
    assert cited == entries
