"""What `check` says, in a notebook, in a terminal and to pytest."""

from dataclasses import dataclass

MARKS = {"right": "✓", "unwritten": "…"}


@dataclass(frozen=True, repr=False)
class Verdict:
    """Is it right; and if not, what is known about why. True if right.

    kind: "right"; "unwritten", nothing stands there yet; "slip", a mistake
    with a name; "wrong", another one; "error", it raised; "endless";
    "careless", the right numbers in a way that will hurt.
    """

    task: str
    kind: str
    text: str  # whole sentences
    slip: str = ""  # the name of the mistake, if it has one
    section: str = ""  # of the book, that explains it

    def __bool__(self) -> bool:
        return self.kind == "right"

    def __repr__(self) -> str:
        return f"{MARKS.get(self.kind, '×')} {self.task}: {self.text}"

    def _repr_markdown_(self) -> str:
        mark = MARKS.get(self.kind, "×")
        return f"{mark} **`{self.task}`** {self.text}"
