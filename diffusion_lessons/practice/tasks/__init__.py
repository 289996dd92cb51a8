"""Every task by its name, in the order of the chapters."""

from ..task import Task
from . import (
    conditioning_time,
    doctor,
    evaluation,
    forward_chain,
    forward_jump,
    guidance,
    prediction_targets,
    runs,
    sampling_ancestral,
    sampling_ddim,
    theirs,
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
    sampling_ancestral,
    sampling_ddim,
    guidance,
    evaluation,
    theirs,
    doctor,
    runs,
)
TASKS = {
    task.name: task
    for file in FILES
    for task in vars(file).values()
    if isinstance(task, Task)
}
