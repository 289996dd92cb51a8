"""A formula in one line, as one would write it in a mail.

The search shows and looks through such lines: `√(1 − ᾱ_t) ε`. What a
bar of a fraction or of a root covers stands in parentheses.
"""

import re
import unicodedata

TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\d[\d.]*|\s+|.", re.DOTALL)
MARKS = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303"}
BETWEEN = {  # with a space on both sides
    **{sign: sign for sign in "=<>+"},
    "-": "−",
    "approx": "≈",
    "cdot": "·",
    "ge": "≥",
    "in": "∈",
    "le": "≤",
    "leftarrow": "←",
    "mid": "|",
    "ne": "≠",
    "pm": "±",
    "propto": "∝",
    "rightarrow": "→",
    "sim": "~",
    "times": "×",
    "to": "→",
}
SIGNS = {
    "|": "‖",
    **dict.fromkeys(("lvert", "rvert"), "|"),
    **dict.fromkeys(("lVert", "rVert"), "‖"),
    "langle": "⟨",
    "rangle": "⟩",
    "cdots": "⋯",
    "dots": "…",
    "infty": "∞",
    "int": "∫",
    "nabla": "∇",
    "prod": "Π",
    "sum": "Σ",
    "top": "⊤",
    "varnothing": "∅",
    "{": "{",
    "}": "}",
    "%": "%",
}
NAMES = re.compile("arg|cos|exp|ln|log|max|min|sin")
FONTS = re.compile(r"(math|text)[a-z]*|operatorname|boldsymbol")
SIZES = re.compile("[bB]ig+[lr]?|left|right|displaystyle")
ATOM = re.compile(
    r"√?([\d.]+|d?[^\W\d_][\u0300-\u036f]*|[A-Za-z]+|[∅∞∇⊤])"
    r"([_^](⊤|\w[\u0300-\u036f]*|\w+|\([^()]*\)))*"
)
OPEN = "([{,;:/|‖" + "".join(BETWEEN.values())  # before a sign


def readable(tex: str) -> str:
    """TeX as one would write it in a mail."""
    line = " ".join(Formula(tex).read().split())
    line = re.sub(r"([(\[{]) | ([)\]},;.])", r"\1\2", line)
    return unicodedata.normalize("NFC", line)


