"""The pictures of runs show the numbers that they are given."""

import matplotlib.pyplot as plt
import pytest
import torch

from diffusion_lessons.figures import (
    plot_copying,
    plot_losses,
    plot_rates,
    plot_rounded,
    plot_tuned,
)
from diffusion_lessons.recipe import lr_factor
from diffusion_lessons.runs.measured import Copying, FineTuned


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def lines():
    """The curves of every panel: (x, y) each, in their order."""
    return [
        (line.get_xdata().tolist(), line.get_ydata().tolist())
        for ax in plt.gcf().axes
        for line in ax.get_lines()
    ]


def test_losses_are_means_of_25_steps_beside_what_was_held_out():
    losses = [float(i) for i in range(30)]
    log = [
        {"step": "10", "held_out_loss": ""},
        {"step": "20", "held_out_loss": "0.5"},
        {"step": "30", "held_out_loss": "0.25"},
    ]
    plot_losses(losses, log)
    (x, y), held = lines()
    assert x == [25, 26, 27, 28, 29, 30]
    assert y == pytest.approx([12, 13, 14, 15, 16, 17])
    assert held == ([20, 30], [0.5, 0.25])


def test_rates_are_those_of_a_run():
    plot_rates(40, {"at once": 0, "slowly": 10})
    for (x, y), warmup in zip(lines(), (0, 10), strict=True):
        assert x == list(range(40))
        assert y == pytest.approx([lr_factor(k, 40, warmup) for k in x])


def test_betas_that_are_too_small_for_bfloat16_are_seen_to_do_nothing():
    plot_rounded(torch.full((50,), 1e-3), torch.bfloat16)
    (x, exact), (_, rounded) = lines()
    assert x == list(range(1, 51))
    assert exact[-1] == pytest.approx(0.999**50)
    assert rounded == [1.0] * 50


def test_tables_are_drawn_as_they_are():
    plot_copying(
        [Copying(50, 0.1, 0.4, 0.9, 0, 9), Copying(9, 0.2, 0.3, 1, 0, 9)]
    )
    x = [50, 9]
    found = [(a, pytest.approx(b)) for a, b in lines()]
    assert found == [
        (x, [0.1, 0.2]),
        (x, [0.4, 0.3]),
        (x, [0.9, 1]),
        (x, [0.5, 0.5]),
    ]
    plt.close("all")
    plot_tuned([FineTuned(9, 5, 0.1, 0.4), FineTuned(50, 5, 0.2, 0.3)])
    found = [(a, pytest.approx(b)) for a, b in lines()]
    assert found == [([9, 50], [0.1, 0.2]), ([9, 50], [0.4, 0.3])]
