"""Each rule for notebooks complains when it is broken, and only then."""

import re
from copy import deepcopy

import pytest
from chapter_rules import (
    RECIPE,
    all_parts,
    enough_figures,
    exercises_hinted,
    exercises_solved,
    length_of_chapter,
    little_plumbing,
    short_texts,
    words_between_code,
)
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)
from notebook_rules import (
    CELLS,
    CHECKED,
    checks_out_of_sight,
    code_cells,
    executed_in_order,
    gpu_asked_for,
    ignored_outputs_asserted,
    no_functions,
    nothing_private,
    numbers_not_sentences,
    short_lines,
)
from output_rules import (
    OUTPUTS,
    WIDGET_VIEW,
    clean_outputs,
    no_widget_state,
    outputs_present,
    pictures_described,
    scrubbers_described,
)
from question_rules import (
    QUESTIONS,
    box_in_its_own_cell,
    every_box_is_answerable,
    numbers_have_ranges,
    one_answer_is_right,
    questions,
    recalled_at_the_end,
    right_numbers_are_shown,
)
from rerun_rules import same_when_run_again

ALT = "Three curves fall from one to zero, the middle one fastest."
SCRUBBER = (
    f'<figure class="dl-scrub"><img alt="{ALT}">'
    '<p class="dl-caption">Noise grows with the step.</p></figure>'
)
FIGURE = {
    "image": {"alt": ALT},
    "figure": {"caption": "Three curves.", "name": "fig-curves"},
}


def asked(kind, *items):
    """A box that asks, with its answers in a fold."""
    lines = [f"> **{kind}.** How far?", ">"]
    lines += [
        '> <details class="dl-ask">'
        "<summary>Choose, then look: near or far</summary>",
        ">",
        *(f"> - {item}" for item in items),
        ">",
        "> </details>",
    ]
    return "\n".join(lines)


def solved(number):
    """A fold with a hint, and one with the solution."""
    return "\n\n".join(
        f"<details><summary>{name} {number}</summary>\n\n{words}\n\n"
        "</details>"
        for name, words in {
            "Hint": "Begin with `first.py`, and then?",
            "Solution": "So it is.",
        }.items()
    )


NEAR = "**1**: no. That is what most people would say."
FAR = "**0.01**: yes. It is the root of the variance."
BACK = FAR + " See [one](01_forward.ipynb)."
FROM = "**From [`first.py`](00_first.ipynb):** the line `T = 100`."


def shown(data):
    return [new_output("display_data", data=data)]


def chapter():
    """The smallest notebook that keeps every rule."""
    code = [
        new_code_cell("import torch", metadata={"tags": ["hide-input"]}),
        new_code_cell(
            "show_source(q_step)", outputs=shown({"text/markdown": "`q`"})
        ),
    ]
    for _ in range(5):
        code.append(
            new_code_cell(
                "plot_curves()",
                outputs=shown({"image/png": "iVBO"}),
                metadata={"mystnb": deepcopy(FIGURE)},
            )
        )
    code += [
        new_code_cell("Scrubber()", outputs=shown({"text/html": SCRUBBER})),
        new_code_cell(
            "train()",
            metadata={"tags": ["nbval-ignore-output"]},
            outputs=[new_output("stream", text="it moves by 0.01\n")],
        ),
        new_code_cell(
            f"{CHECKED}\nassert loss < 1",
            metadata={
                "tags": ["checked", "hide-cell"],
                "cellView": "form",
                "mystnb": {"code_prompt_show": "✓ Checked"},
            },
        ),
        new_code_cell(
            "def answer(): ...",
            metadata={
                "tags": ["exercise", "hide-cell"],
                "mystnb": {"code_prompt_show": "Solution 1.3"},
            },
        ),
    ]
    texts = [
        asked("Before you run", NEAR, FAR),
        "**Exercise 1.1** a\n\n" + solved("1.1"),
        "**Exercise 1.2** b\n\n" + solved("1.2"),
        "## Exercises\n\n**Exercise 1.3** c",
        "In three lines\n\nCode for this chapter",
        "## Recall\n\n" + asked("Recall 1", NEAR, FAR),
        asked("Recall 2", NEAR, BACK),
    ]
    texts += ["word " * 148] * (len(code) - len(texts))
    cells = [new_markdown_cell("word " * 148) for _ in range(7)]
    cells[1].source = f"{FROM}\n\nWhat people get wrong here."
    for count, (text, cell) in enumerate(zip(texts, code, strict=True), 1):
        cell.execution_count = count
        cells += [new_markdown_cell(text), cell]
    return new_notebook(cells=cells)


