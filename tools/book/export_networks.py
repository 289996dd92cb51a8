"""Write the shipped networks as ONNX, for the sampler in the pages."""

import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from diffusion_lessons import (
    load_flow,
    load_pretrained,
    schedule_through,
)
from diffusion_lessons.files import whole_file
from diffusion_lessons.pretrained import Pretrained

NETWORKS = ("digits", "mnist", "digits_flow")
FLOW = "_flow"  # ends the name of a flow
INPUTS = ("x", "t", "label")  # (B, C, H, W), (B,) and (B,) whole numbers
MIN_SIZE = 64  # numbers: what is smaller is not worth a node


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


def how_to_sample(network: Pretrained) -> dict:
    """What a sampler must know of a network beside its weights."""
    return {
        "shape": network.shape,
        "nullLabel": network.null,
        "predicts": network.predicts,
        "alphasCumprod": network.schedule.alphas_cumprod.tolist(),
    }


def to_onnx(network: Pretrained) -> onnx.ModelProto:
    """The network with any batch, its weights in half precision."""
    example = (
        torch.randn(3, *network.shape),
        torch.tensor([1, 2, 3]),
        torch.tensor([0, 1, 2]),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.model,
            example,
            input_names=INPUTS,
            output_names=["output"],
            dynamic_shapes={name: {0: "batch"} for name in INPUTS},
            dynamo=True,
            verbose=False,
        )
    return in_half(program.model_proto)


def in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same numbers in half the bytes, wherever nothing is lost."""
    graph = model.graph
    casts = []
    for weights in graph.initializer:
        values = numpy_helper.to_array(weights)
        half = values.astype(np.float16)
        if values.dtype != np.float32 or values.size < MIN_SIZE:
            continue
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name, stored = weights.name, f"{weights.name}_half"
        weights.CopyFrom(numpy_helper.from_array(half, stored))
        cast = helper.make_node(
            "Cast", [stored], [name], to=TensorProto.FLOAT
        )
        casts.append(cast)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    for node in graph.node:
        del node.metadata_props[:]  # where in the Python code it comes from
    del graph.value_info[:]  # the weights' names are those of the casts now
    onnx.checker.check_model(model, full_check=True)
    return model
