"""What a page loads: little, and nothing of it moves what is read."""

import gzip

import pytest
from pages import CHAPTERS, PAGES, PHONE, each_page

pytestmark = pytest.mark.browser

MOST_SHARED = 600_000  # bytes of what pages have in common, compressed
MOST_ICONS = 30_000  # bytes of a page
MOST_SHIFT = 0.05
LOADED = [PAGES[0], CHAPTERS[4], CHAPTERS[6], "book/notation"]
each_loaded = pytest.mark.parametrize("name", LOADED)

WATCH = """window.shift = 0;
new PerformanceObserver(list => list.getEntries()
    .forEach(entry => { window.shift += entry.value; }))
    .observe({type: 'layout-shift', buffered: true});"""
ICONS = """() => [...document.querySelectorAll('svg.dl-icon')]
    .map(e => [e.outerHTML, e.querySelector('path').getTotalLength()])"""
NAMED = "i[class*='fa-'], span[class*='fa-']"
UNSETTLED = """() => [...document.querySelectorAll('.bd-article img')]
    .filter(e => !e.src.startsWith('data:') && !e.src.endsWith('.svg'))
    .filter(e => e.loading !== 'lazy' || !e.hasAttribute('width')
              || !e.hasAttribute('height'))
    .map(e => e.src)"""


@each_loaded
def test_what_pages_share_is_light(name, visit, html):
    files = visit(name).weights
    own = html / f"{name}.html"
    shared = [p for p in files if p != own and "_images" not in p.parts]
    packed = {p.name: len(gzip.compress(p.read_bytes())) for p in shared}
    assert len(packed) > 5
    assert sum(packed.values()) <= MOST_SHARED, packed


@each_page
def test_no_page_loads_what_sets_formulas_or_draws_icons(name, visit):
    loaded = [p.name.lower() for p in visit(name).weights]
    scripts = [p for p in loaded if p.endswith(".js")]
    assert not [s for s in scripts if "mathjax" in s or "chtml" in s]
    assert not [p for p in loaded if "fontawesome" in p or p[:3] == "fa-"]


@each_loaded
@pytest.mark.parametrize("width", [1280, PHONE])
def test_nothing_moves_while_a_page_is_loaded(
    name, width, server, chromium
):
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.add_init_script(WATCH)
    page.goto(f"{server}/{name}.html", wait_until="load")
    page.evaluate("document.fonts.ready.then(() => {})")
    page.wait_for_timeout(300)
    shift = page.evaluate("shift")
    page.close()
    assert shift <= MOST_SHIFT


LINKS = [
    "#sampler?label=7",
    "#sampler?label=3&compare=label",
    "#sampler?start=drawing&t=500",
    "#sampler?start=hole&show=seeds",
]
PLACE = """() => { const box =
    document.querySelector('.dl-sampler').getBoundingClientRect();
    return [box.top, box.height]; }"""


@pytest.mark.parametrize("words", LINKS)
@pytest.mark.parametrize("width", [1280, PHONE])
def test_a_link_to_a_sampler_opens_there_and_nothing_moves(
    words, width, server, chromium, built
):
    page = chromium.new_page(viewport={"width": width, "height": 844})
    page.add_init_script(WATCH)
    page.goto(f"{server}/{CHAPTERS[6]}.html{words}", wait_until="load")
    page.wait_for_function("!document.querySelector('.dl-arrives')")
    top, height = page.evaluate(PLACE)
    page.wait_for_timeout(500)
    assert page.evaluate(PLACE) == pytest.approx([top, height], abs=1)
    assert 0 < top < 200  # below the bar at the top of the page
    assert page.evaluate("shift") <= MOST_SHIFT
    page.close()


def test_a_page_is_seen_even_if_the_script_of_its_sampler_is_missing(
    server, chromium, built
):
    page = chromium.new_page()
    page.route("**/sampler.js*", lambda route: route.abort())
    page.goto(f"{server}/{CHAPTERS[6]}.html{LINKS[0]}")
    assert page.locator("html.dl-arrives").count() == 1  # still waiting
    page.locator(".bd-article h1").wait_for(state="visible")
    page.close()


@each_page
def test_every_icon_is_drawn_and_all_are_small(name, visit):
    page = visit(name).page
    assert page.locator(NAMED).count() == 0
    icons = page.evaluate(ICONS)
    assert len(icons) > 8
    assert all(outline > 100 for _, outline in icons)
    assert sum(len(drawn) for drawn, _ in icons) <= MOST_ICONS


@pytest.mark.parametrize("scripts", [True, False], ids=["js", "no js"])
def test_a_button_shows_its_icon(scripts, chromium, html):
    context = chromium.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.goto((html / f"{CHAPTERS[0]}.html").as_uri())
    for button in ("bars", "github", "download"):
        box = page.locator(f"svg.fa-{button}:visible").first.bounding_box()
        assert 12 < box["height"] < 30
        assert 12 < box["width"] < 30
    context.close()


@each_page
def test_a_picture_waits_and_its_place_is_kept(name, visit):
    assert visit(name).page.evaluate(UNSETTLED) == []
