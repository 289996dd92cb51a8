"""Where a network is, in which mode, and whether weights fit it."""

import pytest
import torch
from torch import nn

from diffusion_lessons.networks import (
    bare_names,
    home_of,
    in_mode,
    misfit,
    unwrapped,
)


def half_asleep():
    """In training, but for its BatchNorm, as when one is frozen."""
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout())
    net[1].eval()
    return net


def modes(net):
    return [part.training for part in net.modules()]


def test_every_part_evaluates_and_gets_its_own_mode_back():
    net = half_asleep()
    with in_mode(net, training=False):
        assert modes(net) == [False] * 4
    assert modes(net) == [True, True, False, True]


def test_every_part_learns_and_gets_its_own_mode_back():
    net = half_asleep()
    with in_mode(net, training=True):
        assert modes(net) == [True] * 4
    assert modes(net) == [True, True, False, True]


def test_an_error_leaves_no_mode_behind():
    net = half_asleep()
    with pytest.raises(ZeroDivisionError), in_mode(net, training=False):
        raise ZeroDivisionError
    assert modes(net) == [True, True, False, True]


def test_a_network_that_evaluates_goes_on_evaluating():
    net = half_asleep().eval()
    with in_mode(net, training=False):
        pass
    assert not any(modes(net))


def test_what_has_no_mode_is_left_alone():
    with in_mode(lambda x, t: x, training=False):
        pass


def test_a_network_is_where_its_first_weights_with_fractions_are():
    net = nn.Sequential(nn.Embedding(2, 3).to("meta"))
    assert home_of(net) == (torch.device("meta"), torch.float32)
    assert home_of(nn.Linear(1, 1).half())[1] == torch.float16
    assert home_of(nn.Linear(1, 1).double())[1] == torch.float64


@pytest.mark.parametrize("model", [nn.Identity(), lambda x, t: x])
def test_without_weights_it_is_the_cpu_and_float32(model):
    assert home_of(model) == (torch.device("cpu"), torch.float32)


def test_a_wrapped_network_is_the_network_inside():
    net = nn.Linear(2, 3)
    compiled = torch.compile(net, backend="eager")
    parallel = nn.DataParallel(net)
    both = nn.DataParallel(compiled)
    for wrapped in (net, compiled, parallel, both):
        assert unwrapped(wrapped) is net
        bare = bare_names(wrapped.state_dict())
        assert bare.keys() == net.state_dict().keys()
        assert misfit(bare, net) == ""


def test_a_name_that_only_looks_wrapped_is_left():
    weights = {"module.weight": torch.ones(1), "bias": torch.ones(1)}
    assert bare_names(weights) == weights
    assert bare_names({}) == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"bias": None}, "it has no 'bias'"),
        ({"bias": torch.ones(4)}, r"its 'bias' is (4,), not (3,)"),
        ({"bias": torch.ones(1)}, r"its 'bias' is (1,), not (3,)"),
        ({"bias": 3.0}, r"its 'bias' is (), not (3,)"),
        ({"more": torch.ones(1)}, "it also has 'more'"),
    ],
)
def test_in_which_way_weights_do_not_fit(change, words):
    net = nn.Linear(2, 3)
    weights = {
        k: v
        for k, v in (net.state_dict() | change).items()
        if v is not None
    }
    assert misfit(weights, net) == words
