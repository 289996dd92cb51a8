"""Draw with a network that comes with the package, or with your own."""

import argparse
import sys
from math import ceil, sqrt
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from ..checks import InputError
from ..pretrained import Pretrained, load_pretrained
from ..runs.command import use_cores
from ..runs.draw import Order, draw
from ..runs.export import write_onnx
from ..runs.grid import write_png
from ..runs.load import LoadedRun, load_run
from ..runs.ranks import Ranks, joined
from .options import add_options, number, place

SETS = ("digits", "mnist")
DIGITS = tuple("0123456789")  # the classes of both
FEW, MANY = 10, 64  # pictures of each class, and where there are none
COLUMNS = 10  # in a small picture; or each column is a class
DEVICES = ("auto", "cpu", "cuda", "mps")
OPTIONS = (  # name, reader, default, words
    ("label", str, None, "which class, by name or number; without: each"),
    ("scale", number(float, 0, 100), 1.0, "of guidance; 0: of no class"),
    ("steps", number(int, 1, 1000), 50, "of DDIM"),
    ("eta", number(float, 0, 1), 0.0, "0: fixed path, 1: random steps"),
    (
        "count",
        number(int, 1, 10_000),
        None,
        "how many (default: 10 of each class, or 64)",
    ),
    (
        "batch",
        number(int, 1, 10_000),
        16,
        "at a time; another number, other pictures",
    ),
    ("seed", number(int, 0, 2**63 - 1), 0, "another one, other pictures"),
    (
        "out",
        place(".png"),
        None,
        "the picture to write (default: digits.png, or samples.png)",
    ),
    (
        "onnx",
        place(".onnx"),
        None,
        "write the network for a browser here, and draw nothing",
    ),
)
OF_RUNS = (  # name, choices or reader, default, words
    ("weights", ("ema", "live"), "ema", "averaged ones, or as they are"),
    ("device", DEVICES, "auto", "where to draw"),
)


def add_sample(commands: argparse._SubParsersAction) -> None:
    """The command that draws."""
    words = "draw with a trained network, as a picture"
    command = commands.add_parser("sample", help=words)
    command.set_defaults(run=sample)
    which = command.add_mutually_exclusive_group()
    words = "8x8 or 28x28 pixels (default: %(default)s)"
    which.add_argument(
        "--pretrained", choices=SETS, default=SETS[0], help=words
    )
    words = "the folder of a run (--from, where torchrun starts this)"
    which.add_argument(
        *("--run", "--from"), dest="folder", type=Path, help=words
    )
    add_options(command, OPTIONS)
    words = "of the run: one that was kept (default: the last)"
    reader = number(int, 1, 10**12)
    command.add_argument("--step", type=reader, help=words)
    for name, choices, default, words in OF_RUNS:
        words = f"of the run: {words} (default: %(default)s)"
        command.add_argument(
            f"--{name}", choices=choices, default=default, help=words
        )


def sample(args: argparse.Namespace) -> int:
    """Draw, write the picture, and say what was done."""
    start, net = perf_counter(), network_of(args)
    if args.onnx:
        write_onnx(args.onnx, net)
        print(f"{args.onnx}: {perf_counter() - start:.1f} s")
        return 0
    names = names_of(net)
    order = order_of(args, names)
    with joined(args.device if args.folder else "cpu") as ranks:
        images = drawn(net, order, ranks)
        if not ranks.first:
            return 0
    usual = "samples.png" if args.folder else "digits.png"
    out = args.out or Path(usual)
    write_png(out, images, columns_of(order, len(names)))
    what = "pictures" if args.folder else "digits"
    print(f"{out}: {order.count} {what}, {perf_counter() - start:.1f} s")
    return 0


def network_of(args: argparse.Namespace) -> Pretrained | LoadedRun:
    """The network that was asked for."""
    if args.folder is None:
        return load_pretrained(args.pretrained)
    use_cores()  # these may be large
    return load_run(args.folder, weights=args.weights, step=args.step)


def names_of(net: Pretrained | LoadedRun) -> tuple[str, ...]:
    """The classes by name; none where the network knows none."""
    return getattr(net, "classes", DIGITS)


def order_of(args: argparse.Namespace, names: tuple[str, ...]) -> Order:
    """What to draw, and how."""
    if not names and args.scale != 1:
        raise InputError("scale: this network knows no classes to guide to")
    label = None if args.label is None else class_of(args.label, names)
    usual = FEW * len(names) if names else MANY
    return Order(
        args.count or (usual if label is None else FEW),
        label,
        args.scale,
        args.steps,
        args.eta,
        args.seed,
        args.batch,
    )


def class_of(text: str, names: tuple[str, ...]) -> int:
    """The number of a class, by its name or its number."""
    if text in names:
        return names.index(text)
    if not names:
        raise InputError("label: this network knows no classes")
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    words = "" if names == DIGITS else f"one of {', '.join(names)}, or "
    raise InputError(
        f"label: must be {words}in 0..{len(names) - 1}; got {text}"
    )


def columns_of(order: Order, classes: int) -> int:
    """In how many columns the pictures stand."""
    if order.label is None and 0 < classes <= COLUMNS:
        return classes
    few = order.count <= 2 * COLUMNS
    return COLUMNS if few else ceil(sqrt(order.count))


def drawn(
    net: Pretrained | LoadedRun, order: Order, ranks: Ranks
) -> Tensor | None:
    """All pictures, (N, C, H, W), in the first process; None in others."""
    net.model.to(ranks.device)
    shown = ranks.first and sys.stderr.isatty()
    share = {"rank": ranks.rank, "ranks": ranks.count}
    own = list(draw(net, order, progress=shown, **share))
    parts = ranks.gathered(own)
    if parts is None:
        return None
    images = torch.empty(order.count, *net.shape)
    for batch, part in (each for each_rank in parts for each in each_rank):
        images[batch] = part
    return images
