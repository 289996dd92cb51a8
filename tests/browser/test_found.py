"""The book is found, shared, entered, printed: as others meet it."""

import re
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


@pytest.mark.parametrize("key", ["title", "description", "url", "image"])
def test_no_two_pages_say_the_same(html, key):
    tag = re.compile(rf'<meta property="og:{key}" content="([^"]+)"')
    texts = [(html / f"{name}.html").read_text("utf-8") for name in PAGES]
    assert len({tag.search(text)[1] for text in texts}) == len(PAGES)


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


FOUND = [  # what is asked for, and the sections that answer it
    ("FID", ["10_evaluation.html#the-frechet-distance"]),
    ("classifier-free guidance", ["09_guidance.html#two-ways-to-insist"]),
    ("how to train", ["04_training_loop.html#"]),
    ("x_0", ["notation.html#"]),
    ("closed form", ["02_forward_jump.html#the-closed-form"]),
    (
        "my samples are noise",
        ["04_training_loop.html#", "map.html#", "intro.html#", "doctor"],
    ),
    ("cheat sheet", ["cheatsheet.html#"]),
    ("q_sample", ["formulas.html#diffusion_lessons.forward.q_sample"]),
    ("Frechet", ["10_evaluation.html#the-frechet-distance"]),
    ("guidance", ["09_guidance.html#"]),  # before the page of its code
    ("train", ["04_training_loop.html#"]),
    ("diffusers", ["11_diffusers.html#"]),
    ("evaluation", ["10_evaluation.html#"]),
    ("v", ["glossary.html#term-v"]),
    ("eta", ["glossary.html#term-eta"]),
    ("snr", ["glossary.html#term-SNR"]),
    ("bootstrap", ["glossary.html#term-bootstrap"]),
    ("guidence", ["09_guidance.html#"]),
    ("gudiance", ["09_guidance.html#"]),
    ("closd form", ["02_forward_jump.html#the-closed-form"]),
    ("draw me a seven", ["intro.html#draw-one-yourself"]),
    ("draw a seven", ["intro.html#draw-one-yourself"]),
    ("draw an 8", ["intro.html#draw-one-yourself"]),
]
PRICE = ["#the-price-in-numbers", "#what-it-costs"]
FINISHED = """document.querySelector('.search-summary')
    ?.textContent.startsWith('Search finished')"""


@pytest.fixture(params=[False, True], ids=["http", "file"])
def book(request, html, server, chromium):
    """A tab, and the address of the book from a server or from disk."""
    tab = chromium.new_page()
    yield tab, html.as_uri() if request.param else server
    tab.close()


def searched(book, words):
    tab, address = book
    tab.goto(f"{address}/search.html?q={words.replace(' ', '+')}")
    tab.wait_for_function(FINISHED)
    return tab


@pytest.mark.parametrize(("words", "sections"), FOUND)
def test_search_finds_the_section_first(words, sections, book):
    tab = searched(book, words)
    first = tab.locator("#search-results li > a").first
    address = first.evaluate("e => e.href")
    assert any(section in address for section in sections)
    first.click()
    tab.wait_for_url(address)
    anchor = address.split("#")[1]
    assert tab.locator(f"[id='{anchor}']").count() == 1


@pytest.mark.parametrize(
    "words",
    [
        "guidance cost",
        "what does guidance cost",
        "price of cfg",
        "cost of classifier-free guidance",
    ],
)
def test_a_question_is_answered_in_other_words_too(words, book):
    links = searched(book, words).locator("#search-results li > a")
    first = [link.get_attribute("href") for link in links.all()[:2]]
    assert sorted(first) == [
        href for href in sorted(first) if "09_guidance.html" in href
    ]
    assert [f"#{href.split('#')[1]}" for href in sorted(first)] == PRICE


def test_what_was_sought_in_place_of_a_slip_is_said(book):
    tab = searched(book, "guidence scale")
    said = tab.locator(".search-summary").inner_text()
    assert "nothing with “guidence scale”" in said
    assert said.endswith("with “guidance scale”.")


