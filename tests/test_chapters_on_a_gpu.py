"""The chapters on a GPU, as a reader on Colab runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "book").glob("[0-9]*.ipynb"))
assert len(CHAPTERS) > 16


def script_of(path):
    """The code of a notebook, without the installation for Colab."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    return "\n\n".join(c for c in code if "%pip" not in c) + "\n"


def test_a_chapter_is_a_script_but_for_its_first_cell():
    for path in CHAPTERS:
        compile(script_of(path), path.name, "exec")


@pytest.mark.gpu
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_runs_on_a_gpu_and_its_checks_hold(path, tmp_path):
    (tmp_path / "chapter.py").write_text(script_of(path), "utf-8")
    ways = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    known = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": ways}
    run = subprocess.run(
        [sys.executable, "chapter.py"],
        cwd=tmp_path,
        env=known,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr
