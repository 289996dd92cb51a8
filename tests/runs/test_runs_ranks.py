"""A run is the same run on one process, on two and on three."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from tiny_runs import (
    finish,
    gradients,
    last,
    options,
    rows,
    same,
    start,
    stopped_after,
    tiny,
)

from diffusion_lessons import InputError
from diffusion_lessons.runs import ranks
from diffusion_lessons.runs.ranks import Ranks, joined, parts_of


@pytest.mark.parametrize(
    ("count", "each"), [(1, 1), (2, 1), (3, 2), (7, 1)]
)
def test_the_parts_are_the_batch_and_as_even_as_can_be(count, each):
    parts = [p for r in range(count) for p in parts_of(7, r, count, each)]
    assert [i for p in parts for i in range(7)[p]] == list(range(7))
    sizes = [p.stop - p.start for p in parts]
    assert max(sizes) - min(sizes) <= 1


def test_a_batch_that_is_too_small_to_be_divided_is_refused(tmp_path):
    words = (
        "batch_size: 7 pictures cannot be divided among 4 processes, 2 "
        "parts each; take batch_size=8 or more"
    )
    with pytest.raises(InputError, match=words):
        parts_of(7, 0, 4, 2)
    with pytest.raises(
        InputError, match=r"among 1 processes, 8 parts each"
    ):
        finish(tiny(tmp_path, accumulate=8))


@pytest.mark.parametrize("count", [2, 3])
def test_the_parts_of_all_processes_are_the_step_of_the_whole(
    tmp_path, count
):
    """Also where 7 pictures are divided unevenly."""
    config = tiny(tmp_path)
    loss, gradient = gradients(config)
    parts = [gradients(config, rank, count) for rank in range(count)]
    assert sum(p for p, _ in parts) == pytest.approx(loss, rel=1e-5)
    mean = torch.stack([g for _, g in parts]).mean(0)
    torch.testing.assert_close(mean, gradient, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(parts[0][1], gradient, rtol=0.1)


@pytest.mark.parametrize("accumulate", [2, 3, 7])
def test_a_batch_in_parts_is_the_step_of_the_whole(tmp_path, accumulate):
    loss, gradient = gradients(tiny(tmp_path))
    in_parts = gradients(tiny(tmp_path, accumulate=accumulate))
    assert in_parts[0] == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(in_parts[1], gradient, rtol=1e-4, atol=1e-6)


# Devices


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    words = "device: PyTorch finds no cuda here; it finds .*cpu"
    with pytest.raises(InputError, match=words), joined("cuda"):
        pass


def test_several_processes_do_not_meet_on_mps(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    words = "device: torchrun's processes meet on cpu or cuda; got mps"
    with pytest.raises(InputError, match=words), joined("mps"):
        pass


def test_auto_is_the_best_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert ranks._place("auto", alone=True).type == "mps"
    assert ranks._place("auto", alone=False).type == "cpu"


def test_each_start_has_a_name_of_its_own(monkeypatch):
    """On one machine; several do not count their starts alike."""
    names = []
    for nodes, count in [("1", "0"), ("1", "1"), ("2", "0"), ("2", "1")]:
        monkeypatch.setenv("GROUP_WORLD_SIZE", nodes)
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", count)
        names.append(ranks._attempt())
    assert names[0] != names[1]
    assert names[2] == names[3]


# torchrun


def ended(process):
    """Wait for it: its code and its words."""
    said, complaints = process.communicate()
    return process.returncode, said, complaints


def wait_for_row(process, config, step):
    """Until the log has come to a step."""
    while not (config.out / "log.csv").exists():
        assert process.poll() is None, process.communicate()
    while not any(int(r["step"]) >= step for r in rows(config.out)):
        assert process.poll() is None, process.communicate()


def assert_the_same_run(one, other):
    """Equal to 1e-5 in every loss, and in the weights to rounding.

    AdamW makes of a rounding of a gradient near 0 a part of a step of lr.
    """
    losses = [[float(r["loss"]) for r in rows(c.out)] for c in (one, other)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    weights = [last(c.out)["ema"]["model"] for c in (one, other)]
    for name, value in weights[0].items():
        torch.testing.assert_close(
            weights[1][name], value, rtol=1e-3, atol=2 * one.lr
        )


def test_three_processes_train_as_one_for_50_steps(tmp_path):
    one, three = (tiny(tmp_path / n, steps=50) for n in ("one", "three"))
    code, said, complaints = ended(start(*options(three), processes=3))
    assert code == 0, complaints
    assert said.startswith(f"{three.out}: 50 steps, loss 0.")
    assert said.count("\n") == 1  # one speaks for all
    finish(one)
    assert_the_same_run(one, three)


@pytest.mark.gpu
def test_nccl_carries_what_processes_tell_each_other():
    """One GPU is one process; it says to itself what it would to others."""
    here = torch.device("cuda", torch.cuda.current_device())
    dist.init_process_group(
        "nccl", store=dist.HashStore(), rank=0, world_size=1
    )
    try:
        two = Ranks(here, rank=0, count=2)
        assert two.sums(0.5, 1.0) == [0.5, 1.0]
        assert two.once(lambda: {"a": 1}) == {"a": 1}
        model = torch.nn.Linear(2, 1).to(here)
        shared = two.shared(model)
        shared(torch.ones(3, 2, device=here)).sum().backward()
        assert torch.equal(
            model.weight.grad, 3 * torch.ones_like(model.weight)
        )
    finally:
        dist.destroy_process_group()


@pytest.mark.gpu
def test_processes_on_gpus_train_as_one(tmp_path):
    if (count := torch.cuda.device_count()) < 2:
        pytest.skip("needs two GPUs")
    one, several = (
        tiny(tmp_path / n, steps=50, batch_size=8, device="cuda")
        for n in ("one", "several")
    )
    process = start(*options(several), processes=count)
    code, _, complaints = ended(process)
    assert code == 0, complaints
    finish(one)
    assert_the_same_run(one, several)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A run of two processes that nothing has disturbed."""
    config = tiny(tmp_path_factory.mktemp("two"), steps=100)
    code, _, complaints = ended(start(*options(config), processes=2))
    assert code == 0, complaints
    return config


