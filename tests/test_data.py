"""Images in [-1, 1], and the mixture whose every answer is known."""

import hashlib
import os
import pickle
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from torchvision import datasets

from diffusion_lessons import (
    load_images,
)
from diffusion_lessons.data import CLASSES, data_root, load_pixels
from diffusion_lessons.data import NAMES as SETS

# The digits


@pytest.mark.parametrize(("train", "count"), [(True, 1077), (False, 720)])
def test_digits_are_images_from_minus_1_to_1(train, count):
    images, labels = load_images("digits", train=train)
    assert images.shape == (count, 1, 8, 8)
    assert images.dtype == torch.float32
    assert (images.min(), images.max()) == (-1, 1)
    assert labels.shape == (count,)
    assert labels.dtype == torch.int64


@pytest.mark.parametrize("train", [True, False])
def test_every_class_of_digit_is_well_represented(train):
    _, labels = load_images(train=train)
    counts = labels.bincount(minlength=10)
    assert counts.min() > 0.8 * counts.max()


def test_training_and_test_digits_together_are_sklearns():
    from sklearn.datasets import load_digits

    both = [load_images(train=train)[0] for train in (True, False)]
    ours = (torch.cat(both).reshape(-1, 64) + 1) * 8
    assert sorted(ours.tolist()) == sorted(load_digits().data.tolist())


def test_labels_belong_to_their_digits():
    from sklearn.datasets import load_digits

    pairs = zip(*load_digits(return_X_y=True), strict=True)
    known = {tuple(x): y for x, y in pairs}
    images, labels = load_images(train=False)
    pixels = ((images + 1) * 8).reshape(-1, 64).tolist()
    assert [known[tuple(x)] for x in pixels] == labels.tolist()


def test_digits_are_the_same_every_time():
    one, same = load_images(), load_images()
    assert torch.equal(one[0], same[0])
    assert torch.equal(one[1], same[1])


@pytest.mark.parametrize("size", [4, 8, 28, 32, 32.0])
def test_images_can_be_resized_and_stay_in_range(size):
    images, _ = load_images("digits", train=False, size=size)
    assert images.shape == (720, 1, size, size)
    assert images.min() >= -1
    assert images.max() <= 1


def test_resizing_keeps_the_mean():
    small, _ = load_images(train=False)
    large, _ = load_images(train=False, size=32)
    assert large.mean().item() == pytest.approx(
        small.mean().item(), abs=0.02
    )


# torchvision's files


def write_idx(path, numbers):
    """The format of MNIST: a type, the sizes, then one byte per number."""
    head = bytes([0, 0, 8, numbers.ndim])
    sizes = b"".join(n.to_bytes(4, "big") for n in numbers.shape)
    path.write_bytes(head + sizes + bytes(numbers.flatten().tolist()))


def write_images(raw):
    """Three training and two test images that hold every grey value."""
    raw.mkdir(parents=True)
    greys = (torch.arange(5 * 784) % 256).view(5, 28, 28)
    for part, kept in [("train", slice(3)), ("t10k", slice(3, 5))]:
        write_idx(raw / f"{part}-images-idx3-ubyte", greys[kept])
        write_idx(raw / f"{part}-labels-idx1-ubyte", torch.arange(5)[kept])
    return greys


NAMES = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}


