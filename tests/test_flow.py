"""The straight path: its ends, its velocity, and the way back along it."""

from functools import partial
from math import isclose

import pytest
import torch
from torch.distributions import Normal
from torch.testing import assert_close

from diffusion_lessons import (
    Batches,
    GaussianMixture,
    InputError,
    InSteps,
    NoiseSchedule,
    TimeUNet,
    flow_ends,
    flow_loss,
    flow_path,
    flow_sample,
    flow_step,
    flow_times,
    flow_velocity,
    logit_normal_times,
    mix,
    mixture_velocity,
    shift_times,
    train,
)

T = 8
SCHEDULE = NoiseSchedule.linear(T)
EACH_T = torch.linspace(0, 1, 5, dtype=torch.float64)
NORMAL = GaussianMixture([[1.5]], 0.3)
LINE = GaussianMixture([[-1.5], [1.0]], [0.2, 0.3], [0.6, 0.4])
exact = partial(mixture_velocity, LINE)


def pair(*shape):
    """A picture and its noise."""
    return torch.randn(2, *shape, dtype=torch.float64).unbind()


def last(*args, **how):
    return list(flow_sample(*args, **how))[-1].x


def constant(x, t):
    """Everything moves alike, at every t."""
    return torch.full_like(x, 0.7)


# The path


def test_a_path_begins_with_the_picture_and_ends_in_noise():
    x0, noise = pair(3, 2)
    assert torch.equal(flow_path(x0, 0.0, noise), x0)
    assert torch.equal(flow_path(x0, 1.0, noise), noise)


def test_half_way_is_the_middle_of_the_two():
    x0, noise = pair(3, 2)
    assert_close(flow_path(x0, 0.5, noise), (x0 + noise) / 2)


def test_each_picture_may_have_its_own_t():
    x0, noise = pair(5, 1, 2, 2)
    together = flow_path(x0, EACH_T, noise)
    for i, t in enumerate(EACH_T.tolist()):
        assert_close(together[i], flow_path(x0, t, noise)[i])


def test_the_path_is_the_first_guess_of_chapter_4():
    x0, noise = pair(3, 2)
    assert_close(flow_path(x0, 0.3, noise), mix(x0, noise, 0.3))


def test_the_velocity_is_the_derivative_of_the_path():
    x0, noise = pair(3, 2)
    line = partial(flow_path, x0, noise=noise)
    for t, s in [(0.0, 0.25), (0.5, 0.75), (1.0, 0.0)]:
        slope = (line(t=t) - line(t=s)) / (t - s)
        assert_close(flow_velocity(x0, noise), slope)


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0, EACH_T])
def test_a_velocity_is_read_as_the_two_ends_of_the_line(t):
    x0, noise = pair(5, 2)
    xt = flow_path(x0, t, noise)
    ends = flow_ends(flow_velocity(x0, noise), xt, t)
    assert_close(torch.stack(ends), torch.stack([x0, noise]))


@pytest.mark.parametrize(("t", "s"), [(1.0, 0.0), (0.8, 0.1), (0.2, 0.9)])
def test_a_step_with_the_true_velocity_stays_on_the_path(t, s):
    x0, noise = pair(3, 2)
    xt, velocity = flow_path(x0, t, noise), flow_velocity(x0, noise)
    there = flow_step(xt, velocity, t, s)
    assert_close(there, flow_path(x0, s, noise))


def test_the_path_keeps_dtype_and_takes_t_of_another():
    x0 = torch.zeros(5, 2)
    assert flow_path(x0, EACH_T, x0).dtype == torch.float32


@pytest.mark.parametrize("t", [-0.1, 1.1, 500, torch.tensor([0.5, 2.0])])
def test_what_is_no_time_is_refused(t):
    x0, noise = pair(2, 2)
    with pytest.raises(InputError, match=r"t must be .*in 0\.\.1"):
        flow_path(x0, t, noise)


@pytest.mark.parametrize("t", [torch.tensor([1, 0]), EACH_T[:, None]])
def test_integers_and_columns_are_no_times(t):
    x0, noise = pair(len(t), 2)
    with pytest.raises(InputError, match="t must be a number in 0"):
        flow_path(x0, t, noise)


def test_as_many_times_as_pictures():
    x0, noise = pair(3, 2)
    with pytest.raises(InputError, match="one for each of the 3"):
        flow_path(x0, EACH_T, noise)


# Times


@pytest.mark.parametrize("shift", [0.25, 1.0, 3.0])
def test_a_shift_multiplies_the_noise_per_signal(shift):
    t = EACH_T[1:-1]
    moved = shift_times(t, shift)
    assert_close(moved / (1 - moved), shift * t / (1 - t))


def test_a_shift_leaves_both_ends_and_is_undone_by_its_inverse():
    assert shift_times(0.0, 3) == 0
    assert shift_times(1.0, 3) == 1
    assert_close(shift_times(shift_times(EACH_T, 3), 1 / 3), EACH_T)


