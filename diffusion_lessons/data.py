"""Image sets in [-1, 1], and where they are kept."""

import os
from math import prod
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import Count, FilePath, checked, choice
from .files import kind_of

DIGITS_TEST = 720  # of scikit-learn's 1,797 digits, held out for testing
TORCHVISION = {
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "cifar10": "CIFAR10",
}
NAMES = ("digits", *TORCHVISION)
CLASSES = {  # what the labels mean
    "digits": tuple("0123456789"),
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        *("T-shirt", "trousers", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "boot"),
    ),
    "cifar10": (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
}
PLACE = "DIFFUSION_LESSONS_DATA"  # the variable that names a folder
PARTS = {True: "train", False: "t10k"}


@checked
def load_images(
    name: Annotated[str, choice(*NAMES)] = "digits",
    train: bool = True,
    root: FilePath | None = None,
    size: Count | None = None,
) -> tuple[Tensor, Tensor]:
    """A whole image set as two tensors: images and class labels.

    Args:
        name: "digits" (8x8, inside scikit-learn: needs no network), "mnist"
            or "fashion_mnist" (28x28, through torchvision), "cifar10"
            (32x32, in colour, through torchvision).
        train: the training part, or the test part.
        root: the folder where torchvision's files are, or will be
            downloaded to; by default $DIFFUSION_LESSONS_DATA, and without
            that ~/.cache/diffusion_lessons.
        size: resize to size x size (bilinear); None keeps the native side.

    Returns:
        images (N, C, H, W) float32 in [-1, 1], and labels (N,) int64.
    """
    if name == "digits":
        images, labels = _digits(train)
    else:
        images, labels = load_pixels(name, train, root)
        images = images.to(torch.float32) / 255
    images = images * 2 - 1
    if size is not None and size != images.shape[-1]:
        images = F.interpolate(
            images, (size, size), mode="bilinear", antialias=True
        )
    return images, labels


def load_pixels(
    name: str, train: bool = True, root: Path | None = None
) -> tuple[Tensor, Tensor]:
    """The same set as bytes from 0 to 255, (N, C, H, W), and labels."""
    if name != "digits":
        return _torchvision(name, train, root)
    images, labels = _digits(train)
    return (images * 255).round().to(torch.uint8), labels


def _digits(train: bool) -> tuple[Tensor, Tensor]:
    """Handwritten digits, the test images spread evenly over all."""
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    i = torch.arange(len(pixels), dtype=torch.float32)
    share = DIGITS_TEST / len(pixels)
    testing = ((i + 1) * share).floor() > (i * share).floor()
    keep = ~testing if train else testing
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8)
    return images[keep] / 16, torch.tensor(classes, dtype=torch.int64)[keep]


def _torchvision(
    name: str, train: bool, root: Path | None
) -> tuple[Tensor, Tensor]:
    from torchvision import datasets

    dataset = getattr(datasets, TORCHVISION[name])
    root = (root or data_root()).expanduser()
    colour = hasattr(dataset, "base_folder")
    inside = dataset.base_folder if colour else f"{dataset.__name__}/raw"
    folder = root / inside
    try:
        data = _downloaded(dataset, root, train)
    except Exception as error:  # of gzip, struct, numpy, the network, …
        raise RuntimeError(
            _why(error, dataset, folder, PARTS[train])
        ) from error
    images = torch.as_tensor(data.data)  # (N, H, W), or (N, H, W, 3)
    images = images.movedim(-1, 1) if colour else images[:, None]
    labels = torch.as_tensor(data.targets)
    if len(images) != len(labels) or not len(images):
        raise RuntimeError(
            f"the files of {PARTS[train]} in {folder} do not belong "
            f"together: {len(images)} images, {len(labels)} labels. {AGAIN}"
        )
    return images, labels


def _downloaded(dataset: Any, root: Path, train: bool) -> Any:
    """torchvision's data set, from the folder or from the network."""
    try:
        return dataset(root, train=train, download=False)
    except RuntimeError:  # not there yet
        return dataset(root, train=train, download=True)


AGAIN = (
    "Delete them and call again; or name another folder with root=… or "
    f"${PLACE}; or use load_images('digits'), which needs no file."
)


def _why(error: Exception, dataset: Any, folder: Path, part: str) -> str:
    """The true cause, and the way out."""
    if isinstance(error, PermissionError):
        return (
            f"{folder} cannot be read or written ({error}). Name a folder "
            f"of your own with root=… or ${PLACE}; or use "
            "load_images('digits'), which needs no file."
        )
    names, damaged = _files(dataset, folder, part)
    if damaged:
        return f"damaged files in {folder}: {', '.join(damaged)}. {AGAIN}"
    missing = [name for name in names if not (folder / name).exists()]
    if not missing:
        return f"damaged files of {part} in {folder} ({error}). {AGAIN}"
    return (
        f"{dataset.__name__} is not in {folder} (there is no "
        f"{', no '.join(missing)}) and could not be downloaded ({error}). "
        "Connect to the internet and try again; or put its files "
        f"into {folder}; or name another folder with root=… or ${PLACE}; "
        "or use load_images('digits'), which needs no download."
    )


def _files(
    dataset: Any, folder: Path, part: str
) -> tuple[list[str], list[str]]:
    """The names of a set's files, and what is wrong with those there."""
    if hasattr(dataset, "resources"):
        names = [Path(url).stem for url, _ in dataset.resources]
        there = {p: _damage(p) for p in sorted(folder.glob(f"{part}-*"))}
    else:  # CIFAR-10
        sums = dict([*dataset.train_list, *dataset.test_list])
        names = list(sums)
        there = {
            folder / name: _other_sum(folder / name, known)
            for name, known in sums.items()
            if (folder / name).exists()
        }
    bad = [f"{path.name} is {what}" for path, what in there.items() if what]
    return names, bad


def _other_sum(path: Path, known: str) -> str:
    """What is wrong with a file whose checksum is known."""
    from torchvision.datasets.utils import check_integrity

    return "" if check_integrity(path, known) else "not what it was"


def _damage(path: Path) -> str:
    """What is wrong with a file of torchvision's, by its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        return f"not readable ({error.strerror})"
    packed = path.suffix == ".gz"
    kind = kind_of(head)
    if kind in ("empty", "a web page"):
        return kind
    if packed != (kind == "packed with gzip"):
        return "not packed with gzip" if packed else "packed with gzip"
    if packed:
        return ""
    sizes = (
        [
            int.from_bytes(head[i : i + 4])
            for i in range(4, 4 + 4 * head[3], 4)
        ]
        if len(head) > 4 and head[:3] == b"\0\0\x08"
        else []
    )
    if not sizes:
        return "no IDX file"
    wanted, size = 4 + 4 * len(sizes) + prod(sizes), path.stat().st_size
    return "" if size == wanted else f"{size} bytes long, not {wanted}"


def data_root() -> Path:
    """Where downloaded image sets are kept."""
    if place := os.environ.get(PLACE):
        return Path(place)
    try:
        return Path.home() / ".cache" / "diffusion_lessons"
    except RuntimeError as error:
        raise RuntimeError(
            "there is no home folder to keep image sets in; name a folder "
            f"with root=… or ${PLACE}"
        ) from error
