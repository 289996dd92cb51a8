"""The nearest training image is found, and a copy is one."""

import pytest
import torch
from torch.testing import assert_close

from diffusion_lessons import nearest, nearest_ratio


def test_the_nearest_image_is_found_beyond_a_chunk():
    train = torch.randn(1500, 1, 4, 4)
    x = torch.cat([torch.randn(1001, 1, 4, 4), train[[1400, 3]]])
    found = nearest(x, train)
    assert found.index[-2:].tolist() == [1400, 3]
    assert found.distance[-2:].tolist() == [0, 0]
    apart = torch.cdist(
        x[:5].flatten(1).double(), train.flatten(1).double()
    )
    assert torch.equal(found.index[:5], apart.argmin(1))
    assert_close(found.distance[:5], apart.amin(1))


def test_a_large_set_is_the_same_in_pieces(monkeypatch):
    x, train = torch.randn(40, 3), torch.randn(50, 3)
    at_once = nearest(x, train)
    monkeypatch.setattr("diffusion_lessons.copies.CHUNK", 7)
    assert all(map(torch.equal, nearest(x, train), at_once))


def test_a_copy_has_ratio_0_and_half_of_new_images_are_below_1():
    train, held_out, new = torch.randn(3, 200, 2)
    assert nearest_ratio(train[:9], train, held_out).tolist() == [0] * 9
    below = (nearest_ratio(new, train, held_out) < 1).double().mean()
    assert 0.35 < below < 0.65
    with pytest.raises(ValueError, match="equally many"):
        nearest_ratio(new, train, held_out[:50])


@pytest.mark.parametrize("shape", [(5,), (1, 6, 6)])
def test_every_pixel_counts_and_the_nearest_is_the_one_by_hand(shape):
    x, train = torch.randn(9, *shape), torch.randn(30, *shape)
    gaps = (x[:, None] - train).double().flatten(2).norm(dim=2)
    distance, index = nearest(x, train)
    assert torch.equal(index, gaps.argmin(1))
    assert_close(distance, gaps.amin(1))
    with pytest.raises(ValueError, match="two sets must have shapes"):
        nearest(x, train.flatten(1)[:, 1:])


def test_the_ratio_is_the_distance_to_trained_over_held_out():
    x, train, held_out = torch.tensor([0.0, 1, -4]).view(3, 1, 1)
    assert nearest_ratio(x, train, held_out).item() == 0.25
    assert nearest_ratio(x, held_out, train).item() == 4
    assert nearest_ratio(train, train, train).item() == 1


def test_without_a_training_image_there_is_no_nearest():
    with pytest.raises(ValueError, match="train must be at least one im"):
        nearest(torch.randn(3, 4), torch.zeros(0, 4))
