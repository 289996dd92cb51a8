"""A run survives kill -9, signals, a full disk and a second run."""

import os
import random
import resource
import signal
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import process_time

import pytest
from tiny_runs import (
    finish,
    in_a_child,
    last,
    options,
    rows,
    same,
    start,
    stopped_after,
    tiny,
)

from diffusion_lessons import InputError
from diffusion_lessons.runs.train import train_run

KILLS = int(os.environ.get("DIFFUSION_LESSONS_KILLS", 6))


def saved(config):
    """The step of the last checkpoint, 0 without one."""
    there = (config.out / "last.safetensors").exists()
    return last(config.out)["step"] if there else 0


def assert_as_if_unbroken(broken, whole):
    """The same weights, moments, place and draws, and the same log."""
    assert same(last(broken.out), last(whole.out))
    tables = [
        [(r["step"], r["loss"], r["lr"]) for r in rows(c.out)]
        for c in (broken, whole)
    ]
    assert tables[0] == tables[1]
    assert not list(broken.out.rglob("*.unfinished"))


# kill -9


def killed_after(seconds, config):
    """Train, and be ended by the system, unasked, in that much CPU time.

    As kill -9 does, but the moment does not depend on what else runs.
    """
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    finish(config)


def test_killed_at_random_moments_it_ends_as_if_unbroken(tmp_path):
    whole = tiny(tmp_path / "a", steps=40, save_every=3)
    broken = replace(whole, out=tmp_path / "b")
    run = train_run(whole)
    next(run)
    before = process_time()
    list(run)
    took = process_time() - before
    chance, codes, steps = random.Random(0), [], [0]
    while len(codes) < KILLS and steps[-1] < 40:
        child = in_a_child(killed_after, chance.uniform(0, took), broken)
        child.join()
        codes.append(child.exitcode)
        steps.append(saved(broken))
    assert all(a <= b for a, b in pairwise(steps))  # nothing saved is lost
    assert -signal.SIGPROF in codes
    finish(broken)
    assert_as_if_unbroken(broken, whole)


def killed_in_a_save(seam, config):
    """Train, and be killed in the second save of the checkpoint."""
    true, write, saves = os.replace, Path.write_bytes, [0]

    def written(path, data):
        if path.name.startswith("last"):
            saves[0] += 1
            if saves[0] == 2 and seam == "half written":
                write(path, data[: len(data) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
        return write(path, data)

    def replaced(old, new):
        if saves[0] == 2 and seam == "whole":
            os.kill(os.getpid(), signal.SIGKILL)
        true(old, new)
        if saves[0] == 2 and seam == "in its place":
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace, Path.write_bytes = replaced, written
    finish(config)


@pytest.mark.parametrize(
    ("seam", "step"),
    [("half written", 2), ("whole", 2), ("in its place", 4)],
)
def test_killed_within_a_save_a_whole_checkpoint_is_there(
    tmp_path, seam, step
):
    """Of the save after step 4; the one before was after step 2."""
    whole, broken = tiny(tmp_path / "a"), tiny(tmp_path / "b")
    finish(whole)
    child = in_a_child(killed_in_a_save, seam, broken)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert saved(broken) == step
    finish(broken)
    assert_as_if_unbroken(broken, whole)


# Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_saves_and_says_how_to_go_on(
    tmp_path, number
):
    config = tiny(tmp_path / "run", steps=100_000, save_every=100_000)
    process = start(*options(config))
    while not config.out.exists() or not (config.out / "log.csv").exists():
        assert process.poll() is None
    while len(rows(config.out)) < 2:
        assert process.poll() is None
    process.send_signal(number)
    said, complaints = process.communicate()
    step = last(config.out)["step"]
    assert process.returncode == 128 + number
    assert said == (
        f"{config.out}: stopped at step {step} of 100000 and saved; the "
        "same command goes on\n"
    )
    assert complaints == "\nfinishing this step ...\n"
    assert rows(config.out)[-1]["step"] == str(step)


# Disks and folders


def in_little_room(size, config):
    """Train where no file can be larger than *size* bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    with pytest.raises(OSError, match="could not be written"):
        finish(config, override={"lr": 1e-4})


def test_on_a_full_disk_it_says_so_and_the_old_checkpoint_stays(tmp_path):
    config = tiny(tmp_path)
    stopped_after(2, config)
    before = last(tmp_path)
    child = in_a_child(in_little_room, 100_000, config)
    child.join()
    assert child.exitcode == 0
    assert same(last(tmp_path), before)
    assert not list(tmp_path.rglob("*.unfinished"))


@pytest.mark.parametrize("place", ["/proc/run", "/dev/null/run"])
def test_a_folder_that_cannot_be_written_to_is_refused(place):
    words = f"out: nothing can be written to {place} .*name another folder"
    with pytest.raises(InputError, match=words):
        finish(tiny(place))


def test_two_runs_in_one_folder_are_refused(tmp_path):
    config = tiny(tmp_path)
    run = train_run(config)
    next(run)
    child = in_a_child(refused, config)
    child.join()
    assert child.exitcode == 0
    run.close()
    finish(config)


def refused(config):
    """The other run in the same folder."""
    words = f"{config.out} is in use by process .*, another run: wait"
    with pytest.raises(InputError, match=words):
        finish(config)


def test_a_lock_dies_with_its_process(tmp_path):
    config = tiny(tmp_path)
    child = in_a_child(killed_in_a_save, "whole", config)
    child.join()
    assert (tmp_path / "in_use").read_text() == str(child.pid)
    assert len(finish(config)) == 4
