"""Editing: a picture noised and drawn anew, and a part of one finished."""

from functools import partial
from itertools import pairwise

import pytest
import torch
from torch.distributions import Normal
from torch.testing import assert_close

from diffusion_lessons import (
    ExactModel,
    GaussianMixture,
    InputError,
    NoiseSchedule,
    chain_variance,
    clean_guess,
    ddim_sample,
    ddim_step,
    ddim_timesteps,
    from_noised,
    held,
    inpaint,
    noise_again,
    q_sample,
    q_step,
    target,
    x0_and_eps,
)

DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
EXACT = {"predicts": "x0", "clip": None}
S = NoiseSchedule.linear(60)
LONG = NoiseSchedule.cosine(1000).zero_terminal_snr()
PAIR = GaussianMixture([[-0.5, -1.0], [0.5, 1.0]], 0.5)
SQUARE = GaussianMixture(  # what is left says nothing of what is right
    [[-1.5, -1.0], [-1.5, 1.5], [1.0, -1.0], [1.0, 1.5]],
    0.3,
    [0.3 * 0.2, 0.3 * 0.8, 0.7 * 0.2, 0.7 * 0.8],
)
LEFT = torch.tensor([[True, False]])


def randn(*shape, seed=9):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def wild(x, t):
    """Never trained: x_0 of any size, by what stands left and right."""
    return 3 * torch.sin(x + x.flip(-1) + t.view(-1, *[1] * (x.ndim - 1)))


X0 = randn(4, 1, 6, 6, seed=1).clamp(-0.9, 0.9)
EPS = randn(4, 1, 6, 6, seed=2)
MASK = (torch.arange(36).view(1, 1, 6, 6) % 6 < 3).double()


def noised(model=wild, x0=X0, t=30, noise=EPS, schedule=S, n=5, **settings):
    return from_noised(model, x0, t, noise, schedule, n, **settings)


def finished(
    model=wild, x_T=EPS, known=X0, mask=MASK, schedule=S, n=5, **settings
):
    return inpaint(model, x_T, known, mask, schedule, n, **settings)


EDITS = {
    "from_noised": noised,
    "from_noised, eta": partial(noised, eta=0.5),
    "inpaint": finished,
    "inpaint, eta": partial(finished, eta=0.5),
    "inpaint, passes": partial(finished, passes=3, eta=1.0),
}


@pytest.fixture(params=EDITS)
def edit(request):
    return EDITS[request.param]


def chance():
    """The same draws, once more."""
    return {"generator": seeded(1)}


def last(path):
    return list(path)[-1].x


def assert_equal_paths(one, other):
    for ours, theirs in zip(one, other, strict=True):
        assert ours.t == theirs.t
        assert torch.equal(ours.x, theirs.x)
        assert torch.equal(ours.x0_hat, theirs.x0_hat)


def like(generator):
    """Noise like a batch of pictures."""
    return torch.randn(X0.shape, generator=generator, dtype=X0.dtype)


def by_hand(x, t, s, eta, generator):
    """One step of DDIM with the wild network."""
    guess = clean_guess(wild, x, t, S)
    fresh = like(generator) if eta else None
    return ddim_step(*guess, t, s, fresh, S, eta), guess[0]


def model_of(exact, predicts):
    """The exact answer, said as eps, x0 or v."""

    def model(x, t):
        x0 = exact(x, t)
        _, eps = x0_and_eps(x0, x, t, S, "x0")
        return target(predicts, x0, eps, t, S)

    return model


def complete(mixture, left, num_steps, n=3000, **settings):
    """Points of which the first number is known."""
    known = torch.full((n, 2), left, dtype=torch.float64)
    settings = EXACT | {"generator": seeded(2)} | settings
    model, x_T = ExactModel(mixture, LONG), randn(n, 2)
    path = inpaint(model, x_T, known, LEFT, LONG, num_steps, **settings)
    return last(path)


def distance(below):
    """Kolmogorov and Smirnov's: how far from even the shares are."""
    even = (torch.arange(len(below)) + 0.5) / len(below)
    return (below.sort().values - even).abs().max()


# The two formulas


@pytest.mark.parametrize(("s", "t"), [(0, 1), (0, 60), (7, 8), (7, 41)])
def test_going_back_up_is_the_chain_from_s_to_t(schedule, s, t):
    """One jump keeps and adds what the steps s + 1 … t do."""
    one = torch.ones(1, 1, dtype=torch.float64)
    steps = range(s + 1, t + 1)
    keep = [q_step(one, i, 0 * one, schedule) for i in steps]
    gain = [q_step(0 * one, i, one, schedule) for i in steps]
    keep, gain = (torch.cat(each).flatten() for each in (keep, gain))
    kept = noise_again(one, s, t, 0 * one, schedule)
    fresh = noise_again(0 * one, s, t, one, schedule)
    assert_close(kept.item(), keep.prod().item())
    variance = chain_variance(keep, gain, 0.0)[-1]
    assert_close(fresh.item() ** 2, variance.item())


