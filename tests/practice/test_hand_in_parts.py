"""The parts that read hand-ins: cells, what was left, and the table."""

import csv
import json
import os
import time
from types import SimpleNamespace

import pytest
import torch

from diffusion_lessons.files import write_tensors
from diffusion_lessons.practice import TASKS, Verdict, judge
from diffusion_lessons.practice.handed_in import attempt as one
from diffusion_lessons.practice.handed_in import (
    cells,
    marks,
    reading,
    worker,
)
from diffusion_lessons.practice.handed_in.worker import write_outcomes
from diffusion_lessons.practice.judge import outcomes
from diffusion_lessons.practice.outcome import Outcome

TASK = TASKS["q_step"]


# Cells


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1", "x = 1"),
        ("%pip install this", "pass"),
        ("if x:\n    !ls\ny = 2", "if x:\n    pass\ny = 2"),
        ("files = !ls\ny = 2", "pass\ny = 2"),
        ("torch.stack?", "pass"),
        ("?torch", "pass"),
        ("%%time\nx = 1", "x = 1"),
        ("%%bash\nrm -rf *", ""),
        ('x = """\n%d\n"""', 'x = """\n%d\n"""'),
        ("x = 5\\\n%3", "x = 5\\\n%3"),
        ("%", "pass"),
        ("%%", ""),
    ],
)
def test_a_cell_becomes_plain_python(source, expected):
    assert cells.plain(source) == expected


def test_only_code_is_read_whatever_its_form():
    book = {
        "cells": [
            {"cell_type": "markdown", "source": "# a"},
            {"cell_type": "code", "source": ["x = 1\r\n", "y = 2"]},
            {"cell_type": "code", "source": "z\0 = 3"},
        ]
    }
    assert cells.sources(json.dumps(book).encode()) == [
        "x = 1\ny = 2",
        "z = 3",
    ]


@pytest.mark.parametrize(
    "book",
    [
        [],
        {},
        {"cells": 3},
        {"cells": [3]},
        {"cells": [{"cell_type": "code"}]},
        {"cells": [{"cell_type": "code", "source": [1]}]},
        {"cells": [{"cell_type": "code", "source": 1}]},
    ],
)
def test_another_form_is_said_to_be_one(book):
    with pytest.raises(cells.NoNotebook, match="today's form"):
        cells.sources(json.dumps(book).encode())


@pytest.mark.parametrize(
    "source",
    [
        *(
            "(" * 10**5,
            "-" * 10**5 + "1",
            "x" + "+1" * 5 * 10**4,
            "[" * 10**5,
        ),
        *(
            "x" + ".x" * 9 * 10**4,
            "f" + "()" * 9 * 10**4,
            "\\ud800",
            "x = '\ud800'",
        ),
        *(" " * 10**5 + "?", "\n" * 10**5 + "%x", "a, " * 10**4 + "= !"),
        *("not " * 10**4 + "x", "if x:\n" * 10**4, "\x0c" * 10**5 + "!"),
    ],
)
def test_no_source_is_too_odd_to_be_looked_at(source):
    found = cells.sources(
        json.dumps(
            {"cells": [{"cell_type": "code", "source": source}]}
        ).encode()
    )
    assert len(found) == 1
    assert cells.mentioned(found, TASKS) == set()
    assert not list(reading.notes_on(TASK, found))


def test_no_notebook_is_looked_at_that_is_all_code():
    book = {"cells": [{"cell_type": "code", "source": "x\n" * 50_001}] * 2}
    with pytest.raises(cells.NoNotebook, match="than 200,000 characters"):
        cells.sources(json.dumps(book).encode())


def test_a_task_is_known_by_its_definition_or_its_check():
    found = [
        "def q_step(a):\n    pass",
        "x = 1\ncheck(q_chain)",
        "q_sample",
    ]
    assert cells.mentioned(found, TASKS) == {"q_step", "q_chain"}


# Files


def test_a_student_is_a_folder_or_a_file(tmp_path):
    for name in (
        "b.ipynb",
        "anna/w1/01.IPYNB",
        ".x/a.ipynb",
        "a/._1.ipynb",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = [(h.student, h.file) for h in reading.notebooks(tmp_path)]
    assert found == [("anna", "w1/01.IPYNB"), ("b", "b.ipynb")]


def test_what_is_too_large_or_no_file_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "NOTEBOOK", 10)
    (tmp_path / "large").write_text("x" * 11)
    (tmp_path / "link").symlink_to(tmp_path / "large")
    (tmp_path / "folder").mkdir()
    assert reading.opened(tmp_path / "large").startswith("is larger than")
    assert reading.opened(tmp_path / "link").startswith("is a link or no")
    assert reading.opened(tmp_path / "folder").startswith("is a link or")
    assert reading.opened(tmp_path / "none").startswith("cannot be read")


