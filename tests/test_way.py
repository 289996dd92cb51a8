"""The reader finds in, on and around: front page, map, cheat sheet."""

import importlib
import inspect
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
CHAPTERS = sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))
NAMES = [path.name for path in CHAPTERS]
NEXT = [*NAMES[1:], "map.md"]
MAP = (BOOK / "map.md").read_text(encoding="utf-8")
SHEET = (BOOK / "cheatsheet.md").read_text(encoding="utf-8")
NUMBERS = {
    9: "nine",
    10: "ten",
    11: "eleven",
    13: "thirteen",
    14: "fourteen",
}
FACTS = re.findall(r"^:::\{div\} dl-fact\n(.*?)^:::$", SHEET, re.M | re.S)
# Steps of a derivation, and what PyTorch computes: no line of ours.
NO_CODE = {
    *("eq-bayes", "eq-elbo", "eq-floor", "eq-guidance-bayes", "eq-old-eps"),
    *("eq-parameters", "eq-s-sigma", "eq-sharpened", "eq-silu"),
    "eq-velocity",  # on the sheet beside the other two targets
    "eq-mixture",  # on the sheet in the letters of chapter 7
    "eq-precisions",  # the rule behind the posterior
    "eq-ddim-change",  # why kept noise loses no variance
    "eq-global-batch",  # what DistributedDataParallel computes
}

each_chapter = pytest.mark.parametrize(
    "path", CHAPTERS, ids=lambda p: p.stem
)
each_fact = pytest.mark.parametrize(
    "fact", FACTS, ids=lambda fact: re.sub(r"\W+", "-", fact[:30])
)


def texts(path):
    notebook = nbformat.read(path, as_version=4)
    return [c.source for c in notebook.cells if c.cell_type == "markdown"]


def minutes(path):
    """How long a chapter says that it takes."""
    return int(
        re.search(r"^\*Time: (\d+) minutes", texts(path)[1], re.M)[1]
    )


def formulas(text):
    """Every displayed formula with its label, or None."""
    found = re.findall(r"\$\$(.+?)\$\$(?:[ \t]*\(([\w-]+)\))?", text, re.S)
    return [(plain(formula), label or None) for formula, label in found]


def plain(formula):
    """The formula without what only spaces it out, or ends its sentence."""
    spaced = re.sub(r"\\[;,! ]|\s|\{\}", "", formula)
    return spaced.rstrip(".,")


LABELS = {
    label: formula
    for path in [*CHAPTERS, BOOK / "bound.ipynb"]
    for formula, label in formulas("\n\n".join(texts(path)))
    if label
}


# The chapters


@each_chapter
def test_a_chapter_opens_with_its_question(path):
    opening = texts(path)[0]
    assert re.search(r"\*\*The question of this chapter: .+\?\*\*", opening)


@pytest.mark.parametrize(
    ("path", "following"), list(zip(CHAPTERS, NEXT, strict=True)), ids=NAMES
)
def test_a_chapter_closes_with_what_comes_next_and_why(path, following):
    closing = texts(path)[-1].split("\n\n")[-1]
    assert closing.startswith("**Next:** ")
    assert f"]({following})" in closing
    assert len(closing.split()) >= 15


# The front page

CARD = re.compile(
    r"^(\d+)\. \[(.+?)\]\((\S+)\)(\.?) (.+?\?) \*(\d+) minutes\*$", re.M
)
FRONT = texts(BOOK / "intro.ipynb")


@pytest.fixture
def cards():
    return CARD.findall("\n".join(FRONT))


def test_the_front_page_has_each_chapter_by_its_title_with_its_time(cards):
    titles = [texts(path)[0].splitlines()[0][2:] for path in CHAPTERS]
    listed = [(n, title, name, m) for n, title, name, *_, m in cards]
    assert listed == [
        (str(n), title, path.name, str(minutes(path)))
        for n, (title, path) in enumerate(
            zip(titles, CHAPTERS, strict=True)
        )
    ]


def test_the_front_page_and_the_readme_ask_the_same_questions(cards):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for number, title, name, _, question, _ in cards:
        row = f"| {number} | [{title}](book/{name}) | {question} |"
        assert row in readme


