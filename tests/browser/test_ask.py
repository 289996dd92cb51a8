"""A reader answers a question; what follows waits for it."""

import json
import re

import pytest
from conftest import Visit, look_of
from pages import CHAPTERS, START, each_chapter
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

NAME = CHAPTERS[6]
COUNTS = CHAPTERS[0]  # its first question asks for 0.01 ± 0.001
BOX = "blockquote:has(details.dl-ask)"
STORED = "localStorage.getItem('dl-answers')"
NOTHING_STORED = """
Object.defineProperty(window, 'localStorage', {
    get() { throw new Error('no storage here'); },
});
"""


@pytest.fixture
def ask(chromium, html):
    """Open a page in a browser that has seen none before."""
    visits = []

    def open_page(name=NAME, at="", **look):
        address = (html / f"{name}.html").as_uri() + at
        page = chromium.new_page(**look_of(1280, **look))
        visits.append(Visit(page, address, veiled=True))
        return visits[-1].page

    yield open_page
    for visit in visits:
        assert visit.complaints == []
        visit.page.context.close()


def box(page, number=0):
    return page.locator(BOX).nth(number)


def right_and_wrong(page, number=0):
    """The places of the right choice and of a wrong one."""
    verdicts = [
        re.search(r": (yes|no)\. ", item)[1]
        for item in box(page, number).locator("li").all_text_contents()
    ]
    return verdicts.index("yes"), verdicts.index("no")


def choose(page, choice, number=0):
    box(page, number).locator("input").nth(choice).check()
    box(page, number).get_by_role(
        "button", name="That is my answer"
    ).click()


def veiled(page):
    return page.locator(".dl-veiled").count()


def verdict(page, number=0):
    return box(page, number).get_by_role("status").inner_text()


@each_chapter
def test_every_fold_becomes_a_form_with_its_choices(visit, name):
    page = visit(name).page
    boxes = page.locator(BOX).all()
    assert len(boxes) >= 3
    for each in boxes:
        assert not each.locator("details").is_visible()
        rows, choices = each.locator("label"), each.locator("li").count()
        assert choices >= 2
        if "Write a number" in each.locator("summary").text_content():
            assert each.get_by_label("Your number").count() == 1
            choices = 1
        assert rows.count() == choices
        for label in each.locator("label").all():
            assert label.inner_text().strip()


def test_what_follows_is_veiled_until_the_answer(ask):
    page = ask()
    before = veiled(page)
    follows = box(page).locator("xpath=following-sibling::*[1]")
    assert follows.evaluate("e => e.inert && e.matches('.dl-veiled')")
    right, _ = right_and_wrong(page)
    choose(page, right)
    assert veiled(page) < before
    assert not follows.evaluate("e => e.inert || e.matches('.dl-veiled')")
    label = box(page).locator("label").nth(right).inner_text().strip()
    assert verdict(page).startswith("You said ")
    assert ": right. " in verdict(page)
    assert label.split()[0] in verdict(page)


def test_a_sampler_waits_for_no_answer(ask):
    page = ask("book/08_sampling_ddim")
    assert veiled(page) > 0
    sampler = page.locator(".dl-sampler")
    assert sampler.count() == 1
    assert not sampler.evaluate("e => e.closest('.dl-veiled, [inert]')")


def test_a_wrong_answer_is_told_why_and_what_is_right(ask):
    page = ask()
    _, wrong = right_and_wrong(page)
    choose(page, wrong)
    said, right = verdict(page).split("\n\n")
    assert said.startswith("You said ")
    assert len(said.split(": no. ")[1].split()) >= 5
    assert right.startswith("It is ")


def write(page, number, key="Enter"):
    field = box(page).get_by_label("Your number")
    field.fill(number)
    field.press(key)


def again(page):
    box(page).get_by_role("button", name="Answer again").click()


