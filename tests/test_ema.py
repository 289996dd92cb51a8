"""The running average of the weights is the sum that it stands for."""

from math import prod

import pytest
import torch
from runs import finish, tiny_run, weights
from torch import nn

from diffusion_lessons import EMA


def step_to(model, value):
    """Give every weight of *model* the same value."""
    for p in model.parameters():
        nn.init.constant_(p, value)
    return model


def test_the_average_of_weights_that_stay_is_those_weights():
    model = nn.Linear(2, 3)
    ema = EMA(model)
    for _ in range(20):
        ema.update(model)
    expected = dict(model.named_parameters())
    for name, average in ema.model.named_parameters():
        assert torch.equal(average, expected[name])


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 0.999])
def test_what_is_left_of_the_start_is_the_product_of_the_decays(decay):
    """From 1 to 0: after k updates d_1 d_2 … d_k is left of the 1."""
    model = step_to(nn.Linear(2, 1).double(), 1.0)
    ema = EMA(model, decay)
    step_to(model, 0.0)
    decays = [min(decay, k / (k + 10)) for k in range(1, 31)]
    for k in range(1, 31):
        ema.update(model)
        left = ema.model.bias.item()
        assert left == pytest.approx(prod(decays[:k]), rel=1e-9)


def test_the_average_is_the_sum_of_the_paths_weights():
    """Σ (1 - d_k) d_(k+1) … d_n w_k, the closed form of the recursion."""
    path = torch.randn(40, dtype=torch.float64)
    model = step_to(nn.Linear(2, 1).double(), 0.0)
    ema = EMA(model, 0.7)
    for value in path:
        ema.update(step_to(model, value.item()))
    decays = [min(0.7, k / (k + 10)) for k in range(1, 41)]
    expected = sum(
        (1 - decays[k]) * prod(decays[k + 1 :]) * path[k] for k in range(40)
    )
    assert ema.model.bias.item() == pytest.approx(expected.item())


def test_the_average_follows_the_network_and_does_not_touch_it():
    model = step_to(nn.Linear(2, 3), 1.0)
    ema = EMA(model, 0.0)
    step_to(ema.model, 5.0)
    assert all((p == 1).all() for p in model.parameters())
    ema.update(model)
    assert all((p == 1).all() for p in model.parameters())
    assert all((p == 1).all() for p in ema.model.parameters())


def test_the_average_is_no_part_of_the_graph_and_ready_to_sample():
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout()).train()
    ema = EMA(model)
    model(torch.ones(1, 2)).sum().backward()
    ema.update(model)
    assert not any(p.requires_grad for p in ema.model.parameters())
    assert all(p.grad_fn is None for p in ema.model.parameters())
    assert not ema.model.training
    assert model.training
    assert all(p.requires_grad for p in model.parameters())


def test_averaging_changes_nothing_in_the_run():
    run = tiny_run()
    step = next(run)
    ema, losses = EMA(step.state.model), [step.loss]
    for step in run:
        ema.update(step.state.model)
        losses.append(step.loss)
    assert (losses, weights(step.state).tolist()) == finish(tiny_run())
    assert finish(tiny_run(ema=0.9)) == finish(tiny_run())


def test_a_saved_average_stays_as_it_was_taken():
    model = step_to(nn.Linear(2, 3), 1.0)
    ema = EMA(model, 0.5)
    saved = ema.state_dict()
    ema.update(step_to(model, 0.0))
    assert saved["updates"] == 0
    assert all((v == 1).all() for v in saved["model"].values())


def test_an_average_in_a_file_of_its_own_goes_on_bit_for_bit(tmp_path):
    path = [nn.Linear(2, 3) for _ in range(9)]
    ema, again = EMA(path[0]), EMA(nn.Linear(2, 3))
    for model in path[:4]:
        ema.update(model)
    torch.save(ema.state_dict(), tmp_path / "ema.pt")
    again.load_state_dict(
        torch.load(tmp_path / "ema.pt", weights_only=True)
    )
    for model in path[4:]:
        ema.update(model)
        again.update(model)
    averages = ema.model.parameters(), again.model.parameters()
    assert all(map(torch.equal, *averages))


@pytest.mark.parametrize("decay", [-0.1, 1, 1.5])
def test_a_decay_outside_0_to_1_is_refused(decay):
    words = rf"decay must be in 0\.\.1, not 1; got {decay}"
    with pytest.raises(ValueError, match=words):
        EMA(nn.Linear(1, 1), decay)


def test_statistics_that_are_no_weights_are_taken_over():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    ema = EMA(net, 0.9)
    for _ in range(5):
        net(torch.randn(8, 1, 4, 4) * 3 + 1)
        ema.update(net)
    for own, new in zip(ema.model.buffers(), net.buffers(), strict=True):
        assert torch.equal(own, new)
        assert own is not new
    assert ema.model[1].num_batches_tracked == 5


def test_called_it_answers_as_the_averaged_network():
    net = nn.Linear(2, 3)
    ema = EMA(net, 0.5)
    step_to(net, 0.0)
    x = torch.ones(1, 2)
    assert torch.equal(ema(x), ema.model(x))
    assert not torch.equal(ema(x), net(x))


def test_another_network_is_not_averaged_in():
    ema = EMA(nn.Linear(2, 3))
    before = [p.clone() for p in ema.model.parameters()]
    with pytest.raises(ValueError, match="must be the network that is av"):
        ema.update(nn.Linear(2, 4))
    assert ema.updates == 0
    for was, now in zip(before, ema.model.parameters(), strict=True):
        assert torch.equal(was, now)


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        ({}, "with 'model' and 'updates'"),
        (nn.Linear(2, 3).state_dict(), "with 'model' and 'updates'"),
        ({"model": nn.Linear(2, 4).state_dict(), "updates": 3}, "not fit"),
        ({"model": {}, "updates": 3}, "it has no 'weight'"),
        ("ema.pt", "saved must be a dict"),
    ],
)
def test_what_is_no_average_of_the_network_is_refused(saved, words):
    ema = EMA(nn.Linear(2, 3))
    before = [p.clone() for p in ema.model.parameters()]
    with pytest.raises(ValueError, match=words):
        ema.load_state_dict(saved)
    assert ema.updates == 0
    for was, now in zip(before, ema.model.parameters(), strict=True):
        assert torch.equal(was, now)


def test_an_average_inside_a_run_is_the_average_beside_it():
    beside = None
    for step in tiny_run(ema=0.7):
        if beside is None:
            start = next(tiny_run(lr=0.0)).state.model
            beside = EMA(start, 0.7)
        beside.update(step.state.model)
    for one, other in zip(
        beside.model.parameters(),
        step.state.ema.model.parameters(),
        strict=True,
    ):
        assert torch.equal(one, other)
