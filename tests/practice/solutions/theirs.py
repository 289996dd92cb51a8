"""Right answers to the practice of chapter 11, each in several ways."""

from itertools import pairwise

import torch

from diffusion_lessons import (
    FromDiffusers,
    q_sample,
    timestep_of,
)


def their_alphas_cumprod(schedule):
    return schedule.alphas_cumprod[1:]


def their_alphas_cumprod__by_the_product(schedule):
    return (1 - schedule.betas[1:]).cumprod(0)


def their_alphas_cumprod__as_a_list(schedule):
    table, left = [], 1.0
    for t in range(1, schedule.num_steps + 1):
        left *= 1 - float(schedule.betas[t])
        table.append(left)
    return table


def their_alphas_cumprod__from_the_logarithms(schedule):
    alphas = schedule.alphas[1:].float().double()
    return torch.log(alphas).cumsum(0).exp()


def add_noise(x0, noise, timesteps, schedule):
    return q_sample(x0, timesteps + 1, noise, schedule)


def add_noise__by_their_table(x0, noise, timesteps, schedule):
    a = schedule.alphas_cumprod[1:][timesteps].reshape(-1, 1, 1, 1)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def add_noise__one_by_one(x0, noise, timesteps, schedule):
    pictures = []
    for x, e, i in zip(x0, noise, timesteps.tolist(), strict=True):
        a = float(schedule.alphas_cumprod[i + 1])
        pictures.append(a**0.5 * x + (1 - a) ** 0.5 * e)
    return torch.stack(pictures)


def add_noise__einsum(x0, noise, timesteps, schedule):
    a = schedule.alphas_cumprod[timesteps + 1].double()
    kept = torch.einsum("b,b...->b...", a.sqrt(), x0.double())
    return kept + torch.einsum(
        "b,b...->b...", (1 - a).sqrt(), noise.double()
    )


def ask_theirs(unet, x, t):
    return unet(x, t - 1).sample


def ask_theirs__with_the_module(unet, x, t):
    return FromDiffusers(unet)(x, t)


def ask_theirs__one_by_one(unet, x, t):
    steps = torch.as_tensor(t).expand(len(x))
    pairs = zip(x.split(1), steps, strict=True)
    return torch.cat([unet(one, step - 1).sample for one, step in pairs])


def their_timesteps(path):
    return [t - 1 for t in path[:-1]]


def their_timesteps__a_tensor(path):
    return torch.tensor(path)[:-1] - 1


def their_timesteps__with_the_module(path):
    return timestep_of(torch.tensor([t for t in path if t > 0]))


def their_timesteps__pairs(path):
    return [before - 1 for before, _ in pairwise(path)]


def their_timesteps__in_place_on_a_copy(path):
    stops = list(path)
    stops.pop()
    for i in range(len(stops)):
        stops[i] -= 1
    return stops