# What is worth a look


@pytest.mark.parametrize(
    ("source", "note"),
    [
        ("from diffusion_lessons import q_step as mine", "takes the"),
        ("from diffusion_lessons.forward import q_step", "takes the"),
        ("import diffusion_lessons as d\nd.q_step", "takes the"),
        ("from diffusion_lessons.practice import TASKS", "looks into"),
        ("import sys\nsys._getframe(1)", "looks into"),
        ("from diffusion_lessons import q_sample", None),
        ("from diffusion_lessons.practice import check", None),
        ("def q_step(): pass", None),
        ("from mine import q_step", None),
        ("not python", None),
    ],
)
def test_a_look_is_asked_for(source, note):
    found = list(reading.notes_on(TASK, [source]))
    assert len(found) == (note is not None)
    assert all(text.startswith(note) for text in found)


# Several attempts


@pytest.fixture
def attempts(monkeypatch):
    """What `attempt` is to say, one by one; and what it was asked."""
    told, asked = [], []

    def attempt(kept, names, folder, seconds):
        asked.append((list(kept), names))
        return told.pop(0)

    monkeypatch.setattr(reading, "attempt", attempt)
    return told, asked


def tried(at="", ended=False, late=False, found=()):
    done = outcomes(TASK.answer, TASK)
    facts = {"there": True, "callable": True}
    kept = dict.fromkeys(found, (facts, done))
    return one.Attempt("[]", ended, late, at, kept, "")


NAMES = ["q_step", "q_chain"]


def test_a_cell_that_ends_it_is_left_out_of_the_next_attempt(attempts):
    told, asked = attempts
    told += [tried("1"), tried("0", late=True), tried(ended=True)]
    found, note = reading.run(["a", "b", "c"], NAMES, None, 1)
    assert [kept for kept, _ in asked] == [
        ["a", "b", "c"],
        ["a", None, "c"],
        [None, None, "c"],
    ]
    assert note == "code cell 2 ended Python; code cell 1 did not end"
    assert found["q_step"].text.startswith("It returned more than")


def test_what_was_found_is_not_asked_again(attempts):
    told, asked = attempts
    told += [tried("q_chain", late=True, found=["q_step"])]
    found, note = reading.run(["a"], NAMES, None, 1)
    assert [found[n].kind for n in NAMES] == ["right", "endless"]
    assert note == ""
    told += [tried("q_step"), tried(ended=True, found=["q_chain"])]
    found, _ = reading.run(["a"], NAMES, None, 1)
    assert not told
    assert [names for _, names in asked[1:]] == [NAMES, ["q_chain"]]
    assert found["q_step"].kind == "error"


@pytest.mark.parametrize("at", ["9", "-1", "", "q_sample", "x" * 90])
def test_a_place_that_is_none_is_not_believed(attempts, at):
    attempts[0].append(tried(at))
    found, note = reading.run(["a"], NAMES, None, 1)
    assert {v.kind for v in found.values()} == {"error"}
    assert "ends Python" in found["q_step"].text
    assert note == ""


def test_attempts_have_an_end(attempts):
    told, asked = attempts
    told += [tried(str(i)) for i in range(9)]
    found, _ = reading.run(["a"] * 9, NAMES, None, 1)
    assert len(asked) == reading.ATTEMPTS
    assert {v.kind for v in found.values()} == {"error"}


# What a process left


def slipped():
    return outcomes(TASK.slips[0].function, TASK)


def left(folder, names=("q_step",)):
    return dict(one._left(folder, "secret", list(names)))


def test_what_a_worker_writes_is_read_back(tmp_path):
    write_outcomes(tmp_path / "secret-q_step", {"there": True}, slipped())
    facts, done = left(tmp_path)["q_step"]
    assert facts["there"]
    for own, kept in zip(slipped(), done, strict=True):
        own.seconds = kept.seconds
        for a, b in zip(own.values, kept.values, strict=True):
            assert torch.equal(a, b)
        own.values = kept.values
        assert own == kept


def test_what_has_not_the_secret_is_not_read(tmp_path):
    write_outcomes(tmp_path / "q_step", {"there": True}, slipped())
    write_outcomes(tmp_path / "other-q_step", {"there": True}, slipped())
    assert left(tmp_path) == {}


