"""The folder for students: nothing solved, and links that lead on."""

import re
import subprocess
import sys
from pathlib import Path

import class_folder
import nbformat
import pytest
import yaml
from class_folder import files, main, practice

ROOT = Path(__file__).resolve().parents[1]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
SITE = CONFIG["html"]["baseurl"]
FILES = files()
NOTEBOOKS = {p.name: nbformat.read(p, 4) for p in practice(ROOT)}
CHAPTERS = sorted(p.stem for p in ROOT.glob("book/[0-9][0-9]_*.ipynb"))


def test_it_holds_every_practice_notebook_and_three_files():
    assert set(FILES) == {
        *(f"practice/{name}" for name in NOTEBOOKS),
        *("README.md", "readings.md", "requirements.txt"),
    }
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_whole_and_nothing_in_it_is_run(name):
    given = nbformat.reads(FILES[f"practice/{name}"], as_version=4)
    nbformat.validate(given)
    for cell, own in zip(given.cells, NOTEBOOKS[name].cells, strict=True):
        assert cell.id == own.id
        if cell.cell_type == "code":
            assert cell.source == own.source
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_leads_to_the_published_chapter(name):
    text = FILES[f"practice/{name}"]
    assert "](../" in "".join(c.source for c in NOTEBOOKS[name].cells)
    assert "](../" not in text
    for stem in re.findall(rf"\]\({re.escape(SITE)}book/(\w+)\.html", text):
        assert (ROOT / "book" / f"{stem}.ipynb").is_file()


def test_no_solution_is_in_it():
    for path in (ROOT / "tests" / "practice" / "solutions").glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for line in (line.strip() for line in lines):
            if line.startswith("return ") and len(line) > 20:
                assert line not in "".join(FILES.values())


def test_the_readings_are_all_chapters_in_their_order():
    text = FILES["readings.md"]
    assert re.findall(r"^(\d+)\. ", text, re.M) == [
        str(n) for n in range(len(CHAPTERS))
    ]
    assert (
        re.findall(rf"{re.escape(SITE)}book/(\w+)\.html", text) == CHAPTERS
    )
    asked = re.findall(r"^   ([A-Z].+\?) \d+ minutes\.", text, re.M)
    assert len(asked) == len(CHAPTERS)
    assert text.count("on Colab](https://colab.research.google.com/") == (
        len(CHAPTERS)
    )
    assert re.findall(r"\(practice/(.+?)\)", text) == list(NOTEBOOKS)


def test_pip_is_told_one_thing_that_has_floors_only():
    lines = FILES["requirements.txt"].splitlines()
    (line,) = [line for line in lines if not line.startswith("#")]
    url = CONFIG["repository"]["url"]
    assert line == f"diffusion-lessons @ git+{url}@main"
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (needs,) = re.findall(
        r"^dependencies = \[(.+?)^\]", project, re.M | re.S
    )
    assert not re.search(r"==|<|~", needs)


def test_students_are_told_how_many_functions_there_are():
    count = sum(
        cell.source.startswith("def ")
        for notebook in NOTEBOOKS.values()
        for cell in notebook.cells
    )
    assert f"explains: {count} functions" in FILES["README.md"]
    assert "{" not in FILES["README.md"]


def test_it_can_be_written_again_and_leaves_other_files(tmp_path, capsys):
    place = tmp_path / "deep" / "class"
    assert main([str(place)]) == 0
    (place / "mine.txt").write_text("mine")
    (place / "README.md").write_text("old")
    first = {p: p.read_bytes() for p in place.rglob("*.ipynb")}
    assert main([str(place)]) == 0
    assert {p: p.read_bytes() for p in place.rglob("*.ipynb")} == first
    assert (place / "README.md").read_text("utf-8") == FILES["README.md"]
    assert (place / "mine.txt").read_text() == "mine"
    names = {
        str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()
    }
    assert names == {*FILES, "mine.txt"}
    assert f"{len(FILES)} files in {place}" in capsys.readouterr().out


def test_it_needs_no_module(tmp_path):
    code = "import sys, class_folder; print('torch' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(class_folder.__file__).parent,
        capture_output=True,
        text=True,
    )
    assert run.stdout == "False\n"


def test_make_knows_it():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(
        r"^class: .+## .+\n\t@.+class_folder\.py$", makefile, re.M
    )
    assert re.search(r"^\.PHONY: .*\bclass\b", makefile, re.M)
