"""A run on disk: all of it comes back, and nothing half written."""

import os
import random
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch
from runs import finish, tiny_run

from diffusion_lessons import (
    DamagedFile,
    load_checkpoint,
    save_checkpoint,
)
from diffusion_lessons.files import write_tensors


@pytest.mark.parametrize("stop", [1, 2, 3, 5, 8])
def test_a_resumed_run_is_bit_identical(tmp_path, stop):
    """Three batches fill a pass: 1, 2, 5 and 8 stop in the middle."""
    losses, last = finish(tiny_run())
    *_, step = islice(tiny_run(), stop)
    save_checkpoint(tmp_path / "run.pt", step.state)
    saved = load_checkpoint(tmp_path / "run.pt")
    assert finish(tiny_run(resume=saved)) == (losses[stop:], last)


def test_a_failed_save_keeps_the_old_file_and_leaves_no_litter(
    tmp_path, monkeypatch
):
    def half(place, data):
        with place.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError("disk full")

    path, state = tmp_path / "run.pt", next(tiny_run()).state
    save_checkpoint(path, state)
    before = path.read_bytes()
    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(path, state)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_save_replaces_the_old_file_and_leaves_no_litter(tmp_path):
    for step in tiny_run(2):
        save_checkpoint(str(tmp_path / "run.pt"), step.state)
    assert load_checkpoint(str(tmp_path / "run.pt"))["step"] == 2
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save({"step": print}, tmp_path / "run.pt")
    with pytest.raises(DamagedFile, match=r"run\.pt cannot .* run code"):
        load_checkpoint(tmp_path / "run.pt")


def test_any_state_of_tensors_and_numbers_comes_back_as_it_was(tmp_path):
    class Some:
        """Anything that has a state."""

        def state_dict(self):
            return STATE

    save_checkpoint(tmp_path / "a", Some())
    again = load_checkpoint(tmp_path / "a")
    assert type(again["betas"]) is tuple
    assert repr(sorted(again.items())) == repr(sorted(STATE.items()))
    assert torch.equal(again["x"], STATE["x"])


STATE = {
    "x": torch.linspace(0, 1, 5).double(),
    "betas": (0.9, 0.999),
    "deep": [1, {7: torch.arange(3), "7": "a word", "$pairs": None}],
    "odd": {"$tensor": "a word", "$$": 1},
    "flag": True,
    "nothing": None,
    "float": 0.1 + 0.2,
    "empty": {},
}


@pytest.mark.parametrize("wrong", [print, {1, 2}, object()])
def test_a_state_of_anything_else_is_refused_and_nothing_is_written(
    tmp_path, wrong
):
    class Some:
        """Anything that has a state."""

        def state_dict(self):
            return {"part": {"thing": wrong}}

    with pytest.raises(ValueError, match=r"plain numbers; part/thing is a"):
        save_checkpoint(tmp_path / "a", Some())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [{}, None, "run.pt", tiny_run])
def test_what_has_no_state_is_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match=r"must have a state_dict\(\)"):
        save_checkpoint(tmp_path / "a", wrong)


def test_a_path_can_be_resumed_from(tmp_path):
    losses, last = finish(tiny_run())
    *_, step = islice(tiny_run(), 4)
    save_checkpoint(tmp_path / "run", step.state)
    for path in (tmp_path / "run", str(tmp_path / "run")):
        assert finish(tiny_run(resume=path)) == (losses[4:], last)


def test_a_file_of_the_first_version_goes_on(tmp_path):
    """What torch.save wrote of the state, before there was a recipe."""
    losses, last = finish(tiny_run())
    *_, step = islice(tiny_run(), 4)
    saved = step.state.state_dict()
    for new in ("recipe", "betas", "ema", "torch_generator"):
        del saved[new]
    torch.save(saved | {"num_steps": 9}, tmp_path / "run.pt")
    assert finish(tiny_run(resume=tmp_path / "run.pt")) == (
        losses[4:],
        last,
    )


@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
def test_a_cut_file_of_the_first_version_is_refused_in_our_words(
    tmp_path, part
):
    path = tmp_path / "run.pt"
    torch.save({"model": {"x": torch.ones(500)}}, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(
        DamagedFile, match=r"run\.pt cannot be read"
    ) as said:
        load_checkpoint(path)
    assert "weights_only" not in str(said.value)


@pytest.mark.parametrize("content", [b"", b"<html>", b"abc", b"\x80\x02."])
def test_what_is_no_run_is_refused(tmp_path, content):
    (tmp_path / "run").write_bytes(content)
    with pytest.raises(DamagedFile, match="run "):
        load_checkpoint(tmp_path / "run")


def test_weights_are_no_run(tmp_path):
    write_tensors(tmp_path / "run", {"x": torch.ones(3)}, {"seed": 0})
    with pytest.raises(DamagedFile, match="holds no run"):
        load_checkpoint(tmp_path / "run")


def test_thirty_flipped_bits_are_thirty_damaged_files(tmp_path):
    path, draw = tmp_path / "run", random.Random(1)
    save_checkpoint(path, next(tiny_run()).state)
    whole = path.read_bytes()
    for _ in range(30):
        data, place = bytearray(whole), draw.randrange(8 * len(whole))
        data[place // 8] ^= 1 << place % 8
        path.write_bytes(data)
        with pytest.raises(DamagedFile):
            load_checkpoint(path)


def test_a_run_that_is_killed_goes_on_from_its_last_whole_save(tmp_path):
    """Killed at once after a save and in the middle of one."""
    code = (
        "import sys; from runs import *; from diffusion_lessons import *\n"
        "for s in tiny_run(400, ema=0.5):\n"
        "    save_checkpoint(sys.argv[1], s.state)\n"
        "    if s.step == 3: print('saved', flush=True)"
    )
    path = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", code, path],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as run:
        assert run.stdout.readline() == b"saved\n"
        run.kill()
    saved = load_checkpoint(path)
    *_, same = islice(tiny_run(400, ema=0.5), saved["step"])
    state = same.state.state_dict()
    for name, tensor in saved["model"].items():
        assert torch.equal(tensor, state["model"][name])
    for name, tensor in saved["ema"]["model"].items():
        assert torch.equal(tensor, state["ema"]["model"][name])
    assert saved["step"] >= 3
