"""The weights in the package: small, of known origin, and good."""

import os
from pathlib import Path

import pytest
import torch
import weights
from safetensors.torch import load_file
from torch import nn

from diffusion_lessons import (
    DamagedFile,
    DigitClassifier,
    Guided,
    TimeUNet,
    ddim_sample,
    features_and_labels,
    load_classifier,
    load_images,
    load_pretrained,
    nearest,
    provenance,
)
from diffusion_lessons.files import read_tensors
from diffusion_lessons.pretrained import FACTS, FOLDER, save_weights

FILES = sorted(FOLDER.glob("*.safetensors"))
NETWORKS = ("digits", "mnist")
ORIGIN = dict.fromkeys(FACTS, "known")


def test_the_five_files_are_there_and_small():
    assert {path.stem for path in FILES} == set(weights.RECIPES)
    assert sum(path.stat().st_size for path in FILES) <= 2_000_000


@pytest.mark.parametrize("name", weights.RECIPES)
def test_every_file_says_where_it_comes_from(name):
    facts = provenance(name)
    assert facts.keys() >= FACTS.keys()
    command = f"python tools/release/weights.py {name}"
    assert facts["command"] == command
    assert facts["seconds"] > 0
    if name != "photographs":
        assert facts["metrics"]["accuracy"] >= 0.98
    assert facts["seed"] == 0
    assert facts["data"] == weights.DATA[name.split("_")[0]][0]
    assert all(facts[key] is not None for key in FACTS)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_was_judged_about_as_close_as_real_images_are(name):
    judged = provenance(name)["metrics"]
    assert judged["frechet"] <= 1.15 * judged["floor"]


