"""End a call that does not end by itself."""

import ctypes
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

AGAIN = 0.05  # seconds between two attempts to end it
PATIENCE = 20  # attempts; then it is left behind


class TimeUp(BaseException):
    """Raised inside a call that took too long; no Exception, on purpose."""


def within(seconds: float, work: Callable[[], Any]) -> tuple[bool, Any]:
    """Do *work* in a thread of its own: did it end, and what it returned.

    A loop of Python is ended by an exception in its thread. What hangs in
    foreign code cannot be; its thread is left behind and ends with Python.
    """
    box: list = []

    def run() -> None:
        with suppress(TimeUp):
            box.append(work())

    thread = threading.Thread(target=run, daemon=True, name="practice")
    thread.start()
    thread.join(seconds)
    for _ in range(PATIENCE):
        if not thread.is_alive():
            break
        raise_in(thread)
        thread.join(AGAIN)
    return bool(box), box[0] if box else None


def raise_in(thread: threading.Thread) -> None:
    """Raise TimeUp in another thread, at its next line of Python."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(TimeUp)
    )
