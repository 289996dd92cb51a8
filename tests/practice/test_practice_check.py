"""What `check` says of any function: right, wrong, rude or endless."""

import random
import threading
import time

import numpy as np
import pytest
import torch

from diffusion_lessons import InputError
from diffusion_lessons.practice import TASKS, check, judge, task_of
from diffusion_lessons.practice.limit import within
from diffusion_lessons.practice.outcome import flattened
from diffusion_lessons.practice.task import Case, Task, one

Q_STEP = TASKS["q_step"]


def right(x_prev, t, noise, schedule):
    beta = schedule.beta_at(t, x_prev)
    return (1 - beta).sqrt() * x_prev + beta.sqrt() * noise


def said(function, task="q_step"):
    verdict = check(function, task)
    assert not verdict
    return verdict.kind, verdict.text


# Nothing there yet


def raising(x_prev, t, noise, schedule):
    """What it does."""
    raise NotImplementedError  # your lines


def dots(x_prev, t, noise, schedule):
    """What it does."""
    ...


def passing(x_prev, t, noise, schedule):
    pass


def returned_dots(x_prev, t, noise, schedule):
    return ...


def gap(x_prev, t, noise, schedule):
    beta = ...
    return beta * x_prev


@pytest.mark.parametrize(
    "stub", [raising, dots, passing, returned_dots, gap]
)
def test_a_stub_is_answered_kindly(stub):
    kind, text = said(stub)
    assert kind == "unwritten"
    assert text == f"Still to be written: it shall {Q_STEP.goal}."


def test_a_function_that_calls_a_stub_is_not_one():
    def calls(x_prev, t, noise, schedule):
        return raising(x_prev, t, noise, schedule)

    kind, text = said(calls)
    assert kind == "error"
    assert "A function that it calls is still to be written" in text


def test_dots_in_an_index_are_no_gap():
    def indexed(x_prev, t, noise, schedule):
        return right(x_prev, t, noise, schedule)[..., :]

    assert check(indexed, "q_step")


# Right


def test_right_says_on_what_and_what_next():
    verdict = check(right, "q_step")
    assert verdict
    assert verdict.kind == "right"
    assert all(case.words in verdict.text for case in Q_STEP.cases)
    assert verdict.text.endswith(Q_STEP.tip)
    assert repr(verdict).startswith("✓ q_step: Right.")


def test_the_name_of_the_function_is_the_task():
    def q_step(x_prev, t, noise, schedule):
        return right(x_prev, t, noise, schedule)

    assert check(q_step)


def test_more_arguments_with_defaults_do_no_harm():
    def longer(x_prev, t, noise, schedule, shown=False):
        return right(x_prev, t, noise, schedule)

    assert check(longer, "q_step")


def test_other_names_of_arguments_do_no_harm():
    assert check(lambda a, b, c, d: right(a, b, c, d), "q_step")


def test_anything_that_can_be_called_is_taken():
    class Step:
        def __call__(self, x_prev, t, noise, schedule):
            return right(x_prev, t, noise, schedule)

    assert check(Step(), "q_step")


def test_double_and_numpy_are_right():
    def double(x_prev, t, noise, schedule):
        return right(x_prev.double(), t, noise.double(), schedule)

    def array(x_prev, t, noise, schedule):
        return right(x_prev, t, noise, schedule).numpy()

    assert check(double, "q_step")
    assert check(array, "q_step")


def test_a_gradient_along_the_way_is_right():
    def tracked(x_prev, t, noise, schedule):
        weight = torch.ones((), requires_grad=True)
        return weight * right(x_prev, t, noise, schedule)

    assert check(tracked, "q_step")


# Wrong


def test_the_smallest_numbers_that_show_it():
    def doubled(x_prev, t, noise, schedule):
        return 2 * right(x_prev, t, noise, schedule)

    kind, text = said(doubled)
    assert kind == "wrong"
    assert Q_STEP.cases[0].words in text
    assert "should be 0.3642; yours is 0.7283" in text


def test_what_holds_everywhere_is_said():
    task = Task(
        "plain",
        1,
        lambda x: x,
        [Case("four numbers", lambda: (torch.arange(1.0, 5.0),))],
        "return x",
        "nothing",
    )

    def verdict(function):
        return judge.judge(task, judge.outcomes(function, task)).text

    assert "opposite sign everywhere" in verdict(lambda x: -x)
    assert "3 times too large everywhere" in verdict(lambda x: 3 * x)
    assert "off by 0.5 everywhere" in verdict(lambda x: x + 0.5)
    assert "everywhere" not in verdict(lambda x: x**2)
    assert "entry [2] should be 3; yours is nan" in verdict(
        lambda x: x.where(x != 3, torch.nan)
    )
    assert "a tensor (4,); yours returns a tensor (1, 4)" in verdict(
        lambda x: x[None]
    )


