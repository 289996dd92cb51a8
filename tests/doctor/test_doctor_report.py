"""A report says the same to people, notebooks and programs."""

from html import escape

import pytest

from diffusion_lessons.doctor import Report, Row
from diffusion_lessons.doctor.report import Question

DATA = Question("data", "looked at it", "in [-1, 1]")
TARGET = Question("target", "read it | twice", "best as it is")
WELL = Report((DATA.well("from -1 to 1"), TARGET.skip("no answer")))
ROWS = (
    DATA.well("from -1 to 1"),
    TARGET.ill("0.2 against 0.8", 'predicts="v_x"'),
    DATA.ill("again", "nothing"),
)
SICK = Report(ROWS)


def test_a_healthy_report_is_true_and_has_no_first():
    assert WELL
    assert WELL.healthy
    assert WELL.first is None
    assert WELL.sick == ()
    assert WELL.summary == "healthy: 1 tests found nothing wrong"


def test_a_sick_one_is_false_and_names_the_first():
    assert not SICK
    assert not SICK.healthy
    assert SICK.first == ROWS[1]
    assert SICK.sick == ("target", "data")
    assert SICK.summary == (
        'sick, first of all target: 0.2 against 0.8. predicts="v_x"'
    )


def test_a_row_is_found_by_its_name():
    assert SICK["target"] == ROWS[1]
    assert SICK["data"] == ROWS[0]
    with pytest.raises(KeyError, match="the rows are data, target, data"):
        SICK["labels"]


def test_a_judged_row_is_one_or_the_other():
    assert DATA.judge(True, "a", "b") == DATA.ill("a", "b")
    assert DATA.judge(False, "a", "b") == DATA.well("a")
    assert DATA.well("a").remedy == ""


def test_a_row_knows_whether_it_is_sick():
    assert [row.sick for row in ROWS] == [False, True, True]
    assert not DATA.skip("so").sick


def test_text_and_table_say_the_same():
    text, table = repr(SICK), SICK._repr_html_()
    for row in ROWS:
        for part in (
            row.name,
            row.done,
            row.found,
            row.healthy,
            row.remedy,
        ):
            assert part in text
            assert escape(part) in table
    assert SICK.summary in text


def test_the_text_marks_what_is_sick():
    lines = repr(SICK).splitlines()
    assert lines[0] == SICK.summary
    assert lines[2] == "data    ok   from -1 to 1"
    assert lines[5] == "target  SICK 0.2 against 0.8"
    assert lines[8] == '             remedy: predicts="v_x"'
    assert "target  -    no answer" in repr(WELL)


def test_what_is_found_does_not_break_the_table():
    rude = Report((DATA.ill("<b>a & b", "x < 1"),))._repr_html_()
    assert "&lt;b&gt;a &amp; b" in rude
    assert "<b>" not in rude
    table = SICK._repr_html_()
    assert table.count("<tr>") == 1 + len(ROWS)
    assert table.count("<td ") == 2 * len(ROWS)
    assert table.count("✗") == sum(row.sick for row in ROWS)


def test_rows_are_rows():
    assert all(isinstance(row, Row) for row in WELL.rows)
