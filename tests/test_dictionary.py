"""The page of the four languages: each line of its code is run."""

import re
from pathlib import Path

import nbformat
import pytest
import torch
from diffusers import (
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
)
from torch.testing import assert_close

from diffusion_lessons import (
    NoiseSchedule,
    ancestral_step,
    ddim_step,
    ddim_timesteps,
    translate,
)
from diffusion_lessons.languages import LANGUAGES, factors

BOOK = Path(__file__).resolve().parents[1] / "book"
PAGE = nbformat.read(BOOK / "dictionary.ipynb", as_version=4)
CHAIN = NoiseSchedule.linear()
SPOKEN = ("DDPM’s t", "σ", "flow time", "VP")
NAMES = dict(zip(SPOKEN, LANGUAGES, strict=True))
FOUR = re.compile(r'^<div class="dl-four">\n(.*?)^</div>$', re.M | re.S)
CARD = re.compile(r"^- \*\*(.+?)\*\*\n(.*?)(?=^- |\Z)", re.M | re.S)
CODE = re.compile(r"```python\n(.*?)```", re.S)
T, S = 400, 399  # a step of the chain, in every language

each_language = pytest.mark.parametrize("language", LANGUAGES)


def sections():
    """{heading: {language: (all its text, its code)}}"""
    found = {}
    for cell in PAGE.cells:
        heading = re.match(r"## (.+)", cell.source)
        for body in FOUR.findall(cell.source):
            cards = CARD.findall(body)
            assert [NAMES[name] for name, _ in cards] == list(LANGUAGES)
            found[heading[1]] = {
                NAMES[name]: (text, "".join(CODE.findall(text)))
                for name, text in cards
            }
    return found


SECTIONS = sections()


def pair(seed):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(2, 4, 3, generator=random, dtype=torch.float64)


def world(language):
    """All that a line of code may name, with a guess that fits x."""
    x0, noise = pair(0)
    x0_hat, z = pair(1)
    one = torch.ones(4, 3, dtype=torch.float64)
    _, clock = translate(one, T, "ddpm", language, CHAIN)
    _, before = translate(one, S, "ddpm", language, CHAIN)
    a, b = factors(clock, language, CHAIN)
    a_s, b_s = factors(before, language, CHAIN)
    x = a * x0 + b * noise
    eps_hat = (x - a * x0_hat) / b
    of_chain = CHAIN.alphas_cumprod
    return {
        "torch": torch,
        **{"x0": x0, "noise": noise, "x0_hat": x0_hat, "z": z, "x": x},
        **{"eps_hat": eps_hat, "abar": of_chain[T], "abar_s": of_chain[S]},
        **{"sigma": b / a, "sigma_s": b_s / a_s, "sd": 0.5},
        **{"t": clock, "s": before, "betas": CHAIN.betas, "T": 1000},
        "r": (b_s / a_s) ** 2 / (b / a) ** 2,
        "score": -eps_hat / b,
        "u": eps_hat - x0_hat,
        "v": a * eps_hat - b * x0_hat,
    }


def ran(heading, language, **more):
    """What the last line of a card computes, and all the names then."""
    names = world(language) | more
    lines = SECTIONS[heading][language][1].strip().splitlines()
    *before, last = [line.strip() for line in lines]
    exec("\n".join(before), names)
    return eval(last, names), names


def run(heading, language, **more):
    return ran(heading, language, **more)[0]


def test_every_card_has_a_formula_with_code_or_is_all_words():
    for cards in SECTIONS.values():
        assert len({bool(code) for _, code in cards.values()}) == 1
        for text, code in cards.values():
            assert "$" in text or not code
    assert len(SECTIONS) == 11


@each_language
def test_noise_goes_in(language):
    x = run("Noise in", language)
    assert_close(x, world(language)["x"], rtol=1e-12, atol=1e-12)


@each_language
def test_the_clock_says_so(language):
    clock = world(language)["t"]
    told = T if language == "ddpm" else clock
    said = run("What the clock says", language, t=told)
    a, b = factors(clock, language, CHAIN)
    wanted = {"sigma": b / a, "flow": b}.get(language, a**2)
    assert_close(said, wanted, rtol=1e-12, atol=0)


ASKED = "What the network is asked for"
ANSWERS = {"ddpm": "v", "sigma": "F", "flow": "u", "vp": "score"}


@each_language
def test_a_network_is_asked_for_what_is_read_again(language):
    """The two cards fit: the picture comes out of the right answer."""
    x0, eps = (world(language)[name] for name in ("x0_hat", "eps_hat"))
    answer, names = ran(ASKED, language, x0=x0, noise=eps)
    names |= {ANSWERS[language]: answer}
    found = run("The picture in the answer", language, **names)
    assert_close(found, x0, rtol=1e-11, atol=1e-11)


def test_for_pictures_of_variance_1_edm_asks_for_minus_v():
    v = run(ASKED, "ddpm")
    assert_close(run(ASKED, "sigma", sd=1.0), -v, rtol=1e-11, atol=1e-11)


@each_language
def test_a_step_without_chance_is_that_of_ddim(language):
    names = world(language)
    x = run("A step without chance", language)
    wanted = ddim_step(names["x0_hat"], names["eps_hat"], T, S, None, CHAIN)
    wanted, _ = translate(wanted, S, "ddpm", language, CHAIN)
    assert_close(x, wanted, rtol=1e-11, atol=1e-11)


