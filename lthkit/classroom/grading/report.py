"""What came out: a list of grades, a feedback page for each student, and an overview of the class.

Feedback tells of the cases that students can see anyway, and of known mistakes by their sentences; never of hidden cases.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lthkit import files
from lthkit.classroom.exercises import find
from lthkit.classroom.grading import collect, late
from lthkit.classroom.grading import roster as rosters
from lthkit.classroom.grading import run as grading
from lthkit.classroom.grading.collect import Collected
from lthkit.classroom.grading.course import Assignment, Course
from lthkit.classroom.grading.judging import RULE, Verdict
from lthkit.classroom.grading.roster import Roster, Student
from lthkit.classroom.grading.run import Result

STATES = {
    "passed": "right",
    "wrong": "not right yet",
    "hidden": "right on the visible cases only",
    "blank": "not attempted",
    "missing": "not found",
}


@dataclass(frozen=True)
class Row:
    """One student and one lesson. `result` is None where nothing was handed in, or not graded yet."""

    student: Student
    assignment: Assignment
    result: Result | None
    record: Collected | None
    days: int = 0
    kept: float = 1.0
    handed_in: bool = True

    @property
    def total(self) -> float:
        return self.result.points if self.result else 0.0

    @property
    def after_late(self) -> float:
        return round(self.total * self.kept, 4)

    def note(self) -> str:
        """For the instructor."""
        parts = []
        if self.result is None:
            parts.append(
                "not graded since it was collected: lthkit grade run"
                if self.handed_in
                else "nothing handed in"
            )
        if self.result and self.result.problem:
            parts.append(self.result.problem)
        else:
            parts += [f"{v.exercise}: {v.lines[0]}" for v in self._missing()]
        if self.record and self.record.said_late and not self.record.time:
            parts.append("the platform says late and not how late: one day is counted")
        return " ".join([*parts, *(self.record.notes if self.record else ())])

    def _missing(self) -> list[Verdict]:
        return [v for v in (self.result.verdicts if self.result else ()) if v.state == "missing"]


@dataclass(frozen=True)
class Written:
    """The files of a report, and its overview as text."""

    lesson: str
    grades: Path
    overview: Path
    feedback: tuple[Path, ...]
    text: str
    gradebook: Path | None = None
    unplaced: tuple[str, ...] = ()


def report(course: Course, *, lesson: str | None = None, gradebook: Path | None = None) -> list[Written]:
    """Write the reports of a lesson, or of all lessons, into `reports/`.

    Args:
        gradebook: a platform's gradebook as CSV; a copy with the totals is written beside the list.

    Raises:
        ValueError: the lesson was not staged, or a CSV file cannot be read.
        FileNotFoundError: there is no such gradebook.
    """
    if gradebook is not None and not gradebook.is_file():
        raise FileNotFoundError(
            f"there is no gradebook {gradebook}; give the CSV file that the platform exports."
        )
    roster = rosters.read(course.path(rosters.NAME))
    return [_report(course, a, rows(course, a, roster), roster, gradebook) for a in course.chosen(lesson)]


def rows(course: Course, assignment: Assignment, roster: Roster) -> list[Row]:
    """A row for everybody in the roster and everybody who handed something in."""
    ids = sorted({*roster.students, *grading.students(course, assignment.name)})
    return [_row(course, assignment, roster, id_) for id_ in ids]


def _row(course: Course, assignment: Assignment, roster: Roster, id_: str) -> Row:
    record = collect.read_record(collect.record(course, assignment.name, id_))
    student = roster.students.get(id_) or Student(id_, record.name if record else "")
    result = grading.current(course, assignment, id_)
    if result is None and (last := grading.read_result(grading.where(course, assignment.name, id_))):
        result = None if last.fingerprint else last  # a fault of ours is shown until it is mended
    time = datetime.fromisoformat(record.time) if record and record.time else None
    days = late.days_late(course.late, assignment.due, time, extension=student.extension)
    if record and record.said_late and time is None and not student.extension:
        days = 1
    handed_in = record is not None or collect.submitted(course, assignment.name, id_).is_file()
    return Row(student, assignment, result, record, days, late.kept(course.late, days), handed_in)


def _report(
    course: Course, assignment: Assignment, found: Sequence[Row], roster: Roster, gradebook: Path | None
) -> Written:
    folder = course.path("reports", assignment.name)
    grades = rosters.write_csv(folder / "grades.csv", _headings(assignment), [_cells(r) for r in found])
    text = overview(course, assignment, found)
    pages = [
        files.write_text(folder / "feedback" / f"{row.student.id}.html", page(course, row))
        for row in found
        if row.result
    ]
    filled: Path | None = None
    unplaced: list[str] = []
    if gradebook is not None:
        totals = {row.student.id: row.after_late for row in found if row.result}
        filled = folder / f"gradebook-{gradebook.stem}.csv"
        _, unplaced = rosters.fill_gradebook(gradebook, filled, assignment.name, totals, roster)
    where = files.write_text(folder / "overview.md", text)
    return Written(assignment.name, grades, where, tuple(pages), text, filled, tuple(unplaced))


def _headings(assignment: Assignment) -> list[str]:
    return ["id", "name", *assignment.points, "total", "of", "days late", "after late rule", "note"]


def _cells(row: Row) -> dict[str, Any]:
    points = {v.exercise: v.points for v in row.result.verdicts} if row.result else {}
    return {
        "id": row.student.id,
        "name": row.student.name,
        **points,
        "total": row.total if row.result else "",
        "of": row.assignment.total,
        "days late": row.days,
        "after late rule": row.after_late if row.result else "",
        "note": row.note(),
    }


# The class


def overview(course: Course, assignment: Assignment, found: Sequence[Row]) -> str:
    """How many passed each exercise, which mistake was made how often, and what needs a look; as markdown."""
    graded = [row for row in found if row.result]
    totals = sorted(row.after_late for row in graded)
    lines = [f"# {assignment.name}, {course.section}", ""]
    lines.append(
        f"{len(graded)} graded, {len(found) - len(graded)} without a grade; {sum(r.days > 0 for r in graded)} late."
    )
    if totals:
        middle = (totals[(len(totals) - 1) // 2] + totals[len(totals) // 2]) / 2
        lines.append(
            f"Points after the late rule: median {middle:g} of {assignment.total:g}, from {totals[0]:g} to {totals[-1]:g}."
        )
    lines += ["", RULE, *([course.late.sentence()] if assignment.due else []), ""]
    lines += ["| exercise | " + " | ".join(STATES.values()) + " |", "|---" * (len(STATES) + 1) + "|"]
    verdicts = [v for row in graded if row.result for v in row.result.verdicts]
    for exercise_id in assignment.points:
        counts = Counter(v.state for v in verdicts if v.exercise == exercise_id)
        name = find(exercise_id).name
        lines.append(f"| {exercise_id} {name} | " + " | ".join(str(counts[s]) for s in STATES) + " |")
    lines += ["", "## Mistakes by their sentences", ""]
    wrong = [v for v in verdicts if v.misconception or v.state == "wrong"]
    mistakes = Counter((v.exercise, v.misconception or _unnamed(v)) for v in wrong)
    for (exercise_id, sentence), count in sorted(mistakes.items(), key=lambda x: (x[0][0], -x[1], x[0][1])):
        lines.append(f"- {exercise_id}, {count} of {len(graded)}: {sentence}")
    if not mistakes:
        lines.append("None.")
    dated = sum(bool(row.record and row.record.dated_late) for row in found)
    remarks = []
    if dated:
        remarks.append(
            f"- {dated} files have dates after the due time. A copy has the date of copying, so that does not count as "
            "late; if these are the dates of handing in, collect again with --dates."
        )
    remarks += [f"- {row.student.id}: {row.note()}" for row in found if row.note()]
    lines += ["", "## To look at", "", *(remarks or ["Nothing."]), ""]
    return "\n".join(lines)


# One student

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:46em;margin:2em auto;padding:0 1em;color:#222}"
    "pre{background:#f4f4f4;padding:.6em;white-space:pre-wrap}table{border-collapse:collapse}"
    "td,th{border-bottom:1px solid #ccc;padding:.3em .8em .3em 0;text-align:left}"
)


def page(course: Course, row: Row) -> str:
    """A student's feedback as one HTML page that needs nothing else."""
    assert row.result is not None
    title = f"{row.assignment.name}: {row.after_late:g} of {row.assignment.total:g} points"
    parts = [f"<h1>{_e(title)}</h1>", f"<p>{_e(row.student.name or row.student.id)}</p>"]
    if row.result.problem:
        parts.append(f"<p>Your file could not be graded: {_e(row.result.problem)}</p>")
    if row.days:
        parts.append(
            f"<p>Handed in {row.days} day{'s' * (row.days > 1)} late: {row.total:g} points become {row.after_late:g}. "
            f"{_e(course.late.sentence())}</p>"
        )
    parts.append("<table><tr><th>exercise</th><th>points</th><th></th></tr>")
    for v in row.result.verdicts:
        name = f"{v.exercise} {find(v.exercise).name}"
        parts.append(
            f"<tr><td>{_e(name)}</td><td>{v.points:g} of {v.of:g}</td><td>{STATES[v.state]}</td></tr>"
        )
    parts.append("</table>")
    for v in row.result.verdicts if not row.result.problem else ():
        if v.lines:
            said = "\n".join(v.lines)
            parts.append(f"<h2>{_e(v.exercise)} {_e(find(v.exercise).name)}</h2><pre>{_e(said)}</pre>")
    parts.append(
        f"<p>{RULE} Run <code>check</code> in the notebook, and <code>hint</code> where you are stuck.</p>"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_e(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _e(text: str) -> str:
    return html.escape(text)


def _unnamed(verdict: Verdict) -> str:
    """What to say of a mistake that is none of the known ones: what the check said first, unless that is a bare call."""
    first = verdict.lines[0] if verdict.lines else ""
    if not first or first.startswith(f"{find(verdict.exercise).name}("):
        return "a mistake that has no sentence yet."
    return f"no known mistake; {first}"
