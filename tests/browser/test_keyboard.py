"""Pages without a mouse. (That every control has a name, axe sees to.)"""

import pytest
from pages import CHAPTERS, PAGES

pytestmark = pytest.mark.browser

# What can be pressed, moved or followed by a mouse, and is shown. Radio
# buttons of one name are one stop: inside, the arrow keys move.
VISIBLE = """selector => [...document.querySelectorAll(selector)]
    .filter(e => e.checkVisibility()).length"""
REACHABLE = """() => [...document.querySelectorAll(
        'a[href], button, input, select, summary')]
    .filter(e => e.checkVisibility({visibilityProperty: true})
              && !e.disabled && e.tabIndex >= 0
              && !e.matches('.headerlink, [hidden] *, label + label input'))
    .length"""
# Where the keyboard is, and whether that can be seen.
HERE = """() => {
    const e = document.activeElement, s = getComputedStyle(e);
    return [e.outerHTML.slice(0, 100),
            s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2
            || s.boxShadow !== 'none', e === document.body];
}"""


@pytest.fixture
def stops(visit):
    """All that the Tab key comes to on a page, from the top."""

    def press(name):
        page = visit(name).page
        page.reload()  # the keyboard begins at the top again
        found = []
        for _ in range(page.evaluate(REACHABLE) + 200):
            page.keyboard.press("Tab")
            element, seen, outside = page.evaluate(HERE)
            if outside:
                break
            found.append((element, seen))
        return found

    return press


@pytest.mark.parametrize("name", [PAGES[0], CHAPTERS[0], CHAPTERS[-1]])
def test_the_tab_key_reaches_every_control_and_shows_where(
    name, stops, visit
):
    found = stops(name)
    page = visit(name).page
    elements = [element for element, _ in found]
    assert len(found) >= page.evaluate(REACHABLE)
    assert not [element for element, seen in found if not seen]
    assert "Skip to main content" in elements[0]
    for kind, selector in [
        ("<summary", "details > summary"),
        ('type="range"', "input[type=range]"),
        ("copybtn", "button.copybtn"),
    ]:
        there = page.evaluate(VISIBLE, selector)
        assert sum(kind in element for element in elements) == there


def test_a_formula_is_not_a_stop_of_the_tab_key(stops):
    assert not [e for e, _ in stops(CHAPTERS[0]) if "mjx" in e.lower()]


def test_a_solution_opens_and_closes_by_a_key(visit):
    page = visit(CHAPTERS[0]).page
    for key in ("Enter", "Space"):
        solution = page.locator("details:visible").last.element_handle()
        before = solution.evaluate("e => e.open")  # one with a fold inside
        solution.query_selector("summary").focus()
        page.keyboard.press(key)
        assert solution.evaluate("e => e.open") is not before


def test_what_opens_is_called_by_what_it_says(visit):
    page = visit(CHAPTERS[0]).page
    name = page.get_by_text("Imports", exact=True).first
    summary = page.locator("summary", has=name).first
    assert summary.get_attribute("aria-label") is None


def test_a_bibliography_is_a_list_of_its_entries(visit):
    entries = visit("book/references").page.locator(".citation-list > div")
    assert entries.count() > 5
    roles = {entry.get_attribute("role") for entry in entries.all()}
    assert roles == {"listitem"}


def test_the_copy_button_is_seen_when_the_keyboard_is_on_it(visit):
    page = visit(CHAPTERS[0]).page
    button = page.locator("div.cell_input:visible button.copybtn").first
    page.locator("summary:visible").first.focus()
    page.keyboard.press("Tab")
    button.focus()
    page.wait_for_timeout(400)  # it fades in
    assert button.evaluate("e => getComputedStyle(e).opacity") == "1"
