"""Telling the network t, and a class: one network for every noise level."""

from functools import partial
from math import log
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import (
    Classes,
    Count,
    Images,
    InputError,
    Labels,
    Share,
    Times,
    checked,
    ends,
    like_weights,
    real,
    refuse,
    whole,
)
from .levels import GROUPS, Ladder
from .levels import conv as _conv
from .levels import zero as _zero

SMALLEST, LARGEST = 8, 128  # sides of images that TimeUNet takes

Channels = Annotated[int, whole(GROUPS)]


@checked
def timestep_embedding(
    t: Times,
    dim: int,
    max_period: Annotated[float, real(1, ends="(]")] = 10_000,
) -> Tensor:
    """t as *dim* sines and cosines, fast and slow ones.

    With n = dim / 2, entry i is sin(t w_i) and entry n + i is cos(t w_i),
    w_i = max_period^(-i / n): the position code of Vaswani et al. (2017),
    used for t since DDPM. t is the step itself, not t / T.

    t: (B,)    returns (B, dim) float32
    """
    n = _half(dim, t)
    i = torch.arange(n, device=t.device, dtype=torch.float32)
    frequencies = torch.exp(-log(max_period) * i / n)
    angles = t[:, None].float() * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _half(dim: int, t: Tensor | int) -> int:
    if dim < 2 or dim % 2:
        raise InputError(f"dim must be even and at least 2; got {dim}")
    if not isinstance(t, Tensor) or t.ndim != 1:
        refuse("t", "of shape (B,)", t)
    return dim // 2


