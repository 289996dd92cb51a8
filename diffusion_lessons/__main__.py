"""Draw digits with a trained network, as a picture, with one command."""

import argparse
import io
import sys
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor

from .files import whole_file
from .guidance import Guided
from .pretrained import load_pretrained
from .sampling import ddim_sample

SIDE = 56  # pixels, about, of a digit in the picture
COLUMNS = 10  # a row is full; without a label a column is a class


def sample(args: argparse.Namespace) -> str:
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
    return f"{args.out}: {count} digits, {perf_counter() - start:.1f} s"


def write_png(path: Path, images: Tensor, columns: int) -> None:
    """A grid of images in [-1, 1] as a file, whole or not at all."""
    from torchvision.utils import make_grid, save_image

    larger = max(1, SIDE // images.shape[-1])
    images = F.interpolate((images + 1) / 2, scale_factor=larger)
    picture = io.BytesIO()
    images = F.pad(images, (0, 4, 0, 4), value=1.0)  # right and below
    grid = make_grid(images, columns, padding=0, pad_value=1.0)
    grid = F.pad(grid, (4, 0, 4, 0), value=1.0)  # and around, for one too
    save_image(grid, picture, format="png")
    with whole_file(path) as place:
        place.write_bytes(picture.getvalue())


def number(kind: type, low: float, high: float):
    """For argparse: what reads a number in low..high."""

    def read(text: str) -> float:
        if not low <= (value := kind(text)) <= high:
            words = f"must be in {low}..{high}; got {text}"
            raise argparse.ArgumentTypeError(words)
        return value

    read.__name__ = kind.__name__  # argparse says "invalid int value"
    return read


def png(text: str) -> Path:
    """For argparse: a place where a picture can be written."""
    path = Path(text)
    if path.suffix.lower() == ".png" and path.parent.is_dir():
        return path
    words = f"takes a .png in a folder that is there; got {text!r}"
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
    ("out", png, Path("digits.png"), "the picture to write"),
)


def parser() -> argparse.ArgumentParser:
    """The command line: one command, and its options."""
    top = argparse.ArgumentParser("python -m diffusion_lessons")
    commands = top.add_subparsers(required=True, metavar="sample")
    add = commands.add_parser("sample", help=__doc__).add_argument
    sets = ("digits", "mnist")
    words = "8x8 or 28x28 pixels (default: %(default)s)"
    add("--pretrained", choices=sets, default=sets[0], help=words)
    for name, reader, default, words in OPTIONS:
        words += "" if default is None else " (default: %(default)s)"
        add(f"--{name}", type=reader, default=default, help=words)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 if a picture was written."""
    torch.set_num_threads(1)  # faster than two for networks this small
    top = parser()
    args = top.parse_args(arguments)
    try:
        print(sample(args))
    except (OSError, ValueError) as problem:
        top.error(str(problem))  # code 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
