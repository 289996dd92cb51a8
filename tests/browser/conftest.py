"""A browser that can reach the built book and nothing else."""

import functools
import os
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from chromium import HOW_TO_GET_ONE, launch_chromium
from playwright.sync_api import Error, sync_playwright
from sampler_page import FRONT, PATIENCE

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
SHOW_EVERYTHING = "localStorage.setItem('dl-unveiled', 'true')"
LOCAL = ("file:", "data:", "blob:")
MOST_OPEN = 8  # pages at once: those of one name, in every look


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
            browser = launch_chromium(playwright)
        except Error as error:
            if os.environ.get("REQUIRE_BROWSER") == "1":
                pytest.fail(f"{HOW_TO_GET_ONE}\n{error}")
            pytest.skip(f"no page was looked at: {HOW_TO_GET_ONE}")
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(html):
    """The address of the built book on localhost."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=html)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


class Visit:
    """A page as loaded, with all that it complained about."""

    def __init__(self, page, address, veiled=False):
        self.outward, self.complaints, self.weights = [], [], {}
        self.loaded, self.page = False, page
        if not veiled:  # as for a reader who asked to see everything
            self.page.add_init_script(SHOW_EVERYTHING)
        self.page.route("**/*", self._gate)
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("requestfinished", self._weigh)
        self.page.goto(address, wait_until="load")
        self.page.evaluate("document.fonts.ready.then(() => {})")
        self.loaded = True

    def _gate(self, route):
        if route.request.url.startswith(LOCAL):
            route.continue_()
        else:
            self.outward.append(route.request.url)
            route.abort()

    def _listen(self, message):
        if message.type == "error":
            self.complaints.append(message.text)

    def _weigh(self, request):
        """Note how large each file is that the first load asks for."""
        if request.url.startswith("file:") and not self.loaded:
            path = Path(request.url.removeprefix("file://").split("?")[0])
            self.weights[path] = path.stat().st_size


def look_of(width, **look):
    """What a browser is told of a reader's screen and settings."""
    size = {"viewport": {"width": width, "height": 900}}
    return {"color_scheme": "light"} | size | look


@pytest.fixture(scope="session")
def windows():
    """The windows that are open, and the tabs in them."""
    opened, tabs = {}, {}
    yield opened, tabs
    for window in opened.values():
        window.close()


@pytest.fixture
def visit(request, chromium, html, windows):
    """Open a page of the book, once for each width and look.

    The tests of each_page and each_chapter share it, whatever file they
    are in, and leave it as it was; every other file has pages of its own.
    Only the last few stay open, since a browser slows down with each of
    them, and those of one look are tabs of one window: a window costs as
    much as a page.
    """
    opened, tabs = windows
    shared = request.node.get_closest_marker("of_a_page")
    whose = None if shared else request.path

    def open_page(name, width=1280, **look):
        window = whose, width, *look.items()
        if (window, name) in tabs:
            tabs[window, name] = tabs.pop((window, name))  # the last used
            return tabs[window, name]
        if len(tabs) == MOST_OPEN:
            tabs.pop(next(iter(tabs))).page.close()
        if window not in opened:
            opened[window] = chromium.new_context(**look_of(width, **look))
        page = opened[window].new_page()
        address = (html / f"{name}.html").as_uri()
        tabs[window, name] = Visit(page, address)
        return tabs[window, name]

    return open_page


# The samplers in the pages


@pytest.fixture(scope="session")
def built(html):
    """Without npm there is no sampler, and here nothing to test."""
    if not (html / "_static" / "sampler").exists():
        if os.environ.get("REQUIRE_BROWSER") == "1" or shutil.which("npm"):
            pytest.fail("this build has no sampler: `make book` says why")
        pytest.skip("no npm, so this build of the book has no sampler")


@pytest.fixture
def tab(chromium, server, built):
    """A page of its own on localhost, that notes what it asks for."""
    opened = []

    def open_tab(name=FRONT, at=server, words="", **look):
        page = chromium.new_page(**look)
        page.set_default_timeout(PATIENCE)
        page.add_init_script(SHOW_EVERYTHING)
        page.asked, page.complaints = [], []
        page.on("request", lambda r: page.asked.append(r.url))
        page.on("pageerror", lambda e: page.complaints.append(str(e)))
        page.goto(f"{at}/{name}.html{words}")
        opened.append(page)
        return page

    yield open_tab
    for page in opened:
        page.close()
