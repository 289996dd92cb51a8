"""Draw, train, find what is wrong with a model, check notebooks."""

import argparse
import sys
from pathlib import Path
from time import perf_counter

import torch

from .commands.options import add_options, folder, number, place
from .commands.sample import add_sample
from .data import NAMES
from .doctor.folder import examine_path
from .practice.handed_in import check_folder
from .prediction import PREDICTIONS
from .runs.command import add_train


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


def add_doctor(commands: argparse._SubParsersAction) -> None:
    """The command that examines."""
    words = "say what is wrong with a saved model; 1 if something is"
    command = commands.add_parser("doctor", help=words)
    command.set_defaults(run=doctor)
    words = "a run, a folder of diffusers, or a checkpoint"
    command.add_argument("path", type=Path, help=words)
    words = "what it was trained on (default: a run's own, or digits)"
    command.add_argument("--images", choices=NAMES, help=words)
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
