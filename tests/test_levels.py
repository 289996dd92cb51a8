"""Coarser levels and attention: what they compute, and where they stand."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from diffusion_lessons import TimeUNet, load_pretrained
from diffusion_lessons.conditioning import ResBlock
from diffusion_lessons.levels import Attention, Coarser

BLOCK = [
    *("norm1.weight", "norm1.bias", "conv1.weight", "conv1.bias"),
    *("scale_and_shift.weight", "scale_and_shift.bias"),
    *("norm2.weight", "norm2.bias", "conv2.weight", "conv2.bias"),
]
LESSON = [  # the names in every file of weights there is
    *("time.0.weight", "time.0.bias", "time.2.weight", "time.2.bias"),
    *("classes.weight", "stem.weight", "stem.bias"),
    *(f"down.{name}" for name in BLOCK),
    *("shrink.weight", "shrink.bias"),
    *(f"middle.0.{name}" for name in BLOCK),
    *(f"middle.1.{name}" for name in BLOCK),
    *("grow.weight", "grow.bias"),
    *(f"up.{name}" for name in BLOCK),
    *("norm.weight", "norm.bias", "out.weight", "out.bias"),
]


def awake(network):
    """Its layers that start at 0 do not."""
    for p in network.parameters():
        if not p.any():
            nn.init.normal_(p, std=0.3)
    return network


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


# Attention


def test_attention_is_the_formula_of_its_paper():
    """softmax(q k' / sqrt(d)) v, for each head and picture, in float64."""
    layer = awake(Attention(16)).double()
    x = torch.randn(2, 16, 3, 5, dtype=torch.float64)
    seen = nn.functional.group_norm(
        x, 8, layer.norm.weight, layer.norm.bias
    )
    rows = seen.flatten(2).transpose(1, 2)  # (B, HW, C)
    weight, bias = layer.qkv.weight[:, :, 0, 0], layer.qkv.bias
    expected = torch.empty(2, 15, 16, dtype=torch.float64)
    for i in range(2):
        q, k, v = (rows[i] @ weight.T + bias).chunk(3, dim=1)
        for head in range(4):
            own = slice(4 * head, 4 * head + 4)
            scores = q[:, own] @ k[:, own].T / 2  # sqrt(4)
            expected[i, :, own] = scores.softmax(dim=1) @ v[:, own]
    expected = expected @ layer.out.weight[:, :, 0, 0].T + layer.out.bias
    expected = expected.transpose(1, 2).unflatten(2, (3, 5))
    assert_close(layer(x), x + expected)


def test_attention_knows_no_places():
    """Pixels moved about before are pixels moved about after."""
    layer, x = awake(Attention(8)), torch.randn(1, 8, 4, 4)
    order = torch.randperm(16)

    def moved(x):
        return x.flatten(2)[:, :, order].unflatten(2, (4, 4))

    assert_close(layer(moved(x)), moved(layer(x)))


def test_every_place_sees_every_other():
    layer, x = awake(Attention(8)), torch.randn(1, 8, 4, 4)
    x.requires_grad_()
    for row in range(4):
        (slope,) = torch.autograd.grad(layer(x)[0, :, row, 0].sum(), x)
        assert slope[0].abs().sum(0).all()


# A coarser level


def test_a_level_adds_what_is_made_at_half_the_size():
    shapes = []

    class Spy(nn.Module):
        def forward(self, x, embedding):
            shapes.append((tuple(x.shape), tuple(embedding.shape)))
            return 2 * x

    level = awake(Coarser(8, 16, [Spy(), Spy()]))
    x, told = torch.randn(2, 8, 4, 6), torch.randn(2, 32)
    h = 4 * nn.functional.conv2d(
        x, level.shrink.weight, level.shrink.bias, stride=2, padding=1
    )
    h = h.repeat_interleave(2, 2).repeat_interleave(2, 3)
    h = nn.functional.conv2d(
        h, level.grow.weight, level.grow.bias, padding=1
    )
    assert_close(level(x, told), x + h)
    assert shapes == [((2, 16, 2, 3), (2, 32))] * 2


def test_what_is_new_changes_nothing():
    x, told = torch.randn(2, 8, 4, 4), torch.randn(2, 32)
    assert torch.equal(Attention(8)(x, told), x)
    assert torch.equal(Coarser(8, 16, [ResBlock(16, 32)])(x, told), x)


# The ladder in the network


def parts(network):
    """Each block, attention and level below the first two, in order."""
    kinds = ResBlock, Attention, Coarser
    return [
        (type(m).__name__, name.count("middle"), channels(m))
        for name, m in network.middle.named_modules(prefix="middle")
        if isinstance(m, kinds)
    ]


def channels(part):
    last = {"ResBlock": "conv2", "Attention": "out", "Coarser": "grow"}
    return getattr(part, last[type(part).__name__]).out_channels


def test_two_levels_are_the_network_of_the_lesson():
    assert list(TimeUNet(num_classes=2).state_dict()) == LESSON
    named = TimeUNet(num_classes=2, levels=2, attention=0, blocks=1)
    assert list(named.state_dict()) == LESSON


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_the_shipped_weights_fit_by_name(name):
    model = load_pretrained(name).model
    assert list(model.state_dict()) == LESSON
    assert (model.levels, model.attention, model.blocks) == (2, 0, 1)


def test_levels_attention_and_blocks_stand_where_they_should():
    """n times the channels at level n; attention before going deeper."""
    net = TimeUNet(1, 8, levels=4, attention=2, blocks=2)
    assert parts(net) == [
        ("ResBlock", 1, 16),
        ("ResBlock", 1, 16),
        ("Coarser", 1, 16),
        ("ResBlock", 2, 24),
        ("ResBlock", 2, 24),
        ("Attention", 2, 24),
        ("Coarser", 2, 24),
        ("ResBlock", 3, 32),
        ("ResBlock", 3, 32),
        ("Attention", 3, 32),
        ("ResBlock", 3, 32),
        ("ResBlock", 3, 32),
        ("ResBlock", 2, 24),
        ("ResBlock", 2, 24),
        ("ResBlock", 1, 16),
        ("ResBlock", 1, 16),
    ]


def test_the_coarsest_sees_all_even_of_two_levels():
    net = TimeUNet(1, 8, attention=1)
    kinds = [kind for kind, *_ in parts(net)]
    assert kinds == ["ResBlock", "Attention", "ResBlock"]


@pytest.mark.parametrize(
    ("options", "sides"),
    [
        ({"levels": 3, "attention": 2}, (8, 12)),
        ({"levels": 3, "blocks": 3, "patch": 2}, (8, 16)),
        ({"levels": 4, "attention": 1}, (8, 8)),
        ({"levels": 5, "patch": 8}, (128, 128)),
    ],
)
def test_every_part_of_a_deep_network_changes_the_output(options, sides):
    model = awake(TimeUNet(3, 8, 2, **options))
    x, t = torch.randn(2, 3, *sides), torch.tensor([3, 700])
    before = model(x, t, 1)
    assert before.shape == x.shape
    for name, p in model.named_parameters():
        p.data += 0.1 * torch.randn(p.shape)
        assert not torch.equal(model(x, t, 1), before), name
        before = model(x, t, 1)


def test_every_parameter_of_a_deep_network_comes_to_learn():
    """Layers that start at 0 wake one after the other."""
    model = TimeUNet(3, 8, 2, levels=4, attention=3, blocks=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    x, label = torch.randn(4, 3, 16, 16), torch.tensor([0, 1, 2, 0])
    for _ in range(6):
        optimizer.zero_grad()
        (model(x, 5, label) - x).square().mean().backward()
        optimizer.step()
    for name, p in model.named_parameters():
        assert p.grad.any(), name


def test_pictures_of_a_batch_do_not_meet_in_attention():
    model = awake(TimeUNet(3, 8, levels=3, attention=2))
    x, t = torch.randn(3, 3, 8, 8), torch.tensor([1, 50, 900])
    together = model(x, t)
    for i in range(3):
        alone = model(x[i : i + 1], t[i : i + 1])
        assert_close(alone, together[i : i + 1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "side", "words"),
    [
        ({"levels": 3}, 10, r"divisible by 4; got \(10, 10\) \(fewer"),
        ({"levels": 4, "patch": 2}, 24, r"divisible by 16; got \(24, 24\)"),
        ({"levels": 3}, 132, r"8 to 128 and divisible by 4; got \(132"),
    ],
)
def test_a_side_that_cannot_be_halved_so_often_is_refused(
    options, side, words
):
    with pytest.raises(ValueError, match=words):
        TimeUNet(1, 8, **options)(torch.zeros(1, 1, side, side), 5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"levels": 1}, "levels must be a whole number of at least 2"),
        ({"levels": 2.5}, "levels must be a whole number"),
        ({"attention": -1}, "attention must be a whole number"),
        ({"blocks": 0}, "blocks must be a whole number of at least 1"),
        ({"attention": 2}, "got attention=2, levels=2"),
        ({"levels": 3, "attention": 3}, "got attention=3, levels=3"),
    ],
)
def test_settings_that_are_no_network_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        TimeUNet(1, 8, **options)


def test_a_place_of_the_coarsest_level_is_so_many_pixels_wide():
    assert TimeUNet(1, 8).coarsest == 2
    assert TimeUNet(1, 8, levels=4, patch=2).coarsest == 16
