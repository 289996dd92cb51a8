"""t and the class reach the network, and nothing else changes."""

from functools import partial
from itertools import pairwise

import pytest
import torch
from diffusers.models.embeddings import get_timestep_embedding
from torch import nn
from torch.testing import assert_close

from diffusion_lessons import (
    EMA,
    Batches,
    Guided,
    NoiseSchedule,
    TimeUNet,
    ddim_sample,
    diffusion_loss,
    drop_labels,
    overfit_one_batch,
    timestep_embedding,
    train,
)

SCHEDULE = NoiseSchedule.cosine(20)
DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
T = torch.arange(1001)
TENS = torch.tensor([3, 700])


def awake(**options):
    """A network whose layers that start at 0 do not."""
    torch.manual_seed(1)
    model = TimeUNet(1, 8, **options)
    for p in model.parameters():
        if not p.any():
            nn.init.normal_(p, std=0.1)
    return model


def images(count=2, channels=1, side=8, **options):
    return torch.randn(count, channels, side, side, **options)


# The embedding of t


@pytest.mark.parametrize("dim", [2, 4, 32, 64, 96, 128])
def test_the_embedding_is_that_of_diffusers_at_the_same_t(dim):
    """Theirs with sines first and frequencies that divide by dim / 2.

    Both take t as the number it is: their step t - 1 for our t is a
    matter of the schedule, not of the embedding.
    """
    theirs = get_timestep_embedding(
        T, dim, flip_sin_to_cos=False, downscale_freq_shift=0
    )
    assert_close(timestep_embedding(T, dim), theirs, rtol=0, atol=5e-5)


def test_the_slowest_wave_is_set_by_max_period():
    theirs = get_timestep_embedding(
        T, 32, downscale_freq_shift=0, max_period=100
    )
    assert_close(timestep_embedding(T, 32, 100), theirs, rtol=0, atol=5e-5)


def test_the_embedding_is_the_formula():
    """sin(t w_i), then cos(t w_i), w_i = max_period^(-i / (dim/2))."""
    t = T[:, None].double()
    i = torch.arange(4)
    w = torch.tensor(10_000.0).double() ** (-i / 4)
    expected = torch.cat([(t * w).sin(), (t * w).cos()], dim=1)
    ours = timestep_embedding(T, 8)
    assert ours.dtype == torch.float32
    assert_close(ours.double(), expected, rtol=0, atol=1e-4)


def test_t_0_is_all_zeros_and_ones():
    waves = timestep_embedding(torch.tensor([0]), 6)
    assert waves.tolist() == [[0, 0, 0, 1, 1, 1]]


@pytest.mark.parametrize("dim", [32, 64])
def test_any_two_steps_are_told_apart(dim):
    """Neighbours differ by much more than rounding: t is not t / T."""
    waves = timestep_embedding(T, dim)
    distance = torch.cdist(waves, waves) + 9 * torch.eye(len(T))
    assert distance.min() > 0.5


@pytest.mark.parametrize("dim", [-2, 0, 1, 3, 33])
def test_an_odd_dimension_is_refused(dim):
    with pytest.raises(ValueError, match=f"even and at least 2; got {dim}"):
        timestep_embedding(T, dim)


@pytest.mark.parametrize(
    ("shape", "got"), [((), "1"), ((3, 1), r".* of shape \(3, 1\)")]
)
def test_steps_that_are_not_one_row_are_refused(shape, got):
    with pytest.raises(
        ValueError, match=rf"t must be .*\(B,\).*; got {got}"
    ):
        timestep_embedding(torch.ones(shape), 8)


# The shape of what goes in and out


@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize("side", [*range(8, 65, 8), 128])
def test_the_output_has_the_shape_of_the_input(side, patch):
    model, x = awake(patch=patch), images(side=side)
    assert model(x, 5).shape == x.shape


@pytest.mark.parametrize(("side", "patch"), [(10, 1), (28, 1), (28, 2)])
def test_sides_need_not_be_powers_of_two(side, patch):
    assert awake(patch=patch)(images(side=side), 5).shape[2:] == (side,) * 2


def test_height_and_width_may_differ():
    assert awake()(torch.zeros(1, 1, 8, 12), 5).shape == (1, 1, 8, 12)


@pytest.mark.parametrize("patch", [1, 2])
def test_images_may_have_more_channels(patch):
    model = TimeUNet(3, 8, patch=patch)
    assert model(images(channels=3), 5).shape == (2, 3, 8, 8)


