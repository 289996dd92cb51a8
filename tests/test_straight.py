"""The picture of crossing lines."""

import matplotlib.pyplot as plt
import pytest
import torch

from diffusion_lessons.figures import plot_crossing
from diffusion_lessons.figures.style import narrowly

T, X = torch.linspace(0.1, 1, 4), torch.linspace(-2, 2, 3).double()
LINES = torch.tensor([[1.0, -1.0, 1.0], [0.2, 0.3, -0.4]]).double()
PATHS = torch.tensor([[0.2, 0.3], [0.4, 0.0], [1.0, -1.0]]).double()


@pytest.fixture
def panels():
    plot_crossing(LINES, (T, X, T[:, None] * X), PATHS)
    yield plt.gcf().axes
    plt.close("all")


def test_each_line_leads_from_its_noise_at_1_to_its_picture_at_0(panels):
    drawn = [line.get_xydata().tolist() for line in panels[0].lines]
    assert drawn == [
        [[1.0, noise], [0.0, picture]]
        for picture, noise in LINES.T.tolist()
    ]


def test_each_path_begins_at_1(panels):
    for line, path in zip(panels[2].lines, PATHS.T, strict=True):
        assert line.get_xdata().tolist() == [1.0, 0.5, 0.0]
        assert line.get_ydata().tolist() == path.tolist()


def test_the_arrows_lead_back_and_are_as_steep_as_the_velocity(panels):
    (arrows,) = panels[1].collections
    places = arrows.XY.tolist()
    assert places[:3] == [[T[0].item(), x] for x in X.tolist()]
    assert (arrows.U < 0).all()
    assert "way back, $-u$" in panels[1].get_xlabel()
    slope = torch.tensor(arrows.V / arrows.U)
    expected = (T[:, None].double() * X).flatten()
    torch.testing.assert_close(slope.double(), expected)


def test_on_a_phone_the_panels_are_stacked():
    with narrowly():
        plot_crossing(LINES, (T, X, T[:, None] * X), PATHS)
    left = {round(ax.get_position().x0, 2) for ax in plt.gcf().axes}
    plt.close("all")
    assert len(left) == 1