@pytest.mark.parametrize("name", NAMES)
def test_grey_0_is_minus_1_and_grey_255_is_1(tmp_path, name):
    greys = write_images(tmp_path / NAMES[name] / "raw")
    images, labels = load_images(name, root=tmp_path)
    assert images.shape == (3, 1, 28, 28)
    assert images.dtype == torch.float32
    assert labels.tolist() == [0, 1, 2]
    assert labels.dtype == torch.int64
    exact = greys[:3, None] / 127.5 - 1
    assert_close(images, exact, rtol=0, atol=2e-7)
    assert (images.min(), images.max()) == (-1, 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_test_part_is_another_file(tmp_path, name):
    write_images(tmp_path / NAMES[name] / "raw")
    images, labels = load_images(name, train=False, root=str(tmp_path))
    assert images.shape == (2, 1, 28, 28)
    assert labels.tolist() == [3, 4]


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    write_images(tmp_path / "MNIST" / "raw")
    monkeypatch.setenv("DIFFUSION_LESSONS_DATA", str(tmp_path))
    assert len(load_images("mnist")[0]) == 3


def test_without_the_environment_the_folder_is_in_the_cache(monkeypatch):
    for value in ("", None):
        monkeypatch.setenv("DIFFUSION_LESSONS_DATA", value or "")
        if value is None:
            monkeypatch.delenv("DIFFUSION_LESSONS_DATA")
        assert data_root() == Path.home() / ".cache" / "diffusion_lessons"


def test_a_missing_set_is_downloaded_once(tmp_path, monkeypatch):
    downloads = []

    def download(self):
        downloads.append(self.raw_folder)
        write_images(Path(self.raw_folder))

    monkeypatch.setattr(datasets.MNIST, "download", download)
    assert len(load_images("mnist", root=tmp_path)[0]) == 3
    assert len(load_images("mnist", root=tmp_path)[0]) == 3
    assert downloads == [str(tmp_path / "MNIST" / "raw")]


@pytest.mark.parametrize(
    "error", [URLError("no route"), RuntimeError("403"), OSError("full")]
)
@pytest.mark.parametrize("name", NAMES)
def test_a_failed_download_says_what_to_do(
    tmp_path, monkeypatch, name, error
):
    def download(self):
        raise error

    monkeypatch.setattr(datasets.MNIST, "download", download)
    with pytest.raises(RuntimeError, match="could not be downl") as caught:
        load_images(name, root=tmp_path)
    words = str(caught.value)
    assert f"{NAMES[name]} is not in {tmp_path}" in words
    assert str(tmp_path / NAMES[name] / "raw") in words
    assert "load_images('digits')" in words
    assert caught.value.__cause__ is error


def test_an_unknown_image_set_is_refused():
    words = (
        "one of 'digits', 'mnist', 'fashion_mnist', 'cifar10'; got 'cifar'"
    )
    with pytest.raises(ValueError, match=words):
        load_images("cifar")


@pytest.mark.parametrize("size", [0, -8, 2.5, "8"])
def test_a_size_that_is_not_a_whole_number_is_refused(size):
    words = f"size must be a whole number of at least 1; got {size!r}"
    with pytest.raises(ValueError, match=words):
        load_images("digits", size=size)


REAL = os.environ.get("DIFFUSION_LESSONS_DATA") or ""
PRESENT = [n for n in NAMES if (Path(REAL) / NAMES[n] / "raw").is_dir()]
PARTS = [(n, train) for n in PRESENT if REAL for train in (True, False)]

if PARTS:  # real files on this machine: they are read as well

    @pytest.mark.parametrize(("name", "train"), PARTS)
    def test_the_real_files_are_images_from_minus_1_to_1(name, train):
        images, labels = load_images(name, train=train)
        assert images.shape == (len(labels), 1, 28, 28)
        assert len(labels) >= 5000
        assert (images.min(), images.max()) == (-1, 1)
        assert labels.unique().tolist() == list(range(10))


# Files that are damaged, and places that are none


IDX = {  # of two images of 28 x 28 and their labels
    "train-images-idx3-ubyte": b"\0\0\x08\x03"
    + b"".join(n.to_bytes(4) for n in (2, 28, 28))
    + bytes(range(256)) * 6
    + bytes(32),
    "train-labels-idx1-ubyte": b"\0\0\x08\x01" + (2).to_bytes(4) + b"\3\7",
}
IDX |= {name.replace("train", "t10k"): data for name, data in IDX.items()}


@pytest.fixture
def small_mnist(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, data in IDX.items():
        (raw / name).write_bytes(data)
    return tmp_path


def test_a_small_folder_of_idx_files_is_read(small_mnist):
    images, labels = load_images("mnist", root=small_mnist)
    assert images.shape == (2, 1, 28, 28)
    assert images.dtype == torch.float32
    assert images[0, 0, 0, 1].item() == pytest.approx(2 / 255 - 1)
    assert labels.tolist() == [3, 7]


PAGE = b"<!DOCTYPE html><title>403 Forbidden</title>"
DAMAGE = {
    "empty": (lambda data: b"", "idx3-ubyte is empty"),
    "a web page": (lambda data: PAGE, "idx3-ubyte is a web page"),
    "cut": (lambda data: data[:900], "900 bytes long, not 1584"),
    "too long": (lambda data: data + b"x", "1585 bytes long, not 1584"),
    "no header": (lambda data: b"abcdefgh" * 90, "is no IDX file"),
    "a few bytes": (lambda data: b"\0\0", "is no IDX file"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_named_with_the_way_out(small_mnist, damage):
    change, words = DAMAGE[damage]
    path = small_mnist / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(RuntimeError, match=words) as said:
        load_images("mnist", root=small_mnist)
    for way in ("Delete", "root=", "DIFFUSION_LESSONS_DATA", "digits"):
        assert way in str(said.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (PAGE, "idx3-ubyte.gz is a web page"),
        (b"", "idx3-ubyte.gz is empty"),
        (b"PK" * 90, "idx3-ubyte.gz is not packed with gzip"),
    ],
)
def test_a_download_that_brought_something_else_is_named(
    tmp_path, no_network, data, words
):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").write_bytes(data)
    with pytest.raises(RuntimeError, match=words):
        load_images("mnist", root=tmp_path)


@pytest.fixture
def no_network(monkeypatch):
    def refused(*given, **named):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refused)


def test_images_and_labels_that_do_not_belong_together_are_refused(
    small_mnist,
):
    path = small_mnist / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    path.write_bytes(b"\0\0\x08\x01" + (3).to_bytes(4) + b"\3\7\1")
    with pytest.raises(RuntimeError, match="2 images, 3 labels"):
        load_images("mnist", root=small_mnist)


def test_without_a_home_the_way_out_is_told(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DIFFUSION_LESSONS_DATA", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    for way in ("root=", "DIFFUSION_LESSONS_DATA"):
        with pytest.raises(RuntimeError, match=way):
            load_images("mnist")


def test_a_folder_that_cannot_be_written_is_the_cause(
    tmp_path, no_network, monkeypatch
):
    def locked(*given, **named):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr("os.makedirs", locked)
    words = "cannot be read or written .*Permission denied.*root="
    with pytest.raises(RuntimeError, match=words) as said:
        load_images("mnist", root=tmp_path)
    assert "internet" not in str(said.value)


def test_the_cause_of_a_failed_download_is_told(tmp_path, no_network):
    with pytest.raises(RuntimeError, match="could not be downloaded"):
        load_images("mnist", root=tmp_path)


def test_a_file_that_is_missing_is_named(small_mnist, no_network):
    (small_mnist / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    words = r"no t10k-labels-idx1-ubyte\) and could not be downloaded"
    with pytest.raises(RuntimeError, match=words):
        load_images("mnist", root=small_mnist)


def test_the_variable_names_the_folder(small_mnist, monkeypatch):
    monkeypatch.setenv("DIFFUSION_LESSONS_DATA", str(small_mnist))
    assert len(load_images("mnist")[0]) == 2
    monkeypatch.setenv("DIFFUSION_LESSONS_DATA", "")
    assert data_root() == Path.home() / ".cache" / "diffusion_lessons"


def test_a_file_that_cannot_be_opened_is_named(small_mnist, no_network):
    path = small_mnist / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.unlink()
    path.mkdir()
    with pytest.raises(RuntimeError, match="idx3-ubyte is not readable"):
        load_images("mnist", root=small_mnist)


# CIFAR-10


BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


def write_batches(root, monkeypatch):
    """CIFAR-10 of two images a batch, which knows their checksums."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    sums = {}
    for i, name in enumerate([*BATCHES, "batches.meta"]):
        pixels = (np.arange(2 * 3072) + i).astype(np.uint8).reshape(2, -1)
        batch = {"data": pixels, "labels": [i, 9], "label_names": ["a"]}
        (folder / name).write_bytes(data := pickle.dumps(batch))
        sums[name] = hashlib.md5(data).hexdigest()
    known = [[name, sums[name]] for name in BATCHES]
    monkeypatch.setattr(datasets.CIFAR10, "train_list", known[:5])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", known[5:])
    meta = datasets.CIFAR10.meta | {"md5": sums["batches.meta"]}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    return folder


def test_cifar_is_in_colour(tmp_path, monkeypatch):
    write_batches(tmp_path, monkeypatch)
    images, labels = load_images("cifar10", root=tmp_path)
    assert images.shape == (10, 3, 32, 32)
    assert images.dtype == torch.float32
    assert labels.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert labels.dtype == torch.int64
    red = (torch.arange(1024) % 256).view(32, 32) / 127.5 - 1
    assert_close(images[0, 0], red)
    assert_close(images[0, 1], red)  # 1024 bytes further on
    assert_close(images[2, 2, 0, 0], torch.tensor(1 / 127.5 - 1))
    images, labels = load_images("cifar10", train=False, root=tmp_path)
    assert labels.tolist() == [5, 9]


def test_a_damaged_batch_of_cifar_is_named(
    tmp_path, monkeypatch, no_network
):
    folder = write_batches(tmp_path, monkeypatch)
    (folder / "data_batch_3").write_bytes(b"")
    words = "damaged files in .*: data_batch_3 is not what it was. Delete"
    with pytest.raises(RuntimeError, match=words):
        load_images("cifar10", root=tmp_path)


def test_a_missing_batch_of_cifar_is_named(
    tmp_path, monkeypatch, no_network
):
    folder = write_batches(tmp_path, monkeypatch)
    (folder / "test_batch").unlink()
    words = r"CIFAR10 is not in .* no test_batch\) and could not be down"
    with pytest.raises(RuntimeError, match=words):
        load_images("cifar10", root=tmp_path)


def test_every_set_has_ten_names_of_classes():
    assert set(CLASSES) == set(SETS)
    assert all(len(set(names)) == 10 for names in CLASSES.values())


def test_pixels_are_the_bytes_of_the_images(small_mnist):
    for name, root in (("digits", None), ("mnist", small_mnist)):
        pixels, labels = load_pixels(name, root=root)
        images, same = load_images(name, root=root)
        assert pixels.dtype == torch.uint8
        assert torch.equal(labels, same)
        assert_close(pixels / 127.5 - 1, images, rtol=0, atol=1.001 / 255)
