"""The noise schedule: its tables, their index, how they are read."""

import pytest
import torch
from torch.testing import assert_close

from diffusion_lessons import (
    NoiseSchedule,
    cosine_betas,
    linear_betas,
    posterior_factors,
    q_posterior,
)

IMAGES = torch.zeros(4, 1, 8, 8)


def both_factors(schedule):
    signal = schedule.sqrt_alphas_cumprod
    return torch.stack([signal, schedule.sqrt_one_minus_alphas_cumprod])


def tables(schedule):
    return [
        schedule.betas,
        schedule.alphas,
        schedule.alphas_cumprod,
        schedule.sqrt_alphas_cumprod,
        schedule.sqrt_one_minus_alphas_cumprod,
        schedule.snr(),
    ]


# The tables


def test_index_0_is_the_clean_image(schedule):
    assert schedule.betas[0] == 0
    assert schedule.alphas_cumprod[0] == 1
    assert schedule.sqrt_one_minus_alphas_cumprod[0] == 0


def test_every_table_has_an_entry_for_each_t_from_0_to_T(schedule):
    assert schedule.num_steps == 60
    assert {table.shape for table in tables(schedule)} == {(61,)}


def test_every_table_is_float64(schedule):
    assert {table.dtype for table in tables(schedule)} == {torch.float64}


def test_float32_betas_still_give_float64_tables():
    schedule = NoiseSchedule(torch.tensor([0.1, 0.2]))
    assert {table.dtype for table in tables(schedule)} == {torch.float64}


def test_alpha_bar_t_is_the_product_of_the_alphas_up_to_t(schedule):
    for t in range(61):
        product = (1 - schedule.betas[1 : t + 1]).prod()
        assert_close(schedule.alphas_cumprod[t], product)


def test_signal_squared_plus_sigma_squared_is_one(schedule):
    signal = schedule.sqrt_alphas_cumprod
    sigma = schedule.sqrt_one_minus_alphas_cumprod
    assert_close(signal**2 + sigma**2, torch.ones(61).double())
    assert_close(signal**2, schedule.alphas_cumprod)


def test_snr_is_signal_over_sigma_squared_and_infinite_at_0(schedule):
    signal = schedule.sqrt_alphas_cumprod
    sigma = schedule.sqrt_one_minus_alphas_cumprod
    assert_close(schedule.snr(), (signal / sigma) ** 2)
    assert schedule.snr()[0] == torch.inf


def test_snr_only_falls(schedule):
    assert (schedule.snr().diff() < 0).all()


# The two named schedules


@pytest.mark.parametrize("make", ["linear", "cosine"])
def test_every_T_from_10_to_4000_ends_in_noise(make):
    for num_steps in range(10, 4001):
        schedule = getattr(NoiseSchedule, make)(num_steps)
        assert schedule.sqrt_alphas_cumprod[-1] <= 0.01, num_steps


def test_linear_with_1000_steps_has_the_betas_of_ddpm():
    ours = NoiseSchedule.linear(1000).betas[1:]
    ddpm = linear_betas(1000)
    assert_close(ours, ddpm, rtol=0, atol=1e-15)
    assert torch.equal(ours.float(), ddpm.float())


def test_linear_betas_are_a_straight_line_between_their_ends():
    betas = linear_betas(5, beta_start=0.1, beta_end=0.5)
    expected = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5]).double()
    assert_close(betas, expected, rtol=0, atol=1e-7)


def test_linear_betas_without_rescaling_leave_signal_at_small_T():
    left = NoiseSchedule(linear_betas(50)).sqrt_alphas_cumprod[-1]
    assert_close(left.item(), 0.78, rtol=0, atol=0.005)


def test_linear_does_in_T_steps_the_work_of_1000():
    few, many = NoiseSchedule.linear(100), NoiseSchedule.linear(1000)
    few, many = few.alphas_cumprod, many.alphas_cumprod[::10]
    assert_close(few, many, rtol=0, atol=0.01)


def test_cosine_follows_the_squared_cosine_of_the_paper():
    u = torch.linspace(0, 1, 101).double()
    f = torch.cos((u + 0.008) / 1.008 * torch.pi / 2) ** 2
    alphas_cumprod = NoiseSchedule.cosine(100).alphas_cumprod
    assert_close(alphas_cumprod[:-1], (f / f[0])[:-1])


def test_max_beta_caps_the_last_cosine_beta():
    assert cosine_betas(100).max() == 0.999
    assert cosine_betas(100, max_beta=0.5).max() == 0.5


# Zero terminal SNR


def test_zero_terminal_snr_leaves_nothing_of_the_image_at_T(schedule):
    bent = schedule.zero_terminal_snr()
    assert bent.sqrt_alphas_cumprod[-1] == 0
    assert bent.sqrt_one_minus_alphas_cumprod[-1] == 1
    assert bent.betas[-1] == 1
    assert bent.snr()[-1] == 0


