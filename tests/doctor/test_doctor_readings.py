"""In which setting is a network read best? Known for perfect ones."""

from dataclasses import replace

import pytest
import torch
from patients_of_tests import CENTRES, COSINE, THEIRS, case_of, perfect
from torch.testing import assert_close

from diffusion_lessons import (
    GaussianMixture,
    NoiseSchedule,
)
from diffusion_lessons.doctor import examine
from diffusion_lessons.doctor import readings as read
from diffusion_lessons.doctor.exact import Exact
from diffusion_lessons.doctor.foreign import FOREIGN


def best(*given, **more):
    return read.best_of(read.all_readings(case_of(*given, **more)))


@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
@pytest.mark.parametrize("believed", ["eps", "x0", "v"])
def test_the_target_is_found_whatever_is_believed(
    schedule, predicts, believed
):
    found = best(perfect(schedule, predicts), schedule, believed)
    assert found.predicts == predicts
    assert found.changes == (() if predicts == believed else ("target",))


@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
def test_the_schedule_is_found(predicts):
    linear, cosine = NoiseSchedule.linear(100), NoiseSchedule.cosine(100)
    for own, other, name in (
        (linear, cosine, "NoiseSchedule.linear(T)"),
        (cosine, linear, "NoiseSchedule.cosine(T)"),
    ):
        found = best(perfect(own, predicts), other, predicts)
        assert found.schedule == name
        assert found.changes == ("schedule",)


@pytest.mark.parametrize(
    ("wanted", "believed"),
    [
        (lambda t, T: t + 1, "t - 1"),
        (lambda t, T: t - 1, "t + 1"),
        (lambda t, T: T + 1 - t, "T + 1 - t"),
        (lambda t, T: t * T, "t / T"),
        (lambda t, T: t / T, "T * t"),
    ],
    ids=["one more", "one less", "backwards", "of 0 to 1", "of 0 to T*T"],
)
def test_the_t_that_it_wants_is_found(wanted, believed):
    schedule = NoiseSchedule.cosine(20)
    inner = perfect(schedule, "eps")

    def model(x, t):
        told = wanted(t.double(), 20).round().long().clamp(1, 20)
        return inner(x, told)

    found = best(model, schedule)
    assert found.changes == ("t",)
    assert found.t == believed


def test_a_network_of_1000_steps_is_told_its_own():
    full, few = NoiseSchedule.cosine(1000), NoiseSchedule.cosine(50)
    inner = perfect(full, "v")
    found = best(lambda x, t: inner(x, t.clamp(1, 1000)), few, "v")
    assert found.t == "1000 * t / T"


@pytest.mark.parametrize(
    ("low", "name"), [(0, "images * 2 - 1"), (-1, "(images + 1) / 2")]
)
def test_the_range_is_found(low, name):
    unit = (CENTRES + 1) / 2
    mine, its = (unit, CENTRES) if low == 0 else (CENTRES, unit)
    schedule = NoiseSchedule.linear(100)
    found = best(perfect(schedule, "eps", its), schedule, images=mine)
    assert found.range == name
    assert found.changes == ("range",)


def test_two_faults_are_both_found():
    linear, cosine = NoiseSchedule.linear(100), NoiseSchedule.cosine(100)
    found = best(perfect(cosine, "v"), linear, "eps")
    assert (found.predicts, found.schedule) == (
        "v",
        "NoiseSchedule.cosine(T)",
    )


def test_points_have_no_range():
    points = GaussianMixture(torch.tensor([[-0.5, 0], [0.5, 0]]), 0.2)
    x = points.sample(200).float()
    schedule = NoiseSchedule.linear(100)
    model = Exact(points.means.float(), 0.2, None, schedule, "eps")
    rows = examine(model, schedule, x)
    assert rows["range"].verdict == "not asked"
    assert rows


def test_what_a_network_will_not_answer_is_left_out():
    schedule = NoiseSchedule.linear(100)
    inner = perfect(schedule, "eps")

    def strict(x, t):
        if t.is_floating_point() or t.min() < 1 or t.max() > 100:
            raise IndexError("no such t")
        return inner(x, t)

    names = {r.t for r in read.all_readings(case_of(strict, schedule))}
    assert "t / T" not in names
    assert "T * t" not in names
    assert "T + 1 - t" in names
    assert best(strict, schedule).changes == ()


