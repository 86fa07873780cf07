"""Take what students handed in, and put each answer into a clean copy of the assignment, or say what is missing.

Nothing of a submission is run here. What a student wrote elsewhere in the notebook comes along where an answer needs it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import replace as changed
from datetime import UTC, datetime
from pathlib import Path

from lthkit import files
from lthkit.classroom.grading import archives, notebooks
from lthkit.classroom.grading import roster as rosters
from lthkit.classroom.grading.answers import Answer, Lesson, exercise_in, find_answers, lesson_of, read_lesson
from lthkit.classroom.grading.archives import Handed
from lthkit.classroom.grading.collected import (
    Collected,
    fingerprint,
    read_record,
    record,
    release_of,
    set_aside,
    stays,
    submitted,
)
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.roster import Roster, Student


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
    if roster_only and not roster.students:
        raise ValueError(f"--roster-only needs a list of students, and {course.path(rosters.NAME)} has none.")
    handed, aside = archives.read(paths, list(course.assignments))
    best: dict[tuple[str, str], tuple[Handed, Student, list[str]]] = {}
    named: dict[str, str] = {}
    for file in handed:
        if not roster.find(file.number, file.name) and not file.name.strip():
            aside.append(f"{file.file}: whose is it? Put it into a folder with the student's name")
            continue
        which = _lesson(file, lessons)
        if which is None:
            aside.append(f"{file.file}: it names no staged lesson, and holds none of their functions")
            continue
        student = _student(file, roster, named)
        if roster_only and student.id not in roster.students:
            aside.append(f"{file.file}: {student.name} is not in the roster")
            continue
        key = student.id, which.name
        if key in best:
            older, newer = sorted((best[key][0], file), key=_order)
            best[key] = newer, student, [*best[key][2], _twice(older, newer)]
        else:
            best[key] = file, student, []
    by_name = {x.name: x for x in lessons}
    found = []
    for (_, name), (file, student, notes) in best.items():
        if roster.students and student.id not in roster.students:
            notes.append("not in the roster.")
        one, left = _collect(course, by_name[name], file, student, notes, dates, replace)
        found += [one] if one else []
        aside += [left] if left else []
    return sorted(found, key=lambda c: (c.lesson, c.student)), aside


def _order(file: Handed) -> tuple[bool, datetime, bool, str]:
    """A readable file is better than one that is not, a notebook better than a .py file of the same time."""
    return not file.problem, file.time or datetime.min, file.file.lower().endswith(".ipynb"), file.file


def _twice(older: Handed, newer: Handed) -> str:
    """What the instructor should know of two files of one student."""
    if older.problem:
        return f"handed in more than once; {older.file} cannot be read, and {newer.file} is graded."
    if older.sure and newer.sure:
        return f"handed in more than once; {newer.file} is the latest and is graded, {older.file} is not."
    return (
        f"handed in more than once, and nothing says for sure which is the latest; {newer.file} is graded. Is it "
        f"{older.file}? Then take the other one out of the folder and collect again."
    )


def _lesson(file: Handed, lessons: Sequence[Lesson]) -> Lesson | None:
    if len(lessons) == 1 and file.problem:
        return lessons[0]
    name = archives.lesson_named(file.file, [x.name for x in lessons])
    if name is not None:
        return next(x for x in lessons if x.name == name)
    try:
        found = lesson_of(notebooks.read(file.file, file.content), lessons)
    except notebooks.Unreadable:
        found = None
    if found is None and len(lessons) == 1 and file.file.lower().endswith(".ipynb"):
        return lessons[0]
    return found


def _student(file: Handed, roster: Roster, named: dict[str, str]) -> Student:
    found = roster.find(file.number, file.name)
    if found is not None:
        return found
    name = f"{file.name}_{file.number}" if file.number else file.name
    id_, n = rosters.folder_name(name), 1
    while named.setdefault(id_, name) != name:  # two names that make the same folder
        n += 1
        id_ = f"{rosters.folder_name(name)}_{n}"
    return Student(id_, file.name)


def _collect(
    course: Course,
    lesson: Lesson,
    file: Handed,
    student: Student,
    notes: Sequence[str],
    dates: bool,
    replace: bool,
) -> tuple[Collected | None, str]:
    """The record of a file, which is written; or, if what was there before stays, a sentence on it."""
    problem = file.problem
    answers: dict[str, Answer] = {}
    if not problem:
        try:
            answers = find_answers(notebooks.read(file.file, file.content), lesson)
        except notebooks.Unreadable as error:
            problem = str(error)
    time = file.time if file.time and (dates or file.sure) else None
    due = course.assignments[lesson.name].due
    done = Collected(
        student.id,
        student.name or file.name,
        lesson.name,
        file.file,
        time=time.isoformat(sep=" ", timespec="seconds") if time else "",
        said_late=file.said_late,
        dated_late=bool(due and file.time and not time and file.time > due),
        problem=problem,
        found=tuple(a.exercise for a in answers.values() if a.code),
        blank=tuple(a.exercise for a in answers.values() if a.blank),
        missing={a.exercise: a.missing for a in answers.values() if a.missing},
        notes=(*notes, *(n for a in answers.values() for n in a.notes)),
        digest=fingerprint(file.content),
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
        done = changed(done, replaced=set_aside(course, before))
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
