"""Samplers beside those of peers, and what a sampler itself costs."""

from collections.abc import Iterator
from itertools import product
from statistics import median
from time import perf_counter

import torch
from torch import nn

from diffusion_lessons import TimeUNet

from . import digits, mnist
from .budget import Options, Recipe
from .contestants import OURS, PEERS, STEPS
from .quality import draw
from .timing import medians, spoken, wait

COUNT = 64
ROUNDS = 5
BATCHES = (1, 16, 64)
ETAS = (0.0, 1.0)
NETWORKS = {8: digits.RECIPE, 28: mnist.RECIPE}  # by the side of its images


def rows(options: Options) -> Iterator[tuple[str, str, str]]:
    """What was measured, the times, the ratio."""
    for way in PEERS:
        pair = [
            (w, w.build(w.recipe.width).to(options.device).eval())
            for w in (OURS, way)
        ]
        ours, peer = medians(
            *(lambda w=w, m=m: w.sample(m, COUNT, 0) for w, m in pair),
            rounds=3,
        )
        name = f"{COUNT} digits in {STEPS} steps, TimeUNet : {way.name}"
        times = f"{spoken(ours)} : {spoken(peer)}"
        yield name, times, f"{ours / peer:.2f}"
    for side, recipe in NETWORKS.items():
        for count, eta in product(BATCHES, ETAS):
            share = _outside(count, side, recipe, eta, options.device)
            name = f"outside the network, {count}×1×{side}×{side}"
            yield f"{name}, DDIM with eta = {eta:g}", "", f"{share:.1%}"


class Timed:
    """A model that knows how long it has been at work."""

    def __init__(self, model: nn.Module):
        self.model, self.seconds = model, 0.0
        self.parameters = model.parameters

    def __call__(self, x, t):
        """The output of the model."""
        wait()
        start = perf_counter()
        output = self.model(x, t)
        wait()
        self.seconds += perf_counter() - start
        return output


def _outside(
    count: int,
    side: int,
    recipe: Recipe,
    eta: float,
    device: torch.device,
) -> float:
    """The share of a sampler's time that is not the network's."""
    network = TimeUNet(1, recipe.width, patch=recipe.patch)
    model = Timed(network.to(device).eval())
    recipe = Recipe(eta=eta, num_steps=STEPS)
    shares = []
    for _ in range(ROUNDS):
        model.seconds, start = 0.0, perf_counter()
        draw(model, (count, 1, side, side), recipe)
        wait()
        shares.append(1 - model.seconds / (perf_counter() - start))
    return median(shares)