def test_from_a_clean_picture_up_is_the_jump(schedule):
    for t in (1, 30, 60):
        up = noise_again(X0, 0, t, EPS, schedule)
        assert_close(up, q_sample(X0, t, EPS, schedule))


def test_the_known_part_is_put_in_at_the_noise_of_s(schedule):
    x = randn(4, 1, 6, 6, seed=3)
    joined = held(x, X0, MASK, 30, EPS, schedule)
    known = q_sample(X0, 30, EPS, schedule)
    assert torch.equal(joined[..., :3], known[..., :3])
    assert torch.equal(joined[..., 3:], x[..., 3:])
    clean = held(x, X0, MASK, 0, None, schedule)
    assert torch.equal(clean[..., :3], X0[..., :3])
    assert torch.equal(clean[..., 3:], x[..., 3:])


# A picture noised and drawn anew


@pytest.mark.parametrize("eta", [0.0, 0.5])
def test_from_T_it_is_ddim_from_the_noised_picture(schedule, eta):
    for n in (1, 7, 60):
        edited = noised(t=60, schedule=schedule, n=n, eta=eta, **chance())
        x_T = q_sample(X0, 60, EPS, schedule)
        other = ddim_sample(wild, x_T, schedule, n, eta=eta, **chance())
        assert_equal_paths(edited, other)


def test_from_t_it_takes_the_steps_of_ddim_down_from_t():
    """With the draws in the order that the module promises."""
    chances, x = seeded(1), q_sample(X0, 31, EPS, S)
    path = noised(t=31, n=4, eta=0.5, **chance())
    steps = ddim_timesteps(31, 4)
    assert steps[0] == 31
    for (t, s), snapshot in zip(pairwise(steps), path, strict=True):
        x, x0_hat = by_hand(x, t, s, 0.5, chances)
        assert snapshot.t == s
        assert torch.equal(snapshot.x, x)
        assert torch.equal(snapshot.x0_hat, x0_hat)


@pytest.mark.parametrize("t", [200, 500, 800])
def test_fresh_noise_draws_from_what_x_t_leaves_open(t):
    """Kolmogorov and Smirnov's test at 1 in 1000, and what 1/T leaves."""
    x0, noise = randn(1, 2, seed=1) / 2, randn(1, 2, seed=2)
    many = [each.expand(4000, 2) for each in (x0, noise)]
    model = ExactModel(PAIR, LONG)
    x = last(
        from_noised(model, many[0], t, many[1], LONG, 150, eta=1, **EXACT)
    )
    xt = q_sample(x0, t, noise, LONG)
    weights, means, variances = PAIR.posterior(xt, t, LONG)
    for axis in (0, 1):
        bells = Normal(means[0, :, axis], variances[0].sqrt())
        below = (weights * bells.cdf(x[:, axis, None])).sum(1)
        assert distance(below) < 1.95 / 4000**0.5 + 0.01


def test_kept_noise_makes_one_picture_of_one_noise():
    many = [each[:1].expand(4, 1, 6, 6) for each in (X0, EPS)]
    x = last(noised(x0=many[0], noise=many[1]))
    assert (x == x[:1]).all()


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_higher_t_the_less_is_left_of_the_picture(eta):
    x0 = PAIR.sample(500, seeded(3))
    model = ExactModel(PAIR, LONG)
    settings = {"eta": eta, "generator": seeded(4)} | EXACT
    moved, alike = [], []
    for t in (1, 50, 300, 600, 1000):
        steps = min(t, 50)
        x = last(
            from_noised(
                model, x0, t, randn(500, 2), LONG, steps, **settings
            )
        )
        moved.append((x - x0).square().mean().sqrt().item())
        alike.append(torch.corrcoef(torch.stack([x[:, 1], x0[:, 1]]))[0, 1])
    assert moved == sorted(moved)
    assert moved[0] < 2 * LONG.sqrt_one_minus_alphas_cumprod[1]
    assert alike[0] > 0.999
    assert abs(alike[-1]) < 5 / 500**0.5


# A part of a picture held


def test_everything_known_is_given_back():
    for passes in (1, 3):
        path = list(finished(mask=torch.ones(1, 1, 1, 1), passes=passes))
        assert torch.equal(path[-1].x, X0)


