"""One name, one version, and a card for each chapter."""

import os
import re
import subprocess
import tomllib
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
import yaml
from cards import (
    AIR,
    MARGIN,
    SIZE,
    dark_picture,
    ink,
    middle,
    part_of,
    picture,
    without_halves,
)
from imprint import imprint, in_words, last_change, version
from PIL import Image, ImageDraw
from sharing import FIGURES, figure

from diffusion_lessons.figures.themed import DARK_CSS

ROOT = Path(__file__).resolve().parents[1]
NAME = "Diffusion Lessons"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def first_line(name):
    return (ROOT / name).read_text(encoding="utf-8").splitlines()[0]


# The name


def test_the_book_has_one_name_everywhere():
    front = nbformat.read(ROOT / "book" / "intro.ipynb", as_version=4)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert CONFIG["title"] == CONFIG["project"] == NAME  # pages, cards, PDF
    assert citation["title"] == NAME
    assert front.cells[0].source.splitlines()[0] == f"# {NAME}"
    assert first_line("README.md") == f"# {NAME}"
    assert project["project"]["description"].endswith(f"the book {NAME}")
    assert f"*{NAME}," in (ROOT / "LICENSE-text.md").read_text("utf-8")
    icon = (ROOT / "book/_static/favicon.svg").read_text("utf-8")
    assert f"<title>{NAME}:" in icon


# The version


def test_the_version_is_the_packages(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "7.8"')
    assert version(tmp_path) == "7.8"
    assert re.fullmatch(r"\d+\.\d+\.\d+", version())


def test_the_date_is_that_of_the_last_commit(tmp_path):
    who = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    when = os.environ | {"GIT_COMMITTER_DATE": "2021-02-03T12:00:00Z"}
    for command in (
        ["init", "-q"],
        ["commit", "-qm", "a", "--allow-empty"],
    ):
        subprocess.run(
            ["git", *who, *command], cwd=tmp_path, env=when, check=True
        )
    assert last_change(tmp_path) == date(2021, 2, 3)


def test_without_git_there_is_no_date(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert last_change(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert last_change(ROOT) is None
    assert imprint("1.2", None, "").startswith(
        '<p class="dl-imprint">Version 1.2. <a '
    )


def test_the_foot_says_version_date_and_where_everything_is():
    line = imprint("1.2", date(2026, 7, 1), "https://example.org/a/b")
    assert ">Version 1.2 of 1 July 2026. <" in line
    (link,) = re.findall(r'href="(.+?)"', line)
    assert link == "https://example.org/a/b/archive/refs/heads/main.zip"


def test_a_day_is_written_out():
    assert in_words(date(2026, 11, 26)) == "26 November 2026"


# The pictures of the cards


def inked(sheet):
    return sheet.convert("L").point(lambda grey: 255 * (grey < 250))


@pytest.mark.parametrize("stem", FIGURES)
def test_a_chapters_picture_fills_its_card(stem):
    sheet = picture(stem)
    assert sheet.size == SIZE
    left, top, right, bottom = inked(sheet).getbbox()
    assert min(left, top) >= MARGIN - 1
    assert right <= SIZE[0] - MARGIN + 1
    assert bottom <= SIZE[1] - MARGIN + 1
    filled = max((right - left) / SIZE[0], (bottom - top) / SIZE[1])
    assert filled > 0.8


CUTS = [(0, 9), (14, 15), (20, 79), (84, 85), (90, 99)]


@pytest.fixture
def tiles():
    """Five black tiles, the first and the last of them cut."""
    sheet = Image.new("RGB", (100, 30), "white")
    pen = ImageDraw.Draw(sheet)
    for left, right in CUTS:
        pen.rectangle((left, 5, right, 24), fill="black")
    return sheet


@pytest.mark.parametrize(
    ("left", "right", "blocks"),
    [
        (False, False, (0, 100)),
        (True, False, (14, 100)),
        (False, True, (0, 86)),
        (True, True, (14, 86)),
    ],
)
def test_a_tile_is_shown_whole_or_not(tiles, left, right, blocks):
    cut = tiles.crop(without_halves(tiles, left, right))
    assert cut.crop(ink(cut)).size == (blocks[1] - blocks[0], 20)


def test_where_there_is_no_gap_nothing_is_cut():
    black = Image.new("RGB", (100, 30))
    assert without_halves(black, True, True) == (0, 0, 100, 30)


@pytest.mark.parametrize("stem", FIGURES)
def test_the_dark_card_shows_the_same_part_in_the_colours_of_the_page(stem):
    whole, _ = figure(stem)
    style, drawn = ElementTree.fromstring(dark_picture(stem))
    assert style.text == f":root{{{DARK_CSS}}}"
    left, top, right, bottom = part_of(stem, whole)
    x, y, end, low = middle((right - left, bottom - top))
    place = [float(drawn.get(n)) for n in ("x", "y", "width", "height")]
    view = [float(n) for n in drawn.get("viewBox").split()]
    by, unit = place[2] / (right - left), view[2] / (right - left)
    assert unit == pytest.approx(0.36, rel=0.01)  # 72 of 200 dots an inch
    across, air = right - left, 2 * AIR
    assert place == pytest.approx(
        [x, y - by * AIR, end - x, low - y + by * air], abs=2
    )
    expected = [left, top - AIR, across, bottom - top + air]
    assert view == pytest.approx([unit * n for n in expected], abs=0.02)
