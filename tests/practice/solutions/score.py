"""Right answers to the practice of chapter 15, each in several ways."""

import numpy as np
import torch

import diffusion_lessons as dl


def score_from_eps(eps_hat, t, schedule):
    alpha_bar = schedule.alphas_cumprod[t].view(-1, 1, 1, 1)
    return -eps_hat / (1 - alpha_bar).sqrt()


def score_from_eps__by_the_module(eps_hat, t, schedule):
    return dl.score_from(eps_hat, 0 * eps_hat, t, schedule, "eps")


def score_from_eps__one_by_one(eps_hat, t, schedule):
    sigma = schedule.sqrt_one_minus_alphas_cumprod
    rows = [-e / sigma[i] for e, i in zip(eps_hat, t, strict=True)]
    return torch.stack(rows)


def langevin_step(x, score, step, noise):
    return x + step * score + (2 * step) ** 0.5 * noise


def langevin_step__by_the_paper(x, score, step, noise):
    alpha = 2 * step
    return x + alpha / 2 * score + np.sqrt(alpha) * noise


def euler_step(x, eps_hat, sigma, to):
    return x + (to - sigma) * eps_hat


def euler_step__by_the_picture(x, eps_hat, sigma, to):
    x0_hat = x - sigma * eps_hat
    return x0_hat + to * eps_hat


def euler_step__by_ddim(x, eps_hat, sigma, to):
    schedule = dl.NoiseSchedule(
        [
            to**2 / (1 + to**2) or 1e-12,
            1 - (1 + to**2) / (1 + sigma**2),
        ]
    )
    x0_hat = x - sigma * eps_hat
    s = 1 if to else 0
    xs = dl.ddim_step(x0_hat, eps_hat, 2, s, None, schedule)
    return xs / schedule.alpha_bar(s) ** 0.5


def heun_step(x, eps_hat, eps_ahead, sigma, to):
    return x + (to - sigma) * (eps_hat + eps_ahead) / 2


def heun_step__by_euler(x, eps_hat, eps_ahead, sigma, to):
    ahead = x + (to - sigma) * eps_hat
    return ahead + (to - sigma) * (eps_ahead - eps_hat) / 2


def karras_sigmas(num_steps, sigma_min, sigma_max, rho):
    roots = torch.linspace(
        sigma_max ** (1 / rho), sigma_min ** (1 / rho), num_steps
    )
    return torch.cat([roots**rho, torch.zeros(1)])


def karras_sigmas__by_the_paper(num_steps, sigma_min, sigma_max, rho):
    i = np.arange(num_steps)
    first, last = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    sigmas = (first + i / (num_steps - 1) * (last - first)) ** rho
    return torch.tensor([*sigmas, 0.0])
