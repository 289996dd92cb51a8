"""What is compared has names, and a function may be called twice."""

from dataclasses import replace

import pytest
import torch

from diffusion_lessons.practice.judge import judge, outcomes
from diffusion_lessons.practice.task import Case, Task


def twice_and_thrice(x):
    return 2 * x, 3 * x


PAIR = Task(
    "twice_and_thrice",
    chapter=1,
    answer=twice_and_thrice,
    goal="return two multiples",
    tip="add them",
    seen=("the double", "the triple"),
    cases=[
        Case("x = 1", lambda: (torch.ones(1),)),
        Case("two numbers", lambda: (torch.tensor([1.0, 2.0]),)),
    ],
)


def grow(numbers):
    numbers += 1
    return float(numbers[0])


TWO_CALLS = Task(
    "grow",
    chapter=1,
    answer=grow,
    goal="add 1 to the numbers, and return the first",
    tip="call it again",
    observe=lambda result, given: [result, given["numbers"]],
    seen=("what is returned", "the number afterwards"),
    may_change=("numbers",),
    cases=[Case("two calls", lambda: (torch.zeros(1),), times=2)],
)


def verdict(task, function):
    return judge(task, outcomes(function, task))


def test_the_part_that_is_wrong_is_named():
    said = verdict(PAIR, lambda x: (2 * x, 4 * x))
    assert said.text.startswith("With x = 1, the triple should be 3; yours")
    said = verdict(PAIR, lambda x: (2 * x, 3 * x**2))
    words = "With two numbers, entry [1] of the triple should be 6; yours"
    assert said.text.startswith(words)


def test_a_second_call_sees_what_the_first_one_left():
    assert verdict(TWO_CALLS, grow)
    assert TWO_CALLS.cases[0].times == 2

    def sets(numbers):
        numbers.fill_(1)
        return 1.0

    said = verdict(TWO_CALLS, sets)
    words = "With two calls, entry [1] of what is returned should be 2"
    assert said.kind == "wrong"
    assert said.text.startswith(words)


def test_the_form_is_that_of_what_was_returned():
    said = verdict(TWO_CALLS, lambda numbers: print(end=""))
    assert said.kind == "wrong"
    words = "It returned nothing, where a number should be. Is the `return`"
    assert said.text.startswith(words)


def test_a_stub_that_is_called_twice_is_still_a_stub():
    def stub(numbers):
        raise NotImplementedError

    assert verdict(TWO_CALLS, stub).kind == "unwritten"


def test_what_pytorch_has_not_is_no_stub():
    def on_no_device(x):
        return torch.empty(2, device="meta"), 3 * x

    def words_on_dots(x):
        return torch.einsum("b...,c", x, x), 3 * x

    def index_of_another_kind(x):
        return x.reshape(-1)[object()], 3 * x

    wrong = (on_no_device, words_on_dots, index_of_another_kind)
    for function in wrong:
        assert verdict(PAIR, function).kind in ("error", "wrong")


def test_one_number_where_a_row_is_right():
    loose = replace(PAIR, loose=True)
    assert not verdict(loose, lambda x: (2 * x.flatten()[:1], 3 * x))
    assert verdict(loose, lambda x: (x[None] + x, 3 * x))


DOTS = ...
GAPS = {
    "plus": lambda x: x + ...,
    "times": lambda x: ... * x,
    "call": lambda x: torch.sin(...),
    "method": lambda x: DOTS.sqrt(),
    "layer": lambda x: torch.nn.Conv2d(1, 1, 1)(...),
    "list": lambda x: torch.stack([..., x]),
    "tensor": lambda x: torch.as_tensor(...),
    "index": lambda x: DOTS[0],
    "returned": lambda x: ...,
}


@pytest.mark.parametrize("name", GAPS)
def test_dots_are_a_gap_wherever_they_stand(name):
    assert verdict(PAIR, GAPS[name]).kind == "unwritten"
