"""How the tests reach a sampler in a page."""

import re

from pages import PAGES

FRONT = PAGES[0]
WITH_ONE = [
    FRONT,
    "book/07_sampling_ancestral",
    "book/08_sampling_ddim",
    "book/09_guidance",
]
PATIENCE = 60_000  # milliseconds, for a machine that is busy
DONE = (
    "document.querySelector('.dl-status')?.textContent.startsWith('Done')"
)
GOING = "document.querySelector('.dl-sampler').sampler.going"
FILM = """() => document.querySelector('.dl-sampler').sampler.runs[0].frames
    .map(f => ({t: f.t, x: [...f.x], x0Hat: f.x0Hat && [...f.x0Hat]}))"""
WRITE = """settings => {
    const sampler = document.querySelector('.dl-sampler').sampler;
    sampler.write({...sampler.read(), ...settings});
    return sampler.preview();
}"""


def run(page):
    """The button that runs the network."""
    return page.locator(".dl-run-button")


def start(page):
    """Press it and wait until the network is there."""
    run(page).click()
    page.wait_for_function(GOING)


def prepare(page, **settings):
    """Five steps of the small network, unless it is said otherwise."""
    given = {"network": "digits", "steps": 5, "eta": 0, "scale": 2}
    values = {name: str(v) for name, v in (given | settings).items()}
    page.evaluate(WRITE, values)


def small(page, **settings):
    """And these to their end; where the step is told."""
    prepare(page, **settings)
    start(page)
    page.wait_for_function(DONE)
    return page.locator(".dl-track output")


def choose(page, name, value):
    """As a reader sets one of the settings."""
    field = page.locator(f".dl-sampler [name={name}]")
    if name == "start":
        field.and_(page.locator(f"[value={value}]")).check(force=True)
    elif field.get_attribute("type") == "number":
        field.fill(str(value))
        field.press("Enter")
    else:
        field.select_option(str(value))


def heavy(page):
    """Which files of the network the page has asked for."""
    return [url for url in page.asked if "/_static/sampler/" in url]


def megabytes(words):
    """How much there is to load, as it is told."""
    return float(re.search(r"([0-9.]+) MB", words)[1])
