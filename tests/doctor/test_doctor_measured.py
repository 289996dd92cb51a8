"""The table of the doctor, as it is shipped."""

from diffusion_lessons.doctor import measured
from diffusion_lessons.doctor.measured import Measured, Score
from diffusion_lessons.doctor.report import LEFT


def test_the_table_of_the_doctor_counts_both_kinds_of_mistake():
    scores = (
        Score("healthy", "", 50, 1, 49),
        Score("nan", "finite", 10, 10, 10),
        Score("no_clip", "clip", 10, 9, 8),
    )
    table = Measured(3, scores)
    assert table.healthy == scores[0]
    assert table.found == 18 / 20
    assert table.false_alarms == 1 / 50
    assert repr(table).splitlines()[3].split() == [
        "no_clip",
        "clip",
        "10",
        "9",
        "8",
    ]
    cells = ("no_clip", "clip", "10", "9", "8")
    row = "".join(f"<td {LEFT}>{cell}</td>" for cell in cells)
    assert f"<tr>{row}</tr>" in table._repr_html_()


def test_the_shipped_table_keeps_what_is_promised():
    """>= 95 % of the sick by name, <= 2 % of the healthy called sick."""
    table = measured()
    assert table.healthy.asked >= 50
    assert table.false_alarms <= 0.02
    assert table.found >= 0.95
    assert sum(score.asked for score in table.scores) > 200
