"""Pages that load little: tools/book/light.py."""

import pytest
from light import ICON, PICTURE, SCRIPT, draw, outlines, settle, wait
from PIL import Image
from sphinx.errors import ExtensionError

THEIRS = (
    'a={github:[496,512,[],"f09b","M1 1"],sun:[10,12,[],"f1","M7 7"]};'
    'b={sun:[512,512,[9728],"f185","M2 2"],'
    '"pen-nib":[512,512,[9999,"pencil-alt"],"f303","M3 3"]}'
)


def drawn(markup):
    known = outlines(THEIRS)
    return ICON.sub(lambda icon: draw(known, icon), markup)


@pytest.mark.parametrize("tag", ["i", "span"])
def test_an_icon_is_drawn_and_keeps_what_it_had(tag):
    svg = drawn(
        f'<{tag} class="big fas fa-sun fa-lg" data-mode="light" title="L">'
        f"</{tag}>"
    )
    assert svg.startswith('<svg class="dl-icon big fa-sun fa-lg"')
    assert 'data-mode="light"' in svg
    assert 'title="' not in svg
    assert 'viewBox="0 0 512 512"' in svg
    assert 'd="M2 2"' in svg


def test_a_brand_is_looked_for_among_the_brands():
    assert 'd="M1 1"' in drawn('<i class="fab fa-github"></i>')
    assert 'd="M7 7"' in drawn('<i class="fa-brands fa-sun"></i>')


def test_an_icon_has_its_older_names_too():
    assert 'd="M3 3"' in drawn('<i class="fas fa-pencil-alt"></i>')


@pytest.mark.parametrize("classes", ["fas fa-unheard", "far fa-sun"])
def test_an_icon_that_does_not_exist_is_named(classes):
    with pytest.raises(ExtensionError, match=classes):
        drawn(f'<i class="{classes}"></i>')


def test_other_elements_are_left_alone():
    for markup in ("<i>x</i>", '<span class="fast"></span>', "<i></i>"):
        assert drawn(markup) == markup


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<script src="a.js">', '<script defer src="a.js">'),
        ('<script defer src="a.js">', '<script defer src="a.js">'),
        ('<script async src="a.js">', '<script async src="a.js">'),
        ('<script id="x" src="a.js">', '<script defer id="x" src="a.js">'),
        ("<script>let a = 1;", "<script>let a = 1;"),
        (
            '<script src="_static/documentation_options.js?v=1">',
            '<script src="_static/documentation_options.js?v=1">',
        ),
    ],
)
def test_a_script_waits_for_the_page(before, after):
    assert SCRIPT.sub(wait, f"{before}</script>") == f"{after}</script>"


def test_the_script_of_the_icons_goes():
    script = '<script defer src="../_static/scripts/fontawesome.js?d=1">'
    assert SCRIPT.sub(wait, f"{script}</script>") == ""


@pytest.fixture
def page(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    (tmp_path / "b.svg").write_text("<svg/>")
    return tmp_path / "page.html"


def settled(page, markup):
    return PICTURE.sub(lambda picture: settle(page, picture), markup)


def test_a_picture_says_how_large_it_is_and_waits(page):
    assert settled(page, '<img alt="A" src="a.png" />') == (
        '<img alt="A" src="a.png" width="30" height="20" '
        'loading="lazy" decoding="async">'
    )


def test_what_a_picture_says_itself_is_kept(page):
    said = '<img src="a.png" width="15" loading="eager">'
    assert settled(page, said) == said
    assert "width" not in settled(page, '<img src="b.svg">')


def test_a_picture_in_the_page_itself_is_left_alone(page):
    inside = '<img src="data:image/png;base64,AAAA">'
    assert settled(page, inside) == inside
