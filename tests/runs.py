"""Small runs, shared by the tests of training and what belongs to it."""

import torch
from torch import nn

from diffusion_lessons import Batches, IgnoreTime, NoiseSchedule, train

SCHEDULE = NoiseSchedule.cosine(20)


def tiny_run(num_steps=9, **options):
    """A network of 10 weights on 10 images, 3 to a batch."""
    images = torch.linspace(-1, 1, 160).view(10, 1, 4, 4)
    torch.manual_seed(0)
    model = IgnoreTime(nn.Conv2d(1, 1, 3, padding=1))
    batches = Batches(images, batch_size=3)
    if num_steps is not None:
        options["num_steps"] = num_steps
    return train(model, batches, SCHEDULE, **options)


class Labelled(nn.Module):
    """A network of 26 weights that is told one of 15 classes, or none."""

    null_label = 15

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.classes = nn.Embedding(16, 1)
        self.seen = []

    def forward(self, x, t, label):
        self.seen.append(label)
        return self.conv(x) + self.classes(label)[:, :, None, None]


def labelled_run(num_steps=9, batch_size=4, model=Labelled, **options):
    """Labelled on 15 images, each of its own class."""
    images = torch.linspace(-1, 1, 240).view(15, 1, 4, 4)
    torch.manual_seed(0)
    batches = Batches(images, torch.arange(15), batch_size=batch_size)
    if num_steps is not None:
        options["num_steps"] = num_steps
    return train(model(), batches, SCHEDULE, **options)


def weights(state):
    return torch.cat([p.flatten() for p in state.model.parameters()])


def finish(run):
    """All losses of a run, and its last weights."""
    steps = list(run)
    return [s.loss for s in steps], weights(steps[-1].state).tolist()