class ResBlock(nn.Module):
    """x plus what two convolutions make of it, told the embedding.

    Before the second, every channel is scaled and shifted by numbers that
    are computed from the embedding. The second starts at 0, so that a new
    block changes nothing.
    """

    @checked
    def __init__(self, channels: Channels, embedding: Count):
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, channels)
        self.conv1 = _conv(channels, channels)
        self.scale_and_shift = nn.Linear(embedding, 2 * channels)
        self.norm2 = nn.GroupNorm(GROUPS, channels)
        self.conv2 = _zero(_conv(channels, channels))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(B, C, H, W) and (B, E) to (B, C, H, W)."""
        h = self.conv1(F.silu(self.norm1(x)))
        both = self.scale_and_shift(embedding)  # (B, 2C)
        scale, shift = both[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        return x + self.conv2(F.silu(h))


class TimeUNet(nn.Module):
    """A small U-Net that is told t and, if there are classes, the class.

    Two resolutions, the coarse one with twice the channels; more, with
    attention, for larger images in colour. Any output is possible: the last
    layer is linear, and starts at 0.

    Args:
        in_channels: of the images, and of the output.
        base_channels: at the fine resolution, a multiple of 8.
        num_classes: 0 for none. With classes, the label *num_classes* means
            "no class": ``null_label``.
        patch: squares of patch x patch pixels enter as channels, which
            makes larger images patch² times cheaper.
        levels: how many resolutions; the third has three times the
            channels, and so on.
        attention: at how many of the coarse levels every place sees all
            others.
        blocks: how many stand on either side of each coarse level, where
            they are cheap.
    """

    @checked
    def __init__(
        self,
        in_channels: Count = 1,
        base_channels: int = 16,
        num_classes: Annotated[int, whole(0)] = 0,
        patch: Count = 1,
        levels: Annotated[int, whole(2)] = 2,
        attention: Annotated[int, whole(0)] = 0,
        blocks: Count = 1,
    ):
        super().__init__()
        if base_channels < GROUPS or base_channels % GROUPS:
            raise InputError(
                f"base_channels must be a multiple of {GROUPS}; "
                f"got {base_channels}"
            )
        if attention >= levels:
            raise InputError(
                "attention must be less than levels, because the finest "
                f"has none; got attention={attention}, levels={levels}"
            )
        self.in_channels, self.base_channels = in_channels, base_channels
        self.num_classes, self.patch = num_classes, patch
        self.levels, self.attention, self.blocks = levels, attention, blocks
        self._build(in_channels * patch**2, base_channels)
        self._deepen(base_channels)

    def _build(self, pixels: int, few: int) -> None:
        """The layers, in the order of their use."""
        many, width = 2 * few, 4 * few
        self.time = nn.Sequential(
            nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)
        )
        self._add_classes(width)
        self.stem = _conv(pixels, few)
        self.down = ResBlock(few, width)
        self.shrink = _conv(few, many, stride=2)
        self.middle = nn.ModuleList(ResBlock(many, width) for _ in range(2))
        self.grow = _conv(many, few)
        self.up = ResBlock(few, width)
        self.norm = nn.GroupNorm(GROUPS, few)
        self.out = _zero(_conv(few, pixels))

    def _deepen(self, few: int) -> None:
        """Put what was asked for beyond them between the middle two."""
        block = partial(ResBlock, embedding=4 * few)
        settings = self.levels, self.attention, self.blocks
        inner = Ladder(block, few, *settings).between(2)
        first, last = self.middle
        self.middle = nn.ModuleList([first, *inner, last])

    def _add_classes(self, width: int) -> None:
        """A row for each class, and one for "no class"."""
        if self.num_classes:
            self.classes = nn.Embedding(self.num_classes + 1, width)

    @property
    def null_label(self) -> int:
        """The label that means "no class"."""
        return self.num_classes

    @property
    def coarsest(self) -> int:
        """How many pixels wide a place of the coarsest level is."""
        return self.patch * 2 ** (self.levels - 1)

    @checked
    def forward(
        self, x: Images, t: Times, label: Labels | None = None
    ) -> Tensor:
        """(B, C, H, W) at the steps t to an output of the same shape.

        t: int or (B,)    label: int or (B,) in 0..num_classes; None means
        "no class".    H, W: 8 to 128, divisible by ``coarsest``
        """
        self._check(x, t, label)
        embedding = self._embed(x, t, label)
        h = self._pass(F.pixel_unshuffle(x, self.patch), embedding)
        return F.pixel_shuffle(h, self.patch)

    def _pass(self, x: Tensor, embedding: Tensor) -> Tensor:
        """From left to right; every block is told the embedding."""
        fine = self.down(self.stem(x), embedding)  # (B, C, H, W)
        h = self.shrink(fine)  # (B, 2C, H/2, W/2)
        for block in self.middle:
            h = block(h, embedding)
        h = self.grow(F.interpolate(h, scale_factor=2.0))
        h = self.up(h + fine, embedding)  # (B, C, H, W)
        return self.out(F.silu(self.norm(h)))

    def _embed_t(self, x: Tensor, t: Tensor | int) -> Tensor:
        """One vector (B, E) that holds t."""
        t = torch.as_tensor(t, device=x.device).expand(len(x))
        waves = timestep_embedding(t, 4 * self.base_channels)
        return self.time(waves.to(x.dtype))

    def _embed(
        self, x: Tensor, t: Tensor | int, label: Tensor | int | None
    ) -> Tensor:
        """One vector (B, E) that holds t and the class."""
        embedding = self._embed_t(x, t)
        if self.num_classes:
            label = self.null_label if label is None else label
            label = torch.as_tensor(label, device=x.device)
            embedding = embedding + self.classes(label.expand(len(x)))
        return F.silu(embedding)

    def _check(
        self, x: Tensor, t: Tensor | int, label: Tensor | int | None
    ) -> None:
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise InputError(
                f"x must have shape (B, {self.in_channels}, H, W); "
                f"got {tuple(x.shape)}"
            )
        self._check_sides(tuple(x.shape[2:]))
        like_weights(x, self)
        waits = isinstance(t, Tensor) and t.is_cuda  # to read it there
        lowest, _ = (0, 0) if waits else _values(t)
        if lowest < 0:
            raise InputError(f"t must be 0 or more; got {lowest}")
        if label is None:
            return
        if not self.num_classes:
            raise InputError(
                "this network knows no classes; build it with "
                "num_classes=… or leave label out"
            )
        low, high = _values(label)
        if low < 0 or high > self.num_classes:
            raise InputError(
                f"label must be in 0..{self.num_classes}, where "
                f"{self.null_label} means no class; got values from "
                f"{low} to {high}"
            )

    def _check_sides(self, sides: tuple[int, int]) -> None:
        step = self.coarsest
        if all(SMALLEST <= s <= LARGEST and not s % step for s in sides):
            return
        advice = " (fewer levels or a smaller patch take more sizes)"
        raise InputError(
            f"height and width must be {SMALLEST} to {LARGEST} and "
            f"divisible by {step}; got {sides}"
            + (advice if self.levels > 2 else "")
        )


def _values(x: Tensor | int) -> tuple[float, float]:
    """The smallest and the largest; (0, 0) where none can be read."""
    return (x, x) if isinstance(x, int) else ends(x) or (0, 0)


@checked
def drop_labels(
    labels: Classes,
    null: Annotated[int, whole(0)],
    p: Share,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Replace each label by *null* with probability *p*.

    So one network learns both halves of classifier-free guidance, Ho &
    Salimans (2022), algorithm 1.

    labels: (B,) integers    returns (B,), a new tensor
    """
    labels = torch.as_tensor(labels)
    draws = torch.rand(
        labels.shape, generator=generator, dtype=torch.float32
    )
    dropped = draws < p
    return labels.masked_fill(dropped.to(labels.device), null)
