"""Practice of chapter 4: draw t, ask for the noise, take one step."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...forward import mix, q_sample, q_step
from ...schedule import NoiseSchedule
from ..task import TEN, Case, Task, at, normal, one

GUESS = "4.1 The first guess: mix in noise, ask for the picture"
REAL = "4.3 The real thing: ask for the noise"
LOOP = "4.6 `train`: the same loop, ready for long runs"
SEEDS = "4.9 Seeds, and going on after a stop"
WRONG = "4.10 What people get wrong here"
TIME = "5.9 What people get wrong here"
FIFTY = NoiseSchedule.linear(50)

# One t for each picture


def _randint(low, high, x0, generator):
    return torch.randint(low, high, (len(x0),), generator=generator)


def _draw(x0, schedule, generator):
    return _randint(1, schedule.num_steps + 1, x0, generator)


SEED = 8191  # that no reader will think of


def _of_draws(t, given):
    """What is true of right draws, whichever they are."""
    if not isinstance(t, Tensor):
        return None
    T, unused = given["schedule"].num_steps, torch.Generator()
    times = t.flatten().double()
    share = times.round().long().clamp(0, T).bincount(minlength=T + 1)
    share = share[1:] / max(1, len(times))
    state = given["generator"].get_state()
    return [
        torch.zeros(t.shape),
        times.min(),
        times.max(),
        times.unique().numel(),
        t.is_floating_point() * t.numel(),
        int(((share - 1 / T).abs() > 0.02).sum()),
        float(not torch.equal(state, unused.manual_seed(SEED).get_state())),
        float(given["generator"].initial_seed() != SEED),
    ]


def _pictures(number):
    return torch.zeros(number, 1, 1, 1)


def _generator():
    return torch.Generator().manual_seed(SEED)


draw_t = Task(
    "draw_t",
    chapter=4,
    answer=_draw,
    goal="return one t for each picture, each of 1, …, T equally often",
    tip=(
        "leave t = T out on purpose, and look where a sampler begins: it "
        "would start with a question that was never trained (section 4.10)"
    ),
    observe=_of_draws,
    seen=(
        "its shape",
        "the smallest t",
        "the largest t",
        "the number of different t",
        "the number of t that are no integers",
        "the number of t that come too often or too seldom",
        "the use of the generator (1: used, 0: not)",
        "a new start of the generator (1: started anew, 0: not)",
    ),
    cases=[
        Case(
            "6,000 pictures and T = 10",
            lambda: (_pictures(6000), TEN, _generator()),
        ),
        Case(
            "3,000 pictures and T = 50",
            lambda: (_pictures(3000), FIFTY, _generator()),
        ),
    ],
)


@draw_t.slip(
    "t = T is never drawn: `randint` leaves its upper end out", WRONG
)
def _(x0, schedule, generator):
    return _randint(1, schedule.num_steps, x0, generator)


@draw_t.slip(
    "t runs from 0 to T − 1, as in diffusers: here it runs from 1 to T",
    TIME,
)
def _(x0, schedule, generator):
    return _randint(0, schedule.num_steps, x0, generator)


@draw_t.slip(
    "t = 0 is drawn as well, where no noise has been added yet", REAL
)
def _(x0, schedule, generator):
    return _randint(0, schedule.num_steps + 1, x0, generator)


@draw_t.slip(
    "the generator is started anew in every call, so that every step draws "
    "the same t: it is only to be handed on",
    "4.9 Seeds, and going on after a stop",
)
def _(x0, schedule, generator):
    return _draw(x0, schedule, generator.manual_seed(0))


@draw_t.slip("one t is drawn for all pictures together", REAL)
def _(x0, schedule, generator):
    return _draw(x0[:1], schedule, generator).expand(len(x0))


@draw_t.slip("one t is drawn for all pictures, as a single number", REAL)
def _(x0, schedule, generator):
    return _draw(x0[:1], schedule, generator)[0]


@draw_t.slip("t is no integer, so that no table can be read at t", REAL)
def _(x0, schedule, generator):
    return _draw(x0, schedule, generator).float()


@draw_t.slip(
    "an amount between 0 and 1 is drawn, as in the first guess, and not a "
    "step from 1 to T",
    GUESS,
)
def _(x0, schedule, generator):
    return torch.rand(len(x0), generator=generator)


@draw_t.slip(
    "t has the shape of pictures, (B, 1, 1, 1), and is not a row (B,)", REAL
)
def _(x0, schedule, generator):
    return _draw(x0, schedule, generator).reshape(-1, 1, 1, 1)


@draw_t.slip(
    "the generator is not handed on, so that the seed of the run does not "
    "decide which t are drawn",
    SEEDS,
)
def _(x0, schedule, generator):
    return _draw(x0, schedule, None)


# The loss


class Line(nn.Module):
    """A network of two weights that answers a · x_t + b · t / 10."""

    def __init__(self, a: float, b: float):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([a, b]))

    def forward(self, x: Tensor, t: Tensor | int) -> Tensor:
        """(B, …) and (B,) to (B, …)."""
        t = torch.as_tensor(t).expand(len(x)).reshape(-1, 1, 1, 1)
        return self.weight[0] * x + self.weight[1] * t / 10

    forward.__qualname__ = "model"  # the name that errors of a call show


def _batch(a, b):
    """A network, three pictures, their t, their noise and a schedule."""
    t = torch.tensor([1, 4, 10])
    x0, noise = normal(3, 1, 4, 4), normal(3, 1, 4, 4, seed=1)
    return Line(a, b), x0, t, noise, TEN


def _pixel(a, x0, noise):
    t = torch.tensor([10])
    return Line(a, 0.0), one(x0), t, one(noise), TEN


def _error(model, x0, t, noise, schedule):
    return model(q_sample(x0, t, noise, schedule), t) - noise


def _loss(model, x0, t, noise, schedule):
    return _error(model, x0, t, noise, schedule).square().mean()


def _with_gradient(loss, given):
    if not isinstance(loss, Tensor | float | int):
        return None
    return [loss, _gradient(loss, given["model"].weight)]


def _gradient(loss, weight):
    """By the weights; 0 where none arrives, nan where it is spent."""
    if not (isinstance(loss, Tensor) and loss.requires_grad):
        return torch.zeros(2)
    try:
        (found,) = torch.autograd.grad(
            loss.sum(), weight, allow_unused=True
        )
    except RuntimeError:
        return torch.full((2,), torch.nan)
    return torch.zeros(2) if found is None else found


diffusion_loss = Task(
    "diffusion_loss",
    chapter=4,
    answer=_loss,
    goal=(
        "return the mean squared difference between the noise and what the "
        "network takes for it, one number"
    ),
    tip=(
        "give it a network that answers 0, and one that answers x_t: which "
        "of them has the smaller loss at t = T (section 4.7)"
    ),
    observe=_with_gradient,
    seen=("the loss", "its gradient by the weights"),
    cases=[
        Case(
            "a network that answers 0, x_0 = 0, noise = 1, t = T",
            lambda: _pixel(0.0, 0.0, 1.0),
        ),
        Case(
            "a network that answers x_t, x_0 = 1, noise = 0, t = T",
            lambda: _pixel(1.0, 1.0, 0.0),
        ),
        Case(
            "three pictures, each with a t of its own, and a network that "
            "answers x_t / 2 + 3 t / 100",
            lambda: _batch(0.5, 0.3),
        ),
    ],
)


@diffusion_loss.slip(
    "another noise is asked for than was added: it must be the same tensor",
    WRONG,
)
def _(model, x0, t, noise, schedule):
    answer = model(q_sample(x0, t, noise, schedule), t)
    return F.mse_loss(answer, torch.randn_like(noise))


@diffusion_loss.slip(
    "a new noise is added, and not the one that is asked for", WRONG
)
def _(model, x0, t, noise, schedule):
    other = torch.randn_like(noise)
    return F.mse_loss(model(q_sample(x0, t, other, schedule), t), noise)


@diffusion_loss.slip("the picture is asked for, and not the noise", REAL)
def _(model, x0, t, noise, schedule):
    return F.mse_loss(model(q_sample(x0, t, noise, schedule), t), x0)


@diffusion_loss.slip(
    "the noise is asked for as it was added, times √(1 − ᾱ), and not as it "
    "was drawn",
    REAL,
)
def _(model, x0, t, noise, schedule):
    answer = model(q_sample(x0, t, noise, schedule), t)
    _, sigma = schedule.signal_and_sigma(t, x0)
    return F.mse_loss(answer, sigma * noise)


@diffusion_loss.slip(
    "the network is shown the clean picture, and not x_t", REAL
)
def _(model, x0, t, noise, schedule):
    return F.mse_loss(model(x0, t), noise)


@diffusion_loss.slip(
    "the noise is mixed in by the share t / T, as in the first guess, and "
    "not by the closed form",
    GUESS,
)
def _(model, x0, t, noise, schedule):
    share = t.reshape(-1, 1, 1, 1) / schedule.num_steps
    return F.mse_loss(model(mix(x0, noise, share), t), noise)


@diffusion_loss.slip(
    "x_0 and the noise are scaled by ᾱ and 1 − ᾱ, and not by their roots",
    "2.9 Two slips, two numbers",
)
def _(model, x0, t, noise, schedule):
    a = at(schedule.alphas_cumprod, t, x0)
    return F.mse_loss(model(a * x0 + (1 - a) * noise, t), noise)


@diffusion_loss.slip(
    "the noise is scaled by 1 − ᾱ rather than by its root",
    "2.9 Two slips, two numbers",
)
def _(model, x0, t, noise, schedule):
    a = at(schedule.alphas_cumprod, t, x0)
    return F.mse_loss(model(a.sqrt() * x0 + (1 - a) * noise, t), noise)


@diffusion_loss.slip(
    "x_t is one step away from x_0: that is `q_step`, not the jump",
    "2.2 The closed form: two steps, then all of them",
)
def _(model, x0, t, noise, schedule):
    return F.mse_loss(model(q_step(x0, t, noise, schedule), t), noise)


@diffusion_loss.slip("the network is told t − 1, and not t", TIME)
def _(model, x0, t, noise, schedule):
    answer = model(q_sample(x0, t, noise, schedule), t - 1)
    return F.mse_loss(answer, noise)


@diffusion_loss.slip("the network is told t / T, and not t", TIME)
def _(model, x0, t, noise, schedule):
    share = t / schedule.num_steps
    answer = model(q_sample(x0, t, noise, schedule), share)
    return F.mse_loss(answer, noise)


@diffusion_loss.slip("the squares are added up, and not averaged", REAL)
def _(*given):
    return _error(*given).square().sum()


@diffusion_loss.slip(
    "the squares are added up in each picture, and averaged only over the "
    "pictures",
    REAL,
)
def _(*given):
    return _error(*given).square().flatten(1).sum(1).mean()


@diffusion_loss.slip(
    "the squares are not averaged: there is one number for each pixel", REAL
)
def _(*given):
    return _error(*given).square()


@diffusion_loss.slip(
    "there is one number for each picture, and not one for all", REAL
)
def _(*given):
    return _error(*given).square().flatten(1).mean(1)


@diffusion_loss.slip(
    "the differences are not squared: their size is averaged", REAL
)
def _(*given):
    return _error(*given).abs().mean()


@diffusion_loss.slip(
    "the root is taken of the mean squared difference", REAL
)
def _(*given):
    return _loss(*given).sqrt()


@diffusion_loss.slip(
    "no gradient reaches the network: the loss is a plain number, or "
    "detached, or computed under `torch.no_grad()`",
    GUESS,
)
def _(*given):
    return _loss(*given).detach()


@diffusion_loss.slip(
    "`backward` is called here already: that is for whoever asked for the "
    "loss",
    GUESS,
)
def _(*given):
    loss = _loss(*given)
    loss.backward()
    return loss


# One step of training


def _step_on(loss, model, x0, t, noise, schedule, optimizer):
    value = loss(model, x0, t, noise, schedule)
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    return value.item()


def _step(model, x0, t, noise, schedule, optimizer):
    return _step_on(_loss, model, x0, t, noise, schedule, optimizer)


def _after(result, given):
    """Losses, the weights afterwards, and whether a graph is kept."""
    losses = result if isinstance(result, list) else [result]
    if not all(isinstance(x, Tensor | float | int) for x in losses):
        return None
    kept = any(isinstance(x, Tensor) and x.requires_grad for x in losses)
    plain = [torch.as_tensor(x).detach().double().mean() for x in losses]
    return [torch.stack(plain), given["model"].weight, float(kept)]


def _in_training(model, *given):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.zero_grad()  # PyTorch loads half of itself at the first call,
    optimizer.step()  # which is not the reader's time; nothing moves yet
    return model, *given, optimizer


training_step = Task(
    "training_step",
    chapter=4,
    answer=_step,
    goal="move the weights by one step, and return the loss before it",
    tip=(
        "call it 300 times with the same pictures, t and noise: the loss "
        "must go to 0 (section 4.4)"
    ),
    observe=_after,
    seen=(
        "the loss",
        "the weights afterwards",
        "the graph that the loss still holds (1: yes, 0: no)",
    ),
    may_change=("model", "optimizer"),
    cases=[
        Case(
            "a network that answers 0, x_0 = 0, noise = 1, t = T",
            lambda: _in_training(*_pixel(0.0, 0.0, 1.0)),
        ),
        Case(
            "two calls, one after the other",
            lambda: _in_training(*_pixel(0.5, 1.0, 1.0)),
            times=2,
        ),
        Case(
            "two calls with three pictures, each with a t of its own",
            lambda: _in_training(*_batch(0.5, 0.3)),
            times=2,
        ),
    ],
)


@training_step.slip(
    "the old gradient is not forgotten: `zero_grad` is missing, and the "
    "gradients of all steps add up",
    GUESS,
)
def _(model, x0, t, noise, schedule, optimizer):
    value = _loss(model, x0, t, noise, schedule)
    value.backward()
    optimizer.step()
    return value.item()


@training_step.slip(
    "nothing moves: `backward` or `step` is missing, or `zero_grad` stands "
    "between the two",
    GUESS,
)
def _(model, x0, t, noise, schedule, optimizer):
    return _loss(model, x0, t, noise, schedule).item()


@training_step.slip(
    "the optimiser steps before `backward`, with the gradient of the call "
    "before",
    GUESS,
)
def _(model, x0, t, noise, schedule, optimizer):
    value = _loss(model, x0, t, noise, schedule)
    optimizer.step()
    optimizer.zero_grad()
    value.backward()
    return value.item()


@training_step.slip(
    "the loss is handed to `backward`, `loss.backward(loss)`: every "
    "gradient is multiplied by the loss",
    GUESS,
)
def _(model, x0, t, noise, schedule, optimizer):
    value = _loss(model, x0, t, noise, schedule)
    optimizer.zero_grad()
    value.backward(value.detach())
    optimizer.step()
    return value.item()


@training_step.slip(
    "the weights move up the loss and not down: a sign is turned", GUESS
)
def _(*given):
    return -_step_on(lambda *them: -_loss(*them), *given)


@training_step.slip(
    "two steps are taken, or `backward` is called twice, so that the "
    "gradient counts double",
    GUESS,
)
def _(model, x0, t, noise, schedule, optimizer):
    value = _step(model, x0, t, noise, schedule, optimizer)
    optimizer.step()
    return value


@training_step.slip(
    "the loss is returned with everything it was computed from: `.item()` "
    "makes a plain number of it",
    LOOP,
)
def _(model, x0, t, noise, schedule, optimizer):
    value = _loss(model, x0, t, noise, schedule)
    _step(model, x0, t, noise, schedule, optimizer)
    return value


@training_step.slip(
    "the loss is asked for again after the step, and that one is returned",
    LOOP,
)
def _(model, x0, t, noise, schedule, optimizer):
    _step(model, x0, t, noise, schedule, optimizer)
    return _loss(model, x0, t, noise, schedule).item()


for _slip in diffusion_loss.slips[:12]:  # those that can be trained with
    training_step.slip(_slip.words, _slip.section)(
        partial(_step_on, _slip.function)
    )
