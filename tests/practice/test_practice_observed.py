"""What a result is taken for: lists of tensors, and what is observed."""

import numpy as np
import pytest
import torch

from diffusion_lessons import ddim_timesteps
from diffusion_lessons.practice import check
from diffusion_lessons.practice.judge import judge, outcomes
from diffusion_lessons.practice.outcome import flattened, looked_at
from diffusion_lessons.practice.task import Case, Task

NOTHING = "nothing stands here"
AS_NUMBERS = [
    [3, 2.0, True],
    range(3),
    [torch.tensor(3), 2, np.float32(1)],
    (torch.tensor([0, 1])[0], torch.tensor(1.5)),
    [],
]


@pytest.mark.parametrize("many", AS_NUMBERS, ids=str)
def test_a_list_of_single_numbers_is_one_row(many):
    (row,), form = flattened(many)
    assert row.tolist() == [float(x) for x in many]
    assert row.dtype == torch.float64
    assert form == f"{len(many)} numbers"


def test_a_list_of_larger_tensors_stays_a_list():
    values, form = flattened([torch.zeros(1), torch.zeros(2, 3)])
    assert [v.shape for v in values] == [(1,), (2, 3)]
    assert form == "a tensor (1,), a tensor (2, 3)"


@pytest.mark.parametrize(
    "result", [NOTHING, ["a"], np.array(["a"]), [np.str_("a")], {"a": 1}]
)
def test_what_holds_no_numbers_is_named_and_breaks_nothing(result):
    values, form = looked_at(result)
    assert not values
    assert form == type(result).__name__


def test_a_strange_result_is_said():
    verdict = check(lambda T, n: np.array(["a"]), "ddim_timesteps")
    assert verdict.kind == "wrong"
    assert "It returned ndarray, where 3 numbers should be" in verdict.text


def shares(result, arguments):
    """Of a coin that was thrown: the share of heads, and of edges."""
    return [result.count(face) / len(result) for face in ("head", "edge")]


COIN = Task(
    "coin",
    chapter=9,
    answer=lambda n: ["head", "tail"] * (n // 2),
    goal="throw a coin n times",
    tip="throw it again",
    cases=[Case("4 throws", lambda: (4,))],
    observe=shares,
    parts=("the share of heads", "the share of edges"),
)


def said(function):
    verdict = judge(COIN, outcomes(function, COIN))
    return verdict.kind, verdict.text


def test_what_is_observed_is_spoken_of_by_its_name():
    right = said(lambda n: ["tail", "head"] * (n // 2))
    assert right == (
        "right",
        "Right. Tried on: 4 throws. Next: throw it again",
    )
    assert said(lambda n: ["head"] * n) == (
        "wrong",
        "With 4 throws, the share of heads should be 0.5; yours is 1.",
    )
    assert said(lambda n: ["head", "edge"] * (n // 2)) == (
        "wrong",
        "With 4 throws, the share of edges should be 0; yours is 0.5.",
    )


def test_the_form_that_is_told_is_that_of_the_result():
    assert said(lambda n: {"head": 2}) == (
        "wrong",
        "It returned dict, where list should be.",
    )


def test_a_result_that_cannot_be_observed_is_no_error_of_the_reader():
    assert said(lambda n: print(end="")) == (
        "wrong",
        "It returned nothing, where list should be. Is the `return` "
        "missing?",
    )


def test_a_gap_is_shown_with_its_line():
    def ddim_timesteps(num_train_steps, num_steps):
        stride = num_train_steps / ...
        return [round(stride * i) for i in range(num_steps, -1, -1)]

    verdict = check(ddim_timesteps)
    assert verdict.kind == "unwritten"
    line = "`stride = num_train_steps / ...`"
    assert verdict.text.endswith(f"There is a gap in the line {line}.")


def test_a_function_of_the_package_is_no_answer_to_any_task():
    assert check(ddim_timesteps).kind == "unwritten"
    assert check(ddim_timesteps, "q_step").kind == "unwritten"
