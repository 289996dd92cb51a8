"""A folder belongs to one run at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..checks import InputError

NAME = "in_use"


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """A block in which no other process owns *folder*.

    The system keeps the lock and opens it when the process ends, however
    it ends: a file that is left behind locks nobody out.
    """
    with (folder / NAME).open("a+", encoding="utf-8") as file:
        if not _lock(file.fileno()):
            file.seek(0)
            raise InputError(
                f"{folder} is in use by process {file.read() or '?'}, "
                "another run: wait for it, or name another folder"
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _lock(file: int) -> bool:
    """Take the lock of an open file; False if another process has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _lock_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks, as some drives
        return True
    return True


def _lock_on_windows(file: int) -> bool:
    import msvcrt

    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
