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


def of_a_page(names):
    """Run a test on each of these pages; see conftest.visit."""

    def mark(test):
        each = pytest.mark.parametrize("name", names, scope="session")
        return pytest.mark.of_a_page(each(test))

    return mark


each_page, each_chapter = of_a_page(PAGES), of_a_page(START + CHAPTERS)
