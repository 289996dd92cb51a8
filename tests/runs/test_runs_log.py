"""What a run writes down, shows and looks at on its way."""

import pytest
import torch
from tiny_runs import finish, rows, stopped_after, tiny

from diffusion_lessons import InputError
from diffusion_lessons.runs import log
from diffusion_lessons.runs.log import open_log

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


def test_half_a_row_of_an_earlier_step_is_dropped(tmp_path):
    path = tmp_path / "log.csv"
    head = "step,loss,lr,pictures_per_second,held_out_loss\n"
    path.write_text(f"{head}1,0.5,1,2,\n2,0.")
    with open_log(path, 2, None):
        pass
    assert path.read_text() == f"{head}1,0.5,1,2,\n"


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


def test_tensorboard_forgets_what_it_was_told_of_later_steps(tmp_path):
    path, events = tmp_path / "log.csv", tmp_path / "events"
    for begin, loss in ((0, 1.0), (2, 2.0)):
        with open_log(path, begin, events) as table:
            for step in range(begin + 1, begin + 5):
                table.write(step=step, loss=loss)
    assert scalars(events)["loss"] == [
        *((1, 1.0), (2, 1.0)),
        *((step, 2.0) for step in (3, 4, 5, 6)),
    ]


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