def test_nothing_known_is_ddim():
    nothing = torch.zeros(1, 1, 1, 1, dtype=torch.bool)
    assert_equal_paths(finished(mask=nothing), ddim_sample(wild, EPS, S, 5))


@pytest.mark.parametrize("eta", [0.0, 0.5])
@pytest.mark.parametrize("passes", [1, 3])
def test_a_step_is_ddim_the_known_part_and_the_way_back(eta, passes):
    """With the draws in the order that the module promises."""
    chances, x = seeded(1), EPS
    path = finished(n=4, passes=passes, eta=eta, **chance())
    for (t, s), snapshot in zip(
        pairwise(ddim_timesteps(60, 4)), path, strict=True
    ):
        for left in range(passes, 0, -1):
            x, x0_hat = by_hand(x, t, s, eta, chances)
            fresh = like(chances) if s > 0 else 0 * X0
            known = q_sample(X0, s, fresh, S)
            x = torch.where(MASK == 1, known, x)
            if left > 1:
                before, x = x, noise_again(x, s, t, like(chances), S)
        assert snapshot.t == s
        assert torch.equal(snapshot.x, x)
        assert torch.equal(snapshot.x0_hat, x0_hat)
    assert (passes == 1) or not torch.equal(before, x)


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_what_the_known_part_says_nothing_of_is_drawn_as_without(
    eta, passes
):
    """Where the two are independent, nothing can be biased."""
    x = complete(SQUARE, 1.0, 100, passes=passes, eta=eta)
    bells = Normal(SQUARE.means[:2, 1], SQUARE.variances[:2].sqrt())
    below = torch.tensor([0.2, 0.8]).double() * bells.cdf(x[:, 1:])
    assert distance(below.sum(1)) < 1.95 / 3000**0.5 + 0.015


def errors(passes, num_steps=50, eta=1.0):
    """How far weight, mean and variance of the free part are off."""
    parts = Normal(PAIR.means[:, 0], PAIR.variances.sqrt())
    at = torch.tensor(0.3, dtype=torch.float64)
    weights = (parts.log_prob(at) + PAIR.weights.log()).softmax(0)
    mean = weights @ PAIR.means[:, 1]
    square = weights @ (PAIR.variances + PAIR.means[:, 1] ** 2)
    x = complete(PAIR, 0.3, num_steps, passes=passes, eta=eta)
    share = PAIR.posterior(x, 0, LONG).weights.mean(0)
    free = x[:, 1]
    found = torch.stack([share[1], free.mean(), free.var()])
    return found - torch.stack([weights[1], mean, square - mean**2])


def test_more_passes_come_nearer_to_the_truth_given_the_known_part():
    """q(unknown | known) is a mixture; its upper bell has 77 %."""
    off = torch.stack([errors(passes) for passes in (1, 4, 16)]).abs()
    assert (off[0] > torch.tensor([0.15, 0.35, 0.1])).all()
    assert (off[1:, :2] < off[:-1, :2]).all()
    assert (off[-1] < torch.tensor([0.08, 0.2, 0.1])).all()


def test_more_steps_do_not_do_what_more_passes_do():
    assert errors(1, 200)[0] < -0.15


def test_with_fresh_noise_fewer_passes_do():
    kept, fresh = (errors(5, 20, eta).abs() for eta in (0.0, 1.0))
    assert fresh[0] < kept[0] - 0.02


def test_only_the_known_part_is_read_of_the_known_picture():
    other = torch.where(MASK == 1, X0, 0.5)
    same = [last(finished(known=x, **chance())) for x in (X0, other)]
    assert torch.equal(*same)


@pytest.mark.parametrize(
    "same",
    [
        MASK.bool(),
        MASK.int(),
        MASK.float(),
        MASK[0, 0],
        MASK[0, 0, :1],
        MASK.expand(4, 1, 6, 6),
        MASK.numpy(),
        MASK[0, 0].tolist(),
    ],
    ids=lambda m: f"{type(m).__name__}-{getattr(m, 'dtype', '')}",
)
def test_a_mask_is_taken_in_every_form_that_fits(same):
    usual = last(finished(**chance()))
    assert torch.equal(last(finished(mask=same, **chance())), usual)


def test_every_picture_may_have_its_own_mask():
    masks = torch.stack([MASK[0], 1 - MASK[0], 0 * MASK[0], MASK[0]])
    x = last(finished(mask=masks))
    assert torch.equal(x[masks == 1], X0[masks == 1])
    assert (x != X0)[masks == 0].all()


