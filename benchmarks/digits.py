"""Time to digits: how good is a network after a minute on one core?"""

from collections.abc import Callable, Iterator
from statistics import mean

import torch
from torch import Tensor

from diffusion_lessons import TimeUNet

from .budget import Options, Recipe, train_within, v_loss
from .quality import Judge, draw

RECIPE = Recipe()  # with classes
RECIPE_UNCONDITIONAL = Recipe(lr=1e-2, batch_size=64, num_steps=100)
SEEDS = (0, 1, 2)
SETS = 3  # of samples from each network, for one set is a matter of luck


def middle_loss(model, x0, t, noise, schedule, **label) -> Tensor:
    """The simple loss for v, at steps nearer to the middle than *t*."""
    t = nearer_to_the_middle(t, schedule.num_steps)
    return v_loss(model, x0, t, noise, schedule, **label)


def nearer_to_the_middle(t: Tensor, num_steps: int) -> Tensor:
    """Even steps become logit-normal ones, Esser et al. (2024), 3.1.

    log(t / (T - t)) is then Gaussian, of mean 0 and deviation 1: less of a
    short training goes to pictures that are almost clean or almost noise.

    t: (B,) in 1..T    returns (B,) in 1..T
    """
    share = torch.special.ndtri((t - 0.5) / num_steps).sigmoid()
    return (share * num_steps).ceil().long()


def rows(options: Options) -> Iterator[tuple[str, str, str]]:
    """What was measured, the result, its distance in floors."""
    yield from contest(options, "digits", 500, 60, RECIPE, SEEDS)
    yield from contest(
        options,
        "digits",
        720,
        90,
        RECIPE_UNCONDITIONAL,
        SEEDS,
        classes=0,
        loss=middle_loss,
    )


def contest(
    options: Options,
    name: str,
    n: int,
    seconds: float,
    recipe: Recipe,
    seeds: tuple[int, ...],
    classes: int = 10,
    loss: Callable[..., Tensor] = v_loss,
) -> Iterator[tuple[str, str, str]]:
    """The floor, then a row for each seed of the training.

    Its results are the means over SETS sets of samples, each from another
    noise.
    """
    device = options.device
    judge = Judge(name, n, device)
    floor, std = judge.floor
    yield (
        f"{name}: real : real, n = {n}, mean and mean + 2 std",
        f"FD {floor:.2f}, {floor + 2 * std:.2f}",
        "1.00",
    )
    if classes:
        fair, spread = judge.fair()
        yield (
            f"  the same with {n // 10} of each class, mean ± std",
            f"FD {fair:.2f} ± {spread:.2f}",
            f"{fair / floor:.2f}",
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
            loss,
            seed=seed,
        )
        labels = torch.arange(n, device=device) % 10 if classes else None
        shape = (n, *judge.images.shape[1:])
        sets = [
            draw(trained.model, shape, recipe, labels, seed=SETS * seed + i)
            for i in range(SETS)
        ]
        distances = [judge.distance(images) for images in sets]
        lowest, highest = min(distances), max(distances)
        distance = mean(distances)
        result = f"FD {distance:.2f} ({lowest:.2f}–{highest:.2f})"
        if classes:
            right = mean(judge.accuracy(images, labels) for images in sets)
            result += f", accuracy {right:.3f}"
        kind = "class by class" if classes else "no classes"
        yield (
            f"  {kind}, seed {seed}, {trained.seconds:.0f} core-s, "
            f"{trained.steps} steps",
            result,
            f"{distance / floor:.2f}",
        )
