"""What is said of how a network is read, and the case put right."""

import pytest
import torch
from patients_of_tests import (
    CENTRES,
    COSINE,
    PICTURES,
    case_of,
    perfect,
    velocity,
)

from diffusion_lessons import NoiseSchedule
from diffusion_lessons.doctor import examine, patient
from diffusion_lessons.doctor.case import levels_of
from diffusion_lessons.doctor.faults import ShiftedTime
from diffusion_lessons.doctor.guesses import LinearGuess, MeanGuess
from diffusion_lessons.doctor.reading_rows import reading_rows, refused_row


def rows_of(*given, **more):
    rows, cured = reading_rows(case_of(*given, **more))
    return {row.name: row for row in rows}, cured


def test_a_wrong_target_is_said_with_both_numbers():
    schedule = NoiseSchedule.linear(100)
    rows, cured = rows_of(perfect(schedule, "v"), schedule, "eps")
    levels = levels_of(cured)
    losses = levels.losses(cured.ask(levels.xt, levels.t))
    assert rows["target"].found == (
        f"reads better as v than as eps: {losses['v'].mean():.3f} against "
        f"{losses['eps'].mean():.3f}"
    )
    assert rows["target"].remedy == 'predicts="v"'
    assert cured.predicts == "v"
    assert not rows["schedule"].sick


def test_the_other_languages_are_told_whatever_else_is_wrong():
    schedule = NoiseSchedule.linear(100)
    inner = perfect(schedule, "v")
    for believed in ("v", "eps"):
        rows, _ = rows_of(
            lambda x, t: inner(x, t.clamp(1, 100)), schedule, believed
        )
        assert rows["language"].verdict == "healthy"
        own, other = rows["language"].found.split("; a ")
        assert float(own) < float(other.split(": ")[1])


def test_what_is_found_is_put_right_for_the_tests_that_follow():
    schedule, other = NoiseSchedule.cosine(20), NoiseSchedule.linear(20)
    inner = perfect(schedule, "eps")
    half = (CENTRES + 1) / 2
    _, cured = rows_of(inner, schedule, images=half)
    assert torch.allclose(cured.images, CENTRES, atol=1e-6)
    _, cured = rows_of(inner, other)
    assert torch.equal(cured.schedule.betas, schedule.betas)
    late = ShiftedTime(lambda x, t: inner(x, t.clamp(1, 20)))
    _, cured = rows_of(late, schedule)
    x, t = torch.randn(2, 1, 8, 8), torch.tensor([5, 9])
    assert torch.equal(cured.model(x, t), inner(x, t))


@pytest.mark.parametrize(
    "nothing",
    [
        lambda x, t: 0 * x,
        lambda x, t: torch.sin(50 * x + t.view(-1, 1, 1, 1)),
    ],
    ids=["zero", "nonsense"],
)
@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
def test_a_network_that_has_learnt_nothing_is_called_untrained(
    nothing, predicts, schedule
):
    rows, _ = rows_of(nothing, schedule, predicts)
    assert rows["untrained"].sick
    for name in ("range", "target", "t", "schedule"):
        assert rows[name].verdict == "not asked"


def test_half_a_guess_is_something_learnt(schedule):
    """Half of what a perfect network knows: weak, but not untrained."""
    inner = perfect(schedule, "eps")
    rows, _ = rows_of(lambda x, t: 0.6 * inner(x, t), schedule)
    assert not rows["untrained"].sick


def test_the_loss_is_given_beside_both_guesses(schedule):
    rows, cured = rows_of(perfect(schedule, "v"), schedule, "v")
    levels = levels_of(cured)
    loss = levels.losses(cured.ask(levels.xt, levels.t))["v"].mean().item()
    mean = levels.loss(MeanGuess(PICTURES, schedule, "v"))
    linear = levels.loss(LinearGuess(PICTURES, schedule, "v"))
    assert rows["untrained"].found.startswith(
        f"{loss / mean:.2f} of the loss of guessing the mean, "
        f"{loss / linear:.2f} of the best linear guess's; x0_hat is off by "
    )


def test_what_is_put_right_stays_right_in_the_other_rows():
    schedule = NoiseSchedule.linear(100)
    rows, _ = rows_of(perfect(schedule, "v"), schedule, "eps")
    as_v = rows["target"].found.split(": ")[1].split(" against ")[0]
    for name in ("t", "schedule"):
        assert not rows[name].sick
        assert rows[name].found.startswith(f"{as_v}; ")


def test_with_two_switches_wrong_there_is_no_third_to_try():
    trained, own = NoiseSchedule.cosine(100), NoiseSchedule.linear(100)
    rows, cured = rows_of(perfect(trained, "v"), own, "eps")
    assert [name for name, row in rows.items() if row.sick] == [
        "target",
        "schedule",
    ]
    assert cured.predicts == "v"
    for name in ("range", "t"):
        assert rows[name].verdict == "not asked"
        assert rows[name].found == "there is nothing else to try"


def test_the_averaged_weights_are_asked_in_the_same_language():
    sick = patient("flow_as_chain")
    chart = {**sick.chart(), "ema": sick.model}
    assert examine(**chart)["average"].verdict == "healthy"


def test_a_refusal_of_another_kind_stays_what_it_is():
    def strict(x, t):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        examine(strict, COSINE, CENTRES)


def test_of_a_network_that_refuses_the_best_language_is_named():
    """A flow that takes times only, the picture at 1."""

    def strict(x, t):
        if not t.is_floating_point():
            raise TypeError("times are no integers")
        return -velocity(x, 1 - t)

    rows, cured = refused_row(case_of(strict, COSINE))
    (row,) = rows
    assert row.sick
    assert row.found == (
        "it answers as a flow with the picture at t = 1; told a step: "
        "times are no integers"
    )
    x, t = PICTURES[:3], torch.tensor([2, 500, 990])
    wanted = perfect(COSINE, "v")(x, t)
    assert torch.allclose(cured.model(x, t), wanted, atol=1e-3)


def test_a_language_in_which_it_answers_no_number_is_passed_over():
    def strict(x, t):
        if not t.is_floating_point():
            raise TypeError("times are no integers")
        late = -velocity(x, 1 - t / 1000)
        return late if t.max() > 1 else torch.full_like(x, torch.nan)

    (row,), _ = refused_row(case_of(strict, COSINE))
    assert row.found.startswith(
        "it answers as a flow with the picture at t"
    )
    assert "1000" in row.found


def test_a_network_that_takes_steps_has_no_such_row(schedule):
    case = case_of(perfect(schedule, "eps"), schedule)
    assert refused_row(case) == ([], case)


def test_a_flow_is_asked_as_one_by_the_tests_that_follow():
    _, cured = reading_rows(case_of(velocity, COSINE))
    x, t = PICTURES[:3], torch.tensor([2, 500, 990])
    wanted = perfect(COSINE, "v")(x, t)
    assert torch.allclose(cured.model(x, t), wanted, atol=1e-3)
