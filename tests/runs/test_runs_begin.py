"""A run begins with the settings it has, or goes on with others."""

import json

import pytest
import torch
from tiny_runs import begun, finish, stopped_after, tiny

from diffusion_lessons import InputError
from diffusion_lessons.runs.begin import fitting
from diffusion_lessons.runs.config import read_config


def test_the_weights_are_of_the_seed_and_the_average_is_of_them(tmp_path):
    one, same, other = (
        begun(tiny(tmp_path, seed=seed))[0].model.stem.weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    state, _ = begun(tiny(tmp_path))
    assert torch.equal(state.ema.model.stem.weight, state.model.stem.weight)
    assert begun(tiny(tmp_path, ema=None))[0].ema is None


def test_channels_last_is_how_the_weights_lie(tmp_path):
    state, _ = begun(tiny(tmp_path, channels_last=True))
    weight = state.model.down.conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_pictures_that_have_changed_are_refused_or_taken(tmp_path):
    config = tiny(tmp_path)
    stopped_after(2, config)
    path = tmp_path / "config.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"fingerprint": "of before"}))
    words = "pictures: those in digits have changed since the run began"
    with pytest.raises(InputError, match=words):
        finish(config)
    losses = finish(config, override={"pictures": "digits"})
    assert len(losses) == 4
    told_now = read_config(tmp_path)
    assert told_now["fingerprint"] == told["fingerprint"]
    assert told_now["overrides"] == [{"step": 2, "pictures": "digits"}]


def test_other_pictures_begin_a_new_pass(tmp_path):
    """The old order is of places that may not be there."""
    state, config = begun(tiny(tmp_path))
    next(state.batches)
    saved = state.state_dict()
    kept = fitting(saved, config, {})["batches"]
    fresh = fitting(saved, config, {"pictures": "digits"})["batches"]
    assert (len(kept["order"]), kept["position"]) == (1077, 7)
    assert (len(fresh["order"]), fresh["position"]) == (0, 0)
