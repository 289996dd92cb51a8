"""A handed-in notebook is a stranger's code, and does no harm."""

import csv
import json
import os
from pathlib import Path

import pytest
from walled import WALLED

import diffusion_lessons
from diffusion_lessons import __main__ as command
from diffusion_lessons.practice import TASKS
from diffusion_lessons.practice.handed_in import check_folder

PACKAGE = Path(diffusion_lessons.__file__).parent
SECONDS = 6.0

IMPORTS = "import torch\nfrom diffusion_lessons.practice import check"
STEP = """\
def q_step(x_prev, t, noise, schedule):
    beta = schedule.betas[t].reshape(-1, 1, 1, 1)
    return (1 - beta).sqrt() * x_prev + beta.sqrt() * noise
"""
SLIP = STEP.replace("beta.sqrt() * noise", "beta * noise")
CHAIN = """\
def q_chain(x0, noises, schedule):
    chain = [x0]
    for t, noise in enumerate(noises, start=1):
        chain.append(q_step(chain[-1], t, noise, schedule))
    return torch.stack(chain)
"""
HONEST = [IMPORTS, STEP, "check(q_step)", CHAIN, "check(q_chain)"]
walled = pytest.mark.skipif(not WALLED, reason="no walls of Linux here")
# Each of these is a cell of one notebook; victim is a file of the teacher.
VILLAIN = {
    "deletes": "import shutil; shutil.rmtree({folder!r})",
    "overwrites": "open({victim!r}, 'w').write('mine now')",
    "truncates": "import os; os.truncate({victim!r}, 0)",
    "takes rights away": "os.chmod({victim!r}, 0)",
    "kills": "os.kill(os.getppid(), 9)",
    "kills past Python": (
        "import ctypes; ctypes.CDLL(None).kill(os.getppid(), 9)"
    ),
    "limits its parent": (
        "import resource\n"
        "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (0, 0))"
    ),
    "prints a gigabyte": (
        "import sys\nfor _ in range(1024):\n    os.write(1, b'x' * 2**20)"
    ),
    "forks": "while True: os.fork()",
    "eats all memory": "heap = [bytearray(2**28) for _ in range(10**6)]",
    "shouts": "raise ValueError('x' * 2**27)",
    "writes into the package": (
        "import diffusion_lessons\n"
        "place = os.path.dirname(diffusion_lessons.__file__)\n"
        "open(os.path.join(place, 'mine.py'), 'w').write('x = 1')"
    ),
    "redefines check": "def check(function): return True",
    "changes the judge": (
        "from diffusion_lessons.practice import judge, outcome, tasks\n"
        "tasks.TASKS['q_step'].cases.clear()\n"
        "judge._outcome = lambda f, task, case: outcome.outcome_of(\n"
        "    task.answer, task.arguments(case))"
    ),
    "forges a result": (
        "print('✓ q_step: Right.')\n"
        "for name in ('end', 'q_step', 'begun'):\n"
        "    open(f'../notes/{{name}}', 'w').write('right')"
    ),
    "leaves": "import sys; sys.exit()",
}
# Nothing but a wall keeps these from what they want.
WITHOUT_WALLS = (
    *("deletes", "overwrites", "truncates", "takes rights away"),
    *("kills past Python", "limits its parent", "eats all memory"),
    "writes into the package",
)


def notebook(*cells, kind="code"):
    made = [
        {"cell_type": kind, "source": source, "metadata": {}}
        for source in cells
    ]
    return json.dumps({"cells": made, "nbformat": 4, "nbformat_minor": 5})


RIGHT = {"q_step": "right", "q_chain": "right"}


