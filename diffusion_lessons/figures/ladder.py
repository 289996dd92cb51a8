"""A ladder of tests: one question below the other, and where each leads."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from .style import COLORS, INK, SMALL, TEXT, in_two_forms, is_narrow, width

LINE = 0.19  # inches, of text
INSIDE = 0.1  # between a frame and its words
STEP = 0.28  # between two questions: an arrow with its word


@in_two_forms
def draw_ladder(rungs: Sequence[tuple[str, str]], end: str) -> None:
    """Questions from top to bottom; whoever says no goes to the side.

    rungs: (question, where a no leads); a new line begins where \\n stands
    end: what is left if every answer is yes
    """
    high = [_height(*rung) for rung in rungs]
    below = LINE + 2 * INSIDE
    total = sum(high) + STEP * len(rungs) + below
    _, ax = plt.subplots(figsize=(width(), total + 0.1))
    ax.set(xlim=(0, width()), ylim=(-total - 0.05, 0.05))
    ax.axis("off")
    top = 0.0
    for (question, leads), height in zip(rungs, high, strict=True):
        _rung(ax, top, question, leads)
        top -= height
        _arrow(ax, (0.4, top), (0.4, top - STEP))
        ax.text(0.5, top - STEP / 2, "yes", va="center", fontsize=SMALL)
        top -= STEP
    _box(ax, 0.02, top, _question_width(), below, "guidance", end)


def _question_width() -> float:
    return width() - 0.04 if is_narrow() else 3.1


def _lines(text: str) -> int:
    return text.count("\n") + 1


def _height(question: str, leads: str) -> float:
    """Of a question and, below it or beside it, where a no leads."""
    asked = LINE * _lines(question) + 2 * INSIDE
    answer = LINE * _lines(leads)
    return asked + answer + 0.12 if is_narrow() else max(asked, answer)


def _rung(ax: Axes, top: float, question: str, leads: str) -> None:
    asked = LINE * _lines(question) + 2 * INSIDE
    _box(ax, 0.02, top, _question_width(), asked, "prediction", question)
    words = {"va": "center", "fontsize": TEXT, "linespacing": 1.25}
    if is_narrow():
        middle = top - asked - 0.06 - LINE * _lines(leads) / 2
        ax.text(
            0.85, middle, "no:", ha="right", va="center", fontsize=SMALL
        )
        ax.text(0.95, middle, leads, **words)
        return
    middle, edge = top - asked / 2, _question_width() + 0.02
    _arrow(ax, (edge, middle), (edge + 0.5, middle))
    ax.text(
        edge + 0.22,
        middle + 0.04,
        "no",
        ha="center",
        va="bottom",
        fontsize=SMALL,
    )
    ax.text(edge + 0.6, middle, leads, **words)


def _box(
    ax: Axes,
    x: float,
    top: float,
    wide: float,
    high: float,
    role: str,
    text: str,
) -> None:
    frame = FancyBboxPatch(
        (x, top - high),
        wide,
        high,
        boxstyle="round,pad=0,rounding_size=0.06",
    )
    frame.set(facecolor="white", edgecolor=COLORS[role], linewidth=1.2)
    ax.add_patch(frame)
    ax.text(
        x + INSIDE + 0.03,
        top - high / 2,
        text,
        va="center",
        fontsize=TEXT,
        linespacing=1.25,
    )


def _arrow(ax: Axes, start: tuple, stop: tuple) -> None:
    props = {"arrowstyle": "->", "color": INK, "shrinkA": 0, "shrinkB": 1}
    ax.annotate("", xy=stop, xytext=start, arrowprops=props)
