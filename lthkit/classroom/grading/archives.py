"""What a learning platform lets one download: folders and zip files, and who handed in which file, and when.

Known are Moodle (`Name_123_assignsubmission_file_/x.ipynb`, or all of it as one name), Canvas
(`lastfirst_123_456_x.ipynb`, with `LATE` where it says so), Blackboard (`Task_id_attempt_2026-10-01-12-00-00_x.ipynb`),
one folder for each student (nbgrader's `id/lesson/x.ipynb` too), and files that are named after students. Zip files may
stand inside of folders and zip files.

Only what the instructor gives names students and says when: an archive that a student handed in is that student's,
whatever the names and the dates in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lthkit.classroom.grading.platforms import (
    BLACKBOARD,
    CANVAS,
    MOODLE,
    Names,
    on_platform,
    without_lesson,
)
from lthkit.classroom.grading.roster import Roster
from lthkit.classroom.grading.unpacking import KINDS, LARGEST, STAMP, ZIP_DATE, Found, files

__all__ = ["LARGEST", "ZIP_DATE", "Handed", "lesson_named", "read"]

UNREAD = (
    "nothing says how its name is to be read, so that this name of the student is a guess; name the file after the student's "
    "id, as in 1001.ipynb, or put the student into the roster, and collect again."
)
_YEARS = range(2000, 2100)  # in which something is handed in


@dataclass(frozen=True)
class Handed:
    """One file of one student: what the platform calls them, and when it was handed in, as far as that is known.

    `problem` says why the content could not be read, `note` what is doubtful in the name; `time_from` says where the time
    comes from, and it is `sure` if the platform says it: a file's own date may be that of a copy. `packed` is the date in
    the student's own archive, and `within` names what the instructor gave.
    """

    name: str
    number: str
    file: str
    content: bytes
    time: datetime | None = None
    time_from: str = ""
    said_late: bool = False
    problem: str = ""
    note: str = ""
    packed: datetime | None = None
    within: str = ""

    @property
    def sure(self) -> bool:
        return self.time_from in (STAMP, "the time in the file's name")


def read(
    paths: Sequence[Path], lessons: Collection[str], *, roster: Roster | None = None
) -> tuple[list[Handed], list[str]]:
    """The notebooks and .py files of all students, and a sentence on each file that was left aside.

    Args:
        paths: folders, zip files or single files.
        lessons: names of the staged lessons, which are not taken for names of students.
        roster: the students, by whom names are read that say no encoding.

    Raises:
        FileNotFoundError: a path does not exist.
    """
    handed: list[Handed] = []
    aside: list[str] = []
    names = Names(lessons, roster or Roster())
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(
                f"there is no {path}; give the folder or the zip file that the platform gave you."
            )
        times: dict[tuple[str, ...], datetime] = {}
        work: list[Found] = []
        for file in files(path, names):
            name = file.parts[-1]
            if name.lower().endswith(KINDS) or (file.problem and name.lower().endswith(".zip")):
                work.append(file)
            elif file.problem:
                aside.append(f"{file.shown}: {file.problem}")
            elif name != STAMP:
                aside.append(f"{file.shown}: neither a notebook nor a .py file")
            elif why := _not_the_platforms(file, lessons):
                aside.append(f"{file.shown}: {why}")
            elif time := _timestamp(file.content):
                times[file.parts[:-1]] = time
            else:
                said = file.content[:40].decode("utf-8", "replace").strip()
                aside.append(
                    f"{file.shown}: {said!r} is not a time; write it like 2026-10-01 18:30, and collect again"
                )
        strip = _common(work, names)
        layout = _Layout(strip, names, work)
        handed += [_handed(file, layout, times) for file in work]
    return handed, aside


def _not_the_platforms(file: Found, lessons: Collection[str]) -> str:
    """Why a timestamp.txt does not count: a student handed it in."""
    folders = file.owner[:-1]
    if file.owner != file.parts:
        return "it is in the student's own zip file, and does not say when that was handed in"
    if not folders:
        return "it lies in no folder, so that it says nothing of anybody"
    if any(on_platform((folder,)) for folder in folders):
        return (
            "it was handed in with the student's files, and does not say when; a timestamp.txt of yours counts in a folder "
            "around such folders"
        )
    below = folders[1:]
    if len([f for f in below if f not in lessons]) > 1:
        return "it lies deep in a student's folder, and does not say when that was handed in"
    return ""


def _stamp(file: Found, times: dict[tuple[str, ...], datetime]) -> datetime | None:
    """The time that stands beside a file of the instructor's, or in a folder around it."""
    folders = file.owner[:-1]
    return next((times[folders[:n]] for n in range(len(folders), 0, -1) if folders[:n] in times), None)


def _common(files: Sequence[Found], names: Names) -> int:
    """How many folders at the top are the download's own: all files lie in them, and several students below."""
    lessons = names.lessons
    strip = 0
    while True:
        tops = {f.owner[strip] for f in files if len(f.owner) > strip + 1}
        below = {f.owner[strip + 1] for f in files if len(f.owner) > strip + 2} - set(lessons)
        flat = [f for f in files if len(f.owner) == strip + 2]
        whole = all(len(f.owner) > strip + 1 for f in files)
        only_lesson = tops <= set(lessons)
        several = len(below) > 1 or len(flat) > 1 and not below and _all_named(flat, lessons)
        several = several and not any(names.knows(top) or MOODLE.fullmatch(top) for top in tops)
        if files and len(tops) == 1 and whole and (only_lesson or several):
            strip += 1
        else:
            return strip