@pytest.mark.parametrize("m", [2, 4])
def test_the_shift_makes_up_for_what_an_average_of_pixels_reveals(m):
    """The noise in the mean of m x m pixels is m times smaller."""
    t = EACH_T[1:-1]
    moved = shift_times(t, m)
    seen = (moved / m) / (1 - moved)
    assert_close(seen, t / (1 - t))


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-0.6, 0.5)])
def test_the_logit_of_the_times_is_normal(mean, std):
    u = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    t = logit_normal_times(u, mean, std)
    assert_close(torch.logit(t), Normal(mean, std).icdf(u))


def test_logit_normal_times_reach_both_ends_and_are_most_in_the_middle():
    t = logit_normal_times(EACH_T)
    assert (t[0], t[2], t[-1]) == (0, 0.5, 1)
    width = t.diff()
    assert_close(width, width.flip(0))
    assert width[1] < width[0]


def test_flow_times_fall_evenly_from_1_to_0():
    assert flow_times(4) == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert flow_times(1) == [1.0, 0.0]
    shifted = [shift_times(t, 3.0) for t in flow_times(4)]
    assert flow_times(4, shift=3.0) == pytest.approx(shifted)


# The loss


def knows(x0, noise):
    """A network that knows both ends."""
    return lambda xt, t: flow_velocity(x0, noise)


def test_a_perfect_network_has_no_loss():
    x0, noise = pair(4, 1, 2, 2)
    for t in (0, 3, T, torch.tensor([1, 2, 5, 8])):
        assert flow_loss(knows(x0, noise), x0, t, noise, SCHEDULE) == 0


def test_the_loss_is_the_mean_square_of_what_is_missing():
    x0, noise = pair(4, 2)
    value = flow_loss(knows(x0, noise + 3), x0, 5, noise, SCHEDULE)
    assert_close(value, torch.tensor(9.0).double())


def test_the_model_is_asked_on_the_path_at_t_over_T():
    x0, noise = pair(4, 2)
    t = torch.tensor([1, 2, 5, 8])
    asked = []

    def model(x, time):
        asked.append((x, time))
        return x

    flow_loss(model, x0, t, noise, SCHEDULE)
    ((x, time),) = asked
    assert_close(time, t.double() / T)
    assert_close(x, flow_path(x0, t.double() / T, noise))


def test_the_times_are_turned_into_others():
    x0, noise = pair(4, 2)
    asked = []

    def model(x, time):
        asked.append((x, time))
        return x

    times = partial(shift_times, shift=3.0)
    flow_loss(model, x0, 4, noise, SCHEDULE, times=times)
    ((x, time),) = asked
    assert_close(time, torch.full((4,), 0.75).double())
    assert_close(x, flow_path(x0, 0.75, noise))


def test_the_label_is_handed_on():
    x0, noise = pair(2, 2)
    told = []

    def model(x, t, label):
        told.append(label)
        return x

    flow_loss(model, x0, 1, noise, SCHEDULE, label=torch.tensor([3, 4]))
    assert told[0].tolist() == [3, 4]


def test_a_t_beyond_the_schedule_is_refused():
    x0, noise = pair(2, 2)
    with pytest.raises(InputError, match=r"integers in 0\.\.8"):
        flow_loss(constant, x0, T + 1, noise, SCHEDULE)


def test_nothing_answers_better_than_the_mean_velocity():
    """Its error has nothing to do with anything that x_t shows."""
    generator = torch.Generator().manual_seed(0)
    x0 = LINE.sample(50_000, generator)
    noise = torch.randn(x0.shape, generator=generator).double()
    for t in (0.2, 0.5, 0.9):
        xt = flow_path(x0, t, noise)
        error = flow_velocity(x0, noise) - exact(xt, t)
        for seen in (torch.ones_like(xt), xt, xt.sin(), xt**2):
            size = (error * seen).std() / len(xt) ** 0.5
            assert abs((error * seen).mean()) < 4 * size


def test_a_network_is_trained_as_a_flow_by_the_loop_of_chapter_4():
    torch.manual_seed(0)
    label = torch.arange(32) % 2
    images = (2.0 * label - 1).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    model = InSteps(TimeUNet(1, 8, num_classes=2), T)
    batches = Batches(images, label, batch_size=32)
    how = {"loss": flow_loss, "num_steps": 60, "lr": 5e-3}
    run = train(model, batches, SCHEDULE, p_uncond=0.1, **how)
    losses = [step.loss for step in run]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


# The way back


def test_where_all_moves_alike_one_step_is_enough():
    x_1 = torch.randn(4, 2).double()
    for n in (1, 7):
        assert_close(last(constant, x_1, n), x_1 - 0.7)


def test_one_gaussian_is_reached_exactly_in_the_limit():
    """N(m, s²): each noise z ends at m + s z."""
    x_1 = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    model = partial(mixture_velocity, NORMAL)
    found = last(model, x_1, 300, heun=True)
    assert_close(found, 1.5 + 0.3 * x_1, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("heun", "order"), [(False, 1), (True, 2)])