def test_a_number_within_the_range_is_right(ask):
    page = ask(COUNTS)
    before = veiled(page)
    for number in ("0.01", "0,0105", "1e-2", ".009", "0.011"):
        write(page, number)
        right = f"You said {number}: right. The root"
        assert verdict(page).startswith(right)
        assert "±" not in verdict(page)
        assert veiled(page) < before
        again(page)
        assert veiled(page) == before


def test_a_wrong_number_is_told_why_and_what_is_right(ask):
    page = ask(COUNTS)
    for number, why in [
        ("0.0001", "That is the variance"),
        ("1.5", "That is where the value lands"),
        ("0.0111", "That is too large."),
        ("0.0089", "That is too small."),
        ("−0.01", "That is too small."),
        ("1,000", "That is too large."),
    ]:
        write(page, number)
        said, right = verdict(page).split("\n\n")
        assert said.startswith(f"You said {number}: no. {why}")
        assert right.startswith("It is 0.01: The root")
        again(page)


def test_what_is_no_number_is_no_answer(ask):
    page = ask(COUNTS)
    before = veiled(page)
    for words in ("", "small", "1 2", "0.0.1", "±1", "1 %", "Infinity"):
        write(page, words)
        assert verdict(page).startswith("Write a number first, as ")
        assert veiled(page) == before


def test_a_comma_parts_thousands_or_decimals(ask):
    page = ask("book/14_likelihood")
    two = page.locator(BOX, has_text="How many bits does a pixel cost?")
    field = two.get_by_label("Your number")
    for number, said in [("4,09", "right"), ("4,090", "no. That is too l")]:
        field.fill(number)
        field.press("Enter")
        assert f"You said {number}: {said}" in two.inner_text()
        two.get_by_role("button", name="Answer again").click()


def test_a_number_is_remembered_counted_and_given_again(ask):
    page = ask(COUNTS)
    write(page, "0.0100")
    count = page.locator(BOX).count()
    way = f"Your answers on this page: 1 of {count} right"
    assert page.locator(".dl-way").inner_text().startswith(way)
    page.reload()
    assert page.locator(".dl-way").inner_text().startswith(way)
    assert verdict(page).startswith("You said 0.0100: right. ")
    field = box(page).get_by_label("Your number")
    assert field.input_value() == "0.0100"
    assert field.is_disabled()
    box(page).get_by_role("button", name="Answer again").click()
    assert field.input_value() == verdict(page) == ""
    assert field.evaluate("e => e === document.activeElement")


def test_a_number_may_be_passed(ask):
    page = ask(COUNTS)
    box(page).get_by_role("button", name="Pass").click()
    assert verdict(page).startswith("You passed. It is 0.01: The root")


def test_the_field_for_a_number_is_for_fingers_and_numbers(ask):
    page = ask(COUNTS)
    field = box(page).get_by_label("Your number")
    assert field.bounding_box()["height"] >= 44
    assert field.get_attribute("inputmode") == "decimal"


def test_what_was_stored_by_others_is_no_answer(ask):
    page = ask(COUNTS)
    write(page, "0.01")
    stored = json.loads(page.evaluate(STORED))
    ((where, kept),) = stored.items()
    for junk in (True, "x", {}, 0, None):
        given = dict.fromkeys(kept["given"], junk)
        spoilt = json.dumps({where: kept | {"given": given}})
        page.evaluate("s => localStorage.setItem('dl-answers', s)", spoilt)
        page.reload()
        assert verdict(page) == ""


def test_a_reader_may_pass(ask):
    page = ask()
    box(page).get_by_role("button", name="Pass").click()
    assert verdict(page).startswith("You passed. It is ")
    assert box(page).locator("input:checked").count() == 0


def test_no_choice_is_no_answer(ask):
    page = ask()
    before = veiled(page)
    box(page).get_by_role("button", name="That is my answer").click()
    assert verdict(page) == "Choose one of the answers first, or pass."
    assert veiled(page) == before


