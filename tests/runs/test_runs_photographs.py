"""Two photographs in colour, and the squares that are cut from them."""

import pytest
import torch
from sklearn.datasets import load_sample_image

from diffusion_lessons.runs.photographs import (
    NAMES,
    crops,
    photograph_crops,
    photographs,
    write_crops,
)
from diffusion_lessons.runs.pictures import open_pictures


def test_a_photograph_is_sklearns_a_quarter_as_wide():
    for name, photo in photographs().items():
        pixels = torch.tensor(load_sample_image(f"{name}.jpg")).double()
        square = pixels[8:12, 20:24].mean((0, 1)) / 127.5 - 1
        torch.testing.assert_close(photo[:, 2, 5].double(), square)
        assert photo.shape == (3, 106, 160)
    assert tuple(photographs()) == NAMES


def places(photo, found):
    """Where each crop stands in the photograph, (y, x)."""
    side = found.shape[-1]
    cut = photo.unfold(1, side, 1).unfold(2, side, 1)
    for x in found:
        same = (cut == x[:, None, None]).all(-1).all(-1).all(0)
        ((y, x),) = same.nonzero().tolist()
        yield y, x


def test_crops_are_squares_of_the_photograph_from_everywhere():
    photo = torch.randn(3, 20, 30)
    found = crops(photo, 400, 9, torch.Generator().manual_seed(0))
    assert found.shape == (400, 3, 9, 9)
    y, x = map(set, zip(*places(photo, found), strict=True))
    assert y == set(range(12))
    assert x == set(range(22))


def test_of_two_places_the_livelier_is_taken():
    photo = torch.zeros(1, 8, 400)
    photo[:, :, 200:] = torch.randn(1, 8, 200)
    found = crops(photo, 2000, 8, torch.Generator().manual_seed(0))
    dull = (found.flatten(1).std(1) == 0).double().mean()
    assert dull == pytest.approx((193 / 393) ** 2, abs=0.03)


def test_a_photograph_of_one_square_gives_that_square():
    photo = torch.randn(3, 8, 8)
    assert torch.equal(crops(photo, 2, 8), torch.stack([photo, photo]))


@pytest.mark.parametrize("shape", [(3, 7, 20), (3, 20, 7), (20, 20)])
def test_what_is_too_small_for_a_square_is_refused(shape):
    with pytest.raises(ValueError, match="at least 8 high and wide"):
        crops(torch.zeros(shape), 2, 8)


def test_both_photographs_are_cut_and_named():
    images, labels = photograph_crops(30, 12)
    assert images.shape == (60, 3, 12, 12)
    assert labels.tolist() == [0] * 30 + [1] * 30
    for label, photo in enumerate(photographs().values()):
        assert len(list(places(photo, images[labels == label]))) == 30


def test_a_seed_gives_the_same_crops_and_another_others():
    one, same, other = (photograph_crops(9, seed=s)[0] for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(
        photograph_crops(9)[0], photograph_crops(9, 16, 0)[0]
    )


def test_a_folder_of_crops_holds_the_same_pictures(tmp_path):
    for _ in range(2):  # the second time they are the same files
        write_crops(tmp_path, 12, 16, seed=3)
    store = open_pictures(tmp_path, 16)
    images, labels = photograph_crops(12, 16, seed=3)
    found = store.images(range(len(store)))
    torch.testing.assert_close(found, images, rtol=0, atol=1.001 / 255)
    assert torch.equal(store.labels, labels)
    assert store.classes == NAMES
