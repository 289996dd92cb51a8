"""Films: played, dragged, stepped through, and never out of step."""

import re

import pytest
from pages import PHONE, each_chapter

pytestmark = pytest.mark.browser

PAGE = "book/08_sampling_ddim"
# Where the slider of a film stands, which frame is shown, what is said.
PLACES = """() => [...document.querySelectorAll('.dl-scrub')].map(film => {
    const slider = film.querySelector('input');
    const picture = film.querySelector('.dl-frame img');
    const frame = picture.parentElement.parentElement;
    const shift = frame.getBoundingClientRect().left
        - picture.getBoundingClientRect().left;
    const labels = slider.dataset.labels.split('|');
    return [Number(slider.value),
        Math.round(Math.abs(shift) / frame.clientWidth),
        labels.indexOf(film.querySelector('output').value),
        labels.indexOf(slider.getAttribute('aria-valuetext'))]; })"""
TICKS = """() => [...document.querySelectorAll('.dl-scrub')].map(film => {
    const ticks = [...film.querySelectorAll('.dl-ticks span')];
    const boxes = ticks.filter(e => e.textContent)
        .map(e => e.getBoundingClientRect());
    return {count: ticks.length,
        shown: ticks.filter(e => e.textContent).length,
        ends: [ticks[0].textContent, ticks.at(-1).textContent],
        labels: film.querySelector('input').dataset.labels.split('|'),
        overlap: boxes.some((b, i) => i && b.left < boxes[i - 1].right)};
    })"""
LOOK = """image => [getComputedStyle(image).colorScheme,
    getComputedStyle(image).backgroundColor]"""


@pytest.fixture
def film(chromium, server):
    """The first film of a page that nobody has touched, and the page."""
    opened = []

    def open_page(width=1280, **look):
        page = chromium.new_page(
            viewport={"width": width, "height": 900}, **look
        )
        opened.append(page)
        page.add_init_script("localStorage.setItem('dl-unveiled', 'true')")
        page.goto(f"{server}/{PAGE}.html")
        film = page.locator(".dl-scrub").first
        film.scroll_into_view_if_needed()
        return page, film

    yield open_page
    for page in opened:
        page.close()


def together(page):
    """All films of a page stand where they say; returns the first's."""
    places = page.evaluate(PLACES)
    assert all(len({*place}) == 1 for place in places), places
    return places[0][0]


def test_a_film_plays_to_its_end_and_begins_again(film):
    page, first = film()
    button = first.get_by_role("button", name="Play the film")
    last = int(first.locator("input").get_attribute("max"))
    first.locator("input").fill("0")
    button.click()
    pause = first.get_by_role("button", name="Pause the film")
    pause.wait_for()
    page.wait_for_function(
        "last => document.querySelector('.dl-scrub input').value == last",
        arg=str(last),
        timeout=20_000,
    )
    button.wait_for()
    assert together(page) == last
    button.click()
    page.wait_for_function(
        "document.querySelector('.dl-scrub input').value < 3"
    )
    assert together(page) < 3


def test_a_film_stops_when_it_is_told_to_and_when_it_is_moved(film):
    page, first = film()
    first.locator("input").fill("0")
    for stop in (
        lambda: first.get_by_role("button", name="Pause").click(),
        lambda: first.locator("input").press("Home"),
    ):
        first.get_by_role("button", name="Play").click()
        page.wait_for_function(
            "document.querySelector('.dl-scrub input').value > 0"
        )
        stop()
        where = together(page)
        page.wait_for_timeout(900)
        assert together(page) == where


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_a_film_is_dragged_by_its_picture(film, direction):
    page, first = film()
    page.evaluate("d => document.documentElement.dir = d", direction)
    first.locator("input").fill("0")
    box = first.locator(".dl-frame").bounding_box()
    middle = box["y"] + box["height"] / 2
    start, end = box["x"] + 10, box["x"] + box["width"] * 0.55
    if direction == "rtl":
        start, end = end, start
    page.mouse.move(start, middle)
    page.mouse.down()
    page.mouse.move(end, middle, steps=5)
    there = together(page)
    assert there > 2
    page.mouse.up()
    page.mouse.move(start, middle)
    assert together(page) == there


def test_a_film_stays_in_step_after_back_and_reload(film, server):
    page, first = film()
    first.locator("input").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert together(page) >= 4
    page.goto(f"{server}/book/09_guidance.html")
    page.go_back()
    page.wait_for_load_state("load")
    together(page)
    page.locator(".dl-scrub input").first.fill("3")
    page.reload()
    together(page)


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_a_film_shows_what_it_says_from_right_to_left_too(film, direction):
    page, first = film()
    page.evaluate("d => document.documentElement.dir = d", direction)
    for where in ("0", "2", "5"):
        first.locator("input").fill(where)
        assert together(page) == int(where)


@pytest.mark.parametrize("width", [1280, PHONE])
@each_chapter
def test_every_stop_has_a_tick_and_their_numbers_have_room(
    name, width, visit
):
    for ticks in visit(name, width).page.evaluate(TICKS):
        labels = ticks["labels"]
        assert ticks["count"] == len(labels)
        assert 2 <= ticks["shown"] <= len(labels)
        assert not ticks["overlap"]
        ends = [re.search(r"-?[\d.]+", labels[i])[0] for i in (0, -1)]
        assert ticks["ends"] == ends


@each_chapter
def test_every_film_has_a_number_and_a_picture_for_each_theme(name, visit):
    for scheme in ("light", "dark"):
        page = visit(name, color_scheme=scheme).page
        films = page.locator(".dl-film")
        assert films.count() == page.locator(".dl-scrub").count()
        for film in films.all():
            number = film.locator(".caption-number").first
            assert re.match(r"Fig\. (\d+\.)?\d+", number.text_content())
            seen = film.locator("img").first.evaluate(LOOK)
            assert seen == [scheme, "rgba(0, 0, 0, 0)"]
