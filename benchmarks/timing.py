"""Medians of calls that take turns, so that all meet the same weather."""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch


def wait() -> None:
    """Until a GPU has done what it was told; a CPU always has."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def medians(*calls: Callable, rounds: int, each: int = 1) -> list[float]:
    """Seconds per call: the median of *rounds* times *each* in a row."""
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()  # once to warm up
    for _ in range(rounds):
        for call, seen in zip(calls, times, strict=True):
            wait()
            start = perf_counter()
            for _ in range(each):
                call()
            wait()
            seen.append((perf_counter() - start) / each)
    return [median(seen) for seen in times]


def spoken(seconds: float) -> str:
    """A time in the unit it is read in."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"
