"""Practice of chapter 3: a convolution, its weights, and the U-Net."""

from copy import deepcopy
from functools import cache, partial
from types import SimpleNamespace

import torch
import torch.nn.functional as F

from ...unet import BasicUNet
from ..task import Case, Task, normal, one

WINDOW = "3.1 Channels and convolutions"
COUNT = "3.4 Counting the parameters"
SHAPE = "3.3 The shape of a U"
ACT = "3.5 The activation function"


def _convolution(x, weight, bias):
    return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)


def _point():
    """A picture of 5 × 5 that is 1 in the middle and 0 elsewhere."""
    x = torch.zeros(1, 1, 5, 5)
    x[..., 2, 2] = 1
    return x


convolution = Task(
    "convolution",
    chapter=3,
    answer=_convolution,
    goal="return the maps of all output channels, of the size of x",
    tip=(
        "give it one filter of 5 × 5 with 1/25 everywhere, and look at "
        "what becomes of a digit (section 3.1)"
    ),
    cases=[
        Case(
            "x = 1, a single weight of 2, bias = 0.5",
            lambda: (one(), one(2.0), torch.tensor([0.5])),
        ),
        Case(
            "a point of 1 in the middle of 5 × 5, weights 1 to 25, no bias",
            lambda: (
                _point(),
                torch.arange(1.0, 26).reshape(1, 1, 5, 5),
                torch.zeros(1),
            ),
        ),
        Case(
            "two pictures, from 4 to 5 channels with windows of 3 × 3",
            lambda: (
                normal(2, 4, 6, 7),
                normal(5, 4, 3, 3, seed=1),
                normal(5, seed=2),
            ),
        ),
    ],
)


@convolution.slip("the bias is left out", WINDOW)
def _(x, weight, bias):
    return _convolution(x, weight, 0 * bias)


@convolution.slip(
    "the bias is added once for each input channel, and not once", WINDOW
)
def _(x, weight, bias):
    return _convolution(x, weight, bias * weight.shape[1])


@convolution.slip(
    "the bias is added at each place of the window, and not once", WINDOW
)
def _(x, weight, bias):
    return _convolution(x, weight, bias * weight[0, 0].numel())


@convolution.slip(
    "the filter is turned by half a turn: the pixel in row i + u meets the "
    "weight that belongs to −u",
    WINDOW,
)
def _(x, weight, bias):
    return _convolution(x, weight.flip(2, 3), bias)


@convolution.slip(
    "rows and columns of the filter are exchanged: u is the row and v the "
    "column",
    WINDOW,
)
def _(x, weight, bias):
    return _convolution(x, weight.mT, bias)


@convolution.slip(
    "there is no frame of zeros, so that the maps are smaller than x",
    WINDOW,
)
def _(x, weight, bias):
    return F.conv2d(x, weight, bias)


@convolution.slip(
    "the window begins at its pixel and runs to the right and down: u and "
    "v run from −r to r, so that the pixel is in the middle",
    WINDOW,
)
def _(x, weight, bias):
    beyond = weight.shape[-1] - 1
    return F.conv2d(F.pad(x, (0, beyond, 0, beyond)), weight, bias)


@convolution.slip("only the first input channel is looked at", WINDOW)
def _(x, weight, bias):
    return _convolution(x[:, :1], weight[:, :1], bias)


@convolution.slip(
    "the mean is taken over the input channels, and not the sum", WINDOW
)
def _(x, weight, bias):
    return _convolution(x, weight / weight.shape[1], bias)


