"""The sampler starts behind any server, and after any failure."""

import gzip
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from sampler_page import (
    DONE,
    FILM,
    FRONT,
    choose,
    heavy,
    prepare,
    run,
    small,
    start,
)

pytestmark = pytest.mark.browser

STRICT = (
    "default-src 'self'; connect-src 'self'; object-src 'none'; "
    "script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'"
)
FILES = (
    "networks.json",
    "digits.onnx",
    "ort.wasm.min.js",
    "ort-wasm-simd-threaded.js",
    "ort-wasm-simd-threaded.wasm.gz",
)
TOLD = ".dl-status:has-text('could not be run')"
TITLES = ".dl-title:visible"


class Quirky(SimpleHTTPRequestHandler):
    """The built book below *under*, with the habits of *server*."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        quirks, path = self.server.quirks, urlsplit(self.path).path
        under = quirks.get("under", "")
        local = Path(self.directory, path.removeprefix(f"{under}/"))
        if not path.startswith(f"{under}/") or not local.is_file():
            return self.send_error(404)
        body, kind = local.read_bytes(), self.guess_type(local)
        headers = dict(quirks.get("headers", {}))
        if quirks.get("gz") == "marked" and local.suffix == ".gz":
            headers["Content-Encoding"] = "gzip"
        if quirks.get("gz") == "unpacked" and local.suffix == ".gz":
            body = gzip.decompress(body)
        if quirks.get("gz") == "twice" and local.suffix == ".gz":
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        if local.suffix in quirks.get("unknown", ()):
            kind = "application/octet-stream"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def served(html, built):
    """The address of a server with such habits."""
    servers = []

    def serve(**quirks):
        handler = partial(Quirky, directory=str(html))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.quirks = quirks
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        under = quirks.get("under", "")
        return f"http://127.0.0.1:{server.server_port}{under}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "quirks",
    [
        {"unknown": (".mjs", ".onnx", ".wasm", ".gz", ".json")},
        {"gz": "marked"},
        {"gz": "unpacked"},
        {"gz": "twice"},
        {"under": "/some/where"},
        {"headers": {"X-Content-Type-Options": "nosniff"}},
    ],
    ids=str,
)
def test_it_runs_behind_any_server(quirks, served, tab):
    page = tab(at=served(**quirks))
    small(page)
    assert len(page.evaluate(FILM)) == 6
    assert page.complaints == []


def test_it_runs_under_a_strict_policy(served, tab):
    page = tab(at=served(headers={"Content-Security-Policy": STRICT}))
    choose(page, "network", "digits")
    choose(page, "start", "drawing")
    page.get_by_label("Draw me a").select_option("3")
    run(page).click()
    page.locator(".dl-status", has_text="asked for a 3, 20").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save picture").click()
    assert download.value.suggested_filename.startswith("digits-3")


def test_where_no_network_may_run_it_says_what_forbids_it(served, tab):
    policy = STRICT.replace(" 'wasm-unsafe-eval'", "")
    page = tab(at=served(headers={"Content-Security-Policy": policy}))
    run(page).click()
    words = page.locator(TOLD)
    words.wait_for()
    assert "'wasm-unsafe-eval'" in words.inner_text()
    assert not any(url.endswith((".js", ".gz")) for url in heavy(page))


# What fails: nothing comes, it comes with an error, or it is another thing.


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["nothing", "error", "other"])
def test_what_failed_once_can_be_tried_again(name, how, tab):
    page = tab()
    prepare(page)

    def fail(route):
        if how == "nothing":
            route.abort()
        elif how == "error":
            route.fulfill(status=503)
        else:
            kind = "text/javascript"  # a module is kept, wrong as it is
            route.fulfill(body="Please log in", content_type=kind)

    pattern = f"**/sampler/{name}*"
    page.route(pattern, fail, times=1)
    run(page).click()
    page.locator(TOLD).wait_for()
    assert page.locator("progress").is_hidden()
    run(page).click()
    page.wait_for_function(DONE)
    assert len(page.evaluate(FILM)) == 6


def test_what_came_is_not_loaded_again(tab):
    page = tab()
    prepare(page)
    page.route("**/digits.onnx", lambda r: r.abort(), times=1)
    run(page).click()
    page.locator(TOLD).wait_for()
    page.wait_for_timeout(300)  # the rest arrives
    run(page).click()
    page.wait_for_function(DONE)
    packed = [url for url in heavy(page) if url.endswith(".wasm.gz")]
    assert len(packed) == 1


def test_a_network_that_does_not_come_leaves_the_one_before(tab):
    page = tab()
    told = small(page, compare="seed", second=4)
    before, address = page.evaluate(FILM), page.evaluate("location.hash")
    page.route("**/mnist.onnx", lambda route: route.abort())
    choose(page, "network", "mnist")
    words = page.locator(TOLD)
    words.wait_for()
    assert "mnist.onnx did not arrive" in words.inner_text()
    assert page.locator("[name=network]").input_value() == "digits"
    assert page.locator("[name=second]").input_value() == "4"
    assert page.evaluate(FILM) == before
    assert "network=mnist" not in page.evaluate("location.hash") != address
    # It steps, runs and takes new settings as before,
    page.get_by_label("One step back").click()
    told.get_by_text("step 4 of 5").wait_for()
    run(page).click()
    page.wait_for_function(DONE)
    choose(page, "seed", 9)
    page.wait_for_function(DONE)
    assert len(page.evaluate(FILM)[-1]["x"]) == 64
    # and the other network once it can be reached.
    page.unroute("**/mnist.onnx")
    choose(page, "network", "mnist")
    page.wait_for_function(
        "document.querySelector('.dl-sampler').sampler.runs[0].shape[2] > 8"
    )
    page.wait_for_function(DONE)
    assert len(page.evaluate(FILM)[-1]["x"]) == 784
    assert page.complaints == []


def test_a_network_that_fails_in_the_middle_can_be_run_again(tab):
    page = tab()
    small(page)
    page.evaluate("""async () => {
        const network = await diffusionSampler.network('digits');
        const model = network.model;
        network.model = async () => {
            network.model = model;
            throw new Error('out of memory');
        };
    }""")
    choose(page, "seed", 2)
    page.locator(TOLD, has_text="out of memory").wait_for()
    run(page).click()
    page.wait_for_function(DONE)
    assert len(page.evaluate(FILM)) == 6


def test_a_page_without_one_of_its_scripts_says_so(tab, chromium, server):
    page = chromium.new_page()
    page.route("**/ddim.js*", lambda route: route.abort())
    page.goto(f"{server}/{FRONT}.html")
    words = page.locator(".dl-sampler").inner_text()
    page.close()
    assert "did not arrive (load it again)" in words


def test_nothing_jumps_when_it_runs(tab):
    """Neither button nor picture moves from the first press to the end."""
    page = tab()
    prepare(page, steps=50)
    places = """() => JSON.stringify([...document.querySelectorAll(
        '.dl-sampler :is(button, canvas, select, input)')].map(e => {
            const { x, y, width } = e.getBoundingClientRect();
            return [x + scrollX, y + scrollY, width]; }))"""
    watch = f"""() => {{
        window.places = new Set();
        const look = () => {{
            window.places.add(({places})());
            requestAnimationFrame(look);
        }};
        look();
    }}"""
    run(page).scroll_into_view_if_needed()
    page.evaluate(watch)
    start(page)
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(100)
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_function(DONE)
    assert len(page.evaluate("[...places]")) == 1
