"""A run begins with the settings it has, or goes on with others."""

import json
from dataclasses import replace

import pytest
import torch
from tiny_runs import UNCHOSEN, begun, finish, stopped_after, tiny

from diffusion_lessons import InputError, load_pretrained
from diffusion_lessons.runs.begin import _mode, fitting
from diffusion_lessons.runs.config import read_config
from diffusion_lessons.runs.load import load_run
from diffusion_lessons.runs.photographs import write_crops
from diffusion_lessons.runs.ranks import Ranks


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


@pytest.mark.parametrize(
    ("device", "count", "accumulate", "mode"),
    [
        ("cuda", 1, 1, "reduce-overhead"),
        ("cuda", 2, 1, None),
        ("cuda", 1, 2, None),
        ("cpu", 1, 1, None),
    ],
)
def test_only_a_gpu_alone_with_whole_batches_replays(
    tmp_path, device, count, accumulate, mode
):
    config = tiny(tmp_path, accumulate=accumulate)
    ranks = Ranks(torch.device(device), 0, count)
    assert _mode(config, ranks) == mode


def test_a_run_from_shipped_weights_is_better_at_once(tmp_path):
    write_crops(tmp_path / "crops", 20)
    config = replace(
        tiny(tmp_path / "run", steps=3, lr=0.0),
        pictures=str(tmp_path / "crops"),
        network=UNCHOSEN,
        pretrained="photographs",
    )
    losses = finish(config)
    assert max(losses) < 0.4
    run = load_run(tmp_path / "run", weights="live")
    net = load_pretrained("photographs")
    assert run.config["pretrained"] == "photographs"
    assert run.model.base_channels == net.model.base_channels == 24
    x = torch.randn(2, 3, 16, 16)
    for label in (0, 1, 2):
        torch.testing.assert_close(
            run.model(x, 300, label),
            net.model(x, 300, label),
            rtol=1e-3,
            atol=1e-3,
        )
