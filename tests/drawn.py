"""What was drawn, read back from its file."""

import torch
from PIL import Image


def picture(path):
    """A grey picture as a tensor in 0..255, (H, W)."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        grey = image.convert("L")
        values = torch.tensor(list(grey.tobytes()), dtype=torch.uint8)
        return values.view(grey.height, grey.width)


def in_colour(path):
    """A picture as a tensor in 0..255, (3, H, W)."""
    with Image.open(path) as image:
        values = list(image.convert("RGB").tobytes())
        colours = torch.tensor(values, dtype=torch.uint8)
        return colours.view(image.height, image.width, 3).permute(2, 0, 1)
