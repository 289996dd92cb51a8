"""What the only writer of outputs keeps of them, and what it drops."""

import pytest
from nbformat.v4 import new_output
from refresh import WIDGET_VIEW, clean_output


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ("\rstep 1\rstep 2", "step 2"),
        ("\rstep 1\rstep 2\nloss 1\n", "step 2\nloss 1\n"),
        ("a\nb 1\rb 2\nc\n", "a\nb 2\nc\n"),
        ("windows\r\nlines\r\n", "windows\r\nlines\r\n"),
    ],
)
def test_of_a_line_written_over_the_last_is_kept(printed, kept):
    output = new_output("stream", text=printed)
    assert clean_output(output, [])
    assert output.text == kept


def test_a_warning_is_refused():
    warning = new_output("stream", name="stderr", text="careful")
    with pytest.raises(ValueError, match="writes to stderr: careful"):
        clean_output(warning, [])


def test_a_widget_alone_is_dropped_where_outputs_are_not_compared():
    bar = {WIDGET_VIEW: {"model_id": "a"}, "text/plain": "0%"}
    output = new_output("display_data", data=dict(bar))
    assert not clean_output(output, ["nbval-ignore-output"])
    with pytest.raises(ValueError, match="dead on a page"):
        clean_output(new_output("display_data", data=dict(bar)), [])


def test_an_address_in_memory_is_left_out():
    data = {"text/plain": "<Figure at 0x7f3a9c01>"}
    output = new_output("display_data", data=data)
    assert clean_output(output, [])
    assert output.data["text/plain"] == "<Figure at 0x0>"
