"""A file is written whole or not at all."""

import pytest

from diffusion_lessons.files import whole_file


def write_half(place):
    place.write_text("half")
    raise OSError("no space left")


def test_the_file_holds_what_was_written_and_nothing_else_is_left(tmp_path):
    with whole_file(tmp_path / "a.txt") as place:
        place.write_text("new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "new"


def test_until_it_is_finished_the_old_file_is_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with whole_file(str(path)) as place:
        place.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_failure_leaves_the_old_file_and_no_half(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError), whole_file(path) as place:
        write_half(place)
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"
