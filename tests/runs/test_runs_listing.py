"""What is in a folder of pictures, and whether it has changed."""

import os

import pytest

from diffusion_lessons.runs.listing import BESIDE, check_apart, listing_of


@pytest.fixture
def folder(tmp_path):
    for name in ("b/2.png", "a/1.PNG", "a/deep/0.jpg", "a/.x.png", "c.gif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_files_come_in_the_order_of_their_names(folder):
    found = listing_of(folder)
    assert found.names == ["a/1.PNG", "a/deep/0.jpg", "b/2.png"]
    assert found.skipped == [["c.gif", BESIDE]]


def test_a_folder_of_notes_is_no_class(folder):
    (folder / "b" / "2.png").rename(folder / "b" / "2.txt")
    found = listing_of(folder)
    assert found.names == ["a/1.PNG", "a/deep/0.jpg", "b/2.txt", "c.gif"]
    assert found.skipped == []


def test_pipes_and_what_leads_nowhere_are_skipped(folder):
    os.mkfifo(folder / "a" / "pipe.png")
    (folder / "a" / "gone.png").symlink_to("nowhere")
    why = dict(listing_of(folder).skipped)
    assert why["a/pipe.png"] == "not a file"
    assert why["a/gone.png"].startswith("not readable: No such file")


def test_a_circle_ends(folder):
    before = listing_of(folder).names
    (folder / "a" / "round").symlink_to(folder)
    assert listing_of(folder).names == before


CHANGES = {
    "a name": lambda path: path.rename(path.with_name("3.png")),
    "a size": lambda path: path.write_text("longer than before"),
    "a time": lambda path: os.utime(path, ns=(5, 5)),
    "a file less": lambda path: path.unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_state_changes_with_every_name_size_and_time(folder, change):
    path = folder / "b" / "2.png"
    os.utime(path, ns=(7, 7))
    before = listing_of(folder).state
    assert listing_of(folder).state == before
    CHANGES[change](path)
    if change == "a size":
        os.utime(path, ns=(7, 7))
    assert listing_of(folder).state != before


@pytest.mark.parametrize("place", ["", "run", "a/deep"])
def test_a_run_among_its_pictures_is_refused(folder, place):
    with pytest.raises(ValueError, match="outside of it"):
        check_apart(folder, folder / place)
    check_apart(folder / "a", folder / "run")


def test_the_order_is_that_of_the_names_and_of_nothing_else(tmp_path):
    names = ["1b.png", "10.png", "2.png", "B.png", "a.png"]
    for name in reversed(names):
        (tmp_path / name).write_text("")
    assert listing_of(tmp_path).names == sorted(names)