def test_zero_terminal_snr_keeps_the_first_step_and_only_falls(schedule):
    bent = schedule.zero_terminal_snr()
    assert bent.num_steps == 60
    assert_close(bent.betas[:2], schedule.betas[:2], rtol=1e-9, atol=0)
    assert (bent.alphas_cumprod.diff() < 0).all()


def test_zero_terminal_snr_shifts_and_stretches_the_signal(schedule):
    """Evenly: the gaps between levels keep their proportions."""
    before = schedule.sqrt_alphas_cumprod[1:].diff()
    after = schedule.zero_terminal_snr().sqrt_alphas_cumprod[1:].diff()
    assert_close(after / after.sum(), before / before.sum())


def test_zero_terminal_snr_once_is_enough(schedule):
    once = schedule.zero_terminal_snr()
    again = once.zero_terminal_snr()
    assert_close(again.betas, once.betas, rtol=0, atol=1e-12)


@pytest.mark.parametrize("T", [1, 2, 10, 50, 300, 4000])
@pytest.mark.parametrize("make", [linear_betas, cosine_betas])
def test_every_T_can_end_in_pure_noise(make, T):
    """Also the linear betas of 1000 steps, cut off at T."""
    bent = NoiseSchedule(make(T)).zero_terminal_snr()
    assert bent.num_steps == T
    assert bent.alphas_cumprod[-1] == 0
    assert (bent.alphas_cumprod.diff() < 0).all()


def test_respaced_pure_noise_stays_pure_noise(schedule):
    fewer = schedule.zero_terminal_snr().respaced(7)
    assert fewer.alphas_cumprod[-1] == 0


# Fewer steps, another device


@pytest.mark.parametrize("steps", [1, 2, 7, 41, 59, 60])
def test_respaced_keeps_the_first_and_the_last_level(schedule, steps):
    fewer = schedule.respaced(steps)
    assert fewer.num_steps == steps
    ends = fewer.alphas_cumprod[[0, -1]]
    assert_close(ends, schedule.alphas_cumprod[[0, -1]])


@pytest.mark.parametrize("steps", [1, 2, 7, 41, 59, 60])
def test_respaced_walks_through_levels_of_the_original(schedule, steps):
    fewer = schedule.respaced(steps).alphas_cumprod
    gaps = (fewer[:, None] - schedule.alphas_cumprod).abs().min(1)
    assert gaps.values.max() < 1e-12
    assert (gaps.indices.diff() > 0).all()


def test_respaced_to_all_steps_is_the_schedule_itself(schedule):
    same = schedule.respaced(schedule.num_steps)
    assert_close(same.betas, schedule.betas, rtol=0, atol=1e-12)


def test_to_moves_every_table_and_leaves_the_original(schedule):
    moved = schedule.to("meta")
    assert all(table.is_meta for table in tables(moved))
    assert not any(table.is_meta for table in tables(schedule))
    assert moved.num_steps == schedule.num_steps
    assert moved.to("meta") is moved


def test_repr_says_what_the_schedule_is():
    words = "NoiseSchedule(T=1000, beta 0.0001…0.02, signal left 0.0064)"
    assert repr(NoiseSchedule.linear()) == words


# Reading a table at t


def test_at_reads_each_image_at_its_own_t(schedule):
    t = torch.tensor([0, 1, 30, 60])
    (beta,) = schedule.at(schedule.betas[None], t, IMAGES.double())
    assert beta.shape == (4, 1, 1, 1)
    assert torch.equal(beta.flatten(), schedule.betas[t])


def test_beta_at_t_multiplies_a_batch(schedule):
    t = torch.tensor([1, 2, 30, 60])
    beta = schedule.beta_at(t, IMAGES.double())
    assert beta.shape == (4, 1, 1, 1)
    assert torch.equal(beta.flatten(), schedule.betas[t])
    assert schedule.beta_at(60, IMAGES) == schedule.betas[60].float()


def test_no_beta_leads_to_t_0(schedule):
    for t in (0, torch.tensor([0, 1, 2, 3])):
        with pytest.raises(ValueError, match=r"in 1\.\.60; got"):
            schedule.beta_at(t, IMAGES)


