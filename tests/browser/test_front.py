"""The front page: a film that runs by itself, a button, the chapters."""

import io
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Visit, look_of
from pages import CHAPTERS, PAGES, PHONE, START, TOC
from PIL import Image

pytestmark = pytest.mark.browser

FRONT = TOC["root"]
STEMS = [name.split("/")[1] for name in START + CHAPTERS]
SCREENS = {"desktop": (1400, 900), "phone": (PHONE, 844)}
FILM = ".dl-pulse"
BUTTON = "article p > strong:only-child > a"
NOW = """e => { const s = getComputedStyle(e);
    return [s.getPropertyValue('--dl-frame'), s.getPropertyValue('--dl-t')]
        .map(Number); }"""
SHIFTED = """new PerformanceObserver(list => {
    for (const entry of list.getEntries()) shifts.push(entry.value);
}).observe({type: 'layout-shift', buffered: true})"""
SEEN = """new Promise(seen => requestAnimationFrame(
    () => requestAnimationFrame(seen)))"""


@pytest.fixture
def front(chromium, html):
    """Open the front page, each time anew."""
    visits = []

    def open_page(screen="desktop", **look):
        width, height = SCREENS[screen]
        address = (html / f"{FRONT}.html").as_uri()
        page = chromium.new_page(**look_of(width, **look))
        visits.append(Visit(page, address))
        visits[-1].page.set_viewport_size(
            {"width": width, "height": height}
        )
        return visits[-1].page

    yield open_page
    for visit in visits:
        assert visit.complaints == []
        assert visit.outward == []
        visit.page.context.close()


def film(page):
    return page.locator(FILM)


def wind(page, milliseconds):
    """Have the film at that time; the digits stay from 1600 on."""
    film(page).evaluate(
        "(e, at) => { e.getAnimations()[0].currentTime = at; }",
        milliseconds,
    )