@pytest.mark.parametrize(("channels", "patch"), [(1, 2), (3, 2), (1, 4)])
def test_a_patch_is_laid_out_as_it_was_taken_apart(channels, patch):
    """What the first layer is given, put in the last one's place."""
    model, x, taken = (
        TimeUNet(channels, 8, patch=patch),
        images(2, channels),
        [],
    )
    model.stem.register_forward_pre_hook(lambda _, args: taken.extend(args))
    model.out.register_forward_hook(lambda *_: taken[0])
    assert torch.equal(model(x, 5), x)
    assert taken[0].shape[2:] == (8 // patch, 8 // patch)


@pytest.mark.parametrize(
    ("side", "patch", "step"),
    [
        (29, 1, 2),
        (6, 1, 2),
        (130, 1, 2),
        (0, 1, 2),
        (29, 2, 4),
        (30, 2, 4),
        (28, 4, 8),
    ],
)
def test_a_side_the_network_cannot_halve_is_refused(side, patch, step):
    words = rf"8 to 128 and divisible by {step}; got \({side}, {side}\)"
    with pytest.raises(ValueError, match=words):
        TimeUNet(patch=patch)(torch.zeros(1, 1, side, side), 5)


@pytest.mark.parametrize("sides", [(8, 9), (9, 8), (8, 130), (6, 8)])
def test_both_sides_are_looked_at(sides):
    words = rf"divisible by 2; got \({sides[0]}, {sides[1]}\)"
    with pytest.raises(ValueError, match=words):
        TimeUNet()(torch.zeros(1, 1, *sides), 5)


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (1, 8, 8), (8, 8)])
def test_another_number_of_channels_or_no_batch_is_refused(shape):
    with pytest.raises(ValueError, match=r"\(B, 1, H, W\); got \("):
        TimeUNet()(torch.zeros(shape), 5)


@pytest.mark.parametrize("channels", [0, 4, 12, -8])
def test_channels_that_eight_groups_cannot_share_are_refused(channels):
    with pytest.raises(ValueError, match=f"of 8; got {channels}"):
        TimeUNet(base_channels=channels)


# What it starts as, and what it can become


@pytest.mark.parametrize("classes", [0, 10])
def test_a_new_network_says_nothing_at_all(classes):
    model = TimeUNet(num_classes=classes)
    assert model(images(), TENS).count_nonzero() == 0


def test_three_steps_bring_gradient_to_every_parameter():
    """The layers that start at 0 wake one after the other."""
    model = TimeUNet(num_classes=2)
    batches = Batches(images(6), torch.arange(6) % 3, batch_size=6)
    *_, last = train(model, batches, SCHEDULE, num_steps=3, lr=0.01)
    for name, p in last.state.model.named_parameters():
        assert p.grad.any(), name


def test_every_part_of_the_network_changes_the_output():
    """No parameter is only carried along: each one moved, alone."""
    model, x = awake(num_classes=2), images()
    before = model(x, TENS, 1)
    for name, p in model.named_parameters():
        p.data += 0.1 * torch.randn(p.shape)
        assert not torch.equal(model(x, TENS, 1), before), name
        before = model(x, TENS, 1)


def test_the_skip_goes_past_the_coarse_half():
    model = awake()
    nn.init.zeros_(model.grow.weight)
    one, other = model(images(), 5)
    assert (one - other).abs().max() > 1e-3


def test_the_output_can_be_anything():
    """A SiLU at the end would stop at -0.2785."""
    model = awake()
    nn.init.constant_(model.out.bias, -3.0)
    assert model(images(), 5).max() < -1


def test_one_batch_can_be_learnt_by_heart():
    model = TimeUNet(1, 8)
    losses = overfit_one_batch(model, images(4), SCHEDULE, num_steps=150)
    assert losses[0] == pytest.approx(1, abs=0.2)
    assert losses[-1] < 0.1 * losses[0]


def test_scale_and_shift_bend_the_normalised_second_half():
    """h (1 + scale) + shift, by hand, for one block."""
    block = awake().down
    x, embedding = images(channels=8), torch.randn(2, 32)
    h = block.conv1(nn.functional.silu(block.norm1(x)))
    both = block.scale_and_shift(embedding)[:, :, None, None]
    h = block.norm2(h) * (1 + both[:, :8]) + both[:, 8:]
    expected = x + block.conv2(nn.functional.silu(h))
    assert_close(block(x, embedding), expected)


