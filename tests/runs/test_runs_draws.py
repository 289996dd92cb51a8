"""What a step draws, it draws for all its pictures, in every process."""

import pytest
import torch
from tiny_runs import gradients, tiny

from diffusion_lessons import Batches, InputError
from diffusion_lessons.runs.draws import PictureBatches
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


def test_a_batch_larger_than_the_set_is_refused():
    words = r"batch_size must be in 1\.\.1077, for these 1077; got 1078"
    with pytest.raises(InputError, match=words):
        PictureBatches(open_pictures("digits"), batch_size=1078)
