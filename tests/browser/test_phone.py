"""Every page on a phone: fingers, short lines, small figures."""

import re

import pytest
from pages import CHAPTERS, PHONE, each_chapter, each_page

pytestmark = pytest.mark.browser

FINGER = 44  # pixels, as WCAG 2.5.5 and the makers of phones have it
LEGIBLE = 11  # pixels, of the smallest lettering: ticks, legends, names
CONTROLS = "button, input, select, summary, [role=button], .btn, .nav-link"
LISTS = ".bd-links a, .navbar-brand, .prev-next-area a"

# Links in running text are exempt, and so is what nobody can see now. What
# stands in a label is pressed anywhere on the label.
SMALL = """([selector, finger]) => [...document.querySelectorAll(selector)]
    .filter(e => e.checkVisibility({visibilityProperty: true})
              && !e.closest('.visually-hidden'))
    .map(e => [e, (e.closest('label') ?? e).getBoundingClientRect()])
    .filter(([e, box]) => box.width && box.height
         && Math.min(box.width, box.height) < finger - 0.5)
    .map(([e, box]) => `${e.outerHTML.slice(0, 60)}
                        ${box.width} x ${box.height}`)"""
SIDEWAYS = """() => [...document.querySelectorAll(
        '.bd-article :not(.dl-columns) > .highlight > pre')]
    .filter(e => e.scrollWidth > e.clientWidth + 1)
    .map(e => e.textContent.slice(0, 60))"""
# Where a broken line of code begins, and where it goes on.
BROKEN = """() => [...document.querySelectorAll('.cell_input .dl-line')]
    .filter(e => e.checkVisibility())
    .map(e => { const range = document.createRange();
        const text = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
        const at = [];
        for (let n; n = text.nextNode();)
            for (let i = 0; i < n.length; i++) if (n.data[i].trim()) {
                range.setStart(n, i); range.setEnd(n, i + 1);
                at.push(range.getBoundingClientRect()); }
        return at; })
    .filter(at => at.length && at.at(-1).top > at[0].bottom)
    .map(at => [at[0].left, Math.min(...at
        .filter(box => box.top > at[0].bottom).map(box => box.left))])"""
# The sizes of all letters in figures, in pixels of the screen; those of a
# film are as much larger as its strip is, which is a file of its own.
LETTERS = """() => [...document.querySelectorAll('.dl-figure svg')]
    .filter(e => e.checkVisibility()).flatMap(svg => { const share =
        svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    return [...svg.querySelectorAll('text')].map(e => share
        * parseFloat(e.style.fontSize)); })"""
STRIPS = """() => [...document.querySelectorAll('.dl-frame img')]
    .filter(e => e.checkVisibility())
    .map(e => [e.parentElement.querySelector('source')?.srcset
            ?? e.getAttribute('src'),
        e.getBoundingClientRect().width])"""

# Small print, in shares of what stands around it.
SMALL_PRINT = """() => [...document.querySelectorAll('.bd-article small')]
    .map(e => [e, e.parentElement].map(
        one => parseFloat(getComputedStyle(one).fontSize)))
    .map(([own, around]) => own / around)"""
TABLES = """() => [...document.querySelectorAll('.bd-article table')]
    .map(e => [e.offsetWidth, e.parentElement.clientWidth])"""
# Is a formula wider than its place, and which share of its usual size? (In
# folds as well, which are open while it is measured.)
FORMULAS = """() => { const folds = [
        ...document.querySelectorAll('details:not([open])')];
    folds.forEach(e => e.open = true);
    const found = [...document.querySelectorAll('mjx-container[display]')]
    .filter(e => e.checkVisibility() && e.clientWidth)
    .map(e => { const size = () => parseFloat(getComputedStyle(e).fontSize);
        const now = size();
        e.style.fontSize = 'calc(1ex / 0.442)';
        const usual = size();
        e.style.fontSize = '';
        return [e.scrollWidth > e.clientWidth, now / usual]; });
    folds.forEach(e => e.open = false);
    return found; }"""
SMALLEST = 0.7  # custom.css


def small(page, selector):
    return page.evaluate(SMALL, [selector, FINGER])


@each_page
def test_every_control_is_as_large_as_a_fingertip(name, visit):
    assert small(visit(name, PHONE).page, f"{CONTROLS}, {LISTS}") == []


@pytest.mark.parametrize("sidebar", ["primary", "secondary"])
def test_what_a_sidebar_holds_is_as_large_as_a_fingertip(sidebar, visit):
    page = visit(CHAPTERS[0], PHONE, has_touch=True).page
    page.locator(f".{sidebar}-toggle").first.click()
    dialog = page.locator(f"#pst-{sidebar}-sidebar-modal")
    assert dialog.locator("a").count() > 5
    assert small(page, f"dialog a, dialog {CONTROLS}") == []
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_the_search_field_is_as_large_as_a_fingertip(visit):
    page = visit(CHAPTERS[0], PHONE, has_touch=True).page
    page.locator(".search-button:visible").click()
    assert page.locator("dialog input").is_visible()
    assert small(page, "dialog input") == []
    page.keyboard.press("Escape")


