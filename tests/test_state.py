"""A run keeps to its rate, and goes on bit for bit after a stop."""

import os
import signal
from itertools import islice

import pytest
import torch
from runs import SCHEDULE, Labelled, finish, labelled_run, tiny_run, weights
from torch import nn
from torch.testing import assert_close

from diffusion_lessons import (
    Batches,
    IgnoreTime,
    Recipe,
    TrainState,
    diffusion_loss,
    load_checkpoint,
    save_checkpoint,
    train,
)
from diffusion_lessons.recipe import lr_factor

# The learning rate


def test_the_learning_rate_falls_to_0_along_a_cosine():
    rates = [
        s.state.optimizer.param_groups[0]["lr"]
        for s in tiny_run(20, lr=0.5)
    ]
    assert rates[9] == pytest.approx(0.25)
    assert rates[-1] == pytest.approx(0, abs=1e-12)


def test_every_step_has_the_rate_of_the_curve():
    rates = [
        s.state.optimizer.param_groups[0]["lr"]
        for s in tiny_run(12, lr=0.5, warmup=4)
    ]
    curve = [0.5 * lr_factor(step, 12, warmup=4) for step in range(1, 13)]
    assert rates == pytest.approx(curve)


def test_with_a_warm_up_the_first_step_is_a_short_one():
    short, full = (weights(next(tiny_run(warmup=w)).state) for w in (9, 0))
    start = weights(next(tiny_run(lr=0.0)).state)
    assert_close(short - start, (full - start) / 10, rtol=1e-3, atol=1e-7)


# The length of the gradients


def moved_by(max_norm):
    """How far plain gradient descent goes in one step."""
    model = nn.Linear(9, 1)
    recipe = Recipe(lr=1.0, max_norm=max_norm)
    descent = torch.optim.SGD(model.parameters(), lr=1.0)
    state = TrainState(model, descent, None, None, SCHEDULE, recipe)
    before = weights(state).clone()
    (3 * weights(state).sum()).backward()
    state.advance()
    return (weights(state) - before).norm().item()


def test_long_gradients_are_made_as_long_as_allowed():
    whole = 3 * 10**0.5
    assert moved_by(None) == pytest.approx(whole)
    assert moved_by(2.0) == pytest.approx(2.0, rel=1e-5)
    assert moved_by(20.0) == pytest.approx(whole)


# Stop and go on


def all_weights(state):
    """Of the network and of its average."""
    both = [*state.model.parameters(), *state.ema.model.parameters()]
    return torch.cat([p.flatten() for p in both]).tolist()


@pytest.mark.parametrize("stop", [1, 3, 4, 8])
def test_a_run_with_labels_drops_and_average_resumes_bit_identical(
    tmp_path, stop
):
    """Three batches fill a pass; the warm-up ends after five steps."""
    options = {"p_uncond": 0.5, "warmup": 5, "ema": 0.3}
    *_, last = labelled_run(**options)
    *_, step = islice(labelled_run(**options), stop)
    save_checkpoint(tmp_path / "run.pt", step.state)
    saved = load_checkpoint(tmp_path / "run.pt")
    *_, resumed = labelled_run(resume=saved)
    assert resumed.step == last.step == 9
    assert resumed.loss == last.loss
    assert all_weights(resumed.state) == all_weights(last.state)


def test_a_state_in_memory_stays_as_it_was_taken():
    losses, last = finish(tiny_run())
    run = tiny_run()
    *_, step = islice(run, 4)
    saved = step.state.state_dict()
    finish(run)
    assert finish(tiny_run(resume=saved)) == (losses[4:], last)


def test_a_state_can_be_resumed_twice():
    *_, step = islice(tiny_run(), 4)
    saved = step.state.state_dict()
    first = finish(tiny_run(resume=saved))
    assert finish(tiny_run(resume=saved)) == first


def test_a_finished_run_has_no_more_steps(tmp_path):
    *_, step = tiny_run()
    save_checkpoint(tmp_path / "run.pt", step.state)
    resumed = tiny_run(resume=load_checkpoint(tmp_path / "run.pt"))
    assert list(resumed) == []


# What is refused changes nothing


def everything(run_state):
    """All that a run could have changed, as one flat list of tensors."""
    saved = run_state.state_dict()
    found = []

    def collect(value):
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, dict):
            [collect(v) for v in value.values()]
        elif isinstance(value, list | tuple):
            [collect(v) for v in value]
        else:
            found.append(torch.tensor(float(value or 0)))

    collect(saved)
    return found


