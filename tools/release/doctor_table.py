"""Measure the doctor as a medical test is measured, and write the table.

python tools/release/doctor_table.py

Trains small networks of several seeds, sizes, targets, schedules and kinds
of data; examines each as it is, and with every fault in turn. Writes
diffusion_lessons/doctor/measured.json: how many, how many found by the
right name, and how many healthy ones were called sick.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from time import process_time

import torch
from torch import Tensor, nn

from diffusion_lessons import (
    EMA,
    Batches,
    GaussianMixture,
    Guided,
    InSteps,
    NoiseSchedule,
    TimeUNet,
    ancestral_sample,
    ddim_sample,
    diffusion_loss,
    flow_loss,
    load_images,
    timestep_embedding,
    train,
)
from diffusion_lessons.doctor import PATIENTS, Patient, examine, made_sick
from diffusion_lessons.files import whole_file

OUT = Path(__file__).parents[2] / "diffusion_lessons/doctor/measured.json"
LABELLED = ("swapped_halves", "labels_lost")
FOR_POINTS = (  # what can be wrong with a network of points
    "flow_as_chain",
    "wrong_target",
    "t_of_0_to_1",
    "t_untold",
    "other_schedule",
    "stale_average",
    "memorised",
    "untrained",
    "nan",
    "dropout_left",
)


@dataclass(frozen=True)
class Net:
    """A network to train: what it learns from, and how."""

    predicts: str  # or "flow", of the velocity
    schedule: str  # "linear", "cosine" or "zero": no terminal SNR
    T: int
    seed: int
    base_channels: int = 8
    num_steps: int = 400
    data: str = "grey"  # or "rgb", "unit" (pixels from 0 to 1), "points"
    labelled: bool = True
    broken: bool = True  # whether it is examined with every fault, too


NETS = (  # of other seeds than those that the bounds were chosen on
    Net("eps", "linear", 1000, 101),
    Net("eps", "cosine", 1000, 102, base_channels=16),
    Net("x0", "linear", 1000, 103),
    Net("x0", "cosine", 1000, 104, labelled=False),
    Net("v", "linear", 1000, 105, labelled=False),
    Net("v", "cosine", 1000, 106),
    Net("eps", "linear", 50, 107, base_channels=16),
    Net("eps", "cosine", 50, 108),
    Net("x0", "linear", 50, 109),
    Net("v", "cosine", 50, 110, base_channels=16),
    Net("v", "linear", 200, 111, base_channels=16),
    Net("v", "zero", 1000, 112),
    Net("eps", "linear", 1000, 113, data="unit"),
    Net("v", "cosine", 1000, 114, data="rgb"),
    Net("eps", "linear", 1000, 115, 128, 3000, "points", False),
    Net("v", "cosine", 100, 116, 128, 3000, "points", False),
    Net("eps", "linear", 1000, 117, num_steps=100, broken=False),
    Net("v", "cosine", 1000, 118, num_steps=100, broken=False),
    Net("x0", "cosine", 50, 119, num_steps=100, broken=False),
    Net("x0", "zero", 50, 120, broken=False),
    Net("x0", "cosine", 1000, 121, data="unit", broken=False),
    Net("eps", "cosine", 1000, 122, data="rgb", broken=False),
    Net("x0", "linear", 50, 123, 128, 3000, "points", False, False),
    Net("eps", "linear", 20, 124, broken=False),
)
# Trained as flows, and examined with the schedule of a chain; those of odd
# seeds answer whatever t they are told.
FLOWS = (
    Net("flow", "cosine", 1000, 141, base_channels=16),
    Net("flow", "linear", 1000, 142),
    Net("flow", "cosine", 1000, 143, labelled=False),
    Net("flow", "linear", 50, 144, labelled=False),
    Net("flow", "cosine", 200, 145, data="unit"),
    Net("flow", "linear", 1000, 146, data="rgb"),
    Net("flow", "cosine", 1000, 147, 128, 3000, "points", False),
    Net("flow", "linear", 100, 148, 128, 3000, "points", False),
)


class Points(nn.Module):
    """A small network of points (B, 2)."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 + 32, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 2),
        )

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """(B, 2) at t to (B, 2)."""
        t = torch.as_tensor(t).expand(len(x))
        return self.layers(torch.cat([x, timestep_embedding(t, 32)], 1))


class Lenient(InSteps):
    """A flow that answers whatever t it is told, as most people's do."""

    def forward(self, x: Tensor, t: Tensor, *label: Tensor) -> Tensor:
        """(B, …) at the times t to (B, …)."""
        t = torch.as_tensor(t, dtype=torch.float32)
        return self.model(x, (self.num_steps * t).clamp(min=1), *label)


def data_of(net: Net, train: bool = True) -> tuple[Tensor, Tensor | None]:
    """What it is trained on, or what it is not."""
    generator = torch.Generator().manual_seed(net.seed + 100 * train)
    if net.data == "points":
        means = torch.tensor([[1.0, 0.0], [-1.0, 0.5], [0.0, -1.0]])
        bells = GaussianMixture(means, 0.2)
        return bells.sample(1000, generator).float(), None
    x, labels = load_images("digits", train=train)
    if net.data == "unit":
        x = (x + 1) / 2
    if net.data == "rgb":
        ink = torch.rand(len(x), 3, 1, 1, generator=generator)
        x = (x + 1) * ink - 1
    return x, labels if net.labelled else None


