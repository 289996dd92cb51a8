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


def test_plain_numbers_keep_all_their_digits():
    for many in ([0.1, 1 / 3], [np.float64(0.1), 1 / 3]):
        (row,), _ = flattened(many)
        assert row.tolist() == [0.1, 1 / 3]
    (one,), _ = flattened(0.1)
    assert one.item() == 0.1


def test_a_list_of_larger_tensors_stays_a_list():
    values, form = flattened([torch.zeros(1), torch.zeros(2, 3)])
    assert [v.shape for v in values] == [(1,), (2, 3)]
    assert form == "a tensor (1,) and a tensor (2, 3)"


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (NOTHING, "something of type str"),
        (np.array(["a"]), "something of type ndarray"),
        ([np.str_("a")], "something of type list"),
        ({"a": 1}, "something of type dict"),
        (["a"], "something of type str"),
        ((None, None), "nothing and nothing"),
        (list("abcd"), "a list of 4"),
    ],
)
def test_what_holds_no_numbers_is_named_and_breaks_nothing(result, told):
    assert looked_at(result) == ([], told)


def test_a_strange_result_is_said():
    verdict = check(lambda T, n: np.array(["a"]), "ddim_timesteps")
    assert verdict.kind == "wrong"
    assert "ndarray, where 3 numbers should be" in verdict.text


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
    seen=("the share of heads", "the share of edges"),
)


def said(function):
    verdict = judge(COIN, outcomes(function, COIN))
    return verdict.kind, verdict.text


def test_one_number_is_a_number_whatever_holds_it():
    for one in (2.5, torch.tensor(2.5), np.float32(2.5), np.array(2.5)):
        (value,), form = looked_at(one)
        assert (value.item(), form) == (2.5, "a number")


def pair(more):
    def clip_guess(eps_hat, xt, t, schedule):
        a = schedule.alphas_cumprod[t]
        x0_hat = (xt - (1 - a).sqrt() * eps_hat) / a.sqrt()
        x0_hat = x0_hat.clamp(-1, 1)
        eps_hat = (xt - a.sqrt() * x0_hat) / (1 - a).sqrt()
        return x0_hat, eps_hat + more * (xt.numel() > 1 or more > 1)

    return check(clip_guess)


def test_of_a_pair_it_is_said_which_one_is_wrong():
    assert pair(0)
    case = "With ε̂ = 0, x_t = 0.5, t = 1, "
    assert pair(2).text == f"{case}ε̂ should be 0; yours is 2."
    case = "With three pictures at t = 4, entry [0, 0, 0, 0] of ε̂ "
    assert pair(0.5).text.startswith(f"{case}should be ")


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
        "It returned something of type dict, where a list of 4 should be.",
    )


def test_a_result_that_cannot_be_observed_is_no_error_of_the_reader():
    assert said(lambda n: print(end="")) == (
        "wrong",
        "It returned nothing, where a list of 4 should be. Is the `return` "
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


def test_what_torch_has_not_is_an_error_and_no_stub():
    def drop_labels(labels, null, p, generator):
        return torch.where(torch.rand_like(labels) < p, null, labels)

    verdict = check(drop_labels)
    assert verdict.kind == "error"
    assert "NotImplementedError: " in verdict.text
    assert "the line `return torch.where(torch.rand_like" in verdict.text


def test_a_stub_may_say_something():
    def drop_labels(labels, null, p, generator):
        raise NotImplementedError("your lines")

    assert check(drop_labels).kind == "unwritten"


def test_an_error_in_a_call_of_the_network_names_the_network():
    def guided(model, x, t, label, null, scale):
        return model(x, t)

    assert "model() missing 1 required" in check(guided).text


def test_the_hint_on_shapes_is_given_where_there_is_a_t():
    def add_noise(x0, noise, timesteps, schedule):
        a = schedule.alphas_cumprod[timesteps + 1]
        return a.sqrt() * x0 + (1 - a).sqrt() * noise

    def nearest_ratio(x, train, held_out):
        return (x - train).norm() / (x - held_out).norm()

    assert ".reshape(-1, 1, 1, 1)" in check(add_noise).text
    text = check(nearest_ratio).text
    assert "must match the size" in text
    assert "reshape" not in text
