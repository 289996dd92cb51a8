"""Guidance: a line through two answers of one network."""

from copy import deepcopy
from functools import partial

import pytest
import torch
from torch.testing import assert_close

from diffusion_lessons import (
    GaussianMixture,
    Guided,
    NoiseSchedule,
    TimeUNet,
    ancestral_sample,
    ddim_sample,
    x0_and_eps,
)

NULL = 3
LABELS = [2, torch.tensor(2), torch.tensor([0, 2, 2, NULL])]
SAMPLERS = {
    "ancestral": ancestral_sample,
    "ddim": partial(ddim_sample, num_steps=5, eta=0.5),
}
CLASSES = [
    GaussianMixture([[-1.5, 0.0]], 0.3),
    GaussianMixture([[1.0, 1.0]], 0.5),
    GaussianMixture([[0.5, -2.0]], 0.4),
]
ALL = GaussianMixture(
    [[-1.5, 0.0], [1.0, 1.0], [0.5, -2.0]], [0.3, 0.5, 0.4]
)
SCHEDULE = NoiseSchedule.cosine(60)


@pytest.fixture(scope="module")
def model():
    """A network with classes, every layer of it at random."""
    network = TimeUNet(base_channels=8, num_classes=NULL).double()
    generator = torch.Generator().manual_seed(0)
    for p in network.parameters():
        torch.nn.init.normal_(p, std=0.3, generator=generator)
    return network.requires_grad_(False)


@pytest.fixture(params=LABELS, ids=["int", "0-dim", "each its own"])
def label(request):
    return request.param


def noisy():
    """Four images and the step that each has reached."""
    x = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    return x, torch.tensor([1, 9, 30, 60])


class Counted:
    """A model that notes how many images it gets at a time."""

    def __init__(self, model):
        self.model, self.batches = model, []

    def __call__(self, x, t, label):
        self.batches.append(len(x))
        return self.model(x, t, label)


# The two ends and the line through them


def test_the_class_and_its_absence_make_a_difference(model):
    x, t = noisy()
    assert (model(x, t, 2) - model(x, t, NULL)).abs().mean() > 0.01


def test_scale_1_is_the_conditional_model_bit_for_bit(model, label):
    x, t = noisy()
    guided = Guided(model, label, NULL, scale=1)
    assert torch.equal(guided(x, t), model(x, t, label))


def test_scale_0_is_the_model_without_a_class_bit_for_bit(model, label):
    x, t = noisy()
    guided = Guided(model, label, NULL, scale=0)
    assert torch.equal(guided(x, t), model(x, t, NULL))


@pytest.mark.parametrize("scale", [-1, 0.3, 2, 7.5])
def test_any_scale_is_the_two_passes_put_together(model, label, scale):
    x, t = noisy()
    null, conditional = model(x, t, NULL), model(x, t, label)
    expected = (1 - scale) * null + scale * conditional
    guided = Guided(model, label, NULL, scale)(x, t)
    assert_close(guided, expected, rtol=0, atol=1e-10)


def test_scale_is_1_plus_the_w_of_the_paper(model):
    """Equation 6: (1 + w) conditional - w unconditional."""
    x, t = noisy()
    w = 2.0
    paper = (1 + w) * model(x, t, 1) - w * model(x, t, NULL)
    guided = Guided(model, 1, NULL, scale=1 + w)(x, t)
    assert_close(guided, paper, rtol=0, atol=1e-10)


def test_guidance_is_even_in_its_scale(model):
    """Equal steps of the scale are equal steps of the output."""
    x, t = noisy()
    outputs = [Guided(model, 1, NULL, scale)(x, t) for scale in range(5)]
    steps = torch.stack(outputs).diff(dim=0)
    assert_close(steps, steps[:1].expand_as(steps), rtol=0, atol=1e-10)


def test_towards_no_class_every_scale_is_the_same(model):
    x, t = noisy()
    guided = Guided(model, NULL, NULL, scale=7.5)(x, t)
    assert_close(guided, model(x, t, NULL), rtol=0, atol=1e-10)


# How it asks


@pytest.mark.parametrize(
    ("scale", "batch"), [(0, 4), (1, 4), (0.5, 8), (3, 8)]
)
def test_one_pass_serves_both_halves(model, label, scale, batch):
    counted = Counted(model)
    Guided(counted, label, NULL, scale)(*noisy())
    assert counted.batches == [batch]


@pytest.mark.parametrize("scale", [0, 1, 3])
def test_one_t_serves_a_whole_batch(model, label, scale):
    x, _ = noisy()
    guided = Guided(model, label, NULL, scale)
    each = guided(x, torch.full((4,), 9))
    assert torch.equal(guided(x, 9), each)
    assert torch.equal(guided(x, torch.tensor(9)), each)


