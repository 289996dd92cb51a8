"""The package is light, and its floors only look down."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import diffusion_lessons

PACKAGE = Path(diffusion_lessons.__file__).parent
ROOMS = {  # a module may import from the floors below its own
    PACKAGE: [
        {"checks", "files", "frozen", "interrupts", "levels", "networks"}
        | {"progress"},
        {
            "schedule",
            "unet",
            "conditioning",
            "guidance",
            "evaluation",
            "classifier",
            "batches",
            "ema",
            "checkpoint",
            "data",
            "timed",
            "flow_measured",
        },
        {
            "forward",
            "prediction",
            "mixture",
            "copies",
            "recipe",
            "pretrained",
            "languages",
        },
        {"loss", "state", "sampling", "sigmas", "exact"},
        {"training", "edit", "figures", "diffusers", "first", "flow"}
        | {"score", "sde", "solvers", "translate", "likelihood"},
        {"bound", "clocks", "reflow", "runs"},
        {"doctor", "practice"},
        {"commands"},
        {"__main__"},
    ],
    PACKAGE / "checks": [  # and inside a folder as well
        {"refusals"},
        {"scalars"},
        {"tensors", "models"},
        {"door"},
    ],
    PACKAGE / "commands": [
        {"options"},
        {"sample"},
    ],
    PACKAGE / "doctor": [
        {"report", "case", "faults", "exact", "order", "own_runs"}
        | {"foreign"},
        {"measured", "guesses"}
        | {"patients", "first_rows", "sampler_rows"},
        {"readings"},
        {"reading_rows", "label_rows"},
        {"examine"},
        {"folder"},
    ],
    PACKAGE / "runs": [
        {"grid", "lock", "ranks", "flop", "presets"}
        | {"decode", "listing", "measured", "store", "photographs"},
        {"config"},
        {"draws", "folder", "log", "pictures"},
        {"step", "load", "ahead"},
        {"origin", "draw", "in_diffusers"},
        {"begin"},
        {"look"},
        {"loop", "export"},
        {"train"},
        {"command"},
    ],
    PACKAGE / "figures": [
        {"style", "page"},
        {"themed", "blocks"},
        {"notebook", "widgets", "pulse", "plots"}
        | {"diagrams", "ladder", "residual", "turn"},
        {"films", "runs", "straight"},
        {"live"},
    ],
    PACKAGE / "practice": [
        {"limit", "task", "verdict"},
        {"outcome", "tasks"},
        {"judge"},
        {"handed_in"},
    ],
    PACKAGE / "practice" / "handed_in": [
        {"linux", "cells"},
        {"landlock", "seccomp"},
        {"walls"},
        {"worker", "attempt"},
        {"reading"},
        {"marks"},
    ],
    PACKAGE / "practice" / "tasks": [
        {
            "forward_chain",
            "forward_jump",
            "unet_basic",
            "training_loop",
            "conditioning_time",
            "prediction_targets",
            "sampling_ancestral",
            "sampling_ddim",
            "guidance",
            "evaluation",
            "theirs",
            "doctor",
            "runs",
            "likelihood",
            "score",
            "flow",
        }
    ],
}
FLOOR = {
    room: {name: i for i, floor in enumerate(floors) for name in floor}
    for room, floors in ROOMS.items()
}
FILES = [
    path
    for room in ROOMS
    for path in sorted(room.glob("*.py"))
    if path.stem != "__init__"
]

each_room = pytest.mark.parametrize("room", ROOMS, ids=lambda p: p.stem)
each_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda p: f"{p.parent.stem}.{p.stem}"
)


def imports(path):
    """Every import in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""
        elif isinstance(node, ast.Import):
            for name in node.names:
                yield 0, name.name


def test_every_folder_is_a_room():
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert folders == set(ROOMS)


@each_room
def test_every_module_stands_on_a_floor(room):
    folders = {p.parent.name for p in room.glob("*/__init__.py")}
    modules = {p.stem for p in FILES if p.parent == room}
    assert modules | folders == set(FLOOR[room])
    assert sum(map(len, ROOMS[room])) == len(FLOOR[room])  # on one alone


@each_file
def test_a_module_imports_only_from_lower_floors(path):
    for dots, module in imports(path):
        assert not module.startswith("diffusion_lessons")
        if dots:  # each after the first leads out of a room
            who = (path, *path.parents)[dots - 1]
            floor = FLOOR[who.parent]
            assert floor[module.split(".")[0]] < floor[who.stem]


@each_file
def test_only_figures_know_how_to_draw(path):
    packages = {module.split(".")[0] for _, module in imports(path)}
    draws = packages & {"matplotlib", "IPython", "ipywidgets", "PIL"}
    if path.parent.name == "runs":  # which reads and writes pictures
        draws -= {"PIL"}
    assert not draws or path.parent.name == "figures"


def test_importing_the_package_loads_nothing_that_torch_does_not():
    """No matplotlib, torchvision, IPython, sklearn, PIL, ipywidgets."""
    code = (
        "import sys, torch; before = set(sys.modules)\n"
        "import diffusion_lessons\n"
        "new = {m.split('.')[0] for m in set(sys.modules) - before}\n"
        "print(*new - sys.stdlib_module_names)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["diffusion_lessons"]


def test_every_public_name_is_there_once():
    names = diffusion_lessons.__all__  # ruff keeps them in order
    assert len(names) == len(set(names))
    assert all(hasattr(diffusion_lessons, name) for name in names)