def fresh(**options):
    """A run that has not begun, and its state."""
    return next(labelled_run(ema=0.5, **options)).state


def other(**change):
    """A saved state with something changed."""
    *_, step = islice(labelled_run(ema=0.5), 4)
    saved = step.state.state_dict()
    for path, value in change.items():
        *parts, last = path.split("__")
        place = saved
        for part in parts:
            place = place[int(part) if part.isdigit() else part]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return saved


UNFIT = {
    "no model": ({"model": None}, "a dict without 'model'"),
    "no optimizer": ({"optimizer": None}, "a dict without 'optimizer'"),
    "no generator": ({"generator": None}, "a dict without 'generator'"),
    "another layer": ({"model__conv.bias": torch.ones(2)}, "conv.bias"),
    "a layer less": ({"model__conv.bias": None}, "it has no 'conv.bias'"),
    "a layer more": ({"model__up": torch.ones(2)}, "it also has 'up'"),
    "another average": (
        {"ema__model__conv.bias": torch.ones(2)},
        "average",
    ),
    "no average": ({"ema": {}}, "ema=0.5: the saved run averaged no"),
    "another optimizer": (
        {"optimizer__state__0__exp_avg": torch.ones(2)},
        "optimizer does not fit",
    ),
    "fewer weights in the optimizer": (
        {"optimizer__param_groups__0__params": [0, 1]},
        "optimizer does not fit",
    ),
    "an empty optimizer": ({"optimizer": {}}, "optimizer does not fit"),
    "no generator's state": (
        {"generator": torch.zeros(3, dtype=torch.uint8)},
        "generator: this is no state",
    ),
    "no state of the batches' generator": (
        {"batches__generator": torch.zeros(3, dtype=torch.uint8)},
        "generator: this is no state",
    ),
    "no state of torch's generator": (
        {"torch_generator": torch.zeros(3)},
        "generator: this is no state",
    ),
    "other images": ({"batches__order": torch.arange(9)}, "over 9 images"),
    "no order": ({"batches__order": None}, "a dict without 'order'"),
    "another batch": ({"batches__batch_size": 2}, "batch_size: .* has 2;"),
    "another schedule": ({"betas": torch.ones(3) / 3}, "schedule: .*T=3"),
}


@pytest.mark.parametrize("change", UNFIT)
def test_all_is_checked_before_anything_is_changed(change):
    changed, words = UNFIT[change]
    saved, state = other(**changed), fresh()
    before = everything(state)
    with pytest.raises(ValueError, match=words):
        state.load_state_dict(saved)
    for was, now in zip(before, everything(state), strict=True):
        assert torch.equal(was, now)


def test_what_fits_changes_everything():
    state = fresh()
    saved = other()
    state.load_state_dict(saved)
    assert state.step == 4
    for was, now in zip(
        everything(state), everything(fresh_from(saved)), strict=True
    ):
        assert torch.equal(was, now)


def fresh_from(saved):
    *_, step = islice(labelled_run(ema=0.5), 4)
    assert step.step == saved["step"]
    return step.state


@pytest.mark.parametrize("weights_alone", [{}, {"conv.weight": 1}])
def test_weights_alone_are_no_state_and_it_says_what_to_do(weights_alone):
    with pytest.raises(ValueError, match=r"weights alone: model\.load_st"):
        labelled_run(resume=weights_alone)


def test_a_state_saved_before_anything_was_kept_of_the_recipe_is_taken():
    """The first version: no recipe, no betas, a schedule of torch's."""
    losses, last = finish(tiny_run(lr=0.03))
    *_, step = islice(tiny_run(lr=0.03), 4)
    saved = step.state.state_dict()
    for new in ("recipe", "betas", "ema", "torch_generator"):
        del saved[new]
    del saved["batches"]["batch_size"]
    saved |= {"num_steps": 9, "lr_schedule": {"base_lrs": [0.03]}}
    torch.manual_seed(0)
    resumed = list(tiny_run(None, resume=saved))
    assert [s.loss for s in resumed] == losses[4:]
    assert weights(resumed[-1].state).tolist() == last


def test_an_average_begins_where_it_was_not_asked_for_before():
    """A run without one cannot go on with one: it would average too few."""
    saved = next(tiny_run()).state.state_dict()
    with pytest.raises(ValueError, match=r"ema: the saved run has None"):
        tiny_run(ema=0.9, resume=saved)


