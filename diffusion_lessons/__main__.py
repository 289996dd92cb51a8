"""Draw, train, find what is wrong with a model, check notebooks."""

import argparse
import sys
from pathlib import Path
from time import perf_counter

import torch

from .data import NAMES
from .doctor.folder import examine_path
from .guidance import Guided
from .practice.handed_in import check_folder
from .prediction import PREDICTIONS
from .pretrained import load_pretrained
from .runs.command import add_train
from .runs.grid import write_png
from .sampling import ddim_sample

COLUMNS = 10  # a row is full; without a label a column is a class


def sample(args: argparse.Namespace) -> int:
    """Draw the digits, write the picture, and say what was done."""
    start, net = perf_counter(), load_pretrained(args.pretrained)
    if args.label is None:
        count = args.count or 100
        label = torch.arange(count) % COLUMNS
    else:
        count, label = args.count or 10, args.label
    generator = torch.Generator().manual_seed(args.seed)
    *_, last = ddim_sample(
        Guided(net.model, label, net.null, args.scale),
        torch.randn(count, *net.shape, generator=generator),
        net.schedule,
        args.steps,
        eta=args.eta,
        predicts=net.predicts,
        generator=generator,
        progress=sys.stderr.isatty(),
    )
    write_png(args.out, last.x, COLUMNS)
    print(f"{args.out}: {count} digits, {perf_counter() - start:.1f} s")
    return 0


def doctor(args: argparse.Namespace) -> int:
    """Say what is wrong with a saved model; 1 if something is."""
    report = examine_path(args.path, args.images, args.predicts)
    print(report)
    return 0 if report else 1


def check(args: argparse.Namespace) -> int:
    """Check a folder of handed-in notebooks, line by line."""
    start = perf_counter()
    marks = check_folder(args.folder, args.csv, args.seconds)
    right = sum(bool(mark.verdict) for mark in marks)
    took = perf_counter() - start
    print(f"{args.folder}: {right} right of {len(marks)}, {took:.1f} s")
    return 0


def number(kind: type, low: float, high: float):
    """For argparse: what reads a number in low..high."""

    def read(text: str) -> float:
        if not low <= (value := kind(text)) <= high:
            words = f"must be in {low}..{high}; got {text}"
            raise argparse.ArgumentTypeError(words)
        return value

    read.__name__ = kind.__name__  # argparse says "invalid int value"
    return read


def place(suffix: str):
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


OPTIONS = (  # name, reader, default, words
    ("label", number(int, 0, 9), None, "which digit; without: each digit"),
    ("scale", number(float, 0, 100), 1.0, "of guidance; 0: of no class"),
    ("steps", number(int, 1, 1000), 50, "of DDIM"),
    ("eta", number(float, 0, 1), 0.0, "0: fixed path, 1: random steps"),
    (
        "count",
        number(int, 1, 1000),
        None,
        "how many (default: 10 of one digit, or 100)",
    ),
    ("seed", number(int, 0, 2**63 - 1), 0, "another one, other digits"),
    ("out", place(".png"), Path("digits.png"), "the picture to write"),
)


CHECKS = (
    ("csv", place(".csv"), None, "a table to write, outside the folder"),
    (
        "seconds",
        number(float, 1, 3600),
        60.0,
        "that the cells of one notebook may take",
    ),
)


def parser() -> argparse.ArgumentParser:
    """The command line: its commands, and the options of each."""
    top = argparse.ArgumentParser("python -m diffusion_lessons")
    commands = top.add_subparsers(
        required=True, metavar="sample | train | doctor | check"
    )
    add_sample(commands)
    add_train(commands)
    add_doctor(commands)
    add_check(commands)
    return top


def add_sample(commands: argparse._SubParsersAction) -> None:
    """The command that draws."""
    words = "draw digits with a trained network, as a picture"
    command = commands.add_parser("sample", help=words)
    command.set_defaults(run=sample)
    sets = ("digits", "mnist")
    words = "8x8 or 28x28 pixels (default: %(default)s)"
    command.add_argument(
        "--pretrained", choices=sets, default=sets[0], help=words
    )
    add_options(command, OPTIONS)


def add_doctor(commands: argparse._SubParsersAction) -> None:
    """The command that examines."""
    words = "say what is wrong with a saved model; 1 if something is"
    command = commands.add_parser("doctor", help=words)
    command.set_defaults(run=doctor)
    words = "a folder of diffusers, or a checkpoint of a run"
    command.add_argument("path", type=Path, help=words)
    words = "what it was trained on (default: %(default)s)"
    command.add_argument(
        "--images", choices=NAMES, default=NAMES[0], help=words
    )
    words = "what it was asked for, if the file does not say (eps)"
    command.add_argument("--predicts", choices=PREDICTIONS, help=words)


def add_check(commands: argparse._SubParsersAction) -> None:
    """The command that marks."""
    words = "check handed-in practice notebooks"
    command = commands.add_parser("check", help=words)
    command.set_defaults(run=check)
    words = "with a notebook, or a folder, for each student; is only read"
    command.add_argument("folder", type=folder, help=words)
    add_options(command, CHECKS)


def add_options(command: argparse.ArgumentParser, options: tuple) -> None:
    """Give a command its options, each with the words that explain it."""
    for name, reader, default, words in options:
        words += "" if default is None else " (default: %(default)s)"
        command.add_argument(
            f"--{name}", type=reader, default=default, help=words
        )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 if all is well, 1 if a model is sick."""
    torch.set_num_threads(1)  # faster than two for networks this small
    top = parser()
    args = top.parse_args(arguments)
    try:
        return args.run(args)
    except (OSError, ValueError, RuntimeError) as problem:
        top.error(str(problem))  # code 2


if __name__ == "__main__":
    sys.exit(main())