@convolution.slip(
    "the frame repeats the pixels of the edge, and is not 0", WINDOW
)
def _(x, weight, bias):
    padded = F.pad(x, (weight.shape[-1] // 2,) * 4, mode="replicate")
    return F.conv2d(padded, weight, bias)


# How many numbers it learns


def _conv_parameters(kernel_size, in_channels, out_channels):
    pairs = in_channels * out_channels
    return kernel_size**2 * pairs + out_channels


conv_parameters = Task(
    "conv_parameters",
    chapter=3,
    answer=_conv_parameters,
    goal="return how many weights and biases a convolution has",
    tip=(
        "add up the six layers of BasicUNet, and compare with "
        "count_parameters (section 3.4)"
    ),
    tolerance=1e-9,
    cases=[
        Case("windows of 1 × 1, from 1 to 1 channel", lambda: (1, 1, 1)),
        Case("windows of 3 × 3, from 1 to 1 channel", lambda: (3, 1, 1)),
        Case("windows of 5 × 5, from 1 to 32 channels", lambda: (5, 1, 32)),
        Case("windows of 5 × 5, from 64 to 32", lambda: (5, 64, 32)),
    ],
)


@conv_parameters.slip("the biases are left out", COUNT)
def _(kernel_size, in_channels, out_channels):
    return kernel_size**2 * in_channels * out_channels


@conv_parameters.slip("there is a single bias for all channels", COUNT)
def _(kernel_size, in_channels, out_channels):
    return kernel_size**2 * in_channels * out_channels + 1


@conv_parameters.slip(
    "there is a bias for each input channel: it belongs to the output",
    COUNT,
)
def _(kernel_size, in_channels, out_channels):
    return kernel_size**2 * in_channels * out_channels + in_channels


@conv_parameters.slip("each pair of channels has a bias of its own", COUNT)
def _(kernel_size, in_channels, out_channels):
    return (kernel_size**2 + 1) * in_channels * out_channels


@conv_parameters.slip(
    "the window counts as a row: 5 × 5 places are 25 and not 5", COUNT
)
def _(kernel_size, in_channels, out_channels):
    return kernel_size * in_channels * out_channels + out_channels


@conv_parameters.slip(
    "all input channels share one window: each has its own", COUNT
)
def _(kernel_size, in_channels, out_channels):
    return kernel_size**2 * out_channels + out_channels


# The whole network


@cache
def _drawn() -> BasicUNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return BasicUNet(final_activation=False)


def _network(final_activation=False):
    net = deepcopy(_drawn())
    net.final_activation = final_activation
    return net


@torch.no_grad()
def _passing():
    """Each convolution hands its first channel on, and nothing else."""
    net = _network()
    for layer in (*net.down_layers, *net.up_layers):
        layer.weight.zero_()[0, 0, 2, 2] = 1
        layer.bias.zero_()
    return net


def _down(net, x):
    """The two copies, and what arrives at the bottom."""
    conv1, conv2, conv3 = net.down_layers
    fine = net.act(conv1(x))
    coarse = net.act(conv2(net.downscale(fine)))
    return fine, coarse, net.act(conv3(net.downscale(coarse)))


def _up(net, fine, coarse, h):
    conv4, conv5, conv6 = net.up_layers
    h = net.act(conv4(h))
    h = net.act(conv5(net.upscale(h) + coarse))
    return _end(net, conv6(net.upscale(h) + fine))


def _end(net, h):
    return net.act(h) if net.final_activation else h


def _forward(net, x):
    return _up(net, *_down(net, x))


def _but(net, **other):
    """The network with other parts."""
    parts = ("down_layers", "up_layers", "downscale", "upscale", "act")
    known = {name: getattr(net, name) for name in parts}
    known["final_activation"] = net.final_activation
    return SimpleNamespace(**known | other)


basic_unet_forward = Task(
    "basic_unet_forward",
    chapter=3,
    answer=_forward,
    goal="return what the network makes of x, (B, 1, H, W)",
    tip=(
        "cut the two copies of your function, and see what the middle "
        "pixel of the output still depends on (section 3.7)"
    ),
    cases=[
        Case(
            "convolutions that pass their first channel on, and x = 1",
            lambda: (_passing(), torch.ones(1, 1, 4, 4)),
        ),
        Case(
            "random weights and two pictures of 8 × 12",
            lambda: (_network(), normal(2, 1, 8, 12)),
        ),
        Case(
            "the same network with net.final_activation = True",
            lambda: (_network(True), normal(2, 1, 8, 12)),
        ),
    ],
)


@basic_unet_forward.slip("no copy is added on the way up", SHAPE)
def _(net, x):
    *_, h = _down(net, x)
    return _up(net, 0, 0, h)


@basic_unet_forward.slip(
    "the fine copy, that of the full size, is not added", SHAPE
)
def _(net, x):
    _, coarse, h = _down(net, x)
    return _up(net, 0, coarse, h)


@basic_unet_forward.slip(
    "the coarse copy, that of half the size, is not added", SHAPE
)
def _(net, x):
    fine, _, h = _down(net, x)
    return _up(net, fine, 0, h)


@basic_unet_forward.slip(
    "the fine copy is added after the last convolution: it belongs before",
    SHAPE,
)
def _(net, x):
    fine, coarse, h = _down(net, x)
    open_end = _but(net, final_activation=False)
    return _end(net, _up(open_end, 0, coarse, h) + fine)


@basic_unet_forward.slip(
    "the copies are taken before the activation, and not after it", SHAPE
)
def _(net, x):
    conv1, conv2, conv3 = net.down_layers
    fine = conv1(x)
    coarse = conv2(net.downscale(net.act(fine)))
    h = net.act(conv3(net.downscale(net.act(coarse))))
    return _up(net, fine, coarse, h)


@basic_unet_forward.slip(
    "the picture is enlarged one convolution too early: before the fourth "
    "and the fifth, and not before the fifth and the sixth",
    SHAPE,
)
def _(net, x):
    fine, coarse, h = _down(net, x)
    conv4, conv5, conv6 = net.up_layers
    h = net.act(conv4(net.upscale(h))) + coarse
    h = net.act(conv5(net.upscale(h))) + fine
    return _end(net, conv6(h))


@basic_unet_forward.slip(
    "nothing is made smaller, so that the network is short-sighted",
    "3.2 Two wishes",
)
def _(net, x):
    return _forward(_but(net, downscale=_same, upscale=_same), x)


def _same(x):
    return x


@basic_unet_forward.slip("there is no activation at all", ACT)
def _(net, x):
    return _forward(_but(net, act=_same), x)


@basic_unet_forward.slip(
    "the output passes a SiLU, whether net.final_activation says so or not",
    ACT,
)
def _(net, x):
    return _forward(_but(net, final_activation=True), x)


@basic_unet_forward.slip(
    "the output passes no SiLU, although net.final_activation asks for it",
    ACT,
)
def _(net, x):
    return _forward(_but(net, final_activation=False), x)


def _without(number, net, x):
    """The U-Net without the activation after one of its convolutions."""
    acts = [net.act] * 6
    acts[number - 1] = _same
    return _forward(_but(net, act=lambda h: acts.pop(0)(h)), x)


for _number in range(1, 6):
    basic_unet_forward.slip(
        f"the activation after convolution {_number} is missing", ACT
    )(partial(_without, _number))
