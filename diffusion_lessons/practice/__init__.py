"""Functions to write, and a checker that names the mistake."""

from collections.abc import Callable

from ..checks import InputError
from . import judge
from .task import Task
from .tasks import TASKS
from .verdict import Verdict

PACKAGE = __name__.partition(".")[0] + "."

__all__ = ["TASKS", "Verdict", "check", "task_of"]


def check(function: Callable, task: str | None = None) -> Verdict:
    """Try a function that you wrote, and say what is right or wrong.

    The function is run on small inputs beside the tested one of this
    package, and beside the mistakes that are often made. The verdict is
    true if it is right, and shows itself in a notebook or a terminal.

    Args:
        function: the one that you wrote.
        task: what it was to be, a name of ``practice.TASKS``; left out,
            the name of the function.
    """
    if not callable(function):
        raise InputError(
            f"check takes the function itself, as check({function}) "
            "without quotes or brackets"
            if isinstance(function, str)
            else "check takes the function itself, without calling it; "
            f"got {type(function).__name__}"
        )
    chosen = task_of(task or getattr(function, "__name__", ""))
    if (getattr(function, "__module__", None) or "").startswith(PACKAGE):
        text = "That is the function of the module. Write your own."
        return Verdict(chosen.name, "unwritten", text)
    if wrong := judge.signature_of(function, chosen):
        return Verdict(chosen.name, "error", wrong)
    return judge.judge(chosen, judge.outcomes(function, chosen))


def task_of(name: str) -> Task:
    """The task of this name; an error that names all, if there is none."""
    if name not in TASKS:
        raise InputError(
            f"there is no task {name!r}: give the function its name from "
            'the notebook, or say which it is, as check(mine, "q_step"); '
            f"there are {', '.join(TASKS)}"
        )
    return TASKS[name]
