"""Draw the picture at the top of README.md, with the module itself.

usage: python tools/book/readme_picture.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
import torch

from diffusion_lessons import NoiseSchedule, load_images, q_chain
from diffusion_lessons.figures import show_images, use_style

PICTURE = Path(__file__).resolve().parents[2] / "book/_static/chain.png"


def main() -> None:
    """Three digits, from clean to noise, in ten moments."""
    use_style()
    digits, labels = load_images("digits")
    generator = torch.Generator().manual_seed(0)
    chain = q_chain(digits[3:6], NoiseSchedule.linear(1000), generator)
    moments = [0, 40, 80, 120, 180, 250, 350, 500, 700, 1000]
    rows = {f"a {labels[3 + i]}": chain[moments, i] for i in range(3)}
    show_images(rows, [f"t = {t}" for t in moments])
    plt.savefig(PICTURE, dpi=200)


if __name__ == "__main__":
    main()
