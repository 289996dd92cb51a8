"""What leaves this package draws what it draws here."""

import json
import sys

import onnxruntime
import pytest
import torch
from made_runs import CLASSES, NETWORK, network, run_folder
from torch.testing import assert_close

from diffusion_lessons import (
    InputError,
    NoiseSchedule,
)
from diffusion_lessons.runs.export import (
    INPUTS,
    how_to_sample,
    to_diffusers,
    to_onnx,
    write_onnx,
)
from diffusion_lessons.runs.in_diffusers import TimeUNetModel
from diffusion_lessons.runs.load import LoadedRun, load_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run."""
    return run_folder(tmp_path_factory.mktemp("runs") / "cats")


def small(classes):
    """A network as a run has it."""
    told = {"in_channels": 3, "num_classes": classes, "patch": 2}
    model = network(2, NETWORK | told)
    schedule = NoiseSchedule.cosine(100)
    names = CLASSES[:classes]
    return LoadedRun(model, schedule, "v", classes, (3, 8, 8), names, 0, {})


# diffusers


@pytest.mark.parametrize("chosen", [{}, {"weights": "live"}])
def test_the_weights_are_averaged_or_those_in_training(
    made, tmp_path, chosen
):
    to_diffusers(made, tmp_path / "theirs", **chosen)
    model = TimeUNetModel.from_pretrained(tmp_path / "theirs" / "unet")
    ours = load_run(made, **chosen).model.state_dict()
    own = model.network.state_dict()
    assert all(torch.equal(own[name], ours[name]) for name in ours)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        to_diffusers(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_diffusers_it_says_how_to_get_it(made, monkeypatch):
    name = "diffusion_lessons.runs.in_diffusers"
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(InputError, match="pip install diffusers"):
        to_diffusers(made, made / "nowhere")


# ONNX


@pytest.mark.slow
@pytest.mark.parametrize("classes", [0, 3])
def test_the_exported_network_answers_as_ours(tmp_path, classes):
    """In colour, with attention and patches, and any number at once."""
    net, path = small(classes), tmp_path / "net.onnx"
    write_onnx(path, net)
    session = onnxruntime.InferenceSession(path)
    assert tuple(i.name for i in session.get_inputs()) == INPUTS
    for count in (1, 2, 5):
        x = torch.randn(count, 3, 8, 8)
        t = torch.randint(1, 101, (count,))
        label = torch.randint(0, classes + 1, (count,))
        given = zip(INPUTS, (x, t, label), strict=True)
        answer = session.run(None, {k: v.numpy() for k, v in given})[0]
        told = (label,) if classes else ()
        with torch.no_grad():
            expected = net.model(x, t, *told)
        assert_close(torch.from_numpy(answer), expected, atol=1e-4, rtol=0)
    facts = json.loads((tmp_path / "net.json").read_text())
    assert facts["shape"] == [3, 8, 8]
    assert facts["nullLabel"] == classes


def test_how_to_sample_names_the_classes_there_are():
    facts = how_to_sample(small(3))
    assert facts["classes"] == list(CLASSES)
    assert facts["predicts"] == "v"
    assert len(facts["alphasCumprod"]) == 101
    assert "classes" not in how_to_sample(small(0))


@pytest.mark.parametrize("name", ["onnx", "onnxscript"])
def test_without_onnx_it_says_how_to_get_it(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match="pip install onnx onnxscript"):
        to_onnx(small(0))