def again(model, x, t, label):
    """The network, written again from its description."""
    silu = nn.functional.silu

    def norm(its, x):
        return nn.functional.group_norm(x, 8, its.weight, its.bias)

    def conv(its, x, stride=1):
        weights = its.weight, its.bias
        return nn.functional.conv2d(x, *weights, stride, padding=1)

    def block(its, x):
        h = conv(its.conv1, silu(norm(its.norm1, x)))
        both = its.scale_and_shift(told)[:, :, None, None]
        scale, shift = both.chunk(2, dim=1)
        h = norm(its.norm2, h) * (1 + scale) + shift
        return x + conv(its.conv2, silu(h))

    first, _, second = model.time
    told = second(silu(first(timestep_embedding(t, 4 * 8))))
    told = silu(told + model.classes.weight[label])
    x = nn.functional.pixel_unshuffle(x, model.patch)
    fine = block(model.down, conv(model.stem, x))
    h = conv(model.shrink, fine, stride=2)
    for its in model.middle:
        h = block(its, h)
    h = h.repeat_interleave(2, 2).repeat_interleave(2, 3)
    h = block(model.up, conv(model.grow, h) + fine)
    h = conv(model.out, silu(norm(model.norm, h)))
    return nn.functional.pixel_shuffle(h, model.patch)


@pytest.mark.parametrize("patch", [1, 2])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_network_is_the_one_that_is_described(channels, patch):
    torch.manual_seed(1)
    model = TimeUNet(channels, 8, num_classes=3, patch=patch)
    for p in model.parameters():
        nn.init.normal_(p, std=0.2)
    x, label = torch.randn(2, channels, 8, 12), torch.tensor([0, 3])
    expected = again(model, x, TENS, label)
    assert_close(model(x, TENS, label), expected, rtol=1e-4, atol=1e-4)


def test_a_network_that_is_told_nothing_is_small_and_knows_no_classes():
    model = TimeUNet()
    assert model.stem.weight.shape == (16, 1, 3, 3)
    assert (model.patch, model.num_classes, model.null_label) == (1, 0, 0)


def test_a_new_block_changes_nothing():
    block = TimeUNet().down
    x = images(channels=16)
    assert torch.equal(block(x, torch.randn(2, 64)), x)


def test_images_of_a_batch_do_not_meet():
    model, x = awake(num_classes=3), images(5)
    t, label = torch.arange(5) * 100, torch.tensor([0, 1, 2, 3, 0])
    together = model(x, t, label)
    for i in range(5):
        alone = model(x[i : i + 1], t[i : i + 1], label[i : i + 1])
        assert_close(alone, together[i : i + 1], rtol=1e-4, atol=1e-5)


def test_a_network_in_float64_computes_in_float64():
    model, x = awake(num_classes=3).double(), images().double()
    output = model(x, TENS, 1)
    assert output.dtype == torch.float64
    single = model.float()(x.float(), TENS, 1)
    assert_close(output.float(), single, rtol=1e-3, atol=1e-4)


def test_images_in_another_precision_than_the_weights_are_refused():
    with pytest.raises(ValueError, match="float64"):
        TimeUNet()(images().double(), 5)


def test_nothing_is_made_on_another_device_than_the_images():
    """meta holds shapes only, and refuses to meet a tensor of the CPU."""
    model = TimeUNet(num_classes=10).to("meta")
    x = torch.zeros(2, 1, 8, 8, device="meta")
    for t in (5, torch.zeros(2, device="meta", dtype=torch.int64)):
        for label in (None, 3):
            assert model(x, t, label).device.type == "meta"


@pytest.mark.parametrize("device", DEVICES)
def test_a_guided_run_from_training_to_image_stays_on_its_device(device):
    model = TimeUNet(1, 8, num_classes=3).to(device)
    batches = Batches(images(4), torch.arange(4) % 3, batch_size=2)
    ema = EMA(model)
    for _ in train(model, batches, SCHEDULE, num_steps=3, p_uncond=0.5):
        ema.update(model)
    label = torch.tensor([0, 2])
    guided = Guided(ema.model, label, model.null_label, 2).to(device)
    *_, last = ddim_sample(guided, images().to(device), SCHEDULE, 3)
    assert last.x.device.type == device


# t


def test_the_output_depends_on_t():
    model, x = awake(), images(1)
    outputs = [model(x, t) for t in (1, 2, 500, 1000)]
    for a, b in pairwise(outputs):
        assert (a - b).abs().max() > 1e-3


