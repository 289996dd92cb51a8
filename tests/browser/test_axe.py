"""axe-core reads every page, in the light and in the dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from pages import PAGES, each_page

pytestmark = pytest.mark.browser

# What the theme itself does, which this book cannot mend: (rule, class).
THEIRS = {
    ("label-content-name-mismatch", "search-button-field"),
    ("region", "sidebar-primary-item"),  # the title above the contents
}
# The first is not run by itself before axe 4.13; the theme fails it.
ALL = {"rules": {"label-content-name-mismatch": {"enabled": True}}}
# The theme changes colours and nothing else.
COLOURS = {"runOnly": ["color-contrast"]}

# Of a thousand words of code in one colour, one is enough, and of a hundred
# formulas, all made by one hand, three: it takes half the time.
ONE_OF_EACH_KIND = """() => {
    [...document.querySelectorAll('mjx-container')].slice(3)
        .forEach(e => e.replaceChildren());
    const seen = new Set();
    const words = '.highlight .dl-line > span, dt.sig span, .dl-line';
    for (const e of document.querySelectorAll(words))
        if (seen.has(e.className) && !e.children.length)
            e.replaceWith(e.textContent);
        else seen.add(e.className);
}"""
RUN = """async (options) => (await axe.run(options)).violations.flatMap(
    broken => broken.nodes.map(node => [broken.id, node.html]))"""


def violations(page, options):
    return {tuple(found) for found in page.evaluate(RUN, options)}


def theirs(violation):
    rule, element = violation
    start = element.split(">")[0]
    return {(r, c) for r, c in THEIRS if r == rule and c in start}


def examine(visit, name):
    """All that axe finds on a page, in both themes."""
    still = {"reduced_motion": "reduce"}  # so no colour is half way
    page = visit(name, color_scheme="dark", **still).page
    page.evaluate(ONE_OF_EACH_KIND)
    page.evaluate(Axe().axe_script)
    dark = violations(page, COLOURS)
    page.evaluate("document.documentElement.dataset.theme='light'")
    return violations(page, ALL), dark


@each_page
def test_nothing_stands_in_the_way_of_a_reader(name, visit):
    light, dark = examine(visit, name)
    assert not [v for v in light if not theirs(v)]
    assert not [v for v in dark if not theirs(v)]


def test_every_excuse_is_still_needed(visit):
    light, _ = examine(visit, PAGES[0])
    assert set.union(*map(theirs, light)) == THEIRS