def schedule_of(net: Net) -> NoiseSchedule:
    """The schedule that it is trained with."""
    if net.schedule == "zero":
        return NoiseSchedule.linear(net.T).zero_terminal_snr()
    return getattr(NoiseSchedule, net.schedule)(net.T)


def trained(net: Net) -> tuple[nn.Module, EMA]:
    """The network, and its average."""
    torch.manual_seed(net.seed)
    x, labels = data_of(net)
    if net.data == "points":
        model = Points(net.base_channels)
    else:
        classes = 10 if net.labelled else 0
        model = TimeUNet(x.shape[1], net.base_channels, classes)
    loss = partial(diffusion_loss, predicts=net.predicts)
    if net.predicts == "flow":
        model, loss = (InSteps, Lenient)[net.seed % 2](model), flow_loss
    *_, last = train(
        model,
        Batches(x, labels, batch_size=64, seed=net.seed),
        schedule_of(net),
        loss=loss,
        num_steps=net.num_steps,
        lr=3e-3,
        warmup=20,
        p_uncond=0.15 if net.labelled else 0.0,
        ema=0.99,
        seed=net.seed,
    )
    return model, last.state.ema


def patient_of(net: Net, model: nn.Module, ema: EMA) -> Patient:
    """The network as its user hands it over, healthy."""
    clip = None if net.data == "points" else 1.0
    sampler = partial(ddim_sample, num_steps=min(net.T, 50), clip=clip)
    x, labels = data_of(net)
    return Patient(
        "healthy",
        "",
        model.eval(),
        schedule_of(net),
        x,
        labels,
        net.predicts,
        sampler,
        ema,
    )


def healthy_charts(net: Net, patient: Patient) -> Iterator[dict]:
    """The same network in three ways, all of them right."""
    yield patient.chart()
    unseen, labels = data_of(net, train=False)
    clip = patient.sampler.keywords["clip"]
    few = min(net.T, 20)
    yield {
        **patient.chart(),
        "images": unseen,
        "labels": labels,
        "sampler": partial(ddim_sample, num_steps=few, eta=1, clip=clip),
        "guided": Guided,
        "seed": 1,
    }
    all_steps = partial(ancestral_sample, variance="beta", clip=clip)
    yield {
        **patient.chart(),
        "model": patient.ema,
        "ema": None,
        "sampler": all_steps if net.T <= 200 else patient.sampler,
        "held_out": unseen,
        "seed": 2,
    }


def faults_of(net: Net) -> list[str]:
    """What can be wrong with such a network.

    Only one of v makes a flow: asked for its velocity, one of eps is as far
    off at much noise, and one of x0 at little, as no flow ever is.
    """
    if not net.broken:
        return []
    faults = [name for name in PATIENTS if name != "healthy"]
    if net.predicts != "v":
        faults.remove("flow_as_chain")
    if net.data == "points":
        return [name for name in faults if name in FOR_POINTS]
    if not net.labelled:
        faults = [name for name in faults if name not in LABELLED]
    if net.schedule == "zero":  # eps cannot be read there at all
        faults.remove("no_clip")
    return faults


@dataclass
class Count:
    """How often, and how often it was seen."""

    finding: str = ""  # the row that has to find it
    asked: int = 0
    right: int = 0  # the first sick row is the right one
    sick: int = 0  # at least called sick
    missed: list[str] = field(default_factory=list)

    def add(self, finding: str, report, what: str) -> None:
        """One more examination."""
        first = report.first.name if report.first else ""
        self.finding = finding
        self.asked += 1
        self.right += first == finding
        self.sick += first != ""
        if first != finding:
            self.missed.append(f"{what}: {first or 'healthy'}")


def measure(nets: tuple[Net, ...]) -> dict[str, Count]:
    """Examine every network, healthy and with every fault."""
    counts = {name: Count() for name in PATIENTS}
    for net in nets:
        what = f"{net.predicts}, {net.schedule}, T = {net.T}, {net.data}"
        patient = patient_of(net, *trained(net))
        if net.predicts == "flow":
            chart = {**patient.chart(), "predicts": None}
            counts["flow_as_chain"].add("language", examine(**chart), what)
            continue
        for chart in healthy_charts(net, patient):
            counts["healthy"].add("", examine(**chart), what)
        print(what, flush=True)
        for name in faults_of(net):
            sick = made_sick(replace(patient, ema=None), name)
            report = examine(**sick.chart())
            counts[name].add(sick.finding, report, what)
    return counts


def main() -> None:
    """Measure, print and write."""
    torch.set_num_threads(1)
    start = process_time()
    counts = measure(NETS + FLOWS)
    seconds = round(process_time() - start)
    for name, count in counts.items():
        print(f"{name:16}{count.right:4} of {count.asked}", count.missed)
    found = {
        "networks": len(NETS + FLOWS),
        "cpu_seconds": seconds,
        "torch": torch.__version__.split("+")[0],
        "faults": {name: asdict(count) for name, count in counts.items()},
    }
    print(f"{len(NETS + FLOWS)} networks, {seconds} CPU seconds")
    with whole_file(OUT) as place:
        text = json.dumps(found, indent=1, ensure_ascii=False)
        place.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
