"""Flows and denoisers of σ, handed over as networks of a chain."""

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from patients_of_tests import (
    CENTRES,
    COSINE,
    PICTURES,
    THEIRS,
    case_of,
    perfect,
    velocity,
)
from torch import nn
from torch.testing import assert_close

from diffusion_lessons import (
    GaussianMixture,
    Guided,
    NoiseSchedule,
    flow_sample,
    load_flow,
    load_images,
    mixture_velocity,
)
from diffusion_lessons.checks import InputError
from diffusion_lessons.doctor import examine
from diffusion_lessons.doctor.foreign import FOREIGN, Spoken
from diffusion_lessons.doctor.reading_rows import reading_rows


def test_there_is_a_model_of_every_language():
    assert list(THEIRS) == list(FOREIGN)


@pytest.mark.parametrize("make", ["linear", "cosine"])
@pytest.mark.parametrize("name", THEIRS)
def test_a_language_is_found_whatever_the_schedule(name, make):
    schedule = getattr(NoiseSchedule, make)(1000)
    rows, cured = reading_rows(case_of(THEIRS[name], schedule))
    rows = {row.name: row for row in rows}
    assert [one for one in rows if rows[one].sick] == ["language"]
    row = rows["language"]
    assert row.found.startswith(f"reads better as {name}: ")
    assert row.remedy == FOREIGN[name].remedy
    assert cured.predicts == FOREIGN[name].predicts


@pytest.mark.parametrize("name", THEIRS)
def test_asked_rightly_it_is_the_network_of_the_chain(name):
    spoken, x = FOREIGN[name], PICTURES[:3]
    t = torch.tensor([2, 500, 990])
    model = Spoken(THEIRS[name], name, COSINE)
    wanted = perfect(COSINE, spoken.predicts)(x, t)
    assert_close(model(x, t), wanted, atol=1e-3, rtol=1e-3)


def test_a_flow_of_points_is_named_and_sampled_as_is_said():
    points = GaussianMixture(torch.tensor([[-1.0, 0.0], [1.0, 0.5]]), 0.2)
    x = points.sample(500).float()

    def model(x, t):
        t = torch.as_tensor(t).double().clamp(0, 1)
        return mixture_velocity(points, x.double(), t).to(x)

    report = examine(model, NoiseSchedule.linear(), x)
    assert report.sick == ("language",)
    assert "flow_sample" in report.first.remedy
    *_, last = flow_sample(model, torch.randn(500, 2), 50)
    assert_close(last.x.mean(0), x.mean(0), atol=0.15, rtol=0)


@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
@pytest.mark.parametrize("make", ["linear", "cosine"])
def test_a_network_of_the_chain_is_taken_for_no_other(predicts, make):
    schedule = getattr(NoiseSchedule, make)(1000)
    model = perfect(schedule, predicts)
    rows, _ = reading_rows(case_of(model, schedule, predicts))
    assert not any(row.sick for row in rows)


ENDS = {
    "cosine": COSINE,
    "zero": NoiseSchedule.linear().zero_terminal_snr(),
}


@pytest.mark.parametrize("schedule", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("strict", [False, True])
def test_its_whole_report_blames_the_language_and_nothing_else(
    name, schedule, strict
):
    """The pictures of the tests are few, so it may be said to copy."""

    def model(x, t):
        if strict and not torch.as_tensor(t).is_floating_point():
            raise TypeError("no integers")
        return THEIRS[name](x, t)

    report = examine(model, schedule, PICTURES, sampler=flow_sample)
    assert set(report.sick) - {"copies"} == {"language"}
    assert report.first.remedy == FOREIGN[name].remedy
    assert report["target"].verdict == report["t"].verdict == "healthy"
    assert report["sampler"].verdict == "not asked"


def test_what_refuses_and_knows_nothing_is_no_flow():
    """A table that is too short answers t of 0 to 1 as well."""
    table = torch.randn(100, generator=torch.Generator().manual_seed(0))

    def model(x, t):
        return x * table[t.long()].view(-1, 1, 1, 1)

    report = examine(model, COSINE, PICTURES)
    assert report.sick == ("finite",)
    assert "it stops at t" in report.first.found


def test_a_scheduler_of_flows_is_refused_in_words():
    scheduler = FlowMatchEulerDiscreteScheduler()
    with pytest.raises(InputError, match="must have betas"):
        examine(velocity, scheduler, PICTURES)


def test_the_flow_that_comes_with_the_module_is_known_for_one():
    """It takes no whole steps, and says so when it is told some."""
    own, (x, labels) = load_flow("digits"), load_images("digits")
    chart = {"labels": labels, "null": own.null, "guided": Guided}
    report = examine(own.model, COSINE, x, **chart)
    assert report.sick == ("language",)
    assert "t must be a number in 0..1" in report.first.found
    assert report.first.remedy == FOREIGN["a flow"].remedy
    assert [row.name for row in report.rows].count("language") == 1


def test_dropout_left_on_is_no_matter_of_language():
    """It is asked in eval mode, and then put back."""

    class Dropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x, t):
            return self.drop(velocity(x, t))

    model = Dropping().train()
    report = examine(model, COSINE, CENTRES)
    assert report.sick[:2] == ("mode", "language")
    assert model.training
    assert model.drop.training
