"""Write the shipped networks as ONNX, for the sampler in the pages."""

import json
from pathlib import Path

import onnx
import torch

from diffusion_lessons import (
    load_flow,
    load_pretrained,
    schedule_through,
)
from diffusion_lessons.files import whole_file
from diffusion_lessons.pretrained import Pretrained
from diffusion_lessons.runs.export import how_to_sample, to_onnx

NETWORKS = ("digits", "mnist", "digits_flow")
FLOW = "_flow"  # ends the name of a flow


def export_networks(folder: Path) -> None:
    """NAME.onnx for each of NETWORKS, and how to sample, networks.json."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {}
    for name in NETWORKS:
        network = load(name)
        with whole_file(folder / f"{name}.onnx") as place:
            onnx.save(to_onnx(network), place)
        facts[name] = how_to_sample(network)
    with whole_file(folder / "networks.json") as place:
        place.write_text(json.dumps(facts), encoding="utf-8")


def load(name: str) -> Pretrained:
    """A network, or a flow as one: its times are the t / T of a schedule.

    The network inside a flow is told steps; its picture is that of the
    schedule over the sum of the two factors, and it predicts "flow".
    """
    if not name.endswith(FLOW):
        return load_pretrained(name)
    flow = load_flow(name.removesuffix(FLOW))
    T = flow.model.num_steps
    times = torch.arange(1, T + 1, dtype=torch.float64) / T
    schedule = schedule_through(times)
    return Pretrained(
        flow.model.model, schedule, "flow", flow.null, flow.shape
    )
