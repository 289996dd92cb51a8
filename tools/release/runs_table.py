"""Measure what chapter 13 says of many runs, and write its tables.

python tools/release/runs_table.py [switches] [copying] [fine_tuning]

Trains small networks on crops of photographs: each habit of training
switched once, with three seeds; on 50, 500 and 5,000 pictures; and from
the shipped weights on few pictures of another photograph. Writes
diffusion_lessons/runs/measured.json; a part that is not named stays.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import cbook
from PIL import Image
from torch import Tensor, nn

from diffusion_lessons import (
    Batches,
    NoiseSchedule,
    TimeUNet,
    ddim_sample,
    diffusion_loss,
    frechet_distance,
    load_pretrained,
    nearest_ratio,
    q_sample,
    target,
    train,
)
from diffusion_lessons.files import whole_file
from diffusion_lessons.runs.photographs import crops, photograph_crops

OUT = Path(__file__).parents[2] / "diffusion_lessons/runs/measured.json"
SCHEDULE = NoiseSchedule.cosine(1000)
SEEDS = (0, 1, 2)
OTHERS = 99  # the seed of the crops that no run is trained on
LOSS = partial(diffusion_loss, predicts="v")


@dataclass(frozen=True)
class Run:
    """What is chosen before a run; the rest is the same for all."""

    pictures: int = 200
    base_channels: int = 16
    steps: int = 500
    batch: int = 32
    lr: float = 3e-3
    warmup: int = 50
    ema: float = 0.99
    flips: bool = False
    seed: int = 0


class Mirrored(Batches):
    """Batches of which every picture is mirrored half of the time."""

    def __next__(self) -> tuple[Tensor, Tensor | None]:
        x, label = super().__next__()
        chosen = torch.rand(len(x), generator=self._generator) < 0.5
        return torch.where(chosen[:, None, None, None], x.flip(3), x), label


def trained(run: Run, x: Tensor, label: Tensor | None, model=None):
    """(live, averaged) networks of a run, from new or given weights."""
    torch.manual_seed(run.seed)
    model = model or TimeUNet(3, run.base_channels, 2)
    kind = Mirrored if run.flips else Batches
    *_, last = train(
        model,
        kind(x, label, batch_size=run.batch, seed=run.seed),
        SCHEDULE,
        loss=LOSS,
        num_steps=run.steps,
        lr=run.lr,
        warmup=run.warmup,
        ema=run.ema,
        seed=run.seed,
    )
    return model.eval(), last.state.ema.model


@torch.no_grad()
def held_loss(model: nn.Module, x: Tensor, label: Tensor | None) -> float:
    """The loss for v at eight t, with the same noise for every network."""
    generator = torch.Generator().manual_seed(OTHERS)
    told = () if label is None else (label,)
    total = 0.0
    for t in range(50, 1000, 125):
        noise = torch.randn(x.shape, generator=generator)
        xt = q_sample(x, t, noise, SCHEDULE)
        wanted = target("v", x, noise, t, SCHEDULE)
        output = model(xt, torch.full((len(x),), t), *told)
        total += F.mse_loss(output, wanted).item() / 8
    return total


def sampled(model: nn.Module, label: Tensor, seed: int) -> Tensor:
    """One sample for each label, 25 steps of DDIM."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(label), 3, 16, 16, generator=generator)
    told = lambda x, t: model(x, t, label)  # noqa: E731
    *_, last = ddim_sample(told, noise, SCHEDULE, 25, predicts="v")
    return last.x


def colours(x: Tensor) -> Tensor:
    """The mean colours of 4 x 4 squares, (N, 48)."""
    return F.adaptive_avg_pool2d(x, 4).flatten(1)


# Each habit switched once


SWITCHES = {
    "as it is": Run(),
    "no warm-up": Run(warmup=0),
    "batch 128": Run(batch=128, steps=125, warmup=12),
    "batch 128, lr x 2": Run(batch=128, steps=125, warmup=12, lr=6e-3),
    "batch 128, lr x 4": Run(batch=128, steps=125, warmup=12, lr=12e-3),
    "with flips": Run(flips=True),
}


