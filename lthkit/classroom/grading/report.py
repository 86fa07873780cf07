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

from lthkit.classroom.exercises import find
from lthkit.classroom.grading import collected, late
from lthkit.classroom.grading import gradebook as gradebooks
from lthkit.classroom.grading import roster as rosters
from lthkit.classroom.grading import run as grading
from lthkit.classroom.grading.collected import Collected
from lthkit.classroom.grading.course import Assignment, Course
from lthkit.classroom.grading.gradebook import Filled
from lthkit.classroom.grading.judging import RULE, Verdict
from lthkit.classroom.grading.roster import Roster, Student
from lthkit.classroom.grading.run import Result
from lthkit.classroom.saying import harmless, in_markdown
from lthkit.machine.tables import Table
from lthkit.storage import files

ALARM = 3  # so many functions with the same error are worth a look at the lesson
_RAISED = "It stopped with"

STATES = {
    "passed": "right",
    "wrong": "not right yet",
    "stopped": "did not finish",
    "hidden": "right on the visible cases only",
    "blank": "not attempted",
    "missing": "not found, or not Python",
}


@dataclass(frozen=True)
class Row:
    """One student and one lesson. `result` has no verdicts where the file cannot be read or the grading stopped, and is
    None where nothing was handed in or was not graded yet."""

    student: Student
    assignment: Assignment
    result: Result | None
    record: Collected | None
    days: int = 0
    kept: float = 1.0
    handed_in: bool = True
    stranger: bool = False

    @property
    def graded(self) -> bool:
        return self.result is not None and bool(self.result.verdicts)

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
        if self.result:
            parts += [x for x in (self.result.problem, self.result.fault) if x]
        parts += [f"{v.exercise}: {v.lines[0]}" for v in self._missing()]
        parts += [
            f"{v.exercise}: {r}" for v in (self.result.verdicts if self.result else ()) for r in v.remarks
        ]
        if self.record and self.record.said_late and not self.record.time:
            counted = f"{self.days} day is counted" if self.days else "the extension is taken to cover it"
            parts.append(f"the platform says late and not how late: {counted}.")
        if self.record and "nothing says" in self.record.replaced:
            parts.append(f"{self.record.replaced}.")
        if self.stranger:
            parts.append("not in the roster.")
        return " ".join([*parts, *(self.record.notes if self.record else ())])

    def _missing(self) -> list[Verdict]:
        return [v for v in (self.result.verdicts if self.result else ()) if v.state == "missing"]


@dataclass(frozen=True)
class Written:
    """The files of a report, and its overview as a terminal shows it."""

    lesson: str
    grades: Path
    overview: Path
    feedback: tuple[Path, ...]
    text: str
    rows: tuple[Row, ...]


def report(course: Course, *, lesson: str | None = None) -> list[Written]:
    """Write the reports of a lesson, or of all lessons of which something was graded, into `reports/`.

    Raises:
        ValueError: the lesson was not staged, the roster cannot be read, or nothing was graded yet.
    """
    roster = rosters.read(course.path(rosters.NAME))
    collected.follow(course, roster)
    found = [(a, rows(course, a, roster)) for a in course.chosen(lesson)]
    if not any(row.result for _, of_lesson in found for row in of_lesson):
        if any(collected.students(course, a.name) for a, _ in found):
            raise ValueError(
                f"there are no grades in {course.folder} for what it holds now: lthkit grade run"
            )
        raise ValueError(f"there are no grades in {course.folder} yet: lthkit grade collect FOLDER_OR_ZIP")
    return [_report(course, a, of_lesson) for a, of_lesson in found if any(row.result for row in of_lesson)]