RULES = [*CELLS, same_when_run_again, *QUESTIONS, *OUTPUTS, *RECIPE]
RULES.append(recalled_at_the_end)
BREAKS = []


def breaks(rule):
    """Collect a function that breaks one rule."""

    def collect(function):
        BREAKS.append(pytest.param(rule, function, id=function.__name__))
        return function

    return collect


def cell(notebook, beginning):
    return next(c for c in notebook.cells if c.source.startswith(beginning))


@breaks(no_functions)
def function_on_the_page(notebook):
    cell(notebook, "train").source = "def train(): ..."


@breaks(no_functions)
def lambda_with_a_name(notebook):
    cell(notebook, "train").source = "train = lambda x: x"


@breaks(short_lines)
def line_of_77_columns(notebook):
    cell(notebook, "train").source = "#" * 77


@breaks(executed_in_order)
def cell_never_run(notebook):
    cell(notebook, "train").execution_count = None


@breaks(executed_in_order)
def cell_run_twice(notebook):
    cell(notebook, "train").execution_count += 1


@breaks(clean_outputs)
def saved_error(notebook):
    error = new_output("error", ename="E", evalue="e", traceback=[])
    cell(notebook, "train").outputs = [error]


@breaks(clean_outputs)
def line_that_a_terminal_wrote_over(notebook):
    text = "step 1\rstep 2\n"
    cell(notebook, "train").outputs = [new_output("stream", text=text)]


@breaks(clean_outputs)
def saved_warning(notebook):
    warning = new_output("stream", name="stderr", text="50%")
    cell(notebook, "train").outputs = [warning]


@breaks(no_widget_state)
def widget_in_the_metadata(notebook):
    notebook.metadata["widgets"] = {}


@breaks(no_widget_state)
def widget_as_an_output(notebook):
    cell(notebook, "train").outputs = shown({WIDGET_VIEW: {}})


@breaks(outputs_present)
def listing_without_its_output(notebook):
    cell(notebook, "show_source").outputs = []


@breaks(outputs_present)
def outputs_stripped(notebook):
    for code in code_cells(notebook):
        code.outputs = []


@breaks(pictures_described)
def picture_without_alt(notebook):
    del cell(notebook, "plot").metadata["mystnb"]["image"]


@breaks(pictures_described)
def picture_with_lazy_alt(notebook):
    image = {"alt": "A plot of three curves that fall from one to zero."}
    cell(notebook, "plot").metadata["mystnb"]["image"] = image


@breaks(pictures_described)
def picture_without_caption(notebook):
    del cell(notebook, "plot").metadata["mystnb"]["figure"]["caption"]


@breaks(pictures_described)
def picture_without_name(notebook):
    cell(notebook, "plot").metadata["mystnb"]["figure"]["name"] = "curves"


@breaks(pictures_described)
def two_pictures_with_one_caption(notebook):
    cell(notebook, "plot").outputs *= 2


@breaks(pictures_described)
def solution_without_alt(notebook):
    cell(notebook, "def").outputs = shown({"image/png": "iVBO"})


@breaks(scrubbers_described)
def scrubber_without_alt(notebook):
    mute = SCRUBBER.replace(ALT, "")
    cell(notebook, "Scrub").outputs = shown({"text/html": mute})


@breaks(scrubbers_described)
def scrubber_without_caption(notebook):
    mute = SCRUBBER.replace("Noise grows with the step.", "")
    cell(notebook, "Scrub").outputs = shown({"text/html": mute})


@breaks(ignored_outputs_asserted)
def training_without_assert(notebook):
    cell(notebook, CHECKED).source = "print(loss)"


@breaks(checks_out_of_sight)
def assert_where_a_reader_reads(notebook):
    cell(notebook, "train").source = "for x in y:\n    assert x"


@breaks(checks_out_of_sight)
def mark_without_a_check(notebook):
    cell(notebook, CHECKED).source = f"{CHECKED}\nprint(loss)"


@breaks(checks_out_of_sight)
def check_without_its_mark(notebook):
    cell(notebook, CHECKED).metadata["mystnb"] = {}


@breaks(checks_out_of_sight)
def check_open_on_colab(notebook):
    del cell(notebook, CHECKED).metadata["cellView"]


@breaks(numbers_not_sentences)
def typed_sentence(notebook):
    source = 'print("the cosine is far better than the line")'
    cell(notebook, "train").source = source


@breaks(numbers_not_sentences)
def bare_verdict(notebook):
    text = "same seed, same losses: True\nand more\n"
    cell(notebook, "train").outputs = [new_output("stream", text=text)]


