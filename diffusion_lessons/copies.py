"""Is it new? The nearest training image of each sample."""

from typing import NamedTuple

import torch
from torch import Tensor

from .checks import InputError, Samples, checked, refuse
from .evaluation import CHUNK, two_sets


class Nearest(NamedTuple):
    """For each of N images its nearest training image."""

    distance: Tensor  # (N,) float64, Euclidean, over all pixels
    index: Tensor  # (N,) int64, which training image


@checked
def nearest(x: Samples, train: Samples) -> Nearest:
    """The nearest training image of each sample: is it a copy?

    x: (N, …)    train: (M, …) of the same sizes
    """
    x, train = two_sets(x.flatten(1), train.flatten(1))
    if not len(train):
        refuse("train", "at least one image", train)
    index = [_nearest_index(part, train) for part in x.split(CHUNK)]
    index = torch.cat(index)
    return Nearest((x - train[index]).norm(dim=1), index)


def _nearest_index(x: Tensor, train: Tensor) -> Tensor:
    """By |x|² - 2 x·y + |y|²: fast, and |x|² is the same for all y."""
    return (train.square().sum(1) - 2 * x @ train.T).argmin(1)


@checked
def nearest_ratio(x: Samples, train: Samples, held_out: Samples) -> Tensor:
    """How much nearer a sample is to what was trained on, (N,).

    Distance to the nearest training image over that to the nearest of as
    many held-out ones. A new image is as often nearer to the one set as
    to the other, so half of the ratios are below 1; a copy has ratio 0.

    x: (N, …)    train, held_out: (M, …), equally many
    """
    if len(train) != len(held_out):
        raise InputError(
            "train and held_out must be equally many, for the larger set "
            f"is nearer by chance; got {len(train)} and {len(held_out)}"
        )
    seen, unseen = (nearest(x, y).distance for y in (train, held_out))
    return torch.where(seen == unseen, 1.0, seen / unseen)
