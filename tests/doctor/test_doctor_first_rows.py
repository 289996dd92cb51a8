"""The data, and one batch through the network."""

import pytest
import torch
import torch.nn.functional as F
from patients_of_tests import COSINE, Flat, X, case, case_of, velocity
from torch import nn

from diffusion_lessons.doctor import first_rows as first

# The images


def test_images_in_their_range_are_well():
    row, same = first.data_row(case())
    assert not row.sick
    assert same.images is X
    assert row.found.startswith("64 of shape (1, 8, 8), from -1.00 to 1.00")


def test_pixels_up_to_255_are_put_right():
    row, cured = first.data_row(case(images=(X + 1) * 127.5))
    assert row.sick
    assert row.remedy == "x / 127.5 - 1"
    assert torch.allclose(cured.images, X, atol=1e-5)


def test_points_may_be_as_large_as_they_like():
    points = torch.randn(64, 2) * 100
    assert not first.data_row(case(images=points))[0].sick


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_pixel_that_is_no_number_is_counted(value):
    broken = X.clone()
    broken[3, 0, 1, 1] = value
    row, _ = first.data_row(case(images=broken))
    assert row.sick
    assert row.found == "1 of 4096 values are NaN or infinite"


def test_images_that_are_all_one_value_are_none():
    row, _ = first.data_row(case(images=torch.ones(9, 1, 8, 8)))
    assert row.sick
    assert "differ" in row.remedy


# Finite numbers


@pytest.mark.parametrize("where", [1, 20, 40])
def test_a_t_without_a_number_is_named(where):
    def model(x, t):
        return torch.where((t == where).view(-1, 1, 1, 1), torch.nan, x)

    row = first.finite_row(case(model))
    assert row.sick
    assert row.found == f"NaN or infinite at t = {where}"


def test_weights_that_are_no_numbers_are_counted():
    model = Flat(nn.Conv2d(1, 1, 3, padding=1))
    assert not first.finite_row(case(model)).sick
    with torch.no_grad():
        model.layers[0].weight[0, 0, 0] = torch.inf
    row = first.finite_row(case(model))
    assert row.found == "3 weights are NaN or infinite"


def test_an_index_that_ends_before_T_counts_from_0():
    table = nn.Embedding(40, 1)

    def model(x, t):
        return x + table(t).view(-1, 1, 1, 1)

    row = first.finite_row(case(model))
    assert row.sick
    assert "at t = 40" in row.found
    assert "t - 1" in row.remedy


# The mode


def test_dropout_that_was_left_on_is_found_and_left_on():
    model = Flat(nn.Dropout(0.2)).train()
    row = first.mode_row(case(model))
    assert row.sick
    assert "model.eval()" in row.remedy
    assert model.training
    assert not first.mode_row(case(model.eval())).sick


def test_one_part_left_in_training_is_enough():
    model = Flat(nn.Dropout(0.2)).eval()
    model.layers[0].train()
    assert first.mode_row(case(model)).sick


def test_statistics_of_the_batch_give_one_answer_but_not_that_of_eval():
    assert first.mode_row(case(Flat(nn.BatchNorm2d(1)).train())).sick
    assert not first.mode_row(case(Flat(nn.BatchNorm2d(1)).eval())).sick


def test_training_mode_alone_does_no_harm():
    model = Flat(nn.Conv2d(1, 1, 3, padding=1)).train()
    assert not first.mode_row(case(model)).sick


def test_a_function_that_rolls_dice_is_found():
    assert first.mode_row(case(lambda x, t: torch.rand_like(x))).sick


# The last activation


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("SiLU", F.silu),
        ("GELU", F.gelu),
        ("ReLU", F.relu),
        ("sigmoid", lambda x: torch.sigmoid(4 * x)),
        ("tanh", lambda x: torch.tanh(4 * x)),
        ("ELU", lambda x: F.elu(4 * x)),
    ],
)
def test_a_floor_is_found_by_its_height(name, last):
    row = first.activation_row(case(lambda x, t: last(2 * x)))
    assert row.sick
    assert name in row.found


@pytest.mark.parametrize("predicts", ["eps", "v"])
def test_without_a_floor_there_is_none(predicts):
    row = first.activation_row(case(lambda x, t: x, predicts=predicts))
    assert not row.sick


def test_a_floor_under_all_targets_does_no_harm():
    """The course's network: SiLU at the end, images in [0, 1], x0."""
    unit = case(lambda x, t: F.silu(x), (X + 1) / 2, predicts="x0")
    assert not first.activation_row(unit).sick
    tanh = case(lambda x, t: torch.tanh(2 * x), predicts="x0")
    assert not first.activation_row(tanh).sick


def test_an_answer_of_0_has_no_floor():
    row = first.activation_row(case(lambda x, t: 0 * x))
    assert row.verdict == "not asked"


# Whether t is told


def test_a_network_that_is_not_told_t_is_found():
    assert first.time_row(case(lambda x, t: 2 * x)).sick
    assert not first.time_row(case()).sick
    faint = case(lambda x, t: x + 1e-3 * t.view(-1, 1, 1, 1))
    assert not first.time_row(faint).sick


def test_a_clock_that_stands_still_from_1_on_is_not_untold():
    moves = first.time_row(case_of(velocity, COSINE))
    still = case_of(lambda x, t: velocity(x, 0.5), COSINE)
    assert not moves.sick
    assert first.time_row(still).sick
