"""The rules about who needs whom, on books of a few small chapters."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from order_rules import (
    arrows,
    borrows,
    homes,
    listed,
    needs,
    opens,
    says_it_borrows,
    used,
)


def chapter(*cells, module="", top=""):
    code = [new_code_cell(source) for source in cells]
    end = f"## Code for this chapter\n\n- Module: {module}"
    return new_notebook(
        cells=[new_markdown_cell(top), *code, new_markdown_cell(end)]
    )


IMPORT = "from diffusion_lessons import train, q_step, show"
LISTING = chapter("show_source(\n    q_step, NoiseSchedule.snr)")
CALLS = chapter(IMPORT, "for _ in train(x):\n    q_step(x)")


def test_a_listing_names_what_it_lists():
    assert listed(LISTING) == {"q_step", "NoiseSchedule"}


def test_only_what_comes_from_the_module_is_used():
    page = chapter(
        IMPORT,
        "from diffusion_lessons.figures import show_images",
        "%pip install train\nq_step(show_images(print(network.train)))",
    )
    assert used(page) == {"q_step"}


@pytest.mark.parametrize("tag", ["hide-input", "hide-cell", "remove-cell"])
def test_what_no_reader_sees_is_not_used(tag):
    page = chapter(IMPORT, "train(x)")
    page.cells[2].metadata["tags"] = [tag]
    assert used(page) == set()


def test_a_home_is_the_first_listing_or_else_the_first_mention():
    mention = chapter(module="`training.py` (`train`, `q_step`)")
    assert homes({1: mention, 2: LISTING, 3: LISTING, 4: mention}) == {
        "q_step": 2,
        "NoiseSchedule": 2,
        "train": 1,
        "training.py": 1,
    }


def test_what_is_used_before_its_home_is_borrowed_and_after_it_needed():
    home = {"train": 4, "q_step": 1}
    assert borrows(2, CALLS, home) == {"train": 4}
    assert needs(2, CALLS, home) == {1}
    assert borrows(4, CALLS, home) == {}
    assert needs(4, CALLS, home) == {1}
    assert needs(5, CALLS, home) == {1, 4}


def test_a_chapter_says_what_it_borrows_and_what_it_opens():
    page = chapter(
        top="**From [`first.py`](00_first.ipynb):** the lines `T = 100` "
        "and `rate.step()`.\n\n**On loan:** `train` and `Batches` from "
        "[chapter 4](04_training_loop.ipynb), `Guided` from "
        "[chapter 9](09_guidance.ipynb)."
    )
    assert opens(page) == ["T = 100", "rate.step()"]
    assert says_it_borrows(page) == {"train": 4, "Batches": 4, "Guided": 9}


def test_a_loan_leads_to_the_chapter_that_it_names():
    page = chapter(top="**On loan:** `a` from [chapter 4](05_x.ipynb).")
    with pytest.raises(AssertionError, match="leads elsewhere"):
        says_it_borrows(page)


def test_an_arrow_that_follows_from_others_is_not_drawn():
    needed = {1: set(), 2: {1}, 3: {1, 2}, 4: {1}, 5: {3, 4, 1}}
    assert arrows(needed) == {(1, 2), (2, 3), (1, 4), (3, 5), (4, 5)}