def test_the_network_is_asked_in_every_pass():
    asked = []

    def model(x, t):
        assert not torch.is_grad_enabled()
        asked.extend(t.unique().tolist())
        return x

    ts = [s.t for s in finished(model, n=3, passes=2)]
    assert (asked, ts) == ([60, 60, 40, 40, 20, 20], [40, 20, 0])


# Both


def test_guesses_stay_where_images_live_unless_told_otherwise(edit):
    assert max(s.x0_hat.abs().max() for s in edit()) == 1
    assert max(s.x0_hat.abs().max() for s in edit(clip=0.5)) == 0.5
    assert max(s.x0_hat.abs().max() for s in edit(clip=None)) > 1


@pytest.mark.parametrize("name", ["from_noised, eta", "inpaint, passes"])
def test_eps_x0_and_v_are_three_ways_to_the_same_picture(name):
    exact = ExactModel(SQUARE, S)
    points = {"known": randn(5, 2), "x_T": randn(5, 2, seed=3)}
    points["mask"] = LEFT
    if "noised" in name:
        points = {"x0": randn(5, 2), "noise": randn(5, 2, seed=3)}
    results = [
        last(
            EDITS[name](
                model_of(exact, predicts),
                predicts=predicts,
                **points,
                **chance(),
            )
        )
        for predicts in ("eps", "x0", "v")
    ]
    assert_close(results[1:], results[:1] * 2, rtol=0, atol=1e-9)


def test_a_seed_can_be_repeated(edit):
    assert_equal_paths(edit(**chance()), edit(**chance()))
    torch.manual_seed(5)
    one = list(edit())
    torch.manual_seed(5)
    assert_equal_paths(one, edit())


@pytest.mark.parametrize("name", [n for n in EDITS if n != "from_noised"])
def test_another_seed_is_another_picture(name):
    one, other = (EDITS[name](generator=seeded(i)) for i in (1, 2))
    assert ((last(one) - last(other)).abs().amax((1, 2, 3)) > 0).all()


def test_noise_from_a_generator_leaves_the_global_one_alone(edit):
    before = torch.get_rng_state()
    list(edit(**chance()))
    assert torch.equal(torch.get_rng_state(), before)


def test_from_noised_without_fresh_noise_draws_none():
    before = torch.get_rng_state()
    list(noised())
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_runs_until_it_is_consumed_and_only_so_far(edit, capsys):
    asked = []

    def model(x, t):
        asked.append(t)
        return x

    path = edit(model, progress=True)
    assert asked == []
    assert capsys.readouterr().err == ""
    next(path)
    assert len(asked) in (1, 3)  # three passes


def test_gradients_are_off_inside_and_as_before_outside(edit):
    """Whether the network asks for a gradient or the picture does."""
    weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
    kind = getattr(edit, "func", edit)
    picture = {"x0" if kind is noised else "known": weight * X0}
    for snapshot in edit(lambda x, t: weight * x, **picture):
        assert torch.is_grad_enabled()
        assert not snapshot.x.requires_grad
        assert not snapshot.x0_hat.requires_grad


def test_a_snapshot_is_the_readers_own(edit):
    usual = list(edit(**chance()))
    for mine, snapshot in zip(edit(**chance()), usual, strict=True):
        assert torch.equal(mine.x, snapshot.x)
        mine.x.zero_()
        mine.x0_hat.zero_()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_shape_dtype_and_device_are_kept_and_nothing_is_changed(
    edit, dtype, device
):
    """With a generator that stays on the CPU, and a mask that does."""
    names = {"noised": ("x0", "noise"), "finished": ("x_T", "known")}
    kind = getattr(edit, "func", edit).__name__
    given = {
        name: randn(2, 1, 6, 6, seed=i).to(device, dtype)
        for i, name in enumerate(names[kind])
    }
    before = {name: x.clone() for name, x in given.items()}
    mask = MASK.clone()

    def model(x, t):
        assert x.device == t.device
        return wild(x, t).to(dtype)

    more = {"mask": mask} if kind == "finished" else {}
    for snapshot in edit(model, **given, **more, **chance()):
        for x in (snapshot.x, snapshot.x0_hat):
            assert x.shape == (2, 1, 6, 6)
            assert (x.dtype, x.device.type) == (dtype, device)
            assert x.isfinite().all()
    assert all(torch.equal(given[name], before[name]) for name in given)
    assert torch.equal(mask, MASK)


@pytest.mark.parametrize("n", [0, 1])
def test_a_batch_may_hold_one_picture_or_none(n):
    assert last(noised(x0=X0[:n], noise=EPS[:n])).shape == (n, 1, 6, 6)
    assert last(finished(known=X0[:n], x_T=EPS[:n])).shape == (n, 1, 6, 6)


