"""The weights in the package: small, of known origin, and good."""

import pytest
import torch
import weights
from torch import nn

from diffusion_lessons import (
    Guided,
    TimeUNet,
    ddim_sample,
    features_and_labels,
    load_classifier,
    load_images,
    load_pretrained,
    provenance,
)
from diffusion_lessons.pretrained import FACTS, FOLDER, save_weights

FILES = sorted(FOLDER.glob("*.safetensors"))
NETWORKS = ("digits", "mnist")
ORIGIN = dict.fromkeys(FACTS, "known")


def test_the_four_files_are_there_and_small():
    assert {path.stem for path in FILES} == set(weights.RECIPES)
    assert sum(path.stat().st_size for path in FILES) <= 2_000_000


@pytest.mark.parametrize("name", weights.RECIPES)
def test_every_file_says_where_it_comes_from(name):
    facts = provenance(name)
    assert facts.keys() >= FACTS.keys()
    assert facts["command"] == f"python tools/weights.py {name}"
    assert facts["seconds"] > 0
    assert facts["metrics"]["accuracy"] >= 0.98


def test_the_classifier_is_as_good_on_held_out_digits_as_it_says():
    images, labels = load_images("digits", train=False)
    classifier = load_classifier("digits")
    assert not classifier.training
    right = features_and_labels(classifier, images).labels == labels
    said = provenance("digits_classifier")["metrics"]["accuracy"]
    assert right.double().mean().item() == pytest.approx(said, abs=0.003)


def drawn(name, count, seed):
    """*count* pictures of each class, class after class."""
    net = load_pretrained(name)
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(10).repeat_interleave(count)
    *_, last = ddim_sample(
        Guided(net.model, label, net.null, 1.15),
        torch.randn(10 * count, *net.shape, generator=generator),
        net.schedule,
        20,
        predicts=net.predicts,
    )
    return last.x, label


@pytest.mark.parametrize(
    ("name", "count", "seed"),
    [
        ("digits", 10, 0),
        ("digits", 10, 1),
        ("digits", 10, 2),
        ("mnist", 3, 0),
    ],
)
def test_a_network_draws_the_class_that_was_asked_for(name, count, seed):
    images, label = drawn(name, count, seed)
    found = features_and_labels(load_classifier(name), images)
    assert (found.labels == label).double().mean() >= 0.9
    assert images.abs().max() <= 1
    same = found.features.view(10, count, -1)
    assert (same.std(1).mean(1) > 0.2).all()  # never one picture again


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_with_all_that_a_sampler_must_know(name):
    net = load_pretrained(name)
    assert not net.model.training
    assert net.null == net.model.null_label == 10
    assert net.predicts == "v"
    assert net.schedule.num_steps == 1000
    assert net.shape == (1, *(2 * [{"digits": 8, "mnist": 28}[name]]))
    x = torch.randn(2, *net.shape)
    with torch.no_grad():
        again = load_pretrained(name).model(x, 500, 3)
        assert torch.equal(net.model(x, 500, 3), again)


@pytest.mark.parametrize("load", [load_pretrained, load_classifier])
def test_an_unknown_name_is_refused_with_the_choices(load):
    with pytest.raises(
        ValueError, match="one of 'digits', 'mnist'; got 'a'"
    ):
        load("a")


def test_the_same_weights_give_the_same_bytes_in_half_precision(tmp_path):
    model = TimeUNet(base_channels=8)
    for name in ("a", "b"):
        save_weights(tmp_path / name, model, ORIGIN)
    data = (tmp_path / "a").read_bytes()
    assert data == (tmp_path / "b").read_bytes()
    numbers = sum(p.numel() for p in model.parameters())
    assert 2 * numbers < len(data) < 2 * numbers + 8000


def test_weights_of_unknown_origin_are_not_saved(tmp_path):
    known = ORIGIN | {}
    del known["data"]
    with pytest.raises(ValueError, match="must also say: data"):
        save_weights(tmp_path / "a", nn.Linear(1, 1), known)
    assert not list(tmp_path.iterdir())


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    monkeypatch.setattr("os.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_weights(path, nn.Linear(1, 1), ORIGIN)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
