"""Tables that can be read, and not be written into."""

from typing import Any

import torch
from torch import Tensor

WRITES = {"__setitem__", "__set__"}  # and every name_ of torch's


class Frozen(Tensor):
    """A tensor that refuses to be written into, as its views do.

    What is computed from it is a plain tensor, and so is ``clone()``.
    """

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None) -> Any:
        """Refuse what writes; hand out views as frozen as the table."""
        name = getattr(func, "__name__", "")
        in_place = name.endswith("_") and not name.endswith("__")
        writes = in_place or name in WRITES
        into = [args[0]] if writes and args else []
        into.append((kwargs or {}).get("out"))
        if any(isinstance(x, Frozen) for x in into):
            raise ValueError(  # no TypeError: += would take it for a no
                "the tables of a schedule cannot be written into; take "
                "table.clone(), or make NoiseSchedule(betas) of other betas"
            )
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **(kwargs or {}))
            if name in ("numpy", "__array__"):
                result = result.copy()
                result.flags.writeable = False
            if isinstance(result, tuple | list):
                return type(result)(map(_as_its_source(args), result))
            return _as_its_source(args)(result)

    def __repr__(self, **_) -> str:
        return repr(plain(self))

    def __format__(self, spec: str) -> str:
        return format(plain(self), spec)

    def __deepcopy__(self, memo: dict) -> "Frozen":
        return self

    def __reduce_ex__(self, protocol: int) -> Any:
        return plain(self).__reduce_ex__(protocol)


def frozen(tensor: Tensor) -> Tensor:
    """A copy that cannot be written into; a plain one in a graph."""
    copy = tensor.clone()
    in_a_graph = torch.compiler.is_compiling()
    return copy if in_a_graph else copy.as_subclass(Frozen)


def plain(table: Tensor) -> Tensor:
    """The same memory as a tensor like any other."""
    if not isinstance(table, Frozen):
        return table
    with torch._C.DisableTorchFunctionSubclass():
        return table.as_subclass(Tensor)


def _as_its_source(args: tuple) -> Any:
    """What makes a view of a frozen table frozen, too."""
    source = next((a for a in args if isinstance(a, Frozen)), None)

    def freeze(x: Any) -> Any:
        shared = (
            source is not None
            and isinstance(x, Tensor)
            and x.untyped_storage()._cdata
            == source.untyped_storage()._cdata
        )
        return x.as_subclass(Frozen) if shared else x

    return freeze
