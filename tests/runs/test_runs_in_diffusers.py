"""Their pipeline draws our pictures, with our network inside."""

from inspect import signature

import pytest
import torch
from diffusers import DDIMPipeline, DDIMScheduler
from made_runs import run_folder
from torch.testing import assert_close

from diffusion_lessons import (
    ForDiffusers,
    Guided,
    NoiseSchedule,
    TimeUNet,
    ddim_sample,
)
from diffusion_lessons.runs import load_run, to_diffusers
from diffusion_lessons.runs.in_diffusers import TimeUNetModel


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


def test_every_argument_of_our_network_is_one_of_theirs():
    ours = signature(TimeUNet).parameters
    known = signature(TimeUNetModel).parameters
    own = {name: ours[name].default for name in ours}
    assert own == {
        name: known[name].default for name in known if name != "sample_size"
    }


def test_their_scheduler_is_the_one_of_ddim(made):
    assert isinstance(theirs(made).scheduler, DDIMScheduler)
