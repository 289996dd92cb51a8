"""One file of a picture, of any kind, as a square of bytes."""

from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

KINDS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
MOST = 100_000_000  # pixels of a file
MANY = 8_000_000  # of which one is decoded at a time
WHITE = {"I;16": 65_535, "I;16B": 65_535, "I;16L": 65_535}
WHITES = (255, 65_535, 2**31 - 1)  # of other whole numbers
STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")
PHONES = {b"heic", b"heix", b"mif1", b"avif"}  # what follows b"ftyp"
one_at_a_time = Lock()


class NoPicture(Exception):
    """A file that is left out, and why."""


def decoded(path: Path, size: int) -> np.ndarray:
    """The middle square of a picture, (3, size, size) uint8.

    Turned as its EXIF says, over white where it is transparent, the first
    frame where it moves. Grey has three equal channels.

    Raises NoPicture, which says what is wrong with the file.
    """
    try:
        return _decoded(path, size)
    except NoPicture:
        raise
    except PermissionError as error:
        raise NoPicture("not readable: permission denied") from error
    except MemoryError as error:
        raise NoPicture("too large for the memory") from error
    except Exception as error:  # of PIL, struct, zlib, the system, …
        raise NoPicture(f"damaged: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:80]


def _decoded(path: Path, size: int) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    with path.open("rb") as file:
        start = file.read(16)
        if not start:
            raise NoPicture("empty")
        file.seek(0)
        try:
            image = Image.open(file, formats=KINDS)
        except UnidentifiedImageError as error:
            raise NoPicture(_other_kind(start)) from error
        except Image.DecompressionBombError as error:
            raise NoPicture("too large") from error
        with image:
            return _pixels(image, size)


def _other_kind(start: bytes) -> str:
    """What a file is that none of KINDS is."""
    if start[4:8] == b"ftyp" and start[8:12] in PHONES:
        return "HEIC or AVIF: save it as JPEG or PNG"
    if start.startswith(STARTS) or start[8:12] == b"WEBP":
        return "damaged: it begins as a picture and ends too soon"
    return f"not a picture, or none of {', '.join(KINDS)}"


def _pixels(image: "Image", size: int) -> np.ndarray:
    width, height = image.size
    if width * height > MOST:
        raise NoPicture(f"too large: {width} x {height} pixels")
    if image.format == "JPEG":  # decoded smaller, where far too large
        image.draft(image.mode, (2 * size, 2 * size))
    width, height = image.size
    if width * height <= MANY:
        return _square(image, size)
    with one_at_a_time:
        return _square(image, size)


def _square(image: "Image", size: int) -> np.ndarray:
    from PIL import Image

    image.load()
    image = _in_colour(_upright(image))
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side)
    image = image.resize((size, size), Image.Resampling.BICUBIC, box)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def _upright(image: "Image") -> "Image":
    """Turned as the camera was held; as it is where that is damaged."""
    from PIL import ImageOps

    with suppress(Exception):
        return ImageOps.exif_transpose(image)
    return image


def _in_colour(image: "Image") -> "Image":
    """Any mode as RGB, over white where it is transparent."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        return _of_numbers(image).convert("RGB")
    if image.mode[-1] not in "Aa" and "transparency" not in image.info:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _of_numbers(image: "Image") -> "Image":
    """Grey of 16 or 32 bits, or of fractions, as grey of 8."""
    from PIL import Image

    values = np.asarray(image, dtype=np.float32)
    if not np.isfinite(values).all():
        raise NoPicture("damaged: it holds NaN or infinity")
    whites = (1, *WHITES) if image.mode == "F" else WHITES
    most = values.max()
    white = WHITE.get(image.mode) or min(
        (w for w in whites if w >= most), default=most
    )
    grey = np.clip(values / white * 255, 0, 255).round()
    return Image.fromarray(grey.astype(np.uint8))
