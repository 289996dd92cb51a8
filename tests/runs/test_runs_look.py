"""How far a run has come is seen, and changes nothing of it."""

from importlib import import_module

import pytest
import torch
from tiny_runs import begun, finish, tiny

from diffusion_lessons import diffusion_loss
from diffusion_lessons.runs import look
from diffusion_lessons.runs.train import train_run

DRAW = import_module("diffusion_lessons.runs.draw")  # not its function


@pytest.fixture
def unlike(tmp_path):
    """A state whose network and average answer differently."""
    state, config = begun(tiny(tmp_path))
    for p in state.ema.model.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return state, config


def test_the_held_out_loss_is_of_the_average_on_pictures_held_out(unlike):
    state, config = unlike
    store = state.batches.store
    places = store.held_out[: look.MOST]
    x0, label = store.images(places), store.labels[places]
    seeded = torch.Generator().manual_seed(config.seed)
    noise = torch.randn(x0.shape, generator=seeded)
    last = state.schedule.num_steps
    with torch.no_grad():
        losses = [
            diffusion_loss(
                state.ema.model,
                x0,
                round(t),
                noise,
                state.schedule,
                predicts="v",
                label=label,
            )
            for t in torch.linspace(1, last, look.MOMENTS).tolist()
        ]
    expected = torch.stack(losses).mean().item()
    assert look.held_out_loss(state, config) == pytest.approx(expected)


def test_without_pictures_held_out_there_is_no_such_loss(unlike):
    state, config = unlike
    state.batches.store.held_out = torch.empty(0, dtype=torch.int64)
    assert look.held_out_loss(state, config) is None


def test_samples_have_the_same_noise_each_time_and_each_class(
    unlike, tmp_path, monkeypatch
):
    state, config = unlike
    asked = []

    def walk(model, x_T, *_, **__):
        asked.append((model.label, x_T))
        yield type("End", (), {"x": x_T})

    monkeypatch.setattr(DRAW, "ddim_sample", walk)
    for name in ("a.png", "b.png"):
        look.draw_samples(state, config, tmp_path / name)
        state.step += 100
    assert torch.equal(asked[0][1], asked[1][1])
    assert asked[0][0].tolist() == [i % 10 for i in range(look.COUNT)]
    assert (tmp_path / "a.png").read_bytes() == (
        tmp_path / "b.png"
    ).read_bytes()


def test_to_look_changes_nothing_of_the_run(tmp_path):
    plain = finish(tiny(tmp_path / "a"))
    assert finish(tiny(tmp_path / "b", sample_every=1)) == plain
    modes = [
        step.state.model.training
        for step in train_run(tiny(tmp_path / "c", sample_every=1))
    ]
    assert modes == [True] * 6
