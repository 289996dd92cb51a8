"""A formula and the marks beside it: tools/book/together.py."""

import pytest
from docutils import nodes
from together import bind


def paragraph(*parts):
    """Words as they are, a formula for each that stands in a list."""
    return nodes.paragraph(
        "",
        "",
        *(
            nodes.math(part[0], part[0])
            if isinstance(part, list)
            else nodes.Text(part)
            for part in parts
        ),
    )


def bound(one):
    """The text that stays together around each formula, and the whole."""
    for formula in list(one.findall(nodes.math)):
        bind(formula)
    return [
        part.astext() for part in one if isinstance(part, nodes.inline)
    ], one.astext()


@pytest.mark.parametrize(
    ("parts", "together"),
    [
        (("the end, ", ["x"], ". And on"), ["x."]),
        (("so (", ["x"], "), then"), ["(x),"]),
        (("“", ["x"], "” is"), ["“x”"]),
        ((["x"], ","), ["x,"]),
        ((["x"], ", ", ["y"], " and ", ["z"], "."), ["x,", "z."]),
        ((["a"], "/", ["b"]), ["a/"]),
        (("non-", ["x"]), []),
        ((["f"], "(", ["x"], ") is"), ["(x)"]),
        (("so (\n", ["x"], "\n)"), []),
        (("up to −", ["x"]), ["−x"]),
        ((["x"], " . apart"), []),
        (("of ", ["x"], "s in words"), []),
        ((["x"],), []),
    ],
)
def test_marks_that_touch_a_formula_stay_with_it(parts, together):
    one = paragraph(*parts)
    text = one.astext()
    assert bound(one) == (together, text)


def test_only_text_is_cut():
    one = nodes.paragraph(
        "", "", nodes.math("x", "x"), nodes.strong("", "!")
    )
    assert bound(one) == ([], "x!")
