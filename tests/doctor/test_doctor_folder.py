"""The doctor at the command line: what is saved is read and examined."""

import json
import shutil
from functools import partial

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDPMPipeline,
    DDPMScheduler,
)
from theirs import small_unet

from diffusion_lessons import (
    Batches,
    InputError,
    NoiseSchedule,
    TimeUNet,
    diffusion_loss,
    load_images,
    save_checkpoint,
    train,
)
from diffusion_lessons import __main__ as command
from diffusion_lessons.doctor import examine_path
from diffusion_lessons.doctor import folder as saved
from diffusion_lessons.pretrained import FOLDER

DIGITS = FOLDER / "digits.safetensors"


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """A pipeline with a new network, as save_pretrained writes it."""
    folder = tmp_path_factory.mktemp("pipeline")
    scheduler = DDPMScheduler(100, prediction_type="v_prediction")
    DDPMPipeline(small_unet(), scheduler).save_pretrained(folder)
    return folder


def run_of(path, **settings):
    """A checkpoint of a run of two steps, and its network."""
    images, labels = load_images("digits")
    classes = settings.get("num_classes", 0)
    model = TimeUNet(1, **settings)
    *_, last = train(
        model,
        Batches(images, labels if classes else None),
        NoiseSchedule.cosine(30),
        loss=partial(diffusion_loss, predicts="v"),
        num_steps=2,
        ema=0.9,
    )
    save_checkpoint(path, last.state)
    return model, last.state


def told(capsys, *options):
    """The code and the words of the command."""
    try:
        code = command.main(["doctor", *map(str, options)])
    except SystemExit as end:
        code = end.code
    return code, capsys.readouterr()


# The command


def test_a_healthy_model_ends_with_0(capsys):
    code, words = told(capsys, DIGITS)
    assert code == 0
    assert words.out.startswith("healthy: 17 tests found nothing wrong\n")
    assert words.err == ""


def test_a_sick_one_ends_with_1_and_its_remedy(capsys):
    code, words = told(capsys, DIGITS, "--predicts", "eps")
    assert code == 1
    assert words.out.startswith("sick, first of all target: reads better")
    assert 'remedy: predicts="v"' in words.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("nowhere",), "error: there is nothing at nowhere"),
        ((), "the following arguments are required: path"),
        (("a", "--images", "cats"), "invalid choice: 'cats'"),
        (("a", "--predicts", "noise"), "invalid choice: 'noise'"),
    ],
)
def test_what_cannot_be_examined_ends_with_2(
    capsys, tmp_path, monkeypatch, options, words
):
    monkeypatch.chdir(tmp_path)
    code, said = told(capsys, *options)
    assert code == 2
    assert words in said.err
    assert said.out == ""


# Folders of diffusers


def test_a_pipeline_is_read_with_its_scheduler(pipeline):
    given = saved._of_folder(pipeline)
    assert given["schedule"].config.num_train_timesteps == 100
    assert given["side"] == 8
    assert not given["classes"]
    assert not given["model"].training
    report = examine_path(pipeline)
    assert report.first.name == "untrained"
    assert report["sampler"].found.startswith("50 steps")


def test_its_parts_may_lie_side_by_side(pipeline, tmp_path):
    for part in ("unet", "scheduler"):
        for file in (pipeline / part).iterdir():
            shutil.copy(file, tmp_path)
    given = saved._of_folder(tmp_path)
    assert given["schedule"].config.prediction_type == "v_prediction"


@pytest.mark.parametrize("part", ["unet", "scheduler"])
def test_a_part_that_is_missing_is_named(pipeline, tmp_path, part):
    shutil.copytree(pipeline, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / part)
    with pytest.raises(InputError, match=f"holds no {part}: there is no"):
        examine_path(tmp_path)


