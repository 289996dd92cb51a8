"""The loss: known networks lose what they must, at every t."""

import pytest
import torch
from runs import SCHEDULE
from torch import nn
from torch.testing import assert_close

from diffusion_lessons import (
    EMA,
    BasicUNet,
    IgnoreTime,
    NoiseSchedule,
    clean_image_loss,
    diffusion_loss,
    loss_by_t,
    q_sample,
    target,
)
from diffusion_lessons.loss import draw_t_and_noise

PREDICTIONS = ["eps", "x0", "v"]
SEEDED = torch.Generator().manual_seed(0)
SIGNAL = SCHEDULE.sqrt_alphas_cumprod
SIGMA = SCHEDULE.sqrt_one_minus_alphas_cumprod


def oracle(predicts, x0):
    """A network that knows the image, and so the noise in x_t."""

    def model(xt, t):
        signal, sigma = (s[t].view(-1, 1) for s in (SIGNAL, SIGMA))
        eps = (xt - signal * x0) / sigma
        v = signal * eps - sigma * x0
        return {"eps": eps, "x0": x0, "v": v}[predicts]

    return model


def data():
    """x_0, t, noise for six images of four pixels."""
    x0, noise = torch.randn(2, 6, 4, dtype=torch.float64)
    return x0, torch.tensor([1, 2, 5, 10, 15, 20]), noise


# The loss


@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_a_perfect_network_has_no_loss(predicts):
    x0, t, noise = data()
    model = oracle(predicts, x0)
    loss = diffusion_loss(model, x0, t, noise, SCHEDULE, predicts=predicts)
    assert loss.item() == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("predicts", PREDICTIONS)
@pytest.mark.parametrize("other", PREDICTIONS)
def test_a_network_is_judged_by_the_target_it_has(predicts, other):
    x0, t, noise = data()
    model = oracle(other, x0)
    loss = diffusion_loss(model, x0, t, noise, SCHEDULE, predicts=predicts)
    assert (loss < 1e-20) == (predicts == other)


@pytest.mark.parametrize("predicts", PREDICTIONS)
def test_a_silent_network_loses_the_mean_square_of_its_target(predicts):
    x0, t, noise = data()
    loss = diffusion_loss(
        lambda x, t: 0 * x, x0, t, noise, SCHEDULE, predicts=predicts
    )
    wanted = target(predicts, x0, noise, t, SCHEDULE)
    assert_close(loss, (wanted**2).mean())


def test_a_silent_network_has_loss_1_on_noise():
    x0, noise = torch.randn(2, 100, 1000)
    loss = diffusion_loss(lambda x, t: 0 * x, x0, 5, noise, SCHEDULE)
    assert loss.item() == pytest.approx(1, abs=0.02)


def test_the_network_is_shown_x_t_and_t():
    x0, t, noise = data()
    seen = []
    diffusion_loss(
        lambda *args: seen.extend(args) or x0, x0, t, noise, SCHEDULE
    )
    assert torch.equal(seen[0], q_sample(x0, t, noise, SCHEDULE))
    assert torch.equal(seen[1], t)
    assert len(seen) == 2


def test_a_label_is_handed_to_the_network():
    x0, t, noise = data()
    label, seen = torch.arange(6), []

    def model(x, t, label):
        seen.append(label)
        return x

    diffusion_loss(model, x0, t, noise, SCHEDULE, label=label)
    assert torch.equal(seen[0], label)


def test_an_output_that_would_broadcast_is_refused():
    x0, t, noise = data()
    got = r"shape \(6, 4\); got \(6, 1\)"
    with pytest.raises(ValueError, match=got):
        diffusion_loss(lambda x, t: x[:, :1], x0, t, noise, SCHEDULE)


def test_the_first_guess_mixes_in_t_of_T_uniform_noise():
    x0, t, noise = data()
    uniform = torch.distributions.Normal(0, 1).cdf(noise)
    share = (t.double() / 20)[:, None]
    loss = clean_image_loss(lambda x, t: x, x0, t, noise, SCHEDULE)
    mixed = (1 - share) * x0 + share * uniform
    assert_close(loss, ((mixed - x0) ** 2).mean())


def test_the_first_guess_has_no_loss_for_a_network_that_knows():
    x0, t, noise = data()
    loss = clean_image_loss(lambda x, t: x0, x0, t, noise, SCHEDULE)
    assert loss == 0


# What is drawn


def test_t_covers_1_to_T_and_both_ends():
    schedule = NoiseSchedule.linear(5)
    t, _ = draw_t_and_noise(torch.zeros(500, 2), schedule, SEEDED)
    assert t.unique().tolist() == [1, 2, 3, 4, 5]
    assert t.bincount()[1:].min() > 60


def test_every_image_gets_its_own_standard_noise():
    _, noise = draw_t_and_noise(torch.zeros(200, 500), SCHEDULE, SEEDED)
    assert noise.mean().item() == pytest.approx(0, abs=0.02)
    assert noise.std().item() == pytest.approx(1, abs=0.02)
    assert len(noise[:, 0].unique()) == 200


# The loss at each t


def test_loss_by_t_is_the_loss_at_that_t():
    x0 = torch.randn(6, 1, 8, 8)
    model = IgnoreTime(BasicUNet())
    values = loss_by_t(model, x0, SCHEDULE, [1, 10, 20], seed=3)
    noise = torch.randn(
        x0.shape, generator=torch.Generator().manual_seed(3)
    )
    for value, t in zip(values, [1, 10, 20], strict=True):
        assert_close(value, diffusion_loss(model, x0, t, noise, SCHEDULE))
    assert values.shape == (3,)
    assert not values.requires_grad


def test_loss_by_t_takes_another_loss():
    x0 = torch.randn(6, 1, 8, 8)
    model = IgnoreTime(BasicUNet())
    guess = loss_by_t(model, x0, SCHEDULE, [5], loss=clean_image_loss)
    assert not torch.equal(guess, loss_by_t(model, x0, SCHEDULE, [5]))


def test_loss_by_t_measures_without_dropout_and_puts_it_back():
    model = IgnoreTime(nn.Sequential(nn.Conv2d(1, 1, 1), nn.Dropout()))
    x0 = torch.randn(6, 1, 8, 8)
    one, same = (loss_by_t(model, x0, SCHEDULE, [5]) for _ in range(2))
    assert torch.equal(one, same)
    assert model.training


def test_an_average_is_measured_as_its_network():
    """Where the network is, and in its numbers."""
    net = IgnoreTime(nn.Conv2d(1, 1, 3, padding=1)).double()
    x0 = torch.linspace(-1, 1, 32).view(2, 1, 4, 4)
    one, other = (loss_by_t(m, x0, SCHEDULE, [3]) for m in (net, EMA(net)))
    assert one.dtype == torch.float64
    assert torch.equal(one, other)
