"""What cells show, on a page that is as narrow as a telephone."""

from __future__ import annotations

import base64
import struct
from pathlib import Path
from typing import Any

import pytest

from lthkit.site.figures import WIDE, Figures
from lthkit.site.lessons import _in_sentences


def stream(text: str) -> Any:
    return pytest.importorskip("nbformat").v4.new_output("stream", text=text)


@pytest.mark.parametrize(
    ("text", "wraps"),
    [
        ("early-stop step 1000, test accuracy there 84.9 %\n", True),
        ("the same: True\nMask(13,310 of 266,200 weights kept)\n", True),
        ("tensor([[1, 0],\n        [0, 1]])\n", False),
        ("by reference  still the initial weights\nby copy       still the initial weights\n", False),
        ("a\tb\n", False),
    ],
)
def test_sentences_wrap_and_columns_do_not(text: str, wraps: bool) -> None:
    """Catches: a printed sentence that is cut on a narrow screen, and a tensor whose columns fall apart."""
    assert _in_sentences([stream(text)]) is wraps
    assert not _in_sentences([stream(text), stream("one  two\n")])


def test_a_cell_without_printed_words_is_left_as_it_is() -> None:
    assert not _in_sentences([])


def test_a_wide_picture_keeps_its_size_and_scrolls_by_keyboard(tmp_path: Path) -> None:
    """Catches: a picture of several panels shrunk to the width of a telephone, and a scroller that no key reaches."""
    nbformat = pytest.importorskip("nbformat")
    png = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", 1680, 840) + b"rest"
    coded = base64.b64encode(png).decode()
    for width, boxed in ((WIDE, False), (WIDE + 1, True)):
        shown = nbformat.v4.new_output(
            "display_data",
            {"text/html": f'<img src="data:image/png;base64,{coded}" width="{width}" alt="two panels">'},
        )
        made = Figures(tmp_path, "../f/").taken_out(shown, None).data["text/html"]
        assert ('<div class="figure-wide" tabindex="0"' in made) is boxed
