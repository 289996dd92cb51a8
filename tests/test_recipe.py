"""What is chosen before a run begins: its length, its rate, its share."""

import re
from dataclasses import asdict

import pytest
import torch
from runs import labelled_run, tiny_run, weights
from torch import nn

from diffusion_lessons import Recipe, train
from diffusion_lessons.recipe import lr_factor, recipe_of

# The learning rate


def test_without_a_warm_up_the_rate_is_torchs_own_cosine():
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)
    for step in range(50):
        rate = optimizer.param_groups[0]["lr"]
        assert lr_factor(step, 50) == pytest.approx(rate, abs=1e-12)
        optimizer.step()
        theirs.step()


def test_a_warm_up_rises_evenly_to_the_cosine():
    shares = [lr_factor(s, 100, 9) / lr_factor(s, 100) for s in range(100)]
    assert shares[:9] == pytest.approx([i / 10 for i in range(1, 10)])
    assert shares[9:] == pytest.approx([1] * 91)


# Refusals


@pytest.mark.parametrize("steps", [0, -1, 2.5])
def test_a_run_has_at_least_one_step(steps):
    words = f"num_steps must be a whole number of at least 1; got {steps}"
    with pytest.raises(ValueError, match=words):
        tiny_run(steps)


@pytest.mark.parametrize("p", [-0.5, 1.5])
def test_a_p_uncond_that_is_no_probability_is_refused(p):
    words = rf"p_uncond must be in 0\.\.1; got {p}"
    with pytest.raises(ValueError, match=words):
        next(labelled_run(p_uncond=p))


def test_a_warmup_of_less_than_0_steps_is_refused():
    words = "warmup must be a whole number of at least 0; got -1"
    with pytest.raises(ValueError, match=words):
        tiny_run(warmup=-1)


def test_a_state_of_a_longer_run_is_refused():
    saved = next(tiny_run(9)).state.state_dict()
    words = "num_steps: the saved run has 9; got num_steps=8"
    with pytest.raises(ValueError, match=words):
        tiny_run(8, resume=saved)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_steps", 8),
        ("warmup", 1),
        ("seed", 7),
        ("p_uncond", 0.25),
        ("ema", 0.9),
    ],
)
def test_another_setting_is_refused_by_its_name(name, value):
    recipe = {"num_steps": 9, "warmup": 2, "seed": 3, "p_uncond": 0.5}
    saved = next(labelled_run(**recipe, ema=0.5)).state.state_dict()
    before = (recipe | {"ema": 0.5})[name]
    words = f"{name}: the saved run has {before}; got {name}={value}"
    with pytest.raises(ValueError, match=words):
        labelled_run(
            **({"num_steps": None, "resume": saved} | {name: value})
        )


def test_settings_that_are_left_out_are_those_of_the_run():
    recipe = {"num_steps": 9, "warmup": 2, "seed": 3, "p_uncond": 0.5}
    saved = next(
        labelled_run(**recipe, ema=0.5, lr=0.25)
    ).state.state_dict()
    run = labelled_run(num_steps=None, resume=saved)
    expected = Recipe(**recipe, ema=0.5, lr=0.25)
    assert next(run).state.recipe == expected


def test_settings_that_are_the_same_may_be_said_again():
    saved = next(tiny_run(9, seed=3)).state.state_dict()
    assert next(tiny_run(9, seed=3, warmup=0, resume=saved)).step == 2


def test_another_learning_rate_is_taken():
    saved = next(tiny_run(9, lr=1e-3)).state.state_dict()
    step = next(tiny_run(9, lr=0.5, resume=saved))
    assert step.state.recipe.lr == 0.5
    rate = step.state.optimizer.param_groups[0]["lr"]
    assert rate == pytest.approx(0.5 * lr_factor(2, 9))


def test_another_learning_rate_moves_the_weights_by_it():
    saved = next(tiny_run(9, lr=1e-3)).state.state_dict()
    after = [
        weights(next(tiny_run(9, lr=lr, resume=saved)).state)
        for lr in (0.0, 0.01, 0.02)
    ]
    one, two = after[1] - after[0], after[2] - after[0]
    torch.testing.assert_close(two, 2 * one, rtol=1e-3, atol=1e-7)
    assert one.abs().max() > 1e-4


def test_a_setting_that_is_none_names_those_that_are():
    words = r"takes no 'epochs'; it takes num_steps, lr, .*seed, loss, resu"
    with pytest.raises(ValueError, match=words):
        tiny_run(epochs=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", -1), ("lr", "fast"), ("ema", 1), ("ema", -0.1), ("seed", 0.5)],
)
def test_a_setting_out_of_its_range_is_refused(name, value):
    with pytest.raises(
        ValueError, match=f"{name} must be .*; got .?{value}"
    ):
        tiny_run(**{name: value})


def test_the_docstring_of_train_tells_every_setting_and_its_default():
    for name, value in asdict(Recipe()).items():
        text = re.search(rf"^ +{name}: (.+?\))", train.__doc__, re.M | re.S)
        told = re.search(r"\(([^();]+)[;)]", text[1])[1]
        assert told == "None" if value is None else float(told) == value


def test_of_the_first_version_the_length_and_the_rate_are_known():
    old = {"num_steps": 7, "lr_schedule": {"base_lrs": [0.03, 0.5]}}
    assert recipe_of({}, old) == Recipe(num_steps=7, lr=0.03)
    assert recipe_of({"lr": 0.1, "seed": 2}, old) == Recipe(
        num_steps=7, lr=0.1, seed=2
    )
    with pytest.raises(ValueError, match="num_steps: the saved run has 7"):
        recipe_of({"num_steps": 8}, old)