def test_links_pipes_giants_and_nonsense_are_not_read(
    tmp_path, monkeypatch
):
    write_outcomes(tmp_path / "whole", {"there": True}, slipped())
    place = tmp_path / "secret-q_step"
    place.symlink_to(tmp_path / "whole")
    assert left(tmp_path) == {}
    place.unlink()
    os.mkfifo(place)
    assert left(tmp_path) == {}
    place.unlink()
    place.write_bytes(b"nonsense")
    assert left(tmp_path) == {}
    place.write_bytes((tmp_path / "whole").read_bytes())
    assert left(tmp_path)
    monkeypatch.setattr(one, "NUMBERS", 100)
    assert left(tmp_path) == {}


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"outcomes": 3},
        {"outcomes": [{}]},
        {"outcomes": [{"changed": 1, "seconds": "a"}]},
    ],
)
def test_facts_of_another_form_are_not_believed(tmp_path, facts):
    write_tensors(tmp_path / "secret-q_step", {}, facts)
    assert left(tmp_path) == {}


def test_a_strangers_words_are_cut_and_stay_in_a_line(tmp_path):
    done = [Outcome(error="a\n" + "x" * 10_000, changed=["noise", "\x1b"])]
    write_outcomes(tmp_path / "secret-q_step", {}, done)
    ((_, (own,)),) = left(tmp_path).values()
    assert own.error == "a " + "x" * (one.LONGEST - 3) + "…"
    assert own.changed == ["noise"]


def verdict(facts, done):
    return reading.verdict_on(TASK, facts, done)


def test_a_verdict_needs_every_case(tmp_path):
    there = {"there": True, "callable": True}
    done = outcomes(TASK.answer, TASK)
    assert verdict(there, done)
    assert verdict(there, done[:-1]).text.startswith("Not every case")
    assert verdict(there, []).text.startswith("Not every case")
    assert verdict({}, done).kind == "missing"
    assert verdict({"there": True}, done).kind == "error"
    assert verdict({**there, "copied": True}, done).kind == "unwritten"
    assert verdict({**there, "takes": "It should"}, done).kind == "error"


def test_numbers_of_no_form_are_an_error_and_no_end(monkeypatch):
    def judge(*_):
        raise RuntimeError("of its own")

    monkeypatch.setattr(reading, "judge", judge)
    there = {"there": True, "callable": True}
    done = outcomes(TASK.answer, TASK)
    assert verdict(there, done).text == "It cannot be judged: RuntimeError."


# A process


def began(code, folder, monkeypatch, seconds=0.3):
    """What comes of a process that runs this code, and no worker."""
    start = "import json, os, sys, time; job = json.load(sys.stdin); "
    start += "open(job['notes'] + '/begun', 'w').write('[]'); "
    monkeypatch.setattr(one, "BEGIN", start + code)
    return one.attempt([], ["q_step"], folder, seconds)


def test_a_process_inherits_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "a secret")
    code = "print(list(os.environ.items()), file=sys.stderr)"
    told = dict(eval(began(code, tmp_path, monkeypatch, 5).said))
    assert "TOKEN" not in told
    assert told["HOME"] == told["TMPDIR"] != os.environ.get("HOME")
    code = "print(os.getcwd(), file=sys.stderr)"
    at = began(code, tmp_path, monkeypatch, 5).said
    assert at.endswith("/desk")
    assert not os.path.exists(at)  # any more


def test_nothing_that_was_started_goes_on(tmp_path, monkeypatch):
    place = tmp_path / "still alive"
    later = f"import time; time.sleep(1); open({str(place)!r}, 'w')"
    code = (
        "import subprocess; "
        f"subprocess.Popen([sys.executable, '-c', {later!r}])"
    )
    assert not began(code, tmp_path, monkeypatch, 5).late
    time.sleep(1.5)
    assert not place.exists()


def test_a_process_has_its_time(tmp_path, monkeypatch):
    start = time.monotonic()
    tried = began("time.sleep(20)", tmp_path, monkeypatch)
    assert tried.late
    assert not tried.ended
    assert time.monotonic() - start < 10


def test_a_process_has_its_room(tmp_path, monkeypatch):
    monkeypatch.setattr(one, "LEFT", 10_000)
    code = "open('big', 'w').write('x' * 20_000); time.sleep(2)"
    assert began(code, tmp_path, monkeypatch, 60).late
    (tmp_path / "a").mkdir()
    for i in range(6):
        (tmp_path / "a" / str(i)).touch()
    assert one._bytes(tmp_path / "a") == 0
    monkeypatch.setattr(one, "MANY", 5)
    assert one._bytes(tmp_path / "a") == float("inf")


def test_its_folder_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(one.tempfile, "tempdir", None)
    deep = "[(os.mkdir('d'), os.chdir('d')) for _ in range(300)]"
    began(deep, tmp_path, monkeypatch, 5)
    assert list(tmp_path.iterdir()) == []


