"""What stands below the lesson's two levels: coarser ones, attention."""

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

HEADS = 4  # of attention; they share the channels
GROUPS = 8  # of GroupNorm


class Attention(nn.Module):
    """x plus what every place reads at all others, Vaswani et al. (2017).

    softmax(q k' / sqrt(d)) v, with the places of the picture as the words,
    in four heads of d channels each. The last layer starts at 0, so that
    new attention changes nothing.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """(B, C, H, W) to (B, C, H, W); the embedding is not read."""
        all_three = self.qkv(self.norm(x)).flatten(2)  # (B, 3C, HW)
        words = all_three.unflatten(1, (3, HEADS, -1)).transpose(3, 4)
        q, k, v = words.unbind(1)  # each (B, heads, HW, d)
        read = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(read.transpose(2, 3).reshape(x.shape))


class Coarser(nn.Module):
    """x plus what is made of it at half the size, in more channels.

    middle: the blocks that stand there, each (x, embedding) -> like x. The
    way back starts at 0, so that a new level changes nothing.
    """

    def __init__(self, few: int, many: int, middle: list[nn.Module]):
        super().__init__()
        self.shrink = conv(few, many, stride=2)
        self.middle = nn.ModuleList(middle)
        self.grow = zero(conv(many, few))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(B, C, H, W) and (B, E) to (B, C, H, W)."""
        h = self.shrink(x)  # (B, more, H/2, W/2)
        for block in self.middle:
            h = block(h, embedding)
        return x + self.grow(F.interpolate(h, scale_factor=2.0))


class Ladder(NamedTuple):
    """How the levels of a network stand below each other.

    Level 1 is the finest; level n has half the size of level n - 1, and n
    times the channels of level 1.
    """

    block: Callable[[int], nn.Module]  # makes one of so many channels
    few: int  # channels of level 1
    levels: int  # how many there are
    attention: int  # at how many of them, from the coarsest
    blocks: int  # on either side of every level below the first

    def between(self, level: int) -> list[nn.Module]:
        """What stands between the first and the last block of a level.

        On both sides the blocks beyond the first; in the middle attention,
        if there is any at this level, and the next coarser level.
        """
        channels, more = level * self.few, range(self.blocks - 1)
        before = [self.block(channels) for _ in more]
        if level > self.levels - self.attention:
            before.append(Attention(channels))
        if level < self.levels:
            before.append(self.below(level))
        return before + [self.block(channels) for _ in more]

    def below(self, level: int) -> Coarser:
        """The level below this one, filled."""
        channels = level * self.few
        more = channels + self.few
        first, last = self.block(more), self.block(more)
        inner = [first, *self.between(level + 1), last]
        return Coarser(channels, more, inner)


def conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """Three by three pixels, the size kept, or divided by *stride*."""
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1)


def zero(layer: nn.Conv2d) -> nn.Conv2d:
    """A layer that starts at 0."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
