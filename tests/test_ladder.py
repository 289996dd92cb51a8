"""A ladder of tests: nothing touches anything else, in both forms."""

from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Annotation

from diffusion_lessons.doctor import ORDER
from diffusion_lessons.figures import draw_ladder, use_style
from diffusion_lessons.figures.style import narrowly

mpl.use("Agg")  # draw without a screen
END = "healthy: now train longer"


@pytest.fixture(params=["wide", "narrow"])
def ladder(request):
    """The axes of the ladder of chapter 12, in one of its forms."""
    with mpl.rc_context():
        use_style()
        draw_ladder(ORDER, end=END)
        if request.param == "narrow":
            with narrowly():
                draw_ladder(ORDER, end=END)
        plt.gcf().draw_without_rendering()
        yield plt.gca()
    plt.close("all")


def frames(ax):
    found = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    return [p.get_window_extent() for p in found]


def written(ax):
    """Every text with its place, from top to bottom."""
    texts = [t for t in ax.texts if not isinstance(t, Annotation)]
    placed = [(t.get_text(), t.get_window_extent()) for t in texts]
    return sorted(placed, key=lambda pair: -pair[1].y1)


def holds(outer, inner):
    return (
        outer.x0 <= inner.x0
        and inner.x1 <= outer.x1
        and outer.y0 <= inner.y0
        and inner.y1 <= outer.y1
    )


def test_every_question_stands_in_a_frame_in_its_order(ladder):
    boxes = sorted(frames(ladder), key=lambda box: -box.y1)
    assert len(boxes) == len(ORDER) + 1
    asked = [question for question, _ in ORDER] + [END]
    for text, box in zip(asked, boxes, strict=True):
        (inside,) = [
            words for words, at in written(ladder) if holds(box, at)
        ]
        assert inside == text


def test_where_a_no_leads_stands_beside_or_below_its_question(ladder):
    places = dict(written(ladder))
    tops = [places[question].y1 for question, _ in ORDER] + [places[END].y1]
    for i, (question, leads) in enumerate(ORDER):
        box = places[leads]
        assert box.x0 > places[question].x0
        assert tops[i] + 10 > box.y1 > box.y0 > tops[i + 1]
    words = [text for text, _ in written(ladder)]
    assert words.count("yes") == len(ORDER)
    assert sum(text.startswith("no") for text in words) == len(ORDER)


def test_nothing_touches_anything_else_or_leaves_the_figure(ladder):
    page = ladder.figure.bbox
    boxes, texts = frames(ladder), written(ladder)
    assert all(holds(page, at) for _, at in texts)
    assert all(holds(page, box) for box in boxes)
    for (_, one), (_, other) in combinations(texts, 2):
        assert not one.overlaps(other)
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)
    for _, at in texts:
        outside = [box for box in boxes if not holds(box, at)]
        assert not any(at.overlaps(box) for box in outside)
