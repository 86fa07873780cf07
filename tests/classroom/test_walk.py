"""A lesson as three students leave it: blank, half done, solved. Each runs to its end, and the passport says which it was."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from lthkit.classroom.build import EDITIONS
from lthkit.classroom.exercises import of_lesson, questions_of

ROOT = Path(__file__).resolve().parents[2]
LESSON = "01_magnitude_pruning"
SOLVED_HALF = ("01.1", "01.2")  # of four; and the first two questions


def edition(name: str) -> Any:
    return nbformat.read(ROOT / EDITIONS[name] / f"{LESSON}.ipynb", as_version=4)


def left_by(student: str) -> Any:
    """The student edition with nothing, some cells or all cells as in the solved one; outputs removed."""
    notebook = edition("student")
    answers = {cell.id: cell.source for cell in edition("solution").cells}
    done = {
        "blank": (),
        "half done": (*SOLVED_HALF, "01.Q1", "01.Q2"),
        "solved": (*of_lesson("01"), *questions_of("01")),
    }[student]
    for cell in notebook.cells:
        if match := re.fullmatch(r"(?:exercise|question)-(\d+)-(Q?\d+)", cell.id):
            if f"{match[1]}.{match[2]}" in done:
                cell.source = answers[cell.id]
    notebook.cells.append(nbformat.v4.new_code_cell("from lthkit.classroom import progress\nprogress()"))
    return notebook


# Blank and solved lessons run anyway, each edition's own; which of all this the passport says is left to a soak for them.
@pytest.mark.parametrize(
    "student, passed, open_, questions",
    [
        pytest.param("blank", "-", "01.1 01.2 01.3 01.4", "0 of 5", marks=pytest.mark.soak),
        ("half done", "01.1 01.2", "01.3 01.4", "2 of 5"),
        pytest.param("solved", "01.1 01.2 01.3 01.4", "-", "5 of 5", marks=pytest.mark.soak),
    ],
)
def test_a_lesson_runs_to_its_end_whoever_left_it(
    student: str, passed: str, open_: str, questions: str, tmp_path: Path
) -> None:
    """Catches: a blank stub that stops *Run All*, a check that forgets, a passport that counts the reference as passed."""
    notebook = left_by(student)
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute(env={**os.environ, "LTHKIT_TIER": "smoke", "LTHKIT_PASSPORT": str(tmp_path / "p.json")})
    story = "".join(output.data["text/plain"] for output in notebook.cells[-1].outputs)
    line = next(line for line in story.splitlines() if line.startswith("01 "))
    assert re.split(r"\s{2,}", line.strip()) == ["01", passed, "-", open_, questions]