def test_an_answer_is_remembered_and_can_be_given_again(ask):
    page = ask()
    _, wrong = right_and_wrong(page)
    choose(page, wrong)
    said = verdict(page)
    page.reload()
    assert verdict(page) == said
    assert box(page).locator("input").nth(wrong).is_checked()
    box(page).get_by_role("button", name="Answer again").click()
    assert verdict(page) == ""
    assert (
        box(page)
        .locator("input")
        .first.evaluate("e => e === document.activeElement")
    )
    follows = box(page).locator("xpath=following-sibling::*[1]")
    assert follows.evaluate("e => e.matches('.dl-veiled')")


def test_the_keyboard_is_enough(ask):
    page = ask()
    box(page).locator("input").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert verdict(page).startswith("You said ")
    assert page.evaluate("document.activeElement.textContent") == (
        "Answer again"
    )


def test_everything_can_be_shown_and_veiled_again(ask):
    page = ask()
    before = veiled(page)
    assert before > 0
    buttons = page.get_by_role("button", name="Show everything")
    buttons.last.click()  # at the end of the page
    assert veiled(page) == 0
    page.reload()
    assert veiled(page) == 0
    page.get_by_role("button", name="Veil what answers").last.click()
    assert veiled(page) == before


def test_everything_can_be_shown_from_the_first_question(ask):
    page = ask()
    form = box(page).locator("form")
    form.get_by_role("button", name="Show everything").press("Enter")
    assert veiled(page) == 0
    there = page.evaluate("document.activeElement.textContent")
    assert there == "Veil what answers the questions"
    page.keyboard.press("Enter")
    assert veiled(page) > 0


def closed(page):
    """The boxes that something waits for."""
    return page.locator(f"{BOX}:has(> .dl-why:not([hidden]))")


@each_chapter
def test_everything_can_be_shown_from_every_closed_box(ask, name):
    page = ask(name)
    count = closed(page).count()
    assert count >= 1
    for number in range(count):
        before = veiled(page)
        form = closed(page).nth(number).locator("form")
        form.get_by_role("button", name="Show everything").press("Enter")
        assert veiled(page) == 0
        page.keyboard.press("Enter")  # the same button veils it again
        assert veiled(page) == before


def test_a_box_that_closes_nothing_offers_nothing(ask):
    page = ask()
    right, _ = right_and_wrong(page, 1)
    choose(page, right, 1)
    recall = page.locator(BOX, has_text="Recall").first
    for form in (box(page, 1), recall):
        assert not form.get_by_role("button", name="Show").is_visible()
    form = box(page).locator("form")
    assert form.get_by_role("button", name="Show everything").is_visible()


def middle(page, number=0):
    """A point in the blur after a box."""
    veil = page.locator(".dl-veiled").nth(number)
    veil.scroll_into_view_if_needed()
    bounds = veil.bounding_box()
    return (
        bounds["x"] + bounds["width"] / 2,
        bounds["y"] + bounds["height"] / 2,
    )


def seen(page, number=0):
    """Can the note be seen that says why it waits?"""
    note = box(page, number).locator(".dl-why")
    opacity = "e => getComputedStyle(e).opacity === '1'"
    return note.is_visible() and note.evaluate(opacity)


@pytest.mark.parametrize("finger", [False, True])
def test_a_click_into_the_blur_is_told_why_and_can_show_it(ask, finger):
    page = ask(has_touch=finger)
    assert not seen(page)
    before, (x, y) = veiled(page), middle(page, 1)
    (page.touchscreen.tap if finger else page.mouse.click)(x, y)
    assert seen(page)
    note = box(page).locator(".dl-why")
    assert "until you answer the question above" in note.inner_text()
    assert abs(note.bounding_box()["y"] - y) < 30
    note.get_by_role("button", name="Show this").click()
    assert 0 < veiled(page) < before
    assert not seen(page)
    assert verdict(page) == ""
    page.reload()
    assert veiled(page) == before  # it was for that visit


