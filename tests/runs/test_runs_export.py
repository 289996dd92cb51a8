"""What leaves this package draws what it draws here."""

import json
import sys

import onnxruntime
import pytest
import torch
from diffusers import DDIMPipeline, DDIMScheduler
from made_runs import CLASSES, NETWORK, network, run_folder
from torch.testing import assert_close

from diffusion_lessons import (
    ForDiffusers,
    Guided,
    InputError,
    NoiseSchedule,
    TimeUNet,
    ddim_sample,
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
    """A run, and the folder for diffusers that was made of it."""
    place = tmp_path_factory.mktemp("runs")
    run_folder(place / "cats")
    to_diffusers(place / "cats", place / "theirs")
    return place


def theirs(made):
    """The pipeline in that folder."""
    pipeline = DDIMPipeline.from_pretrained(
        made / "theirs", local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def small(classes):
    """A network as a run has it."""
    told = {"in_channels": 3, "num_classes": classes, "patch": 2}
    model = network(2, NETWORK | told)
    schedule = NoiseSchedule.cosine(100)
    names = CLASSES[:classes]
    return LoadedRun(model, schedule, "v", classes, (3, 8, 8), names, 0, {})


# diffusers


@pytest.mark.parametrize("steps", [4, 20, 200])
def test_their_pipeline_draws_our_pictures(made, steps):
    run, draws = load_run(made / "cats"), torch.Generator().manual_seed(0)
    their = theirs(made)(
        batch_size=4,
        generator=draws,
        num_inference_steps=steps,
        use_clipped_model_output=True,
        output_type="pt",
    ).images
    draws.manual_seed(0)
    x_T = torch.randn(4, *run.shape, generator=draws)
    *_, last = ddim_sample(
        run.model, x_T, run.schedule, steps, predicts=run.predicts
    )
    ours = (last.x / 2 + 0.5).clamp(0, 1)
    assert_close(their, ours, rtol=0, atol=1e-5)
    assert ours.std() > 0.1


def test_their_model_answers_as_ours_to_any_class(made):
    """Their timestep is our t - 1; no class is the null label."""
    run, model = load_run(made / "cats"), theirs(made).unet
    x, t = torch.randn(4, 3, 8, 8), torch.tensor([1, 7, 100, 200])
    label = torch.tensor([0, 1, 2, 3])
    with torch.no_grad():
        expected = run.model(x, t, label)
        output = model(x, t - 1, label)
        assert torch.equal(output.sample, expected)
        (alone,) = model(x, t - 1, label, return_dict=False)
        assert torch.equal(alone, expected)
        assert torch.equal(model(x, t - 1).sample, run.model(x, t))


def test_what_is_guided_here_goes_on_as_theirs(made):
    run, scheduler = load_run(made / "cats"), theirs(made).scheduler
    guided = Guided(run.model, 1, run.null, 2.0)
    x = torch.randn(2, 3, 8, 8)
    scheduler.set_timesteps(4)
    with torch.no_grad():
        output = ForDiffusers(guided)(x, scheduler.timesteps[0]).sample
        assert torch.equal(output, guided(x, 200))


def test_the_scheduler_has_the_betas_and_the_end_of_ours(made):
    config = theirs(made).scheduler.config
    betas = NoiseSchedule.cosine(200).betas[1:]
    assert torch.equal(
        torch.tensor(config.trained_betas, dtype=torch.float64), betas
    )
    assert config.prediction_type == "v_prediction"
    assert config.num_train_timesteps == 200
    assert theirs(made).unet.config.sample_size == 8


def test_the_weights_can_be_those_in_training(made, tmp_path):
    to_diffusers(made / "cats", tmp_path / "live", weights="live")
    model = TimeUNetModel.from_pretrained(tmp_path / "live" / "unet")
    live = load_run(made / "cats", weights="live").model.state_dict()
    own = model.network.state_dict()
    assert all(torch.equal(own[name], live[name]) for name in live)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        to_diffusers(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_diffusers_it_says_how_to_get_it(made, monkeypatch):
    name = "diffusion_lessons.runs.in_diffusers"
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(InputError, match="pip install diffusers"):
        to_diffusers(made / "cats", made / "nowhere")


def test_every_argument_of_our_network_is_one_of_theirs():
    from inspect import signature

    ours = signature(TimeUNet).parameters
    known = signature(TimeUNetModel).parameters
    own = {name: ours[name].default for name in ours}
    assert own == {
        name: known[name].default for name in known if name != "sample_size"
    }


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


def test_their_scheduler_is_the_one_of_ddim(made):
    assert isinstance(theirs(made).scheduler, DDIMScheduler)
