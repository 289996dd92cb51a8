"""What a run has learnt is there again, and nothing else is taken."""

import json
from pathlib import Path

import pytest
import torch
from made_runs import CLASSES, NETWORK, Saved, network, run_folder, tree
from tiny_runs import finish, tiny

from diffusion_lessons import (
    DamagedFile,
    InputError,
    NoiseSchedule,
    ddim_sample,
    save_checkpoint,
)
from diffusion_lessons.runs.load import load_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with two checkpoints that were kept."""
    place = tmp_path_factory.mktemp("runs") / "cats"
    return run_folder(place, steps=(10, 15, 20))


def changed(tmp_path, **facts):
    """A run whose config.json says something else."""
    folder = run_folder(tmp_path / "run")
    path = folder / "config.json"
    config = json.loads(path.read_text()) | facts
    kept = {k: v for k, v in config.items() if v is not None}
    path.write_text(json.dumps(kept))
    return folder


def same_weights(model, seed):
    told = {"in_channels": 3, "num_classes": 3}
    other = network(seed, NETWORK | told).state_dict()
    own = model.state_dict()
    return all(torch.equal(own[name], other[name]) for name in other)


# What is loaded


def test_the_averaged_weights_of_the_last_step_are_loaded(made):
    run = load_run(made)
    assert run.step == 20
    assert same_weights(run.model, 21)
    assert not run.model.training


def test_the_weights_in_training_are_loaded_if_asked_for(made):
    assert same_weights(load_run(made, weights="live").model, 20)


@pytest.mark.parametrize("step", [10, 15, 20])
def test_a_step_that_was_kept_is_loaded(made, step):
    run = load_run(made, step=step)
    assert run.step == step
    assert same_weights(run.model, step + 1)


def test_all_that_a_sampler_must_know_is_there(made):
    run = load_run(str(made))
    assert torch.equal(run.schedule.betas, NoiseSchedule.cosine(200).betas)
    assert (run.predicts, run.null, run.shape) == ("v", 3, (3, 8, 8))
    assert run.classes == CLASSES
    assert run.config["pictures"] == "nowhere"


def test_the_schedule_is_that_of_the_checkpoint(tmp_path):
    """Its betas to the last digit; without them, the one by name."""
    folder = changed(tmp_path, num_steps=50)
    assert load_run(folder).schedule.num_steps == 200
    config = json.loads((folder / "config.json").read_text())["network"]
    saved = tree(config, 20)
    del saved["betas"]
    save_checkpoint(folder / "last.safetensors", Saved(saved))
    betas = NoiseSchedule.cosine(50).betas
    assert torch.equal(load_run(folder).schedule.betas, betas)


def test_a_run_of_the_engine_draws_what_its_state_draws(tmp_path):
    """Trained, saved, loaded: the same pictures, live and averaged."""
    config = tiny(tmp_path / "run", steps=4, keep=2)
    finish(config)
    for step, weights in ((None, "ema"), (2, "live")):
        run = load_run(config.out, weights=weights, step=step)
        assert run.step == (step or 4)
        assert run.classes == tuple("0123456789")
        x_T = torch.randn(2, *run.shape)
        *_, last = ddim_sample(
            run.model, x_T, run.schedule, 3, predicts=run.predicts
        )
        assert last.x.shape == (2, 1, 8, 8)
    live = load_run(config.out, weights="live").model.state_dict()
    averaged = load_run(config.out).model.state_dict()
    assert any(not torch.equal(live[k], averaged[k]) for k in live)


# What is refused


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ([], "there is no config.json, which train --out writes"),
        (
            ["a/config.json", "b/config.json"],
            "there are runs in it, as .*a",
        ),
    ],
)
def test_a_folder_without_a_run_says_so(tmp_path, inside, words):
    for name in inside:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match=f"holds no run: .*{words}"):
        load_run(tmp_path)


def test_no_folder_at_all_says_so(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        load_run(tmp_path / "nowhere")


def test_a_checkpoint_is_no_folder(made):
    words = "it is a file, and a run is a folder .load_checkpoint"
    with pytest.raises(InputError, match=words):
        load_run(made / "last.safetensors")


@pytest.mark.parametrize("text", ["", "{", "3", "[]", '"run"', "null"])
def test_a_config_that_is_damaged_is_named(tmp_path, text):
    folder = run_folder(tmp_path / "run")
    (folder / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config.json is (no JSON|not)"):
        load_run(folder)


@pytest.mark.parametrize(
    "name", ["network", "shape", "classes", "predicts", "schedule"]
)
def test_what_config_does_not_say_is_named(tmp_path, name):
    folder = changed(tmp_path, **{name: None})
    with pytest.raises(InputError, match=f"it does not say '{name}'"):
        load_run(folder)


def test_a_run_that_has_not_saved_says_so(tmp_path):
    folder = run_folder(tmp_path / "run", steps=(5, 10))
    (folder / "last.safetensors").unlink()
    words = "has not saved yet; kept are the steps 5"
    with pytest.raises(InputError, match=words):
        load_run(folder)
    assert load_run(folder, step=5).step == 5


def test_one_bit_is_noticed_and_what_is_kept_is_named(tmp_path):
    folder = run_folder(tmp_path / "run", steps=(5, 10))
    data = bytearray((folder / "last.safetensors").read_bytes())
    data[-100] ^= 1
    (folder / "last.safetensors").write_bytes(data)
    words = "is damaged: .*kept are the steps 5"
    with pytest.raises(DamagedFile, match=words):
        load_run(folder)
    assert load_run(folder, step=5).step == 5


def test_a_step_that_was_not_kept_is_refused_with_those_that_are(made):
    words = "step 12 was not kept: there is the last, 20; .* 10, 15"
    with pytest.raises(InputError, match=words):
        load_run(made, step=12)


def test_of_many_steps_a_few_are_named(tmp_path):
    folder = run_folder(tmp_path / "run")
    for step in range(1, 9):
        Path(folder / "kept" / f"step_{step:06d}.safetensors").touch()
    with pytest.raises(InputError, match=r"steps 1, 2, 3, …, 7, 8$"):
        load_run(folder, step=12)


def test_a_run_without_an_average_has_only_its_own_weights(tmp_path):
    folder = run_folder(tmp_path / "run", ema=False)
    with pytest.raises(InputError, match='weights; take weights="live"'):
        load_run(folder)
    assert load_run(folder, weights="live").step == 20


def test_weights_of_another_network_are_refused(tmp_path):
    told = {"in_channels": 3, "num_classes": 3, "base_channels": 8}
    folder = changed(tmp_path, network=told)
    words = "not those of the network that its config.json describes"
    with pytest.raises(InputError, match=words):
        load_run(folder)


def test_a_network_of_another_version_is_refused(tmp_path):
    folder = changed(tmp_path, network={"wings": 2})
    with pytest.raises(InputError, match=r"of another version .* 'wings'"):
        load_run(folder)


@pytest.mark.parametrize("saved", [{"step": 3}, {"weights": {}}])
def test_a_checkpoint_without_a_model_is_refused(tmp_path, saved):
    folder = run_folder(tmp_path / "run")
    save_checkpoint(folder / "last.safetensors", Saved(saved))
    with pytest.raises(InputError, match="holds no model"):
        load_run(folder)


def test_other_weights_than_there_are_are_refused(made):
    with pytest.raises(InputError, match="one of 'ema', 'live'"):
        load_run(made, weights="best")
