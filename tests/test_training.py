"""A training run repeats bit for bit, and learns."""

import inspect

import pytest
import torch
from runs import SCHEDULE, Labelled, finish, labelled_run, tiny_run, weights
from torch import nn
from torch.testing import assert_close

from diffusion_lessons import (
    BasicUNet,
    Batches,
    IgnoreTime,
    diffusion_loss,
    loss_by_t,
    overfit_one_batch,
    steps_for,
    train,
)
from diffusion_lessons.loss import draw_t_and_noise
from diffusion_lessons.training import labelled, take_step

DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def seen_labels(run):
    """All labels that the network was shown in a run, (steps, B)."""
    *_, step = run
    return torch.stack(step.state.model.seen)


def sum_of_weights(model, *_):
    """A loss with slope 1 in every weight."""
    return sum(p.sum() for p in model.parameters())


# A run


def test_a_run_with_the_same_seed_is_bit_identical():
    assert finish(tiny_run()) == finish(tiny_run())


def test_a_run_with_another_seed_differs():
    assert finish(tiny_run())[0] != finish(tiny_run(seed=1))[0]


def test_a_run_leaves_the_global_random_numbers_alone():
    run = tiny_run()
    before = torch.get_rng_state()
    finish(run)
    assert torch.equal(torch.get_rng_state(), before)


def test_steps_are_counted_from_1():
    steps = list(tiny_run(4))
    assert [s.step for s in steps] == [1, 2, 3, 4]
    assert steps[-1].state.step == 4


def test_nothing_runs_until_a_step_is_asked_for():
    calls = []

    def loss(model, *args):
        calls.append(1)
        return diffusion_loss(model, *args)

    run = tiny_run(loss=loss)
    assert len(calls) == 0
    next(run)
    assert len(calls) == 1


def test_the_first_step_moves_the_weights_by_the_learning_rate():
    """AdamW moves every weight by lr, save what it decays them by."""
    model = IgnoreTime(nn.Conv2d(1, 1, 3))
    before = nn.utils.parameters_to_vector(model.parameters()).detach()
    batches = Batches(torch.zeros(3, 1, 4, 4), batch_size=3)
    run = train(model, batches, SCHEDULE, lr=0.01, loss=sum_of_weights)
    moved = before - weights(next(run).state)
    assert_close(moved, torch.full((10,), 0.01), rtol=0.02, atol=0)


def test_the_reported_loss_is_the_one_before_the_step():
    values = []

    def loss(model, *args):
        values.append(diffusion_loss(model, *args))
        return values[-1]

    losses, _ = finish(tiny_run(loss=loss))
    assert losses == [v.item() for v in values]


def test_gradients_do_not_pile_up():
    for step in tiny_run(3, loss=sum_of_weights):
        grads = [p.grad for p in step.state.model.parameters()]
        assert all((g == 1).all() for g in grads)


def test_the_network_is_in_training_mode_at_every_step():
    modes = []

    def loss(model, *args):
        modes.append(model.training)
        return diffusion_loss(model, *args)

    for step in tiny_run(4, loss=loss):
        loss_by_t(step.state.model, torch.zeros(2, 1, 4, 4), SCHEDULE, [1])
    assert modes == [True] * 4


def test_training_lowers_the_loss():
    black, white = -torch.ones(16, 1, 8, 8), torch.ones(16, 1, 8, 8)
    batches = Batches(torch.cat([black, white]), batch_size=32)
    model = IgnoreTime(BasicUNet(final_activation=False))
    run = train(model, batches, SCHEDULE, num_steps=80)
    losses = [step.loss for step in run]
    assert 0.5 < sum(losses[:5]) / 5 < 1.5
    assert sum(losses[-20:]) / 20 < 0.4


@pytest.mark.parametrize("device", DEVICES)
def test_a_run_takes_place_where_the_network_is(device):
    model = IgnoreTime(BasicUNet()).to(device)
    images = torch.zeros(4, 1, 8, 8)
    run = train(model, Batches(images, batch_size=2), SCHEDULE, num_steps=2)
    assert all(step.loss > 0 for step in run)
    assert loss_by_t(model, images, SCHEDULE, [1, 20]).device.type == "cpu"
    losses = overfit_one_batch(model, images, SCHEDULE, num_steps=2)
    assert len(losses) == 2


