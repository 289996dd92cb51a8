"""The letters of a chapter's displayed equations.

A letter is what stands for a quantity: `x`, `\\beta`, and with its accent
`\\bar\\alpha`, `\\hat x`. Indices count as letters of their own; words in
\\text or \\mathrm, the names of functions and the d of dx do not.
"""

import re

GREEK = (
    "alpha|beta|gamma|delta|epsilon|varepsilon|zeta|eta|theta|kappa|lambda|"
    "mu|nu|xi|pi|rho|sigma|tau|phi|varphi|chi|psi|omega|Gamma|Delta|Theta|"
    "Lambda|Sigma|Phi|Psi|Omega|varnothing|ell"
)
LETTER = rf"\\(?:{GREEK})(?![A-Za-z])|[A-Za-z]"
WORDS = re.compile(
    r"\\(?:text|mathrm|operatorname|begin|end|label|eqref)\*?\s*\{[^{}]*\}"
)
GAP = re.compile(r"\\\\\[[\d.]+e[mx]\]")  # between two lines
DIFFERENTIAL = re.compile(r"(?<![A-Za-z\\])d(?=x_|\\var)")
STYLED = re.compile(r"\\math(?:cal|bb)\s*\{?([A-Za-z])\}?")
TOKEN = re.compile(
    rf"\\(bar|hat|tilde|dot)\s*\{{?\s*({LETTER})\s*\}}?|({LETTER})"
    r"|\\[A-Za-z]+"
)


def displayed(text: str) -> list[str]:
    """Return the equations of a text that stand on lines of their own."""
    return re.findall(r"\$\$(.+?)\$\$", text, re.DOTALL)


def letters(equation: str) -> set[str]:
    """Return the letters of one equation."""
    found = set()
    plain = equation
    for form in (WORDS, STYLED, GAP, DIFFERENTIAL):
        plain = form.sub(" ", plain)
    for accent, accented, letter in TOKEN.findall(plain):
        if accented:
            join = "" if accented.startswith("\\") else " "
            found.add(f"\\{accent}{join}{accented}")
        elif letter:
            found.add(letter)
    return found
