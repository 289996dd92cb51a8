"""Right answers to the practice of chapter 6, each in several ways."""

import torch

import diffusion_lessons


def x0_from_eps(xt, eps_hat, t, schedule):
    a = schedule.alphas_cumprod[t].reshape(-1, 1, 1, 1)
    return (xt - (1 - a).sqrt() * eps_hat) / a.sqrt()


def x0_from_eps__in_place_on_a_copy(xt, eps_hat, t, schedule):
    signal, sigma = schedule.signal_and_sigma(t, xt)
    result = xt.clone()
    result -= sigma * eps_hat
    result /= signal
    return result


def x0_from_eps__by_the_noise_to_signal_ratio(xt, eps_hat, t, schedule):
    a = schedule.alphas_cumprod[torch.as_tensor(t)].expand(len(xt))
    a = a[:, None, None, None]
    return xt * a**-0.5 - (1 / a - 1) ** 0.5 * eps_hat


def x0_from_eps__einsum(xt, eps_hat, t, schedule):
    t = torch.as_tensor(t).expand(len(xt))
    signal = schedule.sqrt_alphas_cumprod[t]
    sigma = schedule.sqrt_one_minus_alphas_cumprod[t]
    factors = torch.stack([1 / signal, -sigma / signal]).to(xt)
    return torch.einsum(
        "kb,kb...->b...", factors, torch.stack([xt, eps_hat])
    )


def v_target(x0, noise, t, schedule):
    a = schedule.alphas_cumprod[t].reshape(-1, 1, 1, 1)
    return a.sqrt() * noise - (1 - a).sqrt() * x0


def v_target__by_the_angle(x0, noise, t, schedule):
    t = torch.as_tensor(t).expand(len(x0))
    angle = schedule.alphas_cumprod[t].sqrt().arccos()[:, None, None, None]
    return angle.cos() * noise - angle.sin() * x0


def v_target__one_by_one(x0, noise, t, schedule):
    steps = torch.as_tensor(t).expand(len(x0)).tolist()
    rows = []
    for x, e, step in zip(x0, noise, steps, strict=True):
        a = float(schedule.alphas_cumprod[step])
        rows.append(a**0.5 * e - (1 - a) ** 0.5 * x)
    return torch.stack(rows)


def v_target__with_the_table_reader(x0, noise, t, schedule):
    signal, sigma = schedule.signal_and_sigma(t, x0)
    return torch.addcmul(-sigma * x0, signal, noise)


def x0_and_eps_from_v(v_hat, xt, t, schedule):
    a = schedule.alphas_cumprod[t].reshape(-1, 1, 1, 1)
    signal, sigma = a.sqrt(), (1 - a).sqrt()
    return signal * xt - sigma * v_hat, sigma * xt + signal * v_hat


def x0_and_eps_from_v__one_after_the_other(v_hat, xt, t, schedule):
    signal, sigma = schedule.signal_and_sigma(t, xt)
    x0_hat = signal * xt - sigma * v_hat
    return [x0_hat, (xt - signal * x0_hat) / sigma]


def x0_and_eps_from_v__as_one_turn(v_hat, xt, t, schedule):
    signal, sigma = schedule.signal_and_sigma(t, xt)
    z = torch.complex(signal.double(), sigma.double())
    z = z * torch.complex(xt.double(), v_hat.double())
    return z.real, z.imag


def x0_and_eps_from_v__stacked(v_hat, xt, t, schedule):
    pair = diffusion_lessons.x0_and_eps(v_hat, xt, t, schedule, "v")
    return torch.stack(pair).unbind()
