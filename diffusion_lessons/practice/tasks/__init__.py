"""Every task by its name, in the order of the chapters."""

from ..task import Task
from . import forward_chain, forward_jump, training_loop, unet_basic

FILES = (forward_chain, forward_jump, unet_basic, training_loop)
TASKS = {
    task.name: task
    for file in FILES
    for task in vars(file).values()
    if isinstance(task, Task)
}