def test_t_reaches_the_network_as_the_step_it_is(monkeypatch):
    """Not as t / T, in which neighbouring steps look the same."""
    seen = []

    def spy(t, dim):
        seen.append(t)
        return timestep_embedding(t, dim)

    monkeypatch.setattr(
        "diffusion_lessons.conditioning.timestep_embedding", spy
    )
    TimeUNet()(images(), TENS)
    assert torch.equal(seen[0], TENS)


def test_one_t_for_all_is_a_whole_number():
    model, x = awake(), images()
    expected = model(x, torch.tensor([7, 7]))
    assert torch.equal(model(x, 7), expected)
    assert torch.equal(model(x, torch.tensor(7)), expected)


@pytest.mark.parametrize("t", [-1, torch.tensor(-1), torch.tensor([5, -1])])
def test_a_t_below_0_is_refused_and_0_is_not(t):
    model = awake()
    assert model(images(), 0).shape == model(images(), 0 * TENS).shape
    with pytest.raises(ValueError, match="t must be 0 or more; got -1"):
        model(images(), t)


# The label


def test_the_output_depends_on_the_label():
    model, x = awake(num_classes=3), images()
    outputs = [model(x, 5, label) for label in range(4)]
    for i in range(4):
        for j in range(i):
            assert not torch.allclose(outputs[i], outputs[j])


def test_no_label_is_the_null_label():
    model, x = awake(num_classes=3), images()
    assert model.null_label == 3
    assert torch.equal(model(x, 5), model(x, 5, model.null_label))


def test_one_label_for_all_is_a_whole_number():
    model, x = awake(num_classes=3), images()
    expected = model(x, 5, torch.tensor([2, 2]))
    assert torch.equal(model(x, 5, 2), expected)
    assert torch.equal(model(x, 5, torch.tensor(2)), expected)


@pytest.mark.parametrize("label", [0, torch.tensor([0, 1])])
def test_a_network_without_classes_takes_no_label(label):
    with pytest.raises(ValueError, match="knows no classes"):
        TimeUNet()(images(), 5, label)


@pytest.mark.parametrize(
    ("label", "got"),
    [
        (-1, "-1 to -1"),
        (4, "4 to 4"),
        (torch.tensor([0, 4]), "0 to 4"),
        (torch.tensor([-1, 3]), "-1 to 3"),
    ],
)
def test_a_label_that_is_no_class_is_refused(label, got):
    words = rf"in 0\.\.3, where 3 means no class; got values from {got}"
    with pytest.raises(ValueError, match=words):
        TimeUNet(num_classes=3)(images(), 5, label)


# Dropping labels


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_labels_are_dropped_in_their_share(p):
    """Within five standard deviations of a binomial count."""
    count = 20_000
    dropped = drop_labels(torch.arange(count) % 10, 10, p) == 10
    wide = 5 * (count * p * (1 - p)) ** 0.5
    assert abs(dropped.sum().item() - count * p) < wide


def test_every_class_is_dropped_alike():
    labels = torch.arange(20_000) % 10
    dropped = drop_labels(labels, 10, 0.5) == 10
    shares = torch.stack([dropped[labels == c].float() for c in range(10)])
    assert_close(shares.mean(1), torch.full((10,), 0.5), rtol=0, atol=0.06)


def test_what_is_not_dropped_stays_in_its_place():
    labels = torch.arange(1000) % 10
    left = drop_labels(labels, 10, 0.5)
    kept = left != 10
    assert torch.equal(left[kept], labels[kept])


def test_p_0_drops_none_and_p_1_all():
    labels = torch.arange(10_000) % 10
    assert torch.equal(drop_labels(labels, 10, 0), labels)
    assert (drop_labels(labels, 10, 1) == 10).all()


def test_the_labels_handed_in_stay_as_they_are():
    labels = torch.arange(100)
    drop_labels(labels, 100, 1)
    assert torch.equal(labels, torch.arange(100))


def test_the_generator_decides_which_are_dropped():
    drop = partial(drop_labels, torch.arange(100), 100, 0.5)
    first, same, other = (
        drop(generator=torch.Generator().manual_seed(s)) for s in (0, 0, 1)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_a_p_that_is_no_probability_is_refused(p):
    with pytest.raises(ValueError, match=rf"in 0\.\.1; got {p}"):
        drop_labels(torch.arange(3), 3, p)


def test_the_loss_hands_the_label_on_to_the_network():
    model, x0 = awake(num_classes=3), images()
    losses = {
        diffusion_loss(
            model, x0, 5, torch.ones_like(x0), SCHEDULE, label=label
        ).item()
        for label in (torch.tensor([0, 1]), torch.tensor([1, 0]), None)
    }
    assert len(losses) == 3
