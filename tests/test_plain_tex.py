"""A formula in one line, for the search: tools/book/plain_tex.py."""

import json
import re

import pytest
from plain_tex import readable
from test_project import ROOT

TEX = r"\$\$(.+?)\$\$|\$([^$]+?)\$"
LINES = [
    # letters, indices, accents
    ("x_0", "x_0"),
    (r"\alpha_t", "α_t"),
    (r"\Sigma_\theta", "Σ_θ"),
    (r"\lambda \le 1", "λ ≤ 1"),
    (r"\varphi", "φ"),
    (r"\hat x_0", "x̂_0"),
    (r"\bar\alpha_t", "\u1fb1_t"),
    (r"\bar{\alpha}_{t-1}", "\u1fb1_(t−1)"),
    (r"\tilde\mu_t,\ \tilde\beta_t", "μ̃_t, β̃_t"),
    (r"x_{1:T}", "x_(1:T)"),
    (r"s_{k,t}^2", "s_(k,t)^2"),
    (r"k_1 k_2", "k_1 k_2"),
    (r"c_\text{in}", "c_in"),
    (r"\mathrm{SNR}_t", "SNR_t"),
    (r"M M^\top", "M M^⊤"),
    # signs and spaces
    (r"1-\beta_t", "1 − β_t"),
    (r"-\log p(x_0)", "−log p(x_0)"),
    (r"p \approx -1", "p ≈ −1"),
    (r"10{,}000", "10,000"),
    (r"28 \times 28", "28 × 28"),
    (r"\varepsilon \sim \mathcal N(0, I)", "ε ~ N(0, I)"),
    (r"\varepsilon_\theta(x_t, t, \varnothing)", "ε_θ(x_t, t, ∅)"),
    (r"\hat\varepsilon_\varnothing", "ε̂_∅"),
    (r"\mathrm{KL}(q \,\|\, p)", "KL(q‖p)"),
    (r"\lVert \langle s, m\rangle - a\rVert^2", "‖⟨s, m⟩ − a‖^2"),
    (r"\lvert\mathrm{d}x/\mathrm{d}y\rvert", "|dx/dy|"),
    (r"\bigl[a \bigm| b\bigr]", "[a | b]"),
    (r"t \sim \mathrm{Uniform}\{1, \dots, T\}", "t ~ Uniform{1, …, T}"),
    (r"\left. x \right|_{y}", "x|_y"),
    (r"\begin{aligned} a &= b \\ c \end{aligned}", "a = b c"),
    # roots
    (r"\sqrt{\beta_t}", "√β_t"),
    (r"\sqrt3", "√3"),
    (r"\sqrt{1-\bar\alpha_t}\,\varepsilon", "√(1 − \u1fb1_t) ε"),
    (r"\sqrt{\alpha_1\alpha_2}", "√(α_1 α_2)"),
    (r"\sqrt{\bar\alpha_t}\,x_0", "√\u1fb1_t x_0"),
    # fractions
    (r"\tfrac12", "1/2"),
    (r"\frac{\pi}{2}", "π/2"),
    (r"\frac{q(x_t)\;q(c \mid x_t)}{q(c)}", "q(x_t)q(c | x_t)/q(c)"),
    (r"\frac{\bar\alpha_t}{1-\bar\alpha_t}", "\u1fb1_t/(1 − \u1fb1_t)"),
    (r"\frac{x - m}{2\,s^2}", "(x − m)/(2 s^2)"),
    (r"\frac{1}{\sqrt{\alpha_t}\,(1-a)}", "1/(√α_t(1 − a))"),
    (r"-\frac{\varepsilon}{\sqrt{1-a}}", "−ε/√(1 − a)"),
    (r"\frac{1}{2}\left(a - b\right)", "1/2 (a − b)"),
    (r"\frac{dx_t}{d\varphi}", "dx_t/dφ"),
    # words
    (
        r"\underbrace{\nabla\log q}_{\text{towards } c}",
        "∇log q (towards c)",
    ),
    (r"q\,\nabla\log q", "q ∇log q"),
    (r"\sum_{t=2}^{T} a_t", "Σ_(t=2)^T a_t"),
    (r"\operatorname{Var}(x_t)", "Var(x_t)"),
    (r"\cos\varphi\;x_0", "cos φ x_0"),
    # what is not finished, or not known, is read as far as it goes
    ("", ""),
    ("x_{", "x_"),
    (r"\frac{a}{b", "a/b"),
    (r"\unheard x", "unheard x"),
]


@pytest.mark.parametrize(("tex", "line"), LINES)
def test_a_formula_reads_as_in_a_mail(tex, line):
    assert readable(tex) == line


def sources():
    """What stands in the text of every page."""
    book = ROOT / "book"
    yield from (p.read_text(encoding="utf-8") for p in book.glob("*.md"))
    for path in book.glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for cell in cells:
            if cell["cell_type"] == "markdown":
                yield "".join(cell["source"])


def test_no_formula_of_the_book_keeps_its_tex():
    """An accent or a command that is new to the book is to be taught."""
    found = [
        one or other
        for text in sources()
        for one, other in re.findall(TEX, text, re.DOTALL)
    ]
    assert len(found) > 500
    for tex in found:
        line = readable(tex)
        assert not set(line) & set("\\&$~") - {"~"}, tex
        assert line.count("(") - line.count(")") == (
            tex.count("(") - tex.count(")")
        ), tex
        commands = re.findall(
            r"\\([a-z]+)", re.sub(r"\\text\{.*?\}", "", tex)
        )
        for name in set(commands) - {
            "log",
            "exp",
            "min",
            "sin",
            "cos",
            "ln",
        }:
            assert not re.search(
                rf"(?<![A-Za-z]){name}(?![A-Za-z])", line
            ), tex
