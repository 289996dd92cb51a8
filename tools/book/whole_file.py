"""Write a file in one step."""

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Replace a file whole, so that nobody ever finds half of it."""
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8", newline="\n")
    os.replace(draft, path)
