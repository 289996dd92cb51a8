"""What options of a command take, and the words that explain them."""

import argparse
from collections.abc import Callable
from pathlib import Path


def number(kind: type, low: float, high: float) -> Callable:
    """For argparse: what reads a number in low..high."""

    def read(text: str) -> float:
        if not low <= (value := kind(text)) <= high:
            words = f"must be in {low}..{high}; got {text}"
            raise argparse.ArgumentTypeError(words)
        return value

    read.__name__ = kind.__name__  # argparse says "invalid int value"
    return read


def place(suffix: str) -> Callable:
    """For argparse: what reads a place where a file can be written."""

    def read(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() == suffix and path.parent.is_dir():
            return path
        words = f"takes a {suffix} in a folder that is there; got {text!r}"
        raise argparse.ArgumentTypeError(words)

    return read


def folder(text: str) -> Path:
    """For argparse: a folder that is there."""
    if (path := Path(text)).is_dir():
        return path
    words = f"must be a folder that is there; got {text!r}"
    raise argparse.ArgumentTypeError(words)


def add_options(command: argparse.ArgumentParser, options: tuple) -> None:
    """Give a command its options, each with the words that explain it."""
    for name, reader, default, words in options:
        words += "" if default is None else " (default: %(default)s)"
        command.add_argument(
            f"--{name}", type=reader, default=default, help=words
        )
