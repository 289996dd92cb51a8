"""A reader chooses a language; summaries and cheat sheet speak it."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Visit, look_of
from pages import PHONE

pytestmark = pytest.mark.browser

PAGE = "book/dictionary"
SHEET = "book/cheatsheet"
CHAPTER = "book/02_forward_jump"
NOTHING_STORED = """
Object.defineProperty(window, 'localStorage', {
    get() { throw new Error('no storage here'); },
});
"""
TELL = """language => {
    localStorage.setItem('dl-language', language);
    dispatchEvent(new StorageEvent('storage', {key: 'dl-language'}));
}"""
LINE = "#in-three-lines > ol > li"
JUMP = ".dl-fact:has-text('The jump: the closed form')"
BROKEN = """async () => (await axe.run()).violations.flatMap(
    v => v.nodes.map(node => [v.id, node.html]))"""
THEIRS = ("search-button-field", "sidebar-primary-item")  # the theme's own


@pytest.fixture
def reader(chromium, html):
    """Pages of one browser, which remembers what was chosen before."""
    contexts, errors = [], []

    def note(error):  # the theme itself complains of a missing storage
        if "language.js" in error.stack:
            errors.append(error.stack)

    def new_reader(**look):
        context = chromium.new_context(**look)
        contexts.append(context)

        def open_page(name, width=1280, script=""):
            page = context.new_page()
            page.set_viewport_size({"width": width, "height": 900})
            if script:
                page.add_init_script(script)
            page.on("pageerror", note)
            page.goto((html / f"{name}.html").as_uri())
            return page

        return open_page

    yield new_reader
    for context in contexts:
        context.close()
    assert errors == []


def choose(page, name):
    page.get_by_role("radio", name=name).check()


def shown(page, place):
    return page.locator(place).first.inner_text()


def sideways(page):
    return page.evaluate(
        "document.documentElement.scrollWidth"
        " > document.documentElement.clientWidth"
    )


def test_the_switch_is_four_radio_buttons_under_one_name(reader):
    page = reader()(PAGE)
    group = page.get_by_role("group", name="Your language")
    names = group.get_by_role("radio").all()
    assert len(names) == 4
    assert group.get_by_role("radio", name="DDPM’s t").is_checked()
    for label in group.locator("label").all():
        assert label.bounding_box()["height"] >= 44


def test_what_is_chosen_is_said_on_every_page_and_remembered(reader):
    open_page = reader()
    page = open_page(PAGE)
    choose(page, "flow time")
    said = page.locator(".dl-language-switch [role=status]").inner_text()
    assert said == "Summary boxes and cheat sheet speak flow time now."
    assert open_page(PAGE).get_by_role("radio", name="flow").is_checked()
    chapter = open_page(CHAPTER)
    assert "schedule to be read" in shown(chapter, f"{LINE}:nth-child(2)")
    assert "With" in shown(chapter, f"{LINE}:nth-child(3)")
    note = chapter.locator(".dl-spoken")
    assert note.inner_text() == "Said in flow time. Change the language"
    sheet = open_page(SHEET)
    assert sheet.locator(".dl-said").count() >= 20
    assert sheet.locator(f"{JUMP} .dl-said").is_visible()
    assert not sheet.locator(f"{JUMP} div.math").first.is_visible()
    assert not sheet.locator(f"{JUMP} pre").first.is_visible()


def test_each_language_says_its_own_and_only_the_last(reader):
    page = reader()(SHEET)
    items = page.locator(f"{JUMP} details.dl-languages li")
    written = [item.split(": ", 1)[1] for item in items.all_text_contents()]
    for language, words in zip(
        ("sigma", "flow", "vp"), written, strict=True
    ):
        page.evaluate(TELL, language)
        said = page.locator(f"{JUMP} .dl-said")
        assert said.all_text_contents() == [words]


def test_ddpm_leaves_every_page_as_it_was_written(reader):
    open_page = reader()
    page = open_page(PAGE)
    choose(page, "σ")
    choose(page, "DDPM’s t")
    for name in (CHAPTER, SHEET):
        other = open_page(name)
        assert other.locator(".dl-said, .dl-translated").count() == 0
        assert not other.locator(".dl-spoken").is_visible()
        assert other.locator("details.dl-languages").first.is_visible()


def test_a_page_that_is_open_follows_the_choice_in_another(reader):
    open_page = reader()
    chapter, page = open_page(CHAPTER), open_page(PAGE)
    before = shown(chapter, LINE)
    choose(page, "σ")
    chapter.wait_for_selector(".dl-said")
    assert shown(chapter, LINE) != before
    choose(page, "DDPM’s t")
    chapter.wait_for_selector(".dl-said", state="detached")
    assert shown(chapter, LINE) == before


def test_the_keyboard_is_enough(reader):
    page = reader()(PAGE)
    page.get_by_role("radio", name="DDPM’s t").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("radio", name="σ").is_checked()
    assert page.evaluate("document.documentElement.dataset.language") == (
        "sigma"
    )
    outline = page.evaluate(
        "getComputedStyle(document.activeElement).outlineStyle"
    )
    assert outline != "none"


def test_without_storage_the_choice_holds_for_the_page(reader):
    page = reader()(PAGE, script=NOTHING_STORED)
    choose(page, "VP")
    assert (
        page.evaluate("document.documentElement.dataset.language") == "vp"
    )


def test_what_was_stored_by_others_is_no_language(reader):
    page = reader()(CHAPTER)
    for junk in ("edm", "", "__proto__", "toString"):
        page.evaluate(TELL, junk)
        assert page.locator(".dl-said").count() == 0
        assert page.locator("html").get_attribute("data-language") == "ddpm"


def test_without_javascript_everything_is_there(reader):
    open_page = reader(java_script_enabled=False)
    page = open_page(PAGE)
    assert page.locator(".dl-four li").count() == 44
    assert "switch works in the book" in shown(page, ".dl-language-switch")
    fold = open_page(CHAPTER).locator("details.dl-languages")
    fold.locator("summary").click()
    assert fold.locator("li").count() == 6
    assert fold.locator("li").first.is_visible()


@pytest.mark.parametrize("width", [1280, PHONE, 320])
@pytest.mark.parametrize("name", [PAGE, SHEET, CHAPTER])
def test_nothing_sticks_out(name, width, reader):
    page = reader()(name, width)
    for language in ("ddpm", "sigma", "flow", "vp"):
        page.evaluate(TELL, language)
        assert not sideways(page), language


@pytest.mark.parametrize(
    ("width", "columns"), [(1600, 4), (1280, 2), (768, 2), (PHONE, 1)]
)
def test_the_four_stand_side_by_side_where_there_is_room(
    width, columns, reader
):
    page = reader()(PAGE, width)
    for box in page.locator(".dl-four").all():
        tops = [li.bounding_box()["y"] for li in box.locator("li").all()]
        assert tops.count(tops[0]) == columns


def test_on_paper_the_summary_speaks_and_the_folds_are_gone(reader):
    script = "localStorage.setItem('dl-language', 'sigma')"
    page = reader()(CHAPTER, script=script)
    page.emulate_media(media="print")
    assert page.locator(".dl-said").first.is_visible()
    assert not page.locator("details.dl-languages").is_visible()
    page = reader()(PAGE)
    page.emulate_media(media="print")
    assert page.locator(".dl-four li").first.is_visible()
    assert not page.locator(".dl-language-switch").is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", [PAGE, SHEET, CHAPTER])
def test_axe_finds_nothing_in_any_language(name, theme, chromium, html):
    address = (html / f"{name}.html").as_uri()
    still = {"reduced_motion": "reduce"}  # so no colour is half way
    page = chromium.new_page(**look_of(1280, color_scheme=theme, **still))
    visit = Visit(page, address)
    page = visit.page
    page.evaluate(TELL, "sigma")
    page.evaluate(Axe().axe_script)
    broken = page.evaluate(BROKEN)
    ours = [b for b in broken if not any(t in b[1] for t in THEIRS)]
    assert ours == []
    assert page.locator(".dl-said").count() or name == PAGE
    page.context.close()
