"""The door: every argument is looked at before the function does."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from torch import Tensor

from .models import function as a_function
from .models import instance
from .refusals import InputError
from .scalars import Check, flag, real, whole
from .tensors import (
    amount,
    classes,
    clean,
    clock,
    images,
    labels,
    moments,
    pictures,
    start,
    steps,
    times,
    told,
)


class Taken(NamedTuple):
    """How a parameter is looked at."""

    name: str
    check: Check | None
    role: str  # in its call: "images", "for each", "column" or ""


UNKNOWN = Taken("", None, "")  # Python says that there is no such argument


def checked(function: Callable) -> Callable:
    """Look at every argument before *function* does.

    The images of one call must have one shape, and steps and labels that
    are no single number must be as many as the images.
    """
    if isinstance(function, type):  # a dataclass
        function.__init__ = checked(function.__init__)
        return function
    own = signature(function)
    taken = {n: _taken(n, p.annotation) for n, p in own.parameters.items()}
    in_order, rest = (
        [taken[n] for n, p in own.parameters.items() if p.kind is kind]
        for kind in (
            Parameter.POSITIONAL_OR_KEYWORD,
            Parameter.VAR_POSITIONAL,
        )
    )

    @wraps(function)
    def door(*args: Any, **kwargs: Any) -> Any:
        shown: list[tuple[str, str, Any]] = []
        more = len(args) - len(in_order)
        places = in_order + rest * more if more > 0 else in_order
        given = list(args)  # where there are too many, Python says so
        for i, (name, check, role) in enumerate(places[: len(args)]):
            if check is not None:
                given[i] = value = check(args[i], name)
                if role and isinstance(value, Tensor):
                    shown.append((name, role, value))
        for name, value in kwargs.items():
            _, check, role = taken.get(name, UNKNOWN)
            if check is not None:
                kwargs[name] = value = check(value, name)
                if role and isinstance(value, Tensor):
                    shown.append((name, role, value))
        if len(shown) > 1:
            _check_together(shown)
        return function(*given, **kwargs)

    door.__signature__ = _plain_signature(own)
    return door


def trusted(function: Callable) -> Callable:
    """The function behind its door, for arguments that were looked at."""
    return function.__wrapped__


def _check_together(shown: list[tuple[str, str, Any]]) -> None:
    """Refuse tensors that would broadcast into something else."""
    first, like = next(
        ((name, x) for name, role, x in shown if role == "images"),
        ("", None),
    )
    if like is None:
        return
    shape = like.shape
    for _, role, x in shown:
        if role == "images" and x.shape != shape:
            got = " and ".join(
                f"{name} {tuple(x.shape)}"
                for name, role, x in shown
                if role == "images"
            )
            raise InputError(f"shapes must be equal; got {got}")
    for name, role, x in shown:
        if role == "images" or x.ndim == 0:
            continue
        rest = (1,) * (like.ndim - 1) if role == "column" else ()
        if x.shape[0] not in (1, like.shape[0]) or x.shape[1:] != rest:
            raise InputError(
                f"{name} must be one, or one for each of the {len(like)} "
                f"images in {first}, of shape {(len(like), *rest)}; got "
                f"shape {tuple(x.shape)}"
            )


ROLES = {
    images: "images",
    clean: "images",
    pictures: "images",
    start: "images",
    steps: "for each",
    times: "for each",
    clock: "for each",
    moments: "for each",
    told: "for each",
    labels: "for each",
    classes: "for each",
    amount: "column",
}


def _taken(name: str, annotation: Any) -> Taken:
    """How a parameter of this annotation is looked at."""
    parts = (annotation, *get_args(annotation))
    kinds = [k for p in parts for k in getattr(p, "__metadata__", ())]
    roles = [ROLES[k] for k in kinds if k in ROLES]
    return Taken(name, _check_of(annotation), "".join(roles[:1]))


NOTHING = Parameter.empty
PLAIN = {int: whole(), float: real(), bool: flag}


def _check_of(annotation: Any) -> Check | None:
    """What looks at a value of this annotation; None if all is taken."""
    if hasattr(annotation, "__metadata__"):
        return annotation.__metadata__[0]
    if get_origin(annotation) in (Union, UnionType):
        parts = [p for p in get_args(annotation) if p is not type(None)]
        check = (
            _check_of(parts[0])
            if len(parts) == 1
            else instance(*(get_origin(p) or p for p in parts))
        )
        if len(parts) == len(get_args(annotation)):
            return check
        return lambda v, name: None if v is None else check(v, name)
    if annotation in PLAIN:
        return PLAIN[annotation]
    origin = get_origin(annotation) or annotation
    if origin is Callable:
        return a_function
    known = isinstance(origin, type) and origin not in (Any, NOTHING)
    return instance(origin) if known else None


def _plain_signature(own: Signature) -> Signature:
    """The signature without checks, for those who read it."""
    plain = [
        p.replace(annotation=_plain(p.annotation))
        for p in own.parameters.values()
    ]
    result = _plain(own.return_annotation)
    return own.replace(parameters=plain, return_annotation=result)


def _plain(annotation: Any) -> Any:
    """The annotation without its check."""
    if hasattr(annotation, "__metadata__"):
        return annotation.__origin__
    if get_origin(annotation) in (Union, UnionType):
        return Union[tuple(map(_plain, get_args(annotation)))]  # noqa: UP007
    return annotation
