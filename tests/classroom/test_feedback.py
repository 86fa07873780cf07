"""What a student sees: one display with two faces in a notebook, text on a console; nothing of an answer acts in either."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
import torch

from lthkit.classroom import saying
from lthkit.classroom.layout import in_columns, laid_out
from lthkit.classroom.saying import STATES, Apart, Call, as_html, as_text

ROOT = Path(__file__).resolve().parents[2]


def seen(page: str) -> str:
    """What a page says, without its marks."""
    plain = re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))
    return " ".join(html.unescape(plain).split())


# Both faces


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
def test_the_sign_of_each_state_stands_out_in_both_themes(ground: str) -> None:
    for _, color in STATES.values():
        high, low = sorted((luminance(color), luminance(ground)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 3, color


def test_a_state_is_told_by_sign_and_word_without_color() -> None:
    signs = {state: STATES[state].sign for state in ("passed", "not yet", "open")}
    assert len(set(signs.values())) == 3
    for state, said in (("passed", "passed."), ("not yet", "not yet."), ("open", "not attempted yet.")):
        page = as_html(f"01.2 global_mask: {said}", state=state)
        assert seen(page) == f"{signs[state]} {said} 01.2 global_mask"
        assert as_text(f"01.2 global_mask: {said}") == f"01.2 global_mask: {said}"


NASTY = "<script>x</script><img src=x onerror=y>\x1b[2J\u202e</style>$x$ `a<b` &amp;"


@pytest.mark.parametrize(
    "block",
    [NASTY, Call(NASTY), Apart(NASTY, [NASTY, 3]), Apart({NASTY: torch.ones(2, 2)}, None),
     saying.Options([("a", NASTY)], "a", False), saying.Folded(NASTY, NASTY, True), saying.InText(NASTY)],
    ids=lambda b: type(b).__name__,
)  # fmt: skip
def test_nothing_that_a_student_wrote_acts(block: Any) -> None:
    page = as_html(f"05.1 f: {NASTY}", block, state="not yet")
    assert not re.search(r"<(script|img)|\x1b|\u202e", page) and page.count("</style>") == 1
    text = as_text(f"05.1 f: {NASTY}", block)
    assert text.isascii() and "\x1b" not in text


def test_text_is_wrapped_between_words_and_keeps_its_margin() -> None:
    sentence = "  " + "some words that go on " * 12 + "and-a-word-with-hyphens " + "w" * 90
    lines = as_text("05.1 f: not yet.", sentence, Call("f(" + "x=tensor([0.1, 0.2]), " * 9 + ")")).split("\n")
    assert max(len(line) for line in lines if "w" * 90 not in line) <= 76
    assert " ".join(" ".join(lines[1:]).split()).startswith(" ".join(sentence.split()))
    assert all(line.startswith("  ") for line in lines[1:]) and lines[-1].startswith("    ")
    assert as_text("a\n\tb  c   d") == "a\n\tb  c   d"


# Values


def test_a_tensor_is_laid_out_row_by_row() -> None:
    assert laid_out(torch.tensor([[1.0, -0.25], [10.0, 3.0]])) == [
        "tensor([[ 1.0, -0.25],",
        "        [10.0,   3.0]])",
    ]
    assert laid_out(torch.zeros(2, 1, 2, dtype=torch.int)) == ["tensor([[[0, 0]],", "        [[0, 0]]])"]
    assert laid_out(torch.zeros(2, 0)) == ["tensor([[], []])"]
    assert laid_out(torch.zeros(9, 9)) == ["<tensor (9, 9) float32>"]
    assert laid_out({"a": torch.eye(2), "b": 3}) == [
        "{'a': tensor([[1.0, 0.0],",
        "              [0.0, 1.0]]),",
        " 'b': 3}",
    ]


VALUES = [
    torch.rand(4, 4), torch.rand(2, 2, 2, 2), torch.tensor(3.0), torch.zeros(0, 3), [], {}, (), None, "x" * 300,
    [torch.ones(2), torch.ones(2, 2)], {"w": torch.rand(3, 3), "b": [1, 2, (3,)]}, list(range(100)), (1,), ([1.5, 2],),
    {i: torch.rand(2, 2) for i in range(60)}, {"k" * 700: {"deep": {"er": torch.rand(2, 3)}}}, [[[[[[1.25] * 9] * 9]]]],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_what_is_laid_out_is_what_is_shown(value: Any) -> None:
    """Catches a layout that loses, adds or changes a number, or that grows without bound."""
    from lthkit.classroom.compare import show

    flat = "".join("".join(laid_out(value)).split())
    assert flat == "".join(show(value).split())
    assert len("\n".join(laid_out(value))) < 6000


def test_two_values_stand_side_by_side_where_they_fit() -> None:
    a, b = torch.tensor([[1, 0], [1, 1]]), torch.tensor([[1, 0], [0, 1]])
    assert in_columns(0.5, 0.25, width=74) == ["expected 0.5   got 0.25"]
    assert in_columns(a, b, width=74) == [
        "expected           got",
        "tensor([[1, 0],    tensor([[1, 0],",
        "        [1, 1]])           [0, 1]])",
    ]
    below = in_columns({"a-long-name-of-a-layer": a.float() / 3}, {"a-long-name-of-a-layer": b / 3}, width=74)
    assert (
        below[0].startswith("expected {") and below[2].startswith("got      {") and max(map(len, below)) <= 74
    )
    page = Apart(a, b).html()
    assert "<b>        [1, 1]])</b>" in page and "<b>tensor" not in page


# A real notebook

CELLS = """\
from lthkit.classroom import check, hint, progress, quiz, use, grade_cell
def density(mask):
    raise NotImplementedError("your code goes here")
