"""Pictures as one file of bytes, read where they lie."""

import hashlib
import json
import mmap
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from ..checks import INTEGERS, InputError, as_tensor, refuse
from ..files import whole_file

NAME = "pictures"  # of the file
MARK = b"diffusion_lessons pictures 1\n"  # its last bytes, of this layout
LENGTH = 8  # bytes that say how long the header is
TOLD = 5  # names of files in a message
HOLD = 2**25  # bytes read, after which the pages are handed back


@dataclass
class Header:
    """What a store's file says of its pictures, in JSON behind them."""

    shape: list[int]  # (N, C, H, W)
    source: str  # the folder or set it was made from
    made_from: str  # of which files in it, and how
    fingerprint: str = ""  # of what is in it, wherever it was made
    labels: list[int] | None = None  # N
    classes: list[str] = field(default_factory=list)
    held_out: list[int] = field(default_factory=list)
    skipped: list[list[str]] = field(default_factory=list)


class Store:
    """Pictures on disk, of which only those asked for are in memory.

    With ``flip`` every picture for training is there twice: number i + N
    is number i, mirrored left to right.

    Args:
        path: a file that ``write_store`` wrote.
        flip: mirrored pictures as well.
    """

    def __init__(self, path: str | Path, flip: bool = False):
        self.path, self.flip = Path(path), flip
        header = read_header(self.path)
        if header is None:
            raise InputError(f"{path} is no store of pictures")
        self.count, *shape = header.shape
        self.shape = tuple(shape)  # (C, H, W)
        self.fingerprint = header.fingerprint
        self.classes = tuple(header.classes)
        self.skipped = [tuple(pair) for pair in header.skipped]
        self.labels = self._twice(header.labels)
        self.held_out = torch.tensor(header.held_out, dtype=torch.int64)
        self.training = self._without(self.held_out)
        self._pages = _Pages(self.path, header.shape)

    def __len__(self) -> int:
        return self.count * (2 if self.flip else 1)

    def _twice(self, labels: list[int] | None) -> Tensor | None:
        if labels is None:
            return None
        return torch.tensor(labels).repeat(2 if self.flip else 1)

    def _without(self, held_out: Tensor) -> Tensor:
        """All places but those of these pictures, mirrored or not."""
        free = torch.ones(self.count, dtype=torch.bool)
        free[held_out] = False
        return free.repeat(2 if self.flip else 1).nonzero()[:, 0]

    def images(self, indices: Tensor) -> Tensor:
        """Some of the pictures, as they are trained on.

        indices: (B,) whole numbers in 0..len(store) - 1

        Returns (B, C, H, W) float32 in [-1, 1].
        """
        place = self._places(indices)
        pixels = torch.from_numpy(self._pages.read(place % self.count))
        x = pixels.float().div_(127.5).sub_(1)
        turned = torch.from_numpy(place >= self.count)
        x[turned] = x[turned].flip(-1)
        return x

    def _places(self, indices: Tensor) -> np.ndarray:
        takes = f"a row of whole numbers in 0..{len(self) - 1}, (B,)"
        place = as_tensor(indices, "indices", takes)
        if place.ndim != 1 or place.dtype not in INTEGERS:
            refuse("indices", takes, indices)
        if len(place) and not 0 <= place.min() <= place.max() < len(self):
            refuse("indices", takes, indices)
        return place.numpy()

    def __repr__(self) -> str:
        c, h, w = self.shape
        colour = "grey" if c == 1 else "in colour"
        words = [f"{self.count:,} pictures, {h} x {w}, {colour}"]
        if self.classes:
            words.append(f"{len(self.classes)} classes")
        words.append(f"{len(self.held_out):,} held out")
        if self.skipped:
            words.append(left_out(self.skipped))
        return ", ".join(words)


class _Pages:
    """The bytes of a file as an array, which stays on disk.

    The system keeps what was read in its own cache, which it gives up
    when memory is short, but counts it as memory of the process. So the
    pages are handed back from time to time.
    """

    def __init__(self, path: Path, shape: list[int]):
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        flat = np.frombuffer(self._map, np.uint8, prod(shape))
        self._array, self._read = flat.reshape(shape), 0

    def read(self, place: np.ndarray) -> np.ndarray:
        """A copy of the pictures at these places."""
        found = self._array[place]
        self._read += found.nbytes
        if self._read > HOLD and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)
            self._read = 0
        return found


def read_header(path: Path) -> Header | None:
    """What a whole store says of itself; None if this is none."""
    try:
        with path.open("rb") as file:
            header = _header_at_the_end(file)
        good = path.stat().st_size > prod(header.shape) > 0
    except (OSError, ValueError, TypeError):
        return None
    return header if good else None


def _header_at_the_end(file: BinaryIO) -> Header:
    tail = LENGTH + len(MARK)
    size = file.seek(-tail, 2)
    length = int.from_bytes(file.read(LENGTH), "little")
    if file.read() != MARK or length > size:
        raise ValueError("no store of this layout")
    file.seek(size - length)
    return Header(**json.loads(file.read(length)))


def write_store(
    path: Path, header: Header, pictures: Iterable[np.ndarray]
) -> None:
    """Write pictures to *path*, whole or not at all.

    Where all are grey, one of their three channels is kept.

    pictures: each (3, H, W) uint8; *header* is filled as they come, and
    its fingerprint, shape and what is held out at the end
    """
    with whole_file(path) as place, open(place, "wb+") as file:
        digests, grey, side = [], True, 0
        for pixels in pictures:
            file.write(pixels.tobytes())
            digests.append(hashlib.sha256(pixels.tobytes()).digest())
            grey = grey and bool((pixels == pixels[:1]).all())
            side = pixels.shape[-1]
        if grey and digests:
            _keep_a_third(file, len(digests), side**2)
        header.shape = [len(digests), 1 if grey else 3, side, side]
        _finish(header, digests)
        _append(file, header)


def _keep_a_third(file: BinaryIO, count: int, size: int) -> None:
    """The first of three equal channels of each picture."""
    for i in range(count):
        file.seek(3 * i * size)
        channel = file.read(size)
        file.seek(i * size)
        file.write(channel)
    file.truncate(count * size)


def _finish(header: Header, digests: list[bytes]) -> None:
    """What is known when all pictures are there."""
    total = hashlib.sha256()
    for part in (header.shape, header.classes, header.labels):
        total.update(json.dumps(part).encode())
    for digest in digests:
        total.update(digest)
    header.fingerprint = total.hexdigest()
    header.held_out = header.held_out or held_out_of(digests)


def _append(file: BinaryIO, header: Header) -> None:
    text = json.dumps(asdict(header)).encode()
    file.seek(0, 2)
    file.write(text + len(text).to_bytes(LENGTH, "little") + MARK)


def held_out_of(digests: list[bytes]) -> list[int]:
    """Which pictures no run is trained on: one in 20, 1,000 at most.

    Chosen by what they show: a picture that is there twice is on one
    side, and one more picture moves few of the others.
    """
    unlike = sorted(set(digests))
    few = min(len(unlike) // 20, 1000)
    chosen = set(unlike[:few])
    return [i for i, digest in enumerate(digests) if digest in chosen]


def left_out(skipped: list) -> str:
    """Which files were left out, and why, in words; "" for none."""
    if not skipped:
        return ""
    named = [f"{name} ({why})" for name, why in skipped[:TOLD]]
    more = len(skipped) - len(named)
    files = (
        "1 file was" if len(skipped) == 1 else f"{len(skipped)} files were"
    )
    rest = f", and {more} more" if more else ""
    return f"{files} left out: {', '.join(named)}{rest}"
