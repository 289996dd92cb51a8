"""Draw the picture at the top of README.md, with the module itself.

usage: python tools/book/readme_picture.py
"""

import io
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from PIL import Image

from diffusion_lessons import Guided, ddim_sample, load_pretrained
from diffusion_lessons.figures import show_images, use_style

PICTURE = Path(__file__).resolve().parents[2] / "book/_static/digits.png"
MOMENTS = [600, 300, 100, 0]
GREYS = 16  # enough for the eye, and a third of the bytes


def main() -> None:
    """Ten digits of 28 x 28 pixels, from noise to the end, in five rows."""
    use_style()
    net, digits = load_pretrained("mnist"), torch.arange(10)
    generator = torch.Generator().manual_seed(0)
    x_T = torch.randn(10, *net.shape, generator=generator)
    rows = {"t = 1000": x_T}
    for t, x, _ in ddim_sample(
        Guided(net.model, digits, net.null, scale=2.0),
        x_T,
        net.schedule,
        50,
        predicts=net.predicts,
    ):
        if t in MOMENTS:
            rows[f"t = {t}"] = x
    show_images(rows)
    drawn = io.BytesIO()
    plt.savefig(drawn, dpi=200)
    grey = Image.open(drawn).convert("L").quantize(GREYS)
    grey.save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
