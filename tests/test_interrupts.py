"""Ctrl-C comes after what was begun, and is not forgotten."""

import os
import signal
import threading

import pytest

from diffusion_lessons.interrupts import uninterrupted


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard():
    """A shell starts what runs in the background deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_a_block_is_done_whole_and_then_interrupted():
    done = []
    press = (press_ctrl_c, lambda: done.append("the rest"))
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        [do() for do in press]
    assert done == ["the rest"]


def test_without_ctrl_c_nothing_happens_and_the_next_is_heeded():
    with uninterrupted():
        pass
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()


def test_the_usual_answer_is_back_also_after_an_error():
    usual = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), uninterrupted():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is usual


def test_an_answer_of_somebody_elses_is_given_after_the_block():
    came, usual = [], signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, lambda *given: came.append(len(done)))
    done = []
    try:
        with uninterrupted():
            press_ctrl_c()
            done.append(1)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert came == [1]


def test_an_interrupt_that_is_ignored_stays_ignored():
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            press_ctrl_c()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, usual)


def test_another_thread_has_no_signals_and_runs_all_the_same():
    done = []

    def work():
        with uninterrupted():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]