def frames_within(page, milliseconds):
    """What the film shows, again and again, for that long."""
    seen = []
    for _ in range(milliseconds // 100):
        seen.append(tuple(film(page).evaluate(NOW)))
        page.wait_for_timeout(100)
    return seen


# The film


def test_noise_becomes_digits_without_a_hand(front):
    page = front()
    picture = film(page).locator("img")
    wind(page, 0)
    first = picture.screenshot()
    assert len(set(frames_within(page, 1000))) > 3
    assert picture.screenshot() != first


def test_it_moves_without_a_script(chromium, html):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((html / f"{FRONT}.html").as_uri())
    picture = film(page).locator("img")
    seen = {picture.screenshot() for _ in range(4)}
    page.wait_for_timeout(500)
    seen.add(picture.screenshot())
    page.get_by_label("Hold still").check()
    held = picture.screenshot()
    page.wait_for_timeout(3500)  # longer than the digits stay
    assert picture.screenshot() == held
    assert len(seen) > 1
    context.close()


def test_the_t_beside_it_is_that_of_the_frame(front):
    page = front()
    pairs = set(frames_within(page, 7000))  # once round
    assert len(pairs) == len({frame for frame, _ in pairs}) > 15
    falling = sorted(pair for pair in pairs if pair[0] <= 20)
    steps = [t for _, t in falling]
    assert steps == sorted(steps, reverse=True)
    assert (20, 0) in pairs
    shown = film(page).locator(".dl-t")
    content = shown.evaluate("e => getComputedStyle(e, '::after').content")
    assert content == '"t = " counter(dl-t)'


def test_it_stops_when_it_is_told_to_and_goes_on(front):
    page = front()
    page.get_by_label("Hold still").check()
    wind(page, 300)
    assert len(set(frames_within(page, 1000))) == 1
    page.get_by_label("Hold still").press("Space")
    assert len(set(frames_within(page, 1000))) > 3


def test_it_stops_where_nobody_sees_it(front):
    page = front()
    state = "e => getComputedStyle(e).animationPlayState"
    assert film(page).evaluate(state) == "running"
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_function(
        f"({state})(document.querySelector('{FILM}')) === 'paused'"
    )
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_function(
        f"({state})(document.querySelector('{FILM}')) === 'running'"
    )


def test_it_stands_still_for_those_who_ask_for_that(front):
    page = front(reduced_motion="reduce")
    assert film(page).evaluate("e => e.getAnimations().length") == 0
    assert film(page).evaluate(NOW) == [20, 0]
    assert not page.get_by_label("Hold still").is_visible()


def test_on_paper_it_is_the_digits(front):
    page = front()
    page.emulate_media(media="print")
    assert film(page).evaluate("e => e.getAnimations().length") == 0
    assert film(page).evaluate(NOW) == [20, 0]


def test_the_film_is_light_and_described(front):
    image = film(front()).locator("img")
    assert len(image.get_attribute("src")) < 4 / 3 * 120_000
    assert len(image.get_attribute("alt")) > 40


# The first screen


@pytest.mark.parametrize("screen", SCREENS)
def test_the_first_screen_holds_name_sentence_film_and_button(
    front, screen
):
    page = front(screen)
    width, height = SCREENS[screen]
    for part in ("article h1", "article h1 + p", FILM, BUTTON):
        box = page.locator(part).first.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    assert page.locator(BUTTON).count() == 1


def test_the_button_leads_to_the_start(front):
    page = front()
    page.locator(BUTTON).click()
    assert page.url.endswith(f"{START[0]}.html")


# The cards


def test_each_chapter_has_one_card(front):
    page = front()
    links = page.locator(".dl-cards > li a")
    targets = links.evaluate_all("all => all.map(e => e.href)")
    assert [t.split("/")[-1] for t in targets] == [
        f"{stem}.html" for stem in STEMS
    ]
    for part in (".dl-asks", ".dl-minutes"):
        texts = page.locator(f".dl-cards {part}").all_inner_texts()
        assert len(texts) == len(STEMS)
        assert all(texts)
    asked = page.locator(".dl-cards .dl-asks").all_inner_texts()
    assert all(text.endswith("?") for text in asked)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_card_bears_the_number_of_its_chapter(front, screen):
    """(The style sheet counts; only what is spoken holds the number.)"""
    page = front(screen)
    browser = page.context.new_cdp_session(page)
    spoken = [
        node.get("name", {}).get("value", "")
        for node in browser.send("Accessibility.getFullAXTree")["nodes"]
        if node["role"]["value"] == "StaticText"
    ]
    links = page.locator(".dl-cards a")
    for number, title in enumerate(links.all_inner_texts()):
        before = [
            spoken[i - 1].strip()
            for i, text in enumerate(spoken)
            if text == title
        ]
        assert str(number) in before


def test_every_picture_loads_when_it_comes_near_and_moves_nothing(front):
    page = front()
    page.evaluate("globalThis.shifts = []")
    page.evaluate(SHIFTED)
    images = page.locator(".dl-cards img:visible")
    assert images.count() == len(STEMS)
    for image in images.all():
        before = image.bounding_box()
        image.scroll_into_view_if_needed()
        image.evaluate("e => e.decode()")
        assert image.evaluate("e => e.naturalWidth") > 0
        assert image.bounding_box()["height"] == before["height"]
        assert image.get_attribute("loading") == "lazy"
    page.evaluate(SEEN)
    assert sum(page.evaluate("shifts")) < 0.01  # the letters' faces arrive


def test_a_picture_has_its_place_before_it_comes(chromium, html):
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.route("**/_images/chapters/*", lambda route: route.abort())
    page.goto((html / f"{FRONT}.html").as_uri())
    for image in page.locator(".dl-cards img:visible").all():
        assert image.evaluate("e => e.naturalWidth") == 0
        box = image.bounding_box()
        assert box["width"] > 300
        assert box["width"] == pytest.approx(2 * box["height"], rel=0.01)
    page.close()


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_card_has_the_ground_of_the_page(front, theme, screen):
    """White paper in the light, none in the dark."""
    page = front(screen, color_scheme=theme)
    images = page.locator(".dl-cards img:visible")
    assert images.count() == len(STEMS)
    for image in images.all():
        image.scroll_into_view_if_needed()
        image.evaluate("e => e.decode()")
        shot = Image.open(io.BytesIO(image.screenshot())).convert("L")
        wide, high = shot.size
        corners = [(4, 4), (wide - 4, 4), (4, high - 4)]
        greys = [shot.getpixel(place) for place in corners]
        assert all(g > 250 if theme == "light" else g < 30 for g in greys)
        darkest, lightest = shot.getextrema()
        assert lightest - darkest > 100  # there is a picture


def test_a_card_can_be_pressed_anywhere(front):
    page = front()
    for place in ("img:visible", ".dl-asks"):
        page.locator(f".dl-cards li >> nth=4 >> {place}").click(force=True)
        page.wait_for_url(f"**/{STEMS[4]}.html")
        page.go_back()


def test_the_keyboard_goes_from_card_to_card(front):
    page = front()
    page.locator(".dl-cards a").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{STEMS[1]}.html")


def test_without_a_style_the_cards_are_a_list_that_reads_well(front):
    page = front()
    page.evaluate(
        "document.querySelectorAll('link[rel=stylesheet], style')"
        ".forEach(e => e.remove())"
    )
    rows = page.locator(".dl-cards > li").all_inner_texts()
    form = re.compile(r"\S.+[.?] \S.+\? \d+ minutes")
    assert all(form.fullmatch(row.strip()) for row in rows)


# The name, the version


def test_the_front_page_is_called_as_the_book_and_every_other_names_it(
    visit,
):
    name = visit(FRONT).page.title()
    assert name == visit(FRONT).page.locator("article h1").evaluate(
        "e => e.firstChild.textContent"
    )
    for page in PAGES[1:4]:
        assert visit(page).page.title().endswith(f" — {name}")
        assert (
            visit(page).page.locator(".navbar-brand").inner_text() == name
        )
    assert visit(FRONT).page.locator(".navbar-brand").inner_text() == name


@pytest.mark.parametrize("name", [FRONT, CHAPTERS[0]])
def test_the_foot_says_which_version_this_is(visit, name):
    foot = visit(name).page.locator(".dl-imprint")
    assert re.match(r"Version \d+\.\d+\.\d+", foot.inner_text())
    link = foot.locator("a")
    assert link.get_attribute("href").endswith("/main.zip")


# For all readers


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_film_and_cards(front, theme):
    page = front(color_scheme=theme, reduced_motion="reduce")
    page.evaluate(Axe().axe_script)
    found = page.evaluate(
        """async () => (await axe.run({include: [['.dl-pulse'],
            ['.dl-cards'], ['.dl-imprint']]}, {preload: false})).violations
            .map(v => [v.id, v.nodes[0].html])"""
    )
    assert found == []