class Formula:
    """Reads TeX from left to right, and writes a line."""

    def __init__(self, tex: str, small: bool = False) -> None:
        self.tokens = TOKEN.findall(tex)
        self.small = small  # an index: no spaces around its signs
        self.line = ""
        self.gap = False  # a space comes next, before a letter
        self.whole = (
            ""  # what came last: an "index", a "root", a "fraction"
        )

    def read(self) -> str:
        """All of it."""
        while self.tokens:
            self.step(self.tokens.pop(0))
        return self.line.strip()

    def write(self, text: str, whole: str = "") -> None:
        """Some signs; a letter keeps away from what is not its own."""
        begins = text[:1].isalnum() or text[:1] in tuple("√∇∫ΣΠ∅")
        begins |= self.whole == "fraction" and text[:1] in ("(", "‖")
        ends = re.search(r"[^\W_][\u0300-\u036f]*$|∅$", self.line)
        apart = self.whole or (self.gap and ends)
        self.line += (" " if begins and apart else "") + text
        self.gap, self.whole = False, whole

    def step(self, token: str) -> None:
        """One token, with the arguments that belong to it."""
        name = token.removeprefix("\\")
        if token.isspace() or token in (r"\,", r"\;", r"\:", r"\ ", "~"):
            self.gap = True
        elif token in ("_", "^"):
            index = Formula(self.argument(), small=True).read()
            self.write(token + scope(index), "index")
        elif token == "{":
            self.write(Formula(self.group(), self.small).read())
        elif token in ("&", "}", r"\!", r"\left", r"\right"):
            self.drop_dot(token)
        elif token == r"\bigm":
            self.between(self.argument())
        elif token == "-" or (token != name and name in BETWEEN):
            self.between(BETWEEN[name])
        elif token in BETWEEN:
            self.between(BETWEEN[token])
        elif token in ",;:":
            lone = self.line == "" and not self.tokens  # of {,} in 1{,}000
            self.write(token if lone or self.small else f"{token} ")
        elif token != name:
            self.command(name)
        else:
            self.write(token)

    def command(self, name: str) -> None:
        """What a backslash begins."""
        letter = greek(name)
        if name in ("frac", "tfrac", "dfrac"):
            self.fraction()
        elif name == "sqrt":
            self.write("√" + scope(self.of_argument()), "root")
        elif name in MARKS:
            letters = self.of_argument()
            self.write(letters[:1] + MARKS[name] + letters[1:])
        elif name == "underbrace":
            self.underbrace()
        elif FONTS.fullmatch(name):
            self.font(name)
        elif letter:
            self.write(letter)
        elif name in ("begin", "end"):
            self.argument()
            self.gap = True
        elif name in ("\\", "quad", "qquad"):
            self.line += " "
        elif NAMES.fullmatch(name):
            self.write(name)
            self.gap = True
        elif not SIZES.fullmatch(name):
            self.write(SIGNS.get(name, name))

    def between(self, sign: str) -> None:
        """A sign between two terms, or a minus before one."""
        before = self.line.rstrip()
        unary = sign in "−+" and (not before or before[-1] in OPEN)
        self.write(sign if self.small or unary else f" {sign} ")

    def drop_dot(self, token: str) -> None:
        """A fence that is not drawn, as in \\right., is a dot."""
        if token in (r"\left", r"\right") and self.tokens[:1] == ["."]:
            self.tokens.pop(0)

    def fraction(self) -> None:
        """Above over below, each by itself."""
        above, below = self.of_argument(), self.of_argument()
        sum_ = re.search(r"[+−/=±]", outside(above))
        above = f"({above})" if sum_ else above
        self.gap = True
        self.write(f"{above}/{scope(below, calls=True)}", "fraction")

    def underbrace(self) -> None:
        """The words under a brace follow it in parentheses."""
        self.write(self.of_argument())
        if self.tokens[:1] == ["_"]:
            self.tokens.pop(0)
            self.line += f" ({self.of_argument()})"
            self.whole = "index"

    def font(self, name: str) -> None:
        """Words stay words, letters become plain ones."""
        given = self.argument()
        words = name.startswith("text") or name == "operatorname"
        self.write(given if words else Formula(given, self.small).read())

    def of_argument(self) -> str:
        """The argument that comes next, written."""
        return Formula(self.argument(), self.small).read()

    def argument(self) -> str:
        """The group, or the one token, that comes next."""
        while self.tokens and self.tokens[0].isspace():
            self.tokens.pop(0)
        first = self.tokens.pop(0) if self.tokens else ""
        if first == "{":
            return self.group()
        name = first.removeprefix("\\")
        if first != name and (FONTS.fullmatch(name) or name in MARKS):
            return f"{first} {{{self.argument()}}}"
        if first[1:] and first[0].isdigit():  # \tfrac12 is 1 over 2
            self.tokens.insert(0, first[1:])
            return first[0]
        return first

    def group(self) -> str:
        """Up to the brace that closes the one before."""
        depth, inside = 1, []
        while self.tokens:
            token = self.tokens.pop(0)
            depth += (token == "{") - (token == "}")
            if not depth:
                break
            inside.append(token)
        return "".join(inside)


def scope(text: str, calls: bool = False) -> str:
    """In parentheses, unless it is one thing: a letter, a number, f(x)."""
    call = re.fullmatch(r"√|[^\W\d]+", outside(text)) if calls else None
    whole = ATOM.fullmatch(text) or (call and text.endswith(")"))
    whole = whole or re.fullmatch(r"\([^()]*\)", text)
    return text if whole or not text else f"({text})"


def outside(text: str) -> str:
    """What stands in no parentheses."""
    shorter = re.sub(r"\([^()]*\)", "", text)
    return text if shorter == text else outside(shorter)


def greek(name: str) -> str:
    """The letter that a command stands for, "" if it is none."""
    size = "CAPITAL" if name[0].isupper() else "SMALL"
    letter = name.lower().removeprefix("var").replace("lambda", "lamda")
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {letter.upper()}")
    except KeyError:
        return ""
