"""Tables: right cells under right headings, points under one another, no word broken, nothing of a cell acts as mark-up."""

from __future__ import annotations

import html
import io
import re
from typing import Any

import pytest
import torch

from lthkit.evidence import Interval, interval
from lthkit.machine import Table
from lthkit.machine.faces import COLUMNS, filled, spelled
from lthkit.machine.tables import NONE

LONG = "contains 0: no claim can be made from these three seeds"


def table() -> Table:
    found = Table(
        {"weights left (%)": ".2f", "ticket (%)": ".1f", "re-initialised (%)": ".1f", "n": "d", "says": ""},
        title="Test accuracy, LeNet-300-100 on fashion-mnist",
        notes=["* the best step of some seed lies in the last tenth of its budget, so more steps might help"],
    )
    found.add(100.0, Interval(84.94, 84.4, 85.5, 5), None, 5, "excludes 0 [-1.25, +2.5]")
    found.add(3.6, Interval(9.0, 8.0, 10.0, 5), Interval(1084.9, 1074.9, 1094.9, 5), 12, LONG)
    return found


def words(text: str) -> list[str]:
    return re.findall(r"\[[^]]*\]|\S+", re.sub(r"-{2,}", " ", text))


def test_cells_stand_under_their_headings() -> None:
    assert str(Table({"arm": "", "accuracy (%)": ".1f"}, [["ticket", 84.94], ["re-initialised", 7]])) == (
        "arm             accuracy (%)\n"
        "--------------  ------------\n"
        "ticket                  84.9\n"
        "re-initialised           7.0"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252", "no-such-encoding", None])
@pytest.mark.parametrize("width", range(1, 200, 7))
def test_no_width_breaks_a_word_or_is_exceeded(width: int, encoding: str | None) -> None:
    """Catches a number cut in two, a column that is lost, and a line that is wider than it needs to be."""
    whole, text = table().text(500, encoding), table().text(width, encoding)
    dashes = {NONE, spelled(NONE, encoding)}  # a block has no row of dashes alone
    assert set(words(text)) - dashes == set(words(whole)) - dashes
    longest = max(map(len, words(whole)))
    widest_pair = 2 * 20  # a key beside one column, where nothing narrower is left
    assert max(map(len, text.split("\n"))) <= max(width, longest, widest_pair)
    text.encode(encoding if encoding in ("ascii", "cp1252") else "utf-8")


def test_at_80_columns_it_is_80_columns_wide() -> None:
    text = table().text()
    assert max(map(len, text.split("\n"))) <= 80 and len(text.split("\n")) <= 11


def test_what_is_too_wide_stands_below_with_its_key() -> None:
    wide = Table(["round", *(f"arm-{i}-with-a-name" for i in range(6))], [[r, *"abcdef"] for r in (0, 1)])
    blocks = wide.text(40).split("\n\n")
    assert len(blocks) == 6 and all(b.split()[0] == "round" for b in blocks)
    assert [line.split()[0] for line in blocks[3].split("\n")[2:]] == ["0", "1"]
    assert [len(line.split()) for b in wide.text(60).split("\n\n") for line in b.split("\n")[2:]] == [3] * 6
    assert "round" not in Table(wide.headings, wide.rows, keys=0).text(40).split("\n\n")[3]


def test_a_row_that_has_nothing_in_a_block_is_left_out_of_it() -> None:
    """Catches: pages of dashes below one another, a row that is in no block, an empty block without any row."""
    names = [f"arm-{i}-with-a-name" for i in range(3)]
    holes = Table(["round", *names], [[0, "a", None, None], [1, "b", "c", None]])
    everywhere = Table(holes.headings, [*holes.rows, [2, None, None, None]])
    assert _blocks(holes) == [[["0", "a"], ["1", "b"]], [["1", "c"]], [["0", NONE], ["1", NONE]]]
    assert [block[-1] for block in _blocks(everywhere)] == [["2", NONE]] * 3
    assert len(holes.text(80).split("\n")) == 4 and len(everywhere.text(80).split("\n")) == 5


def _blocks(table: Table) -> list[list[list[str]]]:
    return [[line.split() for line in b.split("\n")[2:]] for b in table.text(30).split("\n\n")]


@pytest.mark.parametrize(
    "column", [["1.5", "22.25", "333"], [1e-5, 0.25, 100.0], ["+1.0 [-0.5, +2.5]", "-10.25", None]]
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_points_stand_under_one_another(column: list[Any], encoding: str) -> None:
    lines = Table(["x"], [[c] for c in column]).text(80, encoding).split("\n")[2:]
    ends = {re.match(r" *([+-]?[\d,]+|–|-)", line).end() for line in lines}  # type: ignore[union-attr]
    assert len(ends) == 1


def test_texts_begin_at_the_left_and_names_of_exercises_are_texts() -> None:
    lines = Table(["id", "n"], [["05.1", 1], ["10.12", 10], ["", None]]).text().split("\n")[2:]
    assert lines == ["05.1    1", "10.12  10", "        –"]


def test_a_bound_stands_under_the_numbers() -> None:
    """Catches "<0.001" that turns a column of p-values into one of texts."""
    lines = Table(["p", "n"], [["0.042", 5], ["<0.001", 40]]).text().split("\n")[2:]
    assert lines == [" 0.042   5", "<0.001  40"]


@pytest.mark.parametrize(
    "value, form, shown",
    [
        (None, ".1f", "–"),
        (True, ".1f", "yes"),
        (float("nan"), ".1f", "nan"),
        (float("-inf"), ".1f", "-inf"),
        (1234567, ",", "1,234,567"),
        (torch.tensor(0.25), ".2f", "0.25"),
        (interval([0.5]), ".2f", "0.50"),
        (Interval(1.0, 0.5, 1.5, 3), "+.1f[]", "+1.0 [+0.5, +1.5]"),
        (Interval(1.0, 0.5, 1.5, 3), "+.1f", "+1.0 ± 0.5"),
        (" two\n lines\x1b[2J", "", "two lines\\x1b[2J"),
        ("given as text", ".1f", "given as text"),
    ],
)
def test_what_a_cell_may_be(value: Any, form: str, shown: str) -> None:
    assert Table({"x": form}, [[value]]).rows == [[shown]]


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Table([]), "expected a list of headings"),
        (lambda: Table("ab"), "expected a list of headings"),
        (lambda: Table(["a", "a"]), "one heading"),
        (lambda: Table(["a", "b"], [[1]]), "expected 2"),
        (lambda: Table(["a", "b"], ["xy"]), "expected a list with a cell"),
        (lambda: Table(["a", "b"], [{"a": 1, "b": 2}]), "expected a list with a cell"),
        (lambda: Table({"a": ".1f"}, [[torch.ones(2)]]), "cannot|expected a number"),
        (lambda: Table({"a": "d"}, [[0.5]]), "expected a number"),
        (lambda: Table(["a"], notes="all"), "expected a list of sentences"),
    ],
)
def test_what_would_be_quietly_wrong_is_refused(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_the_page_has_the_cells_of_the_text_and_nothing_acts() -> None:
    nasty = "<script>alert('x')</script>\u202e & \"`$x^2$"
    found = Table([nasty, "n"], [[nasty, 1.5], ["b", 22]], title=nasty, notes=[nasty])
    page = found._repr_html_()
    assert "<script" not in page and "\u202e" not in page and "tex2jax_ignore mathjax_ignore" in page
    seen = html.unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)))
    assert seen.count("alert('x')") == 4
    rows = re.findall(r"<tr>(.*?)</tr>", page)
    assert [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td.*?</td>", "".join(rows))] == [
        "1.5",
        "22",
    ]
    assert page.count('<th scope="col"') == 2 and page.count('<th scope="row"') == 2
    assert found._repr_html_() == page  # the same bits whenever a lesson is built


