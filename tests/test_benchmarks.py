"""What the benchmarks count on: their clock and their steps."""

from math import cos, pi

import pytest
import torch

from benchmarks import budget
from benchmarks.budget import Recipe, train_within
from benchmarks.digits import middle_loss, nearer_to_the_middle
from benchmarks.gpu import WAYS
from diffusion_lessons import TimeUNet, diffusion_loss, train
from diffusion_lessons.runs.measured import on_gpu


@pytest.mark.parametrize("num_steps", [1, 2, 10, 1000])
def test_nearer_to_the_middle_are_steps(num_steps):
    t = nearer_to_the_middle(torch.arange(1, num_steps + 1), num_steps)
    assert t.dtype == torch.int64
    assert t.min() >= 1
    assert t.max() <= num_steps
    assert (t.diff() >= 0).all()  # in the same order
    assert (t + t.flip(0) == num_steps + 1).all()  # both ends alike


def test_nearer_to_the_middle_is_logit_normal():
    t = nearer_to_the_middle(torch.arange(1, 100_001), 100_000)
    logit = torch.logit((t - 0.5) / 100_000)
    assert abs(logit.mean()) < 1e-3
    assert abs(logit.std() - 1) < 1e-3
    assert abs((logit.abs() < 1).double().mean() - 0.6827) < 1e-3


def test_middle_loss_is_the_loss_for_v_there(schedule):
    model = TimeUNet(1, 8, num_classes=3)
    for part in model.parameters():  # the zeros would hide t and label
        torch.nn.init.normal_(part, std=0.3)
    x0, noise = torch.randn(2, 4, 1, 8, 8)
    t, label = torch.tensor([1, 8, 50, 60]), torch.tensor([0, 1, 2, 3])
    there = nearer_to_the_middle(t, schedule.num_steps)
    found = middle_loss(model, x0, t, noise, schedule, label=label)
    wanted = diffusion_loss(
        model, x0, there, noise, schedule, predicts="v", label=label
    )
    assert (there != t).all()
    torch.testing.assert_close(found, wanted)


class Clock:
    """Every look at it costs a second; those in *slow* cost 51."""

    def __init__(self, slow):
        self.slow, self.seen = slow, [0]

    def __call__(self):
        cost = 51 if len(self.seen) in self.slow else 1
        self.seen.append(self.seen[-1] + cost)
        return self.seen[-1]


@pytest.mark.parametrize("slow", [(), (10,), (2, 90)], ids=str)
def test_a_budget_is_used_up_and_the_rate_ends_at_0(monkeypatch, slow):
    clock, rates = Clock(slow), []

    def watched(*args, **kwargs):
        for step in train(*args, **kwargs):
            yield step
            rates.append(step.state.optimizer.param_groups[0]["lr"])

    monkeypatch.setattr(budget, "clock", lambda device: clock)
    monkeypatch.setattr(budget, "train", watched)
    images, recipe = torch.randn(8, 1, 8, 8), Recipe(batch_size=2, warmup=4)
    trained = train_within(
        200, TimeUNet(1, 8), images, None, recipe, diffusion_loss
    )
    assert trained.seconds == 200
    assert trained.steps == len(rates) + 1 == 200 - 50 * len(slow)
    for step, rate in enumerate(rates, start=1):
        share = (clock.seen[step + 1] - clock.seen[1]) / 200
        cosine = (1 + cos(pi * share)) / 2
        warm = min(1, (step + 1) / 5)
        assert rate == pytest.approx(recipe.lr * cosine * warm)


def test_what_was_measured_on_a_gpu_are_the_ways_there_are():
    assert [row.way for row in on_gpu()] == list(WAYS)
