"""Time to digits: how good is a network after a minute on one core?"""

from collections.abc import Iterator
from functools import partial

import torch

from diffusion_lessons import TimeUNet, diffusion_loss

from .budget import Options, Recipe, train_within
from .quality import Judge, draw

RECIPE = Recipe()  # with classes
RECIPE_UNCONDITIONAL = Recipe(lr=6e-3)
SEEDS = (0, 1, 2)


def rows(options: Options) -> Iterator[tuple[str, str, str]]:
    """What was measured, the result, its distance in floors."""
    yield from contest(options, "digits", 500, 60, RECIPE, SEEDS)
    yield from contest(
        options, "digits", 720, 90, RECIPE_UNCONDITIONAL, SEEDS, classes=0
    )


def contest(
    options: Options,
    name: str,
    n: int,
    seconds: float,
    recipe: Recipe,
    seeds: tuple[int, ...],
    classes: int = 10,
) -> Iterator[tuple[str, str, str]]:
    """The floor, then a row for each seed of the training."""
    device = options.device
    judge = Judge(name, n, device)
    mean, std = judge.floor
    yield (
        f"{name}: real : real, n = {n}, mean and mean + 2 std",
        f"FD {mean:.2f}, {mean + 2 * std:.2f}",
        "1.00",
    )
    if classes:
        fair, spread = judge.fair()
        yield (
            f"  the same with {n // 10} of each class, mean ± std",
            f"FD {fair:.2f} ± {spread:.2f}",
            f"{fair / mean:.2f}",
        )
    for seed in seeds:
        torch.manual_seed(seed)
        model = TimeUNet(1, recipe.width, classes, recipe.patch).to(device)
        trained = train_within(
            options.seconds or seconds,
            model,
            judge.images,
            judge.labels if classes else None,
            recipe,
            partial(diffusion_loss, predicts="v"),
            seed=seed,
        )
        labels = torch.arange(n, device=device) % 10 if classes else None
        shape = (n, *judge.images.shape[1:])
        images = draw(trained.model, shape, recipe, labels, seed=seed)
        distance = judge.distance(images)
        result = f"FD {distance:.2f}"
        if classes:
            result += f", accuracy {judge.accuracy(images, labels):.3f}"
        kind = "class by class" if classes else "no classes"
        yield (
            f"  {kind}, seed {seed}, {trained.seconds:.0f} core-s, "
            f"{trained.steps} steps",
            result,
            f"{distance / mean:.2f}",
        )
