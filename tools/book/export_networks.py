"""Write the shipped networks as ONNX, for the sampler in the pages."""

import json
from pathlib import Path

import onnx

from diffusion_lessons import load_pretrained
from diffusion_lessons.files import whole_file
from diffusion_lessons.runs.export import how_to_sample, to_onnx

NETWORKS = ("digits", "mnist")


def export_networks(folder: Path) -> None:
    """NAME.onnx for each of NETWORKS, and how to sample, networks.json."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {}
    for name in NETWORKS:
        network = load_pretrained(name)
        with whole_file(folder / f"{name}.onnx") as place:
            onnx.save(to_onnx(network), place)
        facts[name] = how_to_sample(network)
    with whole_file(folder / "networks.json") as place:
        place.write_text(json.dumps(facts), encoding="utf-8")
