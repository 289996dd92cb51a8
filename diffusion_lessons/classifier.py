"""A classifier that reads digits: the eye behind the metrics."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import (
    Count,
    Images,
    InputError,
    Pictures,
    checked,
    like_weights,
)
from .networks import in_mode

SMALLEST_SIDE = 8  # of an image that DigitClassifier takes


class DigitClassifier(nn.Module):
    """A small CNN that reads digits: the eye behind the metrics.

    Three 3x3 convolutions, each followed by a halving that stops at 4x4,
    so one architecture takes 8x8 and 28x28; then 64 features and a logit
    for each class. 47,610 parameters for ten classes.
    """

    @checked
    def __init__(self, num_classes: Count = 10):
        super().__init__()
        widths = [(1, 16), (16, 32), (32, 32)]
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in widths
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for _, b in widths)
        self.to_features = nn.Linear(32 * 4 * 4, 64)
        self.dropout = nn.Dropout(0.2)
        self.to_logits = nn.Linear(64, num_classes)

    @checked
    def features(self, x: Images) -> Tensor:
        """(B, 1, H, W) in [-1, 1] to (B, 64); H and W at least 8."""
        self._check(x)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x)).relu()
            side = [max(4, s // 2) for s in x.shape[2:]]
            x = F.adaptive_max_pool2d(x, side)
        return self.to_features(x.flatten(1)).relu()

    @checked
    def forward(self, x: Images) -> Tensor:
        """(B, 1, H, W) in [-1, 1] to logits (B, num_classes)."""
        return self.to_logits(self.dropout(self.features(x)))

    def _check(self, x: Tensor) -> None:
        fits = x.ndim == 4 and x.shape[1] == 1
        if not fits or min(x.shape[2:]) < SMALLEST_SIDE:
            raise InputError(
                "images must have shape (B, 1, H, W) with H and W at least "
                f"{SMALLEST_SIDE}; got {tuple(x.shape)}"
            )
        like_weights(x, self)


class Classified(NamedTuple):
    """What a classifier makes of N images."""

    features: Tensor  # (N, 64)
    labels: Tensor  # (N,) the likeliest class
    confidence: Tensor  # (N,) the probability of that class


@checked
@torch.no_grad()
def features_and_labels(
    classifier: DigitClassifier, images: Pictures, batch_size: Count = 500
) -> Classified:
    """Features, class and confidence of every image, without dropout.

    images: (N, 1, H, W) in [-1, 1], N at least 1
    """
    with in_mode(classifier, training=False):
        parts = images.split(batch_size)
        features = torch.cat([classifier.features(x) for x in parts])
    chances = classifier.to_logits(features).softmax(1)
    confidence, labels = chances.max(1)
    return Classified(features, labels, confidence)
