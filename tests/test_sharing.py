"""What is known of the book elsewhere: citations, links, search engines."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from docutils.core import publish_doctree
from PIL import Image
from sharing import (
    DIGITS_ALT,
    FIGURES,
    LONGEST,
    MARGIN,
    SIZE,
    card,
    description,
    figure,
)

ROOT = Path(__file__).resolve().parents[1]
CITATION = ROOT / "CITATION.cff"
CHAPTERS = [
    p.stem for p in sorted((ROOT / "book").glob("[0-9][0-9]_*.ipynb"))
]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


# CITATION.cff


def test_the_citation_is_one_that_tools_understand():
    subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.citation-file-format", CITATION),
        ],
        check=True,
    )


def test_the_citation_names_this_book_this_version_and_its_place():
    citation = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())[
        "project"
    ]
    assert citation["version"] == project["version"]
    assert citation["title"] == CONFIG["title"]
    assert [a["name"] for a in citation["authors"]] == [CONFIG["author"]]
    assert citation["url"] == CONFIG["html"]["baseurl"]
    assert citation["repository-code"] == CONFIG["repository"]["url"]


# Descriptions


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("One. Two!", "One. Two!"),
        ("Title\n=====\n\nFirst *one*.\nTwo.\n\nThree.", "First one. Two."),
        ("So it is: " + "long " * 60, "So it is."),
        ("It is known [30], and [31]. End.", "It is known, and. End."),
        ("Short. " + "x" * LONGEST + ".", "Short."),
    ],
    ids=["all", "first paragraph", "colon", "citations", "too long"],
)
def test_a_description_is_whole_sentences(text, said):
    assert description(publish_doctree(text)) == said


def test_a_page_without_a_paragraph_has_no_description():
    assert description(publish_doctree("* item")) in ("", "item")


# Cards


def test_every_chapter_has_a_figure_of_its_own():
    assert sorted(FIGURES) == CHAPTERS
    told = {figure(stem)[1] for stem in CHAPTERS}
    assert len(told) == len(CHAPTERS)
    assert figure("glossary")[1] == DIGITS_ALT


def test_a_figure_that_is_gone_is_named(monkeypatch):
    monkeypatch.setitem(FIGURES, "01_forward_chain", "fig-gone")
    with pytest.raises(ValueError, match="no figure 'fig-gone'"):
        figure("01_forward_chain")


@pytest.mark.parametrize("shape", [(1280, 200), (300, 900)])
@pytest.mark.parametrize(
    "title", ["Short", "A title of two lines, which " * 2]
)
def test_a_card_holds_the_whole_picture_in_its_form(shape, title):
    sheet = card(title, "Book", Image.new("RGB", shape, "magenta"))
    assert sheet.size == SIZE
    left, top, right, bottom = (
        sheet.getchannel("G")
        .point(lambda green: 255 * (green < 20))
        .getbbox()
    )
    assert left >= MARGIN
    assert right <= SIZE[0] - MARGIN
    assert bottom <= SIZE[1] - MARGIN / 2
    form = (right - left) / (bottom - top)
    assert form == pytest.approx(shape[0] / shape[1], rel=0.02)
