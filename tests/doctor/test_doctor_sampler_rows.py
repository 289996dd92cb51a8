"""A sampler is known by what it makes of a perfect network."""

from functools import partial

import pytest
import torch

from diffusion_lessons import (
    NoiseSchedule,
    ancestral_sample,
    clean_guess,
    ddim_sample,
    linear_betas,
    load_images,
    q_posterior,
)
from diffusion_lessons.doctor import sampler_rows as rows
from diffusion_lessons.doctor.case import Case
from diffusion_lessons.doctor.exact import Exact
from diffusion_lessons.doctor.faults import AsEps, Memory, noisy_end_sample

X, LABELS = load_images("digits")
FEW = NoiseSchedule.linear(40)
MANY = NoiseSchedule.cosine(1000)


def case(sampler=None, schedule=FEW, images=X, predicts="eps", model=None):
    return Case(model, schedule, images, None, predicts, sampler)


def wrong(step):
    """An ancestral sampler whose step is *step*(mean, variance, noise)."""

    def sampler(model, x, schedule, predicts):
        for t in range(schedule.num_steps, 0, -1):
            x0, _ = clean_guess(model, x, t, schedule, predicts=predicts)
            mean, variance = q_posterior(x0, x, t, schedule)
            x = step(mean, variance, torch.randn_like(x))
        return x

    return sampler


def rising(model, x, schedule, predicts):
    for t in range(1, schedule.num_steps + 1):
        x0, _ = clean_guess(model, x, t, schedule, predicts=predicts)
        mean, variance = q_posterior(x0, x, t, schedule)
        x = mean + variance.sqrt() * torch.randn_like(x)
    return x


# The end of the schedule


def test_a_schedule_that_ends_in_noise_is_well():
    for schedule in (FEW, MANY, FEW.zero_terminal_snr()):
        assert not rows.end_row(case(None, schedule, predicts="v")).sick


def test_betas_for_1000_steps_end_early_after_50():
    row = rows.end_row(case(None, NoiseSchedule(linear_betas(50))))
    assert row.sick
    assert row.found == "0.7765 of x_0 is left at t = T"
    assert "NoiseSchedule.linear(T)" in row.remedy


def test_eps_cannot_be_read_where_nothing_is_left():
    none = FEW.zero_terminal_snr()
    row = rows.end_row(case(None, none, predicts="eps"))
    assert row.sick
    assert 'predict "v"' in row.remedy
    assert not rows.end_row(case(None, none, predicts="x0")).sick


# Samplers that are right


@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
@pytest.mark.parametrize(
    "sampler",
    [
        ancestral_sample,
        partial(ancestral_sample, variance="beta"),
        partial(ddim_sample, num_steps=20),
        partial(ddim_sample, num_steps=20, eta=1),
        partial(ddim_sample, num_steps=5),
        partial(ddim_sample, num_steps=40, clip=None),
    ],
    ids=["ancestral", "beta", "ddim", "eta", "five", "uncut"],
)
def test_a_right_sampler_is_well(sampler, predicts):
    assert not rows.sampler_row(case(sampler, predicts=predicts)).sick


def test_a_right_sampler_of_points_is_well():
    points = torch.randn(100, 2) + 3
    for steps in (10, 40):
        free = partial(ddim_sample, num_steps=steps, clip=None)
        assert not rows.sampler_row(case(free, images=points)).sick


# Samplers that are wrong


@pytest.mark.parametrize("schedule", [FEW, MANY], ids=["40", "1000"])
def test_noise_in_the_last_step_is_found(schedule):
    noisy = wrong(lambda mean, var, noise: mean + 0.01 * noise)
    for sampler in (noisy_end_sample, noisy):
        row = rows.sampler_row(case(sampler, schedule))
        assert row.sick
        assert "no noise in the last step" in row.remedy


@pytest.mark.parametrize(
    "step",
    [
        lambda mean, var, noise: mean,
        lambda mean, var, noise: mean + var * noise,
        lambda mean, var, noise: mean + 2 * var.sqrt() * noise,
    ],
    ids=["no noise", "variance for deviation", "twice the noise"],
)
def test_too_much_or_too_little_noise_is_found(step):
    row = rows.sampler_row(case(wrong(step)))
    assert row.sick
    assert "standard deviations" in row.remedy


def test_steps_in_the_wrong_order_are_found():
    assert rows.sampler_row(case(rising)).sick


def test_a_sampler_that_stops_is_told_with_its_words():
    def broken(model, x_T, schedule):
        raise RuntimeError("no such step")

    row = rows.sampler_row(case(broken))
    assert row.sick
    assert "no such step" in row.found
    assert rows.clip_row(case(broken)).verdict == "not asked"
    assert rows.sampler_row(case()).verdict == "not asked"
    assert rows.clip_row(case()).verdict == "not asked"


# The cut


def ddim(clip):
    return partial(ddim_sample, num_steps=10, clip=clip)


def test_a_cut_where_images_end_is_well():
    row = rows.clip_row(case(ddim(1.0)))
    assert not row.sick
    assert (
        row.found == "guesses are cut at 1.00, 0.0% of the data with them"
    )


def test_a_cut_through_the_data_is_found():
    row = rows.clip_row(case(ddim(0.8)))
    assert row.sick
    assert "clip=None" in row.remedy
    wide = torch.randn(100, 2) * 3
    assert rows.clip_row(case(ddim(1.0), images=wide)).sick


def test_without_a_cut_it_depends_on_the_samples():
    good = Exact(X[:20], 0.05, None, MANY, "x0")
    calm = case(ddim(None), MANY, predicts="x0", model=good)
    assert not rows.clip_row(calm).sick
    loud = case(ddim(None), MANY, model=AsEps(good, MANY, "x0"))
    row = rows.clip_row(loud)
    assert row.sick
    assert row.remedy == "clip=1 (clip_sample=True)"


def test_points_need_no_cut():
    def far(x, t):
        return 100 * x

    points = case(ddim(None), images=torch.randn(64, 2), model=far)
    assert not rows.clip_row(points).sick


# Copies


def test_a_network_that_remembers_is_found():
    known = X[:40]
    row = rows.copies_row(case(None, FEW, known, "x0", Memory(known, FEW)))
    assert row.sick
    assert row.found.startswith("0.0")


def test_a_network_of_other_pictures_is_well():
    other = Memory(X[500:540], FEW)
    assert not rows.copies_row(case(None, FEW, X[:40], "x0", other)).sick


def test_held_out_images_are_a_second_witness():
    known, unseen = X[:40], X[500:540]
    with_them = case(None, FEW, known, "x0", Memory(known, FEW))
    with_them.held_out = unseen
    found = rows.copies_row(with_them).found
    assert found.endswith("0.00 as far as from held-out ones")


def test_samples_that_are_no_numbers_are_no_copies():
    def model(x, t):
        return x * (1.0 if t.min() > 1 else float("nan"))

    row = rows.copies_row(case(None, FEW, X[:40], "x0", model))
    assert row.verdict == "not asked"
    assert row.found == "the samples are not finite"


def test_images_that_are_all_the_same_cannot_be_copied():
    same = X[:1].expand(20, 1, 8, 8)
    row = rows.copies_row(case(None, FEW, same, "x0", Memory(X[:9], FEW)))
    assert row.verdict == "not asked"


def test_samples_have_the_labels_of_the_images():
    seen = []

    def model(x, t, label):
        seen.append(label)
        return x

    labelled = case(None, FEW, X, "x0", model)
    labelled.labels = LABELS
    rows.samples_of(labelled, ddim(1.0), 12)
    assert torch.equal(seen[0], LABELS[:12])
