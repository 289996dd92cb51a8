"""``python -m diffusion_lessons train``: a run from the command line."""

import argparse
import json
import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from .config import RunConfig, config_of
from .presets import PRESETS
from .store import left_out
from .train import train_run

OPTIONS = (  # name, reader, words
    ("size", int, "the side of the pictures, 8 to 128"),
    ("steps", int, "how many (10000)"),
    ("batch-size", int, "pictures in a step, of all processes (64)"),
    ("lr", float, "the learning rate at its highest (1e-3)"),
    ("warmup", int, "steps in which it rises (100)"),
    ("ema", float, "decay of the averaged weights (0.999)"),
    ("max-norm", float, "longer gradients are made this long (1)"),
    ("p-uncond", float, "share of the labels dropped (0.1)"),
    ("pretrained", str, "weights to begin with, as photographs, or a run"),
    ("predicts", str, "eps, x0 or v (v)"),
    ("schedule", str, "of the noise: cosine or linear (cosine)"),
    ("seed", int, "of all that is drawn (0)"),
    ("accumulate", int, "parts of a batch, one after the other (1)"),
    ("precision", str, "fp32, bf16 or fp16 (fp32)"),
    ("device", str, "cpu, cuda, mps, or auto (auto)"),
    ("save-every", int, "steps between checkpoints (500)"),
    ("keep", int, "steps between checkpoints that stay (0: none)"),
    ("sample-every", int, "steps between samples (1000; 0: none)"),
    ("log-every", int, "steps between rows of log.csv (10)"),
)
SWITCHES = (
    ("flip", "train on mirrored pictures as well"),
    ("compile", "compile the network first"),
    ("channels-last", "lay the numbers out as GPUs like them"),
    ("tensorboard", "write events for TensorBoard, too"),
)


class Stop:
    """Ctrl-C and SIGTERM: once ends the run after its step, twice now.

    Before the first step there is nothing to save, and they end it as they
    end any program.
    """

    NUMBERS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self):
        self.number, self.usual = 0, {}

    def __call__(self) -> bool:
        """Was a stop asked for? Asked for the first time, it listens."""
        if not self.usual:
            self.usual = {
                n: signal.signal(n, self.hear) for n in self.NUMBERS
            }
        return self.number > 0

    def hear(self, number: int, _: Any) -> None:
        """What the system calls when the signal comes."""
        again, self.number = self.number > 0, number
        if again:
            raise KeyboardInterrupt
        os.write(2, b"\nfinishing this step ...\n")

    def close(self) -> None:
        """Listen no longer."""
        for number, before in self.usual.items():
            signal.signal(number, before)


def add_train(commands: argparse._SubParsersAction) -> None:
    """The command that trains."""
    words = "train on a folder of pictures, or go on with it"
    command = commands.add_parser(
        "train", help=words, argument_default=argparse.SUPPRESS
    )
    command.set_defaults(run=train)
    words = "a folder, or digits, mnist, fashion_mnist, cifar10"
    command.add_argument("pictures", metavar="PICTURES", help=words)
    words = "the folder of the run"
    command.add_argument("--out", type=Path, required=True, help=words)
    words = f"{', '.join(PRESETS)} (small), or base_channels=32,patch=2, …"
    command.add_argument("--network", type=network, help=words)
    for name, reader, words in OPTIONS:
        command.add_argument(f"--{name}", type=reader, help=words)
    for name, words in SWITCHES:
        command.add_argument(f"--{name}", action="store_true", help=words)
    words = "a setting that is to be another from now on, as lr=1e-4"
    command.add_argument(
        "--override",
        type=arguments,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=words,
    )


def network(text: str) -> str | dict[str, Any]:
    """For argparse: what reads a preset, or arguments of a network."""
    return text if text in PRESETS else arguments(text)


def arguments(text: str) -> dict[str, Any]:
    """For argparse: what reads name=value,name=value."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name and sign for name, sign, _ in pairs):
        words = f"takes name=value, with commas between; got {text!r}"
        raise argparse.ArgumentTypeError(words)
    return {
        name.replace("-", "_"): _read(value) for name, _, value in pairs
    }


def _read(value: str) -> Any:
    """A number, true, false or null, as JSON has them; or a word."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def train(args: argparse.Namespace) -> int:
    """Train, or go on; 0, or 128 and the signal that stopped it."""
    given = {k: v for k, v in vars(args).items() if k != "run"}
    override = {}
    for each in given.pop("override"):
        override |= each
    config, stop = config_of(given), Stop()
    use_cores()
    with closing(stop):
        try:
            _say(config, trained(config, override, stop))
        except KeyboardInterrupt:
            stop.number = stop.number or signal.SIGINT
            _say(config, "stopped; the same command goes on")
    return 128 + stop.number if stop.number else 0


def trained(config: RunConfig, override: dict, stop: Stop) -> str:
    """Run to the end, or until asked to stop; what there is to say."""
    last, shown = None, sys.stderr.isatty()
    for step in train_run(
        config, override=override, stop=stop, progress=shown
    ):
        if last is None:
            skipped = step.state.batches.store.skipped
            if skipped:
                _say(config, left_out(skipped))
        last = step
    if last is None:
        return "all its steps are done (--override steps=… adds more)"
    total = last.state.recipe.num_steps
    if last.step < total:
        return (
            f"stopped at step {last.step} of {total} and saved; the same "
            "command goes on"
        )
    return f"{last.step} steps, loss {last.loss:.4f}"


def _say(config: RunConfig, words: str) -> None:
    """One process speaks for all."""
    if os.environ.get("RANK", "0") == "0":
        print(f"{config.out}: {words}", flush=True)


def use_cores() -> None:
    """As many threads as there are cores for this process, or as told."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(int(told) if told.isdigit() else cores)
