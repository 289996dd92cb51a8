"""Straighter paths, and networks that need a single step."""

from functools import partial
from math import pi

import pytest
import torch
from torch.distributions import Normal
from torch.testing import assert_close

from diffusion_lessons import (
    Batches,
    GaussianMixture,
    InputError,
    NoiseSchedule,
    PointNetwork,
    consistency_loss,
    detour,
    flow_loss,
    flow_sample,
    mixture_velocity,
    reflow_loss,
    reflow_pairs,
    train,
)

SCHEDULE = NoiseSchedule.linear(100)
LINE = GaussianMixture([[-1.5], [1.0]], [0.2, 0.3], [0.6, 0.4])
PLANE = GaussianMixture(
    [[-1.5, -0.5], [1.2, 1.0], [1.2, -1.2]], [0.2, 0.3, 0.2], [4, 3, 3]
)
NORMAL = GaussianMixture([[1.5]], 0.3)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def exact(mixture):
    return partial(mixture_velocity, mixture)


def noise_of(*shape):
    return torch.randn(shape, generator=seeded(), dtype=torch.float64)


def walked(model, x_1, n=100):
    """All that is passed on the way, (n + 1, B, D)."""
    return torch.stack([x_1, *(s.x for s in flow_sample(model, x_1, n))])


# How straight


def test_a_straight_path_is_no_detour():
    ends = noise_of(2, 5, 3)
    t = torch.tensor([0, 0.1, 0.5, 1]).double().view(-1, 1, 1)
    path = ends[0] + t * (ends[1] - ends[0])
    assert_close(detour(path), torch.ones(5).double())


def test_half_a_circle_is_half_pi_times_as_long():
    turn = torch.linspace(0, pi, 500, dtype=torch.float64)
    path = torch.stack([turn.cos(), turn.sin()], 1)[:, None]
    assert_close(detour(path).item(), pi / 2, rtol=1e-4, atol=0)


def test_a_walk_there_and_half_way_back_is_three_times_as_long():
    path = torch.tensor([[[0.0]], [[1.0]], [[0.5]]])
    assert detour(path).tolist() == [3]


def test_pictures_are_measured_as_a_whole():
    path = noise_of(4, 3, 1, 2, 2)
    assert_close(detour(path), detour(path.flatten(2)))


# Reflow


def test_a_pair_is_a_noise_and_the_end_of_its_own_path():
    noise = noise_of(6, 2)
    pairs = reflow_pairs(exact(PLANE), noise, 20, heun=True)
    *_, last = flow_sample(exact(PLANE), noise, 20, heun=True)
    assert pairs.shape == (6, 2, 2)
    assert torch.equal(pairs[:, 0], last.x)
    assert torch.equal(pairs[:, 1], noise)


def test_the_loss_is_that_of_a_flow_with_each_picture_and_its_noise():
    pairs, other = noise_of(4, 2, 3), noise_of(4, 2, 3) + 1
    t = torch.tensor([1, 50, 70, 100])
    model = torch.nn.Linear(3, 3).double()

    def asked(x, t):
        return model(x) * t[:, None]

    flow = flow_loss(asked, pairs[:, 0], t, pairs[:, 1], SCHEDULE)
    assert_close(reflow_loss(asked, pairs, t, other, SCHEDULE), flow)


def test_the_loss_hands_the_label_on():
    told = []

    def model(x, t, label):
        told.append(label)
        return x

    pairs, label = noise_of(2, 2, 3), torch.tensor([0, 1])
    reflow_loss(model, pairs, 5, pairs, SCHEDULE, label=label)
    assert told == [label]


@pytest.mark.parametrize("shape", [(4, 2), (4, 3, 2)])
def test_what_is_no_pair_is_refused(shape):
    pairs = torch.zeros(shape)
    with pytest.raises(InputError, match=r"pairs must have shape \(B, 2"):
        reflow_loss(lambda x, t: x, pairs, 5, pairs, SCHEDULE)


def of_pairs(pairs):
    """The exact flow of pairs on a line, none of whose lines cross."""
    x0, noise = (p[:, 0] for p in pairs.sort(dim=0).values.unbind(1))

    def model(x, t):
        at = (1 - t[0]) * x0 + t[0] * noise
        i = torch.searchsorted(at, x[:, 0]).clamp(1, len(at) - 1)
        share = (x[:, 0] - at[i - 1]) / (at[i] - at[i - 1])
        velocity = noise - x0
        return velocity[i - 1].lerp(velocity[i], share)[:, None]

    return model


