"""A file is written whole or not at all, and says so if it is damaged."""

import os
import random
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from diffusion_lessons import DamagedFile, files
from diffusion_lessons.files import (
    kind_of,
    read_tensors,
    whole_file,
    write_tensors,
)

TENSORS = {
    "a": torch.linspace(-1, 1, 12).view(3, 4),
    "b/0": torch.arange(7),
    "half": torch.linspace(0, 1, 5).half(),
    "flags": torch.tensor([True, False]),
    "none": torch.empty(0, 3),
    "one": torch.tensor(2.5, dtype=torch.float64),
    "bits": torch.linspace(0, 1, 3).bfloat16(),
}
FACTS = {"steps": 3, "lr": 0.1, "names": ["a", None, True], "word": "ᾱ"}


def write_half(place):
    place.write_text("half")
    raise OSError("no space left")


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "run"
    write_tensors(path, TENSORS, FACTS)
    return path


# Whole or not at all


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


def test_two_who_write_one_path_do_not_meet(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file(path) as one, whole_file(path) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_what_is_written_is_on_the_disk_before_the_old_file_goes(
    tmp_path, monkeypatch
):
    done = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda f: (done.append("sync"), sync(f))
    )
    monkeypatch.setattr(
        os, "replace", lambda a, b: (done.append("move"), replace(a, b))
    )
    with whole_file(tmp_path / "a") as place:
        place.write_text("new")
        assert done == []
    assert done == ["sync", "move", "sync"]


def test_a_full_disk_is_said_with_the_path_that_was_meant(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    words = r"a\.txt could not be written \(No space left.*older file is as"
    full = OSError(28, "No space left on device", "draft")
    with pytest.raises(OSError, match=words) as caught, whole_file(path):
        raise full
    assert caught.value.errno == 28
    assert path.read_text() == "old"


@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="no device that is always full"
)
def test_a_disk_that_is_really_full_leaves_the_old_file(
    written, monkeypatch
):
    before = written.read_bytes()

    def into_the_full_one(self, data):
        with open("/dev/full", "wb", buffering=0) as file:
            file.write(data)

    monkeypatch.setattr(type(written), "write_bytes", into_the_full_one)
    with pytest.raises(OSError, match=r"could not be written .No space"):
        write_tensors(written, TENSORS, {})
    assert written.read_bytes() == before
    assert len(list(written.parent.iterdir())) == 1


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone/a could not be"):
        write_tensors(tmp_path / "gone" / "a", TENSORS, {})


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with whole_file(link) as place:
        place.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_file_has_the_rights_that_others_get(tmp_path):
    with whole_file(tmp_path / "a") as place:
        place.write_text("x")
    (tmp_path / "b").write_text("x")
    a, b = ((tmp_path / n).stat().st_mode for n in "ab")
    assert a == b


def test_processes_that_write_one_path_leave_one_whole_file(tmp_path):
    code = (
        "import sys, torch; from diffusion_lessons.files import *\n"
        "for i in range(40): write_tensors(sys.argv[1], "
        "{'x': torch.full((5000,), float(sys.argv[2]))}, {'i': i})"
    )
    path = tmp_path / "run"
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(k)])
        for k in range(2)
    ]
    assert [run.wait() for run in runs] == [0, 0]
    tensors, facts = read_tensors(path)
    assert len(tensors["x"].unique()) == 1
    assert facts == {"i": 39}
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


# What comes back


def test_tensors_and_facts_come_back_as_they_were(written):
    tensors, facts = read_tensors(written)
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)
    assert facts == FACTS


def test_tensors_that_share_their_memory_can_be_written(tmp_path):
    x = torch.arange(12.0).view(3, 4)
    write_tensors(tmp_path / "a", {"x": x, "same": x, "t": x.T}, {})
    tensors, _ = read_tensors(tmp_path / "a")
    assert torch.equal(tensors["same"], x)
    assert torch.equal(tensors["t"], x.T)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for i in range(12):
        turned = dict(reversed(FACTS.items())) if i % 2 else FACTS
        write_tensors(tmp_path / str(i), TENSORS, turned)
    assert len({p.read_bytes() for p in tmp_path.iterdir()}) == 1