def test_the_front_page_says_how_long_the_chapters_take():
    taken = [minutes(path) for path in CHAPTERS]
    hours = NUMBERS[round(sum(taken) / 60)]
    chapters = NUMBERS[len(CHAPTERS)]
    assert (
        f"{hours} hours: {chapters} chapters of {min(taken)} to "
        f"{max(taken)} minutes" in "\n".join(FRONT)
    )


def test_the_front_page_begins_with_one_sentence_and_one_button():
    title, sentence = FRONT[0].split("\n\n")
    assert title == "# Diffusion Lessons"
    assert len(re.findall(r"[.?!](?:\W|$)", sentence)) == 1
    assert re.findall(r"\]\((\S+)\)", FRONT[1]) == [NAMES[0]]
    assert re.fullmatch(r"\*\*\[.+\]\(.+\)\*\*", FRONT[1])


def test_the_front_page_leads_to_other_beginnings():
    (line,) = re.findall(r"^Straight to: .+$", "\n".join(FRONT), re.M)
    links = re.findall(r"\]\((\S+)\)", line)
    assert links == [*(NAMES[n] for n in (1, 12, 7, 9, 11)), "map.md"]


# The map

ROW = re.compile(
    r"^(\d+)\. \[(.+?)\]\((\S+)\)\. .+?\?\\\n   Needs (.+?)\. "
    r"`(\w+(?:\.py|/))` ↔ `(\w+(?:\.py|/))`, (\d+) minutes\.$",
    re.M | re.S,
)


@pytest.fixture
def rows():
    return ROW.findall(MAP)


def test_the_map_has_every_chapter_by_its_title_with_its_time(rows):
    titles = [texts(path)[0].splitlines()[0][2:] for path in CHAPTERS]
    assert [
        (int(n), title, name, int(time))
        for n, title, name, *_, time in rows
    ] == [
        (n, title, path.name, minutes(path))
        for n, (title, path) in enumerate(
            zip(titles, CHAPTERS, strict=True)
        )
    ]


def test_the_map_names_files_that_the_chapters_name(rows):
    for *_, module, check, _ in rows:
        assert (ROOT / "diffusion_lessons" / module).exists()
        assert (ROOT / "tests" / check).exists()
    for path, row in zip(CHAPTERS, rows, strict=True):
        assert f"`diffusion_lessons/{row[4]}`" in texts(path)[-1]
        assert f"`tests/{row[5]}`" in texts(path)[-1]


def test_the_maps_boxes_lead_to_the_chapters():
    boxes = re.findall(
        r'href="(\w+)\.html">.*?class="number"[^>]*>(\d+)<', MAP, re.S
    )
    assert boxes == [(p.stem, str(n)) for n, p in enumerate(CHAPTERS)]


# The cheat sheet


def test_the_cheat_sheet_has_every_formula_that_code_computes():
    cited = set(re.findall(r"\{eq\}`([\w-]+)`", SHEET))
    assert cited.isdisjoint(NO_CODE)
    assert cited | NO_CODE == set(LABELS)


@each_fact
def test_a_formula_of_the_sheet_is_the_one_it_refers_to(fact):
    shown = [formula for formula, _ in formulas(fact)]
    cited = re.findall(r"\{eq\}`([\w-]+)`", fact.splitlines()[0])
    assert [
        LABELS[label] for label in cited if LABELS[label] not in shown
    ] == []
    assert cited or "](" in fact.splitlines()[0]


def source(name):
    """The source of `module.Class.method`, of a property as well."""
    module, *path = name.split(".")
    thing = importlib.import_module(f"diffusion_lessons.{module}")
    for part in path:
        thing = getattr(thing, part)
    return inspect.getsource(getattr(thing, "fget", thing))


@each_fact
def test_the_sheets_code_stands_in_the_module_line_by_line(fact):
    quoted = re.findall(r"```python\n(.+?)```", fact, re.S)
    named = re.search(r"`([a-z]+\.\w[\w.]*)`", fact.splitlines()[0])
    assert bool(quoted) == bool(named)
    if not named:
        return
    lines = [
        line.split("  # ")[0].strip()
        for line in source(named[1]).splitlines()
    ]
    for line in "".join(quoted).splitlines():
        assert line.strip() in lines
        del lines[: lines.index(line.strip()) + 1]  # and in this order


def test_the_sheet_has_facts():
    assert len(FACTS) >= 25
