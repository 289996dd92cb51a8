"""A folder belongs to one run at a time, and to nobody after it."""

import os
import signal

import pytest
from tiny_runs import finish, in_a_child, tiny

from diffusion_lessons import InputError
from diffusion_lessons.runs.lock import owned
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
