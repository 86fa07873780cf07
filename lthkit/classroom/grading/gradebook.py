"""A platform's gradebook: a copy of the CSV file that it exports, with the points of the class in its columns.

Known are Moodle's list of all grades (`Assignment: 05_winning_tickets (Real)`) and its grading worksheet (`Grade`), Canvas
(`05_winning_tickets (991)`), and any other heading that has the lesson's name in it. All other cells stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lthkit.classroom.grading import roster as rosters
from lthkit.classroom.grading import tables
from lthkit.classroom.grading.course import Assignment
from lthkit.classroom.grading.roster import Roster, Student, plain
from lthkit.classroom.grading.tables import Table


@dataclass(frozen=True)
class Filled:
    """What became of one lesson: its column, how many cells were filled, how many of them held another grade.

    `added`: no column was the lesson's, so that this one is new. `most` is what the platform takes for the most points,
    where it says so. `unplaced` are the students with a grade and without a row.
    """

    lesson: str
    column: str
    added: bool
    filled: int
    replaced: int
    most: float | None
    unplaced: tuple[str, ...]

    def lines(self, worth: float) -> list[str]:
        """Sentences for the terminal; `worth` is the most points that the lesson gives."""
        how = "a new column, since none has the lesson's name in it" if self.added else "a column of the file"
        said = [
            f"gradebook: {self.column!r} ({how}): {self.filled} grades, {self.replaced} of them in place of others"
        ]
        if self.most is not None and self.most != worth:
            said.append(
                f"  the platform gives {self.most:g} points at most, this lesson {worth:g}: change one of them"
            )
        return said + [f"  {student} has a grade and no row in the gradebook" for student in self.unplaced]


def fill(
    path: Path,
    target: Path,
    grades: Sequence[tuple[Assignment, Mapping[str, float]]],
    students: Iterable[Student],
    *,
    column: str | None = None,
) -> list[Filled]:
    """Write a copy of a gradebook with the grades of each lesson, by the ids of students.

    Args:
        students: everybody in the class, with the names by which the gradebook may know them.
        column: heading of the column to fill, if the lesson's name is not in it; for a single lesson.

    Raises:
        ValueError: it has no row of a student who has a grade or two of one, it does not say which column is the lesson's,
            or its letters cannot be told surely.
    """
    read = tables.read(path)
    table, headings = read.rows, read.headings
    found = _students(read, Roster(students))
    known = {student.id for student in found if student}
    if not any(id_ in known for _, points in grades for id_ in points):
        raise ValueError(
            f"{path} has no row of a student who has a grade here; its columns are {', '.join(headings) or 'none'}. "
            "Give the CSV file that your platform exports, with names or ids."
        )
    if column is not None and len(grades) > 1:
        raise ValueError(f"--column {column!r} is for one lesson: name it with --lesson.")
    done = []
    for assignment, points in grades:
        place = _place(path, table, assignment.name, column, alone=len(grades) == 1)
        added = place == len(headings)
        if added:
            headings.append(assignment.name)
        done.append(_fill(table, place, added, assignment, points, found))
    read.write(target)
    return done


def _students(read: Table, everybody: Roster) -> list[Student | None]:
    """The student of each row; of several rows that could be one student's the row that says it best, such as by the id.

    Raises:
        ValueError: two rows say it equally well.
    """
    ranked = []
    for row in read.by_heading():
        names = [(i, everybody.find(name)) for i, name in enumerate(rosters.named_in(row)) if name]
        ranked.append(next(((i, student) for i, student in names if student), (0, None)))
    best: dict[str, tuple[int, int]] = {}
    for (rank, student), line in zip(ranked, read.lines[1:], strict=True):
        if student is None or rank > best.get(student.id, (rank, 0))[0]:
            continue
        if rank == best.get(student.id, (-1, 0))[0]:
            raise ValueError(
                f"{read.path}, lines {best[student.id][1]} and {line} are both of {student.name or student.id}; take out "
                "the one that is not."
            )
        best[student.id] = rank, line
    return [
        student if student and best[student.id][1] == line else None
        for (_, student), line in zip(ranked, read.lines[1:], strict=True)
    ]


def _place(path: Path, table: Sequence[list[str]], lesson: str, column: str | None, *, alone: bool) -> int:
    """Where the lesson's column is; behind the last one if it has none."""
    headings = table[0]
    if column is not None:
        exact = [i for i, h in enumerate(headings) if h.strip().casefold() == column.strip().casefold()]
        if len(exact) != 1:
            raise ValueError(f"{path} has no column {column!r}; it has {', '.join(headings)}.")
        other = next((c for row in table[1:] for c in row[exact[0] : exact[0] + 1] if _text(c)), None)
        if other is not None:
            raise ValueError(f"{path}: the column {column!r} holds text, such as {other!r}, and no grades.")
        return exact[0]
    named = [i for i, h in enumerate(headings) if plain(lesson) in plain(h)]
    real = [i for i in named if "(real)" in headings[i].casefold()]
    worksheet = [i for i, h in enumerate(headings) if h.strip().casefold() == "grade"]
    places = real or named or worksheet
    if places == worksheet and worksheet and not alone:
        raise ValueError(
            f"{path} has one column Grade, and there are grades of several lessons: choose one with --lesson."
        )
    if len(places) > 1:
        which = " or ".join(repr(headings[i]) for i in places)
        raise ValueError(f"{path}: which column is that of {lesson}, {which}? Name it with --column.")
    return places[0] if places else len(headings)


def _fill(
    table: list[list[str]],
    place: int,
    added: bool,
    assignment: Assignment,
    points: Mapping[str, float],
    found: Sequence[Student | None],
) -> Filled:
    filled: set[str] = set()
    replaced = 0
    for row, student in zip(table[1:], found, strict=True):
        row += [""] * (place + 1 - len(row))
        if student is not None and student.id in points:
            grade = f"{points[student.id]:g}"
            replaced += _other(row[place], points[student.id])
            row[place] = grade
            filled.add(student.id)
    unplaced = tuple(sorted(set(points) - filled))
    column = table[0][place]
    return Filled(assignment.name, column, added, len(filled), replaced, _most(table, place), unplaced)


def _other(cell: str, points: float) -> bool:
    """Whether a cell held another grade; platforms write `-` for none."""
    number = _number(cell)
    return _text(cell) if number is None else number != points


def _most(table: Sequence[Sequence[str]], place: int) -> float | None:
    """Canvas says it in a row "Points Possible", Moodle's worksheet in a column "Maximum Grade"."""
    for row in table[1:]:
        if row and row[0].strip() == "Points Possible":
            return _number(row[place])
    names = [h.strip().casefold() for h in table[0]]
    if names[place] == "grade" and "maximum grade" in names and len(table) > 1:
        return _number(table[1][names.index("maximum grade")])
    return None


def _text(cell: str) -> bool:
    return cell.strip() not in ("", "-") and _number(cell) is None


def _number(cell: str) -> float | None:
    try:
        return float(cell.strip().replace(",", "."))
    except ValueError:
        return None
