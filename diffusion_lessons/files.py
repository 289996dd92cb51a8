"""Files that are whole or not there, and that cannot lie."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import torch
from torch import Tensor

NOTE = "diffusion_lessons"  # where facts and checksum stand in a file


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """A place beside *path* to write to; it becomes *path* in one step.

    If writing fails, an older file stays as it was, and nothing is left.
    What was written is on the disk before the older file goes, and two
    processes that write the same path do not meet.
    """
    path = Path(os.path.realpath(path))  # a link stays a link
    unfinished = path.with_name(f"{path.name}.{token_hex(4)}.unfinished")
    try:
        yield unfinished
        with open(unfinished, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno is None:
            raise
        raise type(error)(
            error.errno,
            f"{path} could not be written ({error.strerror or error}); an "
            "older file is as it was",
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Put the new name on the disk, where a folder can be opened."""
    if os.name != "posix":
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    except OSError:  # not every file system can
        pass
    finally:
        os.close(place)


class DamagedFile(ValueError):
    """A file does not hold what was written into it."""


def write_tensors(
    path: str | os.PathLike, tensors: dict[str, Tensor], facts: dict
) -> None:
    """Tensors and *facts*, a dict in plain JSON, as safetensors.

    Whole or not at all, with a checksum; the same content gives the same
    bytes.
    """
    from safetensors.torch import save

    tensors = {  # each with memory of its own
        k: v.detach().cpu().clone(memory_format=torch.contiguous_format)
        for k, v in tensors.items()
    }
    text = json.dumps(facts, sort_keys=True)
    note = {"facts": text, "sha256": _checksum(tensors, text)}
    data = save(
        tensors, {NOTE: json.dumps(note)}
    )  # one: their order varies
    with whole_file(path) as place:
        place.write_bytes(data)


def read_tensors(path: str | os.PathLike) -> tuple[dict[str, Tensor], dict]:
    """What ``write_tensors`` wrote: the tensors, and the facts.

    Raises DamagedFile where one bit is another than was written.
    """
    data = Path(path).read_bytes()
    try:
        return _parse(data)
    except DamagedFile as error:
        raise DamagedFile(f"{path} {error}") from error


def _parse(data: bytes) -> tuple[dict[str, Tensor], dict]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    kind = kind_of(data)
    if kind != "safetensors":
        raise DamagedFile(f"is no safetensors file, but {kind}")
    try:
        size = int.from_bytes(data[:8], "little")
        notes = json.loads(data[8 : 8 + size]).get("__metadata__", {})
        note = json.loads(notes.get(NOTE, "{}"))
        tensors = load(data)
    except (SafetensorError, ValueError, AttributeError) as error:
        raise DamagedFile(
            "is damaged: it cannot be read as safetensors"
        ) from error
    if {"facts", "sha256"} - note.keys():
        raise DamagedFile(
            "has no checksum: it was not written by diffusion_lessons, or "
            "is damaged"
        )
    if note["sha256"] != _checksum(tensors, note["facts"]):
        raise DamagedFile(
            "is damaged: its checksum says that other numbers were written"
        )
    return tensors, json.loads(note["facts"])


def kind_of(data: bytes) -> str:
    """What a file is, by its first bytes, in words."""
    if not data:
        return "empty"
    if data[8:9] == b"{":  # after the length of the header: any 8 bytes
        return "safetensors"
    if data[:4] == b"PK\x03\x04":
        return "a zip file, as torch.save writes"
    if data[:1] == b"\x80":
        return "a pickle"
    if data[:2] == b"\x1f\x8b":
        return "packed with gzip"
    if data.lstrip()[:1] == b"<":
        return "a web page"
    return "something else, or damaged"


def _checksum(tensors: dict[str, Tensor], text: str) -> str:
    """Of every tensor's name, kind, shape and bytes, and of the text."""
    total = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        kind = f"{name} {tensor.dtype} {tuple(tensor.shape)}\n"
        total.update(kind.encode())
        if tensor.numel():
            total.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()