def test_answers_to_questions_are_not_found(book):
    tab = searched(book, "all asked to be a seven")
    text = tab.locator("#search-results").inner_text()
    assert "All" in text or "asked" in text
    for words in ("yes. Most of them", "no. That would", "heard at all"):
        assert words not in text


def snippet_of(tab, title):
    found = tab.locator("#search-results li", has=tab.get_by_text(title))
    return found.locator(".dl-snippet").first.inner_text()


def test_a_snippet_is_the_beginning_of_the_section(book):
    tab = searched(book, "direction towards sevens")
    first = snippet_of(tab, "A direction towards sevens")
    assert first.startswith("Bayes’ rule, for noisy pictures and the class")
    assert "q(x_t | c) = q(x_t)q(c | x_t)/q(c)." in first


def test_a_snippet_keeps_accents_and_is_cut_between_words(book):
    tab = searched(book, "bell around variance")
    assert "1 − \u1fb1_t" in tab.locator(".dl-found").inner_text()
    for words in ("x_0", "noise", "posterior"):
        tab = searched(book, words)
        texts = tab.evaluate("window.SECTIONS.map(one => one[4])")
        for snippet in tab.locator(".dl-snippet").all_inner_texts():
            part = snippet.removeprefix("… ").removesuffix(" …")
            whole = [f" {text} " for text in texts if part in text]
            assert any(f" {part} " in text for text in whole)


def test_no_key_or_label_is_found(book):
    tab = searched(book, "noise")
    index = str(tab.evaluate("window.SECTIONS"))
    assert len(index) > 100_000
    for key in ("salimans2022", "ho2020ddpm", "eq-jump", "eq-cfg"):
        assert key not in index


@pytest.mark.parametrize("words", ["x_0", "closed form", "DDIM"])
def test_a_snippet_is_plain_text_with_the_words_marked(words, book):
    tab = searched(book, words)
    snippets = tab.locator(".dl-snippet").all_inner_texts()
    assert len(snippets) > 3
    assert not [s for s in snippets if "\\" in s or "$" in s]
    marks = tab.locator(".dl-snippet mark").all_inner_texts()
    assert {mark.lower() for mark in marks} & set(words.lower().split())


def test_a_search_for_nothing_known_says_so(book):
    tab = searched(book, "xylophone")
    assert "no sections" in tab.locator(".search-summary").inner_text()
    assert tab.locator("#search-results li").count() == 0


def test_what_was_typed_is_text_and_not_a_pattern_or_markup(book):
    tab = searched(book, "(%3Cb%3E[a-z]*")
    assert tab.locator("#search-results b").count() == 0
    assert "<b>" in tab.locator(".search-summary").inner_text()


def test_results_come_while_one_types_and_keys_go_through_them(book):
    tab, address = book
    tab.goto(f"{address}/{CHAPTERS[4]}.html")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("closed form")
    links = tab.locator("dialog .dl-found a")
    links.first.wait_for()
    tab.wait_for_function(
        "document.querySelector('.dl-told').textContent.includes('found')"
    )
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/02_forward_jump.html#the-closed-form*")


def test_enter_leads_to_all_that_was_found(book):
    tab, address = book
    tab.goto(f"{address}/{CHAPTERS[4]}.html")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("noise")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search.html?q=noise")
    tab.wait_for_function(FINISHED)
    assert tab.locator("#search-results li").count() > 20


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


@pytest.mark.parametrize(
    ("name", "sides"), [("cheatsheet", 3), ("symptoms", 1)]
)
def test_what_is_to_be_printed_fits_its_sides(visit, name, sides):
    pdf = visit(f"book/{name}").page.pdf(prefer_css_page_size=True)
    assert pdf.count(b"/Type /Page\n") == sides
    a4 = b"/MediaBox [0 0 594.95996 841.91998]"
    assert pdf.count(a4) == sides
