"""Right answers to the practice of chapter 13, each in several ways."""

import math

import torch
from torchvision.transforms.functional import center_crop


def centre_crop(photo):
    height, width = photo.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return photo[:, top : top + side, left : left + side]


def centre_crop__narrowed(photo):
    side = min(photo.shape[-2:])
    for dim in (1, 2):
        photo = photo.narrow(dim, (photo.shape[dim] - side) // 2, side)
    return photo


def centre_crop__of_torchvision(photo):
    return center_crop(photo, [min(photo.shape[1:])] * 2)


def warm_rate(step, num_steps, warmup):
    cosine = 0.5 * (1 + math.cos(math.pi * step / num_steps))
    return cosine * min(1.0, (step + 1) / (warmup + 1))


def warm_rate__by_half_angles(step, num_steps, warmup):
    rise = 1.0 if step >= warmup else (step + 1) / (warmup + 1)
    return rise * math.cos(0.5 * math.pi * step / num_steps) ** 2


def share_of(size, rank, count):
    return rank * size // count, (rank + 1) * size // count


def share_of__by_ends(size, rank, count):
    ends = torch.arange(count + 1) * size // count
    return int(ends[rank]), int(ends[rank + 1])


def global_gradient(parts, sizes):
    shares = sizes / sizes.sum()
    return (shares[:, None] * parts).sum(0)


def global_gradient__as_a_product(parts, sizes):
    return sizes.to(parts) @ parts / sizes.sum()


def global_gradient__of_copies(parts, sizes):
    return parts.repeat_interleave(sizes, dim=0).mean(0)
