"""The tables of a schedule are read by everyone and changed by nobody."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from diffusion_lessons import (
    NoiseSchedule,
    ancestral_step,
    posterior_factors,
    q_posterior,
    q_sample,
)
from diffusion_lessons.frozen import Frozen, frozen, plain

TABLES = [
    "betas",
    "alphas",
    "alphas_cumprod",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
]
ONES = torch.ones(2, 1, 4, 4)

WRITES = {
    "an item": lambda x: x.__setitem__(-1, 0.0),
    "a slice": lambda x: x[1:].fill_(0),
    "a view of a view": lambda x: x[1:].view(-1)[2:].zero_(),
    "one of many views": lambda x: x.unbind()[3].zero_(),
    "a root in place": lambda x: x.sqrt_(),
    "detached": lambda x: x.detach().zero_(),
    "its data": lambda x: x.data.zero_(),
    "other data": lambda x: setattr(x, "data", torch.ones(61).double()),
    "a function in place": lambda x: torch.sqrt_(x),
    "an output": lambda x: torch.add(x, 1, out=x),
    "a copy into it": lambda x: x.copy_(torch.zeros(61)),
    "an array": lambda x: x.numpy().__setitem__(0, 1.0),
    "an array made of it": lambda x: np.asarray(x).__setitem__(0, 1.0),
    "added in place": lambda x: exec("x += 1", {"x": x}),
}


def readings(schedule):
    """What any reader of the schedule sees."""
    x = ONES.double()
    t = torch.tensor([1, 60])
    return [
        *(getattr(schedule, name).clone() for name in TABLES),
        schedule.snr(),
        posterior_factors(schedule)[:, 1:],
        q_sample(x, 7, x, schedule),
        q_sample(x, t, x, schedule),
        *q_posterior(x, x, 7, schedule),
        *q_posterior(x, x, t, schedule),
        ancestral_step(x, x, 9, x, schedule),
        torch.tensor(schedule.alpha_bar(9)),
        schedule.respaced(7).betas.clone(),
    ]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("write", WRITES)
def test_a_table_refuses_to_be_written_into(schedule, table, write):
    before = readings(schedule)
    with pytest.raises(ValueError, match=r"be written|read-only"):
        WRITES[write](getattr(schedule, table))
    for was, now in zip(before, readings(schedule), strict=True):
        assert torch.equal(was, now)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_cannot_be_replaced(schedule, table):
    with pytest.raises(AttributeError):
        setattr(schedule, table, torch.zeros(61))


@pytest.mark.parametrize("t", [7, torch.tensor([7, 7])])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_a_formula_hands_out_can_be_written_into(schedule, t, dtype):
    """And changes no later step."""
    before = readings(schedule)
    x = ONES.to(dtype)
    handed = [
        *q_posterior(x, x, t, schedule),
        *schedule.signal_and_sigma(t, x),
        *schedule.at(schedule.betas[None], t, x),
        posterior_factors(schedule),
        schedule.snr(),
    ]
    for tensor in handed:
        assert type(tensor) is Tensor
        tensor.fill_(7)
    for was, now in zip(before, readings(schedule), strict=True):
        assert torch.equal(was, now)


def test_what_is_computed_from_a_table_is_a_plain_tensor():
    table = frozen(torch.linspace(0, 1, 5))
    for result in (
        table.clone(),
        table.sqrt(),
        2 * table,
        table[[0, 1]],
        torch.cat([table, table]),
        table.double(),
        torch.zeros(5).add_(table),
    ):
        assert type(result) is Tensor
        result.zero_()
    assert_close(plain(table), torch.linspace(0, 1, 5))


def test_a_table_is_a_copy():
    source = torch.ones(3)
    table = frozen(source)
    source.zero_()
    assert table.tolist() == [1, 1, 1]


def test_a_table_reads_as_a_tensor_does():
    source = torch.linspace(0, 1, 5)
    table = frozen(source)
    assert isinstance(table, Frozen)
    assert repr(table) == repr(source)
    assert f"{table[1]:.3f}" == "0.250"
    assert table.tolist() == source.tolist()
    assert float(table[1]) == 0.25
    assert [float(x) for x in table] == source.tolist()
    assert np.array_equal(np.sqrt(table.numpy()), np.sqrt(source.numpy()))


def test_a_table_is_saved_and_copied_as_a_plain_tensor():
    table = frozen(torch.linspace(0, 1, 5))
    file = io.BytesIO()
    torch.save({"betas": table}, file)
    file.seek(0)
    again = torch.load(file, weights_only=True)["betas"]
    for one in (again, pickle.loads(pickle.dumps(table))):
        assert type(one) is Tensor
        assert torch.equal(one, plain(table))
    assert torch.equal(copy.deepcopy(table), table)


def test_a_schedule_is_saved_and_copied_whole(schedule):
    before = readings(schedule)
    for one in (
        copy.deepcopy(schedule),
        pickle.loads(pickle.dumps(schedule)),
        NoiseSchedule(schedule.betas[1:]),
    ):
        for was, now in zip(before, readings(one), strict=True):
            assert torch.equal(was, now)
