"""Right answers to the practice of chapter 7, each in several ways."""

import torch

from diffusion_lessons import (
    clean_guess,
    ddim_step,
    q_posterior,
    x0_and_eps,
)


def ancestral_step(x0_hat, xt, t, noise, schedule):
    a = schedule.alphas_cumprod[t]
    before = schedule.alphas_cumprod[t - 1]
    beta = schedule.betas[t]
    on_x0 = before.sqrt() * beta / (1 - a)
    on_xt = (1 - beta).sqrt() * (1 - before) / (1 - a)
    mean = on_x0 * x0_hat + on_xt * xt
    variance = (1 - before) / (1 - a) * beta
    return mean + variance.sqrt() * noise


def ancestral_step__by_equation_11(x0_hat, xt, t, noise, schedule):
    bars, beta = schedule.alphas_cumprod, schedule.betas[t]
    eps_hat = (xt - bars[t].sqrt() * x0_hat) / (1 - bars[t]).sqrt()
    mean = xt - beta / (1 - bars[t]).sqrt() * eps_hat
    mean = mean / (1 - beta).sqrt()
    if t == 1:
        return mean
    std = (beta * (1 - bars[t - 1]) / (1 - bars[t])).sqrt()
    return mean + std * noise


def ancestral_step__einsum(x0_hat, xt, t, noise, schedule):
    a, before = schedule.alphas_cumprod[[t, t - 1]].tolist()
    beta = float(schedule.betas[t])
    left = 1 - a
    factors = torch.tensor(
        [
            before**0.5 * beta / left,
            (1 - beta) ** 0.5 * (1 - before) / left,
            ((1 - before) / left * beta) ** 0.5,
        ]
    )
    parts = torch.stack([x0_hat, xt, noise])
    return torch.einsum("k,k...->...", factors, parts)


def ancestral_step__in_place_on_a_copy(x0_hat, xt, t, noise, schedule):
    mean, variance = q_posterior(x0_hat.double(), xt.double(), t, schedule)
    result = mean.clone()
    return result.add_(variance**0.5 * noise)


def ancestral_step__as_ddim(x0_hat, xt, t, noise, schedule):
    a = schedule.alphas_cumprod[t]
    eps_hat = (xt - a.sqrt() * x0_hat) / (1 - a).sqrt()
    return ddim_step(x0_hat, eps_hat, t, t - 1, noise, schedule, eta=1)


def clip_guess(eps_hat, xt, t, schedule):
    signal = schedule.alphas_cumprod[t].sqrt()
    sigma = (1 - schedule.alphas_cumprod[t]).sqrt()
    x0_hat = (xt - sigma * eps_hat) / signal
    x0_hat = x0_hat.clamp(-1, 1)
    return x0_hat, (xt - signal * x0_hat) / sigma


def clip_guess__with_where(eps_hat, xt, t, schedule):
    signal, sigma = schedule.signal_and_sigma(t, xt.double())
    x0_hat = (xt - sigma * eps_hat) / signal
    x0_hat = torch.where(x0_hat > 1, 1.0, x0_hat)
    x0_hat = torch.where(x0_hat < -1, -1.0, x0_hat)
    return [x0_hat, (xt - signal * x0_hat) / sigma]


def clip_guess__in_place_on_a_copy(eps_hat, xt, t, schedule):
    x0_hat, _ = x0_and_eps(eps_hat, xt, t, schedule, "eps")
    x0_hat = x0_hat.clone().clamp_(-1, 1)
    return x0_and_eps(x0_hat, xt, t, schedule, "x0")


def clip_guess__pixel_by_pixel(eps_hat, xt, t, schedule):
    a = float(schedule.alphas_cumprod[t])
    x0_hat, eps = torch.empty_like(xt), torch.empty_like(xt)
    for i in range(xt.numel()):
        x, e = float(xt.view(-1)[i]), float(eps_hat.view(-1)[i])
        guess = (x - (1 - a) ** 0.5 * e) / a**0.5
        guess = max(-1.0, min(1.0, guess))
        x0_hat.view(-1)[i] = guess
        eps.view(-1)[i] = (x - a**0.5 * guess) / (1 - a) ** 0.5
    return x0_hat, eps


def ancestral_loop(model, x_T, noises, schedule):
    x = x_T
    for t in range(schedule.num_steps, 0, -1):
        eps_hat = model(x, torch.full((len(x),), t))
        x0_hat, _ = clip_guess(eps_hat, x, t, schedule)
        x = ancestral_step(x0_hat, x, t, noises[t], schedule)
    return x


def ancestral_loop__while(model, x_T, noises, schedule):
    x, t = x_T.double(), schedule.num_steps
    while t > 0:
        a, before = schedule.alphas_cumprod[[t, t - 1]]
        beta = schedule.betas[t]
        guess = x - (1 - a) ** 0.5 * model(x, t)
        guess = torch.clip(guess / a**0.5, -1, 1)
        x = (1 - beta) ** 0.5 * (1 - before) * x
        x = (x + before**0.5 * beta * guess) / (1 - a)
        if t > 1:
            x = x + (beta * (1 - before) / (1 - a)) ** 0.5 * noises[t]
        t -= 1
    return x


def ancestral_loop__in_place_on_a_copy(model, x_T, noises, schedule):
    x = x_T.clone()
    with torch.no_grad():
        for t in reversed(range(1, len(noises))):
            x0_hat, _ = clean_guess(model, x, t, schedule)
            x.copy_(ancestral_step(x0_hat, x, t, noises[t], schedule))
    return x


def ancestral_loop__picture_by_picture(model, x_T, noises, schedule):
    pictures = []
    for i in range(len(x_T)):
        one = slice(i, i + 1)
        x0 = ancestral_loop(model, x_T[one], noises[:, one], schedule)
        pictures.append(x0)
    return torch.cat(pictures)