def test_a_run_goes_on_with_two_one_and_two_processes(tmp_path, two):
    """It is stopped by SIGTERM to torchrun, and then as by Ctrl-C."""
    other = replace(two, out=tmp_path)
    process = start(*options(other), processes=2)
    wait_for_row(process, other, 5)
    process.terminate()
    _, said, complaints = ended(process)
    step = last(other.out)["step"]
    assert f"stopped at step {step} of 100 and saved" in said, complaints
    assert rows(other.out)[-1]["step"] == str(step)
    stopped_after(10, other)
    assert last(other.out)["step"] == step + 10
    code, _, complaints = ended(start(*options(other), processes=2))
    assert code == 0, complaints
    assert_the_same_run(two, other)


def workers(process):
    """The processes that torchrun has started, by their ids."""
    place = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(word) for word in place.read_text().split()]


def test_a_killed_process_is_started_again_and_the_run_ends_the_same(
    tmp_path, two
):
    other = replace(two, out=tmp_path)
    process = start(
        *options(other), processes=2, torchrun=["--max-restarts=1"]
    )
    wait_for_row(process, other, 5)
    writer = int((other.out / "in_use").read_text())
    (reader,) = [pid for pid in workers(process) if pid != writer]
    os.kill(reader, signal.SIGKILL)
    code, said, complaints = ended(process)
    assert code == 0, complaints
    assert "100 steps, loss" in said
    assert int((other.out / "in_use").read_text()) != writer
    assert same(last(other.out), last(two.out))
