"""A trained network for others: as ONNX, and as a folder of diffusers."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..checks import FilePath, InputError, checked
from ..files import whole_file
from ..pretrained import Pretrained
from .load import LoadedRun, Weights, load_run

INPUTS = ("x", "t", "label")  # (B, C, H, W), (B,) and (B,) whole numbers
MIN_SIZE = 64  # numbers: what is smaller is not worth a node


def write_onnx(path: Path, network: Pretrained | LoadedRun) -> None:
    """The network as *path*, and how to sample beside it, as .json.

    This is what the sampler in the pages of the book loads.
    """
    model = to_onnx(network).SerializeToString()
    with whole_file(path) as place:
        place.write_bytes(model)
    with whole_file(path.with_suffix(".json")) as place:
        place.write_text(json.dumps(how_to_sample(network)), "utf-8")


def how_to_sample(network: Pretrained | LoadedRun) -> dict[str, Any]:
    """What a sampler must know of a network beside its weights."""
    facts = {
        "shape": network.shape,
        "nullLabel": network.null,
        "predicts": network.predicts,
        "alphasCumprod": network.schedule.alphas_cumprod.tolist(),
    }
    names = getattr(network, "classes", ())
    return facts | ({"classes": list(names)} if names else {})


class WithLabel(nn.Module):
    """A network that knows no classes, for those who always tell one."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """(B, C, H, W) at the steps t; the label is not read."""
        return self.model(x, t)


def to_onnx(network: Pretrained | LoadedRun) -> Any:
    """The network as an onnx.ModelProto, with any batch.

    Weights that half precision holds as they are take half the bytes.
    """
    _check_onnx()
    model = network.model if network.null else WithLabel(network.model)
    t = torch.tensor([1, 2, 3])
    label = torch.tensor([0, 1, 2]).clamp(max=network.null)
    example = torch.randn(3, *network.shape), t, label
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            example,
            input_names=INPUTS,
            output_names=["output"],
            dynamic_shapes={name: {0: "batch"} for name in INPUTS},
            dynamo=True,
            verbose=False,
        )
    return in_half(program.model_proto)


def _check_onnx() -> None:
    """The two packages that only this needs."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(
            "to write ONNX: pip install onnx onnxscript"
        ) from error


def in_half(model: Any) -> Any:
    """The same numbers in half the bytes, wherever nothing is lost."""
    import onnx

    graph = model.graph
    casts = [
        cast
        for weights in graph.initializer
        if (cast := _halved(weights)) is not None
    ]
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    for node in graph.node:
        del node.metadata_props[:]  # where in the Python code it comes from
    del graph.value_info[:]  # the weights' names are those of the casts now
    onnx.checker.check_model(model, full_check=True)
    return model


def _halved(weights: Any) -> Any:
    """Half as many bytes, and the node that reads them; or None."""
    from onnx import TensorProto, helper, numpy_helper

    values = numpy_helper.to_array(weights)
    if values.dtype != np.float32 or values.size < MIN_SIZE:
        return None
    half = values.astype(np.float16)
    if not np.array_equal(half.astype(np.float32), values):
        return None
    name, stored = weights.name, f"{weights.name}_half"
    weights.CopyFrom(numpy_helper.from_array(half, stored))
    return helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT)


@checked
def to_diffusers(
    path: FilePath, out: FilePath, *, weights: Weights = "ema"
) -> None:
    """Write the run in the folder *path* as one that diffusers loads.

    Our network is no ``UNet2DModel``, so the folder names a class of this
    package that holds it; diffusers finds it once it has been imported::

        import diffusion_lessons.runs.in_diffusers
        pipeline = DDIMPipeline.from_pretrained(out)
        pipeline(num_inference_steps=50, use_clipped_model_output=True)

    This draws the pictures of ``ddim_sample``, if the number of steps
    divides T: theirs are all of one length. Without the last argument the
    noise is not computed anew where a guess was cut, as ours is. The
    pipeline tells no class; ``pipeline.unet`` takes class_labels.

    Args:
        path: the folder of a run.
        out: the folder to write.
        weights: "ema" or "live".
    """
    try:
        from .in_diffusers import pipeline_of
    except ImportError as error:
        raise InputError(
            "to write this folder: pip install diffusers"
        ) from error
    run = load_run(path, weights=weights)
    pipeline_of(run).save_pretrained(out)
