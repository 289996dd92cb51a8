"""Right answers to the practice of chapter 3, each in several ways."""

import torch
from torch.nn.functional import conv2d, pad, unfold


def convolution(x, weight, bias):
    side, (height, width) = weight.shape[-1], x.shape[-2:]
    padded = pad(x, (side // 2,) * 4)
    y = 0
    for u in range(side):
        for v in range(side):
            seen = padded[:, :, u : u + height, v : v + width]
            y = y + torch.einsum("bchw,oc->bohw", seen, weight[:, :, u, v])
    return y + bias[:, None, None]


def convolution__with_the_library(x, weight, bias):
    return conv2d(x, weight, bias, padding="same")


def convolution__pixel_by_pixel(x, weight, bias):
    side = weight.shape[-1]
    padded = pad(x, (side // 2,) * 4).double()
    y = torch.zeros(len(x), len(bias), *x.shape[2:]).double()
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            window = padded[:, None, :, i : i + side, j : j + side]
            y[:, :, i, j] = (window * weight).sum((2, 3, 4)) + bias
    return y


def convolution__unfolded(x, weight, bias):
    columns = unfold(x, weight.shape[-1], padding=weight.shape[-1] // 2)
    y = weight.flatten(1) @ columns + bias[:, None]
    return y.reshape(len(x), -1, *x.shape[2:])


def conv_parameters(kernel_size, in_channels, out_channels):
    return kernel_size**2 * in_channels * out_channels + out_channels


def conv_parameters__of_a_layer(kernel_size, in_channels, out_channels):
    layer = torch.nn.Conv2d(
        in_channels, out_channels, kernel_size, device="meta"
    )
    return sum(p.numel() for p in layer.parameters())


def conv_parameters__for_one_output(kernel_size, in_channels, out_channels):
    window = kernel_size * kernel_size * in_channels
    return torch.tensor(out_channels) * (window + 1)


def basic_unet_forward(net, x):
    conv1, conv2, conv3 = net.down_layers
    conv4, conv5, conv6 = net.up_layers
    fine = net.act(conv1(x))
    coarse = net.act(conv2(net.downscale(fine)))
    h = net.act(conv3(net.downscale(coarse)))
    h = net.act(conv4(h))
    h = net.act(conv5(net.upscale(h) + coarse))
    h = conv6(net.upscale(h) + fine)
    return net.act(h) if net.final_activation else h


def basic_unet_forward__in_two_loops(net, x):
    copies = []
    for i, layer in enumerate(net.down_layers):
        x = net.act(layer(x))
        if i < 2:
            copies.append(x)
            x = net.downscale(x)
    for i, layer in enumerate(net.up_layers):
        if i > 0:
            x = net.upscale(x)
            x += copies.pop()
        x = layer(x)
        if i < 2 or net.final_activation:
            x = net.act(x)
    return x


def basic_unet_forward__other_calls(net, x):
    pool = torch.nn.functional.max_pool2d
    silu = torch.nn.functional.silu
    fine = silu(net.down_layers[0](x))
    coarse = silu(net.down_layers[1](pool(fine, 2)))
    h = silu(net.up_layers[0](silu(net.down_layers[2](pool(coarse, 2)))))
    for copy, layer in [(coarse, 1), (fine, 2)]:
        h = h.repeat_interleave(2, 2).repeat_interleave(2, 3) + copy
        h = net.up_layers[layer](h)
        h = silu(h) if layer == 1 or net.final_activation else h
    return h
