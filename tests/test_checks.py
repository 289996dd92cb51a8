"""The door: what has one meaning is taken, the rest is refused in words."""

import inspect
import pickle
from itertools import product

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, UNet2DModel
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import vmap

import diffusion_lessons
from diffusion_lessons import (
    EMA,
    BasicUNet,
    Batches,
    DigitClassifier,
    ExactModel,
    GaussianMixture,
    Guided,
    IgnoreTime,
    InputError,
    NoiseSchedule,
    Preconditioned,
    TimeUNet,
    ancestral_sample,
    ancestral_step,
    annealed_langevin,
    bootstrap,
    chain_variance,
    clean_guess,
    clean_image_loss,
    cosine_betas,
    ddim_sample,
    ddim_step,
    ddim_timesteps,
    diffusion_loss,
    dpm2m_sample,
    dpm2m_step,
    drop_labels,
    euler_maruyama_step,
    euler_sample,
    euler_step,
    features_and_labels,
    flow_path,
    frechet_distance,
    from_noised,
    held,
    heun_sample,
    heun_step,
    inpaint,
    langevin,
    langevin_step,
    linear_betas,
    load_checkpoint,
    load_images,
    loss_by_t,
    mix,
    nearest,
    nearest_ratio,
    noise_again,
    of_each_class,
    overfit_one_batch,
    precision_recall,
    probability_flow,
    q_chain,
    q_posterior,
    q_sample,
    q_step,
    reverse_drift,
    save_checkpoint,
    score_from,
    sde_sample,
    sliced_wasserstein,
    target,
    timestep_embedding,
    train,
    vp_sde,
    x0_and_eps,
)
from diffusion_lessons.checks import (
    Count,
    Images,
    Share,
    Steps,
    checked,
    choice,
    real,
    trusted,
    whole,
)
from diffusion_lessons.loss import draw_t_and_noise

S = NoiseSchedule.linear(50)
X = torch.linspace(-1, 1, 256).view(4, 1, 8, 8)
ONES = torch.ones(8, 8)
T = torch.tensor([1, 2, 3, 50])
NAN, INF = float("nan"), float("inf")
POINTS = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))


def still(x, t):
    """A model that answers 0."""
    return 0 * x


def classes():
    return TimeUNet(1, 8, num_classes=3)


# What is an image


IMAGE_TAKERS = {
    "q_step": lambda x: q_step(x, 1, X, S),
    "q_step, noise": lambda x: q_step(X, 1, x, S),
    "q_sample": lambda x: q_sample(x, 1, X, S),
    "q_sample, noise": lambda x: q_sample(X, 1, x, S),
    "q_chain": lambda x: q_chain(x, NoiseSchedule.linear(2)),
    "q_posterior": lambda x: q_posterior(x, X, 1, S),
    "mix": lambda x: mix(x, X, 0.5),
    "target": lambda x: target("v", x, X, 1, S),
    "x0_and_eps": lambda x: x0_and_eps(x, X, 1, S, "v"),
    "clean_guess": lambda x: clean_guess(still, x, 1, S),
    "ancestral_step": lambda x: ancestral_step(x, X, 2, X, S),
    "ancestral_sample": lambda x: ancestral_sample(still, x, S),
    "ddim_step": lambda x: ddim_step(x, X, 3, 1, None, S),
    "ddim_sample": lambda x: ddim_sample(still, x, S, 2),
    "score_from": lambda x: score_from(x, X, 1, S, "eps"),
    "langevin_step": lambda x: langevin_step(x, X, 0.1, X),
    "langevin": lambda x: langevin(still, x, 1, S, 2),
    "annealed_langevin": lambda x: annealed_langevin(still, x, S, [50], 2),
    "vp_sde": lambda x: vp_sde(x, 1, S),
    "reverse_drift": lambda x: reverse_drift(X, x, 1, S, 1),
    "probability_flow": lambda x: probability_flow(x, X, 1, S),
    "euler_maruyama_step": lambda x: euler_maruyama_step(X, X, 1, 1, x),
    "sde_sample": lambda x: sde_sample(still, x, S, 2, eta=1),
    "euler_step": lambda x: euler_step(x, X, 2.0, 1.0),
    "heun_step": lambda x: heun_step(X, X, x, 2.0, 1.0),
    "dpm2m_step": lambda x: dpm2m_step(X, X, x, 3.0, 2.0, 1.0),
    "euler_sample": lambda x: euler_sample(still, x, S, 2),
    "heun_sample": lambda x: heun_sample(still, x, S, 2),
    "dpm2m_sample": lambda x: dpm2m_sample(still, x, S, 2),
    "Preconditioned": lambda x: Preconditioned(still, S)(x, 1),
    "from_noised": lambda x: from_noised(still, x, 9, X, S, 2),
    "held": lambda x: held(x, X, ONES, 1, X, S),
    "noise_again": lambda x: noise_again(x, 1, 9, X, S),
    "inpaint": lambda x: inpaint(still, x, X, ONES, S, 2),
    "Guided": lambda x: Guided(classes(), 1, 3, 2.0)(x, 1),
    "BasicUNet": lambda x: BasicUNet()(x),
    "TimeUNet": lambda x: TimeUNet(1, 8)(x, 1),
    "DigitClassifier": lambda x: DigitClassifier()(x),
    "diffusion_loss": lambda x: diffusion_loss(still, x, 1, X, S),
    "clean_image_loss": lambda x: clean_image_loss(still, x, 1, X, S),
    "draw": lambda x: draw_t_and_noise(x, S, torch.Generator()),
    "train": lambda x: train(TimeUNet(1, 8), Batches(x, batch_size=2), S),
    "overfit": lambda x: overfit_one_batch(TimeUNet(1, 8), x, S),
    "loss_by_t": lambda x: loss_by_t(still, x, S, [1]),
    "features": lambda x: features_and_labels(DigitClassifier(), x),
}
LEARNERS = ["train", "overfit", "loss_by_t", "features"]
SAMPLERS = ["ancestral_sample", "ddim_sample", "from_noised", "inpaint"]
each_taker = pytest.mark.parametrize("taker", IMAGE_TAKERS)


