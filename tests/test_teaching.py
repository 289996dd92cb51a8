"""For those who teach: what belongs together, held to the book."""

import ast
import importlib
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import teaching
from teaching import GIVEN, MARK, PAGE, fill, home, pages, slug, table

from diffusion_lessons.practice import TASKS, Verdict
from diffusion_lessons.practice.handed_in.marks import block
from diffusion_lessons.practice.handed_in.reading import Mark

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
SOURCE = (BOOK / "teaching.md").read_text(encoding="utf-8")
PAGES = pages()
ALL = {
    equation.label: (equation, page)
    for page in PAGES
    for equation in page.equations
}
# Where a page has no code for an equation, and why that is right.
GAPS = {"eq-elbo", "eq-global-batch"}

each_equation = pytest.mark.parametrize("label", ALL)
each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda p: p.path.stem
)


@cache
def known_tests(file):
    """Each test of a file, and all names that it uses, its helpers' too."""
    path = ROOT / teaching.test_file(file)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    uses = {
        node.name: {
            getattr(n, "id", getattr(n, "attr", None))
            for n in ast.walk(node)
        }
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
    for _ in range(3):
        for names in uses.values():
            for helper in names & uses.keys():
                names |= uses[helper]
    return uses


@cache
def exercises(path):
    """{number: text and solution} of a page."""
    found, number = {}, None
    for cell in nbformat.read(path, as_version=4).cells:
        if match := teaching.EXERCISE.search(cell.source):
            number = match[1]
        elif cell.source.startswith("## "):
            number = None
        if number:
            found[number] = found.get(number, "") + "\n" + cell.source
    return found


def chapter(number, page):
    """The page that an exercise of this number stands on."""
    if "." not in number or int(number.split(".")[0]) == page.number:
        return page
    (found,) = [p for p in PAGES if p.number == int(number.split(".")[0])]
    return found


# Each equation


def test_the_list_has_every_equation_and_no_other():
    assert set(GIVEN) == set(ALL)
    assert len(ALL) >= 40


def test_only_known_gaps_have_no_code():
    assert {label for label, (e, _) in ALL.items() if e.gap} == GAPS


@each_equation
def test_an_equation_has_its_function(label):
    equation, _ = ALL[label]
    if label in GAPS:
        assert not equation.computes
        return
    module, *path = equation.computes.split(".")
    thing = importlib.import_module(f"diffusion_lessons.{module}")
    for part in path:
        thing = getattr(thing, part)
    assert callable(thing) or isinstance(thing, property)


@each_equation
def test_an_equation_has_a_test_that_calls_its_function(label):
    equation, _ = ALL[label]
    if label in GAPS:
        assert not equation.test
        return
    file, _, name = equation.test.partition(".")
    used = known_tests(file)[name]
    assert {*equation.computes.split(".")[1:], *equation.signs} & used


@each_equation
def test_an_equation_is_exercised(label):
    equation, page = ALL[label]
    asked = bool(equation.ask)
    assert equation.exercises or equation.practice or asked
    assert asked == bool(equation.answer)
    for number in equation.exercises:
        there = chapter(number, page)
        text = exercises(there.path)[number]
        names = set(equation.computes.split(".")[1:])
        signs = names | {label, *equation.signs}
        assert any(sign in text for sign in signs), text
    for name in equation.practice:
        assert TASKS[name].chapter == page.number


# … and back


@each_page
def test_every_exercise_that_names_an_equation_is_listed_with_it(page):
    for number, text in exercises(page.path).items():
        for label in re.findall(r"#(eq-[\w-]+)", text):
            equation, _ = ALL[label]
            assert number in equation.exercises


def test_every_function_of_the_cheat_sheet_is_here():
    computes = {equation.computes for equation, _ in ALL.values()}
    for label, name in teaching.computed().items():
        assert ALL[label][0].computes in (
            name,
            GIVEN[label].get("computes"),
        )
    assert len(computes) >= 25


def test_every_task_is_with_an_equation_or_known_not_to_be():
    listed = {n for equation, _ in ALL.values() for n in equation.practice}
    assert listed <= set(TASKS)
    assert set(TASKS) - listed <= set(teaching.APART)


# The page


def minutes(number):
    """How long a chapter says that it takes to read."""
    (path,) = BOOK.glob(f"{number:02}_*.ipynb")
    return int(re.search(r"\*Time: (\d+) minutes", path.read_text())[1])


def section(title, depth=2):
    """What stands below a heading of the page."""
    marks = "#" * depth
    (text,) = re.findall(
        rf"^{marks} {title}\n(.+?)(?=^#{{1,{depth}}} |\Z)",
        SOURCE,
        re.M | re.S,
    )
    return text


def test_a_workshop_of_two_hours_takes_two_hours():
    rows = re.findall(
        r"^\| (\d+) \|", section("A workshop of two hours", 3), re.M
    )
    assert sum(map(int, rows)) == 120


def test_a_day_of_the_week_has_the_minutes_of_its_chapters():
    rows = re.findall(r"^\| \d \| (.+?): (\d+) minutes", SOURCE, re.M)
    assert len(rows) == 5
    for chapters, total in rows:
        numbers = map(int, re.findall(r"\[(\d+)\]", chapters))
        assert sum(map(minutes, numbers)) == int(total)


def test_the_course_has_ten_lessons_on_all_chapters_but_the_last():
    text = section("A course of ten lessons", 3)
    assert re.findall(r"^(\d+)\. ", text, re.M) == [
        str(n) for n in range(1, 11)
    ]
    read = [int(n) for n in re.findall(r"\]\((\d\d)_", text)]
    assert read == list(range(11))


def test_every_exercise_that_the_page_names_is_there():
    numbers = re.findall(
        r"\b(\d+\.\d+)\b(?=[ .:,])", section("Three plans")
    )
    assert len(numbers) >= 12
    for number in numbers:
        page = chapter(number, SimpleNamespace(number=None))
        assert number in page.exercises


def wrong_answers():
    """(the words, what is asked next)."""
    return re.findall(
        r"^(\*.+\*)\n: (.+)$", section("The usual wrong answers"), re.M
    )


def test_a_wrong_answer_is_one_that_the_book_knows():
    slips = {s.words for task in TASKS.values() for s in task.slips}
    known = "\n".join(
        cell.source
        for path in BOOK.glob("[0-9][0-9]_*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        if cell.source.startswith("## What people get wrong here")
    )
    answers = wrong_answers()
    assert len(answers) >= 15
    for words, _ in answers:
        if words.startswith("**"):
            assert f"- {words}" in known
        else:
            assert words.strip("*") in slips


def test_a_wrong_answer_is_met_with_a_question():
    for _, asked in wrong_answers():
        assert asked.count("?") >= 1
        assert len(asked.split()) <= 40


def test_the_page_is_filled_in_when_it_is_read():
    options = {"repository_url": "https://github.com/a/b"}
    app = SimpleNamespace(
        config=SimpleNamespace(html_theme_options=options)
    )
    assert SOURCE.count(MARK) == 1
    source = [SOURCE]
    fill(app, "book/other", source)
    assert source == [SOURCE]
    fill(app, PAGE, source)
    assert MARK not in source[0]
    assert table(options["repository_url"]) in source[0]
    assert (
        "https://github.com/a/b/blob/main/tests/test_forward.py"
        in (source[0])
    )


@each_page
def test_a_chapter_says_what_its_reader_will_be_able_to_do(page):
    if page.number is not None:
        assert page.able.endswith(".")
    said = teaching.part(page, "https://example.org")
    assert said.startswith("### ")
    assert page.title in said
    for equation in page.equations:
        assert f"{{eq}}`{equation.label}`" in said
        assert equation.answer in said


@pytest.mark.parametrize(
    ("title", "address"),
    [
        ("The step", "the-step"),
        ("`train`: the same loop", "train-the-same-loop"),
        ("What is the noise for?", "what-is-the-noise-for"),
        ("A step – two", "a-step--two"),
    ],
)
def test_a_section_has_the_address_that_it_has_in_the_book(title, address):
    assert slug(title) == address


def test_an_exercise_is_where_its_chapter_has_it():
    page = PAGES[2]
    assert home("2.1", page) == "02_forward_jump.ipynb#exercises"
    assert home("6.2", page) == "06_prediction_targets.ipynb#exercises"
    assert home("1", PAGES[-1]) == "bound.ipynb#two-exercises"


def test_the_page_shows_what_check_says():
    slip = TASKS["q_chain"].slips[0]
    verdicts = (
        Verdict("q_step", "right", "Right."),
        Verdict("q_chain", "slip", "", slip.words, slip.section),
    )
    marks = [
        Mark("anna", "01_forward_chain.ipynb", v.task, v, "")
        for v in verdicts
    ]
    assert f"```text\n{block(marks)}\n```" in SOURCE


def test_a_function_is_a_link_where_it_has_a_page():
    assert teaching.linked("forward.q_step") == (
        "{py:obj}`forward.q_step <diffusion_lessons.forward.q_step>`"
    )
    assert teaching.linked("forwards.q_step") == "`forwards.q_step`"
