"""Every patient has one fault, and the doctor names it."""

import pytest
import torch

from diffusion_lessons import load_images
from diffusion_lessons.doctor import (
    PATIENTS,
    Patient,
    examine,
    made_sick,
    patient,
)

SETTINGS = {  # what the remedy has to say
    "flow_as_chain": "flow_sample",
    "wrong_range": "images * 2 - 1",
    "wrong_target": 'predicts="v"',
    "t_shifted": "t - 1",
    "t_of_0_to_1": "T * t",
    "t_untold": "every block",
    "silu_output": "no activation after the last layer",
    "other_schedule": "NoiseSchedule.cosine(T)",
    "stale_average": "ema.update(model)",
    "noisy_end": "no noise in the last step",
    "swapped_halves": "null + scale * (conditional - null)",
    "labels_lost": "hand the label on",
    "memorised": "more images",
    "untrained": "train it",
    "nan": "checkpoint",
    "dropout_left": "model.eval()",
    "no_clip": "clip=1 ",
}


def test_there_is_a_setting_for_every_fault():
    assert set(PATIENTS) == {"healthy", *SETTINGS}


def test_the_healthy_one_is_called_healthy():
    report = examine(**patient("healthy").chart())
    assert report
    assert report.first is None
    assert report.sick == ()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_fault_is_named_with_what_makes_it_right(name):
    sick = patient(name)
    report = examine(**sick.chart())
    assert not report
    assert report.first.name == sick.finding
    assert SETTINGS[name] in report.first.remedy
    assert report.sick == (sick.finding,)  # and nothing else is blamed


def test_the_chart_does_not_say_what_is_wrong():
    chart = patient("nan").chart()
    assert not {"name", "finding"} & chart.keys()
    assert chart["predicts"] == "v"


@pytest.mark.parametrize(
    "name", ["healthy", "t_shifted", "swapped_halves", "noisy_end"]
)
def test_its_samples_are_what_its_user_sees(name):
    sick = patient(name)
    *_, once = sick.samples(4, seed=3)
    *_, again = sick.samples(4, seed=3)
    *_, other = sick.samples(4, seed=4)
    assert once.t == 0
    assert once.x.shape == (4, 1, 8, 8)
    assert torch.equal(once.x, again.x)
    assert not torch.equal(once.x, other.x)


def test_samples_come_from_the_averaged_weights_where_there_are_some():
    stale, well = patient("stale_average"), patient("healthy")
    (*_, noise), (*_, digits) = stale.samples(4), well.samples(4)
    assert (noise.x - digits.x).square().mean() > 0.3


def test_a_lost_label_draws_any_digit():
    *_, lost = patient("labels_lost").samples(4)
    *_, told = patient("healthy").samples(4)
    assert not torch.allclose(lost.x, told.x, atol=0.1)


def test_its_loss_is_seen_through_what_its_user_believes():
    t_values = [10, 500, 990]
    well = patient("healthy").loss_by_t(t_values)
    mistaken = patient("wrong_target").loss_by_t(t_values)
    assert (well < 0.7).all()
    assert mistaken[-1] > 5 * well[-1]


def test_its_loss_is_that_with_the_labels():
    well = patient("healthy").loss_by_t([800])
    lost = patient("labels_lost").loss_by_t([800])
    assert lost > 1.2 * well


def test_the_large_ones_are_to_be_looked_at():
    large = patient("healthy", "mnist")
    assert large.images.shape[1:] == (1, 28, 28)
    x, labels = load_images("digits", size=28)
    own = patient("memorised", "mnist", x[:40], labels[:40])
    assert own.images.shape == (30, 1, 28, 28)
    x_T = torch.randn(3, 1, 28, 28)
    *_, last = own.sampler(
        own.model, x_T, own.schedule, predicts=own.predicts
    )
    gaps = torch.cdist(last.x.flatten(1), own.images.flatten(1))
    assert (gaps.min(1).values < 1).all()


def test_one_of_your_own_can_be_made_sick():
    well = patient("healthy")
    mine = Patient(
        "healthy",
        "",
        well.model,
        well.schedule,
        well.images[:100],
        well.labels[:100],
        well.predicts,
        well.sampler,
    )
    assert made_sick(mine, "healthy") == mine
    sick = made_sick(mine, "wrong_range")
    assert (sick.name, sick.finding) == ("wrong_range", "range")
    assert sick.images.min() == 0
    assert sick.model is mine.model
