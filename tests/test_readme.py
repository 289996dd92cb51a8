"""What the first page promises works as it stands there."""

import re
import shlex
from pathlib import Path

import nbformat
import pytest
from made_runs import run_folder
from PIL import Image

from diffusion_lessons import __main__ as command
from diffusion_lessons import load_checkpoint

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
PYTHON = [block for language, block in BLOCKS if language == "python"]
SHELL = [
    line.split("#")[0].strip()
    for language, block in BLOCKS
    if not language
    for line in block.splitlines()
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, as a reader's."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def drawing(option):
    """The command that draws, by what it draws with."""
    start = f"python -m diffusion_lessons sample {option}"
    (line,) = [line for line in SHELL if line.startswith(start)]
    return shlex.split(line)[3:]


def test_ten_sevens_are_ten_in_a_row(folder, capsys):
    assert command.main(drawing("--pretrained")) == 0
    assert capsys.readouterr().out.startswith("sevens.png: 10 digits, ")
    with Image.open(folder / "sevens.png") as image:
        assert image.size == (604, 64)


def test_the_same_in_python_ends_in_a_picture(folder, capsys):
    (code,) = [code for code in PYTHON if "load_pretrained" in code]
    exec(code, {})
    assert capsys.readouterr().out.count("\n") == 50
    with Image.open(folder / "ten_sevens.png") as image:
        assert image.size == (302, 32)


def test_a_run_of_ones_own_draws_64_of_a_class(folder, capsys):
    run_folder(folder / "runs" / "cats", ("siam", "tabby"))
    assert command.main(drawing("--run")) == 0
    assert capsys.readouterr().out.startswith("cats.png: 64 pictures, ")
    with Image.open(folder / "cats.png") as image:
        assert image.size == (484, 484)


def test_a_run_of_ones_own_is_saved_where_it_stops(folder):
    (code,) = [code for code in PYTHON if "train_run(" in code]
    exec(code, {})
    saved = load_checkpoint(folder / "runs" / "digits" / "last.safetensors")
    assert saved["step"] == 100


def test_the_commands_that_train_are_taken(folder):
    """One by itself, one in several processes."""
    words = [shlex.split(line) for line in SHELL if " train PICT" in line]
    assert len(words) == 2
    for line in words:
        given = line[line.index("train") :]
        args = command.parser().parse_args(given)
        assert str(args.out) == "runs/cats"


def test_a_run_draws_in_python_as_well(folder):
    run_folder(folder / "runs" / "cats", ("siam", "tabby"))
    (code,) = [code for code in PYTHON if "load_run(" in code]
    seen = {}
    exec(code, seen)
    assert seen["last"].x.shape == (64, 3, 8, 8)
    assert seen["cat"].label == 1
    seen["to_diffusers"]("runs/cats", "cats")
    assert (folder / "cats" / "model_index.json").is_file()


def test_every_target_that_it_names_is_one():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {line.split()[1] for line in SHELL if line.startswith("make ")}
    named |= set(re.findall(r"`make ([a-z-]+)`", README))
    assert {"book", "test", "lab", "serve"} <= named <= targets


def test_every_link_within_the_repository_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    inside = [link for link in links if not link.startswith("https://")]
    assert "book/_static/digits.png" in inside
    assert [link for link in inside if not (ROOT / link).exists()] == []


def test_every_chapter_is_listed_under_its_title():
    for path in sorted(ROOT.glob("book/[0-9][0-9]_*.ipynb")):
        title = nbformat.read(path, 4).cells[0].source.splitlines()[0]
        number, row = int(path.stem[:2]), f"](book/{path.name})"
        assert f"| {number} | [{title.removeprefix('# ')}{row} |" in README


def test_the_picture_is_light():
    assert (ROOT / "book/_static/digits.png").stat().st_size < 60_000
