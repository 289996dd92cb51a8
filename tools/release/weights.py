"""Train the networks that come with the module, and write their weights.

usage: python tools/release/weights.py NAME [NAME ...]   or all, for each
       python tools/release/weights.py judge NAME [NAME ...]   measure again

Writes diffusion_lessons/weights/NAME.safetensors with where it comes from.
MNIST is read from $DIFFUSION_LESSONS_DATA, or downloaded.
"""

import math
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diffusion_lessons import (
    EMA,
    Batches,
    DigitClassifier,
    Guided,
    NoiseSchedule,
    TimeUNet,
    ddim_sample,
    diffusion_loss,
    features_and_labels,
    frechet_distance,
    frechet_floor,
    load_images,
    train,
)
from diffusion_lessons.pretrained import (
    load_classifier,
    load_pretrained,
    provenance,
    save_weights,
)
from diffusion_lessons.runs.photographs import photograph_crops

FOLDER = Path(__file__).resolve().parents[2] / "diffusion_lessons/weights"
DATA = {  # name: (what it is, how many to train on, how many to test on)
    "digits": ("the training part of scikit-learn's digits", 1077, 720),
    "mnist": ("the first 10,000 training digits of MNIST", 10_000, 5000),
    "photographs": ("crops of scikit-learn's two photographs", 8000, 4000),
}
COUNT = {  # of samples, to judge a network
    "digits": 360,
    "mnist": 400,
    "photographs": 200,
}
SCALES = {"digits": [1.0], "mnist": [1.0, 1.15, 1.3, 1.5]}  # of guidance
ENOUGH = 0.985  # accuracy that makes a scale the one


