"""Right answers to the practice of chapter 10, each in several ways."""

import numpy as np
import scipy.linalg
import torch
from sklearn.neighbors import NearestNeighbors

from diffusion_lessons import nearest


def frechet_distance(x, y):
    shift = (x.mean(0) - y.mean(0)).square().sum()
    cx = (x - x.mean(0)).T @ (x - x.mean(0)) / (len(x) - 1)
    cy = (y - y.mean(0)).T @ (y - y.mean(0)) / (len(y) - 1)
    shared = torch.linalg.eigvals(cx @ cy).real.clamp(min=0).sqrt().sum()
    return shift + cx.trace() + cy.trace() - 2 * shared


def frechet_distance__scipy(x, y):
    x, y = x.numpy(), y.numpy()
    cx, cy = (np.atleast_2d(np.cov(z, rowvar=False)) for z in (x, y))
    shared = scipy.linalg.sqrtm(cx @ cy).real
    shift = x.mean(0) - y.mean(0)
    return shift @ shift + np.trace(cx + cy - 2 * shared)


def frechet_distance__singular_values(x, y):
    def root(c):
        values, vectors = torch.linalg.eigh(c)
        return vectors * values.clamp(min=0).sqrt() @ vectors.T

    x, y = x.double(), y.double()
    cx, cy = (torch.cov(z.T).reshape(2 * z.shape[1:]) for z in (x, y))
    shared = torch.linalg.svdvals(root(cx) @ root(cy)).sum()
    shift = torch.linalg.vector_norm(x.mean(0) - y.mean(0))
    return float(shift**2 + torch.trace(cx + cy) - 2 * shared)


def frechet_distance__einsum(x, y):
    x, y = x.double(), y.double()
    means, covariances = [], []
    for z in (x, y):
        means.append(torch.einsum("nd->d", z) / len(z))
        centred = z - means[-1]
        covariances.append(
            torch.einsum("nd,ne->de", centred, centred) / (len(z) - 1)
        )
    roots = torch.linalg.eigvals(covariances[0] @ covariances[1]) ** 0.5
    traces = torch.einsum("kdd->", torch.stack(covariances))
    return torch.dist(*means) ** 2 + traces - 2 * roots.real.sum()


def precision_recall(real, fake, k):
    def share(points, others):
        radius = torch.cdist(points, points).kthvalue(k + 1).values
        inside = torch.cdist(others, points) <= radius
        return inside.any(1).float().mean().item()

    return share(real, fake), share(fake, real)


def precision_recall__by_sorting(real, fake, k):
    shares = []
    for points, others in ((real, fake), (fake, real)):
        far = (points[:, None] - points[None]).norm(dim=2)
        radius = far.sort(1)[0][:, k]
        near = (others[:, None] - points[None]).norm(dim=2) <= radius
        shares.append(near.any(dim=1).double().mean())
    return shares


def precision_recall__without_itself(real, fake, k):
    def share(points, others):
        far = torch.cdist(points, points)
        far = far.fill_diagonal_(float("inf"))
        radius = far.topk(k, largest=False).values[:, -1]
        gap = torch.cdist(others, points) - radius
        return (gap.amin(1) <= 0).double().mean()

    return torch.stack([share(real, fake), share(fake, real)])


def precision_recall__point_by_point(real, fake, k):
    def share(points, others):
        radii = [
            sorted(torch.dist(p, q) for q in points)[k] for p in points
        ]
        found = 0
        for q in others:
            pairs = zip(points, radii, strict=True)
            found += any(torch.dist(p, q) <= r for p, r in pairs)
        return found / len(others)

    return share(real, fake), share(fake, real)


def precision_recall__sklearn(real, fake, k):
    def share(points, others):
        search = NearestNeighbors(n_neighbors=k).fit(points.numpy())
        radius = search.kneighbors()[0][:, -1]  # leaves a point itself out
        inside = torch.cdist(others, points).numpy() <= radius
        return inside.any(1).mean()

    return share(real, fake), share(fake, real)


def nearest_ratio(x, train, held_out):
    x, train, held_out = (z.flatten(1) for z in (x, train, held_out))
    seen = torch.cdist(x, train).amin(1)
    unseen = torch.cdist(x, held_out).amin(1)
    return seen / unseen


def nearest_ratio__broadcast(x, train, held_out):
    both = []
    for images in (train.double(), held_out.double()):
        squares = (x[:, None] - images[None]).flatten(2).square().sum(2)
        both.append(squares.min(dim=1).values.sqrt())
    return both[0] / both[1]


def nearest_ratio__one_by_one(x, train, held_out):
    ratios = []
    for picture in x:
        seen = min(float((picture - y).norm()) for y in train)
        unseen = min(float((picture - y).norm()) for y in held_out)
        ratios.append(seen / unseen)
    return ratios


def nearest_ratio__with_the_module(x, train, held_out):
    return nearest(x, train).distance / nearest(x, held_out).distance


def nearest_ratio__roots_of_a_ratio(x, train, held_out):
    flat = x.flatten(1)
    seen, unseen = (
        ((flat[:, None] - y.flatten(1)) ** 2).mean(2).amin(1)
        for y in (train, held_out)
    )
    return torch.sqrt(seen / unseen)