@pytest.mark.parametrize(
    "t",
    [7, torch.tensor(7), torch.full((4,), 7), torch.tensor([7] * 4).int()],
    ids=["int", "0-dim", "int64", "int32"],
)
def test_every_way_to_write_t_reads_the_same(schedule, t):
    signal, sigma = schedule.signal_and_sigma(t, IMAGES.double())
    assert (signal == schedule.sqrt_alphas_cumprod[7]).all()
    assert (sigma == schedule.sqrt_one_minus_alphas_cumprod[7]).all()
    assert signal.shape in {(1, 1, 1, 1), (4, 1, 1, 1)}


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_tables_are_rounded_once_to_the_dtype_of_the_images(dtype):
    schedule = NoiseSchedule.linear()
    _, sigma = schedule.signal_and_sigma(1, IMAGES.to(dtype))
    exact = schedule.sqrt_one_minus_alphas_cumprod[1]
    assert sigma.dtype == dtype
    assert sigma == exact.to(dtype)


@pytest.mark.parametrize("make", [both_factors, posterior_factors])
def test_an_int_t_reads_what_a_tensor_reads_bit_for_bit(schedule, make):
    """Also of tables that are kept, and of no other schedule's."""
    for noise in (schedule, NoiseSchedule.linear(60), schedule):
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            for like in (IMAGES.to(dtype), torch.zeros(4, 2, dtype=dtype)):
                for t in (1, 7, 60):
                    kept = noise.at(noise.once(make), t, like)
                    read = noise.at(make(noise), torch.tensor(t), like)
                    assert_close(kept, read, atol=0, rtol=0)


def test_what_was_read_may_be_written_into(schedule):
    for t in (7, torch.tensor(7)):
        read = schedule.signal_and_sigma(t, IMAGES.double())
        before = [factor.clone() for factor in read]
        for factor in read:
            factor.zero_()
        again = schedule.signal_and_sigma(t, IMAGES.double())
        assert all(map(torch.equal, again, before))


def test_what_is_kept_serves_those_who_want_a_gradient(schedule):
    x0 = torch.ones(4, 1, 8, 8, requires_grad=True)
    with torch.inference_mode():
        schedule.signal_and_sigma(7, x0)
        q_posterior(x0, x0, 7, schedule)
    signal, _ = schedule.signal_and_sigma(7, x0)
    (signal * x0).sum().backward()
    assert torch.equal(x0.grad, signal.expand_as(x0))
    x0.grad = None
    q_posterior(x0, 0 * IMAGES, 7, schedule).mean.sum().backward()
    on_x0 = posterior_factors(schedule)[0, 7].float()
    assert torch.equal(x0.grad, on_x0.expand_as(x0))


def test_an_empty_batch_reads_an_empty_column(schedule):
    empty = torch.zeros(0, 1, 8, 8)
    none = torch.zeros(0, dtype=torch.int64)
    for lowest in (0, 1):
        signal, _ = schedule.signal_and_sigma(none, empty, lowest)
        assert signal.shape == (0, 1, 1, 1)


# Refusals


@pytest.mark.parametrize(
    ("betas", "got"),
    [
        ([0.1, 0.0], "got values from 0 to 0.1"),
        ([1.0, 0.1], "got values from 0.1 to 1"),
        ([0.1, 1.1], "got values from 0.1 to 1.1"),
        ([-0.1, 0.5], "got values from -0.1 to 0.5"),
        ([0.1, float("nan")], "betas must be finite; 1 of its 2 values"),
        ([[0.1, 0.2]], r"got shape \(1, 2\)"),
        ([], r"got shape \(0,\)"),
        (0.1, r"betas must be a tensor of numbers.*; got 0\.1"),
    ],
)
def test_betas_outside_0_and_1_are_refused(betas, got):
    with pytest.raises(ValueError, match=got):
        NoiseSchedule(torch.tensor(betas))


@pytest.mark.parametrize(
    ("t", "got"),
    [
        (61, "got 61"),
        (-1, "got -1"),
        (0.5, "got 0.5"),
        (True, "got True"),
        ("7", "got '7'"),
        (torch.tensor(61), "got values from 61 to 61"),
        (torch.tensor([-1, 0, 1, 61]), "got values from -1 to 61"),
        (torch.ones(4), r"got float32 values of shape \(4,\)"),
        (torch.ones(4) > 0, r"got bool values of shape \(4,\)"),
        (torch.tensor([1, 2]), r"got shape \(2,\) for \(4, 1, 8, 8\)"),
        (torch.ones(4, 1).long(), r"got shape \(4, 1\) for"),
    ],
)
def test_a_t_that_is_not_one_of_the_steps_is_refused(schedule, t, got):
    takes = r"t must be an int or a \(B,\) tensor of integers in 0..60; "
    with pytest.raises(ValueError, match=takes + got):
        schedule.signal_and_sigma(t, IMAGES)


def test_t_0_is_refused_where_a_formula_starts_at_1(schedule):
    for t in (0, torch.tensor([0, 1, 2, 3])):
        with pytest.raises(ValueError, match=r"in 1\.\.60; got"):
            schedule.signal_and_sigma(t, IMAGES, lowest=1)


