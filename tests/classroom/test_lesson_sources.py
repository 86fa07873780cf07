"""Code that a student reads: it fits beside an open file browser, cells are short, and marks are not in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lthkit.classroom.cells import Cell, parse, read_source

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.py"))
WIDTH, LINES = 88, 25
MARKS = ("NBVAL", "nbval", "noqa", "fmt:", "type: ignore", "pragma")


def faults(cells: list[Cell]) -> list[str]:
    found = []
    for cell in cells:
        if not cell.is_code:
            continue
        lines = cell.text.strip("\n").split("\n")
        found += [f"{cell.line}: {len(x)} characters: {x}" for x in lines if len(x) > WIDTH]
        found += [f"{cell.line}: {mark}" for mark in MARKS if mark in cell.text]
        if len(lines) > LINES:
            found.append(f"{cell.line}: a cell of {len(lines)} lines; plumbing goes into lthkit")
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem[:2])
def test_code_of_a_lesson_fits(source: Path) -> None:
    assert faults(parse(source, read_source(source))) == []


@pytest.mark.parametrize(
    "code, what",
    [
        ("x = " + "1" * 85, "89 characters"),
        ("\n".join(["x = 1"] * 26), "26 lines"),
        ("# NBVAL_CHECK_OUTPUT\nx = 1", "NBVAL"),
        ("x = 1  # noqa", "noqa"),
    ],
)
def test_what_does_not_fit_is_seen(code: str, what: str) -> None:
    source = Path("07_sums.py")
    assert what in "".join(faults(parse(source, f"# %% [markdown]\n# {'a' * 100}\n\n# %%\n{code}\n")))


def test_every_lesson_has_cells_whose_output_is_compared() -> None:
    for source in SOURCES:
        heads = [x for x in read_source(source).split("\n") if x.startswith("# %%")]
        assert any('tags=["nbval-check-output"]' in x for x in heads), source.name