def test_the_note_shows_everything_too_and_goes_when_asked(ask):
    page = ask()
    for leave in (
        lambda: page.keyboard.press("Escape"),
        lambda: page.locator(".bd-article").click(
            position={"x": 2, "y": 2}
        ),
        lambda: box(page).locator("p").first.click(),
    ):
        page.mouse.click(*middle(page))
        assert seen(page)
        leave()
        assert not seen(page)
    page.mouse.click(*middle(page))
    note = box(page).locator(".dl-why")
    note.get_by_role("button", name="Show everything").click()
    assert veiled(page) == 0
    assert not seen(page)


def test_the_tab_key_meets_the_note_where_it_leaps_over_the_blur(ask):
    page = ask()
    form = box(page).locator("form")
    form.get_by_role("button", name="Show everything").focus()
    page.keyboard.press("Tab")
    assert seen(page)
    group = box(page).get_by_role("group", name="Blurred until you answer")
    assert group.evaluate("e => e.contains(document.activeElement)")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert not seen(page)  # and it is no trap
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert seen(page)
    page.keyboard.press("Enter")
    follows = box(page).locator("xpath=following-sibling::*[1]")
    assert follows.evaluate("e => !e.inert && e === document.activeElement")


def test_the_note_is_large_enough_on_a_phone(ask):
    page = ask()
    page.set_viewport_size({"width": 390, "height": 844})
    page.mouse.click(*middle(page))
    for button in box(page).locator(".dl-why button").all():
        bounds = button.bounding_box()
        assert bounds["height"] >= 44
        assert bounds["x"] + bounds["width"] <= 390


PRICE = "book/09_guidance", "#the-price-in-numbers"


def heading_of(page):
    """What is veiled now, as the sections that it stands in."""
    return set(
        page.locator(".dl-veiled").evaluate_all(
            "all => all.map(e => e.closest('section').id)"
        )
    )


def test_who_comes_to_a_section_by_its_address_sees_it(ask):
    name, at = PRICE
    page = ask(name)
    everywhere = heading_of(page)
    assert at[1:] in everywhere
    page = ask(name, at)
    assert heading_of(page) == everywhere - {at[1:]}
    question = page.locator(f"{at} {BOX}").first
    assert question.get_by_role("status").inner_text() == ""
    page.evaluate("location.hash = '#sevens-that-are-not-sevens'")
    left = everywhere - {at[1:], "sevens-that-are-not-sevens"}
    page.wait_for_function(
        "n => new Set([...document.querySelectorAll('.dl-veiled')].map("
        "e => e.closest('section').id)).size === n",
        arg=len(left),
    )
    page.get_by_role("button", name="Show everything").last.click()
    page.get_by_role("button", name="Veil what answers").last.click()
    assert heading_of(page) == everywhere


def test_who_comes_by_a_search_sees_the_section(ask):
    name, at = PRICE
    page = ask(name)
    page.keyboard.press("Control+k")
    page.keyboard.type("the price in numbers")
    page.locator("dialog .dl-found a").first.click()
    page.wait_for_function("at => location.hash === at", arg=at)
    page.wait_for_function(
        "at => !document.querySelector(`${at} .dl-veiled`)", arg=at
    )
    assert veiled(page) > 0


def test_the_top_of_a_page_opens_no_section(ask):
    name, _ = PRICE
    everywhere = heading_of(ask(name))
    assert heading_of(ask(name, "#asking-for-a-seven")) == everywhere


def test_the_page_counts_and_the_map_sums(ask):
    page = ask()
    right, wrong = right_and_wrong(page)
    choose(page, right)
    _, wrong = right_and_wrong(page, 1)
    choose(page, wrong, 1)
    box(page, 2).get_by_role("button", name="Pass").click()
    count = page.locator(BOX).count()
    way = page.locator(".dl-way").inner_text()
    assert way.startswith(
        f"Your answers on this page: 1 of {count} right, 1 passed, "
        f"{count - 3} open. "
    )
    page.goto(page.url.replace(NAME.split("/")[1], "map"))
    line = page.locator(".dl-way-here li")
    title = page.locator("ol > li a").nth(7).inner_text()
    expect(line).to_have_text([f"{title}: 1 of {count} right"])
    page.get_by_role("button", name="Forget all my answers").click()
    way = page.locator(".dl-way-here").inner_text()
    assert way == "Your way so far: nothing answered yet."
    page.go_back()
    page.reload()
    assert verdict(page) == ""


