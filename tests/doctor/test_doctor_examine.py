"""The whole examination: what it takes, and what it leaves alone."""

import copy
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from theirs import small_unet
from torch import nn

from diffusion_lessons import (
    EMA,
    BasicUNet,
    FromDiffusers,
    IgnoreTime,
    InputError,
    NoiseSchedule,
    TimeUNet,
    ddim_sample,
    load_images,
    schedule_of,
)
from diffusion_lessons.doctor import examine, patient
from diffusion_lessons.doctor.exact import Exact
from diffusion_lessons.doctor.faults import ShiftedTime

X, LABELS = (part[:64] for part in load_images("digits"))
SCHEDULE = NoiseSchedule.linear(50)
EXACT = Exact(X, 0.1, None, SCHEDULE, "eps")
NOISY = X + 0.1 * torch.randn(
    X.shape, generator=torch.Generator().manual_seed(0)
)


class AsUNet(nn.Module):
    """A perfect network that looks like one of diffusers'."""

    def __init__(self, scheduler, predicts):
        super().__init__()
        schedule = schedule_of(scheduler)
        self.exact = Exact(X, 0.1, None, schedule, predicts)

    def forward(self, sample, timestep):
        out = self.exact(sample, torch.as_tensor(timestep) + 1)
        return SimpleNamespace(sample=out)


def test_rows_come_in_the_order_in_which_one_asks():
    names = [row.name for row in examine(EXACT, SCHEDULE, NOISY).rows]
    assert names == [
        "data",
        "finite",
        "mode",
        "activation",
        "time",
        "untrained",
        "language",
        "range",
        "target",
        "t",
        "schedule",
        "end",
        "average",
        "labels",
        "guidance",
        "sampler",
        "clip",
        "copies",
    ]


def test_a_function_is_a_model_and_eps_is_what_is_meant():
    report = examine(lambda x, t: EXACT(x, t), SCHEDULE, NOISY)
    assert report.sick in ((), ("copies",))  # 64 pictures are few
    assert not examine(EXACT, SCHEDULE, NOISY, predicts="x0")


def test_the_same_question_has_the_same_answer():
    once, again = (patient("healthy").chart() for _ in range(2))
    torch.manual_seed(1)
    first = repr(examine(**once))
    torch.manual_seed(2)
    assert repr(examine(**again)) == first
    assert repr(examine(**once, seed=5)) != first


def test_nothing_of_the_model_or_the_caller_is_changed():
    model = TimeUNet(1, 8, num_classes=10).train()
    model.middle.eval()
    before = copy.deepcopy(model.state_dict())
    images = X.clone()
    torch.manual_seed(3)
    examine(model, SCHEDULE, images, labels=LABELS, predicts="v")
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))
    after = model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert all(p.grad is None for p in model.parameters())
    assert model.training
    assert model.down.training
    assert not model.middle.training
    assert torch.equal(images, X)


def test_a_model_that_is_put_right_keeps_the_modes_of_its_parts():
    part = nn.Dropout(0.1).eval()
    late = ShiftedTime(Holding(part))
    late.train()
    part.eval()
    report = examine(late, NoiseSchedule.linear(20), NOISY)
    assert report["t"].remedy == "tell it t - 1"
    assert (late.training, part.training) == (True, False)


class Holding(nn.Module):
    """A perfect network that has a part."""

    def __init__(self, part):
        super().__init__()
        self.part = part
        self.exact = Exact(X, 0.1, None, NoiseSchedule.linear(20), "eps")

    def forward(self, x, t):
        return self.exact(x, t.clamp(1, 20))


@pytest.mark.parametrize("T", [1, 2, 3, 10])
def test_a_schedule_may_be_short(T):
    schedule = NoiseSchedule.linear(T)
    model = Exact(X, 0.1, None, schedule, "eps")
    few = partial(ddim_sample, num_steps=T, clip=2)
    report = examine(model, schedule, NOISY, sampler=few)
    assert report.sick in ((), ("copies",))


def test_a_new_network_is_untrained_and_nothing_else():
    for model in (TimeUNet(1, 8), IgnoreTime(BasicUNet())):
        report = examine(model, SCHEDULE, X)
        assert report["untrained"].sick
        assert not {"labels", "clip", "copies"} & {
            r.name for r in report.rows
        }