def test_each_image_is_guided_towards_its_own_label(model):
    x, t = noisy()
    labels = torch.tensor([0, 2, 2, 1])
    together = Guided(model, labels, NULL, 3)(x, t)
    for i, one in enumerate(labels.tolist()):
        alone = Guided(model, one, NULL, 3)(x[i : i + 1], t[i : i + 1])
        assert_close(together[i], alone[0], rtol=0, atol=1e-10)


def test_no_input_is_changed(model, label):
    x, t = noisy()
    before = x.clone(), t.clone(), torch.as_tensor(label).clone()
    Guided(model, label, NULL, 3)(x, t)
    assert all(map(torch.equal, before, (x, t, torch.as_tensor(label))))


def test_a_guided_model_is_a_module_that_holds_its_network(model):
    guided = Guided(deepcopy(model), 2, NULL, 3)
    assert len(list(guided.parameters())) == len(list(model.parameters()))
    assert not guided.eval().model.training
    assert guided.to("meta").label.is_meta


# In a sampler


def walk(sampler, model, x_T, **settings):
    generator = torch.Generator().manual_seed(1)
    path = sampler(model, x_T, SCHEDULE, generator=generator, **settings)
    return torch.stack([snapshot.x for snapshot in path])


@pytest.fixture(params=SAMPLERS)
def sampler(request):
    return SAMPLERS[request.param]


@pytest.mark.parametrize(("scale", "means"), [(0, NULL), (1, 2)])
def test_both_ends_walk_the_path_of_the_model_itself(
    model, sampler, scale, means
):
    x_T, _ = noisy()
    guided = walk(sampler, Guided(model, 2, NULL, scale), x_T)
    plain = walk(sampler, lambda x, t: model(x, t, means), x_T)
    assert torch.equal(guided, plain)


def test_any_scale_walks_the_path_of_the_two_passes(model, sampler):
    def two_passes(x, t):
        return 3 * model(x, t, 2) - 2 * model(x, t, NULL)

    x_T, _ = noisy()
    guided = walk(sampler, Guided(model, 2, NULL, 3), x_T)
    expected = walk(sampler, two_passes, x_T)
    assert_close(guided, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
def test_to_guide_what_is_read_is_to_read_what_is_guided(model, predicts):
    """Reading is linear, so eps, x0 and v are guided alike."""
    x, t = noisy()
    outputs = Guided(model, 2, NULL, 3)(x, t), model(x, t, 2)
    outputs += (model(x, t, NULL),)
    guided, conditional, null = (
        torch.stack(x0_and_eps(output, x, t, SCHEDULE, predicts))
        for output in outputs
    )
    expected = null + 3 * (conditional - null)
    assert_close(guided, expected, rtol=1e-9, atol=1e-9)


# Of a mixture, where every class is known


def exact_eps(x, t, label):
    """The perfect network of the three classes, and of all."""
    _, sigma = SCHEDULE.signal_and_sigma(t, x)
    each = [m.score(x, t, SCHEDULE) for m in (*CLASSES, ALL)]
    return -sigma * torch.stack(each)[label, torch.arange(len(x))]


def test_guidance_climbs_the_probability_of_the_class():
    """eps moves by -sigma times the gradient of log p(class | x_t)."""
    x = 2 * torch.randn(20, 2, dtype=torch.float64)
    x.requires_grad_()
    for t in (1, 20, 60):
        weights = ALL.posterior(x, t, SCHEDULE).weights
        (uphill,) = torch.autograd.grad(weights[:, 1].log().sum(), x)
        _, sigma = SCHEDULE.signal_and_sigma(t, x)
        moved = Guided(exact_eps, 1, NULL, 4)(x, t) - Guided(
            exact_eps, 1, NULL, 0
        )(x, t)
        assert_close(moved, -4 * sigma * uphill)


def test_scale_1_draws_from_the_class_and_a_larger_one_beyond_it():
    """Within 5 standard errors of 2000 draws, and what 60 steps leave."""
    x_T = torch.randn(2000, 2, dtype=torch.float64)
    steps = {"num_steps": 60, "clip": None}
    plain, guided = (
        walk(ddim_sample, Guided(exact_eps, 1, NULL, scale), x_T, **steps)
        for scale in (1, 4)
    )
    middle = torch.tensor([1.0, 1.0]).double()
    error = 5 * 0.5 / 2000**0.5 + 0.02
    assert_close(plain[-1].mean(0), middle, rtol=0, atol=error)
    assert (guided[-1].mean(0) > middle + error).all()
    assert (guided[-1].std(0) < plain[-1].std(0)).all()
