"""The glossary leads to the section that explains a word."""

import json
import re

import pytest
from test_project import ROOT

BOOK = ROOT / "book"
GLOSSARY = (BOOK / "glossary.md").read_text(encoding="utf-8")
LINKS = re.findall(r"\[([^]]+)\]\(([\w.]+)(?:#([^)]*))?\)", GLOSSARY)
CHAPTERS = [link for link in LINKS if re.match(r"\d\d_", link[1])]


def headings(name):
    """{anchor: number} of a chapter, numbered as in the built book."""
    path = BOOK / name
    found, counts = {}, [int(name[:2])]
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        text = "".join(cell["source"])
        for marks, title in re.findall(r"^(##+) (.+)$", text, re.M):
            level = len(marks) - 1
            counts = [*counts, *[0] * level][: level + 1]
            counts[level] += 1
            plain = re.sub(r"[^\w\- ]", "", title.lower())
            found[plain.replace(" ", "-")] = ".".join(map(str, counts))
    return found


def test_it_links_to_sections_only():
    assert len(CHAPTERS) > 50
    for words, _, anchor in CHAPTERS:
        assert anchor, words
        assert re.match(r"(section|exercise) \d", words)


@pytest.mark.parametrize("name", sorted({name for _, name, _ in CHAPTERS}))
def test_the_number_of_a_section_is_that_of_its_heading(name):
    known = headings(name)
    for words, page, anchor in CHAPTERS:
        if page == name and words.startswith("section"):
            assert words == f"section {known[anchor]}", anchor


def test_an_exercise_that_it_names_exists():
    for words, name, anchor in CHAPTERS:
        if not words.startswith("exercise"):
            continue
        assert anchor == "exercises"
        text = (BOOK / name).read_text(encoding="utf-8")
        assert f"**Exercise {words.split()[1]}.**" in text


@pytest.mark.parametrize("short", ["CFG", "SNR", "v", "EMA", "DDIM"])
def test_a_short_form_is_a_term_of_its_own(short):
    assert f"\n{short}\n" in GLOSSARY