def test_a_network_in_another_dtype_is_asked_in_its_own():
    torch.manual_seed(0)
    model = TimeUNet(1, 8)
    for p in model.parameters():
        nn.init.normal_(p, std=0.1)
    single = examine(model, SCHEDULE, X)
    double = examine(copy.deepcopy(model).double(), SCHEDULE, X)
    assert double["time"].found == single["time"].found
    assert double.sick == single.sick


def test_three_channels_and_points_are_taken():
    colour = X.repeat(1, 3, 1, 1)
    model = Exact(colour, 0.1, None, SCHEDULE, "eps")
    assert examine(model, SCHEDULE, colour)["data"].found.startswith(
        "64 of shape (3, 8, 8)"
    )
    points = torch.randn(64, 2)
    model = Exact(points, 0.3, None, SCHEDULE, "eps")
    assert examine(model, SCHEDULE, points)["target"].verdict == "healthy"


def test_pixels_of_bytes_are_named_and_the_rest_is_asked_all_the_same():
    pixels = ((X + 1) * 127.5).round().to(torch.uint8)
    report = examine(EXACT, SCHEDULE, pixels.numpy())
    assert report.first.name == "data"
    assert report["target"].verdict == "healthy"
    assert report["range"].verdict == "healthy"


def test_broken_pixels_end_the_examination():
    broken = X.clone()
    broken[0] = torch.nan
    report = examine(EXACT, SCHEDULE, broken)
    assert report.sick == ("data",)
    assert len(report.rows) == 1


def test_broken_weights_end_it_but_for_the_sampler():
    sick = patient("nan")
    names = [row.name for row in examine(**sick.chart()).rows]
    assert names == ["data", "finite", "end", "sampler"]


def test_an_ema_stands_for_its_network():
    net = patient("healthy")
    chart = {**net.chart(), "model": EMA(net.model)}
    assert examine(**chart)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"predicts": "noise"}, "predicts must be one of"),
        ({"images": X[:3]}, "images must be at least 8 images"),
        ({"images": "digits"}, "images must be at least 8 images"),
        ({"held_out": X[:2]}, "held_out must be at least 8 images"),
        ({"labels": LABELS[:9]}, "labels must be one per image; got 64"),
        ({"model": 3}, "model must be a function"),
        ({"model": lambda x: x}, r"model must take \(x, t\)"),
        ({"labels": LABELS}, r"model must take \(x, t, label\)"),
        ({"schedule": "linear"}, "the scheduler must have"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"guided": 3}, "guided must be a function"),
    ],
)
def test_what_it_cannot_take_is_refused_in_a_sentence(wrong, words):
    given = {"model": EXACT, "schedule": SCHEDULE, "images": X, **wrong}
    with pytest.raises(InputError, match=words):
        examine(**given)


# Networks of diffusers


@pytest.mark.parametrize(
    ("predicts", "kind"),
    [("eps", "epsilon"), ("x0", "sample"), ("v", "v_prediction")],
)
@pytest.mark.parametrize("scheduler", [DDPMScheduler, DDIMScheduler])
def test_a_network_of_diffusers_is_read_by_its_scheduler(
    predicts, kind, scheduler
):
    scheduler = scheduler(prediction_type=kind)
    model = AsUNet(scheduler, predicts)
    report = examine(model, scheduler, NOISY)
    assert report["target"].verdict == "healthy"
    assert report["t"].verdict == "healthy"
    assert report["schedule"].verdict == "healthy"
    assert report["sampler"].verdict == "healthy"
    assert report["sampler"].found.startswith("50 steps")


def test_its_wrong_prediction_type_is_found():
    scheduler = DDPMScheduler(prediction_type="v_prediction")
    report = examine(AsUNet(scheduler, "eps"), scheduler, NOISY)
    assert report.first.name == "target"


def test_its_wrong_betas_are_found():
    cosine = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    report = examine(AsUNet(cosine, "eps"), DDPMScheduler(), NOISY)
    assert report.first.name == "schedule"
    assert report.first.remedy.startswith(
        "sample with NoiseSchedule.cosine(T)"
    )


@pytest.mark.parametrize("wrap", [FromDiffusers, lambda net: net])
def test_a_new_network_of_theirs_is_untrained(wrap):
    report = examine(wrap(small_unet()), DDPMScheduler(), X)
    assert report.first.name == "untrained"


def test_their_classes_are_labels():
    report = examine(small_unet(10), DDPMScheduler(), X, labels=LABELS)
    assert report["time"].verdict == "healthy"