def test_what_it_is_asked_first_it_has_to_answer():
    def broken(x, t):
        raise IndexError("no such t")

    with pytest.raises(IndexError, match="no such t"):
        read.all_readings(case_of(broken, NoiseSchedule.linear(100)))


def test_between_equals_the_user_is_right():
    """Their t and that of another schedule, one as good as the other."""
    schedule = NoiseSchedule.linear(100).zero_terminal_snr()
    assert best(perfect(schedule, "v"), schedule, "v").changes == ()


def test_a_gain_by_chance_is_none():
    loss = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.5, 1.4])
    assert not read.surely(loss, torch.full((6,), 1.0))
    assert read.surely(loss - 1, loss)
    assert not read.surely(loss, loss - 1)


def test_a_step_is_looked_up_by_its_noise():
    schedule, other = NoiseSchedule.linear(50), NoiseSchedule.cosine(400)
    t = torch.arange(1, 51)
    found = read.looked_up(t, schedule, other)
    gap = schedule.alphas_cumprod[t] - other.alphas_cumprod[found]
    assert gap.abs().max() < 0.01
    assert torch.equal(read.looked_up(t, schedule, schedule), t)


def test_a_gain_at_one_level_alone_is_none():
    """A network of x0 read as eps is too loud where there is no noise."""
    schedule = NoiseSchedule.linear(50)
    inner = perfect(schedule, "eps")

    def loud(x, t):
        factor = torch.where(t == 2, 3.0, 1.0).view(-1, 1, 1, 1)
        return factor * inner(x, t)

    readings = read.all_readings(case_of(loud, schedule))
    later = next(r for r in readings if r.changes and r.t == "t + 1")
    assert later.score < 0.9 * readings[0].score
    assert read.best_of(readings).changes == ()


def reading(loss, *changes, linear=0.5, language=""):
    losses = torch.full((8, 32), loss) + 0.01 * torch.arange(32) / 32
    where = language, "", "", ""
    return read.Reading(*where, "eps", losses, linear, changes)


def test_a_loss_is_told_in_shares_of_the_linear_guess():
    assert_close(reading(0.25).score, reading(0.25).loss / 0.5)
    assert reading(0.25, linear=0.1).score > 4 * reading(0.25).score


@pytest.mark.parametrize(
    ("switch", "little", "enough"),
    [("t", 0.99, 0.95), ("schedule", 0.99, 0.95), ("target", 0.9, 0.8)],
)
def test_another_setting_has_to_be_better_by_its_price(
    switch, little, enough
):
    own = reading(1.0)
    assert read.best_of([own, reading(little, switch)]) is own
    assert read.best_of([own, reading(enough, switch)]) is not own


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("believed", ["eps", "x0", "v"])
def test_another_language_is_found_whatever_is_believed(name, believed):
    found = best(THEIRS[name], COSINE, believed)
    assert found.language == name
    assert found.changes == ("language",)
    assert found.predicts == FOREIGN[name].predicts


def spoken(loss, language="a flow"):
    return reading(loss, "language", language=language)


@pytest.mark.parametrize(("share", "known"), [(0.88, False), (0.84, True)])
def test_another_language_has_to_be_clearly_better(share, known):
    own, flow = reading(1.0), spoken(share)
    readings = [own, spoken(2.0, "a denoiser told σ"), flow]
    assert read.best_of(readings) is (flow if known else own)


def test_a_language_in_which_it_answers_no_number_is_none():
    own, flow, none = reading(1.0), spoken(0.1), spoken(float("nan"))
    for others in ([none, flow], [flow, none]):
        assert read.best_of([own, *others]) is flow
    assert read.best_of([own, none]) is own


def test_another_target_comes_before_another_language():
    own, target, flow = reading(1.0), reading(0.8, "target"), spoken(0.75)
    assert read.best_of([own, target, flow]) is target


def test_without_a_language_that_answers_the_own_reading_stays():
    own = reading(1.0)
    assert read.best_of([own]) is own


def test_two_changes_at_once_do_better_than_none_or_are_left_out():
    """Much better at most levels, where there was nothing to lose."""
    own, plain = reading(1.0), reading(50.0, "target")
    for loss, taken in ((2.0, False), (0.5, True)):
        both = reading(loss, "t", "target")
        level = torch.tensor([8.0] + 7 * [1e-3]).view(-1, 1)
        both = replace(both, plain=plain, losses=both.losses * level)
        assert both.cost < own.cost
        assert (read.best_of([own, plain, both]) is both) == taken
