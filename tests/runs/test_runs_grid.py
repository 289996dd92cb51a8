"""Pictures side by side in one file, each as it is."""

import pytest
import torch
from drawn import in_colour, picture

from diffusion_lessons.runs.grid import write_png


def test_a_single_digit_has_its_frame_too(tmp_path):
    write_png(tmp_path / "a.png", -torch.ones(1, 1, 56, 56), 10)
    drawn = picture(tmp_path / "a.png")
    assert drawn.shape == (64, 64)
    assert (drawn[4:60, 4:60] == 0).all()
    assert drawn.float().sum() == 255 * (64 * 64 - 56 * 56)


def test_a_row_that_is_not_full_is_white_to_its_end(tmp_path):
    images = -torch.ones(12, 1, 56, 56)
    write_png(tmp_path / "a.png", images, 10)
    drawn = picture(tmp_path / "a.png")
    assert drawn.shape == (124, 604)
    assert (drawn[64:120, 4:120] == 0).sum() == 2 * 56 * 56
    assert (drawn[60:, 124:] == 255).all()


@pytest.mark.parametrize(("side", "times"), [(28, 2), (56, 1), (64, 1)])
def test_an_image_is_enlarged_by_whole_numbers_or_not_at_all(
    side, times, tmp_path
):
    images, wide = torch.rand(2, 1, side, side) * 2 - 1, side * times
    write_png(tmp_path / "a.png", images, 1)
    drawn = picture(tmp_path / "a.png")
    assert drawn.shape == (2 * wide + 12, wide + 8)
    first = drawn[4 : wide + 4 : times, 4:-4:times]
    assert (first - (images[0, 0] + 1) * 127.5).abs().max() <= 1


def test_colours_stay_as_they_are(tmp_path):
    """Red, green and blue, each in its place, 56 x 56 pixels."""
    images = -torch.ones(3, 3, 56, 56)
    for i in range(3):
        images[i, i] = 1
    write_png(tmp_path / "a.png", images, 3)
    drawn = in_colour(tmp_path / "a.png")
    assert drawn.shape == (3, 64, 184)
    for i, left in enumerate([4, 64, 124]):
        place = drawn[:, 4:60, left : left + 56]
        expected = torch.zeros(3, 56, 56, dtype=torch.uint8)
        expected[i] = 255
        assert torch.equal(place, expected)
