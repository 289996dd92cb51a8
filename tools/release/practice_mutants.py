"""Break the right answers of the practice at random: does `check` notice?

usage: python tools/release/practice_mutants.py [TASK ...]    default: all

Every function of tests/practice/solutions is changed in one place, in
every way that practice_changes.py knows. Whether such a mutant is wrong is
decided without the cases of its task, on the inputs of practice_draws.py.
Then `check` has its say. The mutants are the same every time.

Prints each verdict that is not correct, and a table by the kind of change:
how many mutants are wrong, how many of these are called wrong, how many got
the name of a slip, and how many of those do what the slip does on all other
inputs as well; how many are equal to a right answer, and called right.
Exits 1 if a verdict is not correct.
"""

import ast
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from practice_changes import functions, mutants
from practice_draws import differs

from diffusion_lessons.practice import TASKS, Verdict
from diffusion_lessons.practice.judge import judge, outcomes
from diffusion_lessons.practice.task import Task

SOLUTIONS = Path(__file__).parents[2] / "tests" / "practice" / "solutions"
COLUMNS = (
    "mutants", "wrong", "called wrong", "by a name", "of a twin", "equal",
    "called right",
)  # fmt: skip


def weigh(function: Callable, task: Task) -> tuple[Verdict, set[str]]:
    """What `check` says of a mutant, and the columns it counts in."""
    verdict = judge(task, outcomes(function, task))
    if not differs(function, task.answer, task):
        return verdict, {"equal", *["called right"] * bool(verdict)}
    found = {"wrong"} if verdict else {"wrong", "called wrong"}
    for slip in task.slips:
        if slip.words == verdict.slip:
            found.add("by a name")
            twin = not differs(function, slip.function, task)
            found |= {"of a twin"} if twin else set()
    return verdict, found


def main(wanted: list[str]) -> int:
    """Weigh all mutants, and count the verdicts that are not correct."""
    table: dict[str, Counter] = {}
    for path in sorted(SOLUTIONS.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        for name in (f.name for f in functions(ast.parse(text))):
            task = TASKS.get(name.split("__")[0])
            if task is None or task.name not in (wanted or TASKS):
                continue
            for kind, words, function in mutants(text, name):
                verdict, found = weigh(function, task)
                row = table.setdefault(kind, Counter())
                row.update({"mutants", *found})
                if not found & {"called wrong", "called right"}:
                    print(f"{name}: {words}\n    {verdict}", flush=True)
    return show(table)


def show(table: dict[str, Counter]) -> int:
    """Print the table; 1 if a verdict is not correct."""
    table["all"] = sum(table.values(), Counter())
    print(" " * 12, *(f"{column:>12}" for column in COLUMNS))
    for kind, row in table.items():
        print(f"{kind:12}", *(f"{row[column]:12}" for column in COLUMNS))
    said = table["all"]["called wrong"] + table["all"]["called right"]
    return int(said < table["all"]["mutants"])


def finite_only(eigvals: Callable) -> Callable:
    """Some LAPACKs end the process where a number is not finite."""

    def careful(matrix: torch.Tensor) -> torch.Tensor:
        if not matrix.isfinite().all():
            raise ValueError("not every number is finite")
        return eigvals(matrix)

    return careful


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.linalg.eigvals = finite_only(torch.linalg.eigvals)
    sys.exit(main(sys.argv[1:]))
