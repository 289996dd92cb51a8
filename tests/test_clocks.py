"""Flow and diffusion are one model: each is asked as the other."""

from functools import partial

import pytest
import torch
from torch.testing import assert_close

from diffusion_lessons import (
    ExactModel,
    GaussianMixture,
    Guided,
    InputError,
    NoiseSchedule,
    as_flow,
    ddim_sample,
    ddim_timesteps,
    diffusion_loss,
    flow_loss,
    flow_path,
    flow_sample,
    from_flow,
    load_flow,
    load_pretrained,
    mixture_velocity,
    q_sample,
    schedule_through,
    step_at,
    target,
    time_at,
    x0_and_eps,
)

PLANE = GaussianMixture(
    [[-1.5, 0.0], [1.0, 1.0], [0.5, -2.0]], [0.3, 0.5, 0.4], [3, 2, 5]
)
exact = partial(mixture_velocity, PLANE)
EVERY_T = torch.arange(61)


@pytest.fixture(params=["eps", "x0", "v"])
def predicts(request):
    return request.param


def points(n=6):
    return torch.randn(n, 2, dtype=torch.float64)


def smooth(x, t):
    """A network that was never trained, of diffusion or of a flow."""
    return torch.sin(x + t.view(-1, *[1] * (x.ndim - 1)) / 9)


def size_of(t, schedule, like):
    """What a picture of a flow is multiplied by."""
    signal, sigma = schedule.signal_and_sigma(t, like)
    return signal + sigma


# The clock


def test_at_the_time_of_a_step_there_is_as_much_noise_per_signal(schedule):
    t = time_at(EVERY_T, schedule)
    expected = 1 / schedule.snr().sqrt()
    assert_close((t / (1 - t))[1:], expected[1:])
    assert t[0] == 0


def test_a_picture_of_a_flow_is_one_of_diffusion_but_for_its_size(schedule):
    x0, noise = points(61), points(61)
    x = flow_path(x0, time_at(EVERY_T, schedule), noise)
    xt = size_of(EVERY_T, schedule, x) * x
    assert_close(xt, q_sample(x0, EVERY_T, noise, schedule))


def test_the_step_of_a_time_is_the_inverse_of_the_time_of_a_step(schedule):
    t = EVERY_T[1:]
    assert torch.equal(step_at(time_at(t, schedule), schedule), t)
    assert torch.equal(step_at(time_at(t, schedule).float(), schedule), t)
    assert step_at(time_at(7, schedule).item(), schedule).tolist() == [7]


def test_between_two_steps_it_is_between_them(schedule):
    signal2 = schedule.alpha_bar(7.25)  # as the chain has it there
    signal, sigma = signal2**0.5, (1 - signal2) ** 0.5
    found = step_at(
        torch.tensor([sigma / (signal + sigma)]).double(), schedule
    )
    assert_close(found, torch.tensor([7.25], dtype=torch.float64))


def test_no_step_is_below_the_first_or_above_the_last(schedule):
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert step_at(ends, schedule).tolist() == [1, 60]


def test_a_schedule_goes_through_the_times_of_a_flow():
    times = torch.tensor([0.1, 0.4, 0.8, 1.0], dtype=torch.float64)
    through = schedule_through(times)
    assert through.num_steps == 4
    assert_close(time_at(torch.arange(1, 5), through), times)


@pytest.mark.parametrize("times", [[0.5, 0.4], [0.0, 0.5], [0.2, 0.2]])
def test_times_that_do_not_rise_make_no_schedule(times):
    with pytest.raises(InputError, match="betas must lie strictly"):
        schedule_through(torch.tensor(times))


# The same model in the other language


def test_a_flow_says_v_in_other_units(schedule):
    """velocity = (signal + sigma) v + (sigma - signal) x_t."""
    xt = points(60)
    t = EVERY_T[1:]
    v = smooth(xt, t)
    signal, sigma = schedule.signal_and_sigma(t, xt)
    velocity = as_flow(smooth, schedule, "v")(
        xt / (signal + sigma), time_at(t, schedule)
    )
    expected = (signal + sigma) * v + (sigma - signal) * xt
    assert_close(velocity, expected, rtol=0, atol=1e-9)


def test_there_and_back_is_the_identity(schedule, predicts):
    t, xt = EVERY_T[1:], points(60)
    flow = as_flow(smooth, schedule, predicts)
    back = from_flow(flow, schedule, predicts)
    assert_close(back(xt, t), smooth(xt, t), rtol=0, atol=1e-9)


def test_back_and_there_is_the_identity(schedule, predicts):
    time, x = time_at(EVERY_T[1:], schedule), points(60)
    told = from_flow(smooth, schedule, predicts)
    again = as_flow(told, schedule, predicts)
    assert_close(again(x, time), smooth(x, time), rtol=0, atol=1e-9)


def test_a_perfect_network_is_a_perfect_flow(schedule, predicts):
    def network(x, t):
        x0 = PLANE.posterior_mean(x, t, schedule)
        _, eps = x0_and_eps(x0, x, t, schedule, "x0")
        return target(predicts, x0, eps, t, schedule)

    x, time = points(60), time_at(EVERY_T[1:], schedule)
    flow = as_flow(network, schedule, predicts)
    assert_close(flow(x, time), exact(x, time), rtol=0, atol=1e-8)