@pytest.mark.parametrize(
    "wrap",
    [nn.DataParallel, lambda net: torch.compile(net, backend="eager")],
    ids=["DataParallel", "compile"],
)
def test_a_wrapped_network_saves_what_the_bare_one_loads(wrap):
    def run(make, **options):
        torch.manual_seed(0)
        net = make(IgnoreTime(nn.Conv2d(1, 1, 3, padding=1)))
        images = torch.linspace(-1, 1, 160).view(10, 1, 4, 4)
        data = Batches(images, batch_size=3)
        return train(net, data, SCHEDULE, num_steps=9, ema=0.5, **options)

    *_, last = run(lambda net: net)
    for first, second in ((wrap, lambda n: n), (lambda n: n, wrap)):
        *_, step = islice(run(first), 4)
        saved = step.state.state_dict()
        assert all(name.startswith("model.") for name in saved["model"])
        *_, resumed = run(second, resume=saved)
        assert (
            weights(resumed.state).tolist() == weights(last.state).tolist()
        )


def test_a_saved_state_with_the_names_of_a_wrapper_is_taken():
    losses, last = finish(tiny_run())
    *_, step = islice(tiny_run(), 4)
    saved = step.state.state_dict()
    wrapped = {f"module.{k}": v for k, v in saved["model"].items()}
    resumed = finish(tiny_run(resume=saved | {"model": wrapped}))
    assert resumed == (losses[4:], last)


# A network that draws


def test_dropout_goes_on_as_it_would_have():
    def run(**options):
        torch.manual_seed(5)
        net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Dropout(0.5))
        images = torch.linspace(-1, 1, 160).view(10, 1, 4, 4)
        data = Batches(images, batch_size=3)
        return train(
            IgnoreTime(net), data, SCHEDULE, num_steps=9, **options
        )

    losses, last = finish(run())
    *_, step = islice(run(), 4)
    saved = step.state.state_dict()
    assert finish(run(resume=saved)) == (losses[4:], last)


# A step that is cut short


def cut_at(step, error):
    """A loss that fails once, in the forward pass of that step."""
    calls = []

    def loss(model, *given, **label):
        calls.append(1)
        value = diffusion_loss(model, *given, **label)
        if len(calls) == step:
            raise error
        return value

    return loss


class Normed(Labelled):
    """Labelled, with running statistics and with noise of its own."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm2d(1), nn.Dropout(0.3)

    def forward(self, x, t, label):
        return self.drop(self.norm(super().forward(x, t, label)))


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("step", [2, 4, 5])
def test_a_step_cut_short_leaves_the_state_as_before_it(step, error):
    """Steps 4 and 5 begin a new pass over the data, and follow it."""
    options = {"model": Normed, "p_uncond": 0.5, "ema": 0.5}
    *_, last = labelled_run(**options)
    run = labelled_run(loss=cut_at(step, error()), **options)
    *_, done = islice(run, step - 1)
    before = everything(done.state)
    with pytest.raises(error):
        next(run)
    for was, now in zip(before, everything(done.state), strict=True):
        assert torch.equal(was, now)
    *_, resumed = labelled_run(resume=done.state.state_dict(), **options)
    assert all_weights(resumed.state) == all_weights(last.state)


def test_ctrl_c_while_the_weights_move_waits_until_they_have():
    class Pressed(Exception):
        """Ctrl-C, for this test."""

    def press(*_):
        raise Pressed

    run = tiny_run(ema=0.5)
    state = next(run).state
    update, usual = state.ema.update, signal.signal(signal.SIGINT, press)

    def pressed_meanwhile(model):
        os.kill(os.getpid(), signal.SIGINT)
        update(model)

    state.ema.update = pressed_meanwhile
    try:
        with pytest.raises(Pressed):
            next(run)
    finally:
        signal.signal(signal.SIGINT, usual)
    *_, second = islice(tiny_run(ema=0.5), 2)
    assert state.step == 2
    state.ema.update = update
    for was, now in zip(
        everything(second.state), everything(state), strict=True
    ):
        assert torch.equal(was, now)


def test_the_optimizer_is_at_the_rate_of_its_step_after_a_resume():
    *_, step = islice(tiny_run(20, lr=0.5), 10)
    resumed = tiny_run(20, resume=step.state.state_dict())
    assert next(resumed).state.optimizer.param_groups[0]["lr"] == (
        pytest.approx(0.5 * lr_factor(11, 20))
    )
