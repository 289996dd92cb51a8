"""The book is found, shared, entered, printed: as others meet it."""

import xml.etree.ElementTree as ET

import pytest
import yaml
from pages import CHAPTERS, PAGES, PHONE, ROOT, each_page
from PIL import Image

SITE = yaml.safe_load((ROOT / "_config.yml").read_text())["html"]["baseurl"]
FRONT = PAGES[0]
START = "Start here: train a whole model in half a minute"
TAGS = """() => Object.fromEntries(
    [...document.querySelectorAll('meta[property], meta[name]')]
    .map(e => [e.getAttribute('property') || e.name, e.content]))"""

pytestmark = pytest.mark.browser


# Shared


@each_page
def test_a_page_says_what_it_is_about(name, visit):
    tags = visit(name).page.evaluate(TAGS)
    about = tags["og:description"]
    assert 40 <= len(about) <= 200
    assert about[-1] in ".?!"
    assert tags["description"] == about
    assert not set(about) & set("$\\")


def test_no_two_pages_say_the_same(visit):
    tags = [visit(name).page.evaluate(TAGS) for name in PAGES]
    for key in ("og:title", "og:description", "og:url", "og:image"):
        assert len({t[key] for t in tags}) == len(PAGES)


@each_page
def test_a_shared_link_shows_a_picture_that_exists(name, visit, html):
    tags = visit(name).page.evaluate(TAGS)
    assert tags["og:url"] == f"{SITE}{name}.html"
    assert tags["og:image"].startswith(SITE)
    assert len(tags["og:image:alt"]) > 40
    path = html / tags["og:image"].removeprefix(SITE)
    stated = tags["og:image:width"], tags["og:image:height"]
    assert Image.open(path).size == tuple(map(int, stated)) == (1200, 630)
    assert path.stat().st_size < 300_000


def test_the_sitemap_lists_every_page_and_nothing_else(html):
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    root = ET.parse(html / "sitemap.xml").getroot()
    assert root.tag == f"{space}urlset"
    listed = [e.text for e in root.iterfind(f"{space}url/{space}loc")]
    assert sorted(listed) == sorted(f"{SITE}{name}.html" for name in PAGES)


# Found


@pytest.mark.parametrize("disk", [False, True], ids=["http", "file"])
@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("closed form", "02_forward_jump"),
        ("guidance scale", "09_guidance"),
        ("cheat sheet", "cheatsheet"),
    ],
)
def test_search_finds(words, page, disk, html, server, chromium):
    address = html.as_uri() if disk else server
    tab = chromium.new_page()
    tab.goto(f"{address}/search.html?q={words.replace(' ', '+')}")
    tab.wait_for_function(
        "document.querySelector('.search-summary')"
        "?.textContent.startsWith('Search finished')"
    )
    first = tab.locator("#search-results li > a").all()[:3]
    assert any(f"/{page}.html" in a.evaluate("e => e.href") for a in first)
    tab.close()


# Entered


@pytest.mark.parametrize("width", [PHONE, 1280])
def test_the_front_pages_button_is_for_fingers(width, visit):
    button = visit(FRONT, width).page.locator(f"a:has-text('{START}')")
    assert button.bounding_box()["height"] >= 44


# Looked at, and printed


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_maps_drawing_is_legible(theme, visit):
    page = visit("book/map", color_scheme=theme).page
    box = page.locator("svg.dl-map").bounding_box()
    assert 600 < box["width"] < 800
    sizes = page.evaluate(
        """() => [...document.querySelectorAll('svg.dl-map text')].map(e =>
            parseFloat(getComputedStyle(e).fontSize)
            * e.ownerSVGElement.getScreenCTM().a)"""
    )
    assert min(sizes) >= 12
    inside = page.evaluate(
        """() => [...document.querySelectorAll('svg.dl-map a')].every(a => {
            const box = a.querySelector('rect').getBoundingClientRect();
            return [...a.querySelectorAll('text')].every(t => {
                const r = t.getBoundingClientRect();
                return r.left > box.left && r.right < box.right
                    && r.top > box.top && r.bottom < box.bottom; }); })"""
    )
    assert inside


def test_on_a_phone_the_map_is_a_list(visit):
    page = visit("book/map", PHONE).page
    assert not page.locator("svg.dl-map").is_visible()
    assert page.locator("ol > li").count() == len(CHAPTERS) + 1  # and 0


def test_the_cheat_sheet_fits_the_two_sides_of_a_sheet(visit):
    pdf = visit("book/cheatsheet").page.pdf(prefer_css_page_size=True)
    assert pdf.count(b"/Type /Page\n") == 2
    a4 = b"/MediaBox [0 0 594.95996 841.91998]"
    assert pdf.count(a4) == 2
