"""The pages of the book, in its order."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
START, CHAPTERS = (
    [c["file"] for c in part["chapters"]] for part in TOC["parts"][:2]
)
BOUND = [  # in the PDF: what is read, not what is looked up
    TOC["root"],
    *(c["file"] for part in TOC["parts"] for c in part["chapters"]),
]
PAGES = [
    *BOUND,
    *(
        page["file"]
        for part in TOC["parts"]
        for c in part["chapters"]
        for page in c.get("sections", [])
    ),
]
PHONE = 390  # pixels

# All tests of a page in a row, so that it need not stay open for them.
each_page = pytest.mark.parametrize("name", PAGES, scope="module")
each_chapter = pytest.mark.parametrize(
    "name", START + CHAPTERS, scope="module"
)
