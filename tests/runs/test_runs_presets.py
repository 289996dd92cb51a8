"""What a preset says of its costs is what is counted."""

import pytest
import torch

from diffusion_lessons import TimeUNet, count_parameters
from diffusion_lessons.runs.flop import gflop
from diffusion_lessons.runs.presets import PRESETS

each = pytest.mark.parametrize("name", PRESETS)


def build(name):
    """The network, without memory for its numbers."""
    with torch.device("meta"):
        return TimeUNet(3, **PRESETS[name].network)


@each
def test_the_parameters_are_counted(name):
    assert count_parameters(build(name)) == PRESETS[name].parameters


@each
def test_the_operations_are_counted(name):
    preset = PRESETS[name]
    counted = gflop(build(name), (3, preset.side, preset.side))
    assert float(f"{counted:.3g}") == preset.gflop


@each
def test_its_side_is_one_that_the_network_takes(name):
    side, net = PRESETS[name].side, build(name)
    x = torch.zeros(1, 3, side, side, device="meta")
    assert net(x, torch.ones(1, device="meta")).shape == x.shape


def test_they_grow_with_their_pictures():
    small, medium, large = PRESETS.values()
    assert small.side < medium.side < large.side
    assert small.parameters < medium.parameters < large.parameters
    assert small.gflop < medium.gflop < large.gflop


def test_the_small_one_fits_in_a_megabyte_of_half_precision():
    assert 2 * PRESETS["small"].parameters < 1_000_000
