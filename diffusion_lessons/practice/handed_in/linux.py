"""Calls to Linux that Python has no names for."""

import ctypes
import os
import platform
import signal

NO_NEW_RIGHTS, DIE_WITH_PARENT, FILTER = 38, 1, 22  # of prctl
CAPSET = {"x86_64": 126, "aarch64": 91}
CAPABILITIES = 0x20080522  # the third version of the call


def call(number: int, *arguments) -> int:
    """Call by number; raises OSError as Python's own functions do."""
    libc = ctypes.CDLL(None, use_errno=True)
    wide = [
        ctypes.c_long(a) if isinstance(a, int) else a for a in arguments
    ]
    if (result := libc.syscall(ctypes.c_long(number), *wide)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def control(what: int, *arguments) -> None:
    """The call prctl: what this process wants of itself."""
    libc = ctypes.CDLL(None, use_errno=True)
    wide = [
        ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments
    ]
    wide += [ctypes.c_ulong(0)] * (4 - len(wide))
    if libc.prctl(ctypes.c_int(what), *wide) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def stand_alone() -> None:
    """End with the parent, and give up every right beyond a user's."""
    control(DIE_WITH_PARENT, int(signal.SIGKILL))
    control(NO_NEW_RIGHTS, 1)
    if number := CAPSET.get(platform.machine()):
        head = (ctypes.c_uint32 * 2)(CAPABILITIES, 0)
        none = (ctypes.c_uint32 * 6)()
        call(number, ctypes.byref(head), ctypes.byref(none))
