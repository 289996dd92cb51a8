"""Golden: the flow schedulers of diffusers walk the same paths.

Same noise, same network, compared after every step of whole loops. They
count in thousandths, sigma is our t, and their tables are float32.
"""

from math import log

import pytest
import torch
from diffusers import (
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
)
from diffusers.training_utils import compute_density_for_timestep_sampling
from torch.testing import assert_close

from diffusion_lessons import (
    flow_path,
    flow_sample,
    flow_times,
    logit_normal_times,
    shift_times,
)


def network(x, t):
    """Smooth in x and t."""
    return torch.sin(x + 3 * t[:, None])


def theirs(scheduler, x):
    """x after every step of their loop."""
    path = []
    for timestep in scheduler.timesteps:
        output = network(x, (timestep / 1000).expand(len(x)))
        x = scheduler.step(output, timestep, x).prev_sample
        path.append(x)
    return torch.stack(path)


def ours(x, *args, **how):
    return torch.stack([s.x for s in flow_sample(network, x, *args, **how)])


def agree(path, expected):
    assert_close(path, expected, rtol=0, atol=1e-5)


def evenly(n):
    """Their grid would stop at a thousandth: this is the even one."""
    return [i / n for i in range(n, 0, -1)]


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("n", [1, 4, 30])
def test_eulers_method_is_theirs_with_every_shift(n, shift):
    scheduler = FlowMatchEulerDiscreteScheduler(1000, shift=shift)
    scheduler.set_timesteps(sigmas=evenly(n))
    times = torch.tensor(flow_times(n, shift))
    assert_close(scheduler.sigmas, times, rtol=0, atol=1e-6)
    x_1 = torch.randn(4, 3)
    agree(ours(x_1, n, shift=shift), theirs(scheduler, x_1))


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_their_own_grid_may_be_given_as_times(shift):
    scheduler = FlowMatchEulerDiscreteScheduler(1000, shift=shift)
    scheduler.set_timesteps(20)
    x_1 = torch.randn(4, 3)
    agree(ours(x_1, scheduler.sigmas), theirs(scheduler, x_1))


def test_a_shift_that_depends_on_the_size_is_the_same_shift():
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    scheduler.set_timesteps(sigmas=evenly(8), mu=log(2.5))
    times = torch.tensor(flow_times(8, shift=2.5))
    assert_close(scheduler.sigmas, times, rtol=0, atol=1e-6)
    t = torch.linspace(0.1, 0.9, 5)
    moved = scheduler.time_shift(log(2.5), 1.0, t)
    assert_close(shift_times(t, 2.5), moved)


def test_heuns_method_is_theirs():
    scheduler = FlowMatchHeunDiscreteScheduler(1000)
    scheduler.set_timesteps(10)
    x_1 = torch.randn(4, 3)
    times = scheduler.sigmas.tolist()
    whole = [*times[:1], *times[1:-1:2], 0.0]  # they list each stop twice
    agree(
        ours(x_1, whole, heun=True),
        theirs(scheduler, x_1)[[*range(1, 19, 2), 18]],
    )


def test_noise_is_added_as_they_add_it():
    scheduler = FlowMatchEulerDiscreteScheduler(1000)
    x0, noise = torch.randn(2, 3, 1, 4, 4)
    for timestep in (1.0, 400.0, 1000.0):
        told = torch.full((3,), timestep)
        assert_close(
            scheduler.scale_noise(x0, told, noise),
            flow_path(x0, timestep / 1000, noise),
        )


def test_logit_normal_times_are_spread_as_they_draw_them():
    drawn = compute_density_for_timestep_sampling(
        "logit_normal",
        20_000,
        0.4,
        0.8,
        generator=torch.Generator().manual_seed(0),
    )
    u = (torch.arange(20_000) + 0.5) / 20_000
    times = logit_normal_times(u, 0.4, 0.8)
    assert (drawn.sort().values - times).abs().max() < 0.02
