"""One palette, one meaning, and the sizes of all figures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLORS = {
    "x0": "#0072B2",  # the clean image
    "noise": "#7F7F7F",
    "xt": "#CC79A7",  # the noisy image
    "prediction": "#D55E00",  # what a network says
    "guidance": "#009E73",  # classes and guidance
    "truth": "#000000",  # what theory says
}
TEXT_COLORS = {  # the same hues for words, as custom.css has them
    "x0": "#005f96",
    "noise": "#5c5c5c",
    "xt": "#9a3f73",
    "prediction": "#a84800",
    "guidance": "#00694c",
    "truth": "#222222",
}
LINES = {"noise": "-.", "truth": "--", "prediction": "-", "guidance": ":"}
TIME = "cividis"  # the colour map of t
INK = "#444444"  # axes
FAINT = "#cccccc"  # what is only there to guide the eye
WIDTH = 6.4  # inches; 640 pixels on the page, saved at twice that
NARROW = 3.9  # inches; the width of a phone

# A phone shows the narrow form at its own size or larger: 10 points are at
# least 11 pixels there.
TEXT = 11  # points
SMALL = 10  # of ticks, legends and the names of rows

RC = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
    "font.size": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelsize": TEXT,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.8,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "lines.linewidth": 1.6,
}


_narrow = ContextVar("narrow", default=False)


@contextmanager
def narrowly() -> Iterator[None]:
    """In here figures are drawn for a phone: narrow, panels stacked."""
    before = _narrow.set(True)
    try:
        yield
    finally:
        _narrow.reset(before)


def is_narrow() -> bool:
    """Is a figure drawn for a phone just now?"""
    return _narrow.get()


def width() -> float:
    """How wide a figure is, in inches: as the page, or as a phone."""
    return NARROW if is_narrow() else WIDTH


def in_two_forms(draw: Callable) -> Callable:
    """Let the figure that *draw* draws know how to draw its narrow form."""

    @wraps(draw)
    def drawn(*args, **options):
        result = draw(*args, **options)
        plt.gcf().draw_narrow = partial(_narrow_form, draw, args, options)
        return result

    return drawn


def _narrow_form(draw: Callable, args: tuple, options: dict) -> Figure:
    with narrowly():
        draw(*args, **options)
    figure = plt.gcf()
    plt.close(figure)
    return figure


def axes_for(
    count: int, height: float, stacked: bool = True, **options
) -> list[Axes]:
    """Side by side, as wide as the page; on a phone one under the other.

    height: of the figure, in inches; a stacked panel has four fifths of it
    stacked: False keeps them side by side on a phone as well
    options: what plt.subplots takes
    """
    rows, columns, high = 1, count, height
    if is_narrow():
        high = height * NARROW / WIDTH
        if stacked:
            rows, columns, high = count, 1, 0.8 * height * count
    _, axes = plt.subplots(
        rows, columns, figsize=(width(), high), squeeze=False, **options
    )
    return [*axes.flat]


def line_style(role: str) -> dict:
    """Colour and dash of a *role*: never colour alone."""
    if role not in COLORS:
        choices = ", ".join(map(repr, COLORS))
        raise ValueError(f"role must be one of {choices}; got {role!r}")
    return {"color": COLORS[role], "linestyle": LINES.get(role, "-")}
