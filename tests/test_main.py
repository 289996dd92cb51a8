"""The command line as a whole: its commands, and how it ends."""

import subprocess
import sys

import pytest
import torch

from diffusion_lessons import __main__ as command
from diffusion_lessons.commands import sample


def test_python_m_runs_it_and_without_a_command_names_those_there_are():
    ended = subprocess.run(
        [sys.executable, "-m", "diffusion_lessons"],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert "required: sample | train | doctor | check" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_small_networks_are_drawn_with_on_one_thread(tmp_path):
    torch.set_num_threads(2)
    out = str(tmp_path / "a.png")
    few = ["--count", "1", "--label", "0", "--steps", "2"]
    assert command.main(["sample", *few, "--out", out]) == 0
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("kind", [ValueError, OSError, RuntimeError])
def test_what_cannot_be_done_is_no_traceback(monkeypatch, capsys, kind):
    def load(name):
        raise kind(f"name must be one of 'digits'; got {name!r}")

    monkeypatch.setattr(sample, "load_pretrained", load)
    with pytest.raises(SystemExit) as end:
        command.main(["sample", "--pretrained", "mnist"])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "error: name must be one of 'digits'; got 'mnist'" in said
