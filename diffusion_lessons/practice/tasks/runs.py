"""Practice of chapter 13: crop, warm up, divide a batch, add it up."""

import math

import torch

from ...recipe import lr_factor
from ..task import Case, Task, normal

FOLDER = "13.1 A folder is enough"
HABITS = "13.5 Four habits, each switched once"
SEVERAL = "13.6 Several at once"

# The middle square


def _cut(photo, side, top, left):
    return photo[:, top : top + side, left : left + side]


def _centre(photo):
    height, width = photo.shape[1:]
    side = min(height, width)
    return _cut(photo, side, (height - side) // 2, (width - side) // 2)


centre_crop = Task(
    "centre_crop",
    chapter=13,
    answer=_centre,
    goal="return the largest square from the middle of a photograph",
    tip=(
        "crop a portrait of somebody in this way: is the head still on it? "
        "That is the first thing to look at in a store (section 13.1)"
    ),
    cases=[
        Case("1 channel, 2 high and 4 wide", lambda: (normal(1, 2, 4),)),
        Case("1 channel, 6 high and 2 wide", lambda: (normal(1, 6, 2),)),
        Case("3 channels, 4 high and 4 wide", lambda: (normal(3, 4, 4),)),
        Case("3 channels, 3 high and 9 wide", lambda: (normal(3, 3, 9),)),
    ],
)


@centre_crop.slip("the corner is taken, and not the middle", FOLDER)
def _(photo):
    return _cut(photo, min(photo.shape[1:]), 0, 0)


@centre_crop.slip("the other end is taken, and not the middle", FOLDER)
def _(photo):
    side = min(photo.shape[1:])
    return photo[:, -side:, -side:]


@centre_crop.slip(
    "what is too much is divided by four and not by two, so that most of "
    "it is cut off at one side",
    FOLDER,
)
def _(photo):
    height, width = photo.shape[1:]
    side = min(height, width)
    return _cut(photo, side, (height - side) // 4, (width - side) // 4)


@centre_crop.slip(
    "only a wide photograph is cut; a high one stays as high as it was",
    FOLDER,
)
def _(photo):
    height, width = photo.shape[1:]
    left = max(0, (width - height) // 2)
    return photo[:, :, left : left + min(height, width)]


@centre_crop.slip(
    "only a high photograph is cut; a wide one stays as wide as it was",
    FOLDER,
)
def _(photo):
    height, width = photo.shape[1:]
    top = max(0, (height - width) // 2)
    return photo[:, top : top + min(height, width)]


@centre_crop.slip(
    "nothing is cut: the photograph is squeezed into a square, and what "
    "was round is an egg",
    FOLDER,
)
def _(photo):
    side = min(photo.shape[1:])
    return torch.nn.functional.interpolate(photo[None], (side, side))[0]


# The learning rate


def _of(step, num_steps, warmup):
    return 0.5 * (1 + math.cos(math.pi * step / num_steps))


warm_rate = Task(
    "warm_rate",
    chapter=13,
    answer=lambda step, num_steps, warmup: lr_factor(
        step, num_steps, warmup
    ),
    goal=(
        "return the share of the learning rate at a step: a cosine down to "
        "0, and a straight way up to it"
    ),
    tip=(
        "draw it for 500 steps and a warm-up of 50, and then for one of "
        "500 (section 13.5)"
    ),
    cases=[
        Case("step 0 of 10, no warm-up", lambda: (0, 10, 0)),
        Case("step 5 of 10, no warm-up", lambda: (5, 10, 0)),
        Case("step 0 of 10, a warm-up of 4", lambda: (0, 10, 4)),
        Case("step 2 of 10, a warm-up of 4", lambda: (2, 10, 4)),
        Case("step 8 of 10, a warm-up of 4", lambda: (8, 10, 4)),
    ],
)


@warm_rate.slip(
    "the first step of the warm-up has no rate at all: it is step 0, and "
    "counts as 1",
    HABITS,
)
def _(step, num_steps, warmup):
    rise = min(1.0, step / (warmup + 1)) if warmup else 1.0
    return _of(step, num_steps, warmup) * rise


@warm_rate.slip(
    "the warm-up goes on rising after its end: nothing stops it at 1",
    HABITS,
)
def _(step, num_steps, warmup):
    return _of(step, num_steps, warmup) * (step + 1) / (warmup + 1)


@warm_rate.slip("there is no warm-up, only the cosine", HABITS)
def _(step, num_steps, warmup):
    return _of(step, num_steps, warmup)


@warm_rate.slip(
    "there is no cosine: after the warm-up the rate stays at 1", HABITS
)
def _(step, num_steps, warmup):
    return min(1.0, (step + 1) / (warmup + 1))


@warm_rate.slip(
    "the cosine is a whole wave: it is at 0 in the middle and at 1 again "
    "at the end",
    HABITS,
)
def _(step, num_steps, warmup):
    whole = 0.5 * (1 + math.cos(2 * math.pi * step / num_steps))
    return whole * min(1.0, (step + 1) / (warmup + 1))


@warm_rate.slip(
    "the cosine goes on from 1 to −1: it has to be raised and halved",
    HABITS,
)
def _(step, num_steps, warmup):
    rise = min(1.0, (step + 1) / (warmup + 1))
    return math.cos(math.pi * step / num_steps) * rise


@warm_rate.slip(
    "the smaller of rise and cosine is taken, and not their product: it "
    "is close, but another curve",
    HABITS,
)
def _(step, num_steps, warmup):
    return min(_of(step, num_steps, warmup), (step + 1) / (warmup + 1))


# A part of the batch


def _share(size, rank, count):
    return rank * size // count, (rank + 1) * size // count


share_of = Task(
    "share_of",
    chapter=13,
    answer=_share,
    goal=(
        "return the first picture of a process and the one after its last, "
        "as two numbers"
    ),
    tip=(
        "put the shares of all processes side by side: nothing may be left "
        "out, and nothing may be there twice (section 13.6)"
    ),
    cases=[
        Case("8 pictures, process 0 of 2", lambda: (8, 0, 2)),
        Case("8 pictures, process 1 of 2", lambda: (8, 1, 2)),
        Case("10 pictures, process 1 of 4", lambda: (10, 1, 4)),
        Case("10 pictures, process 3 of 4", lambda: (10, 3, 4)),
        Case("3 pictures, process 0 of 1", lambda: (3, 0, 1)),
    ],
)


@share_of.slip(
    "what is left over by the division is given to nobody", SEVERAL
)
def _(size, rank, count):
    return rank * (size // count), (rank + 1) * (size // count)


@share_of.slip(
    "the last process takes all that is left over, and the others wait "
    "for it",
    SEVERAL,
)
def _(size, rank, count):
    stop = size if rank == count - 1 else (rank + 1) * (size // count)
    return rank * (size // count), stop


@share_of.slip("processes are counted from 1: they begin with 0", SEVERAL)
def _(size, rank, count):
    return _share(size, rank - 1, count)


@share_of.slip(
    "the second number is the last picture, and not the one after it",
    SEVERAL,
)
def _(size, rank, count):
    start, stop = _share(size, rank, count)
    return start, stop - 1


@share_of.slip(
    "the second number is how many pictures there are, and not where they "
    "end",
    SEVERAL,
)
def _(size, rank, count):
    start, stop = _share(size, rank, count)
    return start, stop - start


@share_of.slip(
    "every process gets the whole batch: they all do the same work",
    SEVERAL,
)
def _(size, rank, count):
    return 0, size


@share_of.slip("the numbers are no whole numbers", SEVERAL)
def _(size, rank, count):
    return rank * size / count, (rank + 1) * size / count


# The gradient of all


def _weighted(parts, sizes):
    shares = sizes / sizes.sum()
    return (shares[:, None] * parts).sum(0)


def _parts(*sizes):
    return normal(len(sizes), 5), torch.tensor(sizes)


global_gradient = Task(
    "global_gradient",
    chapter=13,
    answer=_weighted,
    goal="return the gradient of the whole batch from those of its parts",
    tip=(
        "take the gradient of a mean square over ten numbers at once and "
        "in parts of 5, 3 and 2, and compare (section 13.6)"
    ),
    cases=[
        Case("two parts of 1 and 1 pictures", lambda: _parts(1, 1)),
        Case("two parts of 3 and 1 pictures", lambda: _parts(3, 1)),
        Case("one part of 4 pictures", lambda: _parts(4)),
        Case("three parts of 5, 3 and 2 pictures", lambda: _parts(5, 3, 2)),
    ],
)


@global_gradient.slip(
    "the plain mean is taken, in which a small part counts as much as a "
    "large one",
    SEVERAL,
)
def _(parts, sizes):
    return parts.mean(0)


@global_gradient.slip(
    "the gradients are added and not averaged: that is the gradient of a "
    "sum of losses",
    SEVERAL,
)
def _(parts, sizes):
    return parts.sum(0)


@global_gradient.slip(
    "each is weighted by how many pictures it has, and not by its share of "
    "all",
    SEVERAL,
)
def _(parts, sizes):
    return (sizes[:, None] * parts).sum(0)


@global_gradient.slip(
    "each is divided by its size: it is a mean over its pictures already",
    SEVERAL,
)
def _(parts, sizes):
    return (parts / sizes[:, None]).sum(0)


@global_gradient.slip(
    "after the weighting it is divided once more by the number of parts",
    SEVERAL,
)
def _(parts, sizes):
    return _weighted(parts, sizes) / len(parts)


@global_gradient.slip(
    "only the first process is asked: the others work for nothing", SEVERAL
)
def _(parts, sizes):
    return parts[0]
