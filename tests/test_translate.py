"""One picture in four languages: there, back, and through a sampler."""

from itertools import pairwise, permutations

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from diffusion_lessons import (
    ExactModel,
    GaussianMixture,
    Guided,
    InputError,
    NoiseSchedule,
    as_flow,
    ddim_sample,
    from_flow,
    interpreted,
    load_pretrained,
    q_sample,
    target,
    time_at,
    translate,
    x0_and_eps,
)
from diffusion_lessons.languages import LANGUAGES, factors
from diffusion_lessons.translate import read_output

CHAIN = NoiseSchedule.linear()
PAIRS = list(permutations(LANGUAGES, 2))
LAST = {"ddpm": 1000, "sigma": 150, "flow": 0.993, "vp": 1}
MIXTURE = GaussianMixture(
    [[-0.8, 0.2], [0.5, -0.6], [0.6, 0.7]], [0.1, 0.2, 0.15], [1, 2, 3]
)

each_pair = pytest.mark.parametrize(("source", "target_"), PAIRS)
each_language = pytest.mark.parametrize("language", LANGUAGES)


def pictures(n=5, seed=0):
    """x_0 and eps, in float64."""
    random = torch.Generator().manual_seed(seed)
    shape = (2, n, 1, 2, 3)
    return torch.randn(shape, generator=random, dtype=torch.float64)


def moments(language, n=5):
    """Early, late and between, none of them 0."""
    shares = torch.tensor([1e-3, 0.0317, 0.5, 0.77, 0.99])[:n]
    return shares.double() * LAST[language]


def noisy(language, clock):
    """x_0, eps and a x_0 + b eps."""
    x0, eps = pictures()
    a, b = (f.view(-1, 1, 1, 1) for f in factors(clock, language, CHAIN))
    return x0, eps, a * x0 + b * eps


# The twelve


@each_pair
def test_there_and_back_is_the_identity(source, target_):
    clock = moments(source)
    _, _, x = noisy(source, clock)
    there = translate(x, clock, source, target_, CHAIN)
    back = translate(*there, target_, source, CHAIN)
    assert_close(back, (x, clock), rtol=1e-11, atol=1e-12)


@each_pair
def test_it_is_the_same_x0_and_the_same_noise(source, target_):
    clock = moments(source)
    x0, eps, x = noisy(source, clock)
    there, then = translate(x, clock, source, target_, CHAIN)
    a, b = (f.view(-1, 1, 1, 1) for f in factors(then, target_, CHAIN))
    assert_close(there, a * x0 + b * eps, rtol=1e-10, atol=1e-12)


@each_pair
@settings(derandomize=True, deadline=None)
@given(st.floats(1e-6, 1))
def test_any_moment_comes_back(source, target_, share):
    clock = share * LAST[source]
    x = torch.ones(1, 1, dtype=torch.float64)
    there = translate(x, clock, source, target_, CHAIN)
    back = translate(*there, target_, source, CHAIN)
    assert_close(back[1].item(), clock, rtol=1e-9, atol=1e-9)
    assert_close(back[0], x, rtol=1e-9, atol=0)


@pytest.mark.parametrize("way", list(permutations(LANGUAGES, 3)))
def test_a_detour_changes_nothing(way):
    one, two, three = way
    clock = moments(one)
    _, _, x = noisy(one, clock)
    detour = translate(x, clock, one, two, CHAIN)
    detour = translate(*detour, two, three, CHAIN)
    direct = translate(x, clock, one, three, CHAIN)
    assert_close(detour, direct, rtol=1e-10, atol=1e-11)


def test_half_of_each_by_hand():
    """Where noise and signal are equal: sigma is 1, flow time a half."""
    x = torch.tensor([[3.0]])
    assert translate(x, 0.5, "flow", "sigma") == (2 * x, 1)
    assert translate(x, 1, "sigma", "flow") == (x / 2, 0.5)
    assert translate(x, 3, "sigma", "flow") == (x / 4, 0.75)
    there, t = translate(x, 1, "sigma", "vp")
    assert_close(there, x / 2**0.5)
    assert_close(9.95 * t**2 + 0.1 * t, torch.tensor(2.0).double().log())


@each_language
def test_nobody_is_translated_into_his_own_language(language):
    clock = moments(language)
    _, _, x = noisy(language, clock)
    there, then = translate(x, clock, language, language, CHAIN)
    assert torch.equal(there, x)
    assert torch.equal(then, clock)
    assert there.data_ptr() != x.data_ptr()