def test_the_error_falls_with_the_step_or_with_its_square(heun, order):
    x_1 = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    model = partial(mixture_velocity, GaussianMixture([[1.5]], 0.7))
    errors = [
        (last(model, x_1, n, heun=heun) - (1.5 + 0.7 * x_1)).abs().max()
        for n in (40, 80, 160)
    ]
    slopes = (torch.stack(errors)[:-1] / torch.stack(errors)[1:]).log2()
    assert (slopes - order).abs().max() < 0.1


def test_on_a_line_the_order_of_the_walkers_stays():
    """x_0 has as much of the mixture below it as x_1 has of N(0, 1)."""
    levels = (torch.arange(20).double() + 0.5) / 20
    x_1 = Normal(0.0, 1.0).icdf(levels)[:, None]
    x_0 = last(exact, x_1, 400, heun=True)
    bells = Normal(LINE.means[:, 0], LINE.variances.sqrt())
    below = (LINE.weights * bells.cdf(x_0)).sum(1)
    assert_close(below, levels, rtol=0, atol=2e-3)


def test_the_walkers_have_the_right_density_at_every_t():
    """Mean and variance of (1 - t) x_0 + t noise, at five t."""
    levels = (torch.arange(4000).double() + 0.5) / 4000
    x_1 = Normal(0.0, 1.0).icdf(levels)[:, None]
    path = {round(s.t, 6): s.x for s in flow_sample(exact, x_1, 200)}
    mean = (LINE.weights * LINE.means[:, 0]).sum()
    square = LINE.weights * (LINE.variances + LINE.means[:, 0] ** 2)
    variance = square.sum() - mean**2
    for t in (0.9, 0.7, 0.5, 0.3, 0.1):
        x = path[t]
        assert_close(x.mean(), (1 - t) * mean, rtol=0, atol=0.01)
        expected = (1 - t) ** 2 * variance + t**2
        assert_close(x.var(), expected, rtol=0.02, atol=0)


@pytest.mark.parametrize(("heun", "calls"), [(False, 5), (True, 9)])
def test_heun_asks_twice_in_every_step_but_the_last(heun, calls):
    asked = []

    def model(x, t):
        asked.append(t)
        return x

    list(flow_sample(model, torch.zeros(2, 3), 5, heun=heun))
    assert len(asked) == calls
    assert all(t.shape == (2,) and t.dtype == torch.float32 for t in asked)


def test_snapshots_say_where_they_are_and_what_is_guessed():
    x_1 = torch.randn(3, 2).double()
    shots = list(flow_sample(exact_2, x_1, 4))
    assert [s.t for s in shots] == [0.75, 0.5, 0.25, 0.0]
    assert_close(shots[0].x0_hat, x_1 - exact_2(x_1, 1.0))
    assert_close(shots[-1].x0_hat, shots[-1].x)


def exact_2(x, t):
    """A plane of two bells."""
    return mixture_velocity(GaussianMixture([[1.0, 0], [0, 1]], 0.3), x, t)


def test_the_times_may_be_given():
    x_1 = torch.randn(3, 1).double()
    by_list = last(exact, x_1, [1.0, 0.7, 0.0])
    by_hand = x_1
    for t, s in ((1.0, 0.7), (0.7, 0.0)):
        by_hand = flow_step(by_hand, exact(by_hand, t), t, s)
    assert_close(by_list, by_hand)
    shifted = last(exact, x_1, 5, shift=2)
    assert_close(shifted, last(exact, x_1, flow_times(5, 2.0)))


def test_nothing_runs_until_it_is_consumed():
    asked = []
    run = flow_sample(lambda x, t: asked.append(t), torch.zeros(1, 1), 3)
    assert not asked
    with pytest.raises(InputError, match="the model must return"):
        next(run)


def test_no_gradient_is_kept():
    x_1 = torch.zeros(1, 1, requires_grad=True)
    assert not last(constant, x_1, 2).requires_grad


@pytest.mark.parametrize(
    "times", [[0.0, 0.5, 1.0], [1.0, 0.5], [1.0], [1.0, 0.5, 0.5, 0.0]]
)
def test_times_that_do_not_lead_from_noise_to_0_are_refused(times):
    with pytest.raises(InputError, match="must fall from 1, the noise"):
        flow_sample(constant, torch.zeros(1, 1), times)


def test_the_start_must_be_noise():
    with pytest.raises(InputError, match=r"t = 0.5 still holds 0.50"):
        flow_sample(constant, torch.zeros(1, 1), [0.5, 0.0])
    near = list(flow_sample(constant, torch.zeros(1, 1), [0.96, 0.0]))
    assert isclose(near[0].x.item(), -0.7 * 0.96, rel_tol=1e-6)


def test_given_times_are_not_shifted():
    with pytest.raises(InputError, match="shift must be 1 where"):
        flow_sample(constant, torch.zeros(1, 1), [1.0, 0.0], shift=2)


@pytest.mark.parametrize("steps", [0, -1, 1.5, "10", [1.0, "a"], [2, 0]])
def test_what_is_no_number_of_steps_is_refused(steps):
    with pytest.raises(InputError, match="num_steps must be"):
        flow_sample(constant, torch.zeros(1, 1), steps)
