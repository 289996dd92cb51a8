"""Samples beside real images: Fréchet distance, its floor, accuracy."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from diffusion_lessons import (
    Guided,
    ddim_sample,
    features_and_labels,
    frechet_distance,
    frechet_floor,
    load_classifier,
    load_images,
    of_each_class,
)

from .budget import SCHEDULE, Recipe

CHUNK = 100  # images that are drawn at a time


class Judge:
    """Measures sets of *n* images against *n* held-out real ones.

    ``floor`` is what real training images would get: mean and standard
    deviation of their distance to the held-out ones, at the same n.
    """

    def __init__(
        self, name: str, n: int, device: torch.device, most: int = 10_000
    ):
        self.n = n
        self.classifier = load_classifier(name).to(device)
        self.images, self.labels = (
            part[:most] for part in load_images(name)
        )
        seen, unseen = (
            features_and_labels(self.classifier, images.to(device)).features
            for images in (self.images, load_images(name, train=False)[0])
        )
        self.floor = frechet_floor(seen, unseen, n)
        seeded = torch.Generator().manual_seed(0)
        chosen = torch.randperm(len(unseen), generator=seeded)[:n]
        self.real = unseen[chosen.to(device)]

    def distance(self, images: Tensor) -> float:
        """Fréchet, in the features of the classifier."""
        found = features_and_labels(self.classifier, images)
        return frechet_distance(found.features, self.real).item()

    def fair(self, draws: int = 30) -> tuple[float, float]:
        """The floor for equal classes: n/10 real training images of each.

        Mean and standard deviation over random draws.
        """
        generator = torch.Generator().manual_seed(0)
        found = []
        for _ in range(draws):
            chosen = of_each_class(self.labels, self.n // 10, generator)
            images = self.images[chosen].to(self.real.device)
            found.append(self.distance(images))
        found = torch.tensor(found)
        return found.mean().item(), found.std().item()

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """The share of images that are read as what was asked for."""
        found = features_and_labels(self.classifier, images).labels
        return (found == labels).double().mean().item()


@torch.no_grad()
def draw(
    model: nn.Module,
    shape: tuple[int, ...],
    recipe: Recipe,
    labels: Tensor | None = None,
    *,
    seed: int = 0,
) -> Tensor:
    """Images of *shape* (N, …) with DDIM from a network that predicts v."""
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    x_T = torch.randn(shape, generator=generator).to(device)

    def parts() -> Iterator[Tensor]:
        for start in range(0, len(x_T), CHUNK):
            guided = model
            if labels is not None:
                label = labels[start : start + CHUNK]
                null = model.null_label
                guided = Guided(model, label, null, recipe.scale)
            *_, last = ddim_sample(
                guided,
                x_T[start : start + CHUNK],
                SCHEDULE.to(device),
                recipe.num_steps,
                eta=recipe.eta,
                predicts="v",
                generator=generator,
            )
            yield last.x

    return torch.cat(list(parts()))