@pytest.mark.parametrize(
    ("device", "steps", "said"),
    [
        ("cpu", 800, ""),
        (torch.device("cpu"), 800, ""),
        ("cuda", 4000, "cuda: 4,000 training steps, on a CPU 800\n"),
        (torch.device("cuda", 1), 4000, "cuda: 4,000 training steps, "),
    ],
)
def test_a_gpu_trains_for_longer_and_says_so(device, steps, said, capsys):
    assert steps_for(device, cpu=800, gpu=4000) == steps
    printed = capsys.readouterr().out
    assert printed.startswith(said)
    assert bool(printed) == bool(said)


# Labels


def test_the_network_is_told_the_labels_of_its_images():
    """The images of labelled_run rise with their class."""
    pairs = []

    def loss(model, x0, t, noise, schedule, label):
        pairs.append((x0.mean(dim=(1, 2, 3)), label))
        return diffusion_loss(model, x0, t, noise, schedule, label=label)

    seen = seen_labels(labelled_run(loss=loss))
    classes = torch.linspace(-1, 1, 240).view(15, 16).mean(1)
    for (means, label), shown in zip(pairs, seen, strict=True):
        assert_close(means, classes[label])
        assert torch.equal(label, shown)


def test_without_labels_the_network_is_told_x_and_t_only():
    """tiny_run's network takes no third argument."""
    assert len(list(tiny_run(3))) == 3


def test_without_labels_the_loss_is_asked_as_it_is():
    assert labelled(diffusion_loss, None, None) is diffusion_loss


def test_the_step_that_the_book_lists_is_plain():
    """Labels come in chapter 9: the listing of chapter 4 has none."""
    listing = inspect.getsource(take_step)
    assert "label" not in listing
    assert "null" not in listing


def test_a_share_of_the_labels_is_dropped():
    """Within five standard deviations of a binomial count."""
    run = labelled_run(600, batch_size=15, p_uncond=0.2)
    dropped = seen_labels(run) == Labelled.null_label
    count, wide = dropped.sum().item(), 5 * (9000 * 0.2 * 0.8) ** 0.5
    assert abs(count - 9000 * 0.2) < wide
    assert len(dropped.sum(1).unique()) > 3  # not the same in each batch


@pytest.mark.parametrize(("p", "count"), [(0, 0), (1, 36)])
def test_p_uncond_0_drops_none_and_1_all(p, count):
    seen = seen_labels(labelled_run(p_uncond=p))
    assert (seen == Labelled.null_label).sum() == count


def test_dropping_leaves_the_labels_of_the_data_alone():
    *_, step = labelled_run(p_uncond=0.9)
    assert torch.equal(step.state.batches.labels, torch.arange(15))


def test_a_run_that_drops_labels_is_bit_identical_for_a_seed():
    one, same, other = (
        finish(labelled_run(p_uncond=0.5, seed=s)) for s in (3, 3, 4)
    )
    assert one == same
    assert one != other


def test_a_run_that_drops_leaves_the_global_random_numbers_alone():
    run = labelled_run(p_uncond=0.5)
    before = torch.get_rng_state()
    finish(run)
    assert torch.equal(torch.get_rng_state(), before)


# One batch by heart


def test_one_batch_can_be_learnt_by_heart():
    x0 = torch.randn(4, 1, 8, 8)
    model = IgnoreTime(BasicUNet(final_activation=False))
    losses = overfit_one_batch(model, x0, SCHEDULE, num_steps=150)
    assert len(losses) == 150
    assert losses[-1] < 0.1 * losses[0]


def test_behind_a_silu_one_batch_cannot_be_learnt():
    """The part of the noise below SiLU's minimum stays as loss."""
    x0 = torch.randn(4, 1, 8, 8)
    _, noise = draw_t_and_noise(
        x0, SCHEDULE, torch.Generator().manual_seed(3)
    )
    floor = ((-0.278465 - noise).clamp(min=0) ** 2).mean()
    model = IgnoreTime(BasicUNet(final_activation=True))
    losses = overfit_one_batch(model, x0, SCHEDULE, num_steps=99, seed=3)
    assert min(losses) > floor
    assert losses[-1] < losses[0]