def _all_named(files: Sequence[Found], lessons: Collection[str]) -> bool:
    """Whether files of one folder are named after students, each another one."""
    names = [without_lesson(Path(f.owner[-1]).stem, lessons) for f in files]
    return (
        all(names)
        and len(set(names)) == len(names)
        and all(any(lesson in f.owner[-1] for lesson in lessons) for f in files)
    )


class _Layout:
    """Whether the folders at the top are students, or hold what a platform named.

    A student may name a file in a folder of their own like a platform's. So a name of a platform in a folder counts only
    where the roster knows no student of the folder's name and all work in it is named so; without a roster, where all
    work in any folder is.
    """

    def __init__(self, strip: int, names: Names, work: Sequence[Found]) -> None:
        self.strip, self.names = strip, names
        foreign: dict[str, bool] = {}
        for file in work:
            folders = self._folders(file)
            if folders:
                foreign[folders[0]] = foreign.get(folders[0], False) or not on_platform(file.owner[strip:])
        trusted = bool(names.roster.students) or not any(foreign.values())
        self.platforms = {
            top for top, other in foreign.items() if trusted and not other and not names.knows(top)
        }

    def _folders(self, file: Found) -> list[str]:
        return [p for p in file.owner[self.strip : -1] if p not in self.names.lessons]

    def who(self, file: Found) -> tuple[str, str, bool, datetime | None]:
        """What a path calls its student, the platform's number, whether the platform calls the file late, and its time."""
        folders, last = self._folders(file), file.owner[-1]
        named = not folders or folders[0] in self.platforms or MOODLE.fullmatch(folders[0])
        for part in (*folders, last) if named else ():
            if found := MOODLE.fullmatch(part):
                return found["name"], found["id"] or "", False, None
        if named and (found := CANVAS.fullmatch(last)) and (not folders or self._surely_canvas(found)):
            return found["name"], found["id"], bool(found["late"]), None
        if named and (found := BLACKBOARD.fullmatch(Path(last).stem)):
            name = _user(f"{found['task']}_{found['id']}", self.names.roster)
            return name, "", False, _attempt(found["time"])
        name = folders[0] if folders else without_lesson(Path(last).stem, self.names.lessons)
        return name, "", False, None

    def _surely_canvas(self, found: re.Match[str]) -> bool:
        """Whether a file in a folder is one of Canvas's and not a student's own "hw_05_2_final"."""
        if self.names.roster.find(found["id"], found["name"]):
            return True
        return min(len(found["id"]), len(found["work"])) > 2 or bool(found["late"])


def _handed(file: Found, layout: _Layout, times: dict[tuple[str, ...], datetime]) -> Handed:
    stamped = _stamp(file, times)
    time, source = (stamped, STAMP) if stamped else (file.time, file.source)
    name, number, late, attempt = layout.who(file)
    if attempt:
        time, source = attempt, "the time in the file's name"
    note = UNREAD if file.unread and not name.isascii() else ""
    return Handed(
        name,
        number,
        file.shown,
        file.content,
        time,
        source,
        late,
        file.problem,
        note,
        file.packed,
        file.within,
    )


def _attempt(text: str) -> datetime | None:
    try:
        return _plausible(datetime.strptime(text, "%Y-%m-%d-%H-%M-%S"))
    except ValueError:
        return None


def _plausible(time: datetime) -> datetime | None:
    return time if time.year in _YEARS else None


def _user(text: str, roster: Roster) -> str:
    """Blackboard's user name at the end of "task_user": the longest one in the roster, else what has no underscore."""
    parts = text.split("_")
    ends = ("_".join(parts[i:]) for i in range(1, len(parts)))
    return next((end for end in ends if roster.find(end)), parts[-1])


def lesson_named(file: str, lessons: Collection[str]) -> str | None:
    """The lesson that a path names, by its full name or by a number at the beginning of a name."""
    parts = re.split(r"[/\\]", file)
    for part in reversed(parts):
        named = [lesson for lesson in lessons if lesson in part]
        if len(named) == 1:
            return named[0]
    last = parts[-1]
    for platform in (MOODLE, CANVAS, BLACKBOARD):
        if found := platform.fullmatch(last):
            last = found["file"] or ""  # a student's number is no lesson's
            break
    numbers = set(re.findall(r"(?<!\d)\d\d(?=[_-][a-z])", last))
    named = [lesson for lesson in lessons if lesson[:2] in numbers]
    return named[0] if len(named) == 1 else None


def _timestamp(content: bytes) -> datetime | None:
    """What nbgrader writes: "2015-02-02 15:58:23.948203 UTC"."""
    found = re.match(
        r"\s*(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?\s*(.*)",
        content[:200].decode("utf-8", "replace"),
    )
    if not found:
        return None
    try:
        zone = {"UTC": "+00:00", "Z": "+00:00", "": ""}.get(found[3].strip(), found[3].strip())
        time = _plausible(datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}"))
        return time.astimezone().replace(tzinfo=None) if time and time.tzinfo else time
    except (ValueError, OverflowError, OSError):
        return None
