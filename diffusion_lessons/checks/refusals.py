"""The sentence that refuses: what is taken, what came, a way out."""

from typing import Any

from torch import Tensor

HINTS = {  # what to do with what came
    "BasicUNet": "IgnoreTime(model) gives it a t to ignore",
    "DDIMScheduler": "schedule_of(scheduler) makes one of it",
    "DDPMScheduler": "schedule_of(scheduler) makes one of it",
    "EMA": "its averaged network is ema.model",
    "UNet2DModel": "FromDiffusers(model) makes it one of ours",
    "UNet2DOutput": "FromDiffusers(model) makes it one of ours",
}


class InputError(ValueError, TypeError):
    """What came is not what is taken; caught as either of the two."""


def refuse(name: str, takes: str, value: Any, hint: str = "") -> None:
    """Raise the sentence: what is taken, what came, and a way out."""
    hint = hint or HINTS.get(type(value).__name__, "")
    hint = f" ({hint})" if hint else ""
    raise InputError(f"{name} must be {takes}; got {spoken(value)}{hint}")


def spoken(value: Any) -> str:
    """What came, in a few words."""
    if isinstance(value, Tensor) or type(value).__name__ == "ndarray":
        kind = str(value.dtype).removeprefix("torch.")
        if value.ndim == 0 and not getattr(value, "is_meta", False):
            return repr(value.item())
        return f"{kind} values of shape {tuple(value.shape)}"
    if isinstance(value, bool | int | float | str | None):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}…'"
    if hasattr(value, "item") and not getattr(value, "ndim", 1):
        return repr(value.item())  # a number of numpy's
    if isinstance(value, list | tuple):
        text = repr(value)
        short = len(text) <= 40
        return text if short else f"{type(value).__name__} of {len(value)}"
    return (
        value.__name__ if isinstance(value, type) else type(value).__name__
    )
