"""How learning platforms name files, and how a name is read whose encoding nothing says.

Known are Moodle (`Name_123_assignsubmission_file_/x.ipynb`, or all of it as one name), Canvas
(`lastfirst_123_456_x.ipynb`, with `LATE` where it says so) and Blackboard (`Task_id_attempt_2026-10-01-12-00-00_x.ipynb`).
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from lthkit.classroom.grading import encodings
from lthkit.classroom.grading.roster import Roster

MOODLE = re.compile(r"(?P<name>.+?)(?:_(?P<id>\d+))?_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.DOTALL)
CANVAS = re.compile(r"(?P<name>[^_]+)_(?:(?P<late>LATE)_)?(?P<id>\d+)_(?P<work>\d+)_(?P<file>.+)", re.DOTALL)
# What follows the first time is the student's own name of the file, and may look like anything.
BLACKBOARD = re.compile(
    r"(?P<task>.+?)_(?P<id>[^_]+)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<file>.+))?", re.DOTALL
)


def split(path: str) -> tuple[str, ...]:
    """The names in a path of any system, without what leads outside; letters that a Mac takes apart are put together."""
    parts = re.split(r"[/\\]", unicodedata.normalize("NFC", re.sub("[\ud800-\udfff]", "?", path)))
    return tuple(p for p in parts if p not in ("", ".", ".."))


def on_platform(parts: Sequence[str]) -> bool:
    """Whether a platform wrote a path: one of its folders, or the name of the file."""
    return any(MOODLE.fullmatch(p) for p in parts) or bool(
        parts and (CANVAS.fullmatch(parts[-1]) or BLACKBOARD.fullmatch(Path(parts[-1]).stem))
    )


def without_lesson(stem: str, lessons: Collection[str]) -> str:
    """The student's name in the name of a file: "ada_05_winning_tickets" is "ada"."""
    for lesson in lessons:
        if lesson in stem:
            stem = stem.replace(lesson, " ")
    stem = re.sub(r"\(\d+\)|-(?:checkpoint|copy\d*)\b", " ", stem, flags=re.IGNORECASE)
    return re.sub(r"^[\s_-]+|[\s_-]+$", "", stem)


@dataclass(frozen=True)
class Names:
    """What helps to read a name whose encoding nothing says: the names of lessons and of students."""

    lessons: Collection[str]
    roster: Roster

    def of(self, raw: bytes) -> tuple[str, bool]:
        """A path, and whether it could not be read: it is neither UTF-8 nor, in older encodings, one student's name."""
        if (name := encodings.utf8(raw)) is not None:
            return name, False
        found: dict[str, str] = {}
        for name in encodings.readings(raw):
            if student := self._student(name):
                found.setdefault(student, name)
        return (next(iter(found.values())), False) if len(found) == 1 else (raw.decode("cp437"), True)

    def on_disk(self, name: str) -> tuple[tuple[str, ...], bool]:
        """The names in a path on the disk, which a program may have unpacked byte by byte, or as the letters of DOS."""
        raw = b""
        if re.search("[\ud800-\udfff]", name):
            raw = os.fsencode(name)
        elif re.search("[\u2500-\u259f]", name):
            raw = name.encode("cp437", errors="ignore")
            raw = raw if raw.decode("cp437") == name else b""
        text, unread = self.of(raw) if raw else (name, False)
        return split(text), unread

    def knows(self, stem: str) -> bool:
        """Whether a name of a folder or a file is that of a student in the roster."""
        name = without_lesson(stem, self.lessons)
        return bool(name and (self.roster.find(name) or self.roster.guess(name)))

    def _student(self, path: str) -> str:
        for part in split(path):
            found = MOODLE.fullmatch(part) or CANVAS.fullmatch(part)
            name = found["name"] if found else without_lesson(Path(part).stem, self.lessons)
            student = None if part.isascii() else self.roster.find(name) or self.roster.guess(name)
            if student:
                return student.id
        return ""
