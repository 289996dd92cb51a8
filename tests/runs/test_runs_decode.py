"""One file of a picture, of any kind, becomes a square of bytes."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from diffusion_lessons.runs import decode
from diffusion_lessons.runs.decode import NoPicture, decoded

RED, GREEN, GREY = (200, 30, 40), (20, 180, 60), (90, 90, 90)


def save(path, image, **options):
    image.save(path, **options)
    return path


def middle(pixels):
    return pixels[:, 4, 4].astype(int)


@pytest.mark.parametrize(
    ("ending", "off"),
    [
        *[(ending, 0) for ending in ("png", "bmp", "tiff")],
        *[(ending, 6) for ending in ("jpg", "webp", "gif")],
    ],
)
def test_every_kind_of_file_is_read(tmp_path, ending, off):
    path = save(tmp_path / f"a.{ending}", Image.new("RGB", (20, 20), RED))
    pixels = decoded(path, 8)
    assert pixels.shape == (3, 8, 8)
    assert pixels.dtype == np.uint8
    assert np.abs(middle(pixels) - RED).max() <= off


def test_an_ending_is_not_what_a_file_is(tmp_path):
    image = Image.new("RGB", (20, 20), RED)
    path = save(tmp_path / "a.txt", image, format="PNG")
    assert middle(decoded(path, 8)).tolist() == list(RED)


MODES = {  # mode: what it is made of, what is seen
    "1": (1, (255, 255, 255)),
    "L": (90, GREY),
    "LA": ((90, 255), GREY),
    "RGB": (RED, RED),
    "RGBA": ((*RED, 255), RED),
    "I;16": (90 * 257, GREY),
    "I": (90 * 257, GREY),
    "F": (90 / 255, GREY),
    "CMYK": ((0, 255, 255, 0), (255, 0, 0)),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_read(tmp_path, mode):
    value, seen = MODES[mode]
    image = Image.new(mode, (20, 20), value)
    pixels = decoded(save(tmp_path / "a.tiff", image), 8)
    assert middle(pixels).tolist() == list(seen)


def test_a_palette_is_looked_up(tmp_path):
    image = Image.new("RGB", (20, 20), RED).quantize(4)
    assert image.mode == "P"
    pixels = decoded(save(tmp_path / "a.png", image), 8)
    assert middle(pixels).tolist() == list(RED)


CLEAR = {
    "LA": (90, 0),
    "RGBA": (*RED, 0),
}


@pytest.mark.parametrize("mode", CLEAR)
def test_what_is_transparent_is_white(tmp_path, mode):
    image = Image.new(mode, (20, 20), CLEAR[mode])
    pixels = decoded(save(tmp_path / "a.png", image), 8)
    assert (pixels == 255).all()


def test_half_transparent_is_half_white(tmp_path):
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 102))
    pixels = decoded(save(tmp_path / "a.png", image), 8)
    assert middle(pixels).tolist() == [153, 153, 153]


@pytest.mark.parametrize("ending", ["png", "gif"])
def test_a_transparent_entry_of_a_palette_is_white(tmp_path, ending):
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, *RED])
    path = save(tmp_path / f"a.{ending}", image, transparency=1)
    assert (decoded(path, 8) == 255).all()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_transparent_colour_without_a_channel_is_white(tmp_path, mode):
    colour = 90 if mode == "L" else RED
    image = Image.new(mode, (20, 20), colour)
    path = save(tmp_path / "a.png", image, transparency=colour)
    assert (decoded(path, 8) == 255).all()


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tiff"])
def test_of_what_moves_the_first_frame_is_taken(tmp_path, ending):
    first, *more = (Image.new("RGB", (20, 20), c) for c in (RED, GREEN))
    path = tmp_path / f"a.{ending}"
    first.save(path, save_all=True, append_images=more)
    assert np.abs(middle(decoded(path, 8)) - RED).max() <= 6


def red_above_green(size=(24, 24)):
    image = Image.new("RGB", size, GREEN)
    image.paste(RED, (0, 0, size[0], size[1] // 2))
    return image


TURNED = {  # EXIF orientation: where the red is seen
    1: (slice(0, 3), slice(None)),
    3: (slice(5, 8), slice(None)),
    6: (slice(None), slice(5, 8)),
    8: (slice(None), slice(0, 3)),
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_a_picture_is_seen_as_the_camera_was_held(
    tmp_path, orientation, ending
):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"a.{ending}", red_above_green(), exif=exif)
    rows, columns = TURNED[orientation]
    red = decoded(path, 8)[0, rows, columns]
    assert red.min() > 150


def test_a_picture_with_damaged_exif_is_read_as_it_lies(tmp_path):
    path = save(tmp_path / "a.jpg", red_above_green(), exif=b"Exif\0\0junk")
    assert decoded(path, 8)[0, :3].min() > 150


@pytest.mark.parametrize("size", [(24, 8), (8, 24)])
def test_the_middle_square_is_kept(tmp_path, size):
    image = Image.new("RGB", size, GREEN)
    left, top = (size[0] - 8) // 2, (size[1] - 8) // 2
    image.paste(RED, (left, top, left + 8, top + 8))
    pixels = decoded(save(tmp_path / "a.png", image), 8)
    assert (pixels == np.array(RED)[:, None, None]).all()


def test_shrinking_takes_the_mean_and_no_single_pixels(tmp_path):
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    image = Image.fromarray(checks.astype(np.uint8))
    pixels = decoded(save(tmp_path / "a.png", image), 8).astype(int)
    assert np.abs(pixels - 127.5).max() < 4


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_large_photograph_shrinks_to_its_mean_as_well(tmp_path, ending):
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (640, 640), dtype=np.uint8)
    path = save(tmp_path / f"a.{ending}", Image.fromarray(noise))
    pixels = decoded(path, 8).astype(int)
    assert np.abs(pixels - 127.5).max() < 12


def test_a_picture_that_is_too_small_is_made_larger(tmp_path):
    path = save(tmp_path / "a.png", Image.new("RGB", (1, 1), RED))
    assert (decoded(path, 128) == np.array(RED)[:, None, None]).all()


# White of 16 and 32 bits


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        (np.full((8, 8), 0.5, np.float32), 128),
        (np.full((8, 8), 51.0, np.float32), 51),
        (np.full((8, 8), -3.0, np.float32), 0),
        (np.full((8, 8), 51, np.int32), 51),
        (np.full((8, 8), 65_535, np.int32), 255),
        (np.full((8, 8), 2**30, np.int32), 128),
        (np.full((8, 8), 51 * 257, np.uint16), 51),
        (np.full((8, 8), 3, np.uint16), 0),
    ],
    ids=str,
)
def test_white_is_the_largest_number_of_its_kind(tmp_path, values, seen):
    path = save(tmp_path / "a.tiff", Image.fromarray(values))
    assert middle(decoded(path, 8)).tolist() == [seen] * 3


# What is left out


def chunk(kind, data):
    body = kind + data
    return (
        struct.pack(">I", len(data))
        + body
        + struct.pack(">I", zlib.crc32(body))
    )


def png(width, height, *more):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(more)


DATA = chunk(b"IDAT", b"")
LONG_TEXT = zlib.compress(bytes(2**27))
BAD = {
    "empty": (b"", "^empty$"),
    "text": (b"no picture at all", "^not a picture"),
    "a web page": (b"<!DOCTYPE html>" * 9, "^not a picture"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n" * 9, "^not a picture"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(90), "HEIC.*save it as"),
    "huge": (png(20_000, 20_000, DATA), "^too large"),
    "large": (
        png(10_001, 10_000, DATA),
        "^too large: 10001 x 10000 pixels$",
    ),
    "no pixels": (png(20, 20, DATA), "^damaged"),
    "head alone": (png(20, 20), "^damaged: it begins as a picture"),
    "half a head": (b"\xff\xd8\xff\xe0", "^damaged"),
    "a bomb of text": (
        png(20, 20, chunk(b"zTXt", b"a\0\0" + LONG_TEXT)),
        "^damaged",
    ),
}


@pytest.mark.filterwarnings("ignore:Image size")
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_says_what_it_is(tmp_path, name):
    data, words = BAD[name]
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(NoPicture, match=words):
        decoded(tmp_path / "a.png", 8)


@pytest.mark.parametrize("ending", ["jpg", "png", "gif", "webp", "tiff"])
def test_a_truncated_file_is_damaged(tmp_path, ending):
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(tmp_path / f"a.{ending}", Image.fromarray(noise))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(NoPicture, match=r"^damaged"):
        decoded(path, 8)


def test_a_value_that_is_no_number_is_damage(tmp_path):
    values = np.full((8, 8), np.nan, np.float32)
    path = save(tmp_path / "a.tiff", Image.fromarray(values))
    with pytest.raises(NoPicture, match="NaN"):
        decoded(path, 8)


def test_a_file_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    def locked(*given, **named):
        raise PermissionError(13, "Permission denied")

    path = save(tmp_path / "a.png", Image.new("L", (9, 9)))
    monkeypatch.setattr("pathlib.Path.open", locked)
    with pytest.raises(NoPicture, match="not readable: permission denied"):
        decoded(path, 8)


def test_too_little_memory_leaves_one_file_out(tmp_path, monkeypatch):
    def short(*given):
        raise MemoryError

    path = save(tmp_path / "a.png", Image.new("L", (9, 9)))
    monkeypatch.setattr(decode, "_pixels", short)
    with pytest.raises(NoPicture, match="too large for the memory"):
        decoded(path, 8)


def test_ctrl_c_is_no_damage(tmp_path, monkeypatch):
    def pressed(*given):
        raise KeyboardInterrupt

    path = save(tmp_path / "a.png", Image.new("L", (9, 9)))
    monkeypatch.setattr(decode, "_pixels", pressed)
    with pytest.raises(KeyboardInterrupt):
        decoded(path, 8)


def test_pictures_of_many_pixels_are_decoded_one_at_a_time(
    tmp_path, monkeypatch
):
    held = []
    square = decode._square
    monkeypatch.setattr(decode, "MANY", 100)
    monkeypatch.setattr(
        decode,
        "_square",
        lambda image, size: (
            held.append(decode.one_at_a_time.locked()),
            square(image, size),
        )[1],
    )
    for side in (10, 11):
        decoded(save(tmp_path / "a.png", Image.new("L", (side, side))), 8)
    assert held == [False, True]
