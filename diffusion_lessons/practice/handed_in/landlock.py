"""Landlock: no file is read or written but those that are named.

It is a part of Linux since 5.13, and needs no rights:
https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os

from .linux import call

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
EXECUTE, WRITE, READ, LIST, TRUNCATE = 1, 2, 4, 8, 1 << 14
KINDS = (13, 14, 15)  # of access, as many bits, by the version
NET_SINCE, SCOPE_SINCE = 4, 6  # versions
SYSTEM = (
    *("/bin", "/etc", "/lib", "/lib32", "/lib64", "/nix", "/opt", "/proc"),
    *("/sbin", "/sys", "/usr"),
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("folder", ctypes.c_int32))


def restrict(readable: list[str], writable: str) -> None:
    """Leave these to this process, for good; OSError where it cannot."""
    version = call(CREATE_RULESET, None, 0, 1)
    handled = (1 << KINDS[min(version, len(KINDS)) - 1]) - 1
    rules = _Ruleset(
        handled,
        0b11 if version >= NET_SINCE else 0,  # of TCP: bind, connect
        0b11 if version >= SCOPE_SINCE else 0,  # abstract sockets, signals
    )
    size = ctypes.sizeof(rules)
    ruleset = call(CREATE_RULESET, ctypes.byref(rules), size, 0)
    for path in (*SYSTEM, *readable):
        _allow(ruleset, path, EXECUTE | READ | LIST)
    for path in DEVICES:
        _allow(ruleset, path, READ | WRITE)
    _allow(ruleset, writable, handled)
    call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # it is not there
        return
    if not os.path.isdir(path):
        access &= EXECUTE | READ | WRITE | TRUNCATE
    rule = _Beneath(access, place)
    call(ADD_RULE, ruleset, 1, ctypes.byref(rule), 0)
    os.close(place)
