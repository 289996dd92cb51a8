"""One palette, one meaning, and the sizes of all figures."""

import matplotlib.pyplot as plt
from IPython import get_ipython
from matplotlib_inline.backend_inline import set_matplotlib_formats

COLORS = {
    "x0": "#0072B2",  # the clean image
    "noise": "#7F7F7F",
    "xt": "#CC79A7",  # the noisy image
    "prediction": "#D55E00",  # what a network says
    "guidance": "#009E73",  # classes and guidance
    "truth": "#000000",  # what theory says
}
LINES = {"noise": "-.", "truth": "--", "prediction": "-", "guidance": ":"}
TIME = "cividis"  # the colour map of t
WIDTH = 6.4  # inches; 640 pixels on the page, saved at twice that

# A phone shows a figure at 0.6 of its size: 10 points are 8 pixels there.
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
    "axes.edgecolor": "#444444",
    "axes.linewidth": 0.8,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.frameon": False,
    "legend.fontsize": SMALL,
    "lines.linewidth": 1.6,
}


def use_style() -> None:
    """Draw like the book: call once at the top of a notebook."""
    plt.rcParams.update(RC)
    if get_ipython() is not None:  # in a notebook, not in a script
        set_matplotlib_formats("retina", bbox_inches=None)


def line_style(role: str) -> dict:
    """Colour and dash of a *role*: never colour alone."""
    if role not in COLORS:
        choices = ", ".join(map(repr, COLORS))
        raise ValueError(f"role must be one of {choices}; got {role!r}")
    return {"color": COLORS[role], "linestyle": LINES.get(role, "-")}