def test_a_header_of_any_length_is_read(tmp_path):
    """Its length comes first, and may look like other kinds of files."""
    lengths = set()
    for pad in range(0, 16_500, 7):
        facts = {"pad": "x" * pad}
        if pad > 600 and not 15_000 < pad < 15_400:
            continue
        write_tensors(tmp_path / "a", {"x": torch.ones(1)}, facts)
        lengths.add((tmp_path / "a").read_bytes()[0])
        assert read_tensors(tmp_path / "a")[1] == facts
    assert lengths == set(range(0, 256, 8))


# Damage


def test_any_flipped_bit_is_noticed(written):
    """300 places, and all of the first 64 bytes."""
    whole = written.read_bytes()
    draw = random.Random(0)
    places = [*range(512)] + [
        draw.randrange(8 * len(whole)) for _ in range(300)
    ]
    for place in places:
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        written.write_bytes(data)
        with pytest.raises(DamagedFile, match=f"{written} "):
            read_tensors(written)


def test_a_cut_file_is_noticed(written):
    whole = written.read_bytes()
    for length in (0, 1, 7, 8, 9, 50, len(whole) // 2, len(whole) - 1):
        written.write_bytes(whole[:length])
        with pytest.raises(DamagedFile):
            read_tensors(written)


@pytest.mark.parametrize(
    "change",
    [
        {"a": TENSORS["a"] + 1e-6},
        {"a": TENSORS["a"].double()},
        {"a": TENSORS["a"].view(torch.int32)},  # the same bytes
        {"a": TENSORS["a"].view(4, 3)},
        {"b": TENSORS["b/0"]},
        {},
    ],
)
def test_the_checksum_is_of_names_kinds_shapes_and_numbers(
    change, written, tmp_path, monkeypatch
):
    """A checksum of other tensors is no checksum of these."""
    others = {"a": TENSORS["a"], "b/0": TENSORS["b/0"]} | change
    if not change or "b" in change:
        others.pop("b/0")
    right = files._checksum({k: TENSORS[k] for k in ("a", "b/0")}, "{}")
    monkeypatch.setattr(files, "_checksum", lambda *given: right)
    write_tensors(tmp_path / "lie", others, {})
    monkeypatch.undo()
    with pytest.raises(DamagedFile, match="other numbers were written"):
        read_tensors(tmp_path / "lie")


def test_the_checksum_is_of_the_facts_too(tmp_path, monkeypatch):
    right = files._checksum(TENSORS, '{"lr": 1}')
    monkeypatch.setattr(files, "_checksum", lambda *given: right)
    write_tensors(tmp_path / "lie", TENSORS, {"lr": 2})
    monkeypatch.undo()
    with pytest.raises(DamagedFile, match="other numbers were written"):
        read_tensors(tmp_path / "lie")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>404</html>", "a web page"),
        (b"\n  <html>", "a web page"),
        (b"PK\x03\x04" + b"x" * 90, "a zip file"),
        (b"\x80\x02}q\x00.", "a pickle"),
        (b"\x1f\x8b\x08" + b"x" * 90, "packed with gzip"),
        (b"version https://git-lfs", "something else"),
    ],
)
def test_what_is_no_such_file_is_named(tmp_path, data, kind):
    (tmp_path / "a").write_bytes(data)
    assert kind in kind_of(data)
    with pytest.raises(DamagedFile, match=f"no safetensors.*{kind}"):
        read_tensors(tmp_path / "a")


def test_safetensors_of_others_have_no_checksum_and_say_so(tmp_path):
    save_file({"x": torch.ones(3)}, tmp_path / "a")
    with pytest.raises(DamagedFile, match="has no checksum"):
        read_tensors(tmp_path / "a")
    save_file({"x": torch.ones(3)}, tmp_path / "a", {"format": "pt"})
    with pytest.raises(DamagedFile, match="has no checksum"):
        read_tensors(tmp_path / "a")
