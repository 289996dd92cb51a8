"""What is chosen before a run is kept, and refused if it is another."""

import re
from dataclasses import replace

import pytest
from tiny_runs import UNCHOSEN, finish, last, stopped_after, tiny

from diffusion_lessons import InputError
from diffusion_lessons.runs.config import (
    FREE,
    LASTING,
    SETTINGS,
    TAKEN,
    RunConfig,
    config_of,
    read_config,
    settled,
    write_config,
)
from diffusion_lessons.runs.presets import PRESETS


def test_every_setting_is_free_lasting_or_taken_once():
    assert set(TAKEN) == set(SETTINGS) - FREE - LASTING
    assert not FREE & LASTING
    assert set(SETTINGS) > (FREE | LASTING)


# Refusals


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("size", 7, "size must be a whole number in 8..128; got 7"),
        ("steps", 0, "steps must be a whole number of at least 1; got 0"),
        ("precision", "half", "precision must be one of 'fp32', 'bf16', "),
        ("device", "gpu", "device must be one of 'auto', 'cpu', 'cuda', "),
        ("max_norm", 0, "max_norm must be .*more|max_norm must be"),
        ("network", "tiny", "network must be 'small', 'medium', 'large', "),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path, name, value, words):
    with pytest.raises(InputError, match=words):
        tiny(tmp_path, **{name: value})


def test_a_preset_stands_for_its_arguments(tmp_path):
    assert tiny(tmp_path, network="small").network == (
        PRESETS["small"].network
    )
    assert RunConfig("digits", tmp_path).network == PRESETS["small"].network


# Going on


CHANGES = {
    "lr": 2e-3,
    "batch_size": 5,
    "steps": 8,
    "precision": "bf16",
    "predicts": "eps",
    "seed": 1,
    "network": {"base_channels": 16},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_setting_is_refused_with_the_way_on(tmp_path, name):
    config = tiny(tmp_path)
    stopped_after(1, config)
    value = CHANGES[name]
    way = (
        f"--override {name}={value} goes on with it"
        if name in TAKEN
        else "name another folder for another run"
    )
    with pytest.raises(InputError) as said:
        finish(replace(config, **{name: value}))
    assert str(said.value).startswith(f"{name}: the run has ")
    assert f"; got {value} (leave {name} out to go on" in str(said.value)
    assert str(said.value).endswith(f"{way})")


@pytest.mark.parametrize("name", ["lr", "batch_size", "steps", "warmup"])
def test_an_override_is_taken_and_kept(tmp_path, name):
    config = tiny(tmp_path)
    stopped_after(2, config)
    value = CHANGES.get(name, 5)
    losses = finish(config, override={name: value})
    assert len(losses) == (6 if name == "steps" else 4)
    told = read_config(tmp_path)
    assert told[name] == value
    assert told["overrides"] == [{"step": 2, name: value}]
    with pytest.raises(InputError, match=f"{name}: the run has {value}"):
        finish(config)


def test_an_override_of_the_learning_rate_changes_the_steps(tmp_path):
    one, other = tiny(tmp_path / "a"), tiny(tmp_path / "b")
    losses = finish(one)
    stopped_after(3, other)
    assert finish(other, override={"lr": 0.0}) != losses[3:]
    rate = last(other.out)["optimizer"]["param_groups"][0]["lr"]
    assert rate == 0.0


@pytest.mark.parametrize("name", ["seed", "network", "out", "speed"])
def test_what_cannot_change_on_the_way_is_refused(tmp_path, name):
    words = rf"override takes pictures, .*tch_size, .*; got '{name}'"
    with pytest.raises(InputError, match=words):
        finish(tiny(tmp_path), override={name: 1})


def test_what_does_not_change_the_run_may_change(tmp_path):
    config = tiny(tmp_path)
    first = stopped_after(2, config)
    other = replace(config, save_every=1, log_every=2, keep=1)
    whole = finish(tiny(tmp_path / "whole"))
    assert first + finish(other) == whole


def test_what_is_not_given_is_as_it_was(tmp_path):
    config = tiny(tmp_path, lr=5e-4)
    stopped_after(1, config)
    found = config_of({"out": tmp_path, "save_every": 9})
    assert (found.lr, found.steps, found.save_every) == (5e-4, 6, 9)
    assert found.pictures == "digits"


@pytest.mark.parametrize("text", ["[]", "3", "null", '"lr"'])
def test_a_config_without_settings_is_refused(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match="not that of a run"):
        finish(tiny(tmp_path))


def test_a_config_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{")
    words = re.escape(f"{tmp_path / 'config.json'} is no JSON: ")
    with pytest.raises(InputError, match=words):
        finish(tiny(tmp_path))


def test_weights_to_begin_with_bring_their_network(tmp_path):
    config = tiny(tmp_path, pretrained="digits")
    words = "network: with pretrained it is that of the weights; leave net"
    with pytest.raises(InputError, match=words):
        settled(config, {})
    unchosen = replace(config, network=UNCHOSEN)
    assert settled(unchosen, {}) == unchosen
    write_config(replace(config, network={"base_channels": 16}), {})
    assert settled(unchosen, {}).network == {"base_channels": 16}
    assert config_of({"out": tmp_path}).network == {"base_channels": 16}
    with pytest.raises(InputError, match="network: the run has"):
        settled(config, {})
