"""Networks that are told the time of a flow."""

import pytest
import torch
from torch.testing import assert_close

from diffusion_lessons import InputError, InSteps, PointNetwork, TimeUNet


class Heard(torch.nn.Module):
    """Keeps what it was told."""

    null_label = 7

    def forward(self, x, *told):
        self.told = told
        return x


def test_a_time_is_told_as_a_step():
    heard = Heard()
    InSteps(heard, 200)(torch.zeros(3, 2), torch.tensor([0.5, 0.25, 1.0]))
    assert_close(heard.told[0], torch.tensor([100.0, 50.0, 200.0]))
    assert len(heard.told) == 1


def test_unless_told_there_are_a_thousand_steps():
    heard = Heard()
    InSteps(heard)(torch.zeros(2, 2), 0.5)
    assert heard.told[0].item() == 500


def test_what_is_below_the_first_step_is_told_as_the_first():
    heard = Heard()
    InSteps(heard, 200)(torch.zeros(2, 2), torch.tensor([0.0, 0.004]))
    assert heard.told[0].tolist() == [1, 1]


def test_a_label_and_what_means_no_label_are_handed_on():
    heard = Heard()
    flow = InSteps(heard)
    flow(torch.zeros(2, 2), 0.5, torch.tensor([1, 2]))
    assert heard.told[1].tolist() == [1, 2]
    assert flow.null_label == 7
    assert not hasattr(InSteps(torch.nn.Linear(1, 1)), "null_label")


def test_around_a_network_it_answers_as_the_network_does():
    net = TimeUNet(1, 8, num_classes=3)
    torch.nn.init.normal_(net.out.weight)
    x, label = torch.randn(2, 1, 8, 8), torch.tensor([0, 2])
    t = torch.tensor([0.1, 0.9])
    expected = net(x, torch.tensor([100.0, 900.0]), label)
    assert_close(InSteps(net)(x, t, label), expected)
    single = InSteps(net)(x.double().float(), t.double(), label)
    assert single.dtype == torch.float32


def test_a_step_is_no_time():
    with pytest.raises(InputError, match=r"t must be in 0\.\.1"):
        InSteps(Heard())(torch.zeros(2, 2), torch.tensor([500.0, 2.0]))


@pytest.fixture
def points():
    torch.manual_seed(0)
    net = PointNetwork(2, 16)
    torch.nn.init.normal_(net.out.weight)
    return net


def test_a_new_network_of_points_answers_0():
    x = torch.randn(5, 3)
    assert not PointNetwork(3)(x, 0.5).any()


def test_a_network_of_points_knows_x_and_t(points):
    x = torch.randn(5, 2)
    t = torch.linspace(0, 1, 5)
    together = points(x, t)
    assert together.shape == (5, 2)
    for i in range(5):
        alone = points(x[i : i + 1], t[i].item())
        assert_close(together[i : i + 1], alone)
    assert (points(x, 0.0) - points(x, 1.0)).abs().min() > 1e-4
    assert (points(x, 0.5) - points(x + 1, 0.5)).abs().min() > 1e-4


def test_a_network_of_points_keeps_its_dtype(points):
    x = torch.randn(5, 2, dtype=torch.float64)
    t = torch.linspace(0, 1, 5)
    assert points.double()(x, t).dtype == torch.float64


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 1, 8, 8)])
def test_points_of_another_dimension_are_refused(points, shape):
    with pytest.raises(InputError, match=r"x must have shape \(B, 2\)"):
        points(torch.zeros(shape), 0.5)