@each_taker
def test_pixels_as_whole_numbers_are_refused_everywhere(taker):
    pixels = (X * 100).to(torch.uint8)
    with pytest.raises(InputError, match=r"images must be floats; .*uint8"):
        IMAGE_TAKERS[taker](pixels)


@each_taker
@pytest.mark.parametrize("wrong", [None, "x", {}, 3, X[0, 0, 0, 0], [X, 1]])
def test_what_is_no_image_is_refused_everywhere(taker, wrong):
    with pytest.raises(InputError):
        IMAGE_TAKERS[taker](wrong)


@pytest.mark.parametrize("taker", LEARNERS + SAMPLERS)
@pytest.mark.parametrize("value", [NAN, INF])
def test_nobody_learns_from_or_starts_at_images_that_are_not_numbers(
    taker, value
):
    broken = X.clone()
    broken[2, 0, 3, 3] = value
    with pytest.raises(InputError, match="must be finite; 1 of its 256"):
        IMAGE_TAKERS[taker](broken)


@pytest.mark.parametrize(
    "taker", [*LEARNERS, "q_sample", "q_chain", "mix", "target"]
)
def test_pixels_up_to_255_are_refused_with_the_way_out(taker):
    pixels = (X + 1) * 127.5
    words = r"lie in -1\.\.1; got .* from 0 to 255 .*x / 127\.5 - 1"
    with pytest.raises(InputError, match=words):
        IMAGE_TAKERS[taker](pixels)


@pytest.mark.parametrize("taker", LEARNERS)
def test_no_image_at_all_is_refused(taker):
    with pytest.raises(InputError, match="at least one image"):
        IMAGE_TAKERS[taker](X[:0])


def test_images_a_little_out_of_range_and_points_are_taken():
    Batches(2 * X, batch_size=2)
    Batches(torch.full((4, 1, 2, 2), 10.0), batch_size=2)
    Batches(torch.full((4, 2), 300.0), batch_size=2)


