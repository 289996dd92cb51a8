"""Practice of chapter 5: t as waves, scale and shift, averaged weights."""

from math import log, pi

import torch
from torch import nn

from ...conditioning import timestep_embedding as right_embedding
from ..task import Case, Task, normal

HANDS = "5.2 A clock with many hands"
BLOCK = "5.4 Inside a block"
RECIPE = "5.8 A recipe for a network you keep"
WRONG = "5.9 What people get wrong here"

# t as waves


def _embedding(t, dim, max_period):
    return right_embedding(t, dim, max_period)


def _waves(t, frequencies):
    """The sines, then the cosines, of hands that turn so fast."""
    angles = t[:, None].double() * frequencies.double()
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _frequencies(dim, max_period, last=0, first=0):
    """From max_period^0 downward; *last*, *first* shift the two ends."""
    n = dim // 2
    i = torch.arange(n, dtype=torch.float64) + first
    return torch.exp(-log(max_period) * i / max(1, n + last))


timestep_embedding = Task(
    "timestep_embedding",
    chapter=5,
    answer=_embedding,
    goal="return one row of sines and cosines for each t, (B, dim)",
    tip=(
        "count the hands that make a full turn in 1000 steps, with 64 "
        "waves and a period of 10,000 (section 5.12)"
    ),
    tolerance=1e-3,  # float32 knows an angle of 1000 to about 1e-4
    cases=[
        Case(
            "t = 0, dim = 4, max_period = 100",
            lambda: (torch.tensor([0]), 4, 100.0),
        ),
        Case(
            "t = 1, dim = 4, max_period = 100",
            lambda: (torch.tensor([1]), 4, 100.0),
        ),
        Case(
            "t = 1, 10, 500 and 1000, dim = 16, max_period = 10,000",
            lambda: (torch.tensor([1, 10, 500, 1000]), 16, 10_000.0),
        ),
    ],
)


