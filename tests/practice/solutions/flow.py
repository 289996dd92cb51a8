"""Right answers to the practice of chapter 16, each in several ways."""

import torch


def flow_path(x0, t, noise):
    t = torch.as_tensor(t).reshape(-1, 1, 1, 1)
    return (1 - t) * x0 + t * noise


def flow_path__by_lerp(x0, t, noise):
    t = torch.as_tensor(t).expand(len(x0))[:, None, None, None]
    return torch.lerp(x0, noise, t)


def flow_path__along_the_velocity(x0, t, noise):
    if not isinstance(t, float):
        t = t.view(-1, 1, 1, 1)
    return x0 + t * (noise - x0)


def flow_velocity(x0, noise):
    return noise - x0


def flow_velocity__by_sub(x0, noise):
    return torch.sub(noise, x0)


def flow_velocity__as_a_difference(x0, noise):
    early, late = (flow_path(x0, t, noise).double() for t in (0.25, 0.75))
    return (late - early) * 2


def flow_step(xt, velocity, t, s):
    return xt + (s - t) * velocity


def flow_step__by_its_length(xt, velocity, t, s):
    dt = t - s
    return xt - dt * velocity


def flow_step__by_the_two_ends(xt, velocity, t, s):
    x0, noise = xt - t * velocity, xt + (1 - t) * velocity
    return (1 - s) * x0 + s * noise


def x0_from_velocity(velocity, xt, t):
    return xt - torch.as_tensor(t).reshape(-1, 1, 1, 1) * velocity


def x0_from_velocity__by_addcmul(velocity, xt, t):
    t = torch.as_tensor(t).expand(len(xt))[:, None, None, None]
    return torch.addcmul(xt, t, velocity, value=-1)


def x0_from_velocity__einsum(velocity, xt, t):
    t = torch.as_tensor(t).expand(len(xt))
    return xt - torch.einsum("b,b...->b...", t, velocity)


def shift_times(t, shift):
    return shift * t / (1 + (shift - 1) * t)


def shift_times__by_what_is_left(t, shift):
    return 1 - (1 - t) / (1 + (shift - 1) * t)


def shift_times__by_the_ratio(t, shift):
    noise, picture = shift * t, 1 - t
    return noise / (noise + picture)