def test_python_that_does_not_begin_is_said_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(one, "BEGIN", "import no_such_module")
    with pytest.raises(OSError, match=r"begin here: .*no_such_module"):
        reading.walls(tmp_path, 1)


def test_the_folder_is_not_among_what_can_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(one.sys, "path", ["", str(tmp_path), "/usr/lib"])
    paths = one._paths()
    assert "" not in paths
    assert str(tmp_path) in paths
    readable = one._readable(paths, tmp_path / "handed in")
    assert str(tmp_path) not in readable
    assert "/usr/lib" in readable
    assert str(one.PACKAGE) in readable
    assert str(one.PACKAGE.parent) not in readable


# In the worker


def tried_alone(function):
    room = {} if function is None else {"q_step": function}
    return worker.tried(room, TASK, judge, 9)


def test_a_worker_says_what_there_is():
    assert tried_alone(None) == ({"there": False, "callable": False}, [])
    assert tried_alone(3) == ({"there": True, "callable": False}, [])
    facts, done = tried_alone(lambda a: a)
    assert "yours takes (a)" in facts["takes"]
    assert done == []
    facts, done = tried_alone(lambda a, b, c, d: a)
    assert (facts["takes"], facts["copied"]) == ("", False)
    assert len(done) == len(TASK.cases)


def test_a_function_of_the_module_is_not_called():
    for function in (TASK.answer, worker.run):
        facts, done = tried_alone(function)
        assert facts["copied"] or facts["takes"]
        assert done == []
    assert tried_alone(TASK.answer)[0]["copied"]


def test_cells_run_one_by_one_and_say_which_function_broke(tmp_path):
    cells_ = [
        "a = 1",
        None,
        "def f(): pass\nb = c",
        "def g(): return a",
        "raise SystemExit('x' * 10_000)\ndef h(): pass",
        "h = a +",
    ]
    room, broken = worker.run(cells_, 9, tmp_path / "at")
    assert room["a"] == 1
    assert room["g"]() == 1
    assert set(broken) == {"f", "g", "h"}
    assert broken["f"].startswith("NameError: name 'c'")
    assert broken["g"] == ""
    assert len(broken["h"]) == worker.LONGEST
    assert (tmp_path / "at").read_text() == "5"


def test_an_endless_cell_is_left(tmp_path):
    room, broken = worker.run(
        ["def f(): pass\nwhile True: pass", "a = 1"], 0.2, tmp_path / "at"
    )
    assert room["a"] == 1
    assert broken == {"f": "it did not end in its time"}


# The table


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("anna", "anna"),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM", "'@SUM"),
        (" =1", "' =1"),
        ("a\tb\r\nc\x1b[2J", "a�b��c�[2J"),
        ("\t=1", "�=1"),
        ("\udcff", "�"),
        ("ᾱ, β", "ᾱ, β"),
    ],
)
def test_a_value_is_text_for_a_spreadsheet(value, expected):
    assert marks.harmless(value) == expected


def test_a_table_can_be_read_again():
    found = Verdict("q_step", "slip", 'it is, "so"', "a, b", "1.4 Why")
    mark = reading.Mark("an, na", "0;1.ipynb", "q_step", found, "look")
    (row,) = csv.DictReader(marks.as_csv([mark]).splitlines())
    assert row == {
        "student": "an, na",
        "file": "0;1.ipynb",
        "chapter": "1",
        "task": "q_step",
        "result": "slip",
        "slip": "a, b",
        "section": "1.4 Why",
        "words": 'it is, "so"',
        "note": "look",
    }


def test_a_terminal_is_not_written_over():
    found = Verdict("q_step", "error", "\x1b[2J gone")
    mark = reading.Mark("\x1b[2J", "a\nb", "q_step", found, "")
    text = marks.block([mark])
    assert "\x1b" not in text
    assert text.count("\n") == 2


def test_what_a_system_lacks_is_said():
    assert marks.fence(["time", "size", "memory", "files", "system"]) == (
        "walls: time of the processor, memory, size of a file, files of "
        "others, network and other processes"
    )
    line = marks.fence(["time", "python"])
    assert line.endswith("network and other processes")
    assert "; not on this system: memory, size" in line


def test_slips_of_a_class_are_counted():
    slip = Verdict("q_step", "slip", "", "a", "1.4 Why")
    other = Verdict("q_step", "slip", "", "b", "1.4 Why")
    right = SimpleNamespace(
        task="q_step", verdict=Verdict("q_step", "right", "")
    )
    all_ = [
        SimpleNamespace(task="q_step", verdict=v)
        for v in (slip, other, slip)
    ]
    assert marks.summary([*all_, right]).split("\n") == [
        "",
        "together: 3 slip, 1 right",
        "  2 × q_step: a",
        "  1 × q_step: b",
    ]
