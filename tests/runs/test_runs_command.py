"""``python -m diffusion_lessons train``, from its words to its code."""

import argparse
import os
import signal

import pytest
import torch
from PIL import Image
from tiny_runs import last, options, rows, tiny

from diffusion_lessons.__main__ import main
from diffusion_lessons.runs import command
from diffusion_lessons.runs.config import SETTINGS, read_config


@pytest.fixture
def run(capsys):
    """The command with these words: its code and what it says."""

    def go(*words):
        try:
            code = main([str(w) for w in words])
        except SystemExit as end:
            code = end.code
        finally:
            torch.set_num_threads(1)
        return code, capsys.readouterr()

    return go


def test_it_trains_and_says_so_in_one_line(run, tmp_path):
    code, words = run(*options(tiny(tmp_path)))
    assert code == 0
    loss = float(rows(tmp_path)[-1]["loss"])
    assert words.out == f"{tmp_path}: 6 steps, loss {loss:.4f}\n"
    assert words.err == ""


def test_the_same_command_goes_on_and_an_override_changes_it(run, tmp_path):
    config = tiny(tmp_path)
    run(*options(config))
    code, words = run(*options(config))
    assert code == 0
    assert words.out == (
        f"{tmp_path}: all its steps are done (--override steps=… adds more)"
        "\n"
    )
    code, _ = run(*options(config), "--override", "steps=8,lr=0.002")
    assert code == 0
    assert last(tmp_path)["step"] == 8
    assert read_config(tmp_path)["lr"] == 0.002
    code, words = run(*options(config))
    assert code == 2
    assert "error: steps: the run has 8; got 6 (leave steps" in words.err


def test_what_was_left_out_stays_as_it_was(run, tmp_path):
    run(*options(tiny(tmp_path)), "--lr", "5e-4", "--flip")
    code, _ = run("train", "digits", "--out", tmp_path)
    assert code == 0
    told = read_config(tmp_path)
    assert (told["lr"], told["flip"], told["steps"]) == (5e-4, True, 6)


def test_every_setting_but_one_has_an_option():
    """T of the schedule stays what everything else expects."""
    commands = argparse.ArgumentParser().add_subparsers()
    command.add_train(commands)
    known = {a.dest for a in commands.choices["train"]._actions}
    assert set(SETTINGS) - known == {"num_steps"}


def test_a_folder_of_pictures_is_trained_on(run, tmp_path):
    """In colour, with classes; what is no picture is named."""
    for i in range(12):
        place = tmp_path / "in" / "ab"[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 30), (20 * i, 99, 0)).save(place / f"{i}.png")
    (tmp_path / "in" / "a" / "broken.jpg").write_bytes(b"nothing")
    out = tmp_path / "out"
    words = [*("--steps", 3, "--batch-size", 4), *("--size", 8)]
    network = ("--network", "base_channels=8", "--sample-every", 3)
    code, said = run(
        "train", tmp_path / "in", "--out", out, *words, *network
    )
    assert code == 0, said.err
    assert f"{out}: 1 file was left out: a/broken.jpg (" in said.out
    told = read_config(out)
    assert told["classes"] == ["a", "b"]
    assert told["network"]["in_channels"] == 3
    assert told["network"]["num_classes"] == 2
    assert (out / "samples" / "step_000003.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["digits"], "the following arguments are required: --out"),
        (["none", "--out", "x"], "there is no folder none, and no set but"),
        (["digits", "--out", "x", "--size", "9"], "divisible by|multiple"),
        (["digits", "--out", "x", "--override", "lr"], "takes name=value"),
        (["digits", "--out", "x", "--network", "tiny"], "takes name=value"),
        (["digits", "--out", "x", "--lr", "-1"], "lr must be a number of"),
        (["digits", "--out", "x", "--batch-size", "1078"], "in 1..1077"),
    ],
)
def test_what_it_refuses_is_a_sentence(
    run, words, said, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, shown = run("train", *words)
    assert code == 2
    assert any(part in shown.err for part in said.split("|"))
    assert "Traceback" not in shown.err


# Stopping


def test_the_first_signal_asks_and_the_second_interrupts(capfd):
    usual = [signal.getsignal(n) for n in command.Stop.NUMBERS]
    stop = command.Stop()
    assert [signal.getsignal(n) for n in stop.NUMBERS] == usual
    assert stop() is False
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop() is True
    assert stop.number == signal.SIGTERM
    assert capfd.readouterr().err == "\nfinishing this step ...\n"
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    stop.close()
    assert [signal.getsignal(n) for n in stop.NUMBERS] == usual


def test_numbers_words_and_nothing_are_read_from_the_command_line():
    assert command.arguments("lr=1e-4,ema=null,flip=true,predicts=x0") == {
        "lr": 1e-4,
        "ema": None,
        "flip": True,
        "predicts": "x0",
    }
    assert command.arguments("max-norm=2") == {"max_norm": 2}