@pytest.mark.parametrize("kind", [np.asarray, torch.Tensor.tolist])
def test_arrays_and_lists_of_floats_are_images(kind):
    other = torch.as_tensor(kind(X.double()))
    expected = q_sample(other, 3, other, S)
    assert torch.equal(q_sample(kind(X.double()), 3, other, S), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_batches_of_another_dtype_are_learned_in_that_of_the_network(dtype):
    batches = Batches(X.to(dtype), batch_size=2)
    step = next(train(TimeUNet(1, 8), batches, S))
    weights = step.state.model.parameters()
    assert {p.dtype for p in weights} == {torch.float32}
    assert loss_by_t(TimeUNet(1, 8), X.to(dtype), S, [3]).isfinite().all()


def test_a_network_in_double_learns_in_double():
    seen = []

    def loss(model, x0, t, noise, schedule):
        seen.append((x0.dtype, noise.dtype))
        return diffusion_loss(model, x0, t, noise, schedule)

    model = TimeUNet(1, 8).double()
    next(train(model, Batches(X, batch_size=2), S, loss=loss))
    assert seen == [(torch.float64, torch.float64)]


@pytest.mark.parametrize("net", [TimeUNet(1, 8), BasicUNet()])
def test_a_network_names_the_dtype_that_it_takes(net):
    given = (X.double(), 1)[: 2 if isinstance(net, TimeUNet) else 1]
    with pytest.raises(InputError, match=r"be torch\.float32.*float64"):
        net(*given)


# Tensors that belong together


TOGETHER = {
    "q_step": lambda a, b: q_step(a, 1, b, S),
    "q_sample": lambda a, b: q_sample(a, 1, b, S),
    "q_posterior": lambda a, b: q_posterior(a, b, 1, S),
    "mix": lambda a, b: mix(a, b, 0.5),
    "target": lambda a, b: target("v", a, b, 1, S),
    "x0_and_eps": lambda a, b: x0_and_eps(a, b, 1, S, "v"),
    "ancestral_step": lambda a, b: ancestral_step(a, a, 2, b, S),
    "ddim_step": lambda a, b: ddim_step(a, b, 3, 1, None, S),
    "ddim_step, noise": lambda a, b: ddim_step(a, a, 3, 1, b, S, 1.0),
    "from_noised": lambda a, b: from_noised(still, a, 9, b, S, 2),
    "held": lambda a, b: held(a, b, ONES, 1, a, S),
    "noise_again": lambda a, b: noise_again(a, 1, 9, b, S),
    "inpaint": lambda a, b: inpaint(still, a, b, ONES, S, 2),
    "diffusion_loss": lambda a, b: diffusion_loss(still, a, 1, b, S),
    "clean_image_loss": lambda a, b: clean_image_loss(still, a, 1, b, S),
    "chain_variance": lambda a, b: chain_variance(
        a[:, 0, 0, 0], b.flatten()[:1]
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
@pytest.mark.parametrize("other", [X[:1], X[..., :1], X[None], X[:, 0]])
def test_nothing_broadcasts(name, other):
    with pytest.raises(InputError, match="shapes must be equal; got"):
        TOGETHER[name](X, other)


@pytest.mark.parametrize(
    "amount",
    [torch.tensor([0.1] * 4), torch.rand(4, 1), torch.rand(3, 1, 1, 1)],
)
def test_amounts_are_one_for_each_image_in_a_column(amount):
    with pytest.raises(InputError, match=r"of shape \(4, 1, 1, 1\)"):
        mix(X, X, amount)


@pytest.mark.parametrize(
    "amount", [-0.1, 1.1, torch.full((4, 1, 1, 1), 2.0)]
)
def test_amounts_are_shares(amount):
    with pytest.raises(InputError, match=r"amount must be .*in 0\.\.1"):
        mix(X, X, amount)


# What is a step


@pytest.mark.parametrize("kind", [np.int64, np.int32, torch.tensor, int])
def test_an_integer_of_any_library_is_a_step(kind):
    assert torch.equal(q_sample(X, kind(7), X, S), q_sample(X, 7, X, S))


@pytest.mark.parametrize(
    "kind", [list, torch.Tensor.numpy, torch.Tensor.int]
)
def test_a_row_of_integers_is_a_step_for_each_image(kind):
    assert torch.equal(q_sample(X, kind(T), X, S), q_sample(X, T, X, S))


@pytest.mark.parametrize(
    "t", [0.5, True, "7", None, T / 50, T[:2], T[:, None], [], -1, 51]
)
def test_what_is_no_step_is_refused(t):
    with pytest.raises(InputError, match="t must be"):
        q_sample(X, t, X, S)


@pytest.mark.parametrize("share", [T / 50, torch.tensor(0.3), 0.5])
def test_a_network_is_not_told_t_over_T(share):
    for tell in (
        lambda t: TimeUNet(1, 8)(X, t),
        lambda t: Guided(classes(), 1, 3, 2.0)(X, t),
    ):
        with pytest.raises(InputError, match=r"not t / T|an int or"):
            tell(share)


@pytest.mark.parametrize(
    "t", [-0.5, 1.5, torch.tensor([0.5, 1.5]), torch.tensor([-0.1, 0.5])]
)
def test_the_time_of_a_flow_lies_in_0_to_1(t):
    with pytest.raises(InputError, match=r"t must be .*in 0\.\.1"):
        flow_path(X[:2], t, X[:2])


@pytest.mark.parametrize("t", [torch.tensor([0, 1]), torch.rand(2, 1)])
def test_the_times_of_a_flow_are_a_row_of_floats(t):
    with pytest.raises(InputError, match=r"a number in 0\.\.1, or \(B,\)"):
        flow_path(X[:2], t, X[:2])


def test_there_is_one_time_for_each_picture():
    with pytest.raises(InputError, match="one for each of the 4"):
        flow_path(X, torch.rand(3), X)


@pytest.mark.parametrize("t", [0.25, torch.tensor(0.25), torch.rand(4)])
def test_a_guided_flow_is_told_its_time_as_it_is(t):
    told = []

    def flow(x, time, label):
        told.append(time)
        return x

    Guided(flow, 1, 3, 2.0)(X, t)
    expected = torch.as_tensor(t).expand(4)
    assert torch.equal(told[0], expected.repeat(2))


def test_a_guided_network_is_not_told_steps_and_shares_at_once():
    with pytest.raises(InputError, match="not t / T"):
        Guided(classes(), 1, 3, 2.0)(X, torch.tensor([0.5, 1, 2, 3]))


def test_a_moment_between_two_steps_can_be_told():
    """Some schedulers of diffusers stop there."""
    net = TimeUNet(1, 8)
    assert net(X, torch.full((4,), 7.5)).shape == X.shape


@pytest.mark.parametrize(("t", "s"), [(5, 9), (5, 5), (51, 3), (3, -1)])
def test_a_step_of_ddim_leads_down_within_the_schedule(t, s):
    for eta in (0.0, 1.0):
        with pytest.raises(InputError, match=r"t must be in 1\.\.50"):
            ddim_step(X, X, t, s, X, S, eta)


@pytest.mark.parametrize("step", [T, torch.tensor(3), 2.5, True, None])
def test_a_single_step_is_an_int(step):
    for call in (
        lambda t: ddim_step(X, X, t, 0, X, S),
        lambda t: ancestral_step(X, X, t, X, S),
    ):
        with pytest.raises(InputError, match="t must be an int"):
            call(step)


@pytest.mark.parametrize("t", [T, torch.tensor(3), 0.5, True, None, "1"])
def test_a_guess_is_made_at_a_step_or_between_two(t):
    with pytest.raises(InputError, match="t must be an int"):
        clean_guess(still, X, t, S)
    for t in (1, 3.0, 2.5, 49.9):
        assert clean_guess(still, X, t, S)[0].shape == X.shape


def test_noise_that_is_needed_is_asked_for():
    with pytest.raises(InputError, match=r"noise .* at eta = 0\.5"):
        ddim_step(X, X, 3, 1, None, S, 0.5)
    with pytest.raises(InputError, match=r"noise .* at t = 2"):
        ancestral_step(X, X, 2, None, S)
    assert torch.equal(ancestral_step(X, X, 1, None, S), X)
    assert ddim_step(X, X, 3, 1, None, S).shape == X.shape


# What is a number


BATCHES = Batches(X, batch_size=2)
NUMBERS = [np.int64(3), np.float32(3), torch.tensor(3), 3.0, np.uint8(3)]


@pytest.mark.parametrize("three", NUMBERS, ids=lambda v: type(v).__name__)
def test_a_whole_number_of_any_library_counts(three):
    assert len(linear_betas(three)) == 3
    assert len(list(ddim_sample(still, X, S, three))) == 3
    assert len(next(Batches(X, batch_size=three))[0]) == 3


@pytest.mark.parametrize(
    "steps",
    [[50, 20, 0], np.array([50, 20, 0]), torch.tensor([50.0, 20, 0])],
)
def test_a_path_of_any_library_is_a_path(steps):
    path = [snap.t for snap in ddim_sample(still, X, S, steps)]
    assert path == [20, 0]


@pytest.mark.parametrize(
    "wrong", [0, -3, 2.5, "3", "abc", True, None, NAN, [], {}, [3], 1e400]
)
@pytest.mark.parametrize(
    "call",
    [
        lambda n: linear_betas(n),
        lambda n: NoiseSchedule.cosine(n),
        lambda n: S.respaced(n),
        lambda n: ddim_timesteps(50, n),
        lambda n: Batches(X, batch_size=n),
        lambda n: TimeUNet(n),
        lambda n: train(
            TimeUNet(), Batches(X, batch_size=2), S, num_steps=n
        ),
        lambda n: bootstrap(torch.mean, POINTS, resamples=n),
        lambda n: GaussianMixture([[0.0]], 1.0).sample(n),
    ],
)
def test_what_is_no_count_is_refused_by_its_name(call, wrong):
    with pytest.raises(InputError, match=r"\w+ must be .*; got"):
        call(wrong)


@settings(derandomize=True, deadline=None)  # the same in every run
@given(st.integers() | st.floats() | st.text() | st.none() | st.booleans())
def test_a_number_is_taken_exactly_within_its_ends(value):
    def inside(low, high):
        number = not isinstance(value, bool | str | None)
        return number and low <= value <= high

    whole_ends, real_ends = whole(-2, 7), real(-2, 7, ends="(]")
    if inside(-2, 7) and value == int(value):
        assert whole_ends(value, "n") == value
        assert type(whole_ends(value, "n")) is int
    else:
        with pytest.raises(InputError, match=r"n must be .* in -2\.\.7"):
            whole_ends(value, "n")
    if inside(-2, 7) and value != -2:
        assert real_ends(value, "x") == value
    else:
        with pytest.raises(
            InputError, match=r"x must be in -2\.\.7, not -2"
        ):
            real_ends(value, "x")


@pytest.mark.parametrize("end", ["[)", "()", "(]", "[]"])
def test_an_open_end_is_left_out(end):
    check = real(0, 1, ends=end)
    for value, bracket in ((0.0, end[0]), (1.0, end[1])):
        if bracket in "[]":
            assert check(value, "x") == value
        else:
            with pytest.raises(InputError):
                check(value, "x")


@pytest.mark.parametrize("clip", [False, True, 0, -1.0, NAN, INF, "1"])
def test_a_cut_is_a_size_or_none(clip):
    for sample in (
        lambda: ancestral_sample(still, X, S, clip=clip),
        lambda: ddim_sample(still, X, S, 2, clip=clip),
        lambda: clean_guess(still, X, 1, S, clip=clip),
    ):
        with pytest.raises(InputError, match="clip must be a number"):
            sample()


@pytest.mark.parametrize("eta", [3, -0.1, NAN, None, True, "1"])
def test_eta_is_a_share(eta):
    with pytest.raises(InputError, match=r"eta must be in 0\.\.1; got"):
        ddim_sample(still, X, S, 2, eta=eta)
    with pytest.raises(InputError, match=r"eta must be in 0\.\.1; got"):
        ddim_step(X, X, 3, 1, X, S, eta)


@pytest.mark.parametrize("value", [0, 1, None, "True", torch.tensor(True)])
def test_a_switch_is_true_or_false(value):
    for call in (
        lambda: BasicUNet(skips=value),
        lambda: load_images(train=value),
        lambda: ddim_sample(still, X, S, 2, progress=value),
    ):
        with pytest.raises(InputError, match="must be True or False"):
            call()


@pytest.mark.parametrize("value", ["epsilon", "EPS", None, 0, ["eps"], X])
def test_a_choice_names_the_choices(value):
    words = "predicts must be one of 'eps', 'x0', 'v'; got"
    for call in (
        lambda: target(value, X, X, 1, S),
        lambda: ddim_sample(still, X, S, 2, predicts=value),
        lambda: diffusion_loss(still, X, 1, X, S, predicts=value),
    ):
        with pytest.raises(InputError, match=words):
            call()


# What is a label


ROW = torch.tensor([0, 1, 2, 1])
LABELS = {
    "list": ROW.tolist(),
    "numpy": ROW.numpy(),
    "uint8": ROW.byte(),
    "int32": ROW.int(),
    "whole floats": ROW.float(),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_are_taken_as_people_have_them(kind):
    label = LABELS[kind]
    net = classes()
    assert torch.equal(net(X, 1, label), net(X, 1, ROW))
    assert torch.equal(drop_labels(label, 3, 0.0), ROW)
    assert torch.equal(Batches(X, label, batch_size=2).labels, ROW)
    guided = Guided(net, label, 3, 2.0)
    assert torch.equal(guided(X, 1), Guided(net, ROW, 3, 2.0)(X, 1))
    exact = ExactModel(GaussianMixture([[0.0]] * 3, 1.0), S)
    assert exact(X[:, 0, 0, :1].double(), 1, label).shape == (4, 1)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (torch.eye(4)[ROW], "label.argmax"),
        (ROW[:, None], "label.squeeze"),
        (ROW + 0.5, "a class"),
        (torch.full((4,), INF), "a class"),
        ("seven", "a class"),
        (ROW > 0, "a class"),
    ],
)
def test_labels_that_are_none_are_refused_with_the_way_out(label, words):
    for call in (
        lambda: classes()(X, 1, label),
        lambda: drop_labels(label, 3, 0.5),
        lambda: Batches(X, label, batch_size=2),
        lambda: Guided(classes(), label, 3, 2.0),
        lambda: of_each_class(label, 1),
    ):
        with pytest.raises(InputError, match=f"label.*{words}"):
            call()


@pytest.mark.parametrize("label", [ROW[:2], torch.arange(9)])
def test_labels_are_as_many_as_the_images(label):
    for call in (
        lambda: classes()(X, 1, label % 3),
        lambda: Batches(X, label, batch_size=2),
        lambda: Guided(classes(), label % 3, 3, 2.0)(X, 1),
        lambda: diffusion_loss(classes(), X, 1, X, S, label=label % 3),
    ):
        with pytest.raises(InputError, match=r"label.* must be one"):
            call()


@pytest.mark.parametrize("label", [-1, 4, torch.tensor([0, 1, 2, 4])])
def test_a_class_that_is_not_there_is_refused(label):
    exact = ExactModel(GaussianMixture([[0.0]] * 3, 1.0), S)
    for call in (
        lambda: classes()(X, 1, label),
        lambda: exact(X[:, 0, 0, :1].double(), 1, label),
    ):
        with pytest.raises(InputError, match=r"label must be in 0\.\.3"):
            call()


def test_the_scale_is_not_taken_for_the_null_label():
    with pytest.raises(InputError, match="scale is the fourth argument"):
        Guided(classes(), 1, 2)
    with pytest.raises(InputError, match="null must be a whole number"):
        Guided(classes(), 1, 2.5)
    assert Guided(classes(), 1, 3, 2.0).scale == 2
    assert Guided(classes(), 1, 3).scale == 1
    assert Guided(classes(), 1, 2, 1.0).null == 2  # away from another class


# What is a model


MODEL_TAKERS = {
    "clean_guess": lambda m: clean_guess(m, X, 1, S),
    "ancestral_sample": lambda m: list(ancestral_sample(m, X, S)),
    "ddim_sample": lambda m: list(ddim_sample(m, X, S, 2)),
    "langevin": lambda m: list(langevin(m, X, 1, S, 1)),
    "sde_sample": lambda m: list(sde_sample(m, X, S, 2, eta=1)),
    "euler_sample": lambda m: list(euler_sample(m, X, S, 2)),
    "heun_sample": lambda m: list(heun_sample(m, X, S, 2)),
    "dpm2m_sample": lambda m: list(dpm2m_sample(m, X, S, 2)),
    "diffusion_loss": lambda m: diffusion_loss(m, X, T, X, S),
    "clean_image_loss": lambda m: clean_image_loss(m, X, T, X, S),
}
each_model_taker = pytest.mark.parametrize("taker", MODEL_TAKERS)


@each_model_taker
def test_a_network_without_t_is_refused_with_the_way_out(taker):
    words = r"must take \(x, t\); BasicUNet takes .*IgnoreTime\(model\)"
    with pytest.raises(InputError, match=words):
        MODEL_TAKERS[taker](BasicUNet())
    MODEL_TAKERS[taker](IgnoreTime(BasicUNet()))


@each_model_taker
def test_a_network_of_diffusers_is_refused_with_the_way_out(taker):
    unet = UNet2DModel(
        8,
        in_channels=1,
        out_channels=1,
        block_out_channels=(8, 8),
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
        norm_num_groups=4,
    )
    words = "must return a tensor .*; got UNet2DOutput .FromDiffusers"
    with pytest.raises(InputError, match=words):
        MODEL_TAKERS[taker](unet)


@each_model_taker
@pytest.mark.parametrize(
    "model",
    [
        lambda x, t: (x, x),
        lambda x, t: x[:1],
        lambda x, t: x.sum(),
        lambda x, t: None,
        lambda x, t: x.numpy(),
    ],
)
def test_an_answer_of_another_shape_is_refused(taker, model):
    with pytest.raises(InputError, match=r"must return .*\(4, 1, 8, 8\)"):
        MODEL_TAKERS[taker](model)


@each_model_taker
def test_an_average_is_taken_for_its_network(taker):
    net = TimeUNet(1, 8)
    torch.manual_seed(0)
    MODEL_TAKERS[taker](EMA(net))


@each_model_taker
@pytest.mark.parametrize("wrong", [None, "net", TimeUNet, {}, S])
def test_what_cannot_be_asked_is_refused(taker, wrong):
    with pytest.raises(InputError, match="model must be"):
        MODEL_TAKERS[taker](wrong)


def test_an_error_inside_a_model_is_left_as_it_is():
    def broken(x, t):
        return x + "1"

    with pytest.raises(TypeError) as caught:
        clean_guess(broken, X, 1, S)
    assert not isinstance(caught.value, InputError)


def test_a_model_without_labels_cannot_be_guided():
    with pytest.raises(InputError, match=r"must take \(x, t, label\)"):
        Guided(BasicUNet(), 1, 3)
    with pytest.raises(InputError, match=r"must take \(x, t, label\)"):
        diffusion_loss(still, X, 1, X, S, label=ROW)


@pytest.mark.parametrize(
    "wrong", [still, lambda *a: None, lambda *a: X, "l"]
)
def test_a_loss_is_one_number(wrong):
    run = {"loss": wrong}
    with pytest.raises(InputError, match="loss"):
        next(train(TimeUNet(1, 8), Batches(X, batch_size=2), S, **run))
    with pytest.raises(InputError, match="loss"):
        overfit_one_batch(TimeUNet(1, 8), X, S, **run)
    with pytest.raises(InputError, match="loss"):
        loss_by_t(TimeUNet(1, 8), X, S, [1], **run)


def test_a_network_without_weights_cannot_be_trained():
    still_net = TimeUNet(1, 8).requires_grad_(False)
    for net in (IgnoreTime(nn.Identity()), still_net, EMA(TimeUNet(1, 8))):
        with pytest.raises(InputError, match="no weights that could be"):
            train(net, Batches(X, batch_size=2), S)


@pytest.mark.parametrize("wrong", [DDPMScheduler(), None, 1000, "linear"])
def test_what_is_no_schedule_is_refused_with_the_way_out(wrong):
    with pytest.raises(InputError, match=r"be a NoiseSchedule, as .*; got"):
        q_sample(X, 1, X, wrong)


# The measures


MEASURES = {
    "frechet": lambda x, y: frechet_distance(x, y),
    "precision": lambda x, y: precision_recall(x, y, 1),
    "wasserstein": lambda x, y: sliced_wasserstein(x, y),
    "nearest": lambda x, y: nearest(x, y),
    "nearest_ratio": lambda x, y: nearest_ratio(POINTS, x, y),
    "bootstrap": lambda x, y: bootstrap(lambda a, b: a.mean(), x, y),
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("place", [0, 1])
def test_one_number_that_is_none_spoils_no_measure_in_silence(
    measure, place
):
    pair = [POINTS.clone(), POINTS.clone()]
    pair[place][4, 1] = NAN
    with pytest.raises(InputError, match="finite; 1 of its 27 values"):
        MEASURES[measure](*pair)


# The door itself


def test_what_has_no_signature_of_its_own_is_taken_as_it_is():
    @checked
    def f(a, *more, b=1, **rest):
        return a, more, b, rest

    assert f(1, 2, b="x", c=3) == (1, (2,), "x", {"c": 3})


def test_defaults_are_the_functions_own_and_are_not_looked_at():
    @checked
    def f(n: Count = None):
        return n

    assert f() is None
    with pytest.raises(InputError, match="n must be a whole number"):
        f(None)


def test_every_argument_is_looked_at_by_place_and_by_name():
    @checked
    def f(x: Images, t: Steps, *ks: Count, p: Share = 0.5):
        return x, t, ks, p

    assert f(X, 1, np.int64(2), np.int64(3), p=1)[2:] == ((2, 3), 1.0)
    for call in (
        lambda: f(X, "1"),
        lambda: f(x=X, t="1"),
        lambda: f(X, 1, 2, 0),
        lambda: f(X, 1, p=2),
    ):
        with pytest.raises(InputError):
            call()


def test_too_many_and_unknown_arguments_are_pythons_to_refuse():
    with pytest.raises(TypeError, match="takes 2 positional"):
        S.respaced(2, 3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'q'"):
        q_sample(X, 1, X, S, q=1)


def test_the_caller_keeps_what_it_gave():
    row, path = [1, 2, 3, 4], [50, 0]
    q_sample(X, row, X, S)
    list(ddim_sample(still, X, S, path))
    assert (row, path) == ([1, 2, 3, 4], [50, 0])


def test_an_input_error_is_caught_as_either_kind():
    for kind in (ValueError, TypeError, InputError):
        with pytest.raises(kind):
            linear_betas("many")


def test_a_checked_function_is_still_itself():
    assert pickle.loads(pickle.dumps(q_sample)) is q_sample
    assert q_sample.__doc__ == trusted(q_sample).__doc__
    assert list(inspect.signature(q_sample).parameters) == [
        *("x0", "t", "noise", "schedule")
    ]
    assert "Annotated" not in str(inspect.signature(q_sample))


def test_a_choice_says_what_it_was_given():
    with pytest.raises(
        InputError, match="x must be one of 'a', 'b'; got 7"
    ):
        choice("a", "b")(7, "x")


def public():
    """Every public function and class that has a door."""
    for name in diffusion_lessons.__all__:
        thing = getattr(diffusion_lessons, name)
        made = thing.__init__ if isinstance(thing, type) else thing
        parameters = list(inspect.signature(made).parameters)
        if [p for p in parameters if p not in ("self", "args", "kwargs")]:
            yield name, made


NO_DOOR = {  # only made by the module itself
    *("Gaussian", "MixturePosterior", "Snapshot", "Step", "TrainState"),
    *("DriftAndGain", "EdmFactors"),
    *("DamagedFile", "InputError"),
    *("path_of", "predicts_of", "schedule_of"),  # take what looks like one
}


@pytest.mark.parametrize(("name", "made"), list(public()))
def test_every_public_name_has_a_door(name, made):
    parameters = (
        inspect.signature(trusted(made)).parameters
        if hasattr(made, "__wrapped__")
        else {}
    )
    assert parameters or name in NO_DOOR


# Transformations of torch


def test_every_formula_works_in_vmap():
    noise = X.flip(0)
    for formula in (
        lambda a, b, t: q_sample(a, t, b, S),
        lambda a, b, t: q_step(a, t, b, S),
        lambda a, b, t: q_posterior(a, b, t, S).mean,
        lambda a, b, t: target("v", a, b, t, S),
        lambda a, b, t: x0_and_eps(a, b, t, S, "v")[1],
    ):
        torch.testing.assert_close(
            vmap(formula)(X, noise, T), formula(X, noise, T)
        )


def test_a_network_works_in_vmap():
    net = classes()
    one = vmap(lambda x, t, y: net(x[None], t[None], y[None])[0])
    torch.testing.assert_close(one(X, T, ROW), net(X, T, ROW))


class AFewSteps(nn.Module):
    """What a sampler does, as a graph."""

    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule

    def forward(self, x, noise):
        x = ancestral_step(x, x, 7, noise, self.schedule)
        return ddim_step(x, noise, 6, 2, noise, self.schedule, 1.0)


@pytest.mark.parametrize("strict", [True, False])
def test_an_export_computes_the_same_and_leaves_nothing_behind(strict):
    steps = AFewSteps(NoiseSchedule.linear(50))
    exported = torch.export.export(steps, (X, X), strict=strict).module()
    torch.testing.assert_close(exported(X, X), steps(X, X))
    torch.testing.assert_close(steps(X, X), AFewSteps(S)(X, X))


@pytest.mark.parametrize(
    ("dtype", "make"),
    list(
        product(
            [torch.float64, torch.float16],
            [
                lambda: S.respaced(7).betas,
                lambda: torch.tensor(ddim_timesteps(1000, 37)),
                lambda: timestep_embedding(T, 8),
                lambda: cosine_betas(9),
                lambda: load_images()[0],
                lambda: GaussianMixture([[0.0]], 1.0).density(
                    X[:, 0, 0, :1], 3, S
                ),
                lambda: drop_labels(ROW, 3, 0.5, torch.Generator()),
                lambda: torch.tensor(
                    bootstrap(torch.mean, POINTS), dtype=torch.float64
                ),
            ],
        )
    ),
)
def test_the_default_dtype_changes_nothing(dtype, make):
    before = make()
    torch.set_default_dtype(dtype)
    try:
        after = make()
    finally:
        torch.set_default_dtype(torch.float32)
    assert after.dtype == before.dtype
    assert torch.equal(after.double(), before.double())


# What else was once possible


def test_an_amount_that_cannot_be_read_is_taken_in_vmap():
    share = torch.full((4, 1, 1, 1), 0.25)
    mixed = vmap(mix)(X, -X, share)
    torch.testing.assert_close(mixed, X / 2)


@pytest.mark.parametrize("place", ["", None, 3, b"run", ["run"]])
def test_what_is_no_path_is_refused(place):
    for call in (
        lambda: load_checkpoint(place),
        lambda: save_checkpoint(place, EMA(nn.Linear(1, 1))),
        lambda: load_images("digits", root=place or ""),
    ):
        with pytest.raises(InputError, match="must be the path of a file"):
            call()


def test_numbers_of_other_libraries_are_spoken_as_plain_ones():
    for wrong in (np.int64(-3), torch.tensor(-3), np.float32(-3)):
        with pytest.raises(InputError, match=r"; got -3(\.0)?$"):
            linear_betas(wrong)


@pytest.mark.parametrize("null", [-1, 0.5, None, "10"])
def test_the_null_label_is_a_class(null):
    with pytest.raises(InputError, match="null must be a whole number"):
        Guided(classes(), 1, null, 2.0)


def test_classes_that_cannot_be_read_are_taken_in_vmap():
    drop = vmap(lambda row: drop_labels(row, 3, 0.0), randomness="same")
    assert torch.equal(drop(ROW[:, None])[:, 0], ROW)


def test_one_number_is_no_sample():
    with pytest.raises(
        InputError, match=r"samples must be a tensor of num"
    ):
        bootstrap(torch.mean, torch.tensor(3.0))


def test_a_long_text_is_not_repeated_whole():
    with pytest.raises(InputError) as said:
        load_images("x" * 500)
    assert len(str(said.value)) < 160


def test_a_number_without_ends_is_just_a_number():
    with pytest.raises(InputError, match="scale must be a number; got 'x'"):
        Guided(classes(), 1, 3, "x")
    with pytest.raises(InputError, match="of at least 0; got -1"):
        drop_labels(ROW, -1, 0.5)


DEFAULTS = {
    "clip": 1.0,
    "eta": 0.0,
    "generator": None,
    "label": None,
    "predicts": "eps",
    "progress": False,
    "resume": None,
    "seed": 0,
    "variance": "posterior",
}


@pytest.mark.parametrize(("name", "made"), list(public()))
def test_a_name_has_the_same_default_everywhere(name, made):
    for parameter in inspect.signature(made).parameters.values():
        if parameter.default is not inspect.Parameter.empty:
            usual = DEFAULTS.get(parameter.name, parameter.default)
            assert parameter.default == usual, parameter


def test_defaults_that_are_published_are_the_published_ones():
    for steps in (100, 1000):
        published = linear_betas(steps, beta_start=1e-4, beta_end=0.02)
        assert torch.equal(linear_betas(steps), published)
        published = cosine_betas(steps, s=0.008, max_beta=0.999)
        assert torch.equal(cosine_betas(steps), published)
    assert len(linear_betas()) == len(cosine_betas()) == 1000
    assert NoiseSchedule.linear().num_steps == 1000
    assert NoiseSchedule.cosine().num_steps == 1000
    settings = {
        "frechet_floor": {"resamples": 50},
        "precision_recall": {"k": 3},
        "sliced_wasserstein": {"num_projections": 128, "p": 2},
        "bootstrap": {"resamples": 500, "level": 0.95},
        "overfit_one_batch": {"num_steps": 300, "lr": 1e-3},
        "timestep_embedding": {"max_period": 10_000},
        "EMA": {"decay": 0.999},
        "Batches": {"batch_size": 128},
        "class_histogram": {"num_classes": 10},
        "TimeUNet": {"in_channels": 1, "base_channels": 16, "patch": 1},
    }
    for name, expected in settings.items():
        thing = getattr(diffusion_lessons, name)
        parameters = inspect.signature(thing).parameters
        found = {k: parameters[k].default for k in expected}
        assert found == expected, name


def test_a_row_of_one_label_is_that_label_for_all():
    net = classes()
    for part in net.parameters():  # the zeros would hide the label
        nn.init.normal_(part, std=0.2)
    one, same = Guided(net, [2], 3, 2.0), Guided(net, 2, 3, 2.0)
    torch.testing.assert_close(one(X, 1), same(X, 1))


@pytest.mark.parametrize("device", ["cuda:99", "nowhere", True, None, 3.5])
def test_a_device_that_is_not_here_is_refused(device):
    with pytest.raises(InputError, match="device must be one"):
        S.to(device)
