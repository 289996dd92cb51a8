"""Every task by its name, in the order of the chapters."""

from ..task import Task
from . import (
    evaluation,
    forward_chain,
    forward_jump,
    guidance,
    sampling_ancestral,
    sampling_ddim,
    theirs,
)

FILES = (
    forward_chain,
    forward_jump,
    sampling_ancestral,
    sampling_ddim,
    guidance,
    evaluation,
    theirs,
)
TASKS = {
    task.name: task
    for file in FILES
    for task in vars(file).values()
    if isinstance(task, Task)
}
