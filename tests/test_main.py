"""One command draws digits, or says what is wrong with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from diffusion_lessons import Guided, NoiseSchedule, TimeUNet, ddim_sample
from diffusion_lessons import __main__ as command
from diffusion_lessons.pretrained import Pretrained


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
    monkeypatch.setattr(command, "load_pretrained", lambda name: net)

    def go(*options):
        try:
            code = command.main(["sample", "--steps", "2", *options])
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr()

    return go


def picture(path):
    """A grey picture as a tensor in 0..255, (H, W)."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        grey = image.convert("L")
        values = torch.tensor(list(grey.tobytes()), dtype=torch.uint8)
        return values.view(grey.height, grey.width)


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


def test_a_single_digit_has_its_frame_too(tmp_path):
    command.write_png(tmp_path / "a.png", -torch.ones(1, 1, 56, 56), 10)
    drawn = picture(tmp_path / "a.png")
    assert drawn.shape == (64, 64)
    assert (drawn[4:60, 4:60] == 0).all()
    assert drawn.float().sum() == 255 * (64 * 64 - 56 * 56)


def test_a_row_that_is_not_full_is_white_to_its_end(tmp_path):
    images = -torch.ones(12, 1, 56, 56)
    command.write_png(tmp_path / "a.png", images, 10)
    drawn = picture(tmp_path / "a.png")
    assert drawn.shape == (124, 604)
    assert (drawn[64:120, 4:120] == 0).sum() == 2 * 56 * 56
    assert (drawn[60:, 124:] == 255).all()


def test_without_a_label_each_column_is_a_class(run, monkeypatch):
    labels = []

    def spy(model, label, *others):
        labels.append(label)
        return Guided(model, label, *others)

    monkeypatch.setattr(command, "Guided", spy)
    run("--count", "20")
    assert labels[0].view(2, 10).tolist() == [list(range(10))] * 2
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
        "run": command.sample,
        "pretrained": "digits",
        "label": None,
        "scale": 1,
        "steps": 50,
        "eta": 0,
        "count": None,
        "seed": 0,
        "out": Path("digits.png"),
    }


def test_a_name_may_end_in_capitals(run, tmp_path):
    code, _ = run("--count", "1", "--label", "0", "--out", "A.PNG")
    assert code == 0
    assert [p.name for p in tmp_path.iterdir()] == ["A.PNG"]


@pytest.mark.parametrize(("side", "times"), [(28, 2), (56, 1), (64, 1)])
def test_an_image_is_enlarged_by_whole_numbers_or_not_at_all(
    side, times, tmp_path
):
    images, wide = torch.rand(2, 1, side, side) * 2 - 1, side * times
    command.write_png(tmp_path / "a.png", images, 1)
    drawn = picture(tmp_path / "a.png")
    assert drawn.shape == (2 * wide + 12, wide + 8)
    first = drawn[4 : wide + 4 : times, 4:-4:times]
    assert (first - (images[0, 0] + 1) * 127.5).abs().max() <= 1


def test_it_runs_on_one_thread(run):
    torch.set_num_threads(2)
    run("--count", "1", "--label", "0")
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--label", "10"), "--label: must be in 0..9; got 10"),
        (("--label", "seven"), "--label: invalid int value: 'seven'"),
        (("--scale", "-1"), "--scale: must be in 0..100; got -1"),
        (("--scale", "nan"), "--scale: must be in 0..100; got nan"),
        (("--steps", "0"), "--steps: must be in 1..1000; got 0"),
        (("--steps", "2.5"), "--steps: invalid int value: '2.5'"),
        (("--eta", "1.5"), "--eta: must be in 0..1; got 1.5"),
        (("--count", "0"), "--count: must be in 1..1000; got 0"),
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


def test_weights_that_are_not_there_are_no_traceback(run, monkeypatch):
    def load(name):
        raise ValueError(f"name must be one of 'digits'; got {name!r}")

    monkeypatch.setattr(command, "load_pretrained", load)
    code, said = run("--pretrained", "mnist")
    assert code == 2
    assert "error: name must be one of 'digits'; got 'mnist'" in said.err


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


def test_python_m_runs_it_and_without_a_command_names_those_there_are():
    ended = subprocess.run(
        [sys.executable, "-m", "diffusion_lessons"],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert "required: sample | train | doctor | check" in ended.stderr
    assert "Traceback" not in ended.stderr
