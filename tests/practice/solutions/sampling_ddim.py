"""Right answers to the practice of chapter 8, each in several ways."""

import numpy as np
import torch

import diffusion_lessons as dl


def ddim_timesteps(num_train_steps, num_steps):
    return torch.linspace(num_train_steps, 0, num_steps + 1).round().long()


def ddim_timesteps__as_a_list(num_train_steps, num_steps):
    stride = num_train_steps / num_steps
    return [round(stride * i) for i in range(num_steps, -1, -1)]


def ddim_timesteps__a_tensor_for_each(num_train_steps, num_steps):
    return list(ddim_timesteps(num_train_steps, num_steps))


def ddim_timesteps__numpy(num_train_steps, num_steps):
    return (
        np.linspace(num_train_steps, 0, num_steps + 1).round().astype(int)
    )


def ddim_timesteps__half_up(num_train_steps, num_steps):
    up = np.arange(num_steps + 1) * num_train_steps / num_steps
    return list(np.floor(up + 0.5).astype(int)[::-1])


def ddim_timesteps__in_whole_numbers(num_train_steps, num_steps):
    twice = [
        2 * num_train_steps * i + num_steps for i in range(num_steps + 1)
    ]
    return tuple(reversed([x // (2 * num_steps) for x in twice]))


def ddim_step(x0_hat, eps_hat, t, s, noise, schedule, eta):
    a_t = schedule.alphas_cumprod[t]
    a_s = schedule.alphas_cumprod[s]
    tau2 = eta**2 * (1 - a_s) / (1 - a_t) * (1 - a_t / a_s)
    kept = a_s.sqrt() * x0_hat + (1 - a_s - tau2).sqrt() * eps_hat
    return kept + tau2.sqrt() * noise


def ddim_step__by_the_paper(x0_hat, eps_hat, t, s, noise, schedule, eta):
    a_t = float(schedule.alphas_cumprod[t])
    a_s = float(schedule.alphas_cumprod[s])
    tau = eta * ((1 - a_s) / (1 - a_t)) ** 0.5 * (1 - a_t / a_s) ** 0.5
    direction = max(0, 1 - a_s - tau**2) ** 0.5 * eps_hat
    x = a_s**0.5 * x0_hat + direction
    if eta > 0:
        x = x + tau * noise
    return x


def ddim_step__by_a_jump(x0_hat, eps_hat, t, s, noise, schedule, eta):
    _, sigma_t = schedule.signal_and_sigma(t, x0_hat)
    kept = schedule.alphas_cumprod[t] / schedule.alphas_cumprod[s]
    share = eta**2 * (1 - kept) / sigma_t**2  # of the noise at s
    mixed = (1 - share).sqrt() * eps_hat + share.sqrt() * noise
    return dl.q_sample(x0_hat, s, mixed.float(), schedule)


def ddim_step__einsum(x0_hat, eps_hat, t, s, noise, schedule, eta):
    a_t, a_s = schedule.alphas_cumprod[[t, s]]
    tau2 = eta**2 * (1 - a_s) / (1 - a_t) * (1 - a_t / a_s)
    factors = torch.stack([a_s, 1 - a_s - tau2, tau2]).clamp(min=0) ** 0.5
    parts = torch.stack([x0_hat, eps_hat, noise]).double()
    return torch.einsum("k,kb...->b...", factors, parts)


def held(x, known, mask, s, noise, schedule):
    a = schedule.alphas_cumprod[s]
    noised = a.sqrt() * known + (1 - a).sqrt() * noise
    return mask * noised + (1 - mask) * x


def held__with_where(x, known, mask, s, noise, schedule):
    if s > 0:
        known = dl.q_sample(known, s, noise, schedule)
    return torch.where(mask.bool(), known, x)


def held__in_place_on_a_copy(x, known, mask, s, noise, schedule):
    result = x.clone()
    there = mask.expand(x.shape) == 1
    result[there] = dl.q_sample(known, s, noise, schedule)[there]
    return result


def held__lerp(x, known, mask, s, noise, schedule):
    known = dl.q_sample(known.double(), s, noise.double(), schedule)
    return torch.lerp(x.double(), known, mask.double())
