"""A folder of pictures, or a set by its name, becomes a store."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion_lessons import load_images
from diffusion_lessons.runs import pictures as module
from diffusion_lessons.runs.pictures import open_pictures

COLOURS = {
    "red": (200, 30, 40),
    "green": (20, 180, 60),
    "blue": (9, 9, 250),
}


def paint(path, colour="red", side=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), COLOURS.get(colour, colour)).save(path)


def colours(store):
    """The colour of each picture, by name."""
    x = ((store.images(range(len(store))) + 1) * 127.5).round().int()
    names = {value: name for name, value in COLOURS.items()}
    return [names[tuple(v.tolist())] for v in x[:, :, 0, 0]]


@pytest.fixture
def folder(tmp_path):
    for i, colour in enumerate(COLOURS):
        paint(tmp_path / "mine" / f"{i}.png", colour)
    return tmp_path / "mine"


# A folder


def test_pictures_come_in_the_order_of_their_names(folder):
    store = open_pictures(folder, 8)
    assert colours(store) == ["red", "green", "blue"]
    assert store.shape == (3, 8, 8)
    assert store.labels is None
    assert store.classes == ()
    assert store.skipped == []


def test_without_a_size_a_side_has_32_pixels(folder):
    assert open_pictures(folder).shape == (3, 32, 32)
    assert open_pictures(str(folder), None).shape == (3, 32, 32)


@pytest.mark.parametrize("size", [8, 33, 128])
def test_a_side_has_the_size_asked_for(folder, size):
    assert open_pictures(folder, size).shape == (3, size, size)


@pytest.mark.parametrize("size", [7, 129, 0, 16.5, "8"])
def test_other_sizes_are_refused(folder, size):
    with pytest.raises(ValueError, match=r"size must be .* in 8\.\.128"):
        open_pictures(folder, size)


def test_folders_are_classes_in_the_order_of_their_names(tmp_path):
    paint(tmp_path / "b" / "deep" / "1.png", "red")
    paint(tmp_path / "a" / "2.png", "green")
    paint(tmp_path / "a" / "1.png", "blue")
    store = open_pictures(tmp_path, 8)
    assert store.classes == ("a", "b")
    assert colours(store) == ["blue", "green", "red"]
    assert store.labels.tolist() == [0, 0, 1]


def test_what_lies_beside_the_classes_is_of_none(tmp_path):
    for name in ("a/1.png", "b/1.png", "c.png"):
        paint(tmp_path / name)
    store = open_pictures(tmp_path, 8)
    assert len(store) == 2
    assert store.skipped == [
        ("c.png", "lies beside the folders of the classes")
    ]


def test_one_folder_alone_is_no_class(tmp_path):
    for name in ("a/1.png", "c.png"):
        paint(tmp_path / name)
    store = open_pictures(tmp_path, 8)
    assert (len(store), store.labels, store.classes) == (2, None, ())


@pytest.mark.parametrize("other", ["notes/a.txt", "notes/a.png", "notes/"])
def test_a_folder_without_a_picture_is_no_class(tmp_path, other):
    for name in ("a/1.png", "b/1.png"):
        paint(tmp_path / name)
    (tmp_path / "notes").mkdir()
    if not other.endswith("/"):
        (tmp_path / other).write_text("no picture")
    store = open_pictures(tmp_path, 8)
    assert store.classes == ("a", "b")
    assert store.labels.tolist() == [0, 1]


def test_a_class_whose_pictures_are_all_damaged_is_left_out(tmp_path):
    for name in ("a/1.png", "b/1.png", "c/1.png"):
        paint(tmp_path / name)
    (tmp_path / "b" / "1.png").write_bytes(b"")
    store = open_pictures(tmp_path, 8)
    assert store.classes == ("a", "c")
    assert store.labels.tolist() == [0, 1]


@pytest.mark.parametrize("name", [".hidden.png", ".git/a.png", "._0.png"])
def test_hidden_files_are_none(folder, name):
    paint(folder / name)
    store = open_pictures(folder, 8)
    assert len(store) == 3
    assert store.skipped == []


def test_bad_files_are_counted_and_named_and_the_rest_is_used(folder):
    (folder / "0a.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no picture")
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:50])
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    os.mkfifo(folder / "pipe.png")
    store = open_pictures(folder, 8)
    assert colours(store) == ["red", "green", "blue"]
    assert [name for name, _ in store.skipped] == [
        *("0a.png", "cut.png", "gone.png", "notes.txt", "pipe.png")
    ]
    reasons = [why.split(":")[0] for _, why in store.skipped]
    assert reasons[:3] == ["empty", "damaged", "not readable"]
    assert reasons[4] == "not a file"
    assert "5 files were left out: 0a.png (empty)" in repr(store)


def test_a_folder_that_may_not_be_read_is_named(folder, monkeypatch):
    (folder / "locked").mkdir()
    scandir = os.scandir

    def locked(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", locked)
    store = open_pictures(folder, 8)
    assert store.skipped == [("locked", "not readable: Permission denied")]


def test_folders_that_lead_in_a_circle_are_walked_once(folder):
    (folder / "again").symlink_to(folder)
    assert len(open_pictures(folder, 8)) == 3


def test_a_folder_of_another_place_is_walked(folder, tmp_path):
    paint(tmp_path / "elsewhere" / "z.png", "blue")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    assert colours(open_pictures(folder, 8))[-1] == "blue"


def test_names_that_are_no_text_are_read(tmp_path):
    name = os.fsdecode(b"f\xff.png")
    paint(tmp_path / "mine" / name)
    (tmp_path / "mine" / os.fsdecode(b"g\xff.png")).write_bytes(b"")
    store = open_pictures(tmp_path / "mine", 8, place=tmp_path / "s")
    assert len(store) == 1
    assert store.skipped == [(os.fsdecode(b"g\xff.png"), "empty")]


def test_more_pictures_than_are_decoded_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "AT_A_TIME", 4)
    wanted = [list(COLOURS)[i % 3] for i in range(11)]
    for i, colour in enumerate(wanted):
        paint(tmp_path / f"{i:02}.png", colour)
    assert colours(open_pictures(tmp_path, 8)) == wanted


@pytest.mark.parametrize("files", [[], ["a.txt"], ["a.txt", "b/c.png"]])
def test_a_folder_without_a_picture_says_so(tmp_path, files):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no picture")
    why = {0: "it is empty", 1: "1 file was", 2: "2 files were"}[len(files)]
    words = f"there is no picture in {tmp_path}: {why}"
    with pytest.raises(ValueError, match=words):
        open_pictures(tmp_path, 8)


def test_what_is_no_folder_is_refused_with_the_names_there_are(folder):
    with pytest.raises(ValueError, match=r"no folder cats.*'cifar10'"):
        open_pictures("cats", 8)
    with pytest.raises(ValueError, match=r"is a file.*unpacked"):
        open_pictures(folder / "0.png", 8)
    for wrong in (None, 3, "", ["a"]):
        with pytest.raises(ValueError, match="source must be a folder"):
            open_pictures(wrong, 8)


@pytest.mark.parametrize("inside", ["", "run", "run/store"])
def test_a_run_among_its_own_pictures_is_refused(folder, inside):
    with pytest.raises(ValueError, match="name a folder outside of it"):
        open_pictures(folder, 8, place=folder / inside)
    assert sorted(os.listdir(folder)) == ["0.png", "1.png", "2.png"]


def test_a_place_that_cannot_be_is_refused(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="there can be no folder"):
        open_pictures(folder, 8, place=tmp_path / "file" / "store")


def test_mirrored_pictures_are_there_for_training(tmp_path):
    left = np.zeros((8, 8, 3), np.uint8)
    left[:, :4] = 255
    Image.fromarray(left).save(tmp_path / "a.png")
    store = open_pictures(tmp_path, 8, flip=True)
    assert len(store) == 2
    straight, mirrored = store.images([0, 1])
    assert torch.equal(straight.flip(-1), mirrored)
    assert straight[:, :, 0].min() == 1


# Decoded once


@pytest.fixture
def decodings(monkeypatch):
    """The names of the files that are decoded."""
    seen, decoded = [], module.decoded

    def watched(path, size):
        seen.append(path.name)
        return decoded(path, size)

    monkeypatch.setattr(module, "decoded", watched)
    return seen


def test_pictures_are_decoded_once(folder, tmp_path, decodings):
    first = open_pictures(folder, 8, place=tmp_path / "s")
    assert sorted(decodings) == ["0.png", "1.png", "2.png"]
    again = open_pictures(folder, 8, place=tmp_path / "s", flip=True)
    assert len(decodings) == 3
    assert again.fingerprint == first.fingerprint


def retimed(folder):
    os.utime(folder / "0.png", ns=(1, 1))


CHANGES = {
    "another size": lambda folder: 16,
    "a new file": lambda folder: paint(folder / "3.png"),
    "a file less": lambda folder: (folder / "0.png").unlink(),
    "another name": lambda folder: (folder / "0.png").rename(
        folder / "x.png"
    ),
    "another time": retimed,
    "another text": lambda folder: (folder / "a.txt").write_text("a"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_they_are_decoded_again_when_something_changes(
    folder, tmp_path, decodings, change
):
    open_pictures(folder, 8, place=tmp_path / "s")
    size = CHANGES[change](folder) if change == "another size" else 8
    if size == 8:
        CHANGES[change](folder)
    decodings.clear()
    store = open_pictures(folder, size, place=tmp_path / "s")
    assert set(decodings) == {p.name for p in folder.iterdir()}, (
        "not decoded again"
    )
    assert store.shape[-1] == size


def test_another_time_is_another_file_but_the_same_pictures(
    folder, tmp_path
):
    first = open_pictures(folder, 8, place=tmp_path / "s").fingerprint
    retimed(folder)
    assert (
        open_pictures(folder, 8, place=tmp_path / "s").fingerprint == first
    )
    paint(folder / "0.png", "blue")
    assert (
        open_pictures(folder, 8, place=tmp_path / "s").fingerprint != first
    )


def test_a_damaged_store_is_made_anew(folder, tmp_path):
    first = open_pictures(folder, 8, place=tmp_path / "s")
    path = tmp_path / "s" / "pictures"
    path.write_bytes(path.read_bytes()[:-9])
    again = open_pictures(folder, 8, place=tmp_path / "s")
    assert again.fingerprint == first.fingerprint
    assert colours(again) == colours(first)


def test_where_the_pictures_are_gone_the_store_will_do(folder, tmp_path):
    first = open_pictures(folder, 8, place=tmp_path / "s")
    folder.rename(tmp_path / "away")
    again = open_pictures(folder, 8, place=tmp_path / "s")
    assert again.fingerprint == first.fingerprint
    for source, size in ((tmp_path / "other", 8), (folder, 16)):
        with pytest.raises(ValueError, match="there is no folder"):
            open_pictures(source, size, place=tmp_path / "s")


def test_without_a_place_the_file_goes_with_the_store(folder):
    store = open_pictures(folder, 8)
    path = store.path
    assert path.exists()
    del store
    assert not path.parent.exists()


def test_a_bar_is_shown_where_it_is_wanted(folder, tmp_path, capsys):
    for progress, place in ((False, "a"), (True, "b")):
        open_pictures(folder, 8, place=tmp_path / place, progress=progress)
        assert ("3/3" in capsys.readouterr().err) == progress


# Killed, and together with others


MAKE = """
import sys
from pathlib import Path
from diffusion_lessons.runs import pictures
folder, place, slow = sys.argv[1:]
decoded = pictures.decoded
def slowly(path, size):
    import time
    time.sleep(float(slow))
    return decoded(path, size)
