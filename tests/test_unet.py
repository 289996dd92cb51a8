"""BasicUNet: the course's network, its limits, what it can see."""

import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from diffusion_lessons import (
    BasicUNet,
    IgnoreTime,
    count_parameters,
    layer_shapes,
    receptive_field,
)

SILU_MINIMUM = -0.278465


class CourseUNet(nn.Module):
    """The same network, written again from its description."""

    def __init__(self):
        super().__init__()
        wide = {"kernel_size": 5, "padding": 2}
        down = [(1, 32), (32, 64), (64, 64)]
        up = [(64, 64), (64, 32), (32, 1)]
        self.down_layers = nn.ModuleList(
            nn.Conv2d(*sizes, **wide) for sizes in down
        )
        self.up_layers = nn.ModuleList(
            nn.Conv2d(*sizes, **wide) for sizes in up
        )

    def forward(self, x):
        kept = []
        for i, layer in enumerate(self.down_layers):
            x = F.silu(layer(x))
            if i < 2:
                kept.append(x)
                x = F.max_pool2d(x, 2)
        for i, layer in enumerate(self.up_layers):
            if i > 0:
                x = F.interpolate(x, scale_factor=2) + kept.pop()
            x = F.silu(layer(x))
        return x


def deep_output(**options):
    """An output whose last layer aims at the minimum of SiLU and below."""
    model = BasicUNet(**options)
    nn.init.constant_(model.up_layers[-1].bias, -1.28)
    return model(4 * torch.randn(8, 1, 8, 8)).detach()


# The network of the course


def test_it_has_309057_parameters():
    assert count_parameters(BasicUNet()) == 309_057


def test_the_courses_state_dict_loads_and_gives_the_same_output():
    course, ours = CourseUNet(), BasicUNet()
    ours.load_state_dict(course.state_dict(), strict=True)
    x = torch.randn(2, 1, 28, 28)
    assert torch.equal(ours(x), course(x))


def test_its_constructor_hides_no_layer_behind_a_helper():
    listing = inspect.getsource(BasicUNet.__init__)
    assert listing.count("nn.Conv2d(") == 6


def test_frozen_parameters_are_not_counted():
    model = BasicUNet().requires_grad_(False)
    assert count_parameters(model) == 0


@pytest.mark.parametrize("side", [4, 8, 28, 32, 64])
def test_the_output_has_the_size_of_the_input(side):
    assert BasicUNet()(torch.zeros(2, 1, side, side)).shape[2:] == (
        side,
        side,
    )


def test_height_and_width_may_differ():
    assert BasicUNet()(torch.zeros(1, 1, 8, 12)).shape == (1, 1, 8, 12)


def test_channels_in_and_out_are_free():
    model = BasicUNet(in_channels=3, out_channels=2)
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 2, 8, 8)


def test_without_skips_the_output_differs_and_the_weights_fit():
    with_skips, without = BasicUNet(), BasicUNet(skips=False)
    without.load_state_dict(with_skips.state_dict())
    x = torch.randn(2, 1, 8, 8)
    assert not torch.allclose(with_skips(x), without(x))


def test_without_skips_only_the_lowest_path_reaches_the_output():
    model = BasicUNet(skips=False)
    nn.init.zeros_(model.down_layers[2].weight)
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(model(x)[0], model(x)[1])


def test_gradients_reach_every_parameter():
    model = BasicUNet()
    model(torch.randn(2, 1, 8, 8)).sum().backward()
    for name, p in model.named_parameters():
        assert p.grad.abs().sum() > 0, name


# What SiLU on the output forbids


def test_with_silu_the_output_never_falls_below_its_minimum():
    assert deep_output().min() >= SILU_MINIMUM - 1e-6
    assert deep_output().min() < SILU_MINIMUM + 1e-3


def test_without_silu_the_output_can_be_anything():
    assert deep_output(final_activation=False).min() < SILU_MINIMUM - 0.5


def test_the_silu_is_the_only_difference():
    with_silu, linear = BasicUNet(), BasicUNet(final_activation=False)
    linear.load_state_dict(with_silu.state_dict())
    x = torch.randn(2, 1, 8, 8)
    assert_close(F.silu(linear(x)), with_silu(x))


def test_39_percent_of_gaussian_targets_lie_below_silus_minimum():
    z = torch.linspace(-5, 5, 100_001).double()
    minimum = F.silu(z).min()
    below = torch.special.ndtr(minimum).item()
    assert minimum.item() == pytest.approx(SILU_MINIMUM, abs=1e-6)
    assert below == pytest.approx(0.390, abs=5e-4)


def test_gaussian_targets_cost_at_least_0_3137_behind_a_silu():
    """The mean squared distance of N(0, 1) to what SiLU can reach."""
    z = torch.linspace(-12, 12, 200_001).double()
    distance = (SILU_MINIMUM - z).clamp(min=0) ** 2
    density = torch.exp(-(z**2) / 2) / (2 * torch.pi) ** 0.5
    floor = torch.trapezoid(distance * density, z).item()
    assert floor == pytest.approx(0.3137, abs=5e-5)


# Looking inside


def test_layer_shapes_are_named_and_in_the_order_they_ran():
    shapes = layer_shapes(BasicUNet(), torch.zeros(2, 1, 28, 28))
    convolutions = [s for s in shapes if "layers" in s[0]]
    assert convolutions == [
        ("down_layers.0", (2, 32, 28, 28)),
        ("down_layers.1", (2, 64, 14, 14)),
        ("down_layers.2", (2, 64, 7, 7)),
        ("up_layers.0", (2, 64, 7, 7)),
        ("up_layers.1", (2, 32, 14, 14)),
        ("up_layers.2", (2, 1, 28, 28)),
    ]