@breaks(same_when_run_again)
def second_run_differs(notebook):
    cell(notebook, "train").source = "b = b[1:]"


@breaks(same_when_run_again)
def second_run_counts_on(notebook):
    cell(notebook, "train").source = "steps += 1"


@breaks(same_when_run_again)
def second_run_of_a_loop_differs(notebook):
    source = "print(x)\nfor x in range(3):\n    y = x"
    cell(notebook, "train").source = source


@pytest.mark.parametrize(
    "source",
    [
        "losses = []\nlosses = losses + [1]",
        "for x in y:\n    z = x\n    z = z + 1",
        "a = [b for b in c]\nb = 1",
        "total = 0\ntotal += 1",
        "s = s[-1000:]",
        "def f(x):\n    return g\ng = 2",
        "f = lambda x: g\ng = 2",
    ],
)
def test_a_cell_may_bind_its_own_names_again(source):
    notebook = chapter()
    cell(notebook, "train").source = source
    assert same_when_run_again(notebook) == []


@breaks(every_box_is_answerable)
def box_without_answers(notebook):
    cell(notebook, "word").source = "> **Before you run.** How far?"


def replaced(kind, old, new):
    """A function that replaces words in the box of that kind."""

    def replace(notebook):
        box = next(c for c in notebook.cells if f"**{kind}" in c.source)
        assert old in box.source
        box.source = box.source.replace(old, new)

    replace.__name__ = f"{kind} with {new or 'nothing'} for {old}"
    return replace


RUN = "Before you run"
for rule, kind, old, new in [
    (every_box_is_answerable, RUN, ' class="dl-ask"', ""),
    (box_in_its_own_cell, RUN, "> </details>", "> </details>\n\nSo it is."),
    (box_in_its_own_cell, "Recall 1", "## Recall", "## Recall\n\nLook:"),
    (one_answer_is_right, RUN, ": no. ", ": yes. "),
    (one_answer_is_right, "Recall 1", ": yes. ", ": no. "),
    (one_answer_is_right, RUN, "That is what most people", "Or"),
    (one_answer_is_right, RUN, ": no. ", ": "),
    (one_answer_is_right, RUN, "**1**", "**0.01**"),
    (right_numbers_are_shown, RUN, "**0.01**", "**0.02**"),
    (recalled_at_the_end, "Recall 1", "Recall 1", "Before you go"),
    (recalled_at_the_end, "Recall 1", "## Recall\n\n", ""),
    (recalled_at_the_end, "Recall 2", "01_forward.ipynb", "map.md"),
]:
    breaks(rule)(replaced(kind, old, new))


CHOOSE = "Choose, then look: near or far"
WRITE = "Write a number, then look"


def asks_for_a_number(notebook, right="0.01 ± 0.001", wrong="1"):
    """Turn the box before the run into one that a reader works out."""
    for old, new in [
        (CHOOSE, WRITE),
        ("**0.01**", f"**{right}**"),
        ("**1**", f"**{wrong}**"),
    ]:
        replaced(RUN, old, new)(notebook)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("0.01 ± 0.001", "1"),
        ("0.01 ± 0.001", "−0.01"),
        ("0.01 ± 0.005", "0.02 ± 0.004"),
        ("0.01 ± 0.005", "3,136"),
    ],
)
def test_a_number_may_be_asked_for(right, wrong):
    notebook = chapter()
    asks_for_a_number(notebook, right, wrong)
    assert questions(notebook)[0].numeric
    assert not questions(notebook)[1].numeric
    assert [c for rule in QUESTIONS for c in rule(notebook)] == []


@breaks(numbers_have_ranges)
def number_without_a_range(notebook):
    asks_for_a_number(notebook, right="0.01")


@breaks(numbers_have_ranges)
def number_that_is_none(notebook):
    asks_for_a_number(notebook, wrong="about 1")


@breaks(numbers_have_ranges)
def wrong_number_within_the_range_of_the_right_one(notebook):
    asks_for_a_number(notebook, wrong="0.012")  # 0.0108 to 0.0132


@breaks(right_numbers_are_shown)
def number_to_work_out_that_is_in_no_output(notebook):
    asks_for_a_number(notebook, right="0.03 ± 0.01")


@breaks(right_numbers_are_shown)
def number_that_only_the_prose_has(notebook):
    cell(notebook, "train").outputs = []
    cell(notebook, "word").source += "0.01"


@pytest.mark.parametrize(
    ("output", "choice"),
    [("0.0069", "0.01"), ("0.7765", "0.78"), ("3,136", "3,136")],
)
def test_an_output_may_have_more_digits_than_the_choice(output, choice):
    notebook = chapter()
    replaced(RUN, "0.01", f"about {choice}")(notebook)
    cell(notebook, "train").outputs = [new_output("stream", text=output)]
    assert right_numbers_are_shown(notebook) == []


