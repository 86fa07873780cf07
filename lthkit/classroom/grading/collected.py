"""What was collected of a student for a lesson: its record, its files, the versions before it.

collected/LESSON/STUDENT.json                 the record, `Collected`
submitted/STUDENT/LESSON/LESSON.ipynb         the answers in a clean copy of the assignment; timestamp.txt if it is known when
collected/LESSON/earlier/STUDENT-1.ipynb      what was there before another file took its place
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path

from lthkit.classroom.grading.course import Assignment, Course
from lthkit.classroom.grading.roster import Roster, Student, plain
from lthkit.storage import files


@dataclass(frozen=True)
class Collected:
    """What was found in one student's submission of one lesson.

    `said_late`: the platform calls it late; `dated_late`: only the file's own date is late, which may be that of a copy.
    `problem` says why nothing could be read; `missing` why an exercise has no answer, `hints` what its student is told
    where the answer is wrong; `notes` are for the instructor.
    `number` is the platform's for the student, `dated` the file's date, and `dated_well` whether that
    is more than the date of a copy.
    `digest` is that of the file as it came, `on` when it was first collected, `replaced` what it took the place of.
    `damaged`: the record could not be read, and nothing in it counts.
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
    hints: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    number: str = ""
    dated: str = ""
    dated_well: bool = False
    digest: str = ""
    on: str = ""
    replaced: str = ""
    damaged: bool = False

    def line(self) -> str:
        """One line for the terminal."""
        begin = f"{self.lesson[:2]}, {called(self.student, self.name)}:"
        if self.problem:
            return f"{begin} {self.file}: {self.problem}"
        parts = [f"{len(self.found)} answered"]
        parts += [f"{len(self.blank)} blank"] if self.blank else []
        parts += [f"{e}: {why}" for e, why in self.missing.items()]
        parts += [self.replaced] if self.replaced else []
        return f"{begin} {'; '.join([*parts, *self.notes])}"


def called(student: str, name: str) -> str:
    """A student for the terminal: the id, and the name where that is another one."""
    same = not name or plain(name) in (plain(student), plain(student).rstrip("0123456789"))
    return student if same else f"{student} {name}"


def release_of(course: Course, assignment: Assignment) -> Path:
    return course.path("release", assignment.name, f"{assignment.name}.ipynb")


def submitted(course: Course, lesson: str, student: str) -> Path:
    return course.path("submitted", student, lesson, f"{lesson}.ipynb")


def record(course: Course, lesson: str, student: str) -> Path:
    return course.path("collected", lesson, f"{student}.json")


def students(course: Course, lesson: str) -> list[str]:
    """Everybody of whom something was handed in for a lesson, readable or not."""
    found = {p.stem for p in course.path("collected", lesson).glob("*.json")}
    found |= {p.parts[-3] for p in course.path("submitted").glob(f"*/{lesson}/{lesson}.ipynb")}
    return sorted(found)


_KINDS = {"str": str, "bool": bool, "tuple": tuple, "dict": dict}


def read_record(path: Path) -> Collected | None:
    """What `collect` found, None if it was not collected by us; of a record that cannot be read, that it is damaged."""
    if not path.is_file():
        return None
    try:
        value = files.read_json(path)
        value |= {name: tuple(value.get(name, ())) for name in ("found", "blank", "notes")}
        known = Collected(**value)
        for time in (known.time, known.dated):
            datetime.fromisoformat(time or "2000-01-01")
        if any(
            not isinstance(getattr(known, f.name), _KINDS[str(f.type).partition("[")[0]])
            for f in fields(known)
        ):
            raise ValueError("values of another kind")
        return known
    except (OSError, ValueError, TypeError, AttributeError) as error:
        why = f"the record {path} cannot be read ({type(error).__name__}); collect the file of {path.stem} again."
        return Collected(path.stem, "", path.parent.name, path.name, problem=why, damaged=True)