def test_two_tabs_keep_each_others_answers(chromium, html):
    window = chromium.new_context()

    def tab(name):
        page = window.new_page()
        page.goto((html / f"{name}.html").as_uri())
        return page

    one, twin = tab(NAME), tab(NAME)
    other, the_map = tab(CHAPTERS[7]), tab("book/map")
    right, _ = right_and_wrong(twin, 1)
    half_filled_in = box(twin, 1).locator("input").nth(right)
    half_filled_in.check()  # and not sent
    lines = the_map.locator(".dl-way-here li")
    for number, page in enumerate((one, other), 1):
        choose(page, right_and_wrong(page)[0])
        expect(lines).to_have_count(number)
    expect(box(twin).get_by_role("status")).to_contain_text(": right. ")
    assert half_filled_in.is_checked()
    one.reload()
    assert ": right. " in verdict(one)
    window.close()


def test_answers_of_a_page_are_forgotten_when_asked(ask):
    page = ask()
    right, _ = right_and_wrong(page)
    choose(page, right)
    page.get_by_role("button", name="Forget my answers here").click()
    assert verdict(page) == ""
    page.reload()
    assert verdict(page) == ""


def test_a_link_into_what_is_veiled_opens_it(ask):
    page = ask()
    target = page.evaluate(
        "document.querySelector('.dl-veiled [id], .dl-veiled[id]').id"
    )
    before = veiled(page)
    page.evaluate("id => { location.hash = id; }", target)
    page.wait_for_function(
        "n => document.querySelectorAll('.dl-veiled').length < n",
        arg=before,
    )
    opened = page.evaluate(
        "id => !document.getElementById(id).closest('.dl-veiled')", target
    )
    assert opened
    assert verdict(page) == ""


def test_on_paper_the_answers_stand_at_the_end(ask):
    page = ask()
    page.emulate_media(media="print")
    assert not page.locator(".dl-ask-form").first.is_visible()
    assert not page.locator("details.dl-ask").first.is_visible()
    assert not page.locator(".dl-why").first.is_visible()
    answers = page.locator(".dl-appendix li")
    assert answers.count() == page.locator(BOX).count()
    assert answers.first.is_visible()
    blurred = page.locator(".dl-veiled").first
    assert blurred.evaluate("e => getComputedStyle(e).filter") == "none"


def test_without_script_nothing_is_veiled(chromium, html):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((html / f"{NAME}.html").as_uri())
    folds = page.locator("details.dl-ask")
    assert folds.count() >= 3
    assert folds.first.is_visible()
    notes = ".dl-veiled, .dl-ask-form, .dl-why"
    assert page.locator(notes).count() == 0
    context.close()


def test_without_storage_an_answer_still_counts(chromium, html):
    page = chromium.new_page()
    page.add_init_script(NOTHING_STORED)
    page.goto((html / f"{NAME}.html").as_uri())
    right, _ = right_and_wrong(page)
    choose(page, right)
    assert ": right. " in verdict(page)
    page.close()


def test_formulas_in_answers_are_set(ask):
    page = ask(CHAPTERS[0])
    for number in range(page.locator(BOX).count()):
        button = box(page, number).get_by_role("button", name="Pass")
        button.evaluate("e => e.click()")
        assert "\\(" not in verdict(page, number)
        assert "$" not in verdict(page, number)


def test_the_first_question_is_answerable_on_a_phone(ask):
    page = ask(START[0])
    page.set_viewport_size({"width": 390, "height": 844})
    for label in box(page).locator("label, button:visible").all():
        bounds = label.bounding_box()
        assert bounds["height"] >= 44
        assert bounds["x"] + bounds["width"] <= 390
