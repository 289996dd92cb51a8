"""The networks of the pages are the networks of the module."""

import json

import numpy as np
import onnx
import onnxruntime
import page_sampler
import pytest
import torch
from export_networks import NETWORKS, export_networks, load
from onnx import TensorProto, helper, numpy_helper
from torch.testing import assert_close

from diffusion_lessons import (
    Guided,
    NoiseSchedule,
    ddim_sample,
    flow_sample,
    load_flow,
    load_pretrained,
)
from diffusion_lessons.languages import factors
from diffusion_lessons.runs.export import INPUTS, in_half


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the pages load: as it was made for the book, if it was."""
    made = page_sampler.facts().get("hash")
    if made == page_sampler.hash_of(page_sampler.MADE_FROM):
        return page_sampler.MADE
    place = tmp_path_factory.mktemp("networks")
    export_networks(place)
    return place


def in_onnx(folder, name):
    """The exported network, as a model that a sampler can ask."""
    session = onnxruntime.InferenceSession(folder / f"{name}.onnx")

    def model(x, t, label):
        inputs = zip(INPUTS, (x, t, label), strict=True)
        inputs = {key: value.numpy() for key, value in inputs}
        return torch.from_numpy(session.run(None, inputs)[0])

    return model


class Module(torch.nn.Module):
    """A function as the module that Guided takes."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_a_whole_run_is_that_of_the_module(name, folder):
    net = load_pretrained(name)
    x_T = torch.randn(
        2, *net.shape, generator=torch.Generator().manual_seed(0)
    )
    runs = []
    for model in (net.model, Module(in_onnx(folder, name))):
        guided = Guided(model, torch.tensor([3, 7]), net.null, 2.0)
        runs.append(
            list(ddim_sample(guided, x_T, net.schedule, 20, predicts="v"))
        )
    for ours, theirs in zip(*runs, strict=True):
        assert_close(theirs.x, ours.x, atol=1e-4, rtol=0)
        assert_close(theirs.x0_hat, ours.x0_hat, atol=1e-4, rtol=0)
    assert ours.x.std() > 0.3


def test_a_whole_run_of_the_flow_is_that_of_the_module(folder):
    """The file is told the steps of which its times are the shares."""
    net, file = load_flow("digits"), in_onnx(folder, "digits_flow")
    x_1 = torch.randn(
        2, *net.shape, generator=torch.Generator().manual_seed(0)
    )
    model = Module(
        lambda x, t, label: file(x, (1000 * t).round().long(), label)
    )
    runs = [
        list(
            flow_sample(Guided(m, torch.tensor([3, 7]), net.null), x_1, 20)
        )
        for m in (net.model, model)
    ]
    for ours, theirs in zip(*runs, strict=True):
        assert_close(theirs.x, ours.x, atol=1e-4, rtol=0)
    assert ours.x.std() > 0.3


@pytest.mark.parametrize("name", NETWORKS)
def test_any_number_of_pictures_fits(name, folder):
    net, model = load(name), in_onnx(folder, name)
    for count in (1, 3):
        x = torch.randn(count, *net.shape)
        t, label = torch.full((count,), 500), torch.full((count,), net.null)
        with torch.no_grad():
            assert_close(
                model(x, t, label), net.model(x, t), atol=1e-4, rtol=0
            )


@pytest.mark.parametrize("name", NETWORKS)
def test_the_facts_are_those_of_the_module(name, folder):
    net = load(name)
    facts = json.loads((folder / "networks.json").read_text())[name]
    assert facts["alphasCumprod"] == net.schedule.alphas_cumprod.tolist()
    assert facts["predicts"] == net.predicts
    assert facts["nullLabel"] == net.null == 10
    assert tuple(facts["shape"]) == net.shape


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_the_networks_of_diffusion_are_those_of_load_pretrained(name):
    net = load(name)
    table = NoiseSchedule.cosine(1000).alphas_cumprod
    assert torch.equal(net.schedule.alphas_cumprod, table)
    assert net.predicts == load_pretrained(name).predicts == "v"


def test_the_table_of_the_flow_has_its_times():
    """The share of the noise at t is t / 1000, up to noise alone."""
    net = load("digits_flow")
    t = torch.arange(1001).double() / 1000
    signal, sigma = factors(torch.arange(1001), "ddpm", net.schedule)
    assert net.predicts == "flow"
    assert_close(sigma / (signal + sigma), t, rtol=0, atol=1e-9)
    assert net.schedule.alpha_bar(1000) == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_is_about_two_bytes_for_each_weight(name, folder):
    weights = sum(p.numel() for p in load(name).model.parameters())
    size = (folder / f"{name}.onnx").stat().st_size
    assert 2 * weights < size < 2 * weights + 30_000


def test_what_half_precision_cannot_hold_stays_as_it_is():
    fits, third = np.ones(100, np.float32), np.full(100, 1 / 3, np.float32)
    stored = [
        numpy_helper.from_array(values, name)
        for name, values in {"fits": fits, "third": third}.items()
    ]
    result = helper.make_tensor_value_info("sum", TensorProto.FLOAT, [100])
    graph = helper.make_graph(
        [helper.make_node("Add", ["fits", "third"], ["sum"])],
        "sum",
        [],
        [result],
        stored,
    )
    model = in_half(onnx.helper.make_model(graph))
    kinds = {w.name: w.data_type for w in model.graph.initializer}
    assert kinds == {
        "fits_half": TensorProto.FLOAT16,
        "third": TensorProto.FLOAT,
    }
