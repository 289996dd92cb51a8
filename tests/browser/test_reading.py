"""A page as it is read: its faces, its measure, its boxes, its order."""

import pytest
from pages import CHAPTERS, PAGES, PHONE, START, each_chapter, each_page

pytestmark = pytest.mark.browser

OURS = {"Lessons Serif", "Lessons Sans", "Lessons Mono"}
DARK = {"color_scheme": "dark"}
# How many letters stand in each full line of each paragraph.
MEASURE = """() => [...document.querySelectorAll('.bd-article section > p')]
    .filter(e => e.checkVisibility()
              && !e.querySelector('mjx-container, .katex'))
    .flatMap(e => { const lines = new Map(), range = document.createRange();
        const walk = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
        for (let n; n = walk.nextNode();)
            for (let i = 0; i < n.length; i++) {
                range.setStart(n, i); range.setEnd(n, i + 1);
                const { bottom } = range.getBoundingClientRect();
                const at = Math.round(bottom / 12);
                lines.set(at, (lines.get(at) ?? 0) + 1); }
        return [...lines.values()].slice(0, -1); })"""
# A cell of a picture: where the picture ends, where its code begins.
PICTURES = """() => [...document.querySelectorAll('details.dl-code')]
    .map(e => ({box: e.getBoundingClientRect(),
        caption: e.parentElement
            .querySelector('.cell_output :is(figcaption, .dl-scrub)'),
        open: e.open}))
    .map(({box, caption, open}) => [box.top,
        caption.getBoundingClientRect().bottom, open])"""
# The words of code in tables that are broken in the middle.
TORN = """() => [...document.querySelectorAll('.bd-article td code .pre')]
    .filter(e => e.getClientRects().length > 1).map(e => e.textContent)"""
COVERED = """() => [...document.querySelectorAll('.bd-article td')]
    .filter(e => e.scrollWidth > e.clientWidth + 1)
    .map(e => e.textContent.trim())"""
SIDEWAYS = """() => document.documentElement.scrollWidth
    - document.documentElement.clientWidth"""
# The baseline of inline code, and that of the words around it.
BASELINES = """() => [...document.querySelectorAll(
        '.bd-article section > p > code')].slice(0, 20).map(code => {
    const foot = (parent, before) => {
        const mark = document.createElement('span');
        mark.style.cssText = 'display: inline-block; height: 0; width: 0';
        parent.insertBefore(mark, before);
        const at = mark.getBoundingClientRect().bottom;
        mark.remove();
        return at; };
    return [foot(code, code.firstChild), foot(code.parentNode, code)]; })"""
CONTRASTS = """() => { const light = colour => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92
                                   : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05; };
    const ground = e => { for (; e; e = e.parentElement) {
        const colour = getComputedStyle(e).backgroundColor;
        if (!colour.endsWith(', 0)')) return colour; } };
    return [...document.querySelectorAll('.cell_input .highlight span')]
        .filter(e => e.textContent.trim() && e.checkVisibility())
        .map(e => [getComputedStyle(e).color, ground(e)]
            .map(light).sort((a, b) => a - b))
        .map(([low, high]) => high / low); }"""
# Boxes: what has a ground of its own in the text.
BOXES = """() => [...document.querySelectorAll(`.bd-article :is(blockquote,
        details:not(.dl-code, .dl-ask, .dl-solution, .dl-languages,
            .tag_checked *),
        section#in-three-lines, section#what-people-get-wrong-here)`)]
    .filter(e => e.checkVisibility())
    .map(e => getComputedStyle(e))
    .map(s => [s.backgroundColor, s.borderLeftWidth, s.borderTopWidth,
               s.borderRadius, s.boxShadow].join(' '))"""


