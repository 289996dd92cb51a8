"""What belongs together, for those who teach: a small Sphinx extension.

For each chapter: what a reader will be able to do, and for each of its
numbered equations the section, the function, the test, and what to do with
it. It is looked up in the book whenever the book is built. What cannot be
looked up, as which test proves an equation, stands in teaching.yaml. On the
page itself there is only the line MARK, in whose place it comes.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import nbformat
import yaml
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
PAGE, MARK = "book/teaching", "<!-- what belongs together -->"
GIVEN = yaml.safe_load(
    Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
)
LABEL = re.compile(r"\$\$[ \t]*\((eq-[\w-]+)\)")
EXERCISE = re.compile(r"^\*\*Exercise ([\d.]+?)\.\*\*", re.MULTILINE)
ABLE = "You will be able to "


class Equation(NamedTuple):
    """A numbered equation, and what belongs to it."""

    label: str
    section: str  # its title
    computes: str  # "module.function", "" if there is none
    test: str  # "test_file.test_name", "" if there is none
    exercises: list[str]
    signs: list[str]  # by which its test and exercises are known as well
    practice: list[str]
    ask: str
    answer: str
    gap: str


class Page(NamedTuple):
    """A chapter, or another page with numbered equations."""

    path: Path
    number: int | None
    title: str
    able: str  # what its reader will be able to do
    exercises: list[str]  # their numbers
    equations: list[Equation]


def pages() -> list[Page]:
    """Every page with exercises or equations, in its order."""
    chapters = sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))
    return [page(path) for path in (*chapters, BOOK / "bound.ipynb")]


@cache
def page(path: Path) -> Page:
    """What a notebook says of itself."""
    cells = nbformat.read(path, as_version=4).cells
    texts = [c.source for c in cells if c.cell_type == "markdown"]
    text = "\n\n".join(texts)
    number = int(path.stem[:2]) if path.stem[:2].isdigit() else None
    able = next((x for x in texts if x.startswith(ABLE)), "")
    return Page(
        path,
        number,
        re.match(r"# (.+)", text)[1],
        re.split(r"(?<=\.)\s", able)[0],
        EXERCISE.findall(text),
        list(equations(text, number)),
    )


def equations(text: str, chapter: int | None) -> Iterator[Equation]:
    """The numbered equations of a page, each with what belongs to it."""
    title = ""
    for line in text.split("\n"):
        if line.startswith("## "):
            title = line.removeprefix("## ")
        if label := LABEL.search(line):
            name = label[1]
            given = GIVEN.get(name, {})
            computes = given.get("computes") or computed().get(name, "")
            gap = given.get("gap", "")
            yield Equation(
                name,
                title,
                "" if gap else computes,
                given.get("test", ""),
                given.get("exercise", []),
                given.get("signs", []),
                practice(computes, chapter),
                given.get("ask", ""),
                given.get("answer", ""),
                gap,
            )


@cache
def computed() -> dict[str, str]:
    """Which function computes an equation, as the cheat sheet says."""
    sheet = (BOOK / "cheatsheet.md").read_text(encoding="utf-8")
    return {
        label: name
        for line in re.findall(r"^\*\*.+$", sheet, re.MULTILINE)
        for name in re.findall(r"`([a-z]\w*\.\w[\w.]*)`", line)[:1]
        for label in re.findall(r"\{eq\}`([\w-]+)`", line)
    }


def practice(computes: str, chapter: int | None) -> list[str]:
    """Tasks of this chapter that ask for this very function."""
    from diffusion_lessons.practice import TASKS

    names = {computes.rpartition(".")[2], snake(computes)}
    if chapter is None or not computes:
        return []
    return [
        name
        for name, task in TASKS.items()
        if task.chapter == chapter
        and names & {name, task.answer.__name__, *ALSO.get(name, [])}
    ]


# Tasks that ask for a part of what the module has under another name.
ALSO = {
    "cosine_alphas_cumprod": ["cosine"],
    "scale_and_shift": ["ResBlock"],
    "v_target": ["target"],
    "x0_from_eps": ["x0_and_eps"],
    "x0_and_eps_from_v": ["x0_and_eps"],
    "conv_parameters": ["count_parameters"],
    "basic_unet_forward": ["BasicUNet"],
    "ancestral_loop": ["ancestral_step"],
}
# Tasks around the equations: no numbered one is behind them.
APART = (
    *("convolution", "draw_t", "training_step", "clip_guess", "held"),
    *("ddim_timesteps", "drop_labels", "precision_recall", "add_noise"),
    *("ask_theirs", "their_alphas_cumprod", "their_timesteps"),
    *("linear_guess", "centre_crop", "warm_rate", "share_of"),
    "global_gradient",
)


def snake(name: str) -> str:
    """Guided as guided, EMA.update as ema_update."""
    _, _, inside = name.partition(".")
    return inside.replace(".", "_").lower()


# As text


def table(repository: str) -> str:
    """All of it, as MyST."""
    return "\n\n".join(part(page, repository) for page in pages())


def part(page: Page, repository: str) -> str:
    """One page: its title, what its reader can do, and its equations."""
    file = page.path.name
    number = "" if page.number is None else f"{page.number}. "
    lines = [f"### {number}{page.title}", f"[The page]({file})"]
    if page.able:
        able = page.able.removeprefix(ABLE)
        lines[1] = f"**Able to** {able} ([the chapter]({file}))"
    if not page.equations:
        return "\n\n".join([*lines, "It has no numbered equation."])
    rows = [
        ":::{list-table}",
        ":header-rows: 1",
        ":widths: 34 66",
        ":class: dl-teach",
        "",
        "* - Equation",
        "  - Its function, its test, its exercise",
    ]
    for equation in page.equations:
        rows += [
            f"* - {where(equation, page)}",
            f"  - {belongs(equation, page, repository)}",
        ]
    lines.append("\n".join([*rows, ":::"]))
    asked = [question(each) for each in page.equations if each.ask]
    return "\n\n".join([*lines, *asked])


def where(equation: Equation, page: Page) -> str:
    """Its number, and the section that it stands in."""
    to = f"{page.path.name}#{slug(equation.section)}"
    return f"{{eq}}`{equation.label}` [{equation.section}]({to})"


def belongs(equation: Equation, page: Page, repository: str) -> str:
    """The function, the test, the exercises and tasks, in one line."""
    said = []
    if equation.computes:
        said.append(linked(equation.computes))
    if equation.test:
        file, _, name = equation.test.partition(".")
        words = " ".join(map(spelled, name.split("_")[1:]))
        to = f"{repository}/blob/main/{test_file(file)}"
        said.append(f"test: [{words}]({to})")
    if equation.gap:
        said.append(f"no code: {equation.gap}")
    said += [f"[Exercise {n}]({home(n, page)})" for n in equation.exercises]
    for name in equation.practice:
        path = f"practice/{page.path.name}"
        said.append(f"practice: {{download}}`{name} <{path}>`")
    if equation.ask:
        said.append("a question below")
    return " · ".join(said)


def spelled(word: str) -> str:
    """A word of a test's name as one would write it."""
    return word.upper() if word in ("ddpm", "kl", "snr") else word


