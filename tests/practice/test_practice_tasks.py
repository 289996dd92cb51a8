"""Every task: its slips have names, and what is right is right."""

import importlib
import inspect
import re
from pathlib import Path
from statistics import median

import nbformat
import pytest

from diffusion_lessons.practice import TASKS, check
from diffusion_lessons.practice.judge import judge, outcomes

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = sorted((Path(__file__).parent / "solutions").glob("*.py"))
NOTEBOOKS = sorted((ROOT / "book" / "practice").glob("*.ipynb"))


def functions_of(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == path.stem
        and name.split("__")[0] in TASKS
    }


ANSWERS = {
    name: value
    for path in SOLUTIONS
    for name, value in functions_of(path).items()
}
each_task = pytest.mark.parametrize("name", TASKS)
SLIPS = [
    pytest.param(task, slip, id=f"{task.name}-{i}")
    for task in TASKS.values()
    for i, slip in enumerate(task.slips)
]


def sections():
    """Every section of every chapter, as "2.4 Its title"."""
    for path in sorted((ROOT / "book").glob("[0-9][0-9]_*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        texts = [c.source for c in cells if c.cell_type == "markdown"]
        titles = re.findall(r"^## (.+)$", "\n".join(texts), re.MULTILINE)
        for number, title in enumerate(titles, start=1):
            yield f"{int(path.stem[:2])}.{number} {title}"


HEADINGS = set(sections())


@pytest.mark.parametrize(("task", "slip"), SLIPS)
def test_every_slip_gets_its_own_name(task, slip):
    verdict = judge(task, outcomes(slip.function, task))
    assert verdict.kind == "slip"
    assert (verdict.slip, verdict.section) == (slip.words, slip.section)
    assert not verdict


@pytest.mark.parametrize("name", ANSWERS)
def test_every_right_way_is_right(name):
    verdict = check(ANSWERS[name], name.split("__")[0])
    assert verdict, verdict
    assert verdict.kind == "right"


@each_task
def test_a_task_has_slips_and_other_right_ways(name):
    assert len(TASKS[name].slips) >= 4
    ways = [key for key in ANSWERS if key.split("__")[0] == name]
    assert name in ways  # the plain one, that goes into the notebook
    assert len(ways) >= 2


@each_task
def test_what_is_said_leads_somewhere(name):
    task = TASKS[name]
    for slip in task.slips:
        assert slip.section in HEADINGS
        assert not slip.words[0].isupper()
        assert not slip.words.endswith(".")
    for number in re.findall(r"section (\d+\.\d+)", task.tip):
        assert any(h.startswith(f"{number} ") for h in HEADINGS)
    assert not (task.tip + task.goal).endswith(".")


@each_task
def test_the_module_itself_is_no_answer(name):
    task = TASKS[name]
    verdict = check(task.answer, name)
    assert verdict.kind == "unwritten"


# The notebooks


def solved(notebook):
    """The sources of its code cells, with the stubs filled in."""
    for cell in notebook.cells:
        if cell.cell_type != "code" or cell.source.startswith("# Colab"):
            continue
        stub = re.match(r"def (\w+)\(", cell.source)
        if stub and stub[1] in ANSWERS:
            yield inspect.getsource(ANSWERS[stub[1]])
        else:
            yield cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_with_the_solutions_is_right(path):
    notebook = nbformat.read(path, as_version=4)
    room, verdicts = {"__name__": "__main__"}, []
    for source in solved(notebook):
        if source.startswith("check("):
            verdicts.append(eval(source, room))
        else:
            exec(source, room)
    assert verdicts
    assert all(verdicts), verdicts


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_asks_and_does_not_answer(path):
    cells = nbformat.read(path, as_version=4).cells
    sources = [c.source for c in cells if c.cell_type == "code"]
    stubs = [s for s in sources if s.startswith("def ")]
    checks = re.findall(r"^check\((\w+)", "\n".join(sources), re.MULTILINE)
    names = [re.match(r"def (\w+)\(", s)[1] for s in stubs]
    assert names == checks
    assert set(names) <= set(TASKS)
    for name, stub in zip(names, stubs, strict=True):
        assert "NotImplementedError" in stub or "..." in stub
        takes = re.match(r"def \w+\((.*?)\)", stub, re.DOTALL)[1]
        assert re.findall(r"\w+", takes) == TASKS[name].parameters
        said = [
            c.outputs for c in cells if c.source.startswith(f"check({name}")
        ]
        shown = said[0][0]["data"]["text/plain"]
        assert shown.startswith(f"… {name}: Still to be written")


def test_every_task_is_in_the_notebook_of_its_chapter():
    asked = {}
    for path in NOTEBOOKS:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r'"def (\w+)\(', text):
            asked[name] = int(path.stem[:2])
    assert asked == {name: task.chapter for name, task in TASKS.items()}


def test_a_notebook_has_the_name_of_its_chapter():
    chapters = {p.stem for p in (ROOT / "book").glob("[0-9][0-9]_*.ipynb")}
    assert {p.stem for p in NOTEBOOKS} <= chapters


def test_the_page_lists_every_notebook_and_every_task():
    page = (ROOT / "book" / "practice.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\* - \[\]\((\w+)\.ipynb\)\n  - (.+)\n  - \[Colab\]\((\S+)\), "
        r"\{download\}`download <practice/(\w+)\.ipynb>`$",
        page,
        re.MULTILINE,
    )
    assert [stem for stem, *_ in rows] == [path.stem for path in NOTEBOOKS]
    lines = [len(inspect.getsource(ANSWERS[n]).splitlines()) for n in TASKS]
    assert max(lines) - 1 == 9  # without its def
    assert median(lines) - 1 <= 3
    assert "has nine lines, and half of them have three or fewer" in page
    for stem, names, colab, download in rows:
        assert re.findall(r"`(\w+)`", names) == [
            name
            for name, task in TASKS.items()
            if task.chapter == int(stem[:2])
        ]
        assert colab.endswith(f"/blob/main/book/practice/{stem}.ipynb")
        assert download == stem


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_chapter_leads_to_its_notebook(path):
    chapter = nbformat.read(ROOT / "book" / path.name, as_version=4)
    text = "\n".join(c.source for c in chapter.cells)
    said = re.search(
        r"^## Exercises\n\n\*\*Practice\.\*\* Write (.+) yourself: "
        r"\[a notebook\]\((\S+)\)",
        text,
        re.MULTILINE,
    )
    assert re.findall(r"`(\w+)`", said[1]) == [
        name
        for name, task in TASKS.items()
        if task.chapter == int(path.stem[:2])
    ]
    assert said[2].endswith(f"/blob/main/book/practice/{path.name}")