def test_a_bar_shows_where_it_stands_only_if_asked(edit, capsys):
    for progress in (False, True):
        list(edit(progress=progress))
        assert ("sampling: 100%" in capsys.readouterr().err) == progress


# Refusals, before the first step is asked for


@pytest.mark.parametrize("t", [0, -1, 61])
def test_a_t_outside_1_and_T_is_refused(t):
    with pytest.raises(InputError, match=rf"in 1\.\.60; got {t}"):
        noised(t=t)


def test_more_steps_than_lie_below_t_are_refused():
    with pytest.raises(InputError, match=r"num_steps .* in 1\.\.4; got 5"):
        noised(t=4)
    noised(t=5)


def test_eps_is_refused_where_nothing_is_left_of_x_0():
    pure = S.zero_terminal_snr()
    for edit in (partial(noised, t=60), finished):
        with pytest.raises(InputError, match='"eps" cannot be read'):
            edit(schedule=pure)
        edit(schedule=pure, predicts="v")
    noised(t=59, schedule=pure)


def test_finishing_begins_in_noise_and_img2img_need_not():
    short = NoiseSchedule(S.betas[1:20])
    with pytest.raises(InputError, match=r"pure noise, but at t = 19"):
        finished(schedule=short)
    noised(t=19, schedule=short)


@pytest.mark.parametrize("passes", [0, -1, 1.5, None, True])
def test_a_number_of_passes_below_1_is_refused(passes):
    with pytest.raises(InputError, match=r"passes must be .* at least 1"):
        finished(passes=passes)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (0.3 * MASK, r"from 0 to 0\.3 \(mask > 0\.5\)$"),
        (255 * MASK, r"from 0 to 255$"),
        (1 - 2 * MASK, r"from -1 to 1$"),
        (MASK / 0, r"from nan to nan$"),
        ("left", "got 'left'$"),
        (None, "got None$"),
    ],
    ids=range(6),
)
def test_a_mask_is_of_nothing_but_0_and_1(mask, words):
    begin = r"^mask must be .*1 \(or True\) where .* known and 0 elsewhere"
    for call in (
        lambda: finished(mask=mask),
        lambda: held(X0, X0, mask, 3, EPS, S),
    ):
        with pytest.raises(InputError, match=begin + ".*" + words):
            call()


@pytest.mark.parametrize(
    "shape",
    [(5, 5), (3, 1, 6, 6), (4, 6, 6), (1, 1, 1, 6, 6), (1, 2, 6, 6)],
    ids=str,
)
def test_a_mask_that_does_not_fit_is_refused(shape):
    words = r"of shape \(4, 1, 6, 6\), as \(1, 1, 6, 6\) does; got shape"
    for call in (
        lambda: finished(mask=torch.ones(shape)),
        lambda: held(X0, X0, torch.ones(shape), 3, EPS, S),
    ):
        with pytest.raises(InputError, match=words):
            call()
    with pytest.raises(InputError, match=r"as \(1, 2\) does; got shape"):
        held(LEFT.double(), LEFT.double(), MASK, 0, None, S)


@pytest.mark.parametrize("name", ["x0", "noise", "x_T", "known"])
def test_pictures_are_finite_and_on_the_scale_of_images(name):
    edit = noised if name in ("x0", "noise") else finished
    broken = X0.clone()
    broken[1, 0, 2, 2] = float("nan")
    with pytest.raises(InputError, match=f"{name} must be finite; 1 of"):
        edit(**{name: broken})
    with pytest.raises(InputError, match=r"127\.5 - 1"):
        edit(**{name: 127.5 * (X0 + 1)})


def test_pictures_of_two_dtypes_are_refused():
    words = "known must be torch.float64 .* x_T is; got torch.float32"
    with pytest.raises(InputError, match=words):
        finished(known=X0.float())
    words = "noise must be torch.float64 .* x0 is; got torch.float32"
    with pytest.raises(InputError, match=words):
        noised(noise=EPS.float())


def test_noise_that_is_needed_is_asked_for():
    with pytest.raises(InputError, match=r"noise .* at s = 3"):
        held(X0, X0, MASK, 3, None, S)
    with pytest.raises(InputError, match="in 0"):
        held(X0, X0, MASK, -1, EPS, S)


@pytest.mark.parametrize(("s", "t"), [(5, 5), (5, 4), (3, 61), (-1, 3)])
def test_the_way_back_leads_up_within_the_schedule(s, t):
    with pytest.raises(InputError, match=r"t must be in 1\.\.60"):
        noise_again(X0, s, t, EPS, S)
