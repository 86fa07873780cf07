"""Take what students handed in, and put each answer into a clean copy of the assignment, or say what is missing.

Nothing of a submission is run here. What a student wrote elsewhere in the notebook comes along where an answer needs it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import UTC, datetime
from pathlib import Path

from lthkit.classroom.grading import archives, notebooks
from lthkit.classroom.grading import roster as rosters
from lthkit.classroom.grading.answers import (
    Answer,
    Lesson,
    exercise_in,
    find_answers,
    lesson_in,
    read_lesson,
    unread,
)
from lthkit.classroom.grading.archives import ZIP_DATE, Handed
from lthkit.classroom.grading.collected import (
    Collected,
    fingerprint,
    follow,
    read_record,
    record,
    release_of,
    set_aside,
    stays,
    submitted,
    sure,
)
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.late import days_late
from lthkit.classroom.grading.notebooks import Code
from lthkit.classroom.grading.roster import Roster, Student
from lthkit.classroom.saying import harmless
from lthkit.storage import files

_LONGEST = 200  # characters of a name; a zip file can hold one of 65,535
_SENTENCE = 1000  # characters of what is said of a file
_MOST = 30  # notes on one file


def collect(
    course: Course,
    paths: Sequence[Path],
    *,
    lesson: str | None = None,
    dates: bool = False,
    roster_only: bool = False,
    replace: bool = False,
) -> tuple[list[Collected], list[str]]:
    """Collect submissions into the class; a student's later submission of a lesson takes the place of an earlier one.

    Work that is surely older than what was collected before, or that cannot be read, is left aside then. Where nobody says
    which is the newer one, the file of this call is; the other one is kept beside the record.

    Args:
        paths: folders, zip files or single files, as the platform gave them.
        lesson: the lesson that all files belong to; None tells by their names and by what is in them.
        dates: take the dates of files and in zip files for the time of handing in; by default only what the platform
            says counts, since a copy has the date of copying.
        roster_only: leave aside what belongs to nobody in the roster.
        replace: take these files in any case.

    Returns:
        One record for each student and lesson, and a sentence on each file that was left aside.

    Raises:
        FileNotFoundError: a path does not exist.
        ValueError: the class has no such lesson, or no roster or one that cannot be read where it is needed.
    """
    chosen = course.chosen(lesson)
    if not chosen:
        raise ValueError(f"no lesson was staged in {course.folder} yet: lthkit grade stage 05")
    lessons = [read_lesson(release_of(course, a)) for a in chosen]
    roster = rosters.read(course.path(rosters.NAME))
    follow(course, roster)
    if roster_only and not roster.students:
        raise ValueError(f"--roster-only needs a list of students, and {course.path(rosters.NAME)} has none.")
    handed, aside = archives.read(paths, list(course.assignments), roster=roster)
    best, unclaimed = _of_each_student(handed, lessons, roster, roster_only=roster_only)
    aside += unclaimed
    by_name = {x.name: x for x in lessons}
    found = []
    for (_, name), (file, student, notes) in best.items():
        try:
            one, left = _collect(course, by_name[name], file, student, notes, dates, replace)
        except (OSError, ValueError) as error:
            one, left = None, f"{file.handed.file}, of {student.id}: it could not be written down: {error}"
        found += [one] if one else []
        aside += [left] if left else []
    return sorted(found, key=lambda c: (c.lesson, c.student)), aside


def _of_each_student(
    handed: list[Handed], lessons: Sequence[Lesson], roster: Roster, *, roster_only: bool
) -> tuple[dict[tuple[str, str], tuple[_Opened, Student, list[str]]], list[str]]:
    """By student and lesson the file that counts, with notes for the instructor; and a sentence on each file left aside."""
    aside: list[str] = []
    best: dict[tuple[str, str], tuple[_Opened, Student, list[str]]] = {}
    named: dict[str, str] = {}
    for file in map(_open, _each(handed)):
        name, number, shown = file.handed.name, file.handed.number, file.handed.file
        if not roster.find(number, name) and not name.strip():
            aside.append(f"{shown}: whose is it? Put it into a folder with the student's name")
            continue
        which, why = _lesson(file, lessons)
        if which is None:
            aside.append(f"{shown}: {why}")
            continue
        student = _student(file.handed, roster, named)
        if roster_only and student.id not in roster.students:
            aside.append(f"{shown}: {student.name} is not in the roster")
            continue
        key = student.id, which.name
        if key in best:
            older, newer = sorted((best[key][0], file), key=_order)
            best[key] = newer, student, [*best[key][2], _twice(older, newer)]
        else:
            best[key] = file, student, []
        if why:
            best[key][2].append(f"{shown} {why}.")
        if doubt := file.handed.note or roster.doubt(number, name):
            best[key][2].append(f"{shown}: {doubt}")
    return best, aside


def _each(handed: list[Handed]) -> Iterator[Handed]:
    """One file after another, each given up as it is taken: all of a class together are large."""
    handed.reverse()
    while handed:
        yield handed.pop()


@dataclass(frozen=True)
class _Opened:
    """A file without its content, which `digest` is of, and its code cells, or the problem why it has none."""

    handed: Handed
    digest: str
    cells: tuple[Code, ...] = ()
    problem: str = ""


def _open(file: Handed) -> _Opened:
    bare, digest = changed(file, content=b""), fingerprint(file.content)
    if file.problem:
        return _Opened(bare, digest, problem=file.problem)
    try:
        return _Opened(bare, digest, tuple(notebooks.read(file.file, file.content)))
    except notebooks.Unreadable as error:
        return _Opened(bare, digest, problem=str(error))
    except Exception as error:  # whatever is in a file, the next one follows
        return _Opened(bare, digest, problem=_stumbled(error))


def _short(text: str) -> str:
    """A sentence that a student's own words may have made long."""
    return text if len(text) <= _SENTENCE else f"{text[:_SENTENCE]} ..."


