"""Formulas were set when the book was built: seen, heard and copied."""

import pytest
from pages import CHAPTERS, PHONE, each_page

pytestmark = pytest.mark.browser

PAGE = CHAPTERS[1]  # 2, the one with the most formulas

# What is drawn for eyes, and what is said.
TWICE = """() => [...document.querySelectorAll('mjx-container')].map(e => [
    e.querySelectorAll(':scope > mjx-math[aria-hidden=true]').length,
    e.querySelectorAll(':scope > mjx-assistive-mml > math').length,
    e.querySelectorAll('math').length])"""
# TeX that nobody has set. (Code, and what code prints, may well hold it.)
RAW = r"""() => { const copy = document.body.cloneNode(true);
    copy.querySelectorAll('pre, code, script, dl.py')
        .forEach(e => e.remove());
    return copy.textContent.match(/\$\$|\\[([]|\\[a-z]{3,}/g) ?? []; }"""
# How far the middle of a formula is from the middle of its line, unless a
# number as wide on either side leaves no room for it there, and how far its
# number ends from the end of the line.
PLACES = """() => [...document.querySelectorAll('.bd-article div.math')]
    .filter(e => e.checkVisibility())
    .map(e => { const [line, formula, number] =
        [e, e.querySelector('mjx-container'), e.querySelector('.eqno')]
            .map(part => part?.getBoundingClientRect());
        const room = line.width - 2 * (number?.width ?? 0);
        return [formula.width > room + 1 ? 0 :
                (formula.left + formula.right - line.left - line.right) / 2,
                number && line.right - number.right]; })"""
# The height of an x in the formula and beside it.
HEIGHTS = """() => [...document.querySelectorAll(
        '.bd-article span.math > mjx-container:not([style*="--em"])')]
    .filter(e => e.checkVisibility())
    .map(e => { const probe = document.createElement('span');
        probe.style.cssText = 'display: inline-block; height: 1ex';
        e.parentElement.append(probe);
        const beside = probe.getBoundingClientRect().height;
        probe.remove();
        return 0.442 * parseFloat(getComputedStyle(e).fontSize) / beside;
    })"""
# Marks that begin a line while their formula ends the one before.
PARTED = """() => [...document.querySelectorAll('.bd-article span.math')]
    .filter(e => e.checkVisibility()
             && /^[.,;:!?)]/.test(e.nextSibling?.data ?? ''))
    .map(e => { const range = document.createRange();
        range.setStart(e.nextSibling, 0);
        range.setEnd(e.nextSibling, 1);
        const [formula, mark] = [e, range].map(
            part => part.getBoundingClientRect());
        return [mark.top < formula.bottom, e.parentElement.textContent]; })
    .filter(([beside]) => !beside).map(([, text]) => text)"""
COPY = """([first, last]) => {
    const range = document.createRange();
    range.setStartBefore(first);
    range.setEndAfter(last);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    const data = new DataTransfer();
    const event = new ClipboardEvent('copy',
        {clipboardData: data, cancelable: true, bubbles: true});
    first.dispatchEvent(event);
    getSelection().removeAllRanges();
    return [event.defaultPrevented, data.getData('text/plain'),
            data.getData('text/html')]; }"""


def copied(page, first, last):
    ends = [
        page.query_selector(f"xpath=({one})[1]") for one in (first, last)
    ]
    return page.evaluate(COPY, ends)


@each_page
def test_a_formula_is_drawn_once_and_said_once(name, visit):
    parts = visit(name).page.evaluate(TWICE)
    assert [p for p in parts if p != [1, 1, 1]] == []


@each_page
def test_no_tex_is_left_in_the_text(name, visit):
    assert visit(name).page.evaluate(RAW) == []


@each_page
def test_no_line_begins_with_the_mark_after_a_formula(name, visit):
    assert visit(name, width=PHONE).page.evaluate(PARTED) == []


@each_page
def test_a_formula_stands_in_the_middle_and_its_number_at_the_edge(
    name, visit
):
    for aside, to_the_edge in visit(name).page.evaluate(PLACES):
        assert abs(aside) < 1
        assert to_the_edge is None or abs(to_the_edge) < 1


@each_page
def test_an_x_is_as_high_as_the_x_beside_it(name, visit):
    shares = visit(name).page.evaluate(HEIGHTS)
    assert shares == pytest.approx([1] * len(shares), rel=0.06)


def test_a_formula_in_a_sentence_is_copied_as_tex(visit):
    page = visit(PAGE).page
    tex = page.locator("p span.math").first.get_attribute("data-tex")
    sentence = "//p[span[contains(@class, 'math')]]"
    stopped, text, marked = copied(page, sentence, sentence)
    assert stopped
    assert f" ${tex}$" in text
    assert text.count("$") % 2 == 0
    assert "<math" in marked
    assert "mjx-" not in marked


def test_a_line_of_its_own_is_copied_as_one_without_its_number(visit):
    page = visit(PAGE).page
    formula = "//div[contains(@class, 'math')][span[@class='eqno']]"
    tex = page.locator(f"xpath=({formula})[1]").get_attribute("data-tex")
    _, text, _ = copied(page, formula, f"{formula}/following::p")
    assert text.startswith(f"$${tex}$$")
    assert "#" not in text
    assert text.removeprefix(f"$${tex}$$")[0] == "\n"


def test_a_formula_of_which_a_part_was_marked_is_copied_whole(visit):
    page = visit(PAGE).page
    part = "//p/span[contains(@class, 'math')]//*[name()='mjx-c']"
    tex = page.locator("p span.math").first.get_attribute("data-tex")
    assert copied(page, part, part)[1] == f"${tex}$"


def test_words_without_a_formula_are_left_to_the_browser(visit):
    title = "//article//h1"
    assert copied(visit(PAGE).page, title, title)[0] is False