===
check("00.1", density)
===
check("00.1", lambda mask: 1 - mask.float().mean().item())
===
density_ = use("00.1", density)
===
hint("00.1")
===
hint("00.1"); hint("00.1"); hint("00.1")
===
hint("00.1")
===
def density(mask):
    return mask.float().mean().item()
check("00.1", density)
===
quiz("00.Q1", "b")
===
quiz("00.Q1", "a")
===
progress()
===
grade_cell("00.1", density)
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """The outputs of `CELLS`, run by a real kernel in a folder with nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS.split("===\n")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    own = {"LTHKIT_PASSPORT": str(folder / "p.json"), "PYTHONPATH": str(ROOT)}
    client.execute(env={**os.environ, **own})
    return [cell.outputs for cell in notebook.cells]


def only(outputs: list[Any]) -> tuple[str, str]:
    """The text and the page of the one display of a cell."""
    assert [o.output_type for o in outputs] == ["display_data"]
    assert set(outputs[0].data) == {"text/plain", "text/html"}
    return outputs[0].data["text/plain"], outputs[0].data["text/html"]


def test_a_cell_shows_one_display_whose_text_is_that_of_the_console(outputs: list[list[Any]]) -> None:
    assert outputs[0] == []
    text, page = only(outputs[1])
    assert text == '00.1 density: not attempted yet. Stuck? hint("00.1")'
    assert seen(page) == '○ not attempted yet. 00.1 density. Stuck? hint("00.1")'
    text, page = only(outputs[2])
    assert text.startswith("00.1 density: not yet.\n  ") and text.endswith('\n  Next: hint("00.1")')
    assert "expected" in seen(page) and "✗ not yet. 00.1 density" in seen(page)
    text, page = only(outputs[3])
    assert text == "00.1 density: from here on the reference is used, until yours passes."
    text, page = only(outputs[7])
    assert text == "00.1 density: passed, assisted: the solution was shown."
    assert seen(page) == "✓ passed, assisted: the solution was shown. 00.1 density"


def test_the_last_hint_folds_the_solution_below_what_it_costs(outputs: list[list[Any]]) -> None:
    """Catches a solution that stands open, in the text of the first call, or above the line that says what it costs."""
    text, page = only(outputs[4])
    assert text.startswith("00.1 hint 1 of 4: ") and "<details" not in page
    warned, folded = (o.data for o in outputs[5][-2:])
    assert (
        warned["text/plain"].count("Hint ") == 2
    )  # each takes the place of the one before, so it repeats it
    assert "The next hint is the solution." in warned["text/plain"] and "<details" not in warned["text/html"]
    assert "will count as assisted" in " ".join(folded["text/plain"].split())
    assert "def density" not in folded["text/plain"]
    before, _, solution = folded["text/html"].partition("<details><summary>Open the solution</summary>")
    assert (
        "will count as assisted" in before
        and "def density(mask):" in solution
        and "def density" not in before
    )
    text, page = only(outputs[6])
    assert "def density(mask):\n" in text and "<details>" in page


def test_right_stays_right_and_help_is_counted(outputs: list[list[Any]]) -> None:
    text, page = only(outputs[8])
    assert "  > b)" in text and "\nRight. " in text and "✓ b)" in seen(page)
    text, page = only(outputs[9])
    assert "\nNot right. " in text and "✗ a)" in seen(page) and "right before" in seen(page)
    text, page = only(outputs[10])
    assert re.search(r"^00 +- +00\.1 +- +1 of 1$", text, re.MULTILINE) and text.isascii()
    assert "00 – 00.1 – 1 of 1" in seen(page) and "◐ assisted" in seen(page)


def test_a_graded_cell_prints_its_line_and_its_points(outputs: list[list[Any]]) -> None:
    """nbgrader reads the points from the result, and gives 0 for anything on stderr."""
    kinds = [(o.output_type, o.get("name")) for o in outputs[11]]
    assert kinds == [("stream", "stdout"), ("execute_result", None)]
    assert (
        outputs[11][0].text == "00.1 density: 1 of 1 points\n" and outputs[11][1].data["text/plain"] == "1.0"
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_console_of_any_encoding_gets_text(encoding: str, tmp_path: Path) -> None:
    code = (
        "from lthkit.classroom import *\ncheck('00.1', lambda m: 'caf\\xe9 \\u4e2d')\n"
        "[hint('00.1') for _ in range(5)]\nquiz('00.Q1', 'b')\nprogress()\nassert grade_cell('00.1', len) == 0.0"
    )
    own = {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT), "LTHKIT_PASSPORT": str(tmp_path / "p.json")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**os.environ, **own}, check=False
    )
    assert done.returncode == 0 and done.stderr == b"", done.stderr
    assert b"not yet." in done.stdout and b"def density(mask):" in done.stdout and b"<div" not in done.stdout
