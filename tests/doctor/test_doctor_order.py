"""What sends a reader to a section sends to one that there is."""

import re
from pathlib import Path

import nbformat
import pytest

from diffusion_lessons.doctor import NIGHT, ORDER, PATIENTS, WARD

BOOK = Path(__file__).resolve().parents[2] / "book"
PAGE = (BOOK / "symptoms.md").read_text(encoding="utf-8")
SECTIONS = {
    int(path.stem[:2]): sum(
        len(re.findall(r"^## ", cell.source, re.MULTILINE))
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown"
    )
    for path in BOOK.glob("[0-9][0-9]_*.ipynb")
}


def is_there(number):
    chapter, section = map(int, number.split("."))
    return 1 <= section <= SECTIONS[chapter]


@pytest.mark.parametrize("leads", [leads for _, leads in ORDER])
def test_the_order_of_tests_names_sections(leads):
    named = re.findall(r"\d+\.\d+", leads)
    assert named
    assert all(map(is_there, named))


def test_the_page_of_symptoms_links_sections_of_the_chapters_it_names():
    links = re.findall(r"\[(\d+\.\d+)\]\((\d\d)_\w+\.ipynb\)", PAGE)
    rows = PAGE.count("\n| ") - 2  # without the heads and their rule
    assert len(links) >= rows + 1
    for number, chapter in links:
        assert int(number.split(".")[0]) == int(chapter)
        assert is_there(number)


def test_patients_to_guess_at_are_patients():
    assert WARD[0] == "healthy"
    assert len(set(WARD)) == len(WARD) == 9
    assert {*WARD, NIGHT} <= set(PATIENTS)
    assert NIGHT not in WARD
