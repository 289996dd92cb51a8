"""How a notebook shows a figure: a picture, and its form for the book."""

import matplotlib.pyplot as plt
from IPython import get_ipython
from matplotlib.figure import Figure
from matplotlib_inline.backend_inline import set_matplotlib_formats

from .style import RC
from .themed import themed_forms

# What the book's pages show in place of the picture; others ignore it.
THEMED = "text/vnd.diffusion-lessons.figure"


def use_style() -> None:
    """Draw like the book: call once at the top of a notebook."""
    plt.rcParams.update(RC)
    shell = get_ipython()
    if shell is not None:  # in a notebook, not in a script
        set_matplotlib_formats("retina", bbox_inches=None)
        bundles = shell.display_formatter.mimebundle_formatter
        bundles.for_type(Figure, _for_the_book)


def _for_the_book(figure: Figure) -> dict[str, str]:
    return {THEMED: "\n".join(themed_forms(figure))}
