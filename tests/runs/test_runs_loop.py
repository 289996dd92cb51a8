"""What is no number ends a run before it is saved."""

import pytest
import torch
from tiny_runs import finish, last, rows, stopped_after, tiny

from diffusion_lessons.runs.train import train_run


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_saved(
    tmp_path, monkeypatch
):
    config = tiny(tmp_path)
    stopped_after(2, config)
    before = last(tmp_path)["step"]
    monkeypatch.setattr(
        "diffusion_lessons.runs.step.diffusion_loss",
        lambda model, x0, t, *_, **__: model(x0, t).mean() * float("nan"),
    )
    words = (
        r"step 3: the loss is nan\. The last checkpoint in .* is from "
        r"before; go on from it with a lower learning rate"
    )
    with pytest.raises(RuntimeError, match=words):
        finish(config)
    assert last(tmp_path)["step"] == before == 2


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    run = train_run(tiny(tmp_path))
    next(run)
    next(run)
    state = next(run).state  # of step 3; that of step 2 was saved
    with torch.no_grad():
        next(state.model.parameters())[0] = float("inf")
    words = "step 3: the weights are not finite"
    with pytest.raises(RuntimeError, match=words):
        run.close()
    assert last(tmp_path)["step"] == 2
    assert all(x.isfinite().all() for x in last(tmp_path)["model"].values())


def test_each_thing_is_due_in_its_own_time(tmp_path):
    config = tiny(tmp_path, log_every=4, sample_every=3, save_every=5)
    steps = []
    for step in train_run(config):
        if (tmp_path / "last.safetensors").exists():
            steps.append((step.step, last(tmp_path)["step"]))
    assert steps == [(5, 5), (6, 5)]
    assert last(tmp_path)["step"] == 6
    assert [r["step"] for r in rows(tmp_path)] == ["3", "4", "6"]