def test_on_a_line_reflow_makes_every_path_straight():
    """Exactly; and then one step leads where a hundred do."""
    levels = (torch.arange(400).double() + 0.5) / 400
    noise = Normal(0.0, 1.0).icdf(levels)[:, None]
    pairs = reflow_pairs(exact(LINE), noise, 200, heun=True)
    start = noise[10:-10:7] + 0.003
    before = detour(walked(exact(LINE), start))
    again = of_pairs(pairs)
    path = walked(again, start)
    assert before.max() > 1.5
    assert detour(path).max() < 1 + 1e-6
    assert_close(walked(again, start, 1)[-1], path[-1])


@pytest.mark.slow
def test_a_network_trained_on_its_pairs_has_straight_paths():
    noise = noise_of(4096, 2)
    pairs = reflow_pairs(exact(PLANE), noise, 40, heun=True).float()
    torch.manual_seed(0)
    model = PointNetwork(2, 64)
    how = {"num_steps": 1500, "lr": 3e-3, "loss": reflow_loss}
    for _ in train(model, Batches(pairs, batch_size=256), SCHEDULE, **how):
        pass
    start = torch.randn(1000, 2, generator=seeded(1))
    before = detour(walked(exact(PLANE), start.double(), 60)).mean()
    after = detour(walked(model, start, 60)).mean()
    assert before > 1.3
    assert after <= 1.02


# One step


def goes_to_the_end(x, t):
    """The mean velocity to the end of the exact path of one Gaussian."""
    t = t[:, None]
    spread = ((1 - t) ** 2 * 0.3**2 + t**2).sqrt()
    end = 1.5 + 0.3 * (x - (1 - t) * 1.5) / spread
    return torch.where(t > 0, (x - end) / t, exact(NORMAL)(x, 0.0))


def test_a_consistent_network_leads_to_the_end_from_everywhere():
    """Its loss is the teacher's own error: it falls like 1 / T^4."""
    x0, noise = NORMAL.sample(200, seeded()), noise_of(200, 1)
    values = []
    for T in (50, 100):
        t = torch.arange(200) % T + 1
        how = {"teacher": exact(NORMAL)}
        values.append(
            consistency_loss(
                goes_to_the_end,
                x0,
                t,
                noise,
                NoiseSchedule.linear(T),
                **how,
            )
        )
    assert values[1] < 1e-5
    assert 8 < values[0] / values[1] < 32


def test_the_loss_compares_two_neighbours_of_one_path():
    x0, noise = noise_of(2, 3, 2)
    asked = []

    def model(x, t):
        asked.append((x, t))
        return x

    value = consistency_loss(
        model, x0, 50, noise, SCHEDULE, teacher=lambda x, t: x.sin()
    )
    xt = (x0 + noise) / 2
    xs = xt - 0.01 * xt.sin()
    (lower, s), (upper, t) = asked
    assert_close(upper, xt)
    assert_close(lower, xs)
    assert_close(t, torch.full((3,), 0.5).double())
    assert_close(s, torch.full((3,), 0.49).double())
    expected = (xt - 0.5 * xt - (xs - 0.49 * xs)).square().mean()
    assert_close(value, expected)


def test_next_to_the_picture_the_goal_is_the_end_of_the_teachers_step():
    x0, noise = noise_of(2, 3, 2)

    def model(x, t):
        return torch.full_like(x, 7.0)

    value = consistency_loss(
        model, x0, 1, noise, SCHEDULE, teacher=lambda x, t: x
    )
    xt = 0.99 * x0 + 0.01 * noise
    expected = (xt - 0.07 - 0.99 * xt).square().mean()
    assert_close(value, expected)


def test_the_goal_is_held_fixed():
    x0, noise = noise_of(2, 3, 2)
    weight = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    def model(x, t):
        return weight * x

    value = consistency_loss(
        model, x0, 50, noise, SCHEDULE, teacher=lambda x, t: 0 * x
    )
    (slope,) = torch.autograd.grad(value, weight)
    xt = (x0 + noise) / 2
    gap = (0.49 - 0.5) * 0.3 * xt
    expected = (2 * gap * -0.5 * xt).mean()
    assert_close(slope, expected)


def test_labels_reach_both_the_network_and_its_teacher():
    told = []

    def model(x, t, label):
        told.append(label)
        return x

    x0, noise = noise_of(2, 2, 3)
    label = torch.tensor([0, 1])
    consistency_loss(
        model, x0, 5, noise, SCHEDULE, teacher=model, label=label
    )
    assert told == [label] * 3
