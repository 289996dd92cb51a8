"""A whole diffusion model; `python -m diffusion_lessons.first` runs it."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import Conv2d, Embedding, Linear, Module, ModuleList
from torch.nn.functional import interpolate, mse_loss, silu
from torchvision.utils import save_image

T = 100  # steps from a picture, t = 0, to nothing but noise, t = T
angle = (torch.arange(T + 1).double() / T + 0.008) / 1.008 * torch.pi / 2
alpha = torch.ones_like(angle)  # the share of the picture a step keeps
alpha[1:] = (angle[1:].cos() / angle[:-1].cos()).square().clamp(min=0.001)
alpha_bar = alpha.cumprod(0)  # the share that is left after all steps


def add_noise(x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    left = alpha_bar[t].view(-1, 1, 1, 1)
    return (left.sqrt() * x0 + (1 - left).sqrt() * noise).float()


class Network(Module):
    def __init__(self):
        super().__init__()
        self.time, self.digit = Embedding(T + 1, 64), Embedding(10, 64)
        self.into, self.out = Conv2d(1, 16, 5, 1, 2), Conv2d(16, 1, 5, 1, 2)
        self.inner = ModuleList(Conv2d(16, 16, 5, 1, 2) for _ in range(3))
        self.outer = ModuleList(Conv2d(16, 16, 5, 1, 2) for _ in range(3))
        self.tell = ModuleList(Linear(64, 2 * 16) for _ in range(3))

    def forward(self, xt: Tensor, t: Tensor, digit: Tensor) -> Tensor:
        told, h = silu(self.time(t) + self.digit(digit)), self.into(xt)
        for i in range(3):
            scale, shift = self.tell[i](told)[:, :, None, None].chunk(2, 1)
            change = self.inner[i](silu(h)) * (1 + scale) + shift
            h = h + self.outer[i](silu(change))
        return self.out(silu(h))  # the guess: the clean picture x0


def train(network: Network, steps: int) -> None:
    pixels, digits = map(torch.tensor, load_digits(return_X_y=True))
    pictures = (pixels.float() / 8 - 1).view(-1, 1, 8, 8)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(1, steps + 1):
        some = torch.randint(len(pictures), (64,))
        x0, digit = pictures[some], digits[some]
        t, noise = torch.randint(1, T + 1, (64,)), torch.randn_like(x0)
        loss = mse_loss(network(add_noise(x0, t, noise), t, digit), x0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        print(f"\rstep {step}/{steps}, loss {loss:.2f}", end="", flush=True)


def step_back(xt: Tensor, x0: Tensor, t: int, noise: Tensor) -> Tensor:
    a, now, before = alpha[t], alpha_bar[t], alpha_bar[t - 1]
    mean = before.sqrt() * (1 - a) * x0 + a.sqrt() * (1 - before) * xt
    variance = (1 - a) * (1 - before) / (1 - now)
    return mean / (1 - now) + variance.sqrt() * noise


@torch.no_grad()
def sample(network: Network, digit: Tensor) -> Tensor:
    x = torch.randn(len(digit), 1, 8, 8)
    for t in range(T, 0, -1):
        x0 = network(x, torch.full_like(digit, t), digit)
        x = step_back(x, x0, t, torch.randn_like(x))
    return x


if __name__ == "__main__":
    torch.set_num_threads(1)  # so small a network is slower on more
    torch.manual_seed(0)
    network = Network()
    train(network, steps=1200)
    drawn = sample(network, torch.arange(50) % 10) / 2 + 0.5
    save_image(interpolate(drawn, scale_factor=6), "first.png", nrow=10)
    print("\nfirst.png is written")
