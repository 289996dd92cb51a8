"""What a run writes down, shows and looks at on its way."""

import pytest
import torch
from tiny_runs import finish, rows, stopped_after, tiny

from diffusion_lessons import InputError, diffusion_loss
from diffusion_lessons.runs import log, look
from diffusion_lessons.runs.begin import completed, state_of
from diffusion_lessons.runs.log import open_log
from diffusion_lessons.runs.pictures import open_pictures
from diffusion_lessons.runs.ranks import Ranks
from diffusion_lessons.runs.train import train_run

# The table


def test_rows_of_later_steps_and_half_rows_are_dropped(tmp_path):
    path = tmp_path / "log.csv"
    head = "step,loss,lr,pictures_per_second,held_out_loss\n"
    path.write_text(f"{head}1,0.5,1,2,\n2,0.4,1,2,0.3\n3,0.3,1,2,\n4,0.")
    with open_log(path, 2, None) as table:
        table.write(step=3, loss=0.25, lr=0.001, held_out_loss=None)
    assert path.read_text() == (
        f"{head}1,0.5,1,2,\n2,0.4,1,2,0.3\n3,0.25,0.001,,\n"
    )


def test_a_row_is_there_as_soon_as_it_is_written(tmp_path):
    path = tmp_path / "log.csv"
    with open_log(path, 0, None) as table:
        table.write(step=1, loss=1 / 3)
        assert path.read_text().endswith("\n1,0.333333,,,\n")


# TensorBoard


def scalars(folder):
    """What TensorBoard would show, {name: [(step, value), …]}."""
    from tensorboard.backend.event_processing import event_accumulator

    found = event_accumulator.EventAccumulator(str(folder))
    found.Reload()
    return {
        name: [(e.step, e.value) for e in found.Scalars(name)]
        for name in found.Tags()["scalars"]
    }


def test_tensorboard_shows_the_rows_of_the_log(tmp_path):
    """Also of a run that was stopped and went on."""
    config = tiny(tmp_path, tensorboard=True, sample_every=3)
    stopped_after(4, config)
    finish(config)
    shown = scalars(tmp_path / "events")
    for name in ("loss", "lr", "pictures_per_second", "held_out_loss"):
        table = [
            (int(r["step"]), float(r[name]))
            for r in rows(tmp_path)
            if r[name]
        ]
        assert [s for s, _ in shown[name]] == [s for s, _ in table]
        assert [v for _, v in shown[name]] == pytest.approx(
            [v for _, v in table], rel=1e-4
        )


def test_without_tensorboard_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "find_spec", lambda name: None)
    words = r"tensorboard: it is not installed \(pip install tensorboard\)"
    with pytest.raises(InputError, match=words):
        finish(tiny(tmp_path, tensorboard=True))


# The bar


def test_the_bar_tells_loss_speed_and_memory(tmp_path, capsys):
    losses = finish(tiny(tmp_path), progress=True)
    shown = capsys.readouterr().err
    assert "training: 100%" in shown
    assert "6/6" in shown
    assert f"loss {losses[-1]:.4f}, " in shown
    assert " pictures/s, " in shown
    assert " GB" in shown


def test_memory_is_that_of_this_process():
    used = log.memory(torch.device("cpu"))
    assert 0.05 < used < 50


# Looking


@pytest.fixture
def begun(tmp_path):
    """A state whose network and average answer differently."""
    config = tiny(tmp_path)
    config = completed(config, store := open_pictures("digits"))
    state = state_of(config, store, Ranks(torch.device("cpu")))
    for p in state.ema.model.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return state, config


def test_the_held_out_loss_is_of_the_average_on_pictures_held_out(begun):
    state, config = begun
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


def test_without_pictures_held_out_there_is_no_such_loss(begun):
    state, config = begun
    state.batches.store.held_out = torch.empty(0, dtype=torch.int64)
    assert look.held_out_loss(state, config) is None


def test_samples_have_the_same_noise_each_time_and_each_class(
    begun, tmp_path, monkeypatch
):
    state, config = begun
    asked = []

    def walk(model, x_T, *_, **__):
        asked.append((model.label, x_T))
        yield type("End", (), {"x": x_T})

    monkeypatch.setattr(look, "ddim_sample", walk)
    for name in ("a.png", "b.png"):
        look.draw_samples(state, config, tmp_path / name)
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
