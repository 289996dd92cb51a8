"""Train the same network as v-diffusion and as a flow, and compare.

python tools/release/flow_table.py

For each of three seeds: a network of v, a flow, a flow with logit-normal
times, and the flow once more on its own pairs (reflow). All have the same
layers, first weights, batches, noise and number of steps. Writes
diffusion_lessons/flow_measured.json: the Fréchet distance of their digits
to held-out ones, for each number of calls of the network.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from time import process_time

import torch
from torch import Tensor, nn
from weights import averaged, images_of

from diffusion_lessons import (
    Batches,
    Guided,
    InSteps,
    NoiseSchedule,
    TimeUNet,
    as_flow,
    ddim_timesteps,
    diffusion_loss,
    features_and_labels,
    flow_loss,
    flow_sample,
    flow_times,
    frechet_distance,
    frechet_floor,
    load_classifier,
    logit_normal_times,
    reflow_loss,
    reflow_pairs,
    time_at,
    train,
)
from diffusion_lessons.files import whole_file

OUT = Path(__file__).parents[2] / "diffusion_lessons/flow_measured.json"
SEEDS = (0, 1, 2)
STEPS, DECAY = 2000, 0.995
AGAIN, PAIRS = 1500, 3000  # steps and pairs of a reflow
CALLS = (1, 2, 4, 8, 16, 32)
COUNT = 720  # samples, beside as many held-out digits
SCHEDULE = NoiseSchedule.cosine(1000)
LABEL = torch.arange(COUNT) % 10


def network(seed: int) -> TimeUNet:
    """That of weights.py, with the same first weights for a seed."""
    torch.manual_seed(seed)
    return TimeUNet(1, 16, num_classes=10)


def diffusion(seed: int, steps: int = STEPS) -> nn.Module:
    """A network of v, with the cosine schedule."""
    loss = partial(diffusion_loss, predicts="v")
    return averaged("digits", network(seed), loss, steps, DECAY, seed)


def flow(seed: int, times: Callable | None, steps: int = STEPS) -> InSteps:
    """A flow, with times that are even or not."""
    model, loss = InSteps(network(seed)), partial(flow_loss, times=times)
    return averaged("digits", model, loss, steps, DECAY, seed)


def reflowed(
    model: InSteps, seed: int, count: int, steps: int
) -> nn.Module:
    """The flow, trained on with pairs of its own."""
    generator = torch.Generator().manual_seed(100 + seed)
    noise = torch.randn(count, 1, 8, 8, generator=generator)
    label = torch.arange(count) % 10
    guided = Guided(model.eval(), label, model.null_label)
    pairs = reflow_pairs(guided, noise, 20, heun=True)
    model = deepcopy(model).requires_grad_()
    *_, last = train(
        model,
        Batches(pairs, label, batch_size=32, seed=seed),
        SCHEDULE,
        num_steps=steps,
        lr=1e-3,
        ema=DECAY,
        seed=seed,
        loss=reflow_loss,
    )
    return last.state.ema.model


def ways(calls: int) -> dict[str, list[float]]:
    """Times from noise to picture: even ones, and those of DDIM."""
    steps = torch.tensor(ddim_timesteps(SCHEDULE.num_steps, calls))
    return {
        "even times": flow_times(calls),
        "even steps": time_at(steps, SCHEDULE).tolist(),
    }


@torch.no_grad()
def distance(
    model: Callable, path: list[float], noise: Tensor, real: Tensor
) -> float:
    """FD of the digits that the flow draws to the real ones."""
    *_, last = flow_sample(model, noise, path)
    drawn = features_and_labels(load_classifier("digits"), last.x).features
    return round(frechet_distance(drawn, real).item(), 3)


def measure(seed: int) -> dict[str, list[float]]:
    """{network and way: FD for each number of calls} for one seed."""
    real = load_classifier("digits")
    real = features_and_labels(real, images_of("digits", False)[0]).features
    generator = torch.Generator().manual_seed(1000 + seed)
    noise = torch.randn(COUNT, 1, 8, 8, generator=generator)
    v, straight = diffusion(seed), flow(seed, None)
    middle = flow(seed, logit_normal_times)
    again = reflowed(straight, seed, PAIRS, AGAIN)
    known = {"v": v, "flow": straight, "logit-normal": middle}
    known |= {"reflow": again}
    found = {}
    for name, model in known.items():
        asked = Guided(model.eval(), LABEL, 10)
        asked = as_flow(asked, SCHEDULE, "v") if name == "v" else asked
        both = ("even times", "even steps")
        for way in both if name in ("v", "flow") else both[:1]:
            paths = [ways(calls)[way] for calls in CALLS]
            line = [distance(asked, p, noise, real) for p in paths]
            found[f"{name}, {way}"] = line
            print(seed, name, way, line, flush=True)
    return found


def floor() -> float:
    """FD of real digits to others of them, as many."""
    reader = load_classifier("digits")
    seen, unseen = (
        features_and_labels(reader, images_of("digits", part)[0]).features
        for part in (True, False)
    )
    return round(frechet_floor(seen, unseen, COUNT).mean, 2)


def main() -> None:
    """Measure, print and write."""
    torch.set_num_threads(1)
    start = process_time()
    tables = [measure(seed) for seed in SEEDS]
    found = {
        "command": "python tools/release/flow_table.py",
        "torch": torch.__version__.split("+")[0],
        "cpu_seconds": round(process_time() - start),
        "seeds": SEEDS,
        "training_steps": STEPS,
        "samples": COUNT,
        "floor": floor(),
        "calls": CALLS,
        "frechet": {name: [t[name] for t in tables] for name in tables[0]},
    }
    with whole_file(OUT) as place:
        text = json.dumps(found, indent=1)
        place.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