def test_a_question_is_read_with_its_answers():
    asks, *recalls = questions(chapter())
    assert asks.kind == "Before you run"
    assert asks.asks == "How far?"
    assert asks.items == [
        ("1", "no", "That is what most people would say."),
        ("0.01", "yes", "It is the root of the variance."),
    ]
    assert [recall.kind for recall in recalls] == ["Recall 1", "Recall 2"]


@breaks(gpu_asked_for)
def gpu_used_and_not_asked_for(notebook):
    cell(notebook, "train").source = 'device = "cuda"'


@breaks(gpu_asked_for)
def gpu_asked_for_and_not_used(notebook):
    notebook.metadata["accelerator"] = "GPU"


@breaks(nothing_private)
def path_of_a_machine(notebook):
    cell(notebook, "train").source = "open('/home/me/x')"


@breaks(nothing_private)
def note_to_oneself(notebook):
    cell(notebook, "word").source += "TODO"


@breaks(all_parts)
def page_without_summary(notebook):
    cell(notebook, "In three").source = "Code for this chapter"


@breaks(exercises_solved)
def exercise_without_solution(notebook):
    cell(notebook, "def").metadata["tags"] = ["exercise"]


@breaks(exercises_solved)
def too_few_exercises(notebook):
    cell(notebook, "**Exercise 1.2").source = "Solved"


@breaks(exercises_hinted)
def exercise_without_hint(notebook):
    one = cell(notebook, "**Exercise 1.1")
    one.source = re.sub(
        "<details><summary>Hint.*?</details>", "", one.source, flags=re.S
    )


@breaks(exercises_hinted)
def hint_of_another_exercise(notebook):
    one = cell(notebook, "**Exercise 1.1")
    one.source = one.source.replace("Hint 1.1", "Hint 1.2")


@breaks(exercises_hinted)
def hint_that_says_nothing(notebook):
    one = cell(notebook, "**Exercise 1.1")
    one.source = one.source.replace(
        "Begin with `first.py`, and then?", "Think!"
    )


@breaks(exercises_hinted)
def hint_that_is_a_solution(notebook):
    one = cell(notebook, "**Exercise 1.1")
    one.source = one.source.replace(
        "and then?", "and then? Go on. So there."
    )


@breaks(exercises_hinted)
def long_hint(notebook):
    one = cell(notebook, "**Exercise 1.1")
    one.source = one.source.replace("and then?", 25 * "and then " + "?")


@breaks(enough_figures)
def too_few_figures(notebook):
    for code in code_cells(notebook)[3:]:
        code.outputs = []


@breaks(length_of_chapter)
def too_few_words(notebook):
    cell(notebook, "word").source = "word"


@breaks(short_texts)
def wall_of_text(notebook):
    cell(notebook, "word").source += "word " * 20


@breaks(words_between_code)
def code_after_code(notebook):
    notebook.cells = code_cells(notebook)


@breaks(little_plumbing)
def too_much_plumbing(notebook):
    cell(notebook, "import").source = "\n".join(["import torch"] * 41)


def test_words_and_comments_are_no_plumbing():
    notebook = chapter()
    line = 'scrub(\n    alt="a curve "\n    "falls",\n)  # it\n# does\n'
    cell(notebook, "import").source = line * 18
    assert little_plumbing(notebook) == []


def test_the_same_in_other_words_is_not_read_twice():
    notebook = chapter()
    fold = '<details class="dl-languages"><summary>In σ</summary>\n\n{}\n\n'
    words = fold.format("- **σ**: " + "word " * 900) + "</details>"
    cell(notebook, "word").source += f"\n\n{words}"
    assert length_of_chapter(notebook) == short_texts(notebook) == []


def test_much_code_may_have_more_plumbing():
    notebook = chapter()
    cell(notebook, "import").source = "\n".join(["import torch"] * 41)
    cell(notebook, "train").source = "\n".join(["train()"] * 170)
    assert little_plumbing(notebook) == []


def test_the_smallest_chapter_keeps_every_rule():
    assert [rule(chapter()) for rule in RULES] == [[] for _ in RULES]


@pytest.mark.parametrize(("rule", "break_it"), BREAKS)
def test_rule_complains(rule, break_it):
    notebook = chapter()
    break_it(notebook)
    assert rule(notebook)


def test_every_rule_is_broken_once():
    assert {param.values[0] for param in BREAKS} == set(RULES)
