"""The doctor, measured as a medical test is measured.

The whole table is written by tools/release/doctor_table.py; here one new
network is trained, and examined healthy and with every fault.
"""

import doctor_table
import pytest
import torch

from diffusion_lessons.doctor import PATIENTS, measured

NEW = doctor_table.Net("v", "cosine", 50, seed=31, num_steps=300)
FLOW = doctor_table.Net("flow", "linear", 1000, seed=33, num_steps=300)
ALL = doctor_table.NETS + doctor_table.FLOWS


@pytest.fixture(scope="module")
def counts():
    return doctor_table.measure((NEW,))


@pytest.mark.slow
def test_a_new_network_is_healthy_and_each_fault_has_its_name(counts):
    """No false alarm, and at most one of seventeen faults missed."""
    assert (counts["healthy"].asked, counts["healthy"].sick) == (3, 0)
    sick = [count for name, count in counts.items() if name != "healthy"]
    assert [count.asked for count in sick] == [1] * 17
    assert sum(count.right for count in sick) >= 16


@pytest.mark.slow
def test_a_new_flow_is_known_for_one():
    counts = doctor_table.measure((FLOW,))
    assert counts.pop("flow_as_chain").right == 1
    assert not any(count.asked for count in counts.values())


@pytest.mark.slow
def test_what_is_missed_is_written_down(counts):
    for count in counts.values():
        assert len(count.missed) == count.asked - count.right


def test_the_shipped_table_is_one_of_these_networks():
    table = measured()
    assert table.networks == len(ALL)
    assert [score.name for score in table.scores] == list(PATIENTS)
    assert table.healthy.asked == 3 * len(doctor_table.NETS)
    asked = {score.name: score.asked for score in table.scores[1:]}
    expected = [
        name
        for net in doctor_table.NETS
        for name in doctor_table.faults_of(net)
    ] + ["flow_as_chain"] * len(doctor_table.FLOWS)
    assert asked == {name: expected.count(name) for name in asked}


def test_the_networks_differ_in_all_that_can_differ():
    nets = ALL
    for name in ("predicts", "schedule", "data", "labelled"):
        assert len({getattr(net, name) for net in nets}) > 1
    assert {net.predicts for net in nets} == {"eps", "x0", "v", "flow"}
    assert len({net.seed for net in nets}) == len(nets)
    assert {20, 50, 1000} <= {net.T for net in nets}


def test_images_of_every_kind_are_where_they_say():
    kinds = {net.data: net for net in doctor_table.NETS}
    grey, _ = doctor_table.data_of(kinds["grey"])
    unit, _ = doctor_table.data_of(kinds["unit"])
    colour, _ = doctor_table.data_of(kinds["rgb"])
    points, labels = doctor_table.data_of(kinds["points"])
    assert (grey.min(), grey.max()) == (-1, 1)
    assert (unit.min(), unit.max()) == (0, 1)
    assert colour.shape[1:] == (3, 8, 8)
    assert colour.min() >= -1
    assert colour.max() <= 1
    assert points.shape[1:] == (2,)
    assert labels is None
    assert torch.equal(grey, doctor_table.data_of(kinds["grey"])[0])
