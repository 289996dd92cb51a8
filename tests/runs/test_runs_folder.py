"""A checkpoint is whole at every moment, whatever happens in a save."""

import os
import resource
import signal
from pathlib import Path

import pytest
from tiny_runs import (
    assert_as_if_unbroken,
    finish,
    in_a_child,
    last,
    same,
    saved,
    stopped_after,
    tiny,
)

from diffusion_lessons import InputError, load_checkpoint
from diffusion_lessons.runs.folder import RunFolder


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


def test_what_a_killed_process_left_is_swept_away(tmp_path):
    config = tiny(tmp_path)
    stopped_after(2, config)
    left = tmp_path / "last.safetensors.0a1b.unfinished"
    left.write_bytes(b"half")
    finish(config)
    assert not left.exists()


def test_a_copy_stays_every_so_many_steps(tmp_path):
    finish(tiny(tmp_path, keep=2, save_every=3))
    kept = RunFolder(tmp_path).kept_steps()
    assert list(kept) == [2, 4, 6]
    assert [load_checkpoint(kept[n])["step"] for n in kept] == [2, 4, 6]
