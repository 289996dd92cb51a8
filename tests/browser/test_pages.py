"""Every built page, seen as a reader sees it: in a browser, offline."""

from itertools import pairwise

import pytest
from pages import CHAPTERS, PHONE, each_chapter, each_page

pytestmark = pytest.mark.browser

# MathJax shows a command it does not know in red, and goes on.
RAW_FORMULAS = """() => [...document.querySelectorAll('.math')]
    .filter(e => !e.querySelector('mjx-container')
              || e.querySelector('mjx-merror, mjx-mtext[style*="red"]'))
    .map(e => e.textContent)"""
NO_ALT = """() => [...document.querySelectorAll('img')]
    .filter(e => !e.alt.trim() && !e.closest('[aria-hidden]'))
    .map(e => e.src.slice(0, 80))"""
TOO_WIDE = """() => [...document.querySelectorAll('.bd-article *')]
    .filter(e => {
        const scrolls = e => ['auto', 'scroll', 'hidden', 'clip']
            .includes(getComputedStyle(e).overflowX);
        for (let p = e.parentElement; p && !p.matches('.bd-article');
             p = p.parentElement) if (scrolls(p)) return false;
        const box = e.getBoundingClientRect();
        return box.width && box.right > innerWidth + 1;
    })
    .map(e => e.tagName + '.' + e.className)"""


def test_the_book_has_pages():
    assert len(CHAPTERS) >= 4


@each_page
def test_page_was_built(name, html):
    assert (html / f"{name}.html").is_file()


@each_page
def test_every_formula_is_typeset(name, visit):
    assert visit(name).page.evaluate(RAW_FORMULAS) == []


@each_chapter
def test_chapter_has_formulas(name, visit):
    assert visit(name).page.locator("mjx-container").count() > 0


@each_page
def test_page_asks_nothing_of_the_network(name, visit):
    assert visit(name).outward == []


@each_page
def test_page_runs_without_an_error(name, visit):
    assert visit(name).complaints == []


@each_page
def test_every_picture_has_alt_text(name, visit):
    assert visit(name).page.evaluate(NO_ALT) == []


@each_page
def test_page_fits_a_phone(name, visit):
    page = visit(name, PHONE).page
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert page.evaluate(TOO_WIDE) == []
    assert wide <= PHONE


@each_page
def test_every_scrubber_follows_mouse_and_keys(name, visit):
    for scrubber in visit(name).page.locator("figure.dl-scrub").all():
        slider = scrubber.locator("input[type=range]")
        slider.scroll_into_view_if_needed()
        seen = [look(scrubber)]
        slider.focus()
        slider.press("ArrowRight")
        seen.append(look(scrubber))
        drag_to_the_end(slider)
        seen.append(look(scrubber))
        for before, after in pairwise(seen):
            assert before.keys() == after.keys()
            assert all(before[what] != after[what] for what in before)


def test_the_book_has_scrubbers(html):
    texts = [(html / f"{n}.html").read_text("utf-8") for n in CHAPTERS]
    assert sum('class="dl-scrub"' in text for text in texts) > 5


def look(scrubber):
    """What eyes see and what a screen reader says."""
    slider = scrubber.locator("input[type=range]")
    return {
        "picture": scrubber.locator(".dl-frame").screenshot(),
        "spoken": slider.get_attribute("aria-valuetext"),
        "written": scrubber.locator("output").inner_text(),
    }


def drag_to_the_end(slider):
    """Take the thumb with the mouse and pull it to the right."""
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    mouse = slider.page.mouse
    mouse.move(box["x"] + box["width"] * 0.3, middle)
    mouse.down()
    mouse.move(box["x"] + box["width"] - 2, middle, steps=5)
    mouse.up()
