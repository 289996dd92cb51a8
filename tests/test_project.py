"""The files around the book agree with each other."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from colab_versions import pins
from set_repo import current_address, main

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NAMED = ["_config.yml", "pyproject.toml", "README.md", "CITATION.cff"]

PAGES = "https://somebody.github.io/else"


@pytest.fixture
def copy(tmp_path):
    """The files that name the repository, to be rewritten at will."""
    (tmp_path / "book").mkdir()
    pages = [*ROOT.glob("book/*.md"), *ROOT.glob("book/*.ipynb")]
    for path in [*(ROOT / name for name in NAMED), *pages]:
        if path.exists():
            shutil.copy(path, tmp_path / path.relative_to(ROOT))
    return tmp_path


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_every_place_names_the_same_repository():
    assert main(["--check"]) == 0


def test_a_new_address_reaches_every_place_and_can_be_taken_back(copy):
    before, old = contents(copy), current_address(copy)
    new = "https://github.com/you/your-fork"
    assert main([new], copy) == 0
    name = old.removeprefix("https://github.com/")
    changed = contents(copy)
    assert not [p for p, data in changed.items() if name.encode() in data]
    assert main(["--check"], copy) == 0
    assert main([old], copy) == 0
    assert contents(copy) == before


def test_the_address_of_the_published_pages_goes_with_it(copy):
    assert main(["https://github.com/You/your-fork"], copy) == 0
    for name in ("README.md", "pyproject.toml", "_config.yml"):
        text = (copy / name).read_text(encoding="utf-8")
        pages = re.findall(r"https://[\w-]+\.github\.io/[\w-]+", text)
        assert set(pages) == {"https://you.github.io/your-fork"}


def test_a_readme_that_leads_to_another_book_is_found(copy):
    path = copy / "README.md"
    text = path.read_text(encoding="utf-8")
    stale = re.sub(r"https://[\w-]+\.github\.io/[\w-]+", PAGES, text)
    assert stale != text
    path.write_text(stale, encoding="utf-8")
    assert main(["--check"], copy) == 1
    assert main([current_address(copy)], copy) == 0
    assert path.read_text(encoding="utf-8") == text


def test_a_notebook_with_an_old_address_is_found(copy):
    path = next(copy.glob("book/*.ipynb"))
    old = current_address(copy)
    text = path.read_text(encoding="utf-8")
    stale = text.replace(f"git+{old}@", "git+https://github.com/a/b@")
    assert stale != text
    path.write_text(stale, encoding="utf-8")
    assert main(["--check"], copy) == 1


@pytest.mark.parametrize(
    "address",
    [
        "you/your-fork",
        "http://github.com/you/your-fork",
        "https://github.com/you",
        "https://github.com/you/your-fork/",
        "https://github.com/you/your-fork.git",
        "https://gitlab.com/you/your-fork",
    ],
)
def test_a_malformed_address_is_refused_and_changes_nothing(
    address, copy, capsys
):
    before = contents(copy)
    assert main([address], copy) == 2
    assert "https://github.com/you/your-fork" in capsys.readouterr().err
    assert contents(copy) == before


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_is_one_that_github_understands(path):
    schema = ["--builtin-schema", "vendor.github-workflows"]
    subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, path],
        check=True,
    )


def test_there_are_workflows():
    assert {p.stem for p in WORKFLOWS} == {"test", "pages", "colab"}


def requirements(text):
    """Names in lower case, as both files may spell them their own way."""
    names = re.findall(r"^([\w.-]+?)(?:[=<>~!].*)?$", text, re.MULTILINE)
    return {name.lower().replace("_", "-") for name in names}


def test_the_package_sets_floors_and_requirements_pin_all_of_them():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())[
        "project"
    ]
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
    ]
    floors = [floor for group in groups for floor in group]
    assert not [floor for floor in floors if "==" in floor]
    pinned = pins((ROOT / "requirements.txt").read_text())
    pinned = requirements("\n".join(pinned))
    assert requirements("\n".join(floors)) <= pinned


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-colab.txt"]
)
def test_requirements_name_no_registry_and_no_folder(name):
    lines = (ROOT / name).read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert all(
        re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines[:-1]
    )
    assert lines[-1] == "-e ." or "==" in lines[-1]
