"""A run on disk: tensors as safetensors, the rest as JSON, a checksum."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checks import FilePath, InputError, checked
from .files import DamagedFile, kind_of, read_tensors, write_tensors

TENSOR, PAIRS, TUPLE = "$tensor", "$pairs", "$tuple"


@checked
def save_checkpoint(path: FilePath, state: Any) -> None:
    """Write *state* to *path*, whole or not at all.

    state: anything with a state_dict() of tensors and plain numbers
    """
    if not hasattr(state, "state_dict") or isinstance(state, type):
        raise InputError(
            "state must have a state_dict(), as step.state has; got "
            f"{type(state).__name__}"
        )
    tensors: dict[str, Tensor] = {}
    tree = _packed(state.state_dict(), "", tensors)
    write_tensors(path, tensors, {"checkpoint": tree})


@checked
def load_checkpoint(path: FilePath) -> dict:
    """Read what save_checkpoint wrote, for ``train(…, resume=…)``.

    Raises DamagedFile, a ValueError, if one bit is another than was
    written. Files of the first version, which torch.save wrote, are read
    as well: they have no checksum, and of the settings they know num_steps
    and lr alone. A file that would run code is refused.
    """
    with Path(path).open("rb") as file:
        old = kind_of(file.read(64)).startswith(("a zip", "a pickle"))
    if old:
        return _first_version(path)
    tensors, facts = read_tensors(path)
    if "checkpoint" not in facts:
        raise DamagedFile(
            f"{path} holds no run: it was not written by save_checkpoint"
        )
    return _unpacked(facts["checkpoint"], tensors)


def _first_version(path: Path) -> dict:
    """What torch.save wrote before there were checksums."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip's, pickle's and torch's own
        raise DamagedFile(
            f"{path} cannot be read: it is damaged, or no run of "
            "save_checkpoint, or it would run code when loaded"
        ) from error
    if not isinstance(saved, dict):
        raise DamagedFile(f"{path} holds no run of save_checkpoint")
    return saved


def _packed(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """*value* as plain JSON, its tensors put aside under their names."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {TENSOR: name}
    if isinstance(value, dict):
        parts = [
            (k, _packed(v, f"{name}/{k}" if name else str(k), tensors))
            for k, v in value.items()
        ]
        plain = all(isinstance(k, str) and k[:1] != "$" for k in value)
        return dict(parts) if plain else {PAIRS: parts}
    if isinstance(value, list | tuple):
        parts = [
            _packed(v, f"{name}/{i}", tensors) for i, v in enumerate(value)
        ]
        return {TUPLE: parts} if isinstance(value, tuple) else parts
    if isinstance(value, str | int | float | bool | None):
        return value
    raise InputError(
        f"a state holds tensors and plain numbers; {name} is a "
        f"{type(value).__name__}"
    )


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    """What _packed was given."""
    if isinstance(value, list):
        return [_unpacked(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    if TENSOR in value:
        return tensors[value[TENSOR]]
    if TUPLE in value:
        return tuple(_unpacked(value[TUPLE], tensors))
    if PAIRS in value:
        return {k: _unpacked(v, tensors) for k, v in value[PAIRS]}
    return {k: _unpacked(v, tensors) for k, v in value.items()}
