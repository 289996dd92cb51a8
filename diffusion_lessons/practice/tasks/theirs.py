"""Practice of chapter 11: the same things, counted from 0."""

from types import SimpleNamespace

import torch

from ...forward import q_sample
from ...schedule import NoiseSchedule
from ..task import TEN, Case, Task, at, normal, one

COUNT = "11.2 Who counts from 0?"
NAMES = "11.3 The same things by other names"
BACK = "11.5 Their network in our loop"
STOPS = "11.8 Which steps are visited?"


def _table(schedule):
    return schedule.alphas_cumprod[1:].clone()


their_alphas_cumprod = Task(
    "their_alphas_cumprod",
    chapter=11,
    answer=_table,
    goal=(
        "return the table that diffusers calls alphas_cumprod, (T,), where "
        "place 0 is the first noising step"
    ),
    tip=(
        "lay that of NoiseSchedule.linear() beside "
        "DDPMScheduler().alphas_cumprod: how far apart are they (section "
        "11.3)"
    ),
    tolerance=1e-6,
    cases=[
        Case(
            "the linear schedule with T = 3",
            lambda: (NoiseSchedule.linear(3),),
        ),
        Case("the linear schedule with T = 10", lambda: (TEN,)),
        Case(
            "the cosine schedule with T = 5",
            lambda: (NoiseSchedule.cosine(5),),
        ),
    ],
)

for words, section, way in (
    (
        "the clean picture, our t = 0, is in the table, where they have no "
        "place for it",
        COUNT,
        lambda schedule: schedule.alphas_cumprod.clone(),
    ),
    (
        "the last of the T + 1 values is left out, and the first should be",
        COUNT,
        lambda schedule: schedule.alphas_cumprod[:-1].clone(),
    ),
    (
        "the α of each step is returned, and not the product of all up to "
        "there",
        NAMES,
        lambda schedule: schedule.alphas[1:].clone(),
    ),
    (
        "the betas are returned, and not the products of 1 − β",
        NAMES,
        lambda schedule: schedule.betas[1:].clone(),
    ),
    (
        "the root of ᾱ, the factor of the picture, is returned",
        NAMES,
        lambda schedule: schedule.sqrt_alphas_cumprod[1:].clone(),
    ),
    (
        "1 − ᾱ, the share of the noise, is returned",
        NAMES,
        lambda schedule: 1 - _table(schedule),
    ),
    (
        "the table begins at the noisy end, and place 0 is timestep T − 1",
        COUNT,
        lambda schedule: _table(schedule).flip(0),
    ),
):
    their_alphas_cumprod.slip(words, section)(way)


# Their add_noise, by our jump


def _add_noise(x0, noise, timesteps, schedule):
    return q_sample(x0, timesteps + 1, noise, schedule)


add_noise = Task(
    "add_noise",
    chapter=11,
    answer=_add_noise,
    goal="return x0, noised as diffusers noises it at these timesteps",
    tip=(
        "write it the other way round, our q_sample by their add_noise: "
        "which of our t has no timestep (section 11.2)"
    ),
    cases=[
        Case(
            "x_0 = 1, noise = 0, timestep 0",
            lambda: (one(), one(0.0), torch.tensor([0]), TEN),
        ),
        Case(
            "x_0 = 0, noise = 1, timestep 0",
            lambda: (one(0.0), one(), torch.tensor([0]), TEN),
        ),
        Case(
            "x_0 = 1, noise = 0, timestep 9 of T = 10",
            lambda: (one(), one(0.0), torch.tensor([9]), TEN),
        ),
        Case(
            "three pictures at the timesteps 0, 3 and 9",
            lambda: (
                normal(3, 1, 4, 4),
                normal(3, 1, 4, 4, seed=1),
                torch.tensor([0, 3, 9]),
                TEN,
            ),
        ),
    ],
)


@add_noise.slip("the timestep is taken for our t, which is one more", COUNT)
def _(x0, noise, timesteps, schedule):
    return q_sample(x0, timesteps, noise, schedule)


