"""A folder belongs to one run at a time, and to nobody after it."""

import os
import signal
import time
from threading import Thread

import pytest
from tiny_runs import finish, in_a_child, tiny

from diffusion_lessons import InputError
from diffusion_lessons.runs.lock import alone, owned
from diffusion_lessons.runs.train import train_run


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


def killed_with_the_lock(folder):
    """Take the lock and be killed with it."""
    with owned(folder):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_lock_dies_with_its_process(tmp_path):
    child = in_a_child(killed_with_the_lock, tmp_path)
    child.join()
    assert (tmp_path / "in_use").read_text() == str(child.pid)
    with owned(tmp_path):
        assert (tmp_path / "in_use").read_text() == str(os.getpid())


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    left = tmp_path / "pictures.0a1b.unfinished"
    other = tmp_path / "mine.unfinished"
    for path in (left, other):
        path.write_bytes(b"half")
    with alone(tmp_path, "pictures.*.unfinished"):
        assert not left.exists()
    assert other.exists()


def test_who_comes_second_waits(tmp_path):
    order = []

    def second():
        with alone(tmp_path, "none"):
            order.append("second")

    other = Thread(target=second)
    with alone(tmp_path, "none"):
        other.start()
        time.sleep(0.2)  # enough to come in, if nothing held it up
        order.append("first")
    other.join()
    assert order == ["first", "second"]
