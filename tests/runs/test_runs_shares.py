"""A batch that is divided among processes is the same batch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion_lessons import NoiseSchedule, TimeUNet, diffusion_loss
from diffusion_lessons.runs.ranks import parts_of

SCHEDULE = NoiseSchedule.cosine(50)


def gradient(model, *given):
    weights = list(model.parameters())
    parts = torch.autograd.grad(diffusion_loss(model, *given), weights)
    return torch.cat([part.flatten() for part in parts])


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_gradient_of_a_batch_is_the_weighted_mean_of_those_of_its_parts(
    count,
):
    model = TimeUNet(1, 8).double()
    torch.nn.init.normal_(model.out.weight)  # it begins at 0
    x0, noise = torch.randn(2, 10, 1, 8, 8, dtype=torch.float64)
    t, total = torch.randint(1, 51, (10,)), 0
    for rank in range(count):
        (own,) = parts_of(10, rank, count, 1)
        part = gradient(model, x0[own], t[own], noise[own], SCHEDULE)
        total = total + len(x0[own]) / 10 * part
    whole = gradient(model, x0, t, noise, SCHEDULE)
    assert whole.abs().max() > 0.01
    torch.testing.assert_close(total, whole)


@settings(derandomize=True, deadline=None)
@given(st.data(), st.integers(1, 9), st.integers(1, 3))
def test_the_shares_are_all_of_it_once_and_as_even_as_can_be(
    data, count, each
):
    size = data.draw(st.integers(count * each, 100))
    parts = [
        part
        for rank in range(count)
        for part in parts_of(size, rank, count, each)
    ]
    places = [i for part in parts for i in range(size)[part]]
    assert places == list(range(size))
    sizes = {part.stop - part.start for part in parts}
    assert max(sizes) - min(sizes) <= 1