def switches() -> dict:
    """Loss on other crops, and distance of colours, three seeds each."""
    x, label = photograph_crops(300, seed=OTHERS)
    found = {name: [] for name in ("no average", *SWITCHES)}
    for name, run in SWITCHES.items():
        for seed in SEEDS:
            own = photograph_crops(run.pictures // 2, seed=seed)
            live, averaged = trained(replace(run, seed=seed), *own)
            found[name].append(judged(averaged, x, label, seed))
            if name == "as it is":
                found["no average"].append(judged(live, x, label, seed))
            print(name, seed, found[name][-1], flush=True)
    return {"run": asdict(Run()), "found": found}


def judged(model: nn.Module, x: Tensor, label: Tensor, seed: int) -> dict:
    """How good it is on crops that it was not trained on."""
    drawn = sampled(model, label[::3], seed)
    return {
        "loss": held_loss(model, x, label),
        "frechet": frechet_distance(colours(drawn), colours(x)).item(),
    }


# How many pictures


def copying() -> list[dict]:
    """50, 500 and 5,000 pictures: new samples, or copies?"""
    found = []
    for pictures in (50, 500, 5000):
        run = Run(pictures, 16, 800, lr=2e-3)
        own, label = photograph_crops(pictures // 2, seed=0)
        others, _ = photograph_crops(pictures // 2, seed=OTHERS)
        _, model = trained(run, own, label)
        new, new_label = photograph_crops(250, seed=OTHERS + 1)
        drawn = sampled(model, new_label[::2], 0)
        ratio = nearest_ratio(drawn, own, others)
        some = torch.linspace(0, pictures - 1, min(pictures, 500)).long()
        found.append(
            asdict(run)
            | {
                "samples": len(ratio),
                "ratio": ratio.median().item(),
                "nearer": (ratio < 1).double().mean().item(),
                "copies": (ratio < 0.5).double().mean().item(),
                "own_loss": held_loss(model, own[some], label[some]),
                "other_loss": held_loss(model, new, new_label),
            }
        )
        print(found[-1], flush=True)
    return found


# From shipped weights


def portrait() -> Tensor:
    """The photograph inside matplotlib, a quarter as wide."""
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        pixels = torch.tensor(np.asarray(Image.open(file)))
    return F.avg_pool2d(pixels.permute(2, 0, 1) / 127.5 - 1, 4)


def fine_tuning() -> dict:
    """Few pictures of another photograph, from shipped weights and new."""
    photo = portrait()
    generator = torch.Generator().manual_seed(OTHERS)
    new = crops(photo, 300, 16, generator)
    shipped = load_pretrained("photographs").model
    rows = []
    for pictures in (10, 50, 250):
        for steps in (150,):
            rows.append({"pictures": pictures, "steps": steps})
            for start, lr in (("shipped", 1e-3), ("random", 2e-3)):
                run = Run(pictures, 24, steps, 10, lr, 10)
                rows[-1][start] = tuned(run, start, photo, new)
            print(rows[-1], flush=True)
    return {"before": held_loss(shipped, new, None), "rows": rows}


def tuned(run: Run, start: str, photo: Tensor, new: Tensor) -> list[float]:
    """The loss on other crops of the photograph, for each seed."""
    losses = []
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        own = crops(photo, run.pictures, 16, generator)
        model = load_pretrained("photographs").model
        if start == "random":
            torch.manual_seed(seed)
            model = TimeUNet(3, run.base_channels, 2)
        _, averaged = trained(replace(run, seed=seed), own, None, model)
        losses.append(held_loss(averaged, new, None))
    return losses


PARTS: dict[str, Callable] = {
    "switches": switches,
    "copying": copying,
    "fine_tuning": fine_tuning,
}


def main(names: list[str]) -> int:
    """Measure what is named, or all, and write."""
    if not set(names) <= set(PARTS):
        print(__doc__, file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    for name in names or PARTS:
        start = process_time()
        part = {
            "command": f"python tools/release/runs_table.py {name}",
            "found": PARTS[name](),
            "cpu_seconds": round(process_time() - start),
            "torch": torch.__version__.split("+")[0],
        }
        write(name, part)
    return 0


def write(name: str, part: dict) -> None:
    """Put one part in its place; the others stay."""
    kept = json.loads(OUT.read_text("utf-8")) if OUT.exists() else {}
    text = json.dumps(kept | {name: part}, indent=1, sort_keys=True)
    with whole_file(OUT) as place:
        place.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
