"""The doctor examines a run on the pictures that it was trained on."""

import json

import pytest
import torch
from diffusers import UNet2DModel
from made_runs import run_folder
from numpy import uint8
from PIL import Image

from diffusion_lessons import InputError, load_checkpoint
from diffusion_lessons.doctor import examine_path, own_runs
from diffusion_lessons.doctor import folder as saved
from diffusion_lessons.runs import RunConfig, to_diffusers, train_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two steps on pictures in colour, of two classes, each step kept."""
    place = tmp_path_factory.mktemp("own")
    generator = torch.Generator().manual_seed(0)
    for name in ("cat", "dog"):
        (place / "pictures" / name).mkdir(parents=True)
        for i in range(100):
            pixels = 256 * torch.rand(8, 8, 3, generator=generator)
            image = Image.fromarray(pixels.numpy().astype(uint8))
            image.save(place / "pictures" / name / f"{i}.png")
    config = RunConfig(
        str(place / "pictures"),
        place / "run",
        size=8,
        network={"base_channels": 8, "levels": 3, "attention": 2},
        steps=2,
        batch_size=8,
        keep=1,
        sample_every=0,
        device="cpu",
    )
    assert len(list(train_run(config))) == 2
    return place / "run"


def weights_equal(model, weights):
    own = model.state_dict()
    return all(torch.equal(own[name], weights[name]) for name in own)


def test_a_run_is_examined_on_its_own_pictures(run):
    report = examine_path(run)
    assert report.first.name == "untrained"
    assert report["data"].found.startswith("190 of shape (3, 8, 8)")
    assert report["sampler"].found.startswith("50 steps")


def test_all_that_is_known_of_a_run_is_told(run):
    given = own_runs.of_run(run, run)
    last = load_checkpoint(run / "last.safetensors")
    assert weights_equal(given["model"], last["model"])
    assert weights_equal(given["ema"], last["ema"]["model"])
    assert not given["model"].training
    assert torch.equal(given["schedule"].betas[1:], last["betas"])
    assert (given["predicts"], given["side"]) == ("v", 8)
    assert given["classes"]


def test_a_checkpoint_in_a_run_is_a_part_of_it(run):
    """Its network has more levels than its weights alone would tell."""
    kept = run / "kept" / "step_000001.safetensors"
    assert own_runs.home_of_run(kept) == run
    assert own_runs.home_of_run(run / "last.safetensors") == run
    given = own_runs.of_run(run, kept)
    assert weights_equal(given["model"], load_checkpoint(kept)["model"])
    report = examine_path(kept)
    assert report["data"].found.startswith("190 of shape (3, 8, 8)")


def test_seen_and_unseen_pictures_have_their_labels(run):
    given = own_runs.own_pictures(run)
    assert len(given["images"]) == 190
    assert len(given["held_out"]) == 10
    assert len(given["labels"]) == len(given["images"])
    assert set(given["labels"].tolist()) == {0, 1}


def test_too_few_unseen_pictures_are_none(run, monkeypatch):
    monkeypatch.setattr(own_runs, "FEWEST", 11)
    assert own_runs.own_pictures(run)["held_out"] is None


def test_of_many_pictures_some_of_all_parts_are_looked_at(monkeypatch):
    monkeypatch.setattr(own_runs, "MOST", 10)
    begin = {0: [], 10: [0, 1], 11: [0, 2], 95: [0, 10]}
    for count, first in begin.items():
        some = own_runs._some(torch.arange(count))
        assert some[:2].tolist() == first
        assert len(some) <= 10
        assert not count or some[-1] >= count - 10


def test_other_pictures_may_be_named(tmp_path):
    folder = run_folder(tmp_path / "run", (), (1, 8, 8))
    report = examine_path(folder, images="digits")
    assert report["data"].found.startswith("1077 of shape (1, 8, 8)")


def test_what_is_damaged_in_a_run_is_named(tmp_path):
    folder = run_folder(tmp_path / "run")
    (folder / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json is no JSON"):
        examine_path(folder)


def test_a_run_that_has_not_saved_says_so(tmp_path):
    folder = run_folder(tmp_path / "run")
    (folder / "last.safetensors").unlink()
    with pytest.raises(InputError, match="has not saved yet"):
        examine_path(folder)


def test_a_run_without_an_average_is_examined_without(tmp_path):
    folder = run_folder(tmp_path / "run", ema=False)
    assert own_runs.of_run(folder, folder)["ema"] is None


@pytest.mark.parametrize("classes", [("cat", "dog"), ()])
def test_what_went_to_diffusers_is_read_again(tmp_path, classes):
    folder = run_folder(tmp_path / "run", classes, (1, 8, 8))
    to_diffusers(folder, tmp_path / "theirs")
    given = saved._of_folder(tmp_path / "theirs")
    assert given["side"] == 8
    assert given["classes"] == bool(classes)
    assert given["schedule"].config.prediction_type == "v_prediction"
    average = load_checkpoint(folder / "last.safetensors")["ema"]["model"]
    assert weights_equal(given["model"].unet.network, average)


def test_a_class_of_theirs_is_still_theirs():
    assert saved._class("UNet2DModel") is UNet2DModel


def test_a_folder_with_another_config_is_no_run(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"a": 1}))
    assert own_runs.home_of_run(tmp_path) is None
