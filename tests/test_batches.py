"""Batches: shuffled, endless, and able to go on where they stopped."""

from itertools import islice

import pytest
import torch

from diffusion_lessons import Batches, of_each_class

IMAGES = torch.arange(10.0).view(10, 1, 1, 1)
LABELS = torch.arange(10) * 7


def batches(**options):
    return Batches(IMAGES, LABELS, **{"batch_size": 3} | options)


def numbers(stream, n):
    """Which images the next n batches hold."""
    images = [images for images, _ in islice(stream, n)]
    return torch.cat(images).flatten().tolist() if images else []


def test_a_pass_visits_every_image_once():
    one_pass = numbers(batches(batch_size=5), 2)
    assert sorted(one_pass) == list(range(10))


def test_what_does_not_fill_a_batch_is_dropped():
    one_pass = numbers(batches(batch_size=4), 2)
    assert len(set(one_pass)) == 8


def test_each_pass_has_a_new_order():
    two_passes = numbers(batches(batch_size=10), 2)
    first, second = two_passes[:10], two_passes[10:]
    assert first != second
    assert sorted(first) == sorted(second)


def test_the_images_left_out_change_from_pass_to_pass():
    seen = numbers(batches(batch_size=9), 20)
    assert set(seen) == set(range(10))


def test_labels_stay_with_their_images():
    for images, labels in islice(batches(), 7):
        assert torch.equal(labels, images.flatten().long() * 7)


def test_without_labels_there_are_none():
    images, labels = next(Batches(IMAGES, batch_size=3))
    assert images.shape == (3, 1, 1, 1)
    assert labels is None


def test_the_seed_decides_the_order():
    assert numbers(batches(), 9) == numbers(batches(), 9)
    assert numbers(batches(), 9) != numbers(batches(seed=1), 9)


def test_the_global_random_numbers_are_left_alone():
    before = torch.get_rng_state()
    numbers(batches(), 9)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("done", [0, 1, 2, 3, 4, 20])
def test_a_restored_stream_goes_on_exactly(done):
    stream, restored = batches(), batches(seed=99)
    numbers(stream, done)
    restored.load_state_dict(stream.state_dict())
    assert numbers(restored, 9) == numbers(stream, 9)


def test_a_saved_state_stays_as_it_was():
    stream, restored = batches(), batches()
    numbers(stream, 2)
    saved = stream.state_dict()
    expected = numbers(stream, 9)
    restored.load_state_dict(saved)
    assert numbers(restored, 9) == expected


def test_a_state_of_another_image_set_is_refused():
    stream = batches()
    next(stream)
    words = "saved over 10 images, but there are 4 here"
    with pytest.raises(ValueError, match=words):
        Batches(IMAGES[:4], batch_size=2).load_state_dict(
            stream.state_dict()
        )


@pytest.mark.parametrize(
    ("size", "takes"),
    [
        (0, "a whole number of at least 1"),
        (-1, "a whole number of at least 1"),
        (11, r"in 1\.\.10"),
    ],
)
def test_a_batch_holds_1_to_all_images(size, takes):
    words = f"batch_size must be {takes}; got {size}"
    with pytest.raises(ValueError, match=words):
        Batches(IMAGES, batch_size=size)


def test_one_label_per_image_is_required():
    words = "labels must be one per image; got 10 images and 4 labels"
    with pytest.raises(ValueError, match=words):
        Batches(IMAGES, LABELS[:4], batch_size=3)


# As many of each class


def test_as_many_are_taken_of_each_class_without_repeats():
    labels = torch.tensor([2, 0, 0, 2, 5, 5, 0, 5, 2, 0])
    chosen = of_each_class(labels, 3)
    assert labels[chosen].tolist() == [0, 0, 0, 2, 2, 2, 5, 5, 5]
    assert len(chosen.unique()) == 9


def test_a_choice_is_random_and_repeats_with_its_seed():
    labels, generator = torch.arange(200) % 2, torch.Generator()
    one, other = (of_each_class(labels, 50, generator) for _ in range(2))
    assert not torch.equal(one, other)
    first_ones = labels[:100].nonzero()[:, 0]
    assert not torch.isin(one, first_ones).all()
    again = of_each_class(labels, 50, generator.manual_seed(7))
    same = of_each_class(labels, 50, generator.manual_seed(7))
    assert torch.equal(again, same)


@pytest.mark.parametrize("count", [0, 3])
def test_no_class_can_give_more_than_it_has(count):
    with pytest.raises(ValueError, match=rf"1\.\.2, .*; got {count}"):
        of_each_class(torch.tensor([0, 1, 1, 0, 1]), count)


def test_unless_told_there_are_128_in_the_order_of_seed_0():
    images = torch.linspace(-1, 1, 300).view(300, 1, 1, 1)
    found, _ = next(Batches(images))
    wanted, _ = next(Batches(images, batch_size=128, seed=0))
    assert torch.equal(found, wanted)


@pytest.mark.parametrize("key", ["generator", "order", "position"])
def test_a_state_without_one_of_its_parts_is_refused(key):
    state = batches().state_dict()
    del state[key]
    with pytest.raises(ValueError, match=f"a dict without '{key}'"):
        batches().load_state_dict(state)


def test_a_state_that_does_not_say_its_batch_size_is_loaded():
    stream, restored = batches(), batches(seed=99)
    next(stream)
    state = stream.state_dict()
    del state["batch_size"]
    restored.load_state_dict(state)
    assert numbers(restored, 9) == numbers(stream, 9)


def test_a_state_of_another_batch_size_is_refused():
    words = "the saved run has 4; got batch_size=3"
    with pytest.raises(ValueError, match=words):
        batches().load_state_dict(batches(batch_size=4).state_dict())


def test_one_batch_may_hold_all_images():
    assert sorted(numbers(batches(batch_size=10), 1)) == list(range(10))