@add_noise.slip(
    "1 is taken away from the timestep and not added, so that the first "
    "one reads the other end of the table",
    COUNT,
)
def _(x0, noise, timesteps, schedule):
    a = at(schedule.alphas_cumprod, timesteps - 1, x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


@add_noise.slip(
    "only timestep 0 is moved to t = 1, and the others stay where they are",
    COUNT,
)
def _(x0, noise, timesteps, schedule):
    return q_sample(x0, timesteps.clamp(min=1), noise, schedule)


@add_noise.slip("the picture and the noise are exchanged", NAMES)
def _(x0, noise, timesteps, schedule):
    return _add_noise(noise, x0, timesteps, schedule)


@add_noise.slip(
    "both square roots are missing",
    "2.2 The closed form: two steps, then all of them",
)
def _(x0, noise, timesteps, schedule):
    a = at(schedule.alphas_cumprod, timesteps + 1, x0)
    return a * x0 + (1 - a) * noise


@add_noise.slip("the α of one step stands where ᾱ should", NAMES)
def _(x0, noise, timesteps, schedule):
    a = at(schedule.alphas, timesteps + 1, x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


@add_noise.slip(
    "all pictures are noised at the timestep of the first one", NAMES
)
def _(x0, noise, timesteps, schedule):
    return _add_noise(x0, noise, int(timesteps[0]), schedule)


# Their network, asked by us


def _ask(unet, x, t):
    return unet(x, t - 1).sample


def _unet(sample, timestep, more=lambda x: x):
    t = torch.as_tensor(timestep).to(sample).reshape(-1, 1, 1, 1)
    return SimpleNamespace(sample=more(sample) + t / 10)


def _curved(sample, timestep):
    return _unet(sample, timestep, more=lambda x: x.sin() + x**2)


ask_theirs = Task(
    "ask_theirs",
    chapter=11,
    answer=_ask,
    goal=(
        "return the tensor that a network of diffusers answers at our t, "
        "from 1 to T"
    ),
    tip=(
        "give your function to ddim_sample as a model, with a UNet2DModel "
        "that you have trained (section 11.5)"
    ),
    cases=[
        Case(
            "a network that answers timestep/10, x = 0, t = 1",
            lambda: (_unet, one(0.0), 1),
        ),
        Case(
            "a network that answers x + timestep/10, x = 1, t = 1000",
            lambda: (_unet, one(), 1000),
        ),
        Case(
            "three pictures, each with a t of its own",
            lambda: (_curved, normal(3, 1, 4, 4), torch.tensor([1, 4, 10])),
        ),
    ],
)

for words, section, way in (
    (
        "t is handed on as it is, but their timestep is one less",
        COUNT,
        lambda unet, x, t: unet(x, t).sample,
    ),
    (
        "1 is added to t and not taken away",
        COUNT,
        lambda unet, x, t: unet(x, t + 1).sample,
    ),
    (
        "t is divided by 1000; a timestep is a whole number",
        NAMES,
        lambda unet, x, t: unet(x, t / 1000).sample,
    ),
    (
        "all pictures are asked about at the t of the first one",
        BACK,
        lambda unet, x, t: (
            unet(x, torch.as_tensor(t).reshape(-1)[0] - 1).sample
        ),
    ),
    (
        "the network is always asked about timestep 0",
        BACK,
        lambda unet, x, t: unet(x, 0 * t).sample,
    ),
    (
        "the picture is moved to 0 … 1 first; their networks, too, take "
        "pictures from −1 to 1",
        "11.1 Four lines, word for word",
        lambda unet, x, t: unet((x + 1) / 2, t - 1).sample,
    ),
):
    ask_theirs.slip(words, section)(way)


# Our stops in their numbers


def _timesteps(path):
    return [t - 1 for t in path[:-1]]


their_timesteps = Task(
    "their_timesteps",
    chapter=11,
    answer=_timesteps,
    goal=(
        "return the timesteps at which the network is asked on this path, "
        "as a list or a tensor"
    ),
    tip=(
        "compare with scheduler.timesteps of a DDIMScheduler with each of "
        "the three spacings: which one is yours (section 11.8)"
    ),
    cases=[
        Case("the path 3, 2, 1, 0", lambda: ([3, 2, 1, 0],)),
        Case("the path 1000, 500, 0", lambda: ([1000, 500, 0],)),
        Case(
            "the path 1000, 857, 714, 571, 429, 286, 143, 0",
            lambda: ([1000, 857, 714, 571, 429, 286, 143, 0],),
        ),
    ],
)

for words, section, way in (
    (
        "our t are returned as they are; a timestep is one less",
        COUNT,
        lambda path: path[:-1],
    ),
    (
        "the clean picture at the end of the path gets a timestep, −1, "
        "though nobody is asked there",
        COUNT,
        lambda path: [t - 1 for t in path],
    ),
    (
        "the path is returned as it was, with our t and with the clean "
        "picture",
        COUNT,
        lambda path: list(path),
    ),
    (
        "1 is added and not taken away",
        COUNT,
        lambda path: [t + 1 for t in path[:-1]],
    ),
    (
        "the first stop is left out, and not the last one",
        STOPS,
        lambda path: [t - 1 for t in path[1:]],
    ),
    (
        "the places that the steps reach are returned, and not those "
        "where the network is asked",
        STOPS,
        lambda path: list(path[1:]),
    ),
    (
        "the timesteps rise, and a sampler walks down",
        STOPS,
        lambda path: _timesteps(path)[::-1],
    ),
):
    their_timesteps.slip(words, section)(way)