def test_printing_uses_letters_that_the_console_has() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    table().write(out)
    out.flush()
    text = out.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "84.9 +/- 0.5" in text
    assert spelled("ü ± 中", "ascii") == "\\xfc +/- \\u4e2d" and spelled("ü ± 中", "utf-8") == "ü ± 中"


def test_what_is_printed_breaks_between_words_and_never_in_an_interval() -> None:
    """Catches an interval whose ends stand on two lines, a word that is broken, and one that is lost."""
    for lead in range(COLUMNS + 5):
        text = (
            "x" * lead + " open: -0.84 [-1.26, -0.42] points, n = 8, 95 % of all. " + "well-known words " * 9
        )
        lines = filled(text).split("\n")
        assert max(len(line) for line in lines[lead > COLUMNS :]) <= COLUMNS
        assert any("[-1.26, -0.42]" in line for line in lines) and any("95 %" in line for line in lines)
        assert " ".join(lines).split() == text.split()


def test_short_lines_stay_and_the_margin_of_long_ones_is_kept() -> None:
    short = "a  b\n\n    [1,   2]\n" + "y" * COLUMNS
    assert filled(short) == short
    assert filled("") == "" and filled(ValueError("no")) == "no"
    lines = filled("first\n    " + "word " * 40).split("\n")
    assert lines[0] == "first" and all(line.startswith("    word") for line in lines[1:])
    assert filled("z" * 200) == "z" * 200
    long = "[" + ", ".join(map(str, range(60))) + "]"  # too long to stay together
    assert max(map(len, filled(long).split("\n"))) <= COLUMNS


def test_a_note_breaks_at_blanks_only() -> None:
    """Catches: "one-" at the end of a line of a phone, and "shot" in the next."""
    found = Table(["a"], [["b"]], notes=["Of one-shot tickets: [0.1, 0.3]."])._repr_html_()
    assert '<span style="white-space:nowrap">one-shot</span>' in found
    assert '<span style="white-space:nowrap">[0.1, 0.3]</span>' in found
