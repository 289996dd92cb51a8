"""Right answers to the practice of chapter 2, each in several ways."""

from math import cos, pi

import torch


def q_sample(x0, t, noise, schedule):
    a = schedule.alphas_cumprod[t].reshape(-1, 1, 1, 1)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def q_sample__with_the_table_reader(x0, t, noise, schedule):
    signal, sigma = schedule.signal_and_sigma(t, x0)
    return torch.lerp(sigma * noise, sigma * noise + x0, signal)


def q_sample__by_the_product(x0, t, noise, schedule):
    alphas_cumprod = (1 - schedule.betas).cumprod(0)
    t = torch.as_tensor(t).expand(len(x0))
    a = alphas_cumprod[t][:, None, None, None].float()
    return x0 * a**0.5 + noise * (1 - a) ** 0.5


def q_sample__einsum(x0, t, noise, schedule):
    t = torch.as_tensor(t).expand(len(x0))
    signal = schedule.sqrt_alphas_cumprod[t].to(x0)
    sigma = schedule.sqrt_one_minus_alphas_cumprod[t].to(x0)
    both = torch.stack([signal, sigma])
    return torch.einsum("kb,kb...->b...", both, torch.stack([x0, noise]))


def cosine_alphas_cumprod(num_steps, s):
    u = torch.arange(num_steps + 1) / num_steps
    f = torch.cos((u + s) / (1 + s) * pi / 2) ** 2
    return f / f[0]


def cosine_alphas_cumprod__as_a_list(num_steps, s):
    def f(t):
        return cos((t / num_steps + s) / (1 + s) * pi / 2) ** 2

    return [f(t) / f(0) for t in range(num_steps + 1)]


def cosine_alphas_cumprod__by_the_double_angle(num_steps, s):
    u = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
    f = (1 + torch.cos((u + s) / (1 + s) * pi)) / 2
    return f / f[0]


def q_posterior(x0, xt, t, schedule):
    shape = (-1, 1, 1, 1)
    a = schedule.alphas_cumprod[t].reshape(shape)
    before = schedule.alphas_cumprod[t - 1].reshape(shape)
    beta = schedule.betas[t].reshape(shape)
    mean = before.sqrt() * beta * x0 + (1 - beta).sqrt() * (1 - before) * xt
    return mean / (1 - a), beta * (1 - before) / (1 - a)


def q_posterior__variance_for_every_pixel(x0, xt, t, schedule):
    mean, variance = q_posterior(x0, xt, t, schedule)
    return mean, variance.expand(mean.shape)


def q_posterior__by_the_product_of_two_bells(x0, xt, t, schedule):
    t = torch.as_tensor(t).expand(len(x0))[:, None, None, None]
    beta, before = schedule.betas[t], schedule.alphas_cumprod[t - 1]
    from_xt = (1 - beta) / beta  # precision of the step, seen from x_t
    from_x0 = 1 / (1 - before)  # and of the jump; no doubt at all at t = 1
    first = t == 1
    from_x0 = torch.where(first, 1e30, from_x0)
    total = from_xt + from_x0
    mean = from_xt * xt / (1 - beta).sqrt() + from_x0 * before.sqrt() * x0
    return mean / total, 1 / total