@pytest.mark.parametrize("side", [28, 29])
def test_layer_shapes_leaves_no_hook_even_when_the_model_fails(side):
    model = BasicUNet()
    try:
        layer_shapes(model, torch.zeros(1, 1, side, side))
    except ValueError:
        assert side == 29
    assert not any(m._forward_hooks for m in model.modules())


def seen_by_hand(middle):
    """First and last input pixel that can reach the output's middle."""
    low = high = middle
    steps = ["conv", "up", "conv", "up", "conv"]
    steps += ["conv", "pool", "conv", "pool", "conv"]
    for step in steps:  # from the output back to the input
        if step == "conv":
            low, high = low - 2, high + 2
        elif step == "up":
            low, high = low // 2, high // 2
        else:
            low, high = 2 * low, 2 * high + 1
    return low, high


@pytest.mark.parametrize("skips", [True, False])
def test_the_middle_pixel_sees_60_by_60_and_no_further(skips):
    low, high = seen_by_hand(32)
    assert (low, high) == (2, 61)
    field = receptive_field(BasicUNet(skips=skips), 64)
    seen = field.sum(0).nonzero().flatten()
    assert (seen.min(), seen.max()) == (low, high)
    seen = field.sum(1).nonzero().flatten()
    assert (seen.min(), seen.max()) == (low, high)


def test_skips_make_the_middle_pixel_look_at_its_neighbours():
    model, cut = BasicUNet(), BasicUNet(skips=False)
    cut.load_state_dict(model.state_dict())
    shares = []
    for net in (model, cut):
        field = receptive_field(net, 32)
        shares.append(field[12:21, 12:21].sum() / field.sum())
    assert shares[0] > 1.5 * shares[1]


def test_the_receptive_field_is_repeatable():
    model = BasicUNet()
    field = receptive_field(model, 16, draws=2)
    assert torch.equal(field, receptive_field(model, 16, draws=2))
    assert field.shape == (16, 16)


def test_ignore_time_throws_t_away():
    model, x = BasicUNet(), torch.randn(2, 1, 8, 8)
    wrapped = IgnoreTime(model)
    assert torch.equal(wrapped(x, torch.tensor([1, 999])), model(x))
    assert count_parameters(wrapped) == 309_057


class Told(nn.Module):
    """Gives back the t that it is told."""

    def forward(self, x, t):
        return t


@pytest.mark.parametrize("t", [0, 7])
def test_ignore_time_can_tell_the_same_t_always(t):
    wrapped = IgnoreTime(Told(), always=t)
    told = wrapped(torch.zeros(2, 4), torch.tensor([1, 999]))
    assert told.tolist() == [t, t]
    assert told.dtype == torch.int64


class Square(nn.Module):
    """x², so that a pixel feels itself alone, by 2x."""

    def forward(self, x):
        return x**2


@pytest.mark.parametrize(
    "options", [{}, {"seed": 3}, {"draws": 5}, {"draws": 5, "seed": 3}]
)
def test_the_field_is_the_mean_size_of_a_gradient_over_its_draws(options):
    draws, seed = options.get("draws", 32), options.get("seed", 0)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(draws, 1, 5, 5, generator=generator)
    wanted = torch.zeros(5, 5)
    wanted[2, 2] = (2 * x[:, 0, 2, 2]).abs().mean()
    assert_close(receptive_field(Square(), 5, **options), wanted)


def test_looking_at_a_field_leaves_no_gradient_behind():
    model = BasicUNet()
    receptive_field(model, 8, draws=1)
    assert all(p.grad is None for p in model.parameters())


def test_only_layers_without_layers_of_their_own_are_listed():
    inner = nn.Sequential(nn.Linear(3, 5), nn.SiLU())
    shapes = layer_shapes(nn.Sequential(inner), torch.zeros(2, 3))
    assert shapes == [("0.0", (2, 5)), ("0.1", (2, 5))]


def test_layer_shapes_hands_t_on():
    class TwoInputs(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 5)

        def forward(self, x, t):
            return self.layer(x) + t

    shapes = layer_shapes(TwoInputs(), torch.zeros(2, 3), 1)
    assert shapes == [("layer", (2, 5))]


# Refusals


@pytest.mark.parametrize("side", [29, 30, 2, 0])
def test_a_side_that_4_does_not_divide_is_refused(side):
    words = rf"divisible by 4, because .*; got \({side}, {side}\)"
    with pytest.raises(ValueError, match=words):
        BasicUNet()(torch.zeros(1, 1, side, side))


@pytest.mark.parametrize("sides", [(8, 6), (6, 8), (0, 8), (8, 0)])
def test_both_sides_are_looked_at(sides):
    words = rf"divisible by 4, because .*; got \({sides[0]}, {sides[1]}\)"
    with pytest.raises(ValueError, match=words):
        BasicUNet()(torch.zeros(1, 1, *sides))


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (1, 8, 8), (8, 8)])
def test_another_number_of_channels_or_no_batch_is_refused(shape):
    with pytest.raises(ValueError, match=r"\(B, 1, H, W\); got \("):
        BasicUNet()(torch.zeros(shape))


def test_looking_at_shapes_keeps_no_graph():
    model, seen = nn.Linear(3, 5), []
    model.register_forward_hook(lambda *a: seen.append(a[2].requires_grad))
    layer_shapes(model, torch.zeros(2, 3))
    assert seen == [False]


def test_images_in_another_precision_than_the_weights_are_refused():
    with pytest.raises(ValueError, match="float64"):
        BasicUNet()(torch.zeros(1, 1, 8, 8).double())
