"""What the reader's settings ask for: darkness, stillness, paper."""

import re

import pytest
from pages import CHAPTERS, PHONE, each_chapter, each_page

pytestmark = pytest.mark.browser

MOST = 1_000_000  # bytes of a first load, beyond what all pages share

FILTERED = """() => [...document.querySelectorAll('.bd-article img')]
    .filter(e => { for (let p = e; p; p = p.parentElement)
        if (getComputedStyle(p).filter !== 'none') return true;
        return false; })
    .map(e => e.alt)"""
# Figures that do not change with the page's colours.
UNCHANGED = """() => [
        ...document.querySelectorAll('.bd-article figure img')]
    .filter(e => !e.closest('.dl-scrub')).map(e => e.alt)"""
# The colours of the words in all figures.
INK = """() => [...document.querySelectorAll('.dl-figure text')]
    .filter(e => e.checkVisibility()).map(e => getComputedStyle(e).fill)"""
MOVING = """() => [...document.querySelectorAll('*')].filter(e => {
        const s = getComputedStyle(e);
        const long = t => t.split(',').some(t => parseFloat(t) > 0);
        return s.animationName !== 'none' && long(s.animationDuration)
            || s.transitionProperty !== 'none' && long(s.transitionDuration)
            || s.scrollBehavior === 'smooth'; })
    .map(e => e.outerHTML.slice(0, 80))"""
# Where a text is not dark, or what is behind it not light.
luminance = """const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
    return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255; };"""
PALE = (
    """() => {"""
    + luminance
    + """return [...document.querySelectorAll('body, .bd-article *')]
    .filter(e => e.checkVisibility() && !e.closest('mjx-assistive-mml'))
    .filter(e => { const s = getComputedStyle(e);
        const ground = s.backgroundColor;
        return light(s.color) > 0.5
            || !ground.endsWith(', 0)') && light(ground) < 0.8; })
    .map(e => e.outerHTML.slice(0, 80)); }"""
)
# (The answers to questions stand at the end of the page instead, and the
# words of other languages in the dictionary.)
CLOSED = """() => [...document.querySelectorAll(
        '.bd-article details:not(.dl-asked, .dl-languages)'
        + ' > :not(summary)')]
    .filter(e => !e.checkVisibility({contentVisibilityAuto: true})
              || !e.getBoundingClientRect().height)
    .map(e => e.outerHTML.slice(0, 80))"""
TO_PRESS = """() => [...document.querySelectorAll('button, input, .btn, \
.bd-sidebar, .bd-header-article, .bd-footer, .prev-next-area, .headerlink')]
    .filter(e => e.checkVisibility())
    .map(e => e.outerHTML.slice(0, 80))"""
# One row of a film's moments: its name and where its picture stands.
MOMENTS = """() => [...document.querySelectorAll('.dl-scrub')].map(
    film => ({
    labels: film.querySelector('input').dataset.labels.split('|'),
    shown: [...film.querySelectorAll('.dl-moments p')]
        .map(e => e.textContent),
    at: [...film.querySelectorAll('.dl-moments img')]
        .map(e => parseFloat(e.style.marginLeft) / -100),
    wide: Math.min(...[...film.querySelectorAll('.dl-moments .dl-frame')]
        .map(e => e.getBoundingClientRect().width)),
    strip: film.querySelector(':scope > .dl-frame').checkVisibility(),
    caption: film.closest('.dl-film')
        .querySelector(':scope > figcaption').checkVisibility()}))"""

# The page without the theme's banner, which opens when it comes to it.
PAGE = """() => [document.documentElement.cloneNode(),
    document.querySelector('.bd-container')].map(e => e.outerHTML)"""
# What is printed, or set as a formula, and runs out of its place.
CUT = """() => [
    ...[...document.querySelectorAll('.cell_output pre')]
        .filter(e => e.checkVisibility()
                  && e.scrollWidth > e.clientWidth + 1),
    ...[...document.querySelectorAll('.bd-article div.math:has(.eqno)')]
        .filter(e => { const [formula, number] = ['mjx-math', '.eqno']
            .map(part => e.querySelector(part).getBoundingClientRect());
            return formula.right > number.left; }),
    ].map(e => e.textContent.slice(0, 60))"""


@pytest.fixture
def paper(visit):
    """A page as it goes to the printer, from a dark screen."""
    opened = []

    def print_page(name):
        page = visit(name, color_scheme="dark").page
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        opened.append(page)
        return page

    yield print_page
    for page in opened:
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.emulate_media(media="screen")


@each_page
def test_no_output_and_no_formula_is_cut(name, visit):
    page = visit(name).page
    page.wait_for_function(
        "() => [...document.querySelectorAll('.bd-article div.math')]"
        ".every(e => e.querySelector('mjx-math'))"
    )
    assert page.evaluate(CUT) == []


@each_chapter
def test_in_the_dark_figures_have_the_pages_ground_and_ink(name, visit):
    inks = {}
    for scheme in ("light", "dark"):
        page = visit(name, color_scheme=scheme).page
        assert page.evaluate("document.documentElement.dataset.theme") == (
            scheme
        )
        assert page.evaluate(FILTERED) == []
        assert page.evaluate(UNCHANGED) == []
        inks[scheme] = page.evaluate(INK)
        assert len(inks[scheme]) > 5
    assert all(light(ink) < 0.5 for ink in inks["light"])
    assert all(light(ink) > 0.5 for ink in inks["dark"])


def light(color):
    red, green, blue = map(int, re.findall(r"\d+", color)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


@pytest.mark.parametrize("name", CHAPTERS[:2])
def test_nothing_moves_for_those_who_ask_for_that(name, visit):
    page = visit(name).page
    assert page.evaluate(MOVING) != []
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(MOVING) == []
    page.emulate_media(reduced_motion="no-preference")


@each_page
def test_on_paper_all_is_dark_on_light(name, paper):
    assert paper(name).evaluate(PALE) == []


@each_page
def test_on_paper_nothing_can_be_pressed(name, paper):
    assert paper(name).evaluate(TO_PRESS) == []


@each_chapter
def test_on_paper_solutions_are_open(name, paper):
    page = paper(name)
    assert page.locator("details").count() > 0
    page.wait_for_function(f"() => !({CLOSED})().length")  # a moment later


@each_chapter
def test_on_paper_a_film_is_a_few_of_its_moments(name, paper):
    for film in paper(name).evaluate(MOMENTS):
        labels, at = film["labels"], film["at"]
        assert len(film["shown"]) == min(9, len(labels))
        assert film["shown"] == [labels[round(i)] for i in at]
        assert at[0] == 0
        assert at[-1] == len(labels) - 1
        assert film["wide"] > 180
        assert film["caption"]
        assert not film["strip"]


def test_after_printing_the_page_is_as_it_was(visit):
    page = visit(CHAPTERS[0], color_scheme="dark").page
    before = page.evaluate(PAGE)
    page.pdf()
    assert page.locator(".dl-moments").count() == 0
    assert page.evaluate(PAGE) == before


@each_page
def test_a_first_load_is_small(name, visit):
    weights = visit(name, PHONE).weights
    shared = visit("book/glossary", PHONE).weights
    own = {
        path: size for path, size in weights.items() if path not in shared
    }
    assert sum(own.values()) <= MOST