@timestep_embedding.slip(
    "the cosines come first, and the sines after them", HANDS
)
def _(t, dim, max_period):
    return _embedding(t, dim, max_period).roll(dim // 2, dims=1)


@timestep_embedding.slip(
    "sine and cosine take turns: first all sines come, then all cosines",
    HANDS,
)
def _(t, dim, max_period):
    waves = _embedding(t, dim, max_period)
    return torch.stack(waves.chunk(2, dim=1), dim=2).flatten(1)


@timestep_embedding.slip(
    "t / 1000 is embedded, and not t: nearly all hands stand still", WRONG
)
def _(t, dim, max_period):
    return _waves(t / 1000, _frequencies(dim, max_period))


@timestep_embedding.slip(
    "t − 1 is embedded, and not t: diffusers counts from 0", WRONG
)
def _(t, dim, max_period):
    return _embedding(t - 1, dim, max_period)


@timestep_embedding.slip(
    "i is divided by n − 1, so that the last hand has the period "
    "max_period itself: divide by n",
    HANDS,
)
def _(t, dim, max_period):
    return _waves(t, _frequencies(dim, max_period, last=-1))


@timestep_embedding.slip(
    "i is divided by dim, and not by n = dim / 2, so that the slow half of "
    "the hands is missing",
    HANDS,
)
def _(t, dim, max_period):
    return _waves(t, _frequencies(dim, max_period, last=dim - dim // 2))


@timestep_embedding.slip(
    "i begins at 1, so that the fastest hand is missing", HANDS
)
def _(t, dim, max_period):
    return _waves(t, _frequencies(dim, max_period, first=1))


@timestep_embedding.slip(
    "the minus in the exponent is missing, so that later hands turn faster",
    HANDS,
)
def _(t, dim, max_period):
    return _waves(t, 1 / _frequencies(dim, max_period))


@timestep_embedding.slip(
    "max_period is not read, and is always 10,000", HANDS
)
def _(t, dim, max_period):
    return _embedding(t, dim, 10_000)


@timestep_embedding.slip(
    "there are dim sines and dim cosines: half as many of each", HANDS
)
def _(t, dim, max_period):
    return _embedding(t, 2 * dim, max_period)


@timestep_embedding.slip(
    "the angles are multiplied by 2π: the fastest hand turns by 1 radian "
    "in a step, and not by a full turn",
    HANDS,
)
def _(t, dim, max_period):
    return _waves(t, 2 * pi * _frequencies(dim, max_period))


# Scale and shift


def _scale_and_shift(h, embedding, layer):
    scale, shift = layer(embedding)[:, :, None, None].chunk(2, dim=1)
    return h * (1 + scale) + shift


def _told(scale, shift):
    """A layer that says one scale and one shift, whatever it is given."""
    layer = nn.utils.skip_init(nn.Linear, 1, 2)
    _set(layer, torch.zeros(2, 1), torch.tensor([scale, shift]))
    return layer


def _layer(embedding, channels):
    layer = nn.utils.skip_init(nn.Linear, embedding, 2 * channels)
    weight = normal(2 * channels, embedding, seed=2)
    _set(layer, weight, normal(2 * channels, seed=3))
    return layer


@torch.no_grad()
def _set(layer, weight, bias):
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)


def _two():
    return torch.full((1, 1, 1, 1), 2.0)


scale_and_shift = Task(
    "scale_and_shift",
    chapter=5,
    answer=_scale_and_shift,
    goal=(
        "return h, each channel scaled and shifted by what the layer makes "
        "of the embedding"
    ),
    tip=(
        "give it a layer whose weights and bias are all 0: why is it good "
        "that h passes unchanged then (section 5.4)"
    ),
    cases=[
        Case(
            "h = 2, scale = 0.5, shift = 0.25",
            lambda: (_two(), torch.ones(1, 1), _told(0.5, 0.25)),
        ),
        Case(
            "h = 2, scale = 0, shift = 0",
            lambda: (_two(), torch.ones(1, 1), _told(0.0, 0.0)),
        ),
        Case(
            "two pictures with four channels",
            lambda: (
                normal(2, 4, 3, 5),
                normal(2, 3, seed=1),
                _layer(3, 4),
            ),
        ),
    ],
)


@scale_and_shift.slip(
    "the 1 + before the scale is missing: a scale of 0 wipes h out", BLOCK
)
def _(h, embedding, layer):
    scale, shift = layer(embedding)[:, :, None, None].chunk(2, dim=1)
    return h * scale + shift


@scale_and_shift.slip(
    "scale and shift are exchanged: the first half of the channels is the "
    "scale",
    BLOCK,
)
def _(h, embedding, layer):
    shift, scale = layer(embedding)[:, :, None, None].chunk(2, dim=1)
    return h * (1 + scale) + shift


@scale_and_shift.slip("the shift is left out", BLOCK)
def _(h, embedding, layer):
    scale, _ = layer(embedding)[:, :, None, None].chunk(2, dim=1)
    return h * (1 + scale)


@scale_and_shift.slip("the scale is left out", BLOCK)
def _(h, embedding, layer):
    _, shift = layer(embedding)[:, :, None, None].chunk(2, dim=1)
    return h + shift


@scale_and_shift.slip(
    "h is shifted first and scaled then, so that the shift is scaled too",
    BLOCK,
)
def _(h, embedding, layer):
    scale, shift = layer(embedding)[:, :, None, None].chunk(2, dim=1)
    return (h + shift) * (1 + scale)


@scale_and_shift.slip(
    "scale and shift take turns in the 2C numbers: they are two halves",
    BLOCK,
)
def _(h, embedding, layer):
    both = layer(embedding)[:, :, None, None]
    return h * (1 + both[:, ::2]) + both[:, 1::2]


@scale_and_shift.slip(
    "every picture is told the embedding of the first one", BLOCK
)
def _(h, embedding, layer):
    return _scale_and_shift(h, embedding[:1], layer)


@scale_and_shift.slip(
    "the mean over the channels is used, one scale and one shift for all "
    "of them",
    BLOCK,
)
def _(h, embedding, layer):
    scale, shift = layer(embedding)[:, :, None, None].chunk(2, dim=1)
    return h * (1 + scale.mean(1, True)) + shift.mean(1, True)


@scale_and_shift.slip(
    "the embedding passes a SiLU once more: it has passed one already",
    "5.5 The whole network",
)
def _(h, embedding, layer):
    return _scale_and_shift(h, nn.functional.silu(embedding), layer)


# Averaged weights


class Weights(list):
    """Tensors of a network; they stay known if the list is refilled."""

    def __init__(self, *tensors):
        super().__init__(tensors)
        self.own = tensors


def _averaged(result, given):
    """The average, whether it holds a graph, and the weights."""
    average = given["average"].own
    return [
        torch.cat([x.flatten() for x in average]),
        float(any(x.requires_grad for x in average)),
        torch.cat([x.flatten() for x in given["weights"]]),
    ]


@torch.no_grad()
def _ema_update(average, weights, decay):
    for a, w in zip(average, weights, strict=True):
        a.lerp_(w, 1 - decay)


def _numbers(average, weights, decay):
    trained = torch.tensor([weights]).requires_grad_()
    return Weights(torch.tensor([average])), [trained], decay


def _network():
    """The average and the weights of a layer from 3 to 2, and a decay."""
    trained = [normal(2, 3, seed=1), normal(2, seed=2)]
    average = Weights(normal(2, 3, seed=3), normal(2, seed=4))
    return average, [x.requires_grad_() for x in trained], 0.75


ema_update = Task(
    "ema_update",
    chapter=5,
    answer=_ema_update,
    goal="move every tensor of the average a little towards its weights",
    tip=(
        "begin with an average of 0 and weights of 1, and call it 1 / (1 − "
        "d) times: how far has the average come (section 5.8)"
    ),
    observe=_averaged,
    seen=(
        "the average",
        "the graph that the average holds (1: yes, 0: no)",
        "the weights",
    ),
    may_change=("average",),
    cases=[
        Case(
            "average = 0, weight = 1, decay = 0.9",
            lambda: _numbers(0.0, 1.0, 0.9),
        ),
        Case(
            "average = 1, weight = 0, decay = 0.9",
            lambda: _numbers(1.0, 0.0, 0.9),
        ),
        Case("a layer of 3 × 2 and its bias, called twice", _network, 2),
    ],
)


def _in_place(new):
    """A slip in the formula: *new* (average, weights, decay)."""

    @torch.no_grad()
    def slip(average, weights, decay):
        for a, w in zip(average, weights, strict=True):
            a.copy_(new(a, w, decay))

    return slip


_SLIPS = {
    "the decay and 1 − decay are exchanged, so that hardly anything of the "
    "average is kept": lambda a, w, d: (1 - d) * a + d * w,
    "the weights are taken over as they are": lambda a, w, d: w,
    "the weights are added whole, and not times 1 − decay": (
        lambda a, w, d: d * a + w
    ),
    "the average is not made smaller before the weights are added": (
        lambda a, w, d: a + (1 - d) * w
    ),
    "the average moves away from the weights: a sign is turned": (
        lambda a, w, d: a - (1 - d) * (w - a)
    ),
    "the decay is not read: it is the mean of the two": (
        lambda a, w, d: (a + w) / 2
    ),
}
for _words, _formula in _SLIPS.items():
    ema_update.slip(_words, RECIPE)(_in_place(_formula))


@ema_update.slip(
    "new tensors are made, and those of the averaged network stay as they "
    "were: `a = …` and `average[i] = …` give a name to something new",
    RECIPE,
)
def _(average, weights, decay):
    for i, w in enumerate(weights):
        average[i] = decay * average[i] + (1 - decay) * w


@ema_update.slip(
    "the weights are changed, which are in training, and not the average",
    RECIPE,
)
@torch.no_grad()
def _(average, weights, decay):
    for a, w in zip(average, weights, strict=True):
        w.copy_(decay * a + (1 - decay) * w)


@ema_update.slip(
    "only the first tensor is averaged: `return` stands inside the loop",
    RECIPE,
)
def _(average, weights, decay):
    _ema_update(average[:1], weights[:1], decay)


@ema_update.slip(
    "the averaging is recorded, as if the average were to be trained: "
    "`torch.no_grad()` is missing",
    RECIPE,
)
def _(average, weights, decay):
    for a, w in zip(average, weights, strict=True):
        a.mul_(decay).add_((1 - decay) * w)
