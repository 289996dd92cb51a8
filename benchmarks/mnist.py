"""Time to digits of 28x28 pixels: 200 core-seconds on MNIST."""

from collections.abc import Iterator

from diffusion_lessons.data import data_root

from .budget import Options, Recipe
from .digits import contest, middle_loss

RECIPE = Recipe(width=32, patch=2, lr=3e-3, scale=1.75, num_steps=100)
SEEDS = (0, 1, 2)


def rows(options: Options) -> Iterator[tuple[str, str, str]]:
    """What was measured, the result, its distance in floors."""
    if not (data_root() / "MNIST" / "raw").is_dir():
        where = "$DIFFUSION_LESSONS_DATA has no MNIST: not measured"
        yield where, "", ""
        return
    yield from contest(
        options, "mnist", 400, 200, RECIPE, SEEDS, loss=middle_loss
    )