def test_crops_were_judged_by_colours_as_close_as_real_crops_are():
    judged = provenance("photographs")["metrics"]
    assert judged["frechet"] <= judged["floor"] + 2 * judged["floor_std"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_photographs_are_drawn_in_the_colours_of_their_class(seed):
    net = load_pretrained("photographs")
    assert (net.null, net.shape, net.predicts) == (2, (3, 16, 16), "v")
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(40) % 2
    noise = torch.randn(40, *net.shape, generator=generator)
    asked = Guided(net.model, label, net.null)
    *_, last = ddim_sample(asked, noise, net.schedule, 20, predicts="v")
    crops, classes = weights.images_of("photographs", train=False)
    alike = classes[nearest(last.x, crops).index]
    assert (alike == label).double().mean() >= 0.9
    assert spread(last.x[label == 1]) > spread(crops[classes == 1]) / 2


def test_a_scale_is_reported_on_other_digits_and_noise_than_chose_it(
    monkeypatch,
):
    asked = []

    def compared(name, model, scale, half, seeds):
        asked.append((scale, half, set(seeds)))
        return {"accuracy": {1.0: 0.9, 1.15: 0.98}.get(scale, 0.99)}

    monkeypatch.setattr(weights, "compared", compared)
    assert weights.judged("mnist", None) == {"accuracy": 0.99}
    *choosing, (scale, half, noise) = asked
    assert [one for one, *_ in choosing] == [1.0, 1.15, 1.3]
    assert (scale, half) == (1.3, 1)
    assert {other for _, other, _ in choosing} == {0}
    assert not set.union(*(used for *_, used in choosing)) & noise


def test_the_two_halves_of_the_held_out_digits_share_none(monkeypatch):
    halves = []
    floor = weights.frechet_floor

    def seen(training, held_out, n):
        halves.append(held_out)
        return floor(training, held_out, n)

    monkeypatch.setattr(weights, "frechet_floor", seen)
    monkeypatch.setitem(weights.COUNT, "digits", 20)
    model = load_pretrained("digits").model
    for half in (0, 1):
        found = weights.compared("digits", model, 1.0, half, seeds=(0,))
        assert found["accuracy"] > 0.8
    whole = weights.images_of("digits", train=False)[0]
    features = features_and_labels(load_classifier("digits"), whole)[0]
    torch.testing.assert_close(torch.cat(halves), features)
    assert len(halves[0]) == len(halves[1]) == 360


@pytest.mark.parametrize("name", weights.RECIPES)
def test_the_config_builds_the_network_that_the_weights_fill(name):
    facts = provenance(name)
    kind = DigitClassifier if "classifier" in name else TimeUNet
    stored = load_file(FOLDER / f"{name}.safetensors")
    wanted = kind(**facts["config"]).state_dict()
    assert {k: v.shape for k, v in stored.items()} == {
        k: v.shape for k, v in wanted.items()
    }
    assert {v.dtype for v in stored.values()} <= {
        torch.float16,
        torch.int64,
    }


def test_the_classifier_is_as_good_on_held_out_digits_as_it_says():
    images, labels = load_images("digits", train=False)
    classifier = load_classifier("digits")
    assert not classifier.training
    right = features_and_labels(classifier, images).labels == labels
    said = provenance("digits_classifier")["metrics"]["accuracy"]
    assert right.double().mean().item() == pytest.approx(said, abs=0.003)


REAL = Path(os.environ.get("DIFFUSION_LESSONS_DATA") or "")
if REAL.name and (REAL / "MNIST" / "raw").is_dir():  # it is read as well

    def test_the_classifier_is_as_good_on_mnist_as_it_says():
        images, labels = weights.images_of("mnist", train=False)
        right = weights.accuracy(load_classifier("mnist"), images, labels)
        said = provenance("mnist_classifier")["metrics"]["accuracy"]
        assert len(images) == 5000
        assert right == pytest.approx(said, abs=0.001)


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
    real, classes = load_images(train=False, size=images.shape[-1])
    for digit in range(10):  # never one picture again
        alike = spread(images[label == digit])
        assert alike > spread(real[classes == digit]) / 2


def spread(images):
    """The root of the mean squared distance to the mean image."""
    return images.var(0).sum().sqrt()


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
    names = "'digits', 'mnist'"
    if load is load_pretrained:
        names += ", 'photographs'"
    with pytest.raises(ValueError, match=f"one of {names}; got 'a'"):
        load("a")


@pytest.mark.parametrize("load", [load_pretrained, load_classifier])
def test_a_classifier_goes_by_the_name_of_its_images(load):
    with pytest.raises(ValueError, match="got 'digits_classifier'"):
        load("digits_classifier")


def test_the_origin_of_an_unknown_name_is_refused_with_all_four():
    choices = ", ".join(map(repr, sorted(weights.RECIPES)))
    with pytest.raises(ValueError, match=f"one of {choices}; got 'cats'"):
        provenance("cats")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_classifier_is_ready_to_read(name):
    classifier = load_classifier(name)
    assert not any(part.training for part in classifier.modules())
    kinds = {p.dtype for p in classifier.parameters()}
    assert kinds == {torch.float32}


def test_what_is_saved_is_the_nearest_half_precision_and_whole(tmp_path):
    """Counters, such as those of batch normalisation, are not rounded."""
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    model[1].num_batches_tracked.fill_(100_001)
    save_weights(tmp_path / "a", model, ORIGIN | {"metrics": {"a": 0.5}})
    stored = load_file(tmp_path / "a")
    assert stored["1.num_batches_tracked"].item() == 100_001
    assert torch.equal(stored["0.weight"], model[0].weight.half())
    assert model[0].weight.dtype == torch.float32
    known = read_tensors(tmp_path / "a")[1]
    assert known == ORIGIN | {"metrics": {"a": 0.5}}


def test_weights_rounded_once_come_back_as_they_were(tmp_path):
    model = weights.rounded(DigitClassifier())
    save_weights(tmp_path / "a", model, ORIGIN)
    again = DigitClassifier()
    again.load_state_dict(load_file(tmp_path / "a"))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


def test_facts_in_another_order_give_the_same_bytes(tmp_path):
    model = nn.Linear(2, 2)
    save_weights(tmp_path / "a", model, ORIGIN)
    turned = dict(reversed(ORIGIN.items()))
    save_weights(tmp_path / "b", model, turned)
    one, same = ((tmp_path / name).read_bytes() for name in "ab")
    assert one == same


@pytest.mark.parametrize("key", FACTS)
def test_every_fact_must_be_known(tmp_path, key):
    known = {k: v for k, v in ORIGIN.items() if k != key}
    with pytest.raises(ValueError, match=f"must also say: {key}$"):
        save_weights(tmp_path / "a", nn.Linear(1, 1), known)


def test_the_same_weights_give_the_same_bytes_in_half_precision(tmp_path):
    model = TimeUNet(base_channels=8)
    for name in ("a", "b"):
        save_weights(tmp_path / name, model, ORIGIN)
    data = (tmp_path / "a").read_bytes()
    assert data == (tmp_path / "b").read_bytes()
    numbers = sum(p.numel() for p in model.parameters())
    assert 2 * numbers < len(data) < 2 * numbers + 8000


def test_all_that_is_missing_is_named_in_the_order_of_the_facts(tmp_path):
    with pytest.raises(ValueError, match=f"say: {', '.join(FACTS)}$"):
        save_weights(tmp_path / "a", nn.Linear(1, 1), {})


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


def test_weights_that_were_damaged_on_the_way_say_so(tmp_path, monkeypatch):
    whole = (FOLDER / "digits.safetensors").read_bytes()
    data = bytearray(whole)
    data[len(data) // 2] ^= 1
    (tmp_path / "digits.safetensors").write_bytes(data)
    monkeypatch.setattr("diffusion_lessons.pretrained.FOLDER", tmp_path)
    for load in (load_pretrained, provenance):
        with pytest.raises(DamagedFile, match=r"digits\.safetensors is"):
            load("digits")


def test_unless_told_it_is_the_small_digits():
    assert load_pretrained().shape == (1, 8, 8)
    small, found = load_classifier("digits"), load_classifier()
    for name, tensor in small.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor)


def test_what_is_known_beyond_the_facts_is_saved_too(tmp_path):
    known = ORIGIN | {"schedule": "cosine", "shape": [1, 8, 8]}
    save_weights(tmp_path / "a", nn.Linear(1, 1), known)
    assert read_tensors(tmp_path / "a")[1] == known
