"""The film that runs by itself, as a page gets it."""

import base64
import io
import re
from html.parser import HTMLParser

import pytest
import torch
from PIL import Image

from diffusion_lessons.figures import Pulse
from diffusion_lessons.figures.pulse import HOLD, STEP

WORDS = {"alt": "Noise & digits", "caption": "From <noise>."}
TIMES = [900, 400, 0, 500]


@pytest.fixture
def frames():
    """Four moments of six images, each image of one grey of its own."""
    greys = torch.linspace(-1, 1, 4 * 6).view(4, 6, 1, 1, 1)
    return greys.expand(4, 6, 1, 2, 3)


@pytest.fixture
def film(frames):
    return Pulse(frames, TIMES, still=2, columns=3, **WORDS)


class Parts(HTMLParser):
    """The elements of a piece of HTML, with their attributes."""

    def __init__(self, source):
        super().__init__()
        self.found = []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def all(self, name):
        return [attrs for tag, attrs in self.found if tag == name]


def keyframes(film):
    return [
        (float(share), int(frame), int(t))
        for share, frame, t in re.findall(
            r"([\d.]+)% \{--dl-frame:(\d+);--dl-t:(\d+)\}",
            film._repr_html_(),
        )
    ]


def test_frames_stand_below_each_other_and_images_side_by_side(film):
    picture = Image.open(io.BytesIO(film.png))
    assert picture.size == (3 * 3, 4 * 2 * 2)
    grey = picture.convert("L")
    seen = [
        grey.getpixel((3 * column + 1, 2 * row + 1))
        for row in range(8)
        for column in range(3)
    ]
    exact = [255 * i / 23 for i in range(24)]
    assert max(abs(a - b) for a, b in zip(seen, exact, strict=True)) < 9
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 255)


def test_what_is_beyond_black_and_white_is_black_and_white(frames):
    film = Pulse(9 * frames, TIMES, still=2, columns=3, **WORDS)
    grey = Image.open(io.BytesIO(film.png)).convert("L")
    assert grey.getpixel((0, 0)) == 0
    assert grey.getpixel((8, 15)) == 255


def test_each_moment_has_its_t_and_its_time(film):
    total = 3 * STEP + HOLD
    begins = [0, STEP, 2 * STEP, 2 * STEP + HOLD]
    assert [(frame, t) for _, frame, t in keyframes(film)] == list(
        enumerate(TIMES)
    )
    for (share, *_), begin in zip(keyframes(film), begins, strict=True):
        assert share == pytest.approx(100 * begin / total, abs=1e-3)
    assert f"dl-pulse {total:.2f}s step-end" in film._repr_html_()


def test_it_stands_still_at_the_frame_that_was_named(film):
    page = film._repr_html_()
    assert "--dl-frame: 2; --dl-t: 0;" in page
    assert "calc(100% * var(--dl-frame) / 3)" in page


def test_the_page_gets_one_described_picture_and_a_control(film):
    parts = Parts(film._repr_html_())
    (image,) = parts.all("img")
    assert image["alt"] == "Noise & digits"
    assert (image["width"], image["height"]) == ("9", "4")
    shown = base64.b64decode(image["src"].partition("base64,")[2])
    assert shown == film.png
    assert [i["type"] for i in parts.all("input")] == ["checkbox"]
    assert len(parts.all("label")) == 1
    assert "From &lt;noise&gt;." in film._repr_html_()
    assert parts.all("script") == []


def test_it_says_what_it_is(film):
    assert repr(film) == "Pulse(4 frames, t = 900 … 0 … 500)"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"times": [1, 2]}, "4 frames and 2 times"),
        ({"still": 4}, r"in 0\.\.3; got 4"),
        ({"still": -1}, r"in 0\.\.3; got -1"),
        ({"columns": 4}, "divide the 6 images; got 4"),
        ({"columns": 0}, "divide the 6 images; got 0"),
        ({"alt": " "}, "alt must say something"),
        ({"frames": torch.zeros(1, 6, 1, 2, 2)}, r"\(1, 6, 1, 2, 2\)"),
        ({"frames": torch.zeros(4, 6, 3, 2, 2)}, r"\(4, 6, 3, 2, 2\)"),
        ({"frames": torch.zeros(4, 6, 2, 2)}, r"\(4, 6, 2, 2\)"),
    ],
)
def test_what_it_cannot_show_is_refused(frames, changes, says):
    wanted = {"frames": frames, "times": TIMES, "still": 2, "columns": 3}
    with pytest.raises(ValueError, match=says):
        Pulse(**(wanted | WORDS | changes))
