"""Formulas set at build time: tools/book/formulas.py."""

import pytest
from docutils import nodes
from formulas import Formula, drawn, formula_of, node_js, typeset
from sphinx.errors import ExtensionError


def block(text, **attributes):
    return nodes.math_block(text, text, **attributes)


def test_a_formula_is_drawn_for_eyes_and_said_for_ears():
    (one,), css = typeset([Formula(r"\bar\alpha_t", display=False)])
    assert one["error"] is None
    assert one["html"].count('<mjx-math class=" MJX-TEX" aria-hidden') == 1
    assert one["html"].count("<mi>α</mi>") == 1
    assert "@font-face" in css


def test_the_style_sheet_draws_the_letters_that_occur_and_no_others():
    _, css = typeset([Formula("x", display=False)])
    assert "mjx-c1D465" in css  # an italic x
    assert "mjx-c1D466" not in css  # an italic y


@pytest.mark.parametrize(
    ("tex", "what"),
    [
        (r"\foo", "foo"),
        (r"\frac{1}", "frac"),
        (r"\begin{nothing} x \end{nothing}", "nothing"),
        (r"\text{größer}", "ö"),
    ],
)
def test_what_cannot_be_set_is_told(tex, what):
    good, bad = typeset([Formula("x", False), Formula(tex, True)])[0]
    assert good["error"] is None
    assert what in bad["error"]


@pytest.mark.parametrize(
    ("node", "tex"),
    [
        (block(" a = b\n"), "a = b"),
        (block(r"a \\ b"), r"\begin{split}a \\ b\end{split}"),
        (block("a\n\nb"), r"\begin{aligned}a\\b\end{aligned}"),
        (block(r"\begin{align}a\\b\end{align}", nowrap=True),) * 2,
    ],
)
def test_a_block_is_aligned_as_sphinx_does_it(node, tex):
    wanted = tex if isinstance(tex, str) else node.astext()
    assert formula_of(node) == Formula(wanted, display=True)
    assert typeset([formula_of(node)])[0][0]["error"] is None


def test_a_wide_formula_says_how_wide_it_is():
    long = "+".join("x" * 20)
    asked = [(long, True), ("x", True), (long, False), ("x", False)]
    answers, _ = typeset([Formula(*one) for one in asked])
    told = ["--em: " in drawn(one) for one in answers]
    assert told == [True, True, True, False]
    widths = [one["width"] for one in answers]
    assert widths[0] == pytest.approx(20 * 0.572 + 19 * 1.222, abs=0.1)


def test_without_a_node_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("formulas.files", lambda _: tmp_path)
    with pytest.raises(ExtensionError, match=r"pip install .*playwright"):
        node_js()


def test_what_node_complains_of_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr("formulas.MATHJAX", tmp_path)
    with pytest.raises(ExtensionError, match=r"node-main\.js"):
        typeset([Formula("x", display=False)])