@pytest.mark.parametrize("width", [320, 360])
@each_page
def test_the_narrowest_page_is_not_moved_sideways(name, width, visit):
    page = visit(name, PHONE).page
    page.set_viewport_size({"width": width, "height": 640})
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size({"width": PHONE, "height": 900})
    assert wide <= width


@each_page
def test_small_print_is_smaller_than_what_is_around_it(name, visit):
    sizes = visit(name, PHONE).page.evaluate(SMALL_PRINT)
    assert [size for size in sizes if not 0.8 < size < 1] == []


@each_page
def test_no_code_is_read_by_scrolling_sideways(name, visit):
    assert visit(name, PHONE).page.evaluate(SIDEWAYS) == []


# The tables that were printed: how many letters wide, how many lines high,
# and whether they must be moved sideways.
PRINTED = """() => [...document.querySelectorAll('.dl-columns pre')]
    .map(e => { const style = getComputedStyle(e);
        const lines = e.textContent.trimEnd().split('\\n');
        const height = e.clientHeight - parseFloat(style.paddingTop)
            - parseFloat(style.paddingBottom);
        return [Math.max(...lines.map(line => line.trimEnd().length)),
            Math.round(height / parseFloat(style.lineHeight)),
            lines.length, e.scrollWidth > e.clientWidth + 1]; })"""


def test_printed_columns_stay_columns(visit):
    for name in (CHAPTERS[8], CHAPTERS[4]):
        tables = visit(name, PHONE).page.evaluate(PRINTED)
        assert len(tables) >= 2
        for wide, high, lines, moved in tables:
            assert high == lines
            assert not moved if wide <= 50 else moved or wide < 53
    assert any(moved for *_, moved in tables)


def test_a_long_message_is_broken(visit):
    page = visit("book/bound", PHONE).page
    text = "a network that predicts"
    line = page.locator(".stream .dl-line", has_text=text).first
    box = line.bounding_box()
    assert box["height"] > 50
    assert box["x"] + box["width"] <= PHONE


def test_a_broken_line_of_code_goes_on_further_in(visit):
    page = visit(CHAPTERS[0], PHONE).page
    broken = page.evaluate(BROKEN)
    assert len(broken) > 5
    assert all(rest > begin + 10 for begin, rest in broken)


@each_chapter
def test_the_smallest_lettering_of_a_figure_can_be_read(name, visit, html):
    page = visit(name, PHONE).page
    letters = page.evaluate(LETTERS)
    for address, width in page.evaluate(STRIPS):
        film = (html / "book" / address).resolve().read_text("utf-8")
        share = width / float(re.search(r'width="([\d.]+)"', film)[1])
        sizes = re.findall(r"font-size:([\d.]+)px", film)
        letters += [share * float(size) for size in sizes]
    assert len(letters) > 20
    assert min(letters) >= LEGIBLE


def test_a_table_of_results_is_seen_whole(visit):
    widths = visit("book/benchmarks", PHONE).page.evaluate(TABLES)
    assert len(widths) > 3
    assert all(table <= place for table, place in widths)


def formulas(page):
    return page.evaluate(FORMULAS)


@each_page
def test_a_formula_is_seen_whole_and_is_not_too_small(name, visit):
    for too_wide, size in formulas(visit(name, PHONE).page):
        assert not too_wide
        assert SMALLEST - 0.01 < size < 1.01


def test_only_what_is_too_wide_is_set_smaller(visit):
    sizes = [size for _, size in formulas(visit(CHAPTERS[1], PHONE).page)]
    assert min(sizes) < 0.99 < max(sizes)
    wide = formulas(visit(CHAPTERS[1]).page)
    assert [size for _, size in wide] == pytest.approx([1] * len(sizes))


def test_a_formula_is_fitted_again_when_the_screen_is_turned(visit):
    page = visit(CHAPTERS[1], 1000).page
    wide = formulas(page)
    for _ in range(2):  # nothing adds up
        page.set_viewport_size({"width": PHONE, "height": 844})
        page.wait_for_timeout(100)
        for too_wide, size in formulas(page):
            assert not too_wide or size < SMALLEST + 0.01
        page.set_viewport_size({"width": 1000, "height": 900})
        page.wait_for_timeout(100)
        assert formulas(page) == wide


def test_the_code_that_is_copied_is_the_code_that_was_written(visit):
    wide, phone = (visit(CHAPTERS[0], w).page for w in (1280, PHONE))
    texts = [
        page.locator("div.cell_input pre").all_text_contents()
        for page in (wide, phone)
    ]
    assert texts[0] == texts[1]
    assert "\u200b" not in "".join(texts[0])
    assert "import torch\n" in texts[0][0]
