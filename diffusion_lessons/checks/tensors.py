"""Images, steps, labels and other tensors."""

from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from .refusals import InputError, refuse
from .scalars import real, whole_number

INTEGERS = {torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8}
MOST = 10  # the size of a pixel, on a scale where 1 is white


def ends(x: Tensor) -> tuple[float, float] | None:
    """The smallest and the largest value, NaN if there is one.

    None where no value can be read: in an empty tensor, while torch
    compiles or exports, in vmap, on the meta device.
    """
    if torch.compiler.is_compiling() or x.is_meta or not x.numel():
        return None
    try:
        low, high = x.aminmax()
        return low.item(), high.item()
    except RuntimeError:  # a batched or a fake tensor
        return None


def as_tensor(
    value: Any, name: str, takes: str, dtype: torch.dtype | None = None
) -> Tensor:
    """A tensor, or what numbers in lists and arrays make one of.

    dtype: of numbers that have none of their own, as Python's
    """
    if isinstance(value, Tensor):
        return value
    if not isinstance(value, str | bytes | dict | Path | None):
        dtype = None if hasattr(value, "dtype") else dtype
        try:
            return torch.as_tensor(value, dtype=dtype)
        except (TypeError, ValueError, RuntimeError):
            pass
    return refuse(name, takes, value)


def images(value: Any, name: str) -> Tensor:
    """(B, …) floats."""
    if (
        isinstance(value, Tensor)
        and value.ndim
        and value.is_floating_point()
    ):
        return value
    value = as_tensor(value, name, "a tensor of images (B, …)")
    if not value.is_floating_point():
        raise InputError(
            f"{name}: images must be floats; got {value.dtype} (for pixels "
            "from 0 to 255: x.float() / 127.5 - 1)"
        )
    if value.ndim == 0:
        refuse(name, "images of shape (B, …)", value)
    return value


def pictures(value: Any, name: str) -> Tensor:
    """At least one image to learn from or to judge by, all finite."""
    value = start(value, name)
    if not len(value):
        refuse(name, "at least one image", value)
    return value


def start(value: Any, name: str) -> Tensor:
    """Finite images on the scale of -1..1, or noise to start from."""
    value = finite(images(value, name), name)
    _check_scale(value, name)
    return value


def clean(value: Any, name: str) -> Tensor:
    """Images on the scale of -1..1, as the first of them show."""
    value = images(value, name)
    if not value.is_cuda:  # to read it there would hold up all else
        _check_scale(value[:4], name)
    return value


def _check_scale(value: Tensor, name: str) -> None:
    """Refuse pixels of another scale than -1..1, as 0..255."""
    reach = ends(value) if value.ndim == 4 else None
    if reach and max(-reach[0], reach[1]) > MOST:
        raise InputError(
            f"{name}: images must lie in -1..1; got values from "
            f"{reach[0]:g} to {reach[1]:g} (for pixels from 0 to 255: "
            "x / 127.5 - 1)"
        )


def samples(value: Any, name: str) -> Tensor:
    """Images, (N, C, H, W), or other samples, (N, …)."""
    value = as_tensor(value, name, "a tensor of shape (N, …)")
    if value.ndim < 2:
        refuse(name, "a tensor of shape (N, …)", value)
    return (start if value.ndim == 4 else rows)(value, name)


def rows(value: Any, name: str) -> Tensor:
    """(N, …) numbers without NaN."""
    takes = "a tensor of numbers, (N, …)"
    value = as_tensor(value, name, takes, torch.float64)
    if value.dtype == torch.bool or value.is_complex() or value.ndim == 0:
        refuse(name, takes, value)
    return finite(value, name)


def finite(value: Tensor, name: str) -> Tensor:
    """No NaN and no infinity: they would be counted as something else."""
    reach = ends(value) if value.is_floating_point() else None
    if reach and not all(map(isfinite, reach)):
        bad = (~value.isfinite()).sum().item()
        raise InputError(
            f"{name} must be finite; {bad} of its {value.numel()} values "
            "are NaN or infinite"
        )
    return value


def like_weights(x: Tensor, model: nn.Module) -> None:
    """Refuse images of another dtype than the weights of *model*."""
    dtype = next(model.parameters()).dtype
    if x.dtype != dtype and not torch.is_autocast_enabled(x.device.type):
        raise InputError(
            f"x must be {dtype}, as the weights are; got {x.dtype} "
            f"(x.to({dtype}), or model.to({x.dtype}))"
        )