def linked(computes: str) -> str:
    """A function, as a link to its page if it is on one."""
    full = f"diffusion_lessons.{computes}"
    known = (
        module
        for path in (BOOK / "api").glob("*.md")
        for module in re.findall(
            r"automodule:: (\S+)", path.read_text("utf-8")
        )
    )
    if any(full.startswith(f"{module}.") for module in known):
        return f"{{py:obj}}`{computes} <{full}>`"
    return f"`{computes}`"


def test_file(name: str) -> str:
    """Where a file of tests lies; no two of them have one name."""
    (path,) = (ROOT / "tests").rglob(f"{name}.py")
    return path.relative_to(ROOT).as_posix()


def home(exercise: str, page: Page) -> str:
    """Where an exercise stands, which may be in another chapter."""
    chapter, _, _ = exercise.partition(".")
    file = page.path.name
    if "." not in exercise:
        return f"{file}#two-exercises"
    if int(chapter) != page.number:
        (path,) = BOOK.glob(f"{int(chapter):02}_*.ipynb")
        file = path.name
    return f"{file}#exercises"


def question(equation: Equation) -> str:
    """A question, with its answer in a fold."""
    return (
        f"**To {{eq}}`{equation.label}`.** {equation.ask}\n\n"
        f"<details><summary>Answer</summary>\n\n{equation.answer}\n\n"
        "</details>"
    )


def slug(title: str) -> str:
    """The address of a section, as GitHub and MyST make it."""
    kept = re.sub(r"[^\w\- ]", "", title.lower())
    return kept.replace(" ", "-")


def fill(app: Sphinx, name: str, source: list[str]) -> None:
    """Put it in its place on the page."""
    if name == PAGE:
        repository = app.config.html_theme_options["repository_url"]
        source[0] = source[0].replace(MARK, table(repository))


def setup(app: Sphinx) -> dict[str, bool]:
    """Be heard when a page has been read, and before it is parsed."""
    app.connect("source-read", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