def faces(page, selector):
    """What the letters of the first such element are drawn in."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send(
        "DOM.querySelector", {"nodeId": root, "selector": selector}
    )["nodeId"]
    fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})
    session.detach()
    return {font["familyName"] for font in fonts["fonts"]}


@pytest.mark.parametrize(
    ("selector", "face"),
    [
        (".bd-article section > p", "Lessons Serif"),
        (".bd-article h1", "Lessons Serif"),
        (".bd-article figcaption .caption-text", "Lessons Sans"),
        (".bd-sidebar-primary .bd-links a", "Lessons Sans"),
        (".bd-article div.cell > .cell_input .dl-line", "Lessons Mono"),
    ],
)
def test_the_faces_are_those_that_come_with_the_book(visit, selector, face):
    page = visit(CHAPTERS[4]).page
    page.evaluate("document.fonts.ready")
    assert faces(page, selector) == {face}


@each_page
def test_no_letter_falls_back_to_a_face_of_the_reader(visit, name):
    page = visit(name).page
    page.evaluate("document.fonts.ready")
    for each in ("p", "li", "td", "dt", ".dl-line", ".caption-text"):
        count = page.locator(f".bd-article {each}").count()
        if count:
            strange = strangers(page, f".bd-article {each}")
            assert strange == []


def strangers(page, selector):
    """Elements in which some letter is in a face that is not ours."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument", {"depth": -1})["root"]["nodeId"]
    nodes = session.send(
        "DOM.querySelectorAll", {"nodeId": root, "selector": selector}
    )["nodeIds"]
    found = []
    for node in nodes:
        fonts = session.send(
            "CSS.getPlatformFontsForNode", {"nodeId": node}
        )["fonts"]
        names = {
            font["familyName"]
            for font in fonts
            if not font["familyName"].startswith(("MathJax", "KaTeX"))
        }
        if not names <= OURS:
            found.append(names)
    session.detach()
    return found


@pytest.mark.parametrize("width", [1100, 1280, 1440])
@pytest.mark.parametrize("name", [START[0], CHAPTERS[1], "book/benchmarks"])
def test_a_line_has_60_to_78_letters(visit, name, width):
    lines = visit(name, width).page.evaluate(MEASURE)
    assert len(lines) > 10
    usual = sorted(lines)[
        len(lines) // 4 :
    ]  # others end before a long word
    assert min(usual) >= 60
    assert max(lines) <= 80


@each_chapter
def test_inline_code_stands_on_the_line(visit, name):
    pairs = visit(name).page.evaluate(BASELINES)
    assert pairs
    for code, words in pairs:
        assert abs(code - words) < 0.6


@each_chapter
def test_an_exercise_has_one_fold_with_hint_words_and_code(visit, name):
    page = visit(name).page
    exercises = page.locator(
        "section#exercises > p > strong:first-child"
    ).filter(has_text="Exercise")
    folds = page.locator("section#exercises > details.dl-hint")
    assert folds.count() == exercises.count() >= 3
    assert page.locator("section#exercises > details").count() == (
        folds.count()
    )
    assert page.locator("section#exercises > .cell").count() == 0
    for fold in folds.all():
        hint = fold.locator("> p")
        assert hint.count() == 1
        solution = fold.locator("> details.dl-solution")
        assert solution.locator("p").count() >= 1
        code = solution.locator(".cell_input pre").first
        fold.evaluate("e => { e.open = true; }")
        assert hint.is_visible()
        assert not code.is_visible()
        solution.evaluate("e => { e.open = true; }")
        assert code.is_visible()
        assert "@title" not in code.text_content()
        solution.evaluate("e => { e.open = false; }")
        fold.evaluate("e => { e.open = false; }")


@each_chapter
def test_the_code_of_a_picture_stands_under_its_caption(visit, name):
    found = visit(name).page.evaluate(PICTURES)
    assert found
    for top, caption, is_open in found:
        assert top >= caption - 1
        assert not is_open


def test_folds_need_no_script(chromium, html):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((html / f"{CHAPTERS[4]}.html").as_uri())
    page.locator("details.dl-hint > summary").first.click()
    fold = page.locator("details.dl-hint > details.dl-solution").first
    assert not fold.locator("pre").first.is_visible()
    fold.locator("summary").first.click()
    assert fold.locator("pre").first.is_visible()
    context.close()


def test_the_keyboard_opens_the_code_of_a_picture(visit):
    page = visit(CHAPTERS[3]).page
    fold = page.locator("details.dl-code").first
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    assert fold.locator("pre").first.is_visible()
    page.keyboard.press("Enter")
    assert not fold.locator("pre").first.is_visible()


@each_chapter
def test_there_is_one_style_of_box(visit, name):
    assert len(set(visit(name).page.evaluate(BOXES))) == 1


@each_page
def test_names_of_code_are_not_torn_in_tables(visit, name):
    page = visit(name).page
    assert page.evaluate(TORN) == []
    assert page.evaluate(COVERED) == []
    assert visit(name, PHONE).page.evaluate(COVERED) == []


@each_page
def test_nothing_scrolls_sideways_at_320_pixels(visit, name):
    assert visit(name, 320).page.evaluate(SIDEWAYS) <= 0