def test_ddim_is_eulers_method_along_the_flow(schedule):
    """The same x_T through both: the same picture to 1e-10."""
    steps = ddim_timesteps(60, 12)
    times = time_at(torch.tensor(steps), schedule).tolist()
    how = {"predicts": "v", "clip": None}
    x_T = points()
    *path, ddim = ddim_sample(smooth, x_T, schedule, steps, **how)
    start = x_T / size_of(60, schedule, x_T)
    flow = as_flow(smooth, schedule, "v")
    *walk, euler = flow_sample(flow, start, times)
    assert_close(euler.x, ddim.x, rtol=0, atol=1e-10)
    assert_close(euler.x0_hat, ddim.x0_hat, rtol=0, atol=1e-10)
    for one, other in zip(path, walk, strict=True):
        grown = size_of(one.t, schedule, x_T) * other.x
        assert_close(grown, one.x, rtol=0, atol=1e-10)


def test_a_trained_network_draws_the_same_as_a_flow():
    """Of v, in single precision: to 1e-5."""
    net = load_pretrained("digits")
    model = Guided(net.model, torch.arange(4), net.null, 2.0)
    x_T = torch.randn(4, *net.shape)
    steps = ddim_timesteps(1000, 20)
    how = {"predicts": "v", "clip": None}
    *_, ddim = ddim_sample(model, x_T, net.schedule, steps, **how)
    times = time_at(torch.tensor(steps), net.schedule).tolist()
    start = x_T / size_of(1000, net.schedule, x_T)
    flow = as_flow(model, net.schedule, "v")
    *_, euler = flow_sample(flow, start, times)
    assert_close(euler.x, ddim.x, rtol=0, atol=1e-5)


def test_a_trained_flow_draws_the_same_as_a_network_of_v():
    net, schedule = load_flow("digits"), NoiseSchedule.cosine(1000)
    model = Guided(net.model, torch.arange(4), net.null)
    x_T = torch.randn(4, *net.shape)
    steps = ddim_timesteps(1000, 20)
    times = time_at(torch.tensor(steps), schedule).tolist()
    start = x_T / size_of(1000, schedule, x_T)
    *_, euler = flow_sample(model, start, times)
    told = from_flow(model, schedule, "v")
    how = {"predicts": "v", "clip": None}
    *_, ddim = ddim_sample(told, x_T, schedule, steps, **how)
    assert_close(euler.x, ddim.x, rtol=0, atol=1e-5)


def test_a_label_is_handed_on_both_ways(schedule):
    told = []

    def model(x, t, label):
        told.append(label)
        return x

    x, label = points(2), torch.tensor([0, 1])
    from_flow(as_flow(model, schedule, "v"), schedule)(x, 5, label)
    assert told == [label]


def test_between_two_steps_a_network_is_told_a_float(schedule):
    asked = []

    def model(x, t):
        asked.append(t)
        return x

    as_flow(model, schedule, "v")(points(2), 0.4321)
    assert asked[0].shape == (2,)
    assert asked[0].is_floating_point()
    assert_close(asked[0][0], step_at(0.4321, schedule)[0])


def test_noise_alone_says_nothing_to_a_network_of_eps(schedule):
    flow = as_flow(smooth, schedule, "eps")
    with pytest.raises(InputError, match="cannot be read where x_T holds"):
        flow(points(2), 1.0)


def test_the_loss_of_a_flow_is_the_loss_of_v_with_another_weight(schedule):
    """(signal + sigma)², between 1 and 2."""
    x0, noise = points(4), points(4)
    through = schedule_through(torch.linspace(0.05, 1, 20).double())
    for t in (1, 7, 20):
        network = from_flow(smooth, through, "v")
        v = diffusion_loss(network, x0, t, noise, through, predicts="v")
        flow = flow_loss(smooth, x0, t, noise, NoiseSchedule.linear(20))
        weight = size_of(t, through, x0).square().item()
        assert 1 <= weight <= 2
        assert_close(flow, weight * v)


# Exact velocities


def density(x, t):
    """log q(x_t), from the bells of (1 - t) x_0 + t noise."""
    means = (1 - t) * PLANE.means
    variances = (1 - t) ** 2 * PLANE.variances + t**2
    square = (x[:, None] - means).square().sum(-1)
    bells = -square / (2 * variances) - variances.log()
    return (PLANE.weights.log() + bells).logsumexp(1)


@pytest.mark.parametrize("t", [0.05, 0.3, 0.6, 0.95])
def test_the_velocity_carries_the_density_along(t):
    """The equation of continuity: d log q / dt = -div u - u . score."""
    x, step = points(20), 1e-5
    along = torch.eye(2, dtype=torch.float64) * step
    slopes = [
        (density(x, t + step) - density(x, t - step)) / (2 * step),
        torch.stack(
            [
                (density(x + a, t) - density(x - a, t)) / (2 * step)
                for a in along
            ],
            1,
        ),
        sum(
            ((exact(x + a, t) - exact(x - a, t)) / (2 * step))[:, i]
            for i, a in enumerate(along)
        ),
    ]
    in_time, score, divergence = slopes
    carried = -divergence - (exact(x, t) * score).sum(1)
    assert_close(in_time, carried, rtol=1e-5, atol=1e-5)


def test_at_both_ends_one_of_the_two_is_seen_and_the_other_guessed():
    x = points()
    mean = PLANE.weights @ PLANE.means
    assert_close(exact(x, 0.0), -x)
    assert_close(exact(x, 1.0), x - mean)


def test_each_point_may_have_its_own_time():
    x = points(4)
    times = torch.tensor([0.9, 0.1, 0.1, 0.0], dtype=torch.float64)
    together = exact(x, times)
    for i, t in enumerate(times.tolist()):
        assert_close(together[i : i + 1], exact(x[i : i + 1], t))


def test_the_exact_model_of_chapter_7_says_the_same(schedule):
    flow = as_flow(ExactModel(PLANE, schedule), schedule, "x0")
    x, time = points(60), time_at(EVERY_T[1:], schedule)
    assert_close(flow(x, time), exact(x, time), rtol=0, atol=1e-8)