def fingerprint(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


# One file after another


def stays(before: Collected, new: Collected) -> str:
    """Why what was collected before should stay when another file of the student comes; "" if the new one is newer."""
    if new.problem and not before.problem:
        return f"it cannot be read ({new.problem.rstrip('.')})"
    if new.time and before.time:
        return f"it is older, of {new.time[:16]}" if new.time < before.time else ""
    if before.said_late and not new.said_late and not (new.time or before.time):
        return "it is older: the platform calls late what was collected before, and not this one"
    if new.dated and before.dated and new.dated < before.dated:
        return f"its date is older, {new.dated[:16]} and not {before.dated[:16]}"
    return ""


def sure(before: Collected, new: Collected) -> bool:
    """Whether the platform or its zip file says that the new one is newer."""
    dates = new.dated_well and before.dated_well and new.dated > before.dated
    return bool(new.time and before.time) or dates or (new.said_late and not before.said_late)


def set_aside(course: Course, before: Collected, *, certain: bool) -> str:
    """Keep what a newer file takes the place of; returns the words for the record of the newer one."""
    text = f"replaces {before.file}, collected on {before.on[:16]}"
    if not certain:
        text += ", though nothing says for sure which is the newer one"
    notebook = submitted(course, before.lesson, before.student)
    if not notebook.is_file():
        return text
    folder = course.path("collected", before.lesson, "earlier")
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{before.student}-{len(_earlier(folder, before.student)) + 1}.ipynb"
    shutil.copyfile(notebook, kept)
    return f"{text}, which is kept as {kept.relative_to(course.folder).as_posix()}"


def _earlier(folder: Path, student: str) -> list[Path]:
    name = re.compile(re.escape(student) + r"-\d+\.ipynb")
    return [p for p in folder.glob("*.ipynb") if name.fullmatch(p.name)]


def follow(course: Course, roster: Roster) -> None:
    """Give what was collected of somebody the id that the roster has for them now, as far as nothing stands there yet."""
    for lesson in course.assignments:
        for student in students(course, lesson):
            known = read_record(record(course, lesson, student))
            if known is None or known.damaged or student in roster.students:
                continue
            found = roster.whose(known.number, known.name)
            if found is None or found.id in students(course, lesson):
                continue
            with contextlib.suppress(OSError):  # it stays where it is
                _rename(course, known, found)


def _rename(course: Course, known: Collected, to: Student) -> None:
    """Move all that lies under a student's id to another one; grades are made anew."""
    lesson, student = known.lesson, known.student
    was, now = (submitted(course, lesson, s).parent for s in (student, to.id))
    if was.is_dir():
        now.parent.mkdir(parents=True, exist_ok=True)
        was.rename(now)
    folder = course.path("collected", lesson, "earlier")
    for path in _earlier(folder, student):
        path.rename(folder / (to.id + path.name.removeprefix(student)))
    new = replace(
        known,
        student=to.id,
        name=to.name or known.name,
        replaced=known.replaced.replace(f"earlier/{student}-", f"earlier/{to.id}-"),
    )
    files.write_json(record(course, lesson, to.id), vars(new))
    forget(course, student, lesson=lesson)


def forget(course: Course, student: str, *, lesson: str | None = None) -> list[str]:
    """Remove what was collected of a student and its grades; returns the lessons of which something was removed.

    Raises:
        ValueError: nothing was collected of such a student; the text lists those who are there.
    """
    chosen = course.chosen(lesson)
    gone = [a.name for a in chosen if student in students(course, a.name)]
    if not gone:
        there = sorted({s for a in chosen for s in students(course, a.name)})
        raise ValueError(
            f"nothing was collected of {student!r}; there is something of {', '.join(there) or 'nobody'}."
        )
    for name in gone:
        for path in (
            record(course, name, student),
            course.path("results", name, f"{student}.json"),
            course.path("reports", name, "feedback", f"{student}.html"),
            *_earlier(course.path("collected", name, "earlier"), student),
        ):
            path.unlink(missing_ok=True)
        shutil.rmtree(submitted(course, name, student).parent, ignore_errors=True)
    whole = course.path("submitted", student)
    if whole.is_dir() and not any(whole.iterdir()):
        whole.rmdir()
    return gone
