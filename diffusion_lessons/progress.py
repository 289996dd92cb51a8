"""The bar that training and sampling show, if one is wanted."""

from collections.abc import Iterable


def bar(
    steps: Iterable | None = None, *, shown: bool, desc: str, **options
):
    """tqdm's bar for a terminal, Jupyter or Colab; nothing if not shown."""
    from tqdm.auto import tqdm

    return tqdm(steps, desc=desc, disable=not shown, **options)
