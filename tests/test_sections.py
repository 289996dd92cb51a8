"""What the search looks through: tools/book/sections.py."""

from docutils import nodes
from docutils.core import publish_doctree
from sections import DRAWS, entries, subject

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


def section(title, *children):
    made = nodes.section(ids=[title.lower().replace(" ", "-")])
    made += [nodes.title("", title), *children]
    return made


def page(*sections):
    tree = nodes.section(ids=["page"])
    tree += [nodes.title("", "Page"), *sections]
    doctree = publish_doctree("")
    doctree += tree
    return doctree


def html(text):
    return nodes.raw("", text, format="html")


def read(*children, at="book/p.html"):
    """The one section of a page: its terms and its text."""
    found = list(entries(at, page(section("One", *children))))
    return found[1][3:]


def set_off(words):
    return nodes.paragraph("", "", nodes.strong("", words))


def test_the_answers_to_a_question_are_not_told():
    box = nodes.block_quote()
    box += [
        set_off("Before you run."),
        nodes.paragraph("", "What share?"),
        html('<details class="dl-ask"><summary>Choose</summary>'),
        nodes.bullet_list("", nodes.list_item("", set_off("87 %"))),
        html("</details>"),
        nodes.paragraph("", "Now look."),
    ]
    assert read(box) == ["", "Before you run. What share? Now look."]


def test_another_fold_is_told():
    fold = [html("<details>"), set_off("a term"), html("</details>")]
    assert read(*fold) == ["a term", "a term"]


def test_the_file_of_a_listing_is_no_term():
    name = nodes.paragraph("", "", nodes.emphasis("", "lessons/unet.py"))
    assert read(name, nodes.paragraph("", "Text.")) == ["", "Text."]


def test_a_formula_is_one_line_and_keeps_its_point():
    sentence = nodes.paragraph("", "Since ")
    sentence += [nodes.math("", r"\sqrt{1-\bar\alpha_t}"), nodes.Text(".")]
    assert read(sentence)[1] == "Since √(1 − \u1fb1_t)."


def test_who_wants_to_draw_finds_a_sampler():
    sampler = html('<div class="dl-sampler" data-label="7">')
    assert read(sampler) == [f", sampler, {DRAWS}", ""]
    assert read(sampler, at="book/09_x.html") == [", sampler", ""]
    for words in ("draw a seven", "draw an eight", "draw a 0"):
        assert words in DRAWS


def test_every_name_of_a_term_is_found():
    item = nodes.definition_list_item()
    for name in ("noise ratio", "SNR"):
        item += nodes.term("", name, ids=[f"term-{name[:3]}"])
    item += nodes.definition("", nodes.paragraph("", "A ratio."))
    found = list(entries("g.html", page(nodes.definition_list("", item))))
    assert found[1:] == [
        ["noise ratio", "Page", "g.html#term-noi", "", "A ratio."],
        ["SNR", "Page", "g.html#term-SNR", "", "A ratio."],
    ]


def test_a_chapter_is_about_its_word_and_its_question():
    asked = "The question of this chapter: what do we pay? A lot."
    tree = page(section("One", nodes.paragraph("", asked)))
    about = subject("book/09_guidance.html", tree)
    assert about == ("guidance", "what do we pay?")
    assert subject("book/map.html", page()) == ("map", "")
