"""How a model is asked: in its own dtype and mode, and unchanged."""

import pytest
import torch
from patients_of_tests import Flat, X, case
from torch import nn

from diffusion_lessons.doctor import first_rows as first
from diffusion_lessons.doctor.case import asked, levels_of, untouched


def test_batch_statistics_are_found_and_kept():
    norm = nn.BatchNorm2d(1)
    before = norm.running_mean.clone()
    assert first.mode_row(case(Flat(norm).train())).sick
    assert torch.equal(norm.running_mean, before)
    assert norm.num_batches_tracked == 0


def test_the_dice_of_the_user_are_not_touched():
    torch.manual_seed(1)
    first.mode_row(case(Flat(nn.Dropout(0.2)).train()))
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(after, torch.rand(1))


def test_the_mode_is_as_it_was_after_a_question():
    model = Flat(nn.Dropout(0.2)).train()
    answer = asked(model, X, torch.ones(64).long())
    assert torch.equal(answer, X / 40)
    assert model.training
    with untouched(model), torch.no_grad():
        model(X, torch.ones(64).long())


def test_levels_are_the_same_images_with_the_same_noise():
    levels = levels_of(case())
    n = levels.count
    x0, noise = levels.x0.view(-1, n, 64), levels.noise.view(-1, n, 64)
    assert (x0 == x0[0]).all()
    assert (noise == noise[0]).all()
    steps = levels.t.view(-1, n)[:, 0]
    assert (steps.diff() > 0).all()
    assert steps[0] >= 1
    assert steps[-1] < 40


def test_another_seed_is_another_noise():
    one, same, other = (levels_of(case(seed=s)).noise for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_labels_go_with_their_images():
    x = torch.arange(64.0).view(64, 1, 1, 1).expand(64, 1, 8, 8) / 64
    labels = torch.arange(64)
    levels = levels_of(case(images=x, labels=labels))
    assert torch.equal(levels.label, (levels.x0[:, 0, 0, 0] * 64).long())


def test_losses_are_those_of_the_three_targets():
    levels = levels_of(case())
    losses = levels.losses(levels.noise)
    assert losses["eps"].abs().max() == 0
    assert losses["x0"].mean() > 0.5
    for_v = levels.losses(levels.targets("v"))
    assert for_v["v"].abs().max() == 0


def test_a_model_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="must return a tensor of shape"):
        case(lambda x, t: x[:, :, :4]).ask(X, torch.ones(64).long())
