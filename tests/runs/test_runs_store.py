"""Pictures in one file: what goes in comes out, in any order."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion_lessons.runs import store as module
from diffusion_lessons.runs.store import (
    Header,
    Store,
    held_out_of,
    left_out,
    read_header,
    write_store,
)


def pixels(count, side=4, seed=0, grey=False):
    random = np.random.default_rng(seed)
    shape = (count, 1 if grey else 3, side, side)
    values = random.integers(0, 256, shape, dtype=np.uint8)
    return np.repeat(values, 3, 1) if grey else values


def written(path, given, **facts):
    write_store(path, Header([], "made", "once", **facts), iter(given))
    return path


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    data=st.data(),
    count=st.integers(1, 45),
    side=st.integers(1, 6),
    flip=st.booleans(),
    grey=st.booleans(),
)
def test_any_pictures_come_out_as_they_went_in(
    tmp_path_factory, data, count, side, flip, grey
):
    values = pixels(count, side, count, grey)
    path = written(tmp_path_factory.mktemp("s") / "p", values)
    store = Store(path, flip)
    assert len(store) == count * (1 + flip)
    places = st.integers(0, len(store) - 1)
    chosen = data.draw(st.lists(places, max_size=20))
    found = store.images(torch.tensor(chosen, dtype=torch.int64))
    assert found.shape == (len(chosen), *store.shape)
    assert store.shape == (1 if grey else 3, side, side)
    for i, x in zip(chosen, found, strict=True):
        own = torch.tensor(values[i % count][: store.shape[0]])
        wanted = own.flip(-1) if i >= count else own
        torch.testing.assert_close(x, wanted / 127.5 - 1)
        assert torch.equal(((x + 1) * 127.5).round().byte(), wanted)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    count=st.integers(1, 200),
    copies=st.integers(1, 3),
    flip=st.booleans(),
)
def test_held_out_pictures_are_never_trained_on(
    tmp_path_factory, count, copies, flip
):
    values = np.concatenate([pixels(count, 2)] * copies)
    store = Store(written(tmp_path_factory.mktemp("s") / "p", values), flip)
    seen = {store.images([i]).numpy().tobytes() for i in store.training}
    held = {store.images([i]).numpy().tobytes() for i in store.held_out}
    mirrored = {
        store.images([i]).flip(-1).numpy().tobytes() for i in store.held_out
    }
    assert not seen & held
    if flip:
        assert not seen & mirrored
    both = len(store.training) / (1 + flip) + len(store.held_out)
    assert both == len(values)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(st.binary(min_size=1, max_size=2), max_size=300))
def test_one_in_twenty_is_held_out_by_what_it_shows(digests):
    chosen = {digests[i] for i in held_out_of(digests)}
    assert len(chosen) == len(set(digests)) // 20
    others = set(digests) - chosen
    assert not chosen or max(chosen) < min(others)


def test_of_very_many_a_thousand_are_held_out():
    digests = [i.to_bytes(4) for i in range(30_000)]
    assert held_out_of(digests) == list(range(1000))


def test_one_more_picture_moves_no_more_than_two_others():
    digests = [bytes([i * 37 % 251, i]) for i in range(200)]
    before = {digests[i] for i in held_out_of(digests)}
    more = [*digests, b"\0\0"]
    after = {more[i] for i in held_out_of(more)}
    assert len(before ^ after) <= 2


def test_all_grey_pictures_have_one_channel_and_one_in_colour_is_enough(
    tmp_path,
):
    grey = pixels(5, grey=True)
    assert Store(written(tmp_path / "a", grey)).shape == (1, 4, 4)
    grey[3, 2, 1, 1] += 1
    assert Store(written(tmp_path / "b", grey)).shape == (3, 4, 4)


def test_the_file_is_as_large_as_its_pictures(tmp_path):
    for grey, channels in ((True, 1), (False, 3)):
        path = written(tmp_path / "p", pixels(100, 16, grey=grey))
        assert 0 < path.stat().st_size - 100 * channels * 256 < 1000


def test_labels_are_there_twice_where_pictures_are(tmp_path):
    path = written(
        tmp_path / "p", pixels(3), labels=[1, 0, 1], classes=["a", "b"]
    )
    assert Store(path).labels.tolist() == [1, 0, 1]
    twice = Store(path, flip=True)
    assert twice.labels.tolist() == [1, 0, 1] * 2
    assert twice.labels.dtype == torch.int64
    assert twice.classes == ("a", "b")
    assert Store(written(tmp_path / "q", pixels(3))).labels is None


def test_a_store_says_what_is_in_it(tmp_path):
    path = written(
        tmp_path / "p", pixels(40), classes=["a", "b"], skipped=[["x", "y"]]
    )
    assert repr(Store(path, flip=True)) == (
        "40 pictures, 4 x 4, in colour, 2 classes, 2 held out, 1 file was "
        "left out: x (y)"
    )


def test_of_many_files_left_out_five_are_named():
    assert left_out([]) == ""
    words = left_out([[f"{i}.txt", "empty"] for i in range(8)])
    assert words.startswith("8 files were left out: 0.txt (empty), 1.txt")
    assert words.endswith("4.txt (empty), and 3 more")


@pytest.mark.parametrize(
    "indices", [[5], [-1], [[0]], 3, [0.5], "0", torch.tensor([True])]
)
def test_places_that_are_none_are_refused(tmp_path, indices):
    store = Store(written(tmp_path / "p", pixels(5)))
    with pytest.raises(ValueError, match=r"indices must be .* in 0\.\.4"):
        store.images(indices)


# The fingerprint


def test_the_fingerprint_is_of_what_is_in_it_and_not_of_where(tmp_path):
    def mark(name, values, **facts):
        return Store(written(tmp_path / name, values, **facts)).fingerprint

    base, values = mark("a", pixels(5)), pixels(5)
    assert mark("b", values) == base
    assert mark("c", values, skipped=[["x", "y"]]) == base
    others = [
        mark("d", pixels(5, seed=1)),
        mark("e", values[:4]),
        mark("f", values[::-1]),
        mark("g", values, labels=[0, 0, 0, 1, 1], classes=["a", "b"]),
        mark("h", values, labels=[0, 0, 0, 1, 1], classes=["a", "c"]),
        mark("i", values, labels=[0, 0, 1, 1, 1], classes=["a", "b"]),
    ]
    assert len({base, *others}) == 7


def test_mirrored_pictures_do_not_change_it(tmp_path):
    path = written(tmp_path / "p", pixels(5))
    assert Store(path).fingerprint == Store(path, flip=True).fingerprint


# Whole or not at all


@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_picture_that_fails_leaves_the_older_file(tmp_path, at):
    def breaks():
        yield from pixels(at)
        raise RuntimeError("no more")

    path = written(tmp_path / "p", pixels(7))
    with pytest.raises(RuntimeError, match="no more"):
        write_store(path, Header([], "made", "again"), breaks())
    assert read_header(path).shape == [7, 3, 4, 4]
    assert [p.name for p in tmp_path.iterdir()] == ["p"]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(cut=st.integers(1, 600), flips=st.integers(1, 45))
def test_a_file_that_was_cut_or_has_another_end_is_no_store(
    tmp_path_factory, cut, flips
):
    path = written(tmp_path_factory.mktemp("s") / "p", pixels(3))
    data = bytearray(path.read_bytes())
    path.write_bytes(data[:-cut])
    assert read_header(path) is None
    data[-flips] ^= 0xFF
    path.write_bytes(data)
    assert read_header(path) != Header([3, 3, 4, 4], "made", "once")
    with pytest.raises(ValueError, match="no store of pictures"):
        Store(path.with_name("nowhere"))


def test_an_open_store_reads_on_when_the_file_is_made_anew(tmp_path):
    path = written(tmp_path / "p", pixels(5))
    store = Store(path)
    before = store.images([0, 4])
    written(path, pixels(5, seed=1))
    assert torch.equal(store.images([0, 4]), before)
    assert not torch.equal(Store(path).images([0, 4]), before)


def test_pages_are_handed_back_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HOLD", 100)
    store = Store(written(tmp_path / "p", pixels(5)))
    first = store.images([0, 1, 2])
    assert store._pages._read == 0
    assert torch.equal(store.images([0, 1, 2]), first)