@pytest.mark.parametrize(
    ("part", "file", "name", "words"),
    [
        (
            "unet",
            "config.json",
            "UNet2DConditionModel",
            "knows UNet2DModel",
        ),
        ("scheduler", "scheduler_config.json", "os", "holds no scheduler"),
        ("scheduler", "scheduler_config.json", "NoScheduler", "no schedul"),
    ],
)
def test_another_class_is_refused(
    pipeline, tmp_path, part, file, name, words
):
    shutil.copytree(pipeline, tmp_path, dirs_exist_ok=True)
    place = tmp_path / part / file
    config = json.loads(place.read_text())
    place.write_text(json.dumps({**config, "_class_name": name}))
    with pytest.raises(InputError, match=words):
        examine_path(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_a_config_that_is_none_is_refused(pipeline, tmp_path, text):
    shutil.copytree(pipeline, tmp_path, dirs_exist_ok=True)
    (tmp_path / "unet" / "config.json").write_text(text)
    with pytest.raises(InputError, match="is no config of diffusers"):
        examine_path(tmp_path)


def test_without_the_library_it_says_how_to_get_it(pipeline, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(InputError, match="pip install diffusers"):
        examine_path(pipeline)


def test_a_network_of_images_alone_is_no_unet(tmp_path):
    AutoencoderKL(
        norm_num_groups=1, block_out_channels=(4,)
    ).save_pretrained(tmp_path / "unet")
    DDPMScheduler().save_pretrained(tmp_path / "scheduler")
    with pytest.raises(InputError, match="holds a AutoencoderKL"):
        examine_path(tmp_path)


# Checkpoints and weights of ours


@pytest.mark.parametrize(
    "settings",
    [
        {"base_channels": 8},
        {"base_channels": 16, "num_classes": 10},
        {"base_channels": 8, "patch": 2},
    ],
    ids=["small", "classes", "patches"],
)
def test_a_run_is_rebuilt_from_the_shapes_of_its_weights(
    tmp_path, settings
):
    model, state = run_of(tmp_path / "run.safetensors", **settings)
    given = saved._run(tmp_path / "run.safetensors")
    x, t = torch.randn(3, 1, 8, 8), torch.tensor([1, 5, 9])
    with torch.no_grad():
        assert torch.equal(given["model"](x, t), model.eval()(x, t))
        assert torch.equal(given["ema"](x, t), state.ema.model(x, t))
    assert torch.equal(given["schedule"].betas, state.schedule.betas)
    assert given["classes"] == ("num_classes" in settings)


def test_two_steps_are_no_training(tmp_path):
    run_of(tmp_path / "run.safetensors", base_channels=8)
    report = examine_path(tmp_path / "run.safetensors", predicts="v")
    assert report.first.name == "untrained"


def test_a_run_without_an_average_has_none(tmp_path):
    _, state = run_of(tmp_path / "run.safetensors", base_channels=8)
    state.ema = None
    save_checkpoint(tmp_path / "run.safetensors", state)
    assert saved._run(tmp_path / "run.safetensors")["ema"] is None


def test_weights_say_themselves_how_to_be_read():
    given = saved._of_file(DIGITS)
    assert given["predicts"] == "v"
    assert given["schedule"].num_steps == 1000
    assert given["classes"]
    assert given["side"] == 8


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digits_classifier.safetensors", "holds a classifier"),
        ("text", "damaged|torch.save|cannot be read"),
    ],
)
def test_another_file_is_refused(tmp_path, name, words):
    path = FOLDER / name
    if name == "text":
        path = tmp_path / name
        path.write_text("not a model")
    with pytest.raises(ValueError, match=words):
        examine_path(path)


def test_a_run_of_another_network_is_refused(tmp_path):
    class Other:
        def state_dict(self):
            weights = {"weight": torch.zeros(1)}
            return {"model": weights, "betas": torch.full((5,), 0.1)}

    save_checkpoint(tmp_path / "a", Other())
    with pytest.raises(InputError, match="holds no TimeUNet"):
        examine_path(tmp_path / "a")


def test_a_state_without_a_model_is_refused(tmp_path):
    class Nothing:
        def state_dict(self):
            return {"step": 3}

    save_checkpoint(tmp_path / "a", Nothing())
    with pytest.raises(InputError, match="holds no run with its model"):
        examine_path(tmp_path / "a")
