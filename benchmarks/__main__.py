"""Measure everything in one run and print one table."""

import platform

import diffusers
import torch

from . import forward, imports, training


def main() -> None:
    """Print where it runs, then what, how long and, of two, the ratio."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(
        f"python {platform.python_version()}, torch {torch.__version__}, "
        f"diffusers {diffusers.__version__}, "
        f"{torch.get_num_threads()} thread, {platform.machine()}"
    )
    print(f"{'median times':58}{'':20}  ratio")
    for topic in (forward, imports, training):
        for name, times, ratio in topic.rows():
            print(f"{name:58}{times:>20}  {ratio:>5}", flush=True)


if __name__ == "__main__":
    main()
