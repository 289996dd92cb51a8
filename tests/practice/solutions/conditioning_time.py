"""Right answers to the practice of chapter 5, each in several ways."""

from math import cos, log, sin

import torch

import diffusion_lessons


def timestep_embedding(t, dim, max_period):
    n = dim // 2
    frequencies = max_period ** (-torch.arange(n) / n)
    angles = t[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def timestep_embedding__in_float64(t, dim, max_period):
    i = torch.arange(dim // 2, dtype=torch.float64)
    frequencies = torch.exp(-log(max_period) * i / (dim // 2))
    angles = torch.einsum("b,i->bi", t.double(), frequencies)
    return torch.hstack([torch.sin(angles), torch.cos(angles)])


def timestep_embedding__one_by_one(t, dim, max_period):
    n = dim // 2
    w = [max_period ** (-i / n) for i in range(n)]
    rows = []
    for step in t.tolist():
        sines = [sin(step * x) for x in w]
        rows.append(sines + [cos(step * x) for x in w])
    return torch.tensor(rows)


def timestep_embedding__as_a_turning_number(t, dim, max_period):
    w = torch.logspace(0, -1, dim // 2 + 1, base=max_period)[:-1]
    z = torch.exp(1j * t[:, None] * w)
    return torch.cat([z.imag, z.real], dim=1)


def timestep_embedding__of_the_module(t, dim, max_period):
    return diffusion_lessons.timestep_embedding(t, dim, max_period)


def scale_and_shift(h, embedding, layer):
    scale, shift = layer(embedding)[:, :, None, None].chunk(2, dim=1)
    return (1 + scale) * h + shift


def scale_and_shift__in_place_on_a_copy(h, embedding, layer):
    channels = h.shape[1]
    both = layer(embedding)
    result = h.clone()
    result *= 1 + both[:, :channels, None, None]
    result += both[:, channels:].reshape(-1, channels, 1, 1)
    return result


def scale_and_shift__einsum(h, embedding, layer):
    both = embedding.double() @ layer.weight.double().T + layer.bias
    scale, shift = both.tensor_split(2, dim=1)
    moved = torch.einsum("bchw,bc->bchw", h.double(), 1 + scale)
    return moved + shift[..., None, None]


def scale_and_shift__channel_by_channel(h, embedding, layer):
    pictures = []
    for picture, told in zip(h, layer(embedding), strict=True):
        n = len(picture)
        maps = [
            picture[c] + told[c] * picture[c] + told[n + c]
            for c in range(n)
        ]
        pictures.append(torch.stack(maps))
    return torch.stack(pictures)


def ema_update(average, weights, decay):
    with torch.no_grad():
        for a, w in zip(average, weights, strict=True):
            a.mul_(decay).add_(w, alpha=1 - decay)


def ema_update__towards_the_weights(average, weights, decay):
    for a, w in zip(average, weights, strict=True):
        a += (1 - decay) * (w.detach() - a)


def ema_update__copied_in(average, weights, decay):
    for i in range(len(average)):
        new = decay * average[i] + (1 - decay) * weights[i].data
        average[i].copy_(new)
    return average


def ema_update__all_at_once(average, weights, decay):
    with torch.no_grad():
        torch._foreach_lerp_(list(average), weights, 1 - decay)
