"""The notation page has every letter of every equation, once a chapter."""

import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from letters import displayed, letters

BOOK = Path(__file__).resolve().parents[1] / "book"
PAGES = {
    str(int(path.stem[:2])): path
    for path in sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))
} | {"bound": BOOK / "bound.ipynb"}
PAGE = (BOOK / "notation.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^\| \$([^$|]+)\$ \| (.+) \| ([\w, ]+) \|$",
    PAGE.split("## Every letter of every equation")[1],
    re.MULTILINE,
)


def listed(page):
    return Counter(
        letter for letter, _, where in ROWS if page in where.split(", ")
    )


@pytest.mark.parametrize("page", PAGES)
def test_the_notation_page_lists_the_letters_of_a_page(page):
    notebook = nbformat.read(PAGES[page], as_version=4)
    found = {
        letter
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for equation in displayed(cell.source)
        for letter in letters(equation)
    }
    assert set(listed(page)) == found


@pytest.mark.parametrize("page", PAGES)
def test_a_letter_has_one_meaning_on_a_page(page):
    assert all(count == 1 for count in listed(page).values())


def test_the_list_names_only_pages_that_exist():
    named = {page for *_, where in ROWS for page in where.split(", ")}
    assert named == set(PAGES) - {"0"}  # chapter 0 has no equation


@pytest.mark.parametrize(
    ("equation", "found"),
    [
        (r"\bar\alpha_t + \bar{\alpha}_{t-1}", {r"\bar\alpha", "t"}),
        (r"\hat x_0 = \hat{x}_0", {r"\hat x"}),
        (r"\sqrt{1-\beta_t}\,x", {r"\beta", "t", "x"}),
        (r"\mathrm{SNR}_t \text{ left}", {"t"}),
        (r"\mathbb E_q \mathcal N(x; m, I)", {"q", "x", "m", "I"}),
        (r"\int f\,dx_t / d\varphi", {"f", "x", "t", r"\varphi"}),
        (r"d\,\bar\theta \leftarrow \eta", {"d", r"\bar\theta", r"\eta"}),
        (r"\begin{aligned} a &= \log \cos b \end{aligned}", {"a", "b"}),
        (r"a \\[0.5em] b \\[2ex] [m]", {"a", "b", "m"}),
    ],
)
def test_what_counts_as_a_letter(equation, found):
    assert letters(equation) == found
