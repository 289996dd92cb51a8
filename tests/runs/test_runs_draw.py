"""Many pictures are the same ones, however they are divided."""

import pytest
import torch
from made_runs import NETWORK, network

from diffusion_lessons import Guided, NoiseSchedule, ddim_sample
from diffusion_lessons.runs.draw import Order, draw
from diffusion_lessons.runs.load import LoadedRun


def run(classes=("cat", "dog", "7")):
    """A small network in colour."""
    told = {"in_channels": 3, "num_classes": len(classes)}
    model = network(1, NETWORK | told)
    schedule = NoiseSchedule.cosine(100)
    shape = (3, 8, 8)
    return LoadedRun(
        model, schedule, "v", len(classes), shape, classes, 0, {}
    )


def pictures(order, net=None, **share):
    """What is drawn, by the first number of its batch."""
    parts = draw(net or run(), order, **share)
    return {batch.start: images for batch, images in parts}


ORDER = Order(11, steps=3, batch=4)


def test_the_batches_are_all_pictures_in_order():
    drawn = pictures(ORDER)
    assert list(drawn) == [0, 4, 8]
    assert [len(images) for images in drawn.values()] == [4, 4, 3]
    assert drawn[0].shape[1:] == (3, 8, 8)


@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_processes_together_draw_what_one_draws(ranks, eta):
    """Bit for bit; a process without a share draws nothing."""
    order = ORDER._replace(eta=eta)
    alone, together = pictures(order), {}
    for rank in range(ranks):
        own = pictures(order, rank=rank, ranks=ranks)
        assert not own.keys() & together.keys()
        together |= own
    assert together.keys() == alone.keys()
    assert all(torch.equal(together[k], alone[k]) for k in alone)


@pytest.mark.parametrize(
    ("start", "labels"), [(0, [0, 1, 2, 0]), (4, [1, 2, 0, 1])]
)
def test_a_batch_is_what_the_sampler_draws(start, labels):
    """From its own noise, with its own labels; guided, in random steps."""
    net, order = run(), ORDER._replace(seed=5, scale=2.0, eta=0.5)
    generator = order.generator(slice(start, start + 4))
    x_T = torch.randn(4, 3, 8, 8, generator=generator)
    *_, last = ddim_sample(
        Guided(net.model, torch.tensor(labels), 3, 2.0),
        x_T,
        net.schedule,
        3,
        eta=0.5,
        predicts="v",
        generator=generator,
    )
    assert torch.equal(pictures(order)[start], last.x)


def test_the_first_batch_begins_with_the_seed_itself():
    seeded = torch.Generator().manual_seed(5)
    first = ORDER._replace(seed=5).generator(slice(0, 4))
    assert torch.equal(first.get_state(), seeded.get_state())


def test_without_classes_none_is_told():
    net = run(classes=())
    generator = torch.Generator().manual_seed(0)
    x_T = torch.randn(4, 3, 8, 8, generator=generator)
    *_, last = ddim_sample(net.model, x_T, net.schedule, 3, predicts="v")
    assert torch.equal(pictures(ORDER, net)[0], last.x)


def test_the_classes_come_in_turn_or_are_the_one_asked_for():
    assert ORDER.labels(3).tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1]
    assert ORDER._replace(label=0).labels(3).tolist() == [0] * 11
    assert ORDER.labels(0) is None


def test_no_two_batches_begin_with_the_same_noise():
    starts = [
        torch.randn(8, generator=ORDER.generator(slice(i, i + 4)))
        for i in range(0, 400, 4)
    ]
    assert torch.unique(torch.stack(starts)[:, 0]).numel() == 100


def test_another_seed_draws_other_pictures_in_every_batch():
    one, other = pictures(ORDER), pictures(ORDER._replace(seed=1))
    assert all(not torch.equal(one[k], other[k]) for k in one)


def test_the_largest_seed_there_is_will_do():
    order = ORDER._replace(seed=2**63 - 1)
    assert len(pictures(order)) == 3


def test_a_bar_is_shown_only_if_wanted(capsys):
    pictures(ORDER)
    assert capsys.readouterr().err == ""
    pictures(ORDER, progress=True)
    assert "sampling: 100%" in capsys.readouterr().err
    pictures(ORDER._replace(count=3), progress=True)
    words = capsys.readouterr().err
    assert "3/3" in words  # of the steps: there is one batch
    assert "1/1" not in words
