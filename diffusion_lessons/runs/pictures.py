"""A folder of pictures, or a set by its name, made ready for a run."""

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F

from ..checks import FilePath, InputError, checked, refuse, whole
from ..data import CLASSES, NAMES, load_pixels
from ..progress import bar
from .decode import NoPicture, decoded
from .listing import Listing, check_apart, listing_of, top
from .lock import alone
from .store import (
    NAME,
    Header,
    Store,
    left_out,
    read_header,
    write_store,
)

Size = Annotated[int, whole(8, 128)] | None
USUAL = 32  # the side of a picture from a folder, if none is asked for
NATIVE = {"digits": 8, "mnist": 28, "fashion_mnist": 28, "cifar10": 32}
AT_A_TIME = 256  # pictures that are decoded before they are written
THREADS = min(8, os.cpu_count() or 1)


def _source(value: Any, name: str) -> str | Path:
    """A folder that is there, or was; or the name of a set."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        refuse(name, "a folder, or the name of a set of images", value)
    return value if value in NAMES else Path(value)


@checked
def open_pictures(
    source: Annotated[str | Path, _source],
    size: Size = None,
    *,
    flip: bool = False,
    place: FilePath | None = None,
    progress: bool = False,
) -> Store:
    """Pictures of any kind, as squares of one size, ready for a run.

    They are decoded once, into one file in the folder *place*, and again
    when a name, a size or a time in *source* has changed. Two processes
    that ask at once do not meet, and one that is killed leaves nothing
    that counts. Where *source* is there no longer, the file will do.

    Args:
        source: a folder, in which folders are classes; or "digits",
            "mnist", "fashion_mnist", "cifar10" ("./mnist" is a folder).
        size: of a side, 8 to 128; None for what the set has, and 32.
        flip: mirrored pictures as well, for training.
        place: the folder of the file; None for one that goes with the
            store.
        progress: show a bar (terminal, Jupyter, Colab).

    Raises InputError where there is no picture, or none can be kept.
    """
    size = size or NATIVE.get(source, USUAL)
    if place is None:
        home = TemporaryDirectory(ignore_cleanup_errors=True)
        store = _opened(source, size, flip, Path(home.name), progress)
        store.home = home  # it goes when the store does
        return store
    return _opened(source, size, flip, place, progress)


def _opened(
    source: str | Path, size: int, flip: bool, place: Path, progress: bool
) -> Store:
    """The store in *place*, as it is there or made anew."""
    path = place / NAME
    if isinstance(source, Path):
        if not source.is_dir():
            return _as_it_was(source, size, flip, path)
        check_apart(source, place)
    _make_folder(place)
    with alone(place, f"{NAME}.*.unfinished"):
        files = listing_of(source) if isinstance(source, Path) else None
        state = f"{size} {files.state if files else source}"
        before = read_header(path)
        if before is None or before.made_from != state:
            header = Header([], str(source), state)
            pictures = (
                _of_folder(source, files, size, header, progress)
                if files
                else _of_set(source, size, header, progress)
            )
            write_store(path, header, pictures)
        return Store(path, flip)


def _as_it_was(folder: Path, size: int, flip: bool, path: Path) -> Store:
    """The store of a folder that is there no longer."""
    before = read_header(path)
    if before and (before.source, before.shape[-1]) == (str(folder), size):
        return Store(path, flip)
    if folder.exists():
        raise InputError(
            f"{folder} is a file; the pictures must be in a folder (an "
            "archive has to be unpacked first)"
        )
    names = ", ".join(map(repr, NAMES))
    raise InputError(f"there is no folder {folder}, and no set but {names}")


def _make_folder(place: Path) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"place: there can be no folder {place} ({error.strerror})"
        ) from error


# Pictures from a folder


def _of_folder(
    folder: Path, files: Listing, size: int, header: Header, progress: bool
) -> Iterator[np.ndarray]:
    """Each picture that can be read; the others are named in *header*."""
    tops: list[str] = []
    header.skipped += files.skipped
    for name, found in _tried(folder, files.names, size, progress):
        if isinstance(found, str):
            header.skipped.append([name, found])
        else:
            tops.append(top(name))
            yield found
    if not tops:
        raise InputError(
            f"there is no picture in {folder}: "
            f"{left_out(header.skipped) or 'it is empty'}"
        )
    header.skipped.sort()
    classes = sorted(set(tops) - {""})
    if len(classes) > 1:
        header.classes = classes
        header.labels = [classes.index(name) for name in tops]


def _tried(
    folder: Path, names: list[str], size: int, progress: bool
) -> Iterator[tuple[str, np.ndarray | str]]:
    """Each name with its picture, or with what is wrong, in order."""
    one = partial(_one, folder, size)
    options = {"total": len(names), "unit": "picture"}
    with (
        warnings.catch_warnings(action="ignore"),  # PIL's, of odd files
        ThreadPoolExecutor(THREADS) as pool,
        bar(shown=progress, desc="preparing", **options) as shown,
    ):
        for start in range(0, len(names), AT_A_TIME):
            part = names[start : start + AT_A_TIME]
            yield from zip(part, pool.map(one, part), strict=True)
            shown.update(len(part))


def _one(folder: Path, size: int, name: str) -> np.ndarray | str:
    try:
        return decoded(folder / name, size)
    except NoPicture as error:
        return str(error)


# A set by its name


def _of_set(
    name: str, size: int, header: Header, progress: bool
) -> Iterator[np.ndarray]:
    """All images of a set; its test part is held out."""
    labels: list[int] = []
    for train in (True, False):
        pixels, own = load_pixels(name, train)
        before = len(labels)
        labels += own.tolist()
        parts = bar(pixels.split(AT_A_TIME), shown=progress, desc=name)
        for part in parts:
            yield from _resized(part, size)
    header.held_out = list(range(before, len(labels)))
    header.labels, header.classes = labels, list(CLASSES[name])


def _resized(pixels: torch.Tensor, size: int) -> Iterator[np.ndarray]:
    """(B, 1 or 3, H, W) bytes, each as (3, size, size)."""
    if size != pixels.shape[-1]:
        x = F.interpolate(
            pixels.float(), (size, size), mode="bilinear", antialias=True
        )
        pixels = x.round().clamp(0, 255).to(torch.uint8)
    return iter(pixels.expand(-1, 3, -1, -1).contiguous().numpy())