def fill_gradebook(
    course: Course, written: Sequence[Written], gradebook: Path, *, column: str | None = None
) -> tuple[Path, list[Filled]]:
    """Write a copy of a platform's gradebook with the points of these lessons; returns where, and what it has.

    Args:
        gradebook: CSV, as the platform exports it; it stays as it is.
        column: see `gradebook.fill`.

    Raises:
        ValueError: it is not the gradebook of these students, or does not say which column is a lesson's.
    """
    grades = [
        (course.assignments[w.lesson], {r.student.id: r.after_late for r in w.rows if r.graded})
        for w in written
    ]
    students = {row.student.id: row.student for w in written for row in w.rows}
    one = [written[0].lesson] if len(written) == 1 else []
    target = course.path("reports", *one, f"gradebook-{gradebook.stem}.csv")
    return target, gradebooks.fill(gradebook, target, grades, students.values(), column=column)


def rows(course: Course, assignment: Assignment, roster: Roster) -> list[Row]:
    """A row for everybody in the roster and everybody who handed something in."""
    ids = sorted({*roster.students, *collected.students(course, assignment.name)})
    return [_row(course, assignment, roster, id_) for id_ in ids]


def _row(course: Course, assignment: Assignment, roster: Roster, id_: str) -> Row:
    record = collected.read_record(collected.record(course, assignment.name, id_))
    student = roster.students.get(id_) or Student(id_, record.name if record else "")
    result = _result(course, assignment, id_, record)
    time = datetime.fromisoformat(record.time) if record and record.time else None
    days = late.days_late(course.late, assignment.due, time, extension=student.extension)
    if record and record.said_late and time is None and not student.extension:
        days = 1
    handed_in = record is not None or collected.submitted(course, assignment.name, id_).is_file()
    stranger = bool(roster.students) and id_ not in roster.students
    return Row(student, assignment, result, record, days, late.kept(course.late, days), handed_in, stranger)


def _result(course: Course, assignment: Assignment, id_: str, record: Collected | None) -> Result | None:
    """The result that counts; one without a grade that says why, if what was written of it or of the file is damaged."""
    if record and record.damaged:
        return Result(id_, assignment.name, fault=record.problem)
    where = grading.where(course, assignment.name, id_)
    try:
        result = grading.current(course, assignment, id_)
        if result is None and (last := grading.read_result(where)):
            result = last if last.fault else None  # a fault is shown until it is mended
        for v in result.verdicts if result else ():
            if v.state not in STATES or v.exercise not in assignment.points or not 0 <= v.points <= v.of:
                raise ValueError(f"{v.exercise} {v.state}")
        return result
    except Exception as error:  # one file never costs the class its report
        said = harmless(f"{type(error).__name__}: {error}")[:200]
        why = f"its result {where} cannot be read ({said}); remove that file, then: lthkit grade run"
        return Result(id_, assignment.name, fault=why)


def _report(course: Course, assignment: Assignment, found: Sequence[Row]) -> Written:
    folder = course.path("reports", assignment.name)
    grades = rosters.write_csv(folder / "grades.csv", _headings(assignment), [_cells(r) for r in found])
    text = overview(course, assignment, found)
    pages = [
        files.write_text(folder / "feedback" / f"{row.student.id}.html", page(course, row))
        for row in found
        if row.result and not row.result.fault
    ]
    for old in (folder / "feedback").glob("*.html"):
        if old not in pages:  # of somebody who is not in the class any more
            old.unlink()
    where = files.write_text(folder / "overview.md", text)
    table = by_exercise(assignment, found)
    shown = text.replace(_markdown(table), table.text())
    return Written(assignment.name, grades, where, tuple(pages), shown, tuple(found))


def _headings(assignment: Assignment) -> list[str]:
    return ["id", "name", *assignment.points, "total", "of", "days late", "after late rule", "note"]


def _cells(row: Row) -> dict[str, Any]:
    points = {v.exercise: v.points for v in row.result.verdicts} if row.result else {}
    return {
        "id": row.student.id,
        "name": row.student.name,
        **points,
        "total": row.total if row.graded else "",
        "of": row.assignment.total,
        "days late": row.days,
        "after late rule": row.after_late if row.graded else "",
        "note": harmless(row.note()),
    }


