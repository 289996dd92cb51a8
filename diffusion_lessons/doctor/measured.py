"""How good the doctor is: the table of tools/release/doctor_table.py."""

import json
from pathlib import Path
from typing import NamedTuple

from .report import html_table

FILE = Path(__file__).with_name("measured.json")
HEADS = ("what is wrong", "found by", "examined", "called sick", "by name")


class Score(NamedTuple):
    """One fault: how often it was there, and how often it was named."""

    name: str  # of the fault, as in PATIENTS; "healthy" for none
    finding: str  # the row that has to find it
    asked: int  # how many models were examined
    sick: int  # how many of them were called sick
    right: int  # how many by the right name; of healthy ones, healthy


class Measured(NamedTuple):
    """What came out when many models were examined.

    It shows itself as a table, as text and in a notebook.
    """

    networks: int  # that were trained
    scores: tuple[Score, ...]  # the healthy ones first

    @property
    def healthy(self) -> Score:
        """Those with nothing wrong."""
        return self.scores[0]

    @property
    def found(self) -> float:
        """The share of the sick ones that was found by the right name."""
        sick = self.scores[1:]
        return sum(s.right for s in sick) / sum(s.asked for s in sick)

    @property
    def false_alarms(self) -> float:
        """The share of the healthy ones that was called sick."""
        return self.healthy.sick / self.healthy.asked

    def __repr__(self) -> str:
        rows = [HEADS, *map(_words, self.scores)]
        wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(map(str.ljust, row, wide)).rstrip() for row in rows
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return html_table(HEADS, map(_words, self.scores))


def _words(score: Score) -> list[str]:
    by = score.finding or "-"
    numbers = map(str, (score.asked, score.sick, score.right))
    return [score.name, by, *numbers]


def measured() -> Measured:
    """The table, as it was measured."""
    facts = json.loads(FILE.read_text(encoding="utf-8"))
    scores = [
        Score(name, c["finding"], c["asked"], c["sick"], c["right"])
        for name, c in facts["faults"].items()
    ]
    return Measured(facts["networks"], tuple(scores))
