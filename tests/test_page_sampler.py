"""The book is built with a sampler, or without and says so."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import page_sampler
import pytest
from docutils import nodes

LOCK = page_sampler.WEB / "package-lock.json"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A folder of its own for what is made."""
    folder = tmp_path / "sampler"
    monkeypatch.setattr(page_sampler, "MADE", folder)
    return folder


@pytest.fixture
def exported(monkeypatch):
    """How often the networks were exported, without doing it."""
    calls = []

    def fake(folder):
        calls.append(folder)
        (folder / "digits.onnx").write_bytes(bytes(10))

    import export_networks

    monkeypatch.setattr(export_networks, "export_networks", fake)
    return calls


def runtime(folder):
    (folder / "ort.wasm.min.js").write_bytes(bytes(20))


def test_without_npm_the_book_has_no_sampler(made, monkeypatch, capsys):
    monkeypatch.setattr(page_sampler.shutil, "which", lambda _: None)
    made.mkdir()  # of other weights, from a time when npm was there
    (made / "made.json").write_text('{"hash": "old"}')
    page_sampler.main()
    assert not made.exists()
    assert page_sampler.facts() == {}
    assert "no sampler in the pages: npm" in capsys.readouterr().err


def test_without_a_network_neither(made, monkeypatch, capsys):
    failed = subprocess.CompletedProcess([], 1, "", "ENOTFOUND")
    monkeypatch.setattr(page_sampler.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(
        page_sampler.subprocess, "run", lambda *a, **k: failed
    )
    page_sampler.main()
    assert not made.exists()
    assert "ENOTFOUND" in capsys.readouterr().err


def test_what_was_made_is_kept_until_something_changes(
    made, exported, monkeypatch
):
    monkeypatch.setattr(page_sampler, "fetch_runtime", runtime)
    page_sampler.main()
    page_sampler.main()
    assert len(exported) == 1
    assert page_sampler.facts()["bytes"] == {
        "digits.onnx": 10,
        "ort.wasm.min.js": 20,
    }
    monkeypatch.setattr(
        page_sampler, "MADE_FROM", page_sampler.MADE_FROM[1:]
    )
    page_sampler.main()
    assert len(exported) == 2


def test_half_a_sampler_is_never_left_behind(made, exported, monkeypatch):
    monkeypatch.setattr(page_sampler, "fetch_runtime", runtime)
    page_sampler.main()
    before = page_sampler.facts()

    def broken(folder):
        runtime(folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(page_sampler, "fetch_runtime", broken)
    monkeypatch.setattr(page_sampler, "MADE_FROM", ())
    with pytest.raises(KeyboardInterrupt):
        page_sampler.main()
    assert page_sampler.facts() == before
    assert [path.name for path in made.parent.iterdir()] == ["sampler"]


class App:
    """As much of Sphinx as is asked."""

    def __init__(self, outdir=None, kind="html"):
        self.outdir, self.scripts, self.attributes = outdir, [], {}
        self.builder = SimpleNamespace(format=kind)

    def add_js_file(self, name, body="", priority=500, **attributes):
        self.scripts.append(name or body)
        self.attributes |= attributes

    def add_css_file(self, name):
        self.scripts.append(name)


def page(text):
    doctree = nodes.Element()
    doctree += nodes.raw("", text, format="html")
    return doctree


def test_only_a_page_with_a_sampler_gets_its_scripts(made):
    for doctree in (None, page("<p>dl-sampler</p>")):
        app = App()
        page_sampler.equip(app, "page", "page.html", {}, doctree)
        assert app.scripts == []
    app = App()
    place = page('<div class="dl-sampler" data-label="7">')
    page_sampler.equip(app, "page", "page.html", {}, place)
    assert app.scripts == [
        page_sampler.ARRIVES,
        "ddim.js",
        "sampler-networks.js",
        "sampler-board.js",
        "sampler.js",
        "sampler.css",
    ]
    assert app.attributes == {}  # there is none


def test_the_page_is_told_what_there_is_and_no_script_is_in_it(made):
    made.mkdir()
    sizes = {"digits.onnx": 10, "networks.json": 20}
    (made / "made.json").write_text(json.dumps({"bytes": sizes}))
    network = {"shape": [1, 8, 8], "alphasCumprod": [1, 0.5, 0.1]}
    (made / "networks.json").write_text(json.dumps({"digits": network}))
    app = App()
    place = page('<div class="dl-sampler">')
    page_sampler.equip(app, "page", "page.html", {}, place)
    told = {name: json.loads(v) for name, v in app.attributes.items()}
    assert told == {
        "data-files": sizes,
        "data-networks": {"digits": {"shape": [1, 8, 8], "numSteps": 2}},
    }


def test_no_file_has_an_end_that_a_server_may_not_know(made, monkeypatch):
    """Stock servers say of .mjs that it is no script."""

    def npm(command, *, cwd, **_):
        dist = Path(cwd, "node_modules", "onnxruntime-web", "dist")
        dist.mkdir(parents=True)
        for name in (*page_sampler.RUNTIME, page_sampler.BINARY):
            (dist / name).write_bytes(name.encode())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(page_sampler.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(page_sampler.subprocess, "run", npm)
    made.mkdir()
    page_sampler.fetch_runtime(made)
    assert {path.suffix for path in made.iterdir()} == {".js", ".gz"}
    module = made / "ort-wasm-simd-threaded.js"
    assert module.read_text() == "ort-wasm-simd-threaded.mjs"


def test_the_files_are_brought_and_old_ones_removed(made, tmp_path):
    made.mkdir()
    (made / "made.json").write_text(json.dumps({"bytes": {"a": 1}}))
    out = tmp_path / "html"
    place = out / "_static" / "sampler"
    place.mkdir(parents=True)
    (place / "old").touch()
    page_sampler.bring(App(out), None)
    assert [path.name for path in place.iterdir()] == ["made.json"]
    (made / "made.json").unlink()
    page_sampler.bring(App(out), None)
    assert not place.exists()


def test_the_lock_has_a_hash_for_everything_and_no_address():
    packages = json.loads(LOCK.read_text())["packages"]
    others = {name: p for name, p in packages.items() if name}
    assert "node_modules/onnxruntime-web" in others
    assert all(
        p["integrity"].startswith("sha512-") for p in others.values()
    )
    assert not any("resolved" in p for p in others.values())
    assert "://" not in LOCK.read_text()
