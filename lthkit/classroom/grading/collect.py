"""Take what students handed in, and put each answer into a clean copy of the assignment, or say what is missing.

Nothing of a submission is run here. What a student wrote elsewhere in the notebook comes along where an answer needs it.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lthkit import files
from lthkit.classroom.grading import archives, notebooks
from lthkit.classroom.grading import roster as rosters
from lthkit.classroom.grading.answers import Answer, Lesson, exercise_in, find_answers, lesson_of, read_lesson
from lthkit.classroom.grading.archives import Handed
from lthkit.classroom.grading.course import Assignment, Course
from lthkit.classroom.grading.roster import Roster, Student


@dataclass(frozen=True)
class Collected:
    """What was found in one student's submission of one lesson.

    `said_late`: the platform calls it late; `dated_late`: only the file's own date is late, which may be that of a copy.
    `problem` says why nothing could be read; `missing` why an exercise has no answer; `notes` are for the instructor.
    """

    student: str
    name: str
    lesson: str
    file: str
    time: str = ""
    said_late: bool = False
    dated_late: bool = False
    problem: str = ""
    found: tuple[str, ...] = ()
    blank: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def line(self) -> str:
        """One line for the terminal."""
        if self.problem:
            return f"{self.student}, {self.lesson[:2]}: {self.file}: {self.problem}"
        parts = [f"{len(self.found)} answered"]
        parts += [f"{len(self.blank)} blank"] if self.blank else []
        parts += [f"{e}: {why}" for e, why in self.missing.items()]
        return f"{self.student}, {self.lesson[:2]}: {'; '.join([*parts, *self.notes])}"


def release_of(course: Course, assignment: Assignment) -> Path:
    return course.path("release", assignment.name, f"{assignment.name}.ipynb")


def submitted(course: Course, lesson: str, student: str) -> Path:
    return course.path("submitted", student, lesson, f"{lesson}.ipynb")


def record(course: Course, lesson: str, student: str) -> Path:
    return course.path("collected", lesson, f"{student}.json")


def collect(
    course: Course, paths: Sequence[Path], *, lesson: str | None = None, dates: bool = False
) -> tuple[list[Collected], list[str]]:
    """Collect submissions into the class; a student's later submission of a lesson takes the place of an earlier one.

    Args:
        paths: folders, zip files or single files, as the platform gave them.
        lesson: the lesson that all files belong to; None tells by their names and by what is in them.
        dates: take the dates of files and in zip files for the time of handing in; by default only what the platform
            says counts, since a copy has the date of copying.

    Returns:
        One record for each student and lesson, and a sentence on each file that was left aside.

    Raises:
        FileNotFoundError: a path does not exist.
        ValueError: the class has no such lesson, or a roster that cannot be read.
    """
    chosen = course.chosen(lesson)
    if not chosen:
        raise ValueError(f"no lesson was staged in {course.folder} yet: lthkit grade stage 05")
    lessons = [read_lesson(release_of(course, a)) for a in chosen]
    roster = rosters.read(course.path(rosters.NAME))
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
        key = student.id, which.name
        if key in best:
            older, newer = sorted((best[key][0], file), key=_order)
            note = f"handed in more than once; {newer.file} is the latest and is graded, {older.file} is not."
            best[key] = newer, student, [*best[key][2], note]
        else:
            best[key] = file, student, []
    by_name = {x.name: x for x in lessons}
    found = [
        _collect(
            course,
            by_name[name],
            file,
            student,
            [
                *notes,
                *(["not in the roster."] if roster.students and student.id not in roster.students else []),
            ],
            dates,
        )
        for (_, name), (file, student, notes) in best.items()
    ]
    return sorted(found, key=lambda c: (c.lesson, c.student)), aside


def _order(file: Handed) -> tuple[bool, datetime, bool, str]:
    """A readable file is better than one that is not, a notebook better than a .py file of the same time."""
    return not file.problem, file.time or datetime.min, file.file.lower().endswith(".ipynb"), file.file


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
    course: Course, lesson: Lesson, file: Handed, student: Student, notes: list[str], dates: bool
) -> Collected:
    problem = file.problem
    answers: dict[str, Answer] = {}
    if not problem:
        try:
            answers = find_answers(notebooks.read(file.file, file.content), lesson)
        except notebooks.Unreadable as error:
            problem = str(error)
    time = file.time if file.time and (dates or file.sure) else None
    due = course.assignments[lesson.name].due
    target = submitted(course, lesson.name, student.id)
    if problem:
        target.unlink(missing_ok=True)
    else:
        release = course.path("release", lesson.name, f"{lesson.name}.ipynb")
        files.write_text(target, repaired(release, answers))
        target.with_name("timestamp.txt").unlink(missing_ok=True)
        if time:
            stamp = time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            files.write_text(target.with_name("timestamp.txt"), stamp + "\n")
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
    )
    files.write_json(record(course, lesson.name, student.id), vars(done))
    return done


def repaired(release: Path, answers: dict[str, Answer]) -> str:
    """The clean assignment with the answers in the cells of their exercises; the stub stays where there is none."""
    notebook = copy.deepcopy(json.loads(release.read_text(encoding="utf-8")))
    for cell in notebook["cells"]:
        answer = answers.get(exercise_in(cell))
        if answer is not None and answer.code:
            cell["source"] = answer.code.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def read_record(path: Path) -> Collected | None:
    """What `collect` found, None if it was not collected by us."""
    if not path.is_file():
        return None
    value = files.read_json(path)
    value |= {name: tuple(value.get(name, ())) for name in ("found", "blank", "notes")}
    return Collected(**value)


def fingerprint(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode())
        digest.update(b"\0")
    return digest.hexdigest()
