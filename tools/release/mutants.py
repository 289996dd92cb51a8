"""Break the module on purpose: every slip must turn a test red.

usage: python tools/release/mutants.py [FILE.py ...]    default: all of them

Each slip of mutants.txt is applied to a copy of the package, and the tests
of that module run against it. Exits 1 if the tests stay green, if a slip no
longer fits the code, or if the module as it is does not pass.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "diffusion_lessons"
PYTEST = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Slip(NamedTuple):
    """One wrong edit: *old* becomes *new* in *file*."""

    file: str
    what: str
    old: str
    new: str


def read_slips(path: Path) -> Iterator[Slip]:
    """The slips of a list, in its order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    while lines:
        if lines[0].endswith(".py"):
            file = lines.pop(0)
        (what, old, new), lines = lines[:3], lines[3:]
        if not (old.startswith("- ") and new.startswith("+ ")):
            raise SystemExit(
                f"{path}: no '- old' and '+ new' after: {what}"
            )
        old, new = (x[2:].replace(r"\n", "\n") for x in (old, new))
        yield Slip(file, what, old, new)


def test_file(file: str) -> str:
    """The tests of a module: test_<module>.py, one for a whole folder.

    Where the tests have a folder too, test_<folder>_<module>.py in it, or
    all that are there.
    """
    room, _, part = file.removesuffix(".py").rpartition("/")
    if room and (ROOT / "tests" / room).is_dir():
        own = f"tests/{room}/test_{room}_{part}.py"
        return own if (ROOT / own).is_file() else f"tests/{room}"
    return f"tests/test_{(room or part).strip('_')}.py"  # test_main


def freeze(folder: Path) -> None:
    """Copy what the tests need, so that edits meanwhile do no harm."""
    for part in (PACKAGE, "tests", "tools"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "pyproject.toml", folder)


def run_tests(
    frozen: Path, file: str, slip: Slip | None = None
) -> tuple[bool, str]:
    """Run a module's tests on a copy: (is the slip caught, by what)."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(frozen, copy, dirs_exist_ok=True)
        if slip:
            source = copy / PACKAGE / file
            code = source.read_text(encoding="utf-8")
            if code.count(slip.old) != 1:
                return False, f"found {code.count(slip.old)} times"
            source.write_text(code.replace(slip.old, slip.new), "utf-8")
        run = subprocess.run(
            [sys.executable, *PYTEST, test_file(file)],
            cwd=copy,
            env=os.environ | ONE_THREAD,
            capture_output=True,
            text=True,
        )
    if run.returncode == 0:
        return False, "no test noticed"
    red = re.search(r"^(FAILED|ERROR) .*::(\w+)", run.stdout, re.M)
    if run.returncode != 1 or not red:
        return False, f"pytest ended with {run.returncode}\n{run.stdout}"
    return True, red[2]


def main(files: list[str]) -> int:
    """Try all slips and tell which test catches each."""
    slips = list(read_slips(Path(__file__).with_suffix(".txt")))
    slips = [s for s in slips if not files or s.file in files]
    modules = sorted({test_file(s.file): s.file for s in slips}.values())
    missed = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        run = partial(run_tests, Path(folder))
        freeze(Path(folder))
        as_it_is = zip(modules, pool.map(run, modules), strict=True)
        for file, (red, test) in as_it_is:
            if red or test != "no test noticed":
                raise SystemExit(f"{file} as it is: red, {test}")
        caught = pool.map(run, [slip.file for slip in slips], slips)
        for slip, (red, test) in zip(slips, caught, strict=True):
            missed += not red
            word = "caught" if red else "MISSED"
            print(f"{word}  {slip.file}: {slip.what}")
            print(f"        {test}", flush=True)
    print(f"{len(slips) - missed} of {len(slips)} slips caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