def test_learning_by_heart_sees_one_t_and_one_noise_per_image():
    seen = []

    def loss(model, x0, t, noise, schedule):
        seen.append((t, noise))
        return sum_of_weights(model)

    x0 = torch.randn(4, 1, 8, 8)
    model = nn.Conv2d(1, 1, 1)
    overfit_one_batch(model, x0, SCHEDULE, num_steps=3, loss=loss)
    assert all(t is seen[0][0] and e is seen[0][1] for t, e in seen)


# The bar


def test_a_bar_shows_the_loss_when_asked(capsys):
    list(tiny_run(3, progress=True))
    shown = capsys.readouterr()
    assert "training: 100%" in shown.err
    assert "3/3" in shown.err
    assert shown.out == ""


def test_without_a_bar_nothing_is_written(capsys):
    list(tiny_run(3))
    assert capsys.readouterr() == ("", "")


# Refusals


@pytest.mark.parametrize(
    ("batches", "got"),
    [
        ([torch.zeros(1)], r"\[tensor\(\[0\.\]\)\]"),
        (torch.zeros(3), r"float32 values of shape \(3,\)"),
    ],
)
def test_anything_but_batches_is_refused(batches, got):
    model = IgnoreTime(nn.Conv2d(1, 1, 1))
    words = rf"batches must be a Batches\(.*; got {got}"
    with pytest.raises(TypeError, match=words):
        train(model, batches, SCHEDULE)


def test_labels_that_are_not_there_cannot_be_dropped():
    batches = Batches(torch.zeros(3, 1, 4, 4), batch_size=3)
    with pytest.raises(ValueError, match="takes batches with labels"):
        train(Labelled(), batches, SCHEDULE, p_uncond=0.1)


def test_labels_are_not_dropped_for_a_network_without_a_null():
    batches = Batches(
        torch.zeros(3, 1, 4, 4), torch.arange(3), batch_size=3
    )
    model = IgnoreTime(nn.Conv2d(1, 1, 1))
    with pytest.raises(ValueError, match="a model with a null_label"):
        train(model, batches, SCHEDULE, p_uncond=0.1)


@pytest.mark.parametrize("mode", [True, False])
def test_a_run_gives_the_network_its_mode_back(mode):
    for end in (list, next, lambda run: [next(run), run.close()]):
        model = IgnoreTime(nn.Conv2d(1, 1, 1)).train(mode)
        data = Batches(torch.zeros(4, 1, 4, 4), batch_size=2)
        run = train(model, data, SCHEDULE, num_steps=2)
        end(run)
        del run
        assert model.training == mode


@pytest.mark.parametrize("mode", [True, False])
def test_an_error_in_a_run_leaves_no_mode_behind(mode):
    def broken(*given):
        raise ZeroDivisionError

    model = IgnoreTime(nn.Conv2d(1, 1, 1)).train(mode)
    data = Batches(torch.zeros(4, 1, 4, 4), batch_size=2)
    with pytest.raises(ZeroDivisionError):
        next(train(model, data, SCHEDULE, loss=broken))
    assert model.training == mode


def test_a_step_trains_whatever_was_done_to_the_mode_between():
    modes = []

    def loss(model, *given):
        modes.append(model.training)
        return diffusion_loss(model, *given)

    for step in tiny_run(3, loss=loss):
        step.state.model.eval()
    assert modes == [True] * 3


def test_the_seed_draws_t_and_noise_and_nothing_else_does():
    def drawn(global_seed, **options):
        seen = []

        def loss(model, x0, t, noise, schedule):
            seen.append((t, noise))
            return diffusion_loss(model, x0, t, noise, schedule)

        run = tiny_run(3, loss=loss, **options)
        torch.manual_seed(global_seed)
        list(run)
        return torch.cat([x.flatten().double() for s in seen for x in s])

    assert torch.equal(drawn(1, seed=5), drawn(2, seed=5))
    assert not torch.equal(drawn(1, seed=5), drawn(1, seed=6))
    assert torch.equal(drawn(1), drawn(1, seed=0))


@pytest.mark.parametrize("mode", [True, False])
def test_one_batch_is_learnt_in_training_and_the_mode_put_back(mode):
    modes = []

    def loss(model, *given):
        modes.append(model.training)
        return diffusion_loss(model, *given)

    model = IgnoreTime(nn.Conv2d(1, 1, 1)).train(mode)
    x0 = torch.zeros(2, 1, 4, 4)
    overfit_one_batch(model, x0, SCHEDULE, num_steps=2, loss=loss)
    assert modes == [True, True]
    assert model.training == mode
