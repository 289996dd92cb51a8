"""A run of one's own is the lessons' run, and goes on as if unbroken."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from PIL import Image
from tiny_runs import (
    UNCHOSEN,
    finish,
    last,
    rows,
    same,
    stopped_after,
    tiny,
)

from diffusion_lessons import (
    Batches,
    NoiseSchedule,
    TimeUNet,
    diffusion_loss,
    train,
)
from diffusion_lessons.runs.config import read_config
from diffusion_lessons.runs.pictures import open_pictures
from diffusion_lessons.runs.train import train_run


def lesson(config):
    """What the lessons' loop makes of the same settings."""
    store = open_pictures("digits", None)
    places = torch.as_tensor(store.training)
    torch.manual_seed(config.seed)
    model = TimeUNet(1, 8, 10)
    batches = Batches(
        store.images(places),
        store.labels[places],
        batch_size=config.batch_size,
        seed=config.seed,
    )

    def loss(*given, **label):
        return diffusion_loss(*given, predicts=config.predicts, **label)

    recipe = asdict(config.recipe)
    schedule = NoiseSchedule.cosine(config.num_steps)
    return list(train(model, batches, schedule, loss=loss, **recipe))


# One run


def test_a_run_is_the_lessons_run_bit_for_bit(tmp_path):
    config = tiny(tmp_path, seed=3)
    steps = lesson(config)
    assert finish(config) == [s.loss for s in steps]
    saved, expected = last(tmp_path), steps[-1].state.state_dict()
    del expected["torch_generator"]
    assert same({k: saved[k] for k in expected}, expected)


def test_a_run_leaves_the_global_random_numbers_alone(tmp_path):
    before = torch.get_rng_state()
    finish(tiny(tmp_path, sample_every=3))
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_runs_until_a_step_is_asked_for(tmp_path):
    train_run(tiny(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_another_seed_is_another_run_from_its_weights_on(tmp_path):
    losses = [finish(tiny(tmp_path / str(s), seed=s)) for s in (0, 1)]
    assert losses[0][0] != losses[1][0]


# What is in the folder


def test_the_folder_holds_what_the_run_is_known_by(tmp_path):
    finish(tiny(tmp_path, sample_every=3, keep=3))
    names = {
        p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")
    }
    assert names == {
        *("config.json", "in_use", "last.safetensors", "log.csv"),
        *("samples", "samples/step_000003.png", "samples/step_000006.png"),
        *("store", "store/pictures", "store/in_use"),
        *("kept", "kept/step_000003.safetensors"),
        "kept/step_000006.safetensors",
    }
    told = json.loads((tmp_path / "config.json").read_text())
    assert told["network"] == {
        "base_channels": 8,
        "in_channels": 1,
        "num_classes": 10,
    }
    assert told["shape"] == [1, 8, 8]
    assert told["classes"] == list("0123456789")
    assert told["versions"]["torch"] == torch.__version__
    assert told["fingerprint"]


def test_the_network_is_built_again_from_the_folder(tmp_path):
    config = tiny(tmp_path)
    *_, step = train_run(config)
    told = json.loads((tmp_path / "config.json").read_text())
    model = TimeUNet(**told["network"])
    model.load_state_dict(last(tmp_path)["model"])
    x, t = torch.randn(2, *told["shape"]), torch.tensor([3, 900])
    assert torch.equal(model(x, t), step.state.model(x, t))


def test_the_log_has_every_row_with_loss_rate_and_held_out_loss(tmp_path):
    config = tiny(tmp_path, log_every=2, sample_every=3)
    losses = finish(config)
    table = rows(tmp_path)
    assert [int(r["step"]) for r in table] == [2, 3, 4, 6]
    means = [sum(losses[:2]) / 2, losses[2], losses[3], sum(losses[4:]) / 2]
    assert [float(r["loss"]) for r in table] == pytest.approx(means, 1e-5)
    assert float(table[0]["lr"]) == pytest.approx(
        config.lr * 2 / 3 * 0.9330127, rel=1e-5
    )  # the second of 6 steps, the second of 2 that warm up
    assert [bool(r["held_out_loss"]) for r in table] == [0, 1, 0, 1]
    assert all(float(r["pictures_per_second"]) > 0 for r in table)


def test_the_samples_are_a_picture_with_eight_in_a_row(tmp_path):
    finish(tiny(tmp_path, steps=1, sample_every=1))
    with Image.open(tmp_path / "samples" / "step_000001.png") as picture:
        assert picture.size == (8 * 60 + 4, 4 * 60 + 4)


# Stop and go on


@pytest.mark.parametrize("stop", [1, 2, 5])
def test_a_run_goes_on_as_if_it_had_not_stopped(tmp_path, stop):
    whole, broken = tiny(tmp_path / "a"), tiny(tmp_path / "b")
    losses = finish(whole)
    first = stopped_after(stop, broken)
    assert len(first) == stop
    assert first + finish(broken) == losses
    assert same(last(broken.out), last(whole.out))
    without_speed = [
        [{k: r[k] for k in ("step", "loss", "lr")} for r in rows(c.out)]
        for c in (whole, broken)
    ]
    assert without_speed[0] == without_speed[1]


def test_a_row_of_the_log_is_whole_although_the_run_stopped_in_it(tmp_path):
    whole = tiny(tmp_path / "a", log_every=6)
    broken = tiny(tmp_path / "b", log_every=6)
    finish(whole)
    stopped_after(4, broken)
    finish(broken)
    assert rows(broken.out)[0]["loss"] == rows(whole.out)[0]["loss"]


def test_to_break_out_of_the_loop_saves(tmp_path):
    for step in train_run(tiny(tmp_path)):
        if step.step == 3:
            break
    assert last(tmp_path)["step"] == 3


def test_a_run_that_is_done_has_no_steps_left(tmp_path):
    config = tiny(tmp_path)
    finish(config)
    assert finish(config) == []
    more = finish(config, override={"steps": 8})
    assert len(more) == 2


def test_any_older_step_that_was_kept_can_be_gone_on_from(tmp_path):
    config = tiny(tmp_path, keep=4)
    losses = finish(config)
    kept = tmp_path / "kept" / "step_000004.safetensors"
    kept.replace(tmp_path / "last.safetensors")
    assert finish(config) == losses[4:]
    assert [int(r["step"]) for r in rows(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_a_run_from_a_run_goes_on_without_it(tmp_path):
    first = tiny(tmp_path / "first")
    finish(first)
    whole, broken = (
        tiny(tmp_path / n, network=UNCHOSEN, pretrained=str(first.out))
        for n in ("whole", "broken")
    )
    losses = finish(whole)
    finish(begun := replace(whole, out=tmp_path / "begun", lr=0.0))
    done = stopped_after(3, broken)
    (first.out / "config.json").unlink()
    assert done + finish(broken) == losses
    assert read_config(broken.out)["network"]["base_channels"] == 8
    old = last(first.out)["ema"]["model"]["stem.weight"]
    assert torch.equal(last(begun.out)["model"]["stem.weight"], old)
    assert not torch.equal(last(whole.out)["model"]["stem.weight"], old)
