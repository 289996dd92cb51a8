"""What a stranger's code may not do, tried one by one behind the walls."""

import ctypes
import os
import platform
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from walled import WALLED

from diffusion_lessons.practice.handed_in import walls
from diffusion_lessons.practice.handed_in.linux import call
from diffusion_lessons.practice.handed_in.seccomp import (
    MACHINES,
    MISSING,
    REFUSED,
    _filter,
)

linux = pytest.mark.skipif(not WALLED, reason="no walls of Linux here")
PYTHON = [sys.prefix, sys.base_prefix, *filter(None, sys.path)]


def behind(desk, *tries, readable=(), before=lambda: None):
    """In a process behind walls: what came of each, and what holds."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            before()
            said = [
                ",".join(walls.raise_walls(20, list(readable), str(desk)))
            ]
            said += [outcome(each) for each in tries]
            os.write(writing, "\n".join(said).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading, encoding="utf-8") as file:
        held, *said = file.read().split("\n")
    return said, held.split(",")


def outcome(do):
    try:
        return f"did {do()}"
    except BaseException as error:
        return f"{type(error).__name__} {error}".replace("\n", " ")


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "desk").mkdir()
    (tmp_path / "theirs").write_text("theirs")
    return tmp_path / "desk"


@linux
def test_files_outside_are_neither_read_nor_changed(desk):
    theirs = desk.parent / "theirs"
    new = desk.parent / "new"
    said, held = behind(
        desk,
        theirs.read_text,
        lambda: theirs.write_text("mine"),
        theirs.unlink,
        lambda: os.truncate(theirs, 0),
        lambda: theirs.chmod(0),
        lambda: os.utime(theirs),
        lambda: theirs.rename(desk / "mine"),
        lambda: new.write_text("x"),
        lambda: (desk / "link").hardlink_to(theirs),
        lambda: os.listdir(desk.parent),
    )
    assert "files" in held
    assert said.pop(8).startswith("OSError [Errno 18]")  # no link across
    assert [text.split()[0] for text in said] == ["PermissionError"] * 9
    assert theirs.read_text() == "theirs"
    assert theirs.stat().st_mode & 0o777
    assert sorted(p.name for p in desk.parent.iterdir()) == [
        "desk",
        "theirs",
    ]


@linux
def test_its_own_folder_and_pythons_files_are_open(desk):
    said, _ = behind(
        desk,
        lambda: (desk / "mine").write_text("four"),
        (desk / "mine").read_text,
        lambda: bool(Path(torch.__file__).read_bytes()),
        lambda: Path(os.devnull).write_text("x"),
        lambda: threading.Thread(target=int).start(),
        lambda: torch.ones(3).sum().item(),
        readable=PYTHON,
    )
    assert [text.removeprefix("did ") for text in said] == [
        *("4", "four", "True", "1", "None", "3.0"),
    ]


@linux
def test_no_network_no_other_process_no_signal(desk):
    libc = ctypes.CDLL(None, use_errno=True)
    column = MACHINES[platform.machine()][1]
    parent = os.getpid()

    def by_number(name, *arguments):
        return lambda: call(REFUSED[name][column], *arguments)

    said, held = behind(
        desk,
        by_number("socket", 2, 1, 0),
        by_number("kill", parent, 0),
        by_number("tgkill", parent, parent, 0),
        by_number("setsid"),
        by_number("chmod" if column == 0 else "fchmod", 0, 0),
        lambda: call(MISSING["clone3"][column], None, 0),
        lambda: call(MISSING["io_uring_setup"][column], 1, None),
        lambda: libc.fork(),
        lambda: resource.prlimit(parent, resource.RLIMIT_CPU),
        lambda: subprocess.run(["true"], check=True),
        Path(f"/proc/{parent}/environ").read_bytes,
    )
    assert "system" in held
    assert all("Operation not permitted" in text for text in said[:5])
    assert all("not implemented" in text for text in said[5:7])
    assert said[7] == "did -1"
    assert all(text.startswith("PermissionError") for text in said[8:])


def test_memory_and_files_have_a_size(desk):
    big = desk / "big"
    said, held = behind(
        desk,
        lambda: len(bytearray(4 * walls.MEMORY)),
        lambda: torch.zeros(walls.MEMORY),
        lambda: big.write_bytes(b"x" * (walls.LARGEST + 1)),
        lambda: resource.getrlimit(resource.RLIMIT_CPU)[1] < 10_000,
    )
    assert {"time", "size", "open"} <= set(held)
    assert said[2:] == ["OSError [Errno 27] File too large", "did True"]
    if "memory" in held:
        assert said[0].startswith("MemoryError")
        assert said[1].startswith("RuntimeError")


def test_without_the_walls_of_linux_python_refuses(desk, monkeypatch):
    def none():
        def no(*_):
            raise OSError("not here")

        walls.restrict = walls.refuse = no

    said, held = behind(
        desk,
        lambda: os.kill(os.getppid(), 0),
        lambda: os.fork(),
        lambda: os.system("true"),
        lambda: socket.create_connection(("127.0.0.1", 9)),
        lambda: socket.socket().connect(("127.0.0.1", 9)),
        lambda: socket.socketpair() and None,
        before=none,
    )
    assert not {"files", "system"} & set(held)
    words = "PermissionError a handed-in notebook may not do this"
    assert said == [words] * 5 + ["did None"]


@pytest.mark.parametrize("name", MACHINES)
def test_the_filter_knows_what_it_may_refuse(name):
    """Run the program by hand: refused calls, others, other machines."""
    machine, column = MACHINES[name]
    lines = _filter(machine, column)
    refuse, unknown, allow = 0x50001, 0x50026, 0x7FFF0000

    def answer(number, argument=0, machine=machine):
        seen, at, data = 0, 0, {0: number, 4: machine, 16: argument}
        while True:
            code, yes, no, value = lines[at]
            if code == 0x06:
                return value
            if code == 0x20:
                seen, step = data[value], 0
            else:
                true = {
                    0x15: seen == value,
                    0x35: seen >= value,
                    0x45: bool(seen & value),
                }[code]
                step = yes if true else no
            at += 1 + step

    for numbers in REFUSED.values():
        if numbers[column] is not None:
            assert answer(numbers[column]) == refuse
    for numbers in MISSING.values():
        assert answer(numbers[column]) == unknown
    clone, prlimit = ((56, 302), (220, 261))[column]
    assert answer(clone, 0x10000) == allow
    assert answer(clone, 0x11) == refuse
    assert answer(prlimit, 0) == allow
    assert answer(prlimit, 7) == refuse
    assert answer(1000) == allow
    assert answer(1000, machine=machine + 1) == refuse
    assert answer(0x40000029) == refuse