def test_integer_images_are_refused(schedule):
    with pytest.raises(TypeError, match=r"images.*got torch\.uint8"):
        schedule.signal_and_sigma(1, IMAGES.byte())


@pytest.mark.parametrize("steps", [0, -3, 2.5, "10"])
@pytest.mark.parametrize("make", [linear_betas, cosine_betas])
def test_a_number_of_steps_below_1_or_broken_is_refused(make, steps):
    words = f"num_steps must be a whole number of at least 1; got {steps!r}"
    with pytest.raises(ValueError, match=words):
        make(steps)


@pytest.mark.parametrize(
    ("steps", "takes"),
    [
        (0, "a whole number of at least 1"),
        (2.5, "a whole number of at least 1"),
        (61, r"a whole number in 1\.\.60"),
    ],
)
def test_respacing_takes_1_to_T_steps(schedule, steps, takes):
    words = f"num_steps must be {takes}; got {steps}"
    with pytest.raises(ValueError, match=words):
        schedule.respaced(steps)


def test_alpha_bar_is_one_number_of_the_table(schedule):
    for t in (0, 1, 30, 60):
        assert schedule.alpha_bar(t) == schedule.alphas_cumprod[t].item()
        assert type(schedule.alpha_bar(t)) is float


@pytest.mark.parametrize(
    "t", [-1, 61, -0.5, 60.5, True, None, torch.tensor(3)]
)
def test_alpha_bar_of_no_step_is_refused(schedule, t):
    with pytest.raises(ValueError, match=r"t must be an int in 0\.\.60"):
        schedule.alpha_bar(t)


@pytest.mark.parametrize("make", ["linear", "cosine"])
@pytest.mark.parametrize("num_steps", range(1, 10))
def test_even_the_shortest_chains_end_in_noise(make, num_steps):
    """A single step takes the middle of the line, not its quiet start."""
    schedule = getattr(NoiseSchedule, make)(num_steps)
    assert schedule.sqrt_alphas_cumprod[-1] <= 0.05


def test_a_chain_of_one_step_ends_where_that_of_a_thousand_does():
    one, many = NoiseSchedule.linear(1), NoiseSchedule.linear(1000)
    assert_close(one.alpha_bar(1), many.alpha_bar(1000), rtol=0.05, atol=0)


def test_betas_in_a_list_are_not_rounded():
    assert NoiseSchedule([0.1, 0.3]).betas.tolist() == [0, 0.1, 0.3]


def test_tables_that_are_the_same_for_every_t_are_made_once(schedule):
    made = []

    def make(schedule):
        made.append(schedule)
        return schedule.betas[None]

    tables = [schedule.once(make) for _ in range(3)]
    assert made == [schedule]
    assert all(torch.equal(t, schedule.betas[None]) for t in tables)
    NoiseSchedule.linear(60).once(make)
    assert len(made) == 2


@pytest.mark.parametrize("t", [-1, 61, torch.tensor(-1)])
def test_a_table_is_read_within_its_steps(schedule, t):
    with pytest.raises(ValueError, match=r"in 0\.\.60; got"):
        schedule.at(schedule.betas[None], t, IMAGES)


# Between two steps


def test_between_two_steps_the_noise_of_a_step_comes_evenly(schedule):
    """log ᾱ is a straight line from each step to the next."""
    for t in (0, 1, 30, 59):
        before, after = schedule.alpha_bar(t), schedule.alpha_bar(t + 1)
        assert schedule.alpha_bar(float(t)) == before
        third = schedule.alpha_bar(t + 1 / 3)
        expected = before ** (2 / 3) * after ** (1 / 3)
        assert third == pytest.approx(expected, rel=1e-12)
    assert schedule.alpha_bar(60.0) == schedule.alpha_bar(60)


def test_a_schedule_through_some_moments_has_their_noise(schedule):
    moments = [1.5, 7, 30.25, 60]
    through = schedule.through(moments)
    expected = [1.0, *map(schedule.alpha_bar, moments)]
    assert through.alphas_cumprod.tolist() == pytest.approx(
        expected, rel=1e-12
    )


def test_a_schedule_through_even_steps_is_respaced(schedule):
    through = schedule.through(torch.arange(6, 61, 6))
    assert_close(
        through.alphas_cumprod,
        schedule.respaced(10).alphas_cumprod,
        rtol=1e-12,
        atol=0,
    )


@pytest.mark.parametrize(
    "moments", [[], [0], [3, 3], [5, 4], [61], 7, [-1]]
)
def test_moments_that_do_not_rise_within_the_schedule_are_refused(
    moments, schedule
):
    with pytest.raises(ValueError, match="must be"):
        schedule.through(moments)
