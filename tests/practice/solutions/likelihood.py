"""Right answers to the practice of chapter 14, each in several ways."""

import math

import torch
from torch.distributions import Normal, kl_divergence

import diffusion_lessons as lessons


def gaussian_kl(mean_q, var_q, mean_p, var_p):
    off = var_q + (mean_q - mean_p) ** 2
    nats = (torch.log(var_p / var_q) + off / var_p - 1) / 2
    return nats.sum((1, 2, 3))


def gaussian_kl__of_torch(mean_q, var_q, mean_p, var_p):
    q, p = Normal(mean_q, var_q.sqrt()), Normal(mean_p, var_p.sqrt())
    return kl_divergence(q, p).flatten(1).sum(1)


def gaussian_kl__of_the_book(mean_q, var_q, mean_p, var_p):
    q, p = lessons.Gaussian(mean_q, var_q), lessons.Gaussian(mean_p, var_p)
    return lessons.gaussian_kl(q, p)


def level_probability(x0, mean, std, levels):
    half = 1 / (levels - 1)
    high = torch.special.ndtr((x0 + half - mean) / std)
    low = torch.special.ndtr((x0 - half - mean) / std)
    high = torch.where(x0 > 1 - half, 1, high)
    low = torch.where(x0 < -1 + half, 0, low)
    return high - low


def level_probability__of_the_book(x0, mean, std, levels):
    return lessons.level_log_prob(x0, mean, std, levels).exp()


def level_probability__by_erf(x0, mean, std, levels):
    z = torch.stack([x0 - mean, x0 - mean]) / std
    z = z + torch.tensor([-1.0, 1]).view(2, 1, 1, 1, 1) / (levels - 1) / std
    z[0][x0 == -1], z[1][x0 == 1] = -math.inf, math.inf
    return (torch.erf(z / 2**0.5) / 2).diff(dim=0)[0]


def bits_per_dim(nats, dims, width):
    return (nats / dims - math.log(width)) / math.log(2)


def bits_per_dim__by_log2(nats, dims, width):
    return nats / dims * math.log2(math.e) - math.log2(width)


def bits_per_dim__of_the_picture(nats, dims, width):
    return (nats - dims * math.log(width)) / (dims * math.log(2))


def step_term(x0, x0_hat, t, schedule):
    snr = schedule.snr()
    drop = (snr[t - 1] - snr[t]) / 2
    return drop * ((x0 - x0_hat) ** 2).sum((1, 2, 3))


def step_term__by_the_weight(x0, x0_hat, t, schedule):
    weight = lessons.elbo_weight(schedule, "x0")[t]
    return weight * (x0 - x0_hat).flatten(1).square().sum(1)


def step_term__as_two_gaussians(x0, x0_hat, t, schedule):
    xt = torch.zeros_like(x0).double()
    q = lessons.q_posterior(x0.double(), xt, t, schedule)
    p = lessons.q_posterior(x0_hat.double(), xt, t, schedule)
    return lessons.gaussian_kl(q, p)
