"""Peers on the same digits, the same seconds, judged by the same eye.

No classes: not every peer has them. Each was tuned with as many runs as
ours: `python -m benchmarks tuning` measures what contestants.py lists.
"""

from collections.abc import Iterator
from statistics import mean, stdev

import torch

from .budget import Options, Recipe, train_within
from .contestants import OURS, PEERS, Contestant
from .quality import Judge

N = 500
SECONDS = 60
SEEDS = (0, 1, 2)
LONGER = (2, 4, 10)  # times as long, until a peer is as good as ours

Row = tuple[str, str, str]


def rows(options: Options) -> Iterator[Row]:
    """FD above the floor beside ours, then the time to be as good."""
    judge = Judge("digits", N, options.device)
    floor = judge.floor.mean
    seconds = options.seconds or SECONDS
    name = f"digits, no classes, FD at n = {N}: real : real"
    yield name, f"{floor:.2f} ± {judge.floor.std:.2f}", ""
    ours = None
    for way in (OURS, *PEERS):
        found = [run(judge, way, seconds, seed) for seed in SEEDS]
        distance = mean(fd for fd, _ in found)
        spread = stdev(fd for fd, _ in found)
        ours = ours or distance
        above = (distance - floor) / max(ours - floor, judge.floor.std)
        yield (
            f"  {way.name}, {seconds:.0f} core-s, {found[0][1]} steps",
            f"{distance:.2f} ± {spread:.2f}",
            f"{above:.1f}",
        )
    for way in PEERS:
        yield (
            f"  {way.name} is as good after",
            _reach(judge, way, seconds, ours),
            "",
        )


def tuning(options: Options) -> Iterator[Row]:
    """Every recipe of every way, once."""
    judge = Judge("digits", N, options.device)
    for way in (OURS, *PEERS):
        for recipe, _ in way.tried:
            seconds = options.seconds or SECONDS
            distance, steps = run(judge, way, seconds, 0, recipe)
            yield (
                f"  {way.name}, width {recipe.width}, lr {recipe.lr:g}, "
                f"batch {recipe.batch_size}, {steps} steps",
                f"FD {distance:.2f}",
                "",
            )


def run(
    judge: Judge,
    way: Contestant,
    seconds: float,
    seed: int,
    recipe: Recipe | None = None,
) -> tuple[float, int]:
    """Train and draw: (FD, number of steps)."""
    recipe = recipe or way.recipe
    torch.manual_seed(seed)
    model = way.build(recipe.width).to(judge.real.device)
    trained = train_within(
        seconds, model, judge.images, None, recipe, way.loss, seed=seed
    )
    images = way.sample(trained.model, N, seed)
    return judge.distance(images), trained.steps


def _reach(
    judge: Judge, way: Contestant, seconds: float, ours: float
) -> str:
    """The first of the longer budgets with which *way* is as good."""
    for times in LONGER:
        if run(judge, way, times * seconds, 0)[0] <= ours:
            return f"{times * seconds:.0f} core-s"
    return f"over {LONGER[-1] * seconds:.0f} core-s"
