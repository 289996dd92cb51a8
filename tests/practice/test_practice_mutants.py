"""The tool that breaks right answers knows wrong from equal."""

from dataclasses import replace

import pytest
import torch
from practice_changes import mutants
from practice_draws import differs, drawn
from practice_mutants import main, weigh

from diffusion_lessons.practice import TASKS

TEXT = """
def minus(a, b):
    b += 1
    return a - b.sqrt()
"""


def test_every_change_is_made_in_one_place():
    made = {(kind, words) for kind, words, _ in mutants(TEXT, "minus")}
    assert made == {
        ("operator", "b += 1  ->  b -= 1"),
        ("left out", "b += 1  ->  pass"),
        ("number", "1  ->  2"),
        ("number", "1  ->  0.5"),
        ("operator", "a - b.sqrt()  ->  a + b.sqrt()"),
        ("exchanged", "a - b.sqrt()  ->  b.sqrt() - a"),
        ("another name", "a  ->  b"),
        ("another name", "b  ->  a"),
        ("left out", "b.sqrt()  ->  b"),
    }


def test_a_mutant_does_what_it_says():
    does = {w: f for _, w, f in mutants(TEXT, "minus")}
    a, b = torch.tensor(5.0), torch.tensor(3.0)
    assert does["1  ->  2"](a, b.clone()) == 5 - 5**0.5
    assert does["b.sqrt()  ->  b"](a, b.clone()) == 1


@pytest.mark.parametrize("name", TASKS)
def test_a_right_answer_differs_nowhere_and_a_slip_somewhere(name):
    task = TASKS[name]
    assert not differs(task.answer, task.answer, task)
    for slip in task.slips:
        assert differs(slip.function, task.answer, task), slip.words


def test_a_draw_is_the_same_every_time_and_no_case():
    task = TASKS["q_step"]
    (first, _), (again, _), (other, _) = (drawn(task, i) for i in (3, 3, 7))
    assert torch.equal(first["noise"], again["noise"])
    assert first["noise"].shape != other["noise"].shape or not torch.equal(
        first["noise"], other["noise"]
    )
    for case in task.cases:
        assert not torch.equal(first["noise"], case.make()[2])


def conv_plus_one(kernel_size, in_channels, out_channels):
    return kernel_size**2 * in_channels * out_channels + 1


def conv_ordered(kernel_size, in_channels, out_channels):
    return (1 + in_channels * kernel_size**2) * out_channels


def test_what_is_said_is_weighed():
    task = TASKS["conv_parameters"]
    verdict, found = weigh(conv_plus_one, task)
    assert verdict.slip == "there is a single bias for all channels"
    assert found == {"wrong", "called wrong", "by a name", "of a twin"}
    assert weigh(conv_ordered, task)[1] == {"equal", "called right"}


def test_a_check_that_does_not_see_is_found():
    task = TASKS["conv_parameters"]
    blind = replace(task, cases=task.cases[:1], slips=[])
    verdict, found = weigh(conv_plus_one, blind)
    assert verdict
    assert found == {"wrong"}


def test_a_table_is_printed(capsys):
    assert main(["conv_parameters"]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    word, count, wrong, said, *_, equal, right = last.split()
    assert word == "all"
    assert int(count) == int(wrong) + int(equal) > 20
    assert (said, right) == (wrong, equal)
