"""Every kind of file that students hand in gets the grade that it should, and what cannot be read is told to somebody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lthkit.classroom.grading import run as grading
from lthkit.classroom.grading.collect import collect
from lthkit.classroom.grading.collected import Collected, students
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.late import parse_time
from lthkit.classroom.grading.run import Result
from lthkit.classroom.grading.stage import stage
from tests.submissions import LESSON, course_root
from tests.wild import PASSED, Row
from tests.wild_cells import ROWS as CELLS
from tests.wild_needs import ROWS as NEEDS

ROWS = (*CELLS, *NEEDS)
by_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))

Graded = tuple[dict[str, Collected], dict[str, Result]]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """All rows as one class, collected and graded once."""
    folder: Path = tmp_path_factory.mktemp("wild")
    root = course_root(folder / "root")
    course: Course = stage(
        root / "class", ["05"], root=root, due=parse_time("2026-10-01"), seed=1, nbgrader=False
    )
    release = json.loads(course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    for row in ROWS:
        (folder / "in" / row.name).mkdir(parents=True)
        (folder / "in" / row.name / row.file).write_bytes(row.content(release))
    found, aside = collect(course, [folder / "in"])
    assert not aside and len(found) == len(ROWS) == len(students(course, LESSON))
    names = {c.student: c.name for c in found}
    results = {names[r.student]: r for r in grading.run(course, jobs=2)}
    return {c.name: c for c in found}, results


@by_row
def test_a_file_gets_its_grades(row: Row, graded: Graded) -> None:
    """Catches a right answer that loses points because of what stands around it, and a wrong one that gains some."""
    collected, result = graded[0][row.name], graded[1][row.name]
    lines = {v.exercise: v.lines for v in result.verdicts}
    assert {v.exercise: v.state for v in result.verdicts} == PASSED | dict(row.states), lines
    for exercise, piece in row.told.items():
        assert piece in " ".join(lines[exercise]), lines[exercise]
    notes = " ".join(collected.notes)
    assert all(piece in notes for piece in row.noted), notes
    assert bool(row.noted) == bool(collected.notes), notes
