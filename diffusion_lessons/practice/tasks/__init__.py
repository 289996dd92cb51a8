"""Every task by its name, in the order of the chapters."""

from ..task import Task
from . import (
    conditioning_time,
    forward_chain,
    forward_jump,
    prediction_targets,
    training_loop,
    unet_basic,
)

FILES = (
    forward_chain,
    forward_jump,
    unet_basic,
    training_loop,
    conditioning_time,
    prediction_targets,
)
TASKS = {
    task.name: task
    for file in FILES
    for task in vars(file).values()
    if isinstance(task, Task)
}