def _stumbled(error: Exception) -> str:
    said = " ".join(harmless(str(error)).split())[:120]
    return f"it cannot be read ({type(error).__name__}{f': {said}' if said else ''})."


def _order(file: _Opened) -> tuple[bool, datetime, datetime, bool, str]:
    """A readable file is better than one that is not, a notebook better than a .py file of the same time."""
    handed, never = file.handed, datetime.min
    notebook = handed.file.lower().endswith(".ipynb")
    return not file.problem, handed.time or never, handed.packed or never, notebook, handed.file


def _twice(older: _Opened, newer: _Opened) -> str:
    """What the instructor should know of two files of one student."""
    one, other = older.handed.file, newer.handed.file
    if older.handed.within != newer.handed.within:
        one, other = f"{one} (in {older.handed.within})", f"{other} (in {newer.handed.within})"
    if older.problem:
        return f"handed in more than once; {one} cannot be read, and {other} is graded."
    if older.handed.sure and newer.handed.sure:
        return f"handed in more than once; {other} is the latest and is graded, {one} is not."
    return (
        f"handed in more than once, and nothing says for sure which is the latest; {other} is graded. Is it {one}? Then "
        "take the other one out of the folder and collect again."
    )


def _lesson(file: _Opened, lessons: Sequence[Lesson]) -> tuple[Lesson | None, str]:
    """The staged lesson that a file belongs to, by what is in it, then by its name; and what the instructor should know."""
    by_name = archives.lesson_named(file.handed.file, [x.name for x in lessons])
    named = next((x for x in lessons if x.name == by_name), None)
    only = lessons[0] if len(lessons) == 1 else None
    number = lesson_in(file.cells)
    if file.problem:
        found = named or only
        return found, "" if found else file.problem
    if not number:
        found = named or (only if file.handed.file.lower().endswith(".ipynb") else None)
        return found, "" if found else "it names no staged lesson, and holds none of their functions"
    inside = next((x for x in lessons if x.name.startswith(number)), None)
    if inside is None:
        return None, f"it holds the functions of lesson {number}, which is not staged or not chosen"
    if named is not None and named is not inside:
        return inside, f"is named like lesson {named.name[:2]} and holds the functions of lesson {number}"
    return inside, ""


