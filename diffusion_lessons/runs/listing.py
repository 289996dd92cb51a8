"""What is in a folder of pictures, and whether it has changed."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..checks import InputError

ENDINGS = {
    *(".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
}
BESIDE = "lies beside the folders of the classes"


class Listing(NamedTuple):
    """The files of a folder, by name; hidden ones are none."""

    names: list[str]  # relative to the folder, with / between parts
    skipped: list[list[str]]  # (name, why) of what cannot be a picture
    state: str  # changes with any name, size or time


def listing_of(folder: Path) -> Listing:
    """All files in a folder and the folders in it, in order.

    Where two or more of these hold pictures, they are the classes, and a
    file beside them is of none.
    """
    names: list[str] = []
    skipped: list[list[str]] = []
    state = hashlib.sha256()
    for path, found in _walk(folder, {os.path.realpath(folder)}):
        name = path.relative_to(folder).as_posix()
        state.update(f"{name}\n".encode("utf-8", "surrogateescape"))
        if isinstance(found, str):
            skipped.append([name, found])
        else:
            state.update(f"{found.st_size} {found.st_mtime_ns}\n".encode())
            names.append(name)
    if len({top(n) for n in names if is_named_so(n)} - {""}) > 1:
        skipped += [[n, BESIDE] for n in names if not top(n)]
        names = [n for n in names if top(n)]
    return Listing(names, skipped, state.hexdigest())


def _walk(
    folder: Path, seen: set[str]
) -> Iterator[tuple[Path, os.stat_result | str]]:
    """Every file, with what the system knows of it, or what is wrong."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield folder, f"not readable: {error.strerror}"
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            yield path, _known(entry)
        elif (real := os.path.realpath(path)) not in seen:  # no circles
            yield from _walk(path, seen | {real})


def _known(entry: os.DirEntry) -> os.stat_result | str:
    try:
        found = entry.stat()
    except OSError as error:
        return f"not readable: {error.strerror}"
    return found if stat.S_ISREG(found.st_mode) else "not a file"


def top(name: str) -> str:
    """The folder of the class, "" for a file in none."""
    return name.split("/")[0] if "/" in name else ""


def is_named_so(name: str) -> bool:
    """Does the name end as those of pictures do?"""
    return Path(name).suffix.lower() in ENDINGS


def check_apart(folder: Path, place: Path) -> None:
    """Refuse to keep a run among its own pictures."""
    if place.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{place} lies inside the folder of the pictures, {folder}: "
            "what the run writes would be taken for pictures; name a "
            "folder outside of it"
        )
