"""Seccomp: calls to Linux that are refused, by their numbers.

https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import ctypes
import platform

from .linux import FILTER, control

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE, UNKNOWN = 0x7FFF0000, 0x00050001, 0x00050026
NUMBER, MACHINE, ARGUMENT = 0, 4, 16  # where they stand in seccomp_data
A_THREAD = 0x10000  # CLONE_THREAD
OTHER_TABLE = 0x40000000  # numbers from here on: x32
# What a notebook has no need of: its number on x86_64, and on aarch64.
REFUSED = {
    "socket": (41, 198),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "setsid": (112, 157),
    "setpgid": (109, 154),
    "setpriority": (141, 140),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "truncate": (76, 45),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "mount": (165, 40),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "setns": (308, 268),
}
MISSING = {"clone3": (435, 435), "io_uring_setup": (425, 425)}
CLONE, PRLIMIT = (56, 220), (302, 261)
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}


class _Line(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("yes", ctypes.c_uint8),  # lines to skip
        ("no", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (
        ("length", ctypes.c_uint16),
        ("lines", ctypes.POINTER(_Line)),
    )


def refuse() -> None:
    """No network, no other process, no signal: for good."""
    if platform.machine() not in MACHINES:
        raise OSError("the numbers of its calls are not known here")
    lines = _filter(*MACHINES[platform.machine()])
    array = (_Line * len(lines))(*lines)
    program = _Program(len(lines), array)
    control(FILTER, 2, ctypes.byref(program))


def _filter(machine: int, column: int) -> list[tuple[int, int, int, int]]:
    """The program that looks at every call to the system."""
    lines = [
        (LOAD, 0, 0, MACHINE),
        (EQUAL, 1, 0, machine),
        (RETURN, 0, 0, REFUSE),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, OTHER_TABLE),
        (RETURN, 0, 0, REFUSE),
    ]
    for table, answer in ((REFUSED, REFUSE), (MISSING, UNKNOWN)):
        for numbers in table.values():
            if (number := numbers[column]) is not None:
                lines += [(EQUAL, 0, 1, number), (RETURN, 0, 0, answer)]
    for numbers, test in (
        (CLONE, (ANY_BIT, 1, 0, A_THREAD)),  # a thread, no process
        (PRLIMIT, (EQUAL, 1, 0, 0)),  # its own limits, no other's
    ):
        lines += [
            (EQUAL, 0, 4, numbers[column]),
            (LOAD, 0, 0, ARGUMENT),
            test,
            (RETURN, 0, 0, REFUSE),
            (RETURN, 0, 0, ALLOW),
        ]
    return [*lines, (RETURN, 0, 0, ALLOW)]
