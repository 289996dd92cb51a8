"""Pictures side by side, as one file."""

import io
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from ..files import whole_file

SIDE = 56  # pixels, about, of an image in the picture


def write_png(path: Path, images: Tensor, columns: int) -> None:
    """A grid of images in [-1, 1] as a file, whole or not at all."""
    from torchvision.utils import make_grid, save_image

    larger = max(1, SIDE // images.shape[-1])
    images = F.interpolate((images + 1) / 2, scale_factor=larger)
    picture = io.BytesIO()
    images = F.pad(images, (0, 4, 0, 4), value=1.0)  # right and below
    grid = make_grid(images, columns, padding=0, pad_value=1.0)
    grid = F.pad(grid, (4, 0, 4, 0), value=1.0)  # and around, for one too
    save_image(grid, picture, format="png")
    with whole_file(path) as place:
        place.write_bytes(picture.getvalue())
