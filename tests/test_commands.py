"""One command draws, digits or what you like, or says why not."""

import os
import sys
from pathlib import Path

import pytest
import torch
from drawn import in_colour, picture
from made_runs import CLASSES, run_folder
from torch_processes import torchrun

from diffusion_lessons import Guided, NoiseSchedule, TimeUNet, ddim_sample
from diffusion_lessons import __main__ as command
from diffusion_lessons.commands import sample as drawing
from diffusion_lessons.pretrained import Pretrained
from diffusion_lessons.runs import draw as drawing_of_runs
from diffusion_lessons.runs.load import load_run


@pytest.fixture
def net():
    """A small network that knows nothing, but answers to t and class."""
    model = TimeUNet(1, 8, num_classes=10).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    schedule = NoiseSchedule.cosine(1000)
    return Pretrained(model, schedule, "v", model.null_label, (1, 8, 8))


@pytest.fixture
def run(net, tmp_path, monkeypatch, capsys):
    """The command in an empty folder; returns its code and its words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(drawing, "load_pretrained", lambda name: net)

    def go(*options):
        try:
            code = command.main(["sample", "--steps", "2", *options])
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr()

    return go


def test_it_writes_a_picture_and_says_so_in_one_line(run, tmp_path):
    code, words = run("--label", "7", "--out", "sevens.png")
    assert code == 0
    assert words.out.startswith("sevens.png: 10 digits, ")
    assert words.out.count("\n") == 1
    assert words.err == ""
    assert [p.name for p in tmp_path.iterdir()] == ["sevens.png"]


def test_the_picture_holds_what_the_sampler_drew(run, net):
    """Each digit 7 times as large, in a frame of 4 white pixels."""
    run("--label", "3", "--count", "4", "--scale", "2", "--seed", "5")
    seeded = torch.Generator().manual_seed(5)
    x_T = torch.randn(4, 1, 8, 8, generator=seeded)
    model = Guided(net.model, 3, net.null, 2.0)
    *_, last = ddim_sample(model, x_T, net.schedule, 2, predicts="v")
    drawn = picture("digits.png")
    assert drawn.shape == (64, 244)
    for i, left in enumerate([4, 64, 124, 184]):
        digit = drawn[4:60:7, left : left + 56 : 7]
        expected = (last.x[i, 0] + 1) / 2 * 255
        assert (digit - expected).abs().max() <= 1
        large = digit.repeat_interleave(7, 0).repeat_interleave(7, 1)
        assert torch.equal(drawn[4:60, left : left + 56], large)
        assert (drawn[:, left - 4 : left] == 255).all()
    assert (drawn[[*range(4), *range(60, 64)]] == 255).all()
    assert (drawn[:, 240:] == 255).all()


def test_without_a_label_each_column_is_a_class(run, monkeypatch):
    labels = []

    def spy(model, label, *others):
        labels.append(label)
        return Guided(model, label, *others)

    monkeypatch.setattr(drawing_of_runs, "Guided", spy)
    run("--count", "20")
    assert torch.cat(labels).view(2, 10).tolist() == [list(range(10))] * 2
    assert picture("digits.png").shape == (124, 604)


def test_there_are_ten_of_one_digit_or_ten_of_each(run):
    assert "10 digits" in run("--label", "0")[1].out
    assert picture("digits.png").shape == (64, 604)
    assert "100 digits" in run()[1].out
    assert picture("digits.png").shape == (604, 604)


@pytest.mark.parametrize(
    "option",
    [
        ("--seed", "1"),
        ("--label", "4"),
        ("--scale", "3"),
        ("--steps", "3"),
        ("--eta", "1"),
    ],
)
def test_every_option_changes_the_digits(run, option):
    same = ["--label", "3", "--count", "2", "--scale", "2"]
    drawn = []
    for options in (same, same, [*same, *option]):
        run(*options)
        drawn.append(picture("digits.png"))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_a_terminal_sees_a_bar(run, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    code, words = run("--count", "1", "--label", "0")
    assert code == 0
    assert "sampling: 100%" in words.err
    assert words.out.count("\n") == 1


def test_random_steps_repeat_for_a_seed(run):
    drawn = []
    for _ in range(2):
        run("--count", "2", "--label", "3", "--eta", "1")
        drawn.append(picture("digits.png"))
    assert torch.equal(*drawn)


def test_what_is_not_said_is_fifty_fixed_steps_of_small_digits():
    assert vars(command.parser().parse_args(["sample"])) == {
        "run": drawing.sample,
        "pretrained": "digits",
        "label": None,
        "scale": 1,
        "steps": 50,
        "eta": 0,
        "count": None,
        "seed": 0,
        "out": None,
        "onnx": None,
        "batch": 16,
        "folder": None,
        "step": None,
        "weights": "ema",
        "device": "auto",
    }


def test_a_name_may_end_in_capitals(run, tmp_path):
    code, _ = run("--count", "1", "--label", "0", "--out", "A.PNG")
    assert code == 0
    assert [p.name for p in tmp_path.iterdir()] == ["A.PNG"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--label", "10"), "label: must be in 0..9; got 10"),
        (("--label", "seven"), "label: must be in 0..9; got seven"),
        (("--label", "-1"), "label: must be in 0..9; got -1"),
        (("--scale", "-1"), "--scale: must be in 0..100; got -1"),
        (("--scale", "nan"), "--scale: must be in 0..100; got nan"),
        (("--steps", "0"), "--steps: must be in 1..1000; got 0"),
        (("--steps", "2.5"), "--steps: invalid int value: '2.5'"),
        (("--eta", "1.5"), "--eta: must be in 0..1; got 1.5"),
        (("--count", "0"), "--count: must be in 1..10000; got 0"),
        (("--batch", "0"), "--batch: must be in 1..10000; got 0"),
        (("--pretrained", "cats"), "choose from 'digits', 'mnist'"),
        (("--out", "a.jpg"), "a folder that is there; got 'a.jpg'"),
        (("--out", "no/a.png"), "a folder that is there; got 'no/a.png'"),
        (("--out", "."), "a folder that is there; got '.'"),
        (("--size", "3"), "unrecognized arguments: --size 3"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_done(
    run, tmp_path, options, words
):
    code, said = run(*options)
    assert code == 2
    assert words in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_written_whole_or_not_at_all(
    run, tmp_path, monkeypatch
):
    def full(*_):
        raise OSError("disk full")

    (tmp_path / "a.png").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", full)
    code, said = run("--count", "1", "--out", "a.png")
    assert code == 2
    assert "error: disk full" in said.err
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_the_networks_that_come_with_the_module_draw(
    tmp_path, monkeypatch, capsys, name
):
    monkeypatch.chdir(tmp_path)
    options = ["--pretrained", name, "--count", "4", "--steps", "2"]
    assert command.main(["sample", *options, "--label", "7"]) == 0
    assert capsys.readouterr().out.startswith("digits.png: 4 digits, ")
    assert picture("digits.png").shape == (64, 244)


# A run of one's own


@pytest.fixture(scope="module")
def cats(tmp_path_factory):
    """A run in colour, of three classes, with a step that was kept."""
    return run_folder(
        tmp_path_factory.mktemp("runs") / "cats", steps=(5, 9)
    )


def tiles(drawn, columns, count, side=56):
    """The pictures in a grid, each (3, side, side)."""
    places = [divmod(i, columns) for i in range(count)]
    return [
        drawn[:, 4 + row * 60 :, 4 + column * 60 :][:, :side, :side]
        for row, column in places
    ]


def test_a_run_draws_ten_of_each_of_its_classes(run, cats, tmp_path):
    code, words = run("--run", str(cats))
    assert code == 0
    assert words.out.startswith("samples.png: 30 pictures, ")
    assert [p.name for p in tmp_path.iterdir()] == ["samples.png"]
    assert in_colour("samples.png").shape == (3, 604, 184)


def test_the_picture_of_a_run_holds_what_its_network_draws(run, cats):
    """In colour; the class by its name, guided, averaged weights."""
    options = ("--label", "dog", "--count", "2", "--scale", "2")
    run("--run", str(cats), *options, "--seed", "5")
    net = load_run(cats)
    x_T = torch.randn(
        2, 3, 8, 8, generator=torch.Generator().manual_seed(5)
    )
    model = Guided(net.model, 1, net.null, 2.0)
    *_, last = ddim_sample(model, x_T, net.schedule, 2, predicts="v")
    found = tiles(in_colour("samples.png"), 2, 2)
    for tile, x in zip(found, last.x, strict=True):
        expected = ((x + 1) * 127.5).clamp(0, 255)
        assert (tile[:, ::7, ::7] - expected).abs().max() <= 1
    assert last.x.std() > 0.1


@pytest.mark.parametrize(
    ("name", "number"), [("cat", "0"), ("dog", "1"), ("7", "2")]
)
def test_a_class_has_a_name_and_a_number(run, cats, name, number):
    """One whose name is a number is known by its name first."""
    drawn = []
    for label in (name, number):
        run("--run", str(cats), "--label", label, "--count", "1")
        drawn.append(in_colour("samples.png"))
    assert torch.equal(*drawn)


@pytest.mark.parametrize(
    "option",
    [("--step", "5"), ("--weights", "live"), ("--batch", "2")],
)
def test_every_option_of_a_run_changes_the_pictures(run, cats, option):
    drawn = []
    for more in ((), (), option):
        run("--run", str(cats), "--count", "3", *more)
        drawn.append(in_colour("samples.png"))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_without_classes_there_are_64_in_a_square(run, tmp_path):
    none = run_folder(tmp_path / "none", classes=())
    code, words = run("--run", str(none), "--out", "a.png")
    assert code == 0
    assert "64 pictures" in words.out
    assert in_colour("a.png").shape == (3, 484, 484)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--label", "bird"), "one of cat, dog, 7, or in 0..2; got bird"),
        (("--label", "3"), "one of cat, dog, 7, or in 0..2; got 3"),
        (("--step", "6"), "step 6 was not kept: there is the last, 9"),
        (("--weights", "best"), "choose from 'ema', 'live'"),
        (("--steps", "201"), "must be a whole number in 1..200"),
        (("--pretrained", "mnist"), "not allowed with argument"),
    ],
)
def test_a_wrong_option_of_a_run_is_named(
    run, cats, tmp_path, options, words
):
    code, said = run("--run", str(cats), *options)
    assert code == 2
    assert words in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", [("--label", "0"), ("--scale", "2")])
def test_where_there_are_no_classes_none_can_be_asked(
    run, tmp_path, option
):
    none = run_folder(tmp_path / "none", classes=())
    code, said = run("--run", str(none), *option)
    assert code == 2
    assert "this network knows no classes" in said.err


def test_a_folder_that_holds_no_run_is_no_traceback(run, tmp_path):
    code, said = run("--run", str(tmp_path))
    assert code == 2
    assert f"error: {tmp_path} holds no run" in said.err


def test_onnx_is_written_and_nothing_drawn(
    run, cats, tmp_path, monkeypatch
):
    written = []
    monkeypatch.setattr(drawing, "write_onnx", lambda *a: written.append(a))
    code, words = run("--run", str(cats), "--onnx", "cats.onnx")
    assert code == 0
    assert words.out.startswith("cats.onnx: ")
    (path, net), *more = written
    assert path == Path("cats.onnx")
    assert net.classes == CLASSES
    assert not more
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("eta", ["0", "1"])
def test_two_processes_write_the_picture_of_one(run, cats, tmp_path, eta):
    """Byte for byte, by the first of them alone."""
    options = ["--count", "11", "--batch", "4", "--eta", eta]
    run("--run", str(cats), *options, "--out", "one.png")
    more = ["--from", cats, "--steps", "2", *options, "--out", "two.png"]
    said = torchrun(2, "sample", *more, cwd=tmp_path)
    assert said.startswith("two.png: 11 pictures, ")
    assert said.count("pictures") == 1
    one, two = (tmp_path / f"{n}.png" for n in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
