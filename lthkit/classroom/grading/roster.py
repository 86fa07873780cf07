"""Lists of students as CSV, with the headings that Moodle, Canvas and nbgrader give them."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lthkit.storage import files

NAME = "roster.csv"
MARK = "\ufeff"  # without it Excel takes UTF-8 for something else

_HEADINGS = {
    "id": (
        "id number",
        "student id",
        "sis user id",
        "sis login id",
        "id",
        "username",
        "user name",
        "login id",
    ),
    "name": ("name", "full name", "student", "student name", "display name"),
    "first": ("first name", "first_name", "firstname", "given name"),
    "last": ("last name", "last_name", "lastname", "surname", "family name"),
    "email": ("email", "email address", "e-mail", "mail"),
    "platform": ("platform id", "participant", "identifier", "canvas id"),
    "extension": ("extension", "extension days", "extra days"),
}


@dataclass(frozen=True)
class Student:
    """Somebody in the class. `id` names folders and rows; `extension` is in days."""

    id: str
    name: str = ""
    email: str = ""
    platform: str = ""
    extension: int = 0


class Roster:
    """The students of a class, found by whatever a platform calls them."""

    def __init__(self, students: Iterable[Student] = ()) -> None:
        self.students = {s.id: s for s in students}
        self._keys: dict[str, set[str]] = {}
        for s in self.students.values():
            for key in _keys_of(s):
                self._keys.setdefault(key, set()).add(s.id)

    def find(self, *names: str) -> Student | None:
        """The student whom one of the names, ids or addresses names; None if nobody or more than one."""
        for name in filter(None, names):
            found = self._keys.get(plain(name), set())
            if len(found) == 1:
                return self.students[next(iter(found))]
        return None

    def whose(self, number: str, name: str) -> Student | None:
        """The student of a file, by the platform's number or name, else by the words in the name."""
        return self.find(number, name) or self.guess(name)

    def guess(self, name: str) -> Student | None:
        """The one student whose number, or whose name of two words or more, is among the words of a file's name."""
        words = set(_words(name))
        found = []
        for s in self.students.values():
            number = len(s.id) > 2 and any(c.isdigit() for c in s.id)
            named = _words(s.name)
            if number and plain(s.id) in words or len(named) > 1 and words.issuperset(named):
                found.append(s)
        return found[0] if len(found) == 1 else None


def _words(name: str) -> list[str]:
    return [word for part in re.split(r"[\s_.,;-]+", name) if (word := plain(part))]


def plain(name: str) -> str:
    """A name without case, accents, blanks and punctuation."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return "".join(c for c in letters if c.isalnum())


def folder_name(name: str) -> str:
    """A name that can be a folder anywhere."""
    safe = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", name)).strip("._-")
    return safe[:80] or "unnamed"


def read(path: Path) -> Roster:
    """Read a list of students; an empty roster if there is none.

    Raises:
        ValueError: it has no column that could be an id, a name or an address.
    """
    if not path.is_file():
        return Roster()
    rows = read_csv(path)
    students = []
    for row in rows:
        given = _given(row)
        name = given["name"] or _first_and_last(given)
        if re.fullmatch(r"[^,]+, [^,]+", name):  # Canvas: "Lovelace, Ada"
            name = " ".join(reversed(name.split(", ")))
        id_ = given["id"] or given["email"].partition("@")[0] or name
        if not id_ or name.strip() in ("Points Possible", "Student, Test"):
            continue
        days = given["extension"] or "0"
        if not days.isdecimal():
            raise ValueError(f"{path}: the extension of {id_} is {days!r}; write whole days, such as 2.")
        students.append(Student(folder_name(id_), name, given["email"], given["platform"], int(days)))
    if rows and not students:
        raise ValueError(f"{path} has no column id, name or email; it has {', '.join(rows[0])}.")
    return Roster(students)


def _keys_of(student: Student) -> set[str]:
    parts = student.name.split()
    names = [student.name, "".join(parts[::-1]), "".join([*parts[-1:], *parts[:-1]])]
    keys = {
        plain(x)
        for x in (student.id, student.email, student.email.partition("@")[0], student.platform, *names)
    }
    return keys - {""}


def named_in(row: Mapping[str, str]) -> list[str]:
    """All that a row calls its student by: ids, names and addresses."""
    given = _given(row)
    return [*(given[what] for what in ("id", "platform", "email", "name")), _first_and_last(given)]


def _first_and_last(given: Mapping[str, str]) -> str:
    return " ".join(filter(None, (given["first"], given["last"])))


def _given(row: Mapping[str, str]) -> dict[str, str]:
    found = {what: _cell(row, headings) for what, headings in _HEADINGS.items()}
    found["platform"] = found["platform"].removeprefix("Participant ")  # Moodle's worksheet
    found["platform"] = found["platform"] or _cell(
        row, ("id",)
    )  # Canvas's own, where it has another one beside it
    return found


def _cell(row: Mapping[str, str], headings: Sequence[str]) -> str:
    for heading in headings:
        for name, value in row.items():
            if name.strip().casefold() == heading and (value or "").strip():
                return value.strip()
    return ""


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by heading, whether it is separated by commas, semicolons or tabs."""
    table, _ = read_table(path)
    return [dict(zip(table[0], (*row, *[""] * len(table[0])), strict=False)) for row in table[1:]]


def read_table(path: Path) -> tuple[list[list[str]], str]:
    """All rows of a CSV file with the row of headings, as they stand, and the separator."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")  # what a spreadsheet on Windows saves
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    return [row for row in rows if row] or [[]], separator


def write_csv(path: Path, headings: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows; a text that a spreadsheet would take for a formula gets an apostrophe, and the file a mark for Excel."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, headings, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _harmless(row.get(k, "")) for k in headings} for row in rows)
    return files.write_text(path, MARK + out.getvalue())


def _harmless(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:g}"
    return "'" + value if isinstance(value, str) and value[:1] in tuple("=+-@\t") and value != "-" else value