def test_two_numbers_are_told_apart():
    assert judge.apart(0.123456, 0.123457) == ("0.123456", "0.123457")
    assert judge.apart(1.0, 2.0) == ("1", "2")


def test_a_shape_that_only_broadcasts_is_wrong():
    def summed(x_prev, t, noise, schedule):
        return right(x_prev, t, noise, schedule)[:1]

    kind, text = said(summed)
    assert kind == "wrong"
    assert "(3, 1, 4, 4); yours returns a tensor (1, 1, 4, 4)" in text


def test_a_loose_task_takes_what_broadcasts():
    answer = TASKS["q_posterior"].answer

    def with_every_pixel(x0, xt, t, schedule):
        mean, variance = answer(x0, xt, t, schedule)
        return mean, variance.expand_as(mean)

    assert check(with_every_pixel, "q_posterior")


def test_nothing_returned():
    def forgot(x_prev, t, noise, schedule):
        right(x_prev, t, noise, schedule)

    kind, text = said(forgot)
    assert kind == "wrong"
    assert "It returned nothing" in text
    assert "Is the `return` missing?" in text


def test_text_returned():
    kind, text = said(lambda x_prev, t, noise, schedule: "x_t")
    assert kind == "wrong"
    assert "It returned something of type str" in text


def test_an_error_shows_the_readers_line():
    def crashes(x_prev, t, noise, schedule):
        beta = schedule.beta_at(t, x_prev)
        return beta.square_root() * noise

    kind, text = said(crashes)
    assert kind == "error"
    assert "AttributeError" in text
    assert "`return beta.square_root() * noise`" in text


def test_an_error_deep_below_shows_the_readers_line():
    def crashes(x_prev, t, noise, schedule):
        return right(x_prev, t + 10_000, noise, schedule)

    kind, text = said(crashes)
    assert kind == "error"
    assert "InputError" in text
    assert "`beta = schedule.beta_at(t, x_prev)`" in text  # in this file


def test_a_row_that_meets_pictures_is_explained():
    def flat(x_prev, t, noise, schedule):
        beta = schedule.betas[t]
        return (1 - beta).sqrt() * x_prev + beta.sqrt() * noise

    kind, text = said(flat)
    assert kind == "error"
    assert ".reshape(-1, 1, 1, 1)" in text


def test_a_crash_is_not_taken_for_a_mistake_that_crashes():
    task = Task(
        "plain",
        1,
        lambda x: x,
        [Case("one number", lambda: (torch.ones(1),))],
        "return x",
        "nothing",
    )

    @task.slip("it divides by an integer zero", "1.2 The step")
    def _(x):
        return x + 1 // 0

    done = judge.outcomes(lambda x: x.missing, task)
    assert judge.judge(task, done).kind == "error"


def test_leaving_python_is_an_error():
    def leaves(x_prev, t, noise, schedule):
        raise SystemExit

    assert said(leaves)[0] == "error"


def test_other_arguments_are_said():
    kind, text = said(lambda x, t: x)
    assert kind == "error"
    assert "(x_prev, t, noise, schedule); yours takes (x, t)" in text


# Rude


def test_what_belongs_to_the_caller_stays():
    def greedy(x_prev, t, noise, schedule):
        beta = schedule.beta_at(t, x_prev)
        x_prev *= (1 - beta).sqrt()
        return x_prev.add_(beta.sqrt() * noise)

    kind, text = said(greedy)
    assert kind == "careless"
    assert "It changes `x_prev`" in text


def test_global_random_numbers_are_seen():
    draws = (torch.rand, np.random.rand, random.random)

    def uses(draw):
        def function(x_prev, t, noise, schedule):
            draw(*() if draw is random.random else (1,))
            return right(x_prev, t, noise, schedule)

        return function

    for draw in draws:
        kind, text = said(uses(draw))
        assert kind == "careless"
        assert "global random numbers" in text


def test_noise_of_its_own_is_said():
    def own(x_prev, t, noise, schedule):
        return right(x_prev, t, torch.randn_like(noise), schedule)

    kind, text = said(own)
    assert kind == "wrong"
    assert "It draws random numbers of its own." in text


def test_checking_draws_nothing():
    def own(x_prev, t, noise, schedule):
        np.random.rand()  # noqa: NPY002
        random.random()
        return torch.randn_like(x_prev)

    def states():
        numpy_state = np.random.get_state()  # noqa: NPY002
        return (
            torch.get_rng_state().tolist(),
            numpy_state[1].tolist(),
            numpy_state[2],
            random.getstate(),
        )

    before = states()
    check(own, "q_step")
    assert states() == before


