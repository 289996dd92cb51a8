"""What the search looks through: tools/book/sections.py."""

import pytest
from docutils.core import publish_doctree
from sections import entries, readable


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        ("x_0", "x_0"),
        (r"\alpha_t", "α_t"),
        (r"\varepsilon \sim \mathcal N(0, I)", "ε ~ N(0, I)"),
        (r"\lambda \le 1", "λ ≤ 1"),
        (r"\hat x_0", "x̂_0"),
        (r"\bar\alpha_t", "\u1fb1_t"),
        (r"\begin{aligned} a &= b \\ c \end{aligned}", "a = b c"),
    ],
)
def test_a_formula_reads_as_in_a_mail(tex, text):
    assert readable(tex) == text


PAGE = """
Page
====
One **word**.

Part
----
Two :math:`x_0`, see::

    code()

Deeper
~~~~~~
Three.
"""


def test_a_section_has_its_own_text_and_its_terms():
    found = list(entries("p.html", publish_doctree(PAGE)))
    assert [e[0] for e in found] == ["Part", "Deeper"]
    assert [e[2] for e in found] == ["p.html#part", "p.html#deeper"]
    assert found[0][4] == "Two x_0, see:"
    assert found[1][4] == "Three."
    assert {e[1] for e in found} == {"Page"}
