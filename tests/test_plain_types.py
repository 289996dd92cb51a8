"""A page of the module names types, not how they are looked at."""

from typing import Annotated, NamedTuple

from plain_types import strip
from torch import Tensor

from diffusion_lessons.checks import Count, Images, checked


@checked
def take(images: Images, n: Count | None = None) -> Tensor | None:
    return images[:n]


class Fields(NamedTuple):
    n: Annotated[int, "checked"]


class Methods:
    @classmethod
    @checked
    def take(cls, n: Count) -> "Methods":
        return cls()


def test_a_function_has_the_types_that_a_reader_knows():
    strip(None, "function", "take", take)
    assert take.__annotations__ == {
        "images": Tensor,
        "n": int | None,
        "return": Tensor | None,
    }


def test_fields_and_methods_have_them_as_well():
    strip(None, "class", "Fields", Fields)
    strip(None, "method", "Methods.take", Methods.take)
    assert Fields.__annotations__ == {"n": int}
    assert Methods.take.__annotations__ == {"n": int, "return": Methods}


def test_what_has_no_annotations_is_left_alone():
    strip(None, "class", "Plain", type("Plain", (), {}))
    strip(None, "property", "n", property(len))
