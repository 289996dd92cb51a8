"""BasicUNet, the smallest U-Net worth the name, and what it can see."""

from typing import Annotated, Any

import torch
from torch import Tensor, nn

from .checks import (
    Count,
    Images,
    InputError,
    Step,
    checked,
    like_weights,
    takes,
)

ImageModel = Annotated[nn.Module, takes("x")]


class BasicUNet(nn.Module):
    """Three 5x5 convolutions down, three up, two added skips.

    The network of the Hugging Face diffusion course, with its layer names,
    so that its state dicts load; 309,057 parameters for one channel.

    Args:
        in_channels: of the image that goes in.
        out_channels: of the image that comes out.
        final_activation: pass the output through SiLU too, as the course
            does; it then cannot fall below -0.2785. False: linear output.
        skips: False cuts the two skip connections (for the ablation).
    """

    @checked
    def __init__(
        self,
        in_channels: Count = 1,
        out_channels: Count = 1,
        final_activation: bool = True,
        skips: bool = True,
    ):
        super().__init__()
        self.down_layers = nn.ModuleList(
            [
                nn.Conv2d(in_channels, 32, kernel_size=5, padding=2),
                nn.Conv2d(32, 64, kernel_size=5, padding=2),
                nn.Conv2d(64, 64, kernel_size=5, padding=2),
            ]
        )
        self.up_layers = nn.ModuleList(
            [
                nn.Conv2d(64, 64, kernel_size=5, padding=2),
                nn.Conv2d(64, 32, kernel_size=5, padding=2),
                nn.Conv2d(32, out_channels, kernel_size=5, padding=2),
            ]
        )
        self.downscale = nn.MaxPool2d(2)
        self.upscale = nn.Upsample(scale_factor=2)
        self.act = nn.SiLU()
        self.in_channels = in_channels
        self.final_activation = final_activation
        self.skips = skips

    @checked
    def forward(self, x: Images) -> Tensor:
        """From (B, in_channels, H, W) to (B, out_channels, H, W).

        H and W must be divisible by 4.
        """
        self._check(x)
        conv1, conv2, conv3 = self.down_layers
        fine = self.act(conv1(x))  # (B, 32, H, W)
        coarse = self.act(conv2(self.downscale(fine)))  # (B, 64, H/2, W/2)
        h = self.act(conv3(self.downscale(coarse)))  # (B, 64, H/4, W/4)
        if not self.skips:
            fine = coarse = 0
        conv4, conv5, conv6 = self.up_layers
        h = self.act(conv4(h))  # (B, 64, H/4, W/4)
        h = self.act(conv5(self.upscale(h) + coarse))  # (B, 32, H/2, W/2)
        h = conv6(self.upscale(h) + fine)  # (B, out_channels, H, W)
        return self.act(h) if self.final_activation else h

    def _check(self, x: Tensor) -> None:
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise InputError(
                f"x must have shape (B, {self.in_channels}, H, W); "
                f"got {tuple(x.shape)}"
            )
        if x.shape[2] % 4 or x.shape[3] % 4 or 0 in x.shape[2:]:
            raise InputError(
                "height and width must be divisible by 4, because they are "
                f"halved twice and doubled twice; got {tuple(x.shape[2:])}"
            )
        like_weights(x, self)


class IgnoreTime(nn.Module):
    """A network that is not told t, behind the (x, t) interface.

    Args:
        model: any x -> output; or, with *always*, any (x, t) -> output.
        always: the t that is told in place of the true one, at all times.
    """

    @checked
    def __init__(self, model: nn.Module, always: Step | None = None):
        super().__init__()
        takes(*("x", "t")[: 1 if always is None else 2])(model, "model")
        self.model, self.always = model, always

    def forward(self, x: Tensor, t: Any) -> Tensor:
        """(B, …), (B,) to what the model makes of the first."""
        if self.always is None:
            return self.model(x)
        t = torch.full((len(x),), self.always, device=x.device)
        return self.model(x, t)


@checked
def count_parameters(model: nn.Module) -> int:
    """The number of trainable numbers in *model*."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@checked
@torch.no_grad()
def layer_shapes(model: nn.Module, *inputs: Any) -> list[tuple[str, tuple]]:
    """(name, output shape) of every leaf layer, in the order they ran."""
    shapes: list[tuple[str, tuple]] = []
    hooks = [
        layer.register_forward_hook(
            lambda _, __, out, name=name: shapes.append(
                (name, tuple(out.shape))
            )
        )
        for name, layer in model.named_modules()
        if not list(layer.children())
    ]
    try:
        model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return shapes


@checked
def receptive_field(
    model: ImageModel,
    size: Count,
    draws: Count = 32,
    seed: int = 0,
) -> Tensor:
    """How much the output's middle pixel feels each input pixel.

    The mean size of the gradient of that pixel over *draws* random images.
    Max-pooling passes each gradient to one pixel in four, so one image
    alone would show a part of the field.  Returns (size, size).
    """
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(draws, 1, size, size, generator=generator)
    x.requires_grad_(True)
    middle = model(x)[:, :, size // 2, size // 2].sum()
    (gradient,) = torch.autograd.grad(middle, x)
    return gradient.abs().mean((0, 1))
