"""A page is put in the order in which it is read."""

import pytest
from docutils import nodes
from reading import PICTURE, mark_columns, order, raw


def cell(*children, mode, tags=(), prompt="Show"):
    made = nodes.container(nb_element="cell_code", classes=list(tags))
    made["hide_mode"], made["prompt_show"] = mode, prompt
    made += children
    return made


def code(text):
    box = nodes.container(classes=["cell_input"])
    box += nodes.literal_block(text, text)
    return box


def page(*children):
    tree = nodes.section()
    tree += children
    return tree


def kinds(tree):
    return [
        node.astext()
        if isinstance(node, nodes.raw)
        else type(node).__name__
        for node in tree.children
    ]


HINTED = '<details class="dl-hint"><summary>Hint 1.1</summary>'
SOLVED = '<details class="dl-solution"><summary>Solution 1.1</summary>'


def solution(number="1.1"):
    return (
        nodes.paragraph("", "Exercise"),
        raw(f"<details><summary>Hint {number}</summary>\n"),
        nodes.paragraph("", "A hint."),
        raw("</details>\n"),
        raw(f"<details><summary>Solution {number}</summary>\n"),
        nodes.paragraph("", "Words."),
        raw("</details>\n"),
    )


def answer(text="print(1)"):
    return cell(code(text), mode="all", tags=["tag_exercise"])


def check():
    return cell(code("assert 1"), mode="all", tags=["tag_checked"])


def test_an_exercise_has_its_code_in_the_fold_of_its_words():
    given = answer("# @title Solution 1.1\nprint(1)")
    tree = page(*solution(), given, nodes.paragraph("", "After"))
    order(None, tree)
    assert [kind.strip() for kind in kinds(tree)] == [
        "paragraph",
        HINTED,
        "paragraph",
        SOLVED,  # within the fold of the hint
        *("paragraph", "container", "</details>", "</details>"),
        "paragraph",
    ]
    assert tree.children[5] is given
    assert given.astext() == "print(1)"
    assert "hide_mode" not in given  # one fold is enough


def test_what_is_checked_of_a_solution_is_in_the_fold_too():
    tree = page(*solution(), answer(), check(), *solution("1.2"), answer())
    order(None, tree)
    one = ["paragraph", HINTED, "paragraph", SOLVED, "paragraph"]
    two = [kind.replace("1.1", "1.2") for kind in one]
    ends = ["</details>", "</details>"]
    assert [kind.strip() for kind in kinds(tree)] == [
        *(*one, "container", "container", *ends),
        *(*two, "container", *ends),
    ]
    assert tree.children[6]["hide_mode"] == "all"  # a fold of its own


def test_a_solution_without_a_hint_is_told_so():
    exercise, *_, begin, words, end = solution()
    tree = page(exercise, begin, words, end, answer())
    with pytest.raises(ValueError, match="before it stands a fold with a"):
        order(None, tree)


def test_code_without_words_is_told_where_to_stand():
    tree = page(nodes.paragraph("", "Exercise"), answer())
    with pytest.raises(ValueError, match="right after the words"):
        order(None, tree)


def test_a_picture_stands_before_its_code():
    picture = nodes.container(classes=["cell_output"])
    drawn = cell(code("plot()"), picture, mode="input", prompt=PICTURE)
    order(None, page(drawn))
    assert drawn.children[0] is picture
    assert kinds(drawn)[1:] == [
        f'<details class="dl-code"><summary>{PICTURE}</summary>',
        "container",
        "</details>",
    ]
    assert "hide_mode" not in drawn


def test_other_cells_stay_as_they_are():
    imports = cell(code("import torch"), mode="input", prompt="Imports")
    plain = nodes.container(nb_element="cell_code")
    plain += code("# @title is not hidden here\nx = 1")
    tree = page(imports, plain)
    before = tree.deepcopy().pformat()
    order(None, tree)
    assert tree.pformat() == before


TABLE = """scale   accuracy    FD
1          0.983   9.3
1.5        1.000  28.1"""


@pytest.mark.parametrize(
    ("printed", "columns"),
    [
        (TABLE, True),
        (TABLE.replace("accuracy", 30 * " " + "accuracy"), True),
        ("scale 1: 1.01 ± 0.49\nscale 4: 1.69 ± 0.29", True),
        ("one line   of its own", False),
        ("a message\n" + "that is long " * 5, False),
        (TABLE + "\n" + "a message that is long " * 4, False),
        ("t   1" + 90 * " " + "\nx   2", True),  # nobody sees its end
    ],
)
def test_what_is_printed_in_columns_keeps_them(printed, columns):
    block = nodes.literal_block(printed, printed, classes=["output"])
    tree = page(block)
    mark_columns(None, tree)
    assert "dl-columns" not in block["classes"]  # what nobody printed
    block["classes"].append("stream")
    mark_columns(None, tree)
    assert ("dl-columns" in block["classes"]) == columns