@each_language
def test_a_step_with_fresh_noise_is_ancestral(language):
    names = world(language)
    x = run("A step with fresh noise", language)
    xt, _ = translate(names["x"], names["t"], language, "ddpm", CHAIN)
    wanted = ancestral_step(names["x0_hat"], xt, T, names["z"], CHAIN)
    wanted, _ = translate(wanted, S, "ddpm", language, CHAIN)
    assert_close(x, wanted, rtol=1e-11, atol=1e-11)


def test_the_moments_are_those_of_the_book_and_of_diffusers():
    visited, n = "Which moments are visited", 7
    steps = [run(visited, "ddpm", i=i, n=n) for i in range(n + 1)]
    assert steps == ddim_timesteps(1000, n)
    karras = EulerDiscreteScheduler(
        use_karras_sigmas=True, sigma_min=0.002, sigma_max=80.0
    )
    karras.set_timesteps(n)
    sigmas = [run(visited, "sigma", i=i, n=n) for i in range(n)]
    assert_close(torch.tensor(sigmas), karras.sigmas[:-1])
    shifted = FlowMatchEulerDiscreteScheduler(shift=3.0).sigmas
    times = [run(visited, "flow", i=i, n=1000, k=3) for i in range(1000)]
    assert_close(torch.tensor(times), shifted)
    times = [run(visited, "vp", i=i, n=n) for i in range(n)]
    assert_close(
        torch.tensor(times), torch.linspace(1, 1e-3, n), rtol=1e-6, atol=0
    )


@each_language
def test_what_a_loss_weighs_is_how_much_larger_its_error_is(language):
    """The right answer and that of the guess, both for the same x."""
    true, guess = world(language), world(language)
    guess |= {"x0": guess["x0_hat"], "noise": guess["eps_hat"]}
    right, wrong = (run(ASKED, language, **each) for each in (true, guess))
    if language in ("ddpm", "vp"):  # whose loss is that of the noise
        right, wrong = true["noise"], guess["noise"]
    off = true["x0"] - guess["x0"]
    weight = run("What the loss weighs", language)
    assert_close((right - wrong) ** 2, weight * off**2)


def test_the_network_is_told_the_time():
    told = "What the network is told of the time"
    assert run(told, "ddpm") == T
    sigma = torch.tensor(0.5)
    assert run(told, "sigma", sigma=sigma) == sigma.log() / 4
    assert run(told, "flow", t=0.25) == 250
    assert run(told, "vp", t=1) == 999


# The folds below summaries and formulas

FOLD = re.compile(
    r'<details class="dl-languages"><summary>(.+)</summary>\n\n'
    r"((?:- .+\n)+)\n</details>"
)
ENTRY = re.compile(r"^- \*\*(σ|flow time|VP)\*\*(?:, line (\d))?: \S.+$")
SUMMARIES = {
    path.stem: cell.source
    for path in sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))
    for cell in nbformat.read(path, as_version=4).cells
    if cell.source.startswith("## In three lines")
}
SHEET = (BOOK / "cheatsheet.md").read_text(encoding="utf-8")


def entries(text):
    """(summary, [(language, line or None)]) of every fold."""
    for summary, body in FOLD.findall(text):
        found = [ENTRY.match(line) for line in body.splitlines()]
        assert all(found), body
        yield summary, [match.groups() for match in found]


def test_every_fold_has_the_form_that_the_page_can_read():
    for text in (SHEET, *SUMMARIES.values()):
        opened = text.count("dl-languages")
        assert len(list(entries(text))) == opened


def test_the_summaries_that_speak_of_noise_or_time_can_be_translated():
    others = {s for s, text in SUMMARIES.items() if not FOLD.search(text)}
    stems = ["00", "03", "10", "11", "12", "13"]
    assert {stem[:2] for stem in others} == set(stems)


@pytest.mark.parametrize("stem", SUMMARIES)
def test_a_summarys_fold_names_its_lines(stem):
    for summary, found in entries(SUMMARIES[stem]):
        *some, last = sorted({int(line) for _, line in found})
        lines = f"Line {last}"
        if some:
            between = "to" if len(some) > 1 else "and"
            lines = f"Lines {some[0]} {between} {last}"
        others = [*SPOKEN[1:]]
        if stem.startswith("16"):
            others.remove("flow time")  # its own language
        assert summary == f"{lines} in " + ", in ".join(others)
        assert len(set(found)) == len(found)
        assert [*dict.fromkeys(name for name, _ in found)] == others
        assert {*some, last} <= {1, 2, 3}


def test_a_fact_is_said_once_in_each_other_language():
    found = list(entries(SHEET))
    assert len(found) >= 20
    for summary, said in found:
        assert summary == "In σ, in flow time, in VP"
        assert said == [("σ", None), ("flow time", None), ("VP", None)]


def test_the_pages_script_knows_the_same_words():
    script = (BOOK / "_static" / "language.js").read_text(encoding="utf-8")
    words = re.search(r"const WORDS = \{(.+?)\}", script)[1]
    known = dict(re.findall(r'"(.+?)": "(.+?)"', words))
    assert known == {
        "σ": "sigma",
        "flow time": "flow",
        "VP": "vp",
    }
    names = re.search(r"const LANGUAGES = \{(.+?)\}", script)[1]
    assert re.findall(r"(\w+): ", names) == list(LANGUAGES)
