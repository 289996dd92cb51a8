"""Right answers to the practice of chapter 4, each in several ways."""

import torch
from torch.nn.functional import mse_loss

import diffusion_lessons
from diffusion_lessons import q_sample


def draw_t(x0, schedule, generator):
    last = schedule.num_steps
    return torch.randint(1, last + 1, (len(x0),), generator=generator)


def draw_t__a_share_rounded_up(x0, schedule, generator):
    share = 1 - torch.rand(len(x0), generator=generator)
    return (share * schedule.num_steps).ceil().int()


def draw_t__from_the_steps_themselves(x0, schedule, generator):
    steps = torch.arange(1, schedule.num_steps + 1)
    even = torch.ones(schedule.num_steps)
    drawn = torch.multinomial(even, len(x0), True, generator=generator)
    return steps[drawn]


def draw_t__into_a_tensor(x0, schedule, generator):
    t = torch.empty(x0.shape[0], dtype=torch.int64)
    return t.random_(1, schedule.num_steps + 1, generator=generator)


def diffusion_loss(model, x0, t, noise, schedule):
    xt = q_sample(x0, t, noise, schedule)
    return mse_loss(model(xt, t), noise)


def diffusion_loss__in_float64(model, x0, t, noise, schedule):
    x0, noise = x0.double(), noise.double()
    xt = q_sample(x0, t, noise, schedule)
    return ((model(xt, t) - noise) ** 2).mean()


def diffusion_loss__picture_by_picture(model, x0, t, noise, schedule):
    total = 0
    for i in range(len(x0)):
        here = slice(i, i + 1)
        xt = q_sample(x0[here], t[here], noise[here], schedule)
        gap = model(xt, t[here]) - noise[here]
        total = total + gap.square().sum()
    return total / x0.numel()


def diffusion_loss__einsum(model, x0, t, noise, schedule):
    a = schedule.alphas_cumprod[t].float()
    xt = torch.einsum("b,b...->b...", a.sqrt(), x0)
    xt += torch.einsum("b,b...->b...", (1 - a).sqrt(), noise)
    gap = (model(xt, t) - noise).flatten()
    return torch.einsum("i,i->", gap, gap) / len(gap)


def diffusion_loss__of_the_module(model, x0, t, noise, schedule):
    return diffusion_lessons.diffusion_loss(model, x0, t, noise, schedule)


def training_step(model, x0, t, noise, schedule, optimizer):
    loss = diffusion_loss(model, x0, t, noise, schedule)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def training_step__forgetting_first(
    model, x0, t, noise, schedule, optimizer
):
    model.zero_grad()
    loss = diffusion_loss(model, x0, t, noise, schedule)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def training_step__forgetting_last(
    model, x0, t, noise, schedule, optimizer
):
    loss = diffusion_loss(model, x0, t, noise, schedule)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    return loss.detach()


def training_step__with_the_gradient_by_hand(
    model, x0, t, noise, schedule, optimizer
):
    loss = diffusion_loss(model, x0, t, noise, schedule)
    weights = list(model.parameters())
    found = torch.autograd.grad(loss, weights)
    for weight, gradient in zip(weights, found, strict=True):
        weight.grad = gradient
    optimizer.step()
    return loss.item()