def _student(file: Handed, roster: Roster, named: dict[str, str]) -> Student:
    found = roster.whose(file.number, file.name)
    if found is not None:
        return found
    name = f"{file.name}_{file.number}" if file.number else file.name
    id_, n = rosters.folder_name(name), 1
    while named.setdefault(id_.casefold(), name) != name:  # two names that make the same folder
        n += 1
        id_ = f"{rosters.folder_name(name)}_{n}"
    return Student(id_, file.name if len(file.name) <= _LONGEST else f"{file.name[:_LONGEST]}...")


def _collect(
    course: Course,
    lesson: Lesson,
    opened: _Opened,
    student: Student,
    notes: Sequence[str],
    dates: bool,
    replace: bool,
) -> tuple[Collected | None, str]:
    """The record of a file, which is written; or, if what was there before stays, a sentence on it."""
    file, problem = opened.handed, opened.problem
    answers: dict[str, Answer] = {}
    untold: tuple[str, ...] = ()
    if not problem:
        try:
            answers = find_answers(opened.cells, lesson)
            untold = unread(opened.cells, answers)
        except Exception as error:  # whatever stands in it, the next one follows
            answers, problem = {}, _stumbled(error)
    told = [*notes, *untold, *(n for a in answers.values() for n in a.notes)]
    time = file.time if file.time and (dates or file.sure) else None
    due = course.assignments[lesson.name].due
    done = Collected(
        student.id,
        student.name or file.name,
        lesson.name,
        file.file,
        time=time.isoformat(sep=" ", timespec="seconds") if time else "",
        said_late=file.said_late,
        number=file.number,
        dated=file.time.isoformat(sep=" ", timespec="seconds") if file.time else "",
        dated_well=file.sure or file.time_from == ZIP_DATE,
        dated_late=not time and days_late(course.late, due, file.time) > 0,
        problem=problem,
        found=tuple(a.exercise for a in answers.values() if a.code),
        blank=tuple(a.exercise for a in answers.values() if a.blank),
        missing={a.exercise: _short(a.missing) for a in answers.values() if a.missing},
        hints={a.exercise: _short(a.hint) for a in answers.values() if a.hint},
        notes=(
            *map(_short, told[:_MOST]),
            *([f"and {len(told) - _MOST:,} more such notes."] if told[_MOST:] else []),
        ),
        digest=opened.digest,
        on=datetime.now().isoformat(sep=" ", timespec="seconds"),
    )
    before = read_record(record(course, lesson.name, student.id))
    if before is not None and before.digest == done.digest:
        done = changed(done, on=before.on, replaced=before.replaced)
    elif before is not None:
        if not replace and (why := stays(before, done)):
            return None, (
                f"{file.file}: {why}; {before.file}, collected of {student.id} on {before.on[:16]}, stays. "
                "To take this one: --replace"
            )
        done = changed(done, replaced=set_aside(course, before, certain=sure(before, done)))
    _write(course, done, answers, time)
    return done, ""


def _write(course: Course, done: Collected, answers: dict[str, Answer], time: datetime | None) -> None:
    target = submitted(course, done.lesson, done.student)
    if done.problem:
        target.unlink(missing_ok=True)
    else:
        release = release_of(course, course.assignments[done.lesson])
        files.write_text(target, repaired(release, answers))
        target.with_name("timestamp.txt").unlink(missing_ok=True)
        if time:
            stamp = time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            files.write_text(target.with_name("timestamp.txt"), stamp + "\n")
    files.write_json(record(course, done.lesson, done.student), vars(done))


def repaired(release: Path, answers: dict[str, Answer]) -> str:
    """The clean assignment with the answers in the cells of their exercises; the stub stays where there is none."""
    notebook = copy.deepcopy(json.loads(release.read_text(encoding="utf-8")))
    for cell in notebook["cells"]:
        answer = answers.get(exercise_in(cell))
        if answer is not None and answer.code:
            cell["source"] = answer.code.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
