"""The package is light, and its floors only look down."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import diffusion_lessons

PACKAGE = Path(diffusion_lessons.__file__).parent
FLOORS = [  # a module may import from the floors below its own
    {
        "schedule",
        "unet",
        "batches",
        "conditioning",
        "guidance",
        "evaluation",
        "files",
    },
    {"forward", "data", "pretrained"},
    {"prediction"},
    {"training", "sampling"},
    {"figures", "diffusers", "__main__"},
]
FLOOR = {name: i for i, floor in enumerate(FLOORS) for name in floor}
FIGURES = [  # and inside figures as well
    {"style", "widgets", "page"},
    {"plots", "diagrams"},
    {"films"},
    {"live"},
]
FIGURE_FLOOR = {
    name: i for i, floor in enumerate(FIGURES) for name in floor
}
MODULES = [p for p in PACKAGE.glob("*.py") if p.stem != "__init__"]
DRAWING = [p for p in PACKAGE.glob("figures/*.py") if p.stem != "__init__"]


def stem(path):
    return path.stem


def imports(path):
    """Every import in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""
        elif isinstance(node, ast.Import):
            for name in node.names:
                yield 0, name.name


def test_every_module_stands_on_a_floor():
    folders = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    assert {p.stem for p in MODULES} | folders == set(FLOOR)
    assert {p.stem for p in DRAWING} == set(FIGURE_FLOOR)


@pytest.mark.parametrize("path", MODULES, ids=stem)
def test_a_module_imports_only_from_lower_floors(path):
    for level, module in imports(path):
        assert not module.startswith("diffusion_lessons")
        if level == 1:
            assert FLOOR[module.split(".")[0]] < FLOOR[path.stem]


@pytest.mark.parametrize("path", DRAWING, ids=stem)
def test_a_file_of_figures_imports_only_from_lower_floors(path):
    for level, module in imports(path):
        assert not module.startswith("diffusion_lessons")
        if level == 1:
            assert FIGURE_FLOOR[module] < FIGURE_FLOOR[path.stem]


@pytest.mark.parametrize("path", MODULES, ids=stem)
def test_only_figures_know_how_to_draw(path):
    packages = {module.split(".")[0] for _, module in imports(path)}
    assert not packages & {"matplotlib", "IPython", "ipywidgets", "PIL"}


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