def images_of(name: str, train: bool = True) -> tuple[Tensor, Tensor]:
    """The images and labels that recipes train on, or hold out."""
    count = DATA[name][1 if train else 2]
    if name == "photographs":
        return photograph_crops(count // 2, seed=0 if train else 1)
    images, labels = load_images(name, train=train)
    return images[:count], labels[:count]


# Classifiers


def classifier(name: str, epochs: int, seed: int = 0) -> tuple:
    """A DigitClassifier trained on bent digits."""
    torch.manual_seed(seed)
    model = DigitClassifier()
    images, labels = images_of(name)
    batches = Batches(images, labels, batch_size=64, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    num_steps = epochs * len(images) // 64
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    lr_schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=3e-3, total_steps=num_steps, pct_start=0.1
    )
    for _ in range(num_steps):
        x, label = next(batches)
        loss = F.cross_entropy(model(bent(x, generator)), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        lr_schedule.step()
    return model, {"config": {"num_classes": 10}}


def bent(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image turned, slanted, resized and shifted a little."""

    def up_to(most: float) -> Tensor:
        u = torch.rand(len(images), generator=generator)
        return (2 * u - 1) * most

    angle, size = up_to(math.radians(12)), up_to(0.12).exp()
    across, down, slant = up_to(0.08), up_to(0.08), up_to(0.15)
    top = [size * angle.cos(), size * (slant - angle.sin()), across]
    bottom = [size * angle.sin(), size * angle.cos(), down]
    maps = torch.stack([torch.stack(top, 1), torch.stack(bottom, 1)], 1)
    grid = F.affine_grid(maps, images.shape, align_corners=False)
    paper = -1  # what comes in from outside
    moved = F.grid_sample(images - paper, grid, align_corners=False)
    return moved + paper


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images whose class is recognised."""
    found = features_and_labels(model, images).labels
    return (found == labels).double().mean().item()


# Networks that draw


def network(
    name: str,
    base_channels: int,
    patch: int,
    num_steps: int,
    decay: float,
    seed: int = 0,
) -> tuple:
    """A TimeUNet that knows the classes, its weights averaged."""
    torch.manual_seed(seed)
    images, labels = images_of(name)
    config = {"base_channels": base_channels, "patch": patch}
    config |= {"in_channels": images.shape[1]}
    config |= {"num_classes": len(labels.unique())}
    model, schedule = TimeUNet(**config), NoiseSchedule.cosine(1000)
    ema = EMA(model, decay)
    for step in train(
        model,
        Batches(images, labels, batch_size=32, seed=seed),
        schedule,
        num_steps=num_steps,
        lr=2e-3,
        warmup=100,
        p_uncond=0.1,
        seed=seed,
        loss=partial(diffusion_loss, predicts="v"),
    ):
        ema.update(model)
        if step.step % 1000 == 0:
            print(f"{name}: step {step.step} of {num_steps}", flush=True)
    known = {"config": config, "schedule": "cosine", "num_steps": 1000}
    known |= {"predicts": "v", "shape": images.shape[1:]}
    known |= {"training_steps": num_steps}
    return ema.model, known


# How good they are


def judged(name: str, model: nn.Module) -> dict:
    """What is measured of a classifier or a network with its weights."""
    data = name.split("_")[0]
    if name == "photographs":
        return coloured(name, model)
    if name != data:
        images, labels = images_of(data, train=False)
        return {"accuracy": accuracy(model, images, labels)}
    for scale in SCALES[name]:  # the first that is enough
        found = compared(name, model, scale, half=0, seeds=(0, 1, 2))
        print(f"{name}: choosing, scale {scale}: {found}", flush=True)
        if found["accuracy"] >= ENOUGH:
            break
    return compared(name, model, scale, half=1, seeds=(3, 4, 5))


def coloured(name: str, model: nn.Module) -> dict:
    """How far the colours of samples are from those of other crops.

    The features are the mean colours of 4 x 4 squares; no classifier is
    needed, and none would know what a photograph is.
    """
    seen, unseen = (
        F.adaptive_avg_pool2d(images_of(name, train)[0], 4).flatten(1)
        for train in (True, False)
    )
    label = torch.arange(COUNT[name]) % model.num_classes
    told = Guided(model, label, model.null_label, 1.0)
    distance = []
    for seed in (0, 1, 2):
        generator = torch.Generator().manual_seed(seed)
        shape = (len(label), *images_of(name)[0].shape[1:])
        noise = torch.randn(shape, generator=generator)
        *_, last = ddim_sample(
            told, noise, NoiseSchedule.cosine(1000), 25, predicts="v"
        )
        found = F.adaptive_avg_pool2d(last.x, 4).flatten(1)
        chosen = torch.randperm(len(unseen), generator=generator)
        chosen = unseen[chosen[: len(label)]]
        distance.append(frechet_distance(found, chosen).item())
    floor = frechet_floor(seen, unseen, len(label))
    return {
        "samples": f"{len(label)}, 25 steps, eta 0, scale 1",
        "frechet": round(sum(distance) / len(distance), 3),
        "frechets": [round(x, 3) for x in distance],
        "floor": round(floor.mean, 3),
        "floor_std": round(floor.std, 3),
    }


def compared(
    name: str, model: nn.Module, scale: float, half: int, seeds: tuple
) -> dict:
    """Samples of all classes beside as many real images of one half.

    The held-out images have two halves: one to choose a scale with, and
    one to report on, with noise that had no say in the choice.
    """
    reader, schedule = load_classifier(name), NoiseSchedule.cosine(1000)
    seen, unseen = (
        features_and_labels(reader, images_of(name, train)[0]).features
        for train in (True, False)
    )
    unseen = unseen.chunk(2)[half]
    label = torch.arange(COUNT[name]) % 10
    model = Guided(model, label, model.null_label, scale)
    shape = (len(label), *images_of(name)[0].shape[1:])
    right, distance = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        *_, last = ddim_sample(
            model,
            torch.randn(shape, generator=generator),
            schedule,
            50,
            eta=1.0,
            predicts="v",
            generator=generator,
        )
        found = features_and_labels(reader, last.x)
        chosen = torch.randperm(len(unseen), generator=generator)
        chosen = unseen[chosen[: len(label)]]
        right.append((found.labels == label).double().mean().item())
        distance.append(frechet_distance(found.features, chosen).item())
    floor = frechet_floor(seen, unseen, len(label))
    return {
        "samples": f"{len(label)}, 50 steps, eta 1, scale {scale}",
        "seeds": seeds,
        "accuracy": round(sum(right) / len(right), 3),
        "accuracies": [round(x, 4) for x in right],
        "frechet": round(sum(distance) / len(distance), 2),
        "frechets": [round(x, 2) for x in distance],
        "floor": round(floor.mean, 2),
        "floor_std": round(floor.std, 2),
    }


# All recipes: () -> (model, how to build it); classifiers first, for they
# judge the networks


RECIPES: dict[str, Callable[[], tuple[nn.Module, dict]]] = {
    "digits_classifier": lambda: classifier("digits", epochs=150),
    "mnist_classifier": lambda: classifier("mnist", epochs=25),
    "digits": lambda: network("digits", 16, 1, 3500, decay=0.995),
    "mnist": lambda: network("mnist", 40, 2, 16_000, decay=0.999),
    "photographs": lambda: network("photographs", 24, 1, 5000, decay=0.999),
}


def rounded(model: nn.Module) -> nn.Module:
    """The model as a reader will load it, rounded to half precision."""
    return model.half().float().eval()


def make(name: str, seed: int = 0) -> None:
    """Train one, measure it, and write its file."""
    start = time.process_time()
    model, known = RECIPES[name]()
    known |= {
        "command": f"python tools/release/weights.py {name}",
        "data": DATA[name.split("_")[0]][0],
        "seconds": round(time.process_time() - start),
        "seed": seed,
        "torch": torch.__version__.split("+")[0],
    }
    write(name, rounded(model), known)


def judge(name: str) -> None:
    """Measure one that is there, and write what was found into its file."""
    data = name.split("_")[0]
    model = (
        load_pretrained(name).model
        if name == data
        else load_classifier(data)
    )
    write(name, model, provenance(name))


def write(name: str, model: nn.Module, known: dict) -> None:
    """Measure a model, tell, and write its file."""
    known |= {"metrics": judged(name, model)}
    save_weights(FOLDER / f"{name}.safetensors", model, known)
    print(f"{name}: {known['metrics']}, {known['seconds']} s", flush=True)


def main(names: list[str]) -> int:
    """Make, or only judge, what is named."""
    do = judge if names[:1] == ["judge"] else make
    names = names[1:] if do is judge else names
    names = list(RECIPES) if names == ["all"] else names
    if not names or not set(names) <= set(RECIPES):
        print(f"{__doc__}\nNAME: {', '.join(RECIPES)}", file=sys.stderr)
        return 2
    torch.set_num_threads(1)  # the same bits on the same machine
    for name in names:
        do(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
