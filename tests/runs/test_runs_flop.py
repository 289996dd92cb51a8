"""Operations are counted as one would by hand."""

import pytest
import torch
from torch import nn

from diffusion_lessons import IgnoreTime, TimeUNet
from diffusion_lessons.levels import Attention
from diffusion_lessons.runs.flop import gflop


def test_a_convolution_is_two_operations_for_every_product():
    layer = nn.Conv2d(3, 8, 3, padding=1)
    by_hand = 2 * (10 * 12) * 8 * 3 * 9
    counted = gflop(IgnoreTime(layer), (3, 10, 12))
    assert counted == pytest.approx(by_hand / 1e9, rel=1e-12)


def test_attention_is_counted_with_all_pairs_of_places():
    """Three layers of 1 x 1 in one, q k', its sum of v, and a last one."""
    places, channels = 6 * 4, 16
    layers = 2 * places * channels * (3 * channels + channels)
    pairs = 2 * (2 * places**2 * channels)
    counted = gflop(Attention(channels), (channels, 6, 4))
    assert counted == pytest.approx((layers + pairs) / 1e9, rel=1e-12)


def test_the_network_of_the_lesson_by_hand():
    """Its convolutions and linear layers, 8 and 16 channels."""
    few, many, width = 8, 16, 32
    fine, coarse = 2 * 64 * 9, 2 * 16 * 9  # of one pair of channels
    blocks = 2 * (2 * few**2 * fine + 2 * width * 2 * few)
    blocks += 2 * (2 * many**2 * coarse + 2 * width * 2 * many)
    ends = 2 * few * fine  # one channel in, one out
    ways = few * many * (coarse + fine)
    told = 2 * 2 * width**2
    by_hand = blocks + ends + ways + told
    counted = gflop(TimeUNet(1, few), (1, 8, 8))
    assert counted == pytest.approx(by_hand / 1e9, rel=1e-12)


def test_a_step_of_training_is_about_three_times_as_much():
    net = TimeUNet(3, 24, patch=2, levels=3, attention=2)
    forward = gflop(net, (3, 32, 32))
    step = gflop(net, (3, 32, 32), training=True)
    assert step == pytest.approx(3 * forward, rel=0.05)
    assert step < 3 * forward  # the pixels want no gradient


def test_the_network_stays_as_it_is():
    net = TimeUNet(1, 8)
    gflop(net, (1, 8, 8), training=True)
    assert {p.device.type for p in net.parameters()} == {"cpu"}
    assert all(p.grad is None for p in net.parameters())


def test_gradients_are_counted_where_none_are_kept():
    net = TimeUNet(1, 8)
    expected = gflop(net, (1, 8, 8), training=True)
    with torch.no_grad():
        assert gflop(net, (1, 8, 8), training=True) == expected


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8, 8), (1, 0, 8)])
def test_what_is_no_picture_is_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        gflop(TimeUNet(1, 8), shape)


def test_a_side_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="divisible by 4"):
        gflop(TimeUNet(1, 8, levels=3), (1, 10, 10))
