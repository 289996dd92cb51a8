"""What a step draws, it draws for all its pictures, in every process."""

from types import SimpleNamespace

import pytest
import torch
from tiny_runs import gradients, tiny

from diffusion_lessons import Batches, InputError, NoiseSchedule
from diffusion_lessons.runs.draws import PictureBatches, draw
from diffusion_lessons.runs.pictures import open_pictures


def test_no_two_pictures_of_a_step_have_the_same_noise(
    tmp_path, monkeypatch
):
    """In one process or in two."""
    seen = []

    def loss(model, x0, t, noise, *_, **__):
        seen.append(noise.flatten(1))
        return model(x0, t).mean()

    monkeypatch.setattr("diffusion_lessons.runs.step.diffusion_loss", loss)
    [gradients(tiny(tmp_path), rank, 2) for rank in (0, 1)]
    noise = torch.cat(seen)
    assert len(noise.unique(dim=0)) == 7
    seen.clear()
    gradients(tiny(tmp_path))
    assert torch.equal(torch.cat(seen), noise)


def test_each_pass_shows_every_picture_for_training_once():
    store = open_pictures("digits")
    batches = PictureBatches(store, batch_size=100, seed=4)
    places = torch.cat([next(batches)[0] for _ in range(10)])
    assert len(places.unique()) == 1000
    assert not set(places.tolist()) & set(store.held_out.tolist())


def test_the_order_and_the_labels_are_those_of_the_lessons():
    store = open_pictures("digits")
    own = PictureBatches(store, batch_size=100, seed=4)
    lesson = Batches(
        store.images(store.training),
        store.labels[store.training],
        batch_size=100,
        seed=4,
    )
    for _ in range(12):  # and into the second pass
        (places, label), (x0, same) = next(own), next(lesson)
        assert torch.equal(store.images(places), x0)
        assert torch.equal(label, same)


def test_what_a_step_draws_is_of_the_pictures_it_draws():
    """Where those for training are not the first of the store."""
    store = SimpleNamespace(
        training=torch.tensor([9, 4, 6, 5]),
        labels=torch.arange(10) % 7,
        shape=(1, 8, 8),
    )
    batches = PictureBatches(store, batch_size=4)
    generator = torch.Generator().manual_seed(0)
    drawn = draw(batches, NoiseSchedule.cosine(10), generator, 7, 0.0)
    assert sorted(drawn.places.tolist()) == [4, 5, 6, 9]
    assert torch.equal(drawn.label, drawn.places % 7)
    assert drawn.noise.shape == (4, 1, 8, 8)
    half = drawn.part(slice(2, 4))
    assert torch.equal(half.places, drawn.places[2:])
    assert torch.equal(half.noise, drawn.noise[2:])
    dropped = draw(batches, NoiseSchedule.cosine(10), generator, 7, 1.0)
    assert dropped.label.tolist() == [7] * 4


def test_a_batch_larger_than_the_set_is_refused():
    words = r"batch_size must be in 1\.\.1077, for these 1077; got 1078"
    with pytest.raises(InputError, match=words):
        PictureBatches(open_pictures("digits"), batch_size=1078)
