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


@contextmanager
def alone(folder: Path, leftovers: str) -> Iterator[None]:
    """A block for one process at a time; others wait for it.

    What a killed process left unfinished is swept away. Where the system
    has no such locks, nobody waits, and nothing is swept.

    leftovers: a pattern of their names, as "pictures.*.unfinished"
    """
    with (folder / NAME).open("a") as file:
        if _flock(file.fileno(), wait=True):
            for left in folder.glob(leftovers):
                left.unlink(missing_ok=True)
        yield


def _lock(file: int) -> bool:
    """Take the lock of an open file; False if another process has it."""
    taken = _flock(file, wait=False)
    if taken is None and os.name == "nt":
        return _lock_on_windows(file)
    return taken is not False


def _flock(file: int, wait: bool) -> bool | None:
    """As _lock; None where there are no such locks, as on some drives."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _lock_on_windows(file: int) -> bool:
    import msvcrt

    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
