"""Measure, and print one table.

python -m benchmarks              what takes a minute or two
python -m benchmarks digits …     those topics
python -m benchmarks all          everything on a CPU but the tuning: hours
python -m benchmarks gpu --device cuda
"""

import argparse
import platform
from collections.abc import Callable

import diffusers
import torch

from . import (
    digits,
    engine,
    forward,
    gpu,
    imports,
    mnist,
    peers,
    runs,
    sampling,
    training,
)
from .budget import Options
from .contestants import HAS_LUCIDRAINS

QUICK = {
    "forward": forward.rows,
    "imports": imports.rows,
    "training": training.rows,
    "sampling": sampling.rows,
    "runs": runs.rows,
    "engine": engine.rows,
}
LONG = {  # in core-minutes
    "digits": digits.rows,  # 11
    "mnist": mnist.rows,  # 26
    "peers": peers.rows,  # 20 to 65
}
ALONE = {"tuning": peers.tuning, "gpu": gpu.rows}  # 15, and 3 on a GPU
TOPICS: dict[str, Callable] = QUICK | LONG | ALONE


def main() -> None:
    """Print where it runs, then what, how long and, of two, the ratio."""
    parser = argparse.ArgumentParser("python -m benchmarks")
    choices = ["all", *TOPICS]
    names = ", ".join(choices)
    parser.add_argument("topics", nargs="*", help=names)
    parser.add_argument("--device", type=torch.device, default="cpu")
    words = "a budget in the place of the topics' own"
    parser.add_argument("--seconds", type=float, help=words)
    args = parser.parse_args()
    if unknown := set(args.topics) - set(choices):
        parser.error(f"topics are {names}; got {', '.join(unknown)}")
    wanted = args.topics or list(QUICK)
    if "all" in wanted:
        wanted = [*QUICK, *LONG]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(
        f"python {platform.python_version()}, torch {torch.__version__}, "
        f"diffusers {diffusers.__version__}, {args.device}, "
        f"{torch.get_num_threads()} thread, {platform.machine()}"
    )
    if not HAS_LUCIDRAINS:
        print("a peer is missing: pip install -r requirements-bench.txt")
    print(f"{'what':60}{'median times, results':>24}  ratio")
    for topic in wanted:
        for name, value, ratio in TOPICS[topic](
            Options(args.device, args.seconds)
        ):
            print(f"{name:60}{value:>24}  {ratio:>5}", flush=True)


if __name__ == "__main__":
    main()