def fill(folder, victim):
    """What a class hands in; victim: a file that is none of theirs."""
    inside = {"folder": str(folder), "victim": str(victim)}
    left_out = () if WALLED else WITHOUT_WALLS
    villain = [
        cell.format(**inside)
        for name, cell in VILLAIN.items()
        if name not in left_out
    ]
    stub = STEP.partition("\n")[0] + "\n    raise NotImplementedError"
    files = {
        "a first/01.ipynb": notebook(*HONEST),
        "b villain.ipynb": notebook(IMPORTS, *villain, SLIP, CHAIN),
        "c loops.ipynb": notebook(
            IMPORTS,
            "while True: pass",
            STEP,
            CHAIN.replace("return", "while True: pass\n    return"),
        ),
        "d ends.ipynb": notebook(
            IMPORTS,
            "import os; os._exit(0)",
            STEP.replace("return", "import os; os._exit(0)\n    return"),
        ),
        "e clumsy.ipynb": notebook(
            "if True:\n    %pip install -q nothing\nx = !ls",
            IMPORTS,
            "%%bash\nrm -rf *",
            "undefined",
            "%matplotlib inline\n" + STEP,
            CHAIN + "return",
        ),
        "f stub.ipynb": notebook(IMPORTS, stub, "q_chain = 3"),
        '=cmd,"x".ipynb': "{",
        "h other.ipynb": notebook("print('another course')"),
        "i empty.ipynb": "",
        "j old.ipynb": json.dumps({"worksheets": []}),
        "k deep.ipynb": "[" * 100_000,
        "z last/week 1/01.ipynb": notebook(*HONEST),
        "z last/.ipynb_checkpoints/01.ipynb": notebook(*HONEST),
        "readme.txt": "not a notebook",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "l link.ipynb").symlink_to(victim)


