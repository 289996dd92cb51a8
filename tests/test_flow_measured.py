"""The table of flow and diffusion, as it is shipped."""

import flow_table
import pytest
import torch
from torch.testing import assert_close

from diffusion_lessons import InSteps, as_flow, flow_sample, time_at
from diffusion_lessons.flow_measured import measured_flow


def test_the_shipped_table_is_what_its_script_measures():
    table = measured_flow()
    assert table.calls == flow_table.CALLS
    assert table.training_steps == flow_table.STEPS
    assert table.command == "python tools/release/flow_table.py"
    names = {name.split(", ")[0] for name in table.frechet}
    assert names == {"v", "flow", "logit-normal", "reflow"}
    shape = (len(flow_table.SEEDS), len(flow_table.CALLS))
    for rows in table.frechet.values():
        assert rows.shape == shape
        assert rows.dtype == torch.float64
        assert (rows > 0).all()


def test_few_calls_are_good_after_reflow_and_not_before():
    """For each seed; with many calls the teacher stays ahead."""
    table = measured_flow()
    flow, again = (
        table.frechet[f"{name}, even times"] for name in ("flow", "reflow")
    )
    one, many = table.calls.index(1), table.calls.index(32)
    assert (again[:, one] < flow[:, one] / 4).all()
    assert (again[:, one] < 2 * table.floor).all()
    assert (again[:, many] > flow[:, many]).all()


def test_all_networks_of_a_seed_begin_alike():
    one, other = (flow_table.network(3).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    another = flow_table.network(4).state_dict()
    assert not torch.equal(one["stem.weight"], another["stem.weight"])


def test_the_two_ways_have_as_many_steps_and_the_same_ends():
    found = flow_table.ways(8)
    assert [len(path) for path in found.values()] == [9, 9]
    assert found["even times"][::4] == [1.0, 0.5, 0.0]
    last = time_at(flow_table.SCHEDULE.num_steps, flow_table.SCHEDULE)
    assert found["even steps"][0] == last.item()
    assert found["even steps"][-1] == 0


def test_real_digits_are_nearer_than_noise():
    real = flow_table.load_classifier("digits")
    images = flow_table.images_of("digits", False)[0]
    features = flow_table.features_and_labels(real, images).features
    noise = torch.randn(720, 1, 8, 8)

    def answer(x, t):
        return x - images[: len(x)]

    near = flow_table.distance(answer, [1.0, 0.0], noise, features)
    far = flow_table.distance(
        lambda x, t: 0 * x, [1.0, 0.0], noise, features
    )
    assert near < 0.01
    assert far > 100


@pytest.mark.slow
def test_a_reflow_trains_a_copy_on_the_flows_own_pairs():
    model = flow_table.flow(5, None, steps=30)
    before = [p.clone() for p in model.parameters()]
    again = flow_table.reflowed(model, 5, count=64, steps=5)
    assert isinstance(again, InSteps)
    assert_close(list(model.parameters()), before)
    moved = zip(again.parameters(), before, strict=True)
    assert any(not torch.equal(new, old) for new, old in moved)


@pytest.mark.slow
def test_a_network_of_v_can_be_walked_as_a_flow():
    model = flow_table.diffusion(5, steps=20)
    asked = as_flow(model, flow_table.SCHEDULE, "v")
    *_, last = flow_sample(asked, torch.randn(2, 1, 8, 8), 2)
    assert last.x.isfinite().all()
