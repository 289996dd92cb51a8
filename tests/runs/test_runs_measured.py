"""What chapter 13 says of many runs is what was measured."""

import json

import pytest

from diffusion_lessons.runs import measured as module
from diffusion_lessons.runs.measured import (
    BASE,
    before_tuning,
    copying,
    fine_tuned,
    on_gpu,
    part,
    switched,
)

FOUND = {
    "switches": {
        "found": {
            "found": {
                "a": [{"loss": x, "frechet": 1.0} for x in (1.1, 2.4, 3.9)],
                BASE: [{"loss": x, "frechet": 2.0} for x in (1, 2, 3)],
            }
        }
    },
    "copying": {
        "found": [
            {
                "pictures": 50,
                "own_loss": 0.1,
                "other_loss": 0.2,
                "nearer": 0.9,
                "copies": 0.4,
                "samples": 250,
                "more": 1,
            }
        ]
    },
    "gpu": {
        "found": [
            {
                "way": "fp32",
                "step_ms": 4.0,
                "busy_ms": 3.0,
                "loss": 0.2,
                "held_out_loss": 0.3,
            }
        ]
    },
    "fine_tuning": {
        "found": {
            "before": 0.4,
            "rows": [
                {
                    "pictures": 10,
                    "steps": 100,
                    "shipped": [0.1, 0.2, 0.3],
                    "random": [0.4, 0.4, 0.7],
                }
            ],
        }
    },
}


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    (tmp_path / "m.json").write_text(json.dumps(FOUND))
    monkeypatch.setattr(module, "FILE", tmp_path / "m.json")


def test_a_switch_is_compared_seed_by_seed(made_up):
    base, a = switched()
    assert base == (BASE, 2, 0, 0)
    assert (a.name, a.loss) == ("a", pytest.approx(7.4 / 3))
    assert a.change == pytest.approx((0.1 + 0.2 + 0.3) / 3)
    assert a.margin == pytest.approx(4.303 * 0.1 / 3**0.5)
    assert switched("frechet")[1].change == pytest.approx(-0.5)


def test_the_interval_is_students():
    from scipy import stats

    assert abs(module.STUDENT - stats.t(2).ppf(0.975)) < 1e-3


def test_the_other_tables_are_read_as_they_stand(made_up):
    assert copying() == [(50, 0.1, 0.2, 0.9, 0.4, 250)]
    assert on_gpu() == [("fp32", 4.0, 3.0, 0.2)]
    (row,) = fine_tuned()
    assert row[:2] == (10, 100)
    assert row.shipped == pytest.approx(0.2)
    assert row.random == pytest.approx(0.5)
    assert before_tuning() == 0.4


@pytest.mark.parametrize("name", ["switches", "copying", "fine_tuning"])
def test_a_table_says_how_it_was_made(name):
    found = part(name)
    assert found["command"] == f"python tools/release/runs_table.py {name}"
    assert found["cpu_seconds"] > 0
    assert found["torch"]


def test_what_a_gpu_took_is_told_with_its_name():
    found = part("gpu")
    assert found["command"] == "python -m benchmarks gpu --device cuda"
    assert found["card"].startswith("NVIDIA")
    assert on_gpu()[0].way == "fp32"
    assert all(0 < row.busy_ms < row.step_ms for row in on_gpu())


def test_each_habit_was_tried_with_three_seeds():
    found = part("switches")["found"]["found"]
    assert set(found) == {
        *(BASE, "no average", "no warm-up", "with flips"),
        *("batch 128", "batch 128, lr x 2", "batch 128, lr x 4"),
    }
    assert all(len(seeds) == 3 for seeds in found.values())
    assert [row.pictures for row in copying()] == [50, 500, 5000]
    assert {row.pictures for row in fine_tuned()} == {10, 50, 250}