# The class


def by_exercise(assignment: Assignment, found: Sequence[Row]) -> Table:
    """How many answers to each exercise came out in which way."""
    table = Table(["exercise", *STATES.values()])
    verdicts = [v for row in found if row.graded and row.result for v in row.result.verdicts]
    for exercise_id in assignment.points:
        counts = Counter(v.state for v in verdicts if v.exercise == exercise_id)
        table.add(f"{exercise_id} {find(exercise_id).name}", *(counts[s] for s in STATES))
    return table


def _markdown(table: Table) -> str:
    rows = [table.headings, ["---"] * len(table.headings), *table.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def overview(course: Course, assignment: Assignment, found: Sequence[Row]) -> str:
    """How many passed each exercise, which mistake was made how often, and what needs a look; as markdown."""
    graded = [row for row in found if row.graded]
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
    lines += [_markdown(by_exercise(assignment, found))]
    verdicts = [v for row in graded if row.result for v in row.result.verdicts]
    lines += ["", "## Mistakes by their sentences", ""]
    wrong = [v for v in verdicts if v.misconception or v.state in ("wrong", "stopped")]
    mistakes = Counter((v.exercise, v.misconception or _unnamed(v)) for v in wrong)
    for (exercise_id, sentence), count in sorted(mistakes.items(), key=lambda x: (x[0][0], -x[1], x[0][1])):
        lines.append(f"- {exercise_id}, {count} of {len(graded)}: {in_markdown(sentence)}")
    if not mistakes:
        lines.append("None.")
    dated = [row.student.id for row in found if row.record and row.record.dated_late]
    remarks = []
    if dated:
        remarks.append(
            f"- The files of {', '.join(dated)} have dates after the due time. A copy has the date of copying, so that "
            "does not count as late; if these are the dates of handing in, collect again with --dates."
        )
    for (exercise_id, sentence), count in mistakes.items():
        if sentence.startswith(_RAISED) and count >= ALARM:
            remarks.append(
                f"- {exercise_id}: {count} functions end in the same error. Is it theirs, or the lesson's? "
                + in_markdown(sentence)
            )
    remarks += [f"- {row.student.id}: {in_markdown(row.note())}" for row in found if row.note()]
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
    if not row.graded:
        why = f"<p>{_e(row.result.problem)} Hand it in again, or ask your instructor.</p>"
        return _document(f"{row.assignment.name}: your file cannot be read", row, [why])
    title = f"{row.assignment.name}: {row.after_late:g} of {row.assignment.total:g} points"
    parts = []
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
    for v in row.result.verdicts:
        if v.lines:
            said = "\n".join(v.lines)
            parts.append(f"<h2>{_e(v.exercise)} {_e(find(v.exercise).name)}</h2><pre>{_e(said)}</pre>")
    parts.append(
        f"<p>{RULE} Run <code>check</code> in the notebook, and <code>hint</code> where you are stuck.</p>"
    )
    return _document(title, row, parts)


def _document(title: str, row: Row, parts: Sequence[str]) -> str:
    head = f"<h1>{_e(title)}</h1><p>{_e(row.student.name or row.student.id)}</p>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_e(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{head}{''.join(parts)}</body></html>\n"
    )


def _e(text: str) -> str:
    return html.escape(harmless(text))


def _unnamed(verdict: Verdict) -> str:
    """What to say of a mistake that is none of the known ones: what the check said first, unless that is a bare call."""
    first = verdict.lines[0] if verdict.lines else ""
    if verdict.state == "stopped":
        return first
    if raised := next((line for line in verdict.lines if line.startswith(_RAISED)), ""):
        return raised
    if not first or first.startswith(f"{find(verdict.exercise).name}("):
        return "a mistake that has no sentence yet."
    return f"no known mistake; wrong where: {first}"
