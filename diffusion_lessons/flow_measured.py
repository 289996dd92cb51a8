"""Flow and diffusion side by side, as tools/release/flow_table.py found."""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

FILE = Path(__file__).with_name("flow_measured.json")


class FlowTable(NamedTuple):
    """How far the digits of several networks are from real ones."""

    calls: tuple[int, ...]  # of the network, for each picture
    frechet: dict[str, Tensor]  # {network, way: (seeds, calls) float64}
    floor: float  # what as many real digits, drawn at random, would get
    training_steps: int  # of each network
    command: str  # that measures it again


def measured_flow() -> FlowTable:
    """The table, as it was measured.

    Each name says what was trained, "v", "flow", "logit-normal" or
    "reflow", and how it was sampled: "even times" of a flow, or "even
    steps" of diffusion.
    """
    facts = json.loads(FILE.read_text(encoding="utf-8"))
    frechet = {
        name: torch.tensor(rows, dtype=torch.float64)
        for name, rows in facts["frechet"].items()
    }
    return FlowTable(
        tuple(facts["calls"]),
        frechet,
        facts["floor"],
        facts["training_steps"],
        facts["command"],
    )
