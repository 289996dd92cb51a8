"""Real colour that needs no download: two photographs, cut up."""

from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import Count, FilePath, InputError, checked, images, whole

NAMES = ("china", "flower")  # in the order of their labels
SHRINK = 4  # pixels of the file to one of ours, along each side
Side = Annotated[int, whole(8, 96)]


def photographs() -> dict[str, Tensor]:
    """The two photographs inside scikit-learn, a quarter as wide.

    Returns {"china": …, "flower": …}, each (3, 106, 160) in [-1, 1].
    """
    from sklearn.datasets import load_sample_images

    found = load_sample_images()
    names = [Path(name).stem for name in found.filenames]
    both = dict(zip(names, found.images, strict=True))
    return {name: _shrunk(both[name]) for name in NAMES}


def _shrunk(pixels) -> Tensor:
    x = torch.tensor(pixels).permute(2, 0, 1).float() / 127.5 - 1
    return F.avg_pool2d(x, SHRINK)


@checked
def crops(
    photo: Annotated[Tensor, images],
    count: Count,
    side: Side,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Random squares of a photograph, no dull ones.

    Of each two places that are drawn, the one is taken where the pixels
    vary more: a sky would otherwise be most of it.

    photo: (C, H, W)    returns (count, C, side, side)
    """
    if photo.ndim != 3 or side > min(photo.shape[1:]):
        raise InputError(
            f"photo must be (C, H, W), at least {side} high and wide; got "
            f"{tuple(photo.shape)}"
        )
    pairs = _anywhere(photo, 2 * count, side, generator).unflatten(
        0, (count, 2)
    )
    livelier = pairs.flatten(2).std(2).argmax(1)
    return pairs[torch.arange(count), livelier]


def _anywhere(
    photo: Tensor, count: int, side: int, generator: torch.Generator | None
) -> Tensor:
    """Squares whose corners are drawn evenly, (count, C, side, side)."""
    places = photo.unfold(1, side, 1).unfold(2, side, 1)  # (C, Y, X, s, s)
    rows, columns = places.shape[1:3]
    y = torch.randint(rows, (count,), generator=generator)
    x = torch.randint(columns, (count,), generator=generator)
    return places[:, y, x].transpose(0, 1)


@checked
def photograph_crops(
    count: Annotated[int, whole(1)], side: Side = 16, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Crops of both photographs, *count* of each, one class each.

    Another *seed* cuts at other places of the same photographs.

    Returns images (2 count, 3, side, side) in [-1, 1], and labels, 0 for
    "china" and 1 for "flower", (2 count,) int64.
    """
    generator = torch.Generator().manual_seed(seed)
    cut = [
        crops(photo, count, side, generator)
        for photo in photographs().values()
    ]
    labels = torch.arange(len(cut)).repeat_interleave(count)
    return torch.cat(cut), labels


@checked
def write_crops(
    folder: FilePath, count: Count = 250, side: Side = 16, seed: int = 0
) -> None:
    """The same crops as a folder of PNG files, a subfolder per class."""
    from PIL import Image

    images, labels = photograph_crops(count, side, seed)
    pixels = ((images + 1) * 127.5).round().byte().movedim(1, -1).numpy()
    for i, label in enumerate(labels):
        place = folder / NAMES[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[i]).save(place / f"{i % count:05}.png")
