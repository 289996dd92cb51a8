"""What the doctor hands over: a row for each test, and what to change."""

from dataclasses import dataclass
from typing import NamedTuple

HEALTHY, SICK, NOT_ASKED = "healthy", "sick", "not asked"
HEADS = ("test", "what was done", "found", "a healthy one", "verdict")


class Row(NamedTuple):
    """One test."""

    name: str  # of what was tested
    done: str  # what was done
    found: str  # what came out
    healthy: str  # what comes out where nothing is wrong
    verdict: str  # "healthy", "sick" or "not asked"
    remedy: str = ""  # the setting that makes it right, where it is sick

    @property
    def sick(self) -> bool:
        """Whether this is what is wrong."""
        return self.verdict == SICK


class Question(NamedTuple):
    """A row that waits for what is found."""

    name: str
    done: str
    healthy: str

    def well(self, found: str) -> Row:
        """Nothing wrong here."""
        return Row(self.name, self.done, found, self.healthy, HEALTHY)

    def ill(self, found: str, remedy: str) -> Row:
        """This is wrong, and *remedy* makes it right."""
        return Row(self.name, self.done, found, self.healthy, SICK, remedy)

    def skip(self, why: str) -> Row:
        """It could not be asked."""
        return Row(self.name, self.done, why, self.healthy, NOT_ASKED)

    def judge(self, sick: bool, found: str, remedy: str) -> Row:
        """One or the other."""
        return self.ill(found, remedy) if sick else self.well(found)


@dataclass(frozen=True)
class Report:
    """All rows, in the order in which they were asked.

    True if nothing is wrong. It shows itself as text and, in a notebook,
    as a table that says the same.
    """

    rows: tuple[Row, ...]

    @property
    def healthy(self) -> bool:
        """Whether no row is sick."""
        return self.first is None

    @property
    def first(self) -> Row | None:
        """The first row that is sick, which says what to change first."""
        return next((row for row in self.rows if row.sick), None)

    @property
    def sick(self) -> tuple[str, ...]:
        """The names of all rows that are sick."""
        return tuple(row.name for row in self.rows if row.sick)

    def __bool__(self) -> bool:
        return self.healthy

    def __getitem__(self, name: str) -> Row:
        """The row of that name."""
        for row in self.rows:
            if row.name == name:
                return row
        names = ", ".join(row.name for row in self.rows)
        raise KeyError(f"the rows are {names}; got {name!r}")

    @property
    def summary(self) -> str:
        """In one sentence, the first switch that is wrong, if any is."""
        if self.first is None:
            asked = sum(row.verdict == HEALTHY for row in self.rows)
            return f"healthy: {asked} tests found nothing wrong"
        row = self.first
        return f"sick, first of all {row.name}: {row.found}. {row.remedy}"

    def __repr__(self) -> str:
        wide = max(len(row.name) for row in self.rows)
        mark = {HEALTHY: "ok  ", SICK: "SICK", NOT_ASKED: "-   "}
        lines = [self.summary, ""]
        for row in self.rows:
            pad = " " * (wide + 7)
            lines += [
                f"{row.name:{wide}}  {mark[row.verdict]} {row.found}",
                f"{pad}done: {row.done}",
                f"{pad}healthy: {row.healthy}",
            ]
            lines += [f"{pad}remedy: {row.remedy}"] * row.sick
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        lines = [f"**{_cell(self.summary)}**", ""]
        lines += [_line(HEADS), _line(["---"] * len(HEADS))]
        for row in self.rows:
            verdict = f"**{row.verdict}**" if row.sick else row.verdict
            verdict += f": {row.remedy}" if row.sick else ""
            lines.append(
                _line([row.name, row.done, row.found, row.healthy, verdict])
            )
        return "\n".join(lines)


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Text that stays text in a table: no bars, stars or underscores."""
    for sign in "|_<":
        text = text.replace(sign, f"\\{sign}")
    return text