def test_slow_is_said(monkeypatch):
    def slow(x_prev, t, noise, schedule):
        time.sleep(0.05)
        return right(x_prev, t, noise, schedule)

    assert check(slow, "q_step")  # nobody notices
    monkeypatch.setattr(judge, "NOTICED", 0.1)
    monkeypatch.setattr(judge, "TOO_SLOW", 2)
    kind, text = said(slow)
    assert kind == "careless"
    assert "a loop over images or pixels" in text


# Endless


@pytest.mark.filterwarnings("error")  # of a thread that ends noisily
def test_a_loop_without_an_end_is_ended():
    def endless(x_prev, t, noise, schedule):
        while time.monotonic() < late:
            noise = noise + 1

    late = time.monotonic() + 3  # far behind the limit below

    done = judge.outcomes(endless, Q_STEP, seconds=0.3)
    verdict = judge.judge(Q_STEP, done)
    assert verdict.kind == "endless"
    assert Q_STEP.cases[0].words in verdict.text
    names = [thread.name for thread in threading.enumerate()]
    assert "practice" not in names


def test_a_loop_that_holds_on_to_life_is_ended():
    def clings(x_prev, t, noise, schedule):
        while time.monotonic() < late:
            try:
                time.sleep(0.01)
            except Exception:
                continue

    late = time.monotonic() + 3
    done = judge.outcomes(clings, Q_STEP, seconds=0.3)
    assert done[-1].endless
    assert "practice" not in [t.name for t in threading.enumerate()]


def test_what_hangs_outside_python_is_left_behind(monkeypatch):
    monkeypatch.setattr("diffusion_lessons.practice.limit.PATIENCE", 1)
    ended, result = within(0.1, lambda: time.sleep(1.5))
    assert (ended, result) == (False, None)


def test_endless_in_a_later_case():
    def sometimes(x_prev, t, noise, schedule):
        while len(x_prev) == 3 and time.monotonic() < late:
            noise = noise + 1
        return right(x_prev, t, noise, schedule)

    late = time.monotonic() + 3
    done = judge.outcomes(sometimes, Q_STEP, seconds=0.5)
    verdict = judge.judge(Q_STEP, done)
    assert verdict.kind == "endless"
    assert Q_STEP.cases[3].words in verdict.text


# What is given


def test_check_takes_the_function_itself():
    with pytest.raises(InputError, match="without quotes"):
        check("q_step")
    with pytest.raises(InputError, match="without calling it"):
        check(one())


def test_an_unknown_task_names_all():
    with pytest.raises(InputError, match=r"no task 'right': give.*q_chain"):
        check(right)
    with pytest.raises(InputError, match="no task 'q_jump'"):
        task_of("q_jump")


def test_the_functions_of_the_module_are_not_yours():
    verdict = check(Q_STEP.answer)
    assert verdict.kind == "unwritten"
    assert "Write your own" in verdict.text


# How it shows itself


def test_a_verdict_shows_itself_everywhere():
    verdict = check(raising, "q_step")
    assert str(verdict) == repr(verdict)
    assert repr(verdict).startswith("… q_step: Still")
    assert verdict._repr_markdown_().startswith("… **`q_step`** Still")
    slip = Q_STEP.slips[0]
    verdict = judge.judge(Q_STEP, judge.outcomes(slip.function, Q_STEP))
    assert repr(verdict) == (
        f"× q_step: This is what comes out when {slip.words}. See section "
        "1.4, “Why two square roots”."
    )


# What is compared


@pytest.mark.parametrize(
    ("result", "form", "numbers"),
    [
        (2, "a number", [2]),
        (True, "a number", [1]),
        (range(3, 0, -1), "3 numbers", [3, 2, 1]),
        ((1, 2.5), "2 numbers", [1, 2.5]),
        (np.float32(3), "a number", [3]),
        (torch.tensor([1 + 2j]), "a tensor (1,)", [1]),
    ],
)
def test_every_form_of_number_is_read(result, form, numbers):
    values, words = flattened(result)
    assert words == form
    assert values[0].dtype == torch.float64
    assert values[0].flatten().tolist() == numbers


def test_what_holds_no_numbers_is_named():
    assert flattened(None) == ([], "nothing")
    assert flattened({"a": 1}) == ([], "something of type dict")
    values, words = flattened((torch.ones(2), torch.zeros(1, 1)))
    assert words == "a tensor (2,) and a tensor (1, 1)"
    assert len(values) == 2
    assert not flattened([torch.ones(2), "x"])[0]