def test_pure_noise_is_the_end_of_flow_time_and_of_some_chains():
    chain = NoiseSchedule.cosine(60).zero_terminal_snr()
    x = torch.ones(1, 2)
    assert translate(x, 60, "ddpm", "flow", chain)[1] == 1
    assert torch.equal(translate(x, 60, "ddpm", "flow", chain)[0], x)
    assert translate(x, 1, "flow", "ddpm", chain)[1] == 60
    for clock, source in ((60, "ddpm"), (1, "flow")):
        for end in ("sigma", "vp"):
            with pytest.raises(InputError, match=f'no clock in "{end}"'):
                translate(x, clock, source, end, chain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_picture_keeps_its_dtype_and_the_clock_is_exact(dtype):
    x = torch.ones(2, 3, dtype=dtype)
    there, then = translate(x, [0.3, 0.6], "flow", "vp")
    assert (there.dtype, then.dtype) == (dtype, torch.float64)
    wanted, _ = translate(x.double(), [0.3, 0.6], "flow", "vp")
    assert torch.equal(there, wanted.to(dtype))


def test_a_chain_is_needed_only_by_those_who_speak_of_its_steps():
    x = torch.ones(1, 2)
    for source, target_ in PAIRS:
        if "ddpm" not in (source, target_):
            translate(x, 0.5, source, target_)
            continue
        with pytest.raises(InputError, match='where "ddpm" is spoken'):
            translate(x, 0.5, source, target_)


def test_more_or_fewer_clocks_than_pictures_are_refused():
    x = torch.ones(3, 2)
    with pytest.raises(ValueError, match="one for each of the 3"):
        translate(x, [0.1, 0.2], "flow", "sigma")


# How a network is read


def say(kind, language, clock, x0, eps):
    """What a perfect network outputs, written out once more."""
    a, b = (f.view(-1, 1, 1, 1) for f in factors(clock, language, CHAIN))
    v = {"sigma": eps, "flow": eps - x0}.get(language, a * eps - b * x0)
    return {"eps": eps, "x0": x0, "v": v}[kind]


@each_language
@pytest.mark.parametrize("kind", ["eps", "x0", "v"])
def test_a_perfect_network_is_read_back(kind, language):
    clock = moments(language)
    x0, eps, x = noisy(language, clock)
    output = say(kind, language, clock, x0, eps)
    found = read_output(output, x, clock, language, kind, CHAIN)
    assert_close(found, (x0, eps), rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", ["eps", "x0", "v"])
def test_in_ddpm_it_is_read_as_everywhere_in_the_book(kind):
    x0, noise = pictures()
    t = torch.tensor([1, 20, 500, 999, 1000])
    xt = q_sample(x0, t, noise, CHAIN)
    output = target(kind, x0, noise, t, CHAIN) + 0.1
    found = read_output(output, xt, t, "ddpm", kind, CHAIN)
    wanted = x0_and_eps(output, xt, t, CHAIN, kind)
    assert_close(found, wanted, rtol=0, atol=1e-10)


@each_language
def test_whatever_a_network_says_fits_x(language):
    clock = moments(language)
    _, output, x = noisy(language, clock)
    a, b = (f.view(-1, 1, 1, 1) for f in factors(clock, language, CHAIN))
    for kind in ("eps", "x0", "v"):
        x0, eps = read_output(output, x, clock, language, kind, CHAIN)
        assert_close(a * x0 + b * eps, x, rtol=0, atol=1e-10)


@pytest.mark.parametrize("language", ["sigma", "flow"])
def test_the_velocity_is_where_x_goes_when_the_clock_goes(language):
    clock, later = moments(language), moments(language) + 1e-6
    x0, eps, x = noisy(language, clock)
    _, _, after = noisy(language, later)
    v = say("v", language, clock, x0, eps)
    assert_close((after - x) / 1e-6, v, rtol=0, atol=1e-6)


@each_language
def test_without_noise_there_is_nothing_to_be_read(language):
    x = torch.ones(1, 2)
    with pytest.raises(InputError, match="clock must be above 0"):
        read_output(x, x, 0, language, "v", CHAIN)


def test_eps_says_nothing_of_a_picture_that_is_gone():
    x = torch.ones(1, 2)
    with pytest.raises(InputError, match='"eps" cannot be read'):
        read_output(x, x, 1, "flow", "eps")
    x0, eps = read_output(x, 3 * x, 1, "flow", "v")
    assert torch.equal(x0, 2 * x)
    assert torch.equal(eps, 3 * x)


# One network, asked in any language


STEPS = [1000, 800, 600, 450, 300, 200, 100, 50, 20, 0]


def euler(velocity, x, clocks):
    """As EDM and rectified flow step: along the velocity."""
    for now, then in pairwise(clocks):
        x = x + (then - now) * velocity(x, now)
    return x


def turn(velocity, x, clocks):
    """As DDIM steps, seen from its v: x and v turn by one angle."""
    for now, then in pairwise(clocks):
        (a, b), (c, d) = factors(now, "vp"), factors(then, "vp")
        by = torch.atan2(b, a) - torch.atan2(d, c)
        x = by.cos().to(x) * x - by.sin().to(x) * velocity(x, now)
    return x


SAMPLERS = {"sigma": euler, "flow": euler, "vp": turn}


def in_other_words(model, predicts, x_T, language, chain=CHAIN):
    """The same steps and the same noise, in another language."""
    velocity = interpreted(
        model, "ddpm", language, chain, predicts=predicts, answers="v"
    )
    x, _ = translate(x_T, STEPS[0], "ddpm", language, chain)
    clocks = [translate(x_T, t, "ddpm", language, chain)[1] for t in STEPS]
    return SAMPLERS[language](velocity, x, clocks)


@pytest.mark.parametrize("language", SAMPLERS)
def test_the_exact_mixture_draws_the_same_points(language):
    x_T = torch.randn(50, 2, dtype=torch.float64)
    model = ExactModel(MIXTURE, CHAIN)
    *_, last = ddim_sample(
        model, x_T, CHAIN, STEPS, predicts="x0", clip=None
    )
    x0 = in_other_words(model, "x0", x_T, language)
    assert_close(x0, last.x, rtol=0, atol=1e-9)
    assert last.x.std() > 0.3


@pytest.mark.parametrize("language", SAMPLERS)
def test_the_digits_network_draws_the_same_digits(language):
    """In float64, for at this chain's end sigma is 20,291."""
    net = load_pretrained("digits")
    x_T = torch.randn(2, *net.shape, dtype=torch.float64)
    guided = Guided(net.model, torch.tensor([3, 7]), net.null, 1.5)

    def model(x, t):
        return guided(x.float(), t).double()

    *_, last = ddim_sample(
        model, x_T, net.schedule, STEPS, predicts="v", clip=None
    )
    with torch.no_grad():
        x0 = in_other_words(model, "v", x_T, language, net.schedule)
    assert_close(x0, last.x, rtol=0, atol=1e-5)
    assert last.x.std() > 0.3


@pytest.mark.parametrize(("source", "target_"), PAIRS)
def test_a_network_that_is_translated_twice_says_what_it_said(
    source, target_
):
    def network(x, clock):
        return x.sin() * clock.view(-1, 1, 1, 1) / LAST[source]

    there = interpreted(
        network, source, target_, CHAIN, predicts="v", answers="eps"
    )
    back = interpreted(
        there, target_, source, CHAIN, predicts="eps", answers="v"
    )
    clock = moments(source)
    _, _, x = noisy(source, clock)
    assert_close(back(x, clock), network(x, clock), rtol=1e-8, atol=1e-8)


def test_a_chain_is_told_whole_steps_as_whole_numbers():
    told = []

    def network(x, t):
        told.append(t)
        return x

    x = torch.ones(3, 2)
    model = interpreted(network, "ddpm", "flow", CHAIN)
    for t in (500, 500.25):
        _, clock = translate(x, t, "ddpm", "flow", CHAIN)
        model(x, clock)
    assert torch.equal(told[0], torch.full((3,), 500))
    assert told[0].dtype == torch.int64
    assert_close(told[1], torch.full((3,), 500.25))
    assert told[1].dtype == torch.float32


@pytest.mark.parametrize("t", [1000, 620, 1])
def test_it_is_what_flow_and_diffusion_are_translated_with(t):
    """At the steps of the chain; between two, each has a rule."""
    x = torch.randn(3, 1, 2, 2, dtype=torch.float64)

    def network(x, t):
        return x.sin() * t.view(-1, 1, 1, 1) / 1000

    time = time_at(t, CHAIN).item()
    ours = interpreted(
        network, "ddpm", "flow", CHAIN, predicts="v", answers="v"
    )
    theirs = as_flow(network, CHAIN, "v")
    assert_close(ours(x, time), theirs(x, time), rtol=1e-7, atol=1e-7)
    ours = interpreted(
        network, "flow", "ddpm", CHAIN, predicts="v", answers="v"
    )
    theirs = from_flow(network, CHAIN, "v")
    assert_close(ours(x, t), theirs(x, t), rtol=1e-9, atol=1e-9)


def test_only_a_chain_counts_in_whole_numbers():
    told = []

    def network(x, sigma):
        told.append(sigma)
        return x

    interpreted(network, "sigma", "flow")(torch.ones(3, 2), 0.75)
    assert torch.equal(told[0], torch.full((3,), 3.0))
    assert told[0].dtype == torch.float32


def test_a_label_is_handed_on():
    def network(x, t, label):
        return x * 0 + label.view(-1, 1)

    model = interpreted(network, "ddpm", "sigma", CHAIN, predicts="x0")
    label = torch.tensor([3, 7])
    assert torch.equal(model(torch.ones(2, 1), 1, label), label[:, None])


def test_euler_along_a_straight_flow_is_that_of_diffusers():
    """The steps, their times and the same velocity."""
    theirs = FlowMatchEulerDiscreteScheduler()
    theirs.set_timesteps(10)
    model = interpreted(
        lambda x, sigma: 0.3 * x.tanh(),
        "sigma",
        "flow",
        predicts="x0",
        answers="v",
    )
    x = first = torch.randn(4, 2)
    clocks = theirs.sigmas.double()
    clocks[0] = 0.999  # a sigma network is not asked at infinity
    theirs.sigmas = clocks
    for timestep, t in zip(theirs.timesteps, clocks, strict=False):
        x = theirs.step(model(x, t), timestep, x).prev_sample
    assert_close(euler(model, first, clocks), x, rtol=0, atol=1e-6)
