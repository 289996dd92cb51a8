"""Walls around a stranger's code: what it may use, and what it may touch.

On any system of the POSIX family: limits on time, memory and files. On
Linux moreover: nothing is written outside one folder and nothing read that
Python does not need (Landlock), and no network, no other process, no
signal to one, no other rights on a file (seccomp). Neither asks for rights
that a user has not. Where they are not to be had, the functions of Python
for the same things refuse; whoever calls the system past Python gets past
that. A fence, then, and not a prison.
"""

import contextlib
import os
import sys
from collections.abc import Iterable
from functools import partial
from math import ceil
from time import process_time

from .landlock import restrict
from .linux import stand_alone
from .seccomp import refuse

MEGABYTE = 2**20
MEMORY = 2048 * MEGABYTE  # that may be added to what Python and torch take
LARGEST = 64 * MEGABYTE  # of one file
FILES = 256  # open at the same time


def raise_walls(
    seconds: float, readable: Iterable[str], writable: str
) -> list[str]:
    """Put up all that this system has, for good; and say what holds.

    seconds: of the processor, for all that follows
    readable: files and folders that may be read, beside the system's own
    writable: the one folder that may be written to
    """
    held = [*_limits(seconds), *_refusals()]
    if sys.platform == "linux":
        stand_alone()
        for name, wall in (
            ("files", partial(restrict, [*readable], writable)),
            ("system", refuse),
        ):
            with contextlib.suppress(OSError, AttributeError):
                wall()
                held.append(name)
    return held


# Limits


def _limits(seconds: float) -> list[str]:
    try:
        import resource
    except ImportError:  # as on Windows
        return []
    limits = {
        "time": ("RLIMIT_CPU", ceil(process_time() + seconds) + 1),
        "size": ("RLIMIT_FSIZE", LARGEST),
        "core": ("RLIMIT_CORE", 0),
        "open": ("RLIMIT_NOFILE", FILES),
    }
    if taken := _memory_taken():
        limits["memory"] = ("RLIMIT_AS", taken + MEMORY)
    held = []
    for name, (kind, value) in limits.items():
        with contextlib.suppress(OSError, ValueError, AttributeError):
            resource.setrlimit(getattr(resource, kind), (value, value))
            held.append(name)
    return held


def _memory_taken() -> int:
    """Bytes of address space that this process has; 0 if nobody says."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


# Functions of Python that refuse


def _refusals() -> list[str]:
    import socket

    def no(*_, **__):
        raise PermissionError("a handed-in notebook may not do this")

    for name in ("kill", "killpg", "fork", "forkpty", "system", "setsid"):
        if hasattr(os, name):
            setattr(os, name, no)
    for name in ("posix_spawn", "posix_spawnp", "startfile"):
        if hasattr(os, name):
            setattr(os, name, no)
    for name in ("connect", "connect_ex", "bind", "sendto"):
        setattr(socket.socket, name, no)
    socket.create_connection = socket.getaddrinfo = no
    return ["python"]
