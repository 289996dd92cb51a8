"""Models: any (x, t) -> a tensor like x; what they answer is looked at."""

from collections.abc import Callable
from inspect import signature
from typing import Annotated, Any

from torch import Tensor, nn

from .refusals import HINTS, InputError, refuse, spoken
from .scalars import Check

EXAMPLES = {  # how to get what is wanted
    "Batches": "Batches(images, labels, batch_size=…)",
    "Generator": "torch.Generator",
    "GaussianMixture": "GaussianMixture(means, stds)",
    "NoiseSchedule": "NoiseSchedule, as NoiseSchedule.linear()",
    "Module": "network, a torch.nn.Module",
}


def instance(*classes: type) -> Check:
    """An object of one of the classes; one that stands for it is taken."""
    names = [EXAMPLES.get(c.__name__, c.__name__) for c in classes]
    takes = "a " + " or a ".join(names)

    def check(value: Any, name: str) -> Any:
        meant = value
        if hasattr(type(value), "stands_for"):
            meant = value.stands_for
        if not isinstance(meant, classes):
            refuse(name, takes, value)
        return meant

    return check


def function(value: Any, name: str) -> Callable:
    """Anything that can be called; what stands for it is taken."""
    value = getattr(value, "stands_for", value)
    if not callable(value) or isinstance(value, type):
        refuse(name, "a function", value)
    return value


def takes(*names: str) -> Check:
    """Anything that can be called with arguments of these names."""

    def check(value: Any, name: str) -> Callable:
        value = function(value, name)
        check_signature(value, name, *names)
        return value

    return check


def check_signature(
    called: Callable, name: str, *names: str, more: bool = False
) -> None:
    """Refuse what cannot be called with these arguments, or with *more*."""
    try:
        own = signature(getattr(called, "forward", called))
    except ValueError:  # written in C
        return
    try:
        (own.bind_partial if more else own.bind)(*names)
    except TypeError as error:
        hint = HINTS["BasicUNet"] if list(own.parameters) == ["x"] else ""
        title = getattr(called, "__name__", type(called).__name__)
        raise InputError(
            f"{name} must take ({', '.join(names)}); {title} takes {own}"
            + (f" ({hint})" if hint else "")
        ) from error


def model(value: Any, name: str) -> "Asked":
    """Any (x, t) -> a tensor like x; what it answers is looked at."""
    if isinstance(value, Asked):
        return value
    return Asked(function(value, name))


class Asked:
    """A model whose answers have the shape of what it was shown."""

    __slots__ = ("model",)

    def __init__(self, model: Callable):
        self.model = model

    def __call__(
        self, x: Tensor, t: Tensor | int, *label: Tensor
    ) -> Tensor:
        """The output of the model."""
        try:
            output = self.model(x, t, *label)
        except TypeError:
            names = ("x", "t", "label")[: 2 + len(label)]
            check_signature(self.model, "model", *names)
            raise
        if not isinstance(output, Tensor) or output.shape != x.shape:
            self._refuse_output(output, x)
        return output

    def _refuse_output(self, output: Any, x: Tensor) -> None:
        hint = HINTS["UNet2DOutput"] if hasattr(output, "sample") else ""
        shape = f"a tensor of shape {tuple(x.shape)}"
        got = (
            f"{tuple(output.shape)}"
            if isinstance(output, Tensor)
            else spoken(output)
        )
        raise InputError(
            f"the model must return {shape}; got {got}"
            + (f" ({hint})" if hint else "")
        )


class Scored:
    """A loss whose answer is one number."""

    __slots__ = ("loss",)

    def __init__(self, loss: Callable):
        self.loss = loss

    def __call__(self, *given: Any, **label: Tensor) -> Tensor:
        """The loss, a scalar."""
        value = self.loss(*given, **label)
        if not isinstance(value, Tensor) or value.ndim:
            refuse("what the loss returns", "a tensor of shape ()", value)
        return value


def loss(value: Any, name: str) -> "Scored":
    """Any (model, x0, t, noise, schedule) -> a scalar; label=… if any."""
    names = ("model", "x0", "t", "noise", "schedule")
    value = function(value, name)
    check_signature(value, name, *names, more=True)
    return Scored(value)


def trainable(value: Any, name: str) -> nn.Module:
    """A network with weights that can be trained."""
    value = instance(nn.Module)(value, name)
    if not any(p.requires_grad for p in value.parameters()):
        raise InputError(f"{name} has no weights that could be trained")
    return value


Model = Annotated[Callable[[Tensor, Tensor], Tensor], model]
LabelledModel = Annotated[Callable[..., Tensor], takes("x", "t", "label")]
Loss = Annotated[Callable[..., Tensor], loss]
Trainable = Annotated[nn.Module, trainable]
