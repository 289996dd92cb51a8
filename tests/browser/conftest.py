"""A browser that can reach the built book and nothing else."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Error, sync_playwright

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW_TO_GET_ONE = (
    "no Chromium found, so no page was looked at: install one "
    "(`apt install chromium`, or `playwright install chromium`) "
    "or name it: CHROMIUM=/path/to/chromium"
)
LOCAL = ("file:", "data:", "blob:")


def find_chromium():
    """Return a path, or None for the one Playwright may have installed."""
    if os.environ.get("CHROMIUM"):
        return os.environ["CHROMIUM"]
    return next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def html():
    """The built book; without one there is nothing to test."""
    if not (HTML / "index.html").exists():
        pytest.fail("the book is not built: run `make book` first")
    return HTML


@pytest.fixture(scope="session")
def chromium():
    """One browser for all pages."""
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=find_chromium(),
                args=["--no-sandbox", "--disable-gpu"],
            )
        except Error as error:
            if os.environ.get("REQUIRE_BROWSER") == "1":
                pytest.fail(f"{HOW_TO_GET_ONE}\n{error}")
            pytest.skip(HOW_TO_GET_ONE)
        yield browser
        browser.close()


class Visit:
    """A page as loaded, with all that it complained about."""

    def __init__(self, browser, address, width):
        self.outward, self.complaints = [], []
        self.page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme="light"
        )
        self.page.route("**/*", self._gate)
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.goto(address, wait_until="load")
        self.page.wait_for_function(
            "window.MathJax === undefined || MathJax.startup?.promise"
        )
        self.page.evaluate("window.MathJax && MathJax.startup.promise")

    def _gate(self, route):
        if route.request.url.startswith(LOCAL):
            route.continue_()
        else:
            self.outward.append(route.request.url)
            route.abort()

    def _listen(self, message):
        if message.type == "error":
            self.complaints.append(message.text)


@pytest.fixture(scope="session")
def visit(chromium, html):
    """Open a page of the book, at most once for each width."""
    visits = {}

    def open_page(name, width=1280):
        if (name, width) not in visits:
            address = (html / f"{name}.html").as_uri()
            visits[name, width] = Visit(chromium, address, width)
        return visits[name, width]

    return open_page