def contents(folder):
    """Every file with what is known of it, and what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = path.lstat()
        holds = b"" if path.is_dir() else path.read_bytes()
        found[path] = kind.st_mode, kind.st_mtime_ns, kind.st_ino, holds
    return found


class Class:
    """All of them, checked once."""

    def __init__(self, place):
        self.folder, self.victim = place / "handed in", place / "victim"
        self.victim.write_text("the teacher's", encoding="utf-8")
        self.folder.mkdir()
        fill(self.folder, self.victim)
        self.before, self.said = contents(place), []
        self.table = place / "marks.csv"
        self.marks = check_folder(
            self.folder, self.table, SECONDS, self.said.append
        )
        rows = self.table.read_text("utf-8-sig").splitlines()
        self.rows = list(csv.DictReader(rows))

    def of(self, student):
        found = [m for m in self.marks if m.student == student]
        return {m.task: m.verdict.kind for m in found}

    def verdict(self, student, task=""):
        (found,) = [
            m for m in self.marks if (m.student, m.task) == (student, task)
        ]
        return found.verdict


@pytest.fixture(scope="module")
def handed(tmp_path_factory):
    return Class(tmp_path_factory.mktemp("class"))


# What a stranger does, to others


@pytest.mark.parametrize("student", ["a first", "z last"])
def test_the_marks_of_others_stay_what_they_are(handed, student):
    assert handed.of(student) == RIGHT


@walled
def test_nothing_of_the_teachers_is_changed(handed):
    after = contents(handed.folder.parent)
    del after[handed.table]
    assert after == handed.before
    assert not (PACKAGE / "mine.py").exists()


# … and to itself


def test_a_villain_gets_the_mark_of_what_it_wrote(handed):
    verdict = handed.verdict("b villain", "q_step")
    assert verdict.slip == TASKS["q_step"].slips[0].words
    assert handed.verdict("b villain", "q_chain").kind == "wrong"


def test_a_villain_is_worth_a_look(handed):
    notes = {m.note for m in handed.marks if m.student == "b villain"}
    assert all("looks into the checker" in note for note in notes)
    others = {
        m.note for m in handed.marks if m.student in "a first e clumsy"
    }
    assert others == {""}


def test_an_endless_cell_takes_nothing_from_the_others(handed):
    assert handed.of("c loops") == {"q_step": "right", "q_chain": "endless"}
    text = handed.verdict("c loops", "q_chain").text
    assert text.startswith("It did not end within 2")


def test_what_ends_python_ends_itself_alone(handed):
    assert handed.of("d ends") == {"q_step": "error", "q_chain": "missing"}
    assert "ended Python" in handed.verdict("d ends", "q_step").text
    (note,) = {m.note for m in handed.marks if m.student == "d ends"}
    assert note == "code cell 2 ended Python"


def test_broken_cells_and_magics_lose_no_other_cell(handed):
    assert handed.of("e clumsy") == {"q_step": "right", "q_chain": "error"}
    text = handed.verdict("e clumsy", "q_chain").text
    assert text.startswith("The cell that defines it does not run: Syntax")


def test_what_is_not_there_yet_is_said_as_such(handed):
    assert handed.of("f stub") == {
        "q_step": "unwritten",
        "q_chain": "error",
    }
    assert handed.verdict("f stub", "q_chain").text == "It is no function."


@pytest.mark.parametrize(
    ("student", "kind", "words"),
    [
        ('=cmd,"x"', "unreadable", "is empty or damaged: it is no JSON"),
        ("h other", "other", "has no task of this book"),
        ("i empty", "unreadable", "is empty or damaged: it is no JSON"),
        ("j old", "unreadable", "is no notebook of today's form"),
        ("k deep", "unreadable", "is empty or damaged: it is no JSON"),
        ("l link", "unreadable", "is a link or no file, and is not opened"),
    ],
)
def test_a_file_that_is_no_practice_is_said_to_be_none(
    handed, student, kind, words
):
    verdict = handed.verdict(student)
    assert (verdict.kind, verdict.text) == (kind, f"The file {words}.")


# The table


def test_every_mark_is_a_row_of_the_table(handed):
    assert len(handed.rows) == len(handed.marks) == 20
    assert [(r["task"], r["result"]) for r in handed.rows] == [
        (m.task, m.verdict.kind) for m in handed.marks
    ]
    (row,) = [r for r in handed.rows if r["slip"]]
    slip = TASKS["q_step"].slips[0]
    assert (row["slip"], row["section"]) == (slip.words, slip.section)
    assert (row["student"], row["chapter"]) == ("b villain", "1")
    last = handed.rows[-1]
    assert (last["student"], last["file"]) == ("z last", "week 1/01.ipynb")


def test_no_name_is_a_formula(handed):
    assert handed.rows[0]["student"] == '\'=cmd,"x"'
    assert handed.rows[0]["file"] == '\'=cmd,"x".ipynb'


def test_a_terminal_shows_who_has_what_right(handed):
    said = "\n".join(handed.said)
    assert "a first: 01.ipynb, 2 of 2 right\n  ✓ q_step: right" in said
    slip = TASKS["q_step"].slips[0]
    assert f"  × q_step: slip, {slip.section}\n      {slip.words}" in said
    assert f"  1 × q_step: {slip.words}" in said
    assert "  … q_step: unwritten" in said
    assert "  – q_chain: missing\n      It is not in the notebook." in said
    assert "\n      look: code cell 2 ended Python\n" in said
    assert handed.said[0].startswith("walls: time of the processor")
    assert handed.said[-1] == f"{handed.table}: 20 lines"


@walled
def test_all_walls_stand_on_linux(handed):
    assert "not on this system" not in handed.said[0]
    assert handed.said[0].endswith("network and other processes")


# The command


def ended(*options):
    try:
        return command.main(["check", *map(str, options)])
    except SystemExit as end:
        return end.code


def test_the_command_names_a_folder_without_notebooks(tmp_path, capsys):
    assert ended(tmp_path) == 2
    words = f"there is no notebook (.ipynb) in {tmp_path}"
    assert words in capsys.readouterr().err


def test_the_command_wants_a_folder(tmp_path, capsys):
    assert ended(tmp_path / "none") == 2
    assert "must be a folder that is there; got" in capsys.readouterr().err


def test_the_table_lies_outside_the_folder(tmp_path, capsys):
    (tmp_path / "a.ipynb").write_text("{")
    assert ended(tmp_path, "--csv", tmp_path / "marks.csv") == 2
    assert "which is only read" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["a.ipynb"]


def test_the_command_says_what_it_found(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.ipynb").write_text("{")
    table = tmp_path / "marks.csv"
    assert ended(folder, "--csv", table) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1].startswith(f"{folder}: 0 right of 1, ")
    assert table.read_text("utf-8-sig").count("\n") == 2


def test_the_table_is_written_whole_or_not_at_all(
    tmp_path, monkeypatch, capsys
):
    def full(*_):
        raise OSError("disk full")

    folder, table = tmp_path / "in", tmp_path / "marks.csv"
    folder.mkdir()
    (folder / "a.ipynb").write_text("{")
    table.write_text("old")
    monkeypatch.setattr(os, "replace", full)
    assert ended(folder, "--csv", table) == 2
    assert "disk full" in capsys.readouterr().err
    assert table.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