@pytest.mark.parametrize("name", CHAPTERS[3:6])
def test_code_can_be_read_in_the_dark_and_does_not_shine(visit, name):
    contrasts = visit(name, **DARK).page.evaluate(CONTRASTS)
    assert len(contrasts) > 100
    assert min(contrasts) >= 4.5
    assert max(contrasts) < 14


@each_page
def test_a_table_is_seen_whole_where_there_is_room(name, visit):
    cut = visit(name).page.evaluate(
        """() => [...document.querySelectorAll('.bd-article table')]
        .filter(e => e.checkVisibility())
        .map(e => [e.parentElement.scrollWidth,
            e.parentElement.clientWidth, e.textContent.slice(0, 60)])
        .filter(([all, seen]) => all > seen + 1)"""
    )
    assert cut == []


@pytest.mark.parametrize("look", [{}, DARK], ids=["light", "dark"])
def test_all_code_has_one_ground_and_what_it_prints_has_none(visit, look):
    page = visit(CHAPTERS[8], **look).page
    grounds = page.evaluate(
        """() => { const ground = e => { for (; e; e = e.parentElement) {
                const colour = getComputedStyle(e).backgroundColor;
                if (!/, 0\\)$/.test(colour)) return colour; } };
            const all = selector => [...new Set([...document
                .querySelectorAll(selector)].map(ground))];
            return {listings: all('.cell_output > :not(.output) pre'),
                cells: all('section > .cell > .cell_input pre'),
                page: [ground(document.body)],
                printed: all('section > .cell > * > .output pre')}; }"""
    )
    assert len(grounds["cells"]) == 1
    assert grounds["listings"] == grounds["cells"] != grounds["page"]
    assert grounds["printed"] == grounds["page"]


def test_an_old_link_into_the_module_is_led_on(chromium, html):
    page = chromium.new_page()
    name = "diffusion_lessons.forward.q_sample"
    page.goto((html / "book" / "api.html").as_uri() + f"#{name}")
    page.wait_for_url("**/api/formulas.html*")
    assert page.url.endswith(f"#{name}")
    assert page.locator(f"dt[id='{name}']").is_visible()
    page.close()


@pytest.mark.parametrize("name", [n for n in PAGES if "/api/" in n])
def test_every_argument_has_words(visit, name):
    page = visit(name).page
    silent = page.evaluate(
        """() => [...document.querySelectorAll('.field-list dt')]
        .filter(e => e.textContent.startsWith('Parameters'))
        .flatMap(e => [...e.nextElementSibling.querySelectorAll('p')])
        .filter(e => e.querySelector('strong'))
        .filter(e => !/\\u2013 .{3}/.test(e.textContent))
        .map(e => e.closest('dl.py').querySelector('dt').id
            + ' ' + e.textContent)"""
    )
    assert silent == []


@pytest.fixture
def served(chromium, server):
    """A page as the network brings it, not as it lies on a disk."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{server}/{CHAPTERS[4]}.html", wait_until="load")
    page.evaluate("document.fonts.ready")
    yield page
    page.close()


def test_the_lines_stand_still_when_the_faces_come(served):
    """The stand-ins are as wide as the faces: no line is broken anew."""
    heights = served.evaluate(
        """() => { const all = [...document.querySelectorAll(
                '.bd-article > section > p')];
        const high = () => all.reduce((sum, e) => sum + e.offsetHeight, 0);
        const ours = high();
        document.documentElement.style.setProperty('--dl-serif',
            '"Like Times", "Like DejaVu Serif", serif');
        return [ours, high()]; }"""
    )
    assert heights[0] > 300
    assert heights[1] == pytest.approx(heights[0], rel=0.05)


def test_the_faces_are_asked_for_at_once(served):
    asked = served.evaluate(
        """() => performance.getEntriesByType('resource')
        .filter(e => e.name.includes('/_static/fonts/'))
        .map(e => [e.name.split('/').at(-1), e.initiatorType])"""
    )
    assert ["serif.woff2", "link"] in asked
    assert len({name for name, _ in asked}) == len(asked)  # never twice


def test_the_faces_are_small(html):
    fonts = list((html / "_static" / "fonts").glob("*.woff2"))
    assert len(fonts) == 4
    assert sum(font.stat().st_size for font in fonts) <= 160_000
    assert (html / "_static" / "fonts" / "OFL.txt").exists()
