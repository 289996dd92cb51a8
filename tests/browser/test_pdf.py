"""The book as one file of paper."""

import os
import subprocess
import sys

import pytest
import yaml
from chromium import HOW_TO_GET_ONE
from pages import BOUND, CHAPTERS, ROOT, TOC
from pdf import main, make_pdf, sections
from pypdf import PdfReader

pytestmark = pytest.mark.browser

TWO = [("", [BOUND[0]]), ("Lessons", [CHAPTERS[1]])]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def bound(chromium, html, tmp_path_factory):
    """Two pages of the book, bound."""
    target = tmp_path_factory.mktemp("paper") / "book.pdf"
    pages = make_pdf(chromium, target, TWO)
    reader = PdfReader(target)
    assert len(reader.pages) == pages
    assert [path.name for path in target.parent.iterdir()] == ["book.pdf"]
    return reader


def bookmarks(reader, outline=None):
    for item in reader.outline if outline is None else outline:
        if isinstance(item, list):
            yield from bookmarks(reader, item)
        else:
            yield item.title, reader.get_destination_page_number(item)


def words(reader, page):
    return " ".join(reader.pages[page].extract_text().split())


def test_all_pages_of_the_book_are_bound_in_its_order():
    assert [name for _, names in sections(TOC) for name in names] == BOUND


def test_a_bookmark_leads_to_the_page_that_begins_with_its_words(bound):
    marks = dict(bookmarks(bound))
    chapter = next(title for title in marks if title.startswith("2. "))
    front, answers = CONFIG["title"], f"Answers: {chapter}"
    assert list(marks) == [front, "Lessons", chapter, "Answers", answers]
    for title in (front, chapter, answers):
        assert words(bound, marks[title]).startswith(title)
    assert marks["Lessons"] == marks[chapter]
    assert marks["Answers"] == marks[answers]


def test_the_answers_stand_at_the_end_and_nowhere_else(bound):
    marks = dict(bookmarks(bound))
    right = "Of a variance of 1 the picture has 0.2 and the noise 0.8"
    told = [n for n in range(len(bound.pages)) if right in words(bound, n)]
    assert told
    assert min(told) >= marks["Answers"]


def test_the_contents_name_the_pages_that_are_numbered_so(bound):
    contents = words(bound, 1)
    for title, page in bookmarks(bound):
        if title not in ("Lessons", "Answers"):
            assert f"{title} {page + 1}" in contents
            assert words(bound, page).endswith(f" {page + 1}")


def test_it_begins_with_a_title_and_holds_no_path_of_this_machine(bound):
    assert words(bound, 0).startswith(CONFIG["title"])
    assert bound.metadata.title == CONFIG["title"]
    addresses = [
        str(link.get_object()["/A"]["/URI"])
        for page in bound.pages
        for link in page.get("/Annots") or []
        if "/A" in link.get_object()
    ]
    assert addresses
    assert {a.split(":")[0] for a in addresses} == {"https"}


def test_a_link_to_a_bound_page_is_a_jump(bound):
    there = bound.pages[dict(bookmarks(bound))["Lessons"]]
    jumps = [
        link.get_object()["/Dest"][0]
        for page in bound.pages[2:4]
        for link in page.get("/Annots") or []
        if isinstance(link.get_object().get("/Dest"), list)
    ]
    assert there in [jump.get_object() for jump in jumps]


def test_without_a_browser_it_says_how_to_get_one(html, tmp_path):
    target = tmp_path / "book.pdf"
    target.write_text("the older one")
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "book" / "pdf.py", target],
        env={**os.environ, "CHROMIUM": str(tmp_path / "none")},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert HOW_TO_GET_ONE in run.stderr
    assert target.read_text() == "the older one"


def test_without_a_built_book_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("pdf.HTML", tmp_path)
    assert main([str(tmp_path / "book.pdf")]) == 1
    assert "`make book`" in capsys.readouterr().err