def steps(value: Any, name: str) -> Tensor | int:
    """t: an int, or (B,) integers."""
    if type(value) is int:
        return value
    if not isinstance(value, Tensor):
        number = whole_number(value)
        if number is not None:
            return number
    takes = "an int or a (B,) tensor of integers"
    tensor = as_tensor(value, name, takes)
    if tensor.dtype not in INTEGERS:
        share = tensor.is_floating_point() and tensor.ndim <= 1
        refuse(name, takes, value, "not t / T" if share else "")
    if tensor.ndim > 1:
        refuse(name, takes, value)
    return tensor


def times(value: Any, name: str) -> Tensor | float:
    """t as a network is told it: steps, or moments between two of them.

    Some samplers stop between two steps; but t / T, between 0 and 1, is
    another number.
    """
    floats = isinstance(value, Tensor) and value.is_floating_point()
    if not floats or value.ndim > 1:
        return steps(value, name)
    if (ends(value) or (1,))[0] < 1 and ((value > 0) & (value < 1)).any():
        takes = "the step itself, 0 or at least 1"
        refuse(name, takes, value, "not t / T")
    return value


def step(value: Any, name: str) -> int:
    """One t for the whole batch: an int, and no tensor."""
    if type(value) is int:
        return value
    number = None if isinstance(value, Tensor) else whole_number(value)
    if number is None:
        refuse(name, "an int, one step for the whole batch", value)
    return number


def moment(value: Any, name: str) -> int | float:
    """One t for the whole batch: a step, or a moment between two.

    As with ``times``, a number between 0 and 1 is taken for t / T.
    """
    if isinstance(value, float) and isfinite(value) and value % 1:
        if 0 < value < 1:
            refuse(name, "an int, or a number above 1", value, "not t / T")
        return value
    return step(value, name)


def labels(value: Any, name: str) -> Tensor | int:
    """An int, or (B,) whole numbers, one for each image; as int64."""
    if type(value) is int:
        return value
    takes = "a class, an int, or (B,) of them"
    tensor = as_tensor(value, name, takes)
    if tensor.ndim > 1:
        classes = tensor.shape[-1] > 1
        hint = "one-hot: label.argmax(1)" if classes else "label.squeeze(1)"
        refuse(name, takes, value, hint)
    if tensor.is_floating_point():
        if ends(tensor) and not torch.equal(tensor.frac(), 0 * tensor):
            refuse(name, takes, value)  # nor is infinity a class
    elif tensor.dtype not in INTEGERS:
        refuse(name, takes, value)
    return tensor.long()


def classes(value: Any, name: str) -> Tensor | int:
    """As ``labels``, and none below 0."""
    value = labels(value, name)
    low = value if isinstance(value, int) else (ends(value) or (0,))[0]
    if low < 0:
        refuse(name, "0 or more", low)
    return value


def class_row(value: Any, name: str) -> Tensor:
    """(N,) classes, N at least 1."""
    row = classes(value, name)
    if isinstance(row, int) or row.ndim != 1 or not len(row):
        refuse(name, "a row of at least one class, (N,)", value)
    return row


def amount(value: Any, name: str) -> Tensor | float:
    """A share in 0..1, or (B, 1, …, 1) of them, one for each image."""
    if not isinstance(value, Tensor) or value.ndim == 0:
        return real(0, 1)(value, name)
    low, high = ends(value) or (0, 1)
    if not (value.is_floating_point() and low >= 0 and high <= 1):
        refuse(name, "shares in 0..1, (B, 1, …, 1)", value)
    return value


def mask(value: Any, name: str) -> Tensor:
    """True and False, or 1 and 0, and nothing between."""
    takes = "1 (or True) where the picture is known and 0 elsewhere"
    value = as_tensor(value, name, f"a tensor, {takes}")
    if not ((value == 0) | (value == 1)).all():
        low, high = ends(value)
        hint = f" ({name} > 0.5)" if low >= 0 and high <= 1 else ""
        got = f"values from {low:g} to {high:g}"
        raise InputError(f"{name} must be {takes}; got {got}{hint}")
    return value


Images = Annotated[Tensor, images]
Clean = Annotated[Tensor, clean]
Noise = Annotated[Tensor, start]  # that a sampler starts from
Pictures = Annotated[Tensor, pictures]
Rows = Annotated[Tensor, rows]
Steps = Annotated[Tensor | int, steps]
Times = Annotated[Tensor | int, times]
Step = Annotated[int, step]
Moment = Annotated[int | float, moment]
Classes = Annotated[Tensor | int, classes]
ClassRow = Annotated[Tensor, class_row]
Samples = Annotated[Tensor, samples]
Labels = Annotated[Tensor | int, labels]
Amount = Annotated[Tensor | float, amount]
Mask = Annotated[Tensor, mask]  # of any shape that fits the images
