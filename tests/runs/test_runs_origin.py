"""A run that begins with trained weights begins as their network."""

import pytest
import torch
from tiny_runs import UNCHOSEN, finish, stopped_after, tiny

from diffusion_lessons import InputError, NoiseSchedule, load_pretrained
from diffusion_lessons.conditioning import TimeUNet
from diffusion_lessons.runs.origin import (
    SHIPPED,
    Origin,
    origin_of,
    take_over,
)
from diffusion_lessons.runs.pictures import open_pictures


def filled(num_classes):
    """A network that answers something else for each class."""
    model = TimeUNet(1, 8, num_classes=num_classes).eval()
    for part in model.parameters():  # the zeros would hide t and label
        torch.nn.init.normal_(part, std=0.3)
    return model


def answers(model, *label):
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model(x, 500, *label)


def origin(model, classes=()):
    return Origin(model, classes, NoiseSchedule.cosine(10), "v")


def test_a_class_of_the_same_name_keeps_what_is_known_of_it():
    old, new = filled(2), filled(3)
    take_over(new, origin(old, ("cat", "dog")), ("bird", "dog", "ox"))
    near = {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(answers(new, 1), answers(old, 1), **near)
    for unknown in (0, 2, 3):  # 3 is "no class"
        torch.testing.assert_close(
            answers(new, unknown), answers(old, 2), **near
        )


@pytest.mark.parametrize("num_classes", [0, 2])
def test_without_classes_it_answers_as_no_class(num_classes):
    old, new = filled(num_classes), filled(0)
    take_over(new, origin(old, ("a", "b")[:num_classes]), ())
    near = {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(answers(new), answers(old), **near)


def test_classes_where_there_were_none_begin_as_no_class():
    old, new = filled(0), filled(2)
    take_over(new, origin(old), ("a", "b"))
    for label in (0, 1, 2):
        assert torch.equal(answers(new, label), answers(old))


def test_what_is_taken_over_is_a_copy():
    old, new = filled(2), filled(2)
    take_over(new, origin(old, ("a", "b")), ("a", "b"))
    before = answers(old, 0)
    for part in new.parameters():
        torch.nn.init.zeros_(part)
    assert torch.equal(answers(old, 0), before)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_classes_of_what_is_shipped_are_those_it_was_trained_on(name):
    assert len(SHIPPED[name]) == load_pretrained(name).null
    if name == "digits":
        assert open_pictures(name).classes == SHIPPED[name]


REFUSED = {
    "predicts: those weights were trained with 'v', and": {
        "predicts": "eps"
    },
    r"schedule: .*signal left 0\.0000.*signal left 0\.0064": {
        "schedule": "linear"
    },
    r"schedule: .*T=1000.*T=500": {"num_steps": 500},
    r"channels of a picture: .* with 3, and this run has 1": {
        "pretrained": "photographs"
    },
    "pretrained must be 'digits', 'mnist', 'photographs' or the folder of "
    "a run; got 'dogs'": {"pretrained": "dogs"},
}


@pytest.mark.parametrize("words", REFUSED)
def test_weights_that_do_not_fit_are_refused_by_name(tmp_path, words):
    settings = {"pretrained": "digits", "network": UNCHOSEN}
    config = tiny(tmp_path / "run", **settings | REFUSED[words])
    with pytest.raises(InputError, match=words):
        finish(config)
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_run_that_began_otherwise_is_not_begun_anew(tmp_path):
    stopped_after(2, tiny(tmp_path))
    words = "pretrained: the run has None; got digits"
    with pytest.raises(InputError, match=words):
        finish(tiny(tmp_path, network=UNCHOSEN, pretrained="digits"))


def test_without_a_name_weights_are_random(tmp_path):
    assert origin_of(tiny(tmp_path), 1) is None
