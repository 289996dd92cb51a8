"""Does this system offer the walls of Linux? Asked past our own code."""

import ctypes
import platform
import sys

LANDLOCK_CREATE_RULESET, ITS_VERSION = 444, 1


def offers_landlock() -> bool:
    """Whether the system knows the call at all."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, ITS_VERSION) > 0


WALLED = offers_landlock() and platform.machine() in ("x86_64", "aarch64")