pictures.decoded, pictures.AT_A_TIME = slowly, 1
print("go", flush=True)
store = pictures.open_pictures(folder, 8, place=place)
print(store.fingerprint)
"""


def start(folder, place, slow="0"):
    command = [sys.executable, "-c", MAKE, str(folder), str(place), slow]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "go\n"
    return run


def test_a_process_that_is_killed_leaves_nothing_that_counts(
    folder, tmp_path
):
    wanted = open_pictures(folder, 8).fingerprint
    run = start(folder, tmp_path / "s", "0.5")
    while not list(tmp_path.glob("s/*.unfinished")):
        time.sleep(0.01)
        assert run.poll() is None
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (tmp_path / "s" / "pictures").exists()
    again = open_pictures(folder, 8, place=tmp_path / "s")
    assert again.fingerprint == wanted
    assert sorted(os.listdir(tmp_path / "s")) == ["in_use", "pictures"]


def test_of_two_at_once_one_waits_and_takes_what_the_other_made(
    folder, tmp_path, decodings
):
    other = start(folder, tmp_path / "s", "0.2")
    while not list(tmp_path.glob("s/*.unfinished")):
        time.sleep(0.01)
        assert other.poll() is None
    store = open_pictures(folder, 8, place=tmp_path / "s")
    assert other.wait() == 0
    assert store.fingerprint == other.stdout.read().strip()
    assert decodings == []


# A set by its name


def test_the_digits_are_those_of_load_images(tmp_path):
    store = open_pictures("digits", place=tmp_path)
    parts = [load_images("digits", train=train) for train in (True, False)]
    images, labels = (torch.cat(part) for part in zip(*parts, strict=True))
    found = store.images(range(len(store)))
    torch.testing.assert_close(found, images, rtol=0, atol=1.001 / 255)
    assert torch.equal(store.labels, labels)
    assert store.classes == tuple("0123456789")
    assert store.training.tolist() == list(range(1077))
    assert store.held_out.tolist() == list(range(1077, 1797))
    assert store.fingerprint == open_pictures("digits").fingerprint


def test_a_set_is_resized_as_load_images_does():
    store = open_pictures("digits", 16)
    images, _ = load_images("digits", size=16)
    found = store.images(store.training)
    torch.testing.assert_close(found, images, rtol=0, atol=2 / 255)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_other_sets_are_asked_for_by_name(monkeypatch, name):
    colour = name == "cifar10"
    side, channels = (32, 3) if colour else (28, 1)

    def lent(asked, train):
        assert asked == name
        random = torch.Generator().manual_seed(int(train))
        count = 6 if train else 4
        shape = (count, channels, side, side)
        x = torch.randint(256, shape, generator=random).byte()
        return x, torch.arange(count)

    monkeypatch.setattr(module, "load_pixels", lent)
    store = open_pictures(name)
    assert store.shape == (channels, side, side)
    assert store.labels.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]
    assert store.held_out.tolist() == [6, 7, 8, 9]
    assert len(store.classes) == 10
    last = lent(name, False)[0] / 127.5 - 1
    torch.testing.assert_close(store.images(store.held_out), last)


def test_a_folder_that_is_called_like_a_set(tmp_path, monkeypatch):
    paint(tmp_path / "digits" / "a.png", "blue")
    monkeypatch.chdir(tmp_path)
    assert open_pictures("digits").classes == tuple("0123456789")
    assert colours(open_pictures("./digits", 8)) == ["blue"]
