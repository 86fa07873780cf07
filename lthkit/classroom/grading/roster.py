"""Lists of students as CSV, with the headings that Moodle, Canvas and nbgrader give them."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lthkit.classroom.grading import tables
from lthkit.classroom.grading.tables import Table, plain_heading, visible
from lthkit.classroom.saying import harmless
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
            if found := self.students.get(folder_name(name)):
                return found
            ids = self._keys.get(plain(name), set())
            if len(ids) == 1:
                return self.students[next(iter(ids))]
        return None

    def whose(self, number: str, name: str) -> Student | None:
        """The student of a file, by the platform's number or name, else by the words in the name.

        None too where the number is one student's and the name another's: see `doubt`.
        """
        return None if self._differ(number, name) else self.find(number, name) or self.guess(name)

    def doubt(self, number: str, name: str) -> str:
        """A sentence where a file's number is one student's and its name another's, or nobody's; else nothing."""
        by_number = self.find(number)
        if by_number is None:
            return ""
        who = f"the number {number} is that of {by_number.name or by_number.id} in the roster"
        if other := self._differ(number, name):
            return f"{who}, and the name that of {other.name}; whose is it? Name the file after the student's id."
        parts = [word for word in _words(by_number.name) if len(word) > 1]
        same = plain(name) in _keys_of(by_number) or any(part in plain(name) for part in parts)
        if same or not parts or plain(name) in ("", "participant"):
            return ""
        return f"{who}, and the name is {name}; is it the same person?"

    def _differ(self, number: str, name: str) -> Student | None:
        """The student of the name, if the number is that of another one."""
        by_number, by_name = self.find(number), self.find(name) or self.guess(name)
        return by_name if by_number and by_name and by_name is not by_number else None

    def guess(self, name: str) -> Student | None:
        """The one student whose number, or whose whole name, is among the words of a file's name.

        A name is whole with two words, or with three characters where names are written without a blank.
        """
        words = set(_words(name))
        found = []
        for s in self.students.values():
            number = len(s.id) > 2 and any(c.isdigit() for c in s.id)
            named = _words(s.name)
            whole = len(named) > 1 or bool(re.fullmatch(_UNDIVIDED, s.name))
            if number and plain(s.id) in words or whole and words.issuperset(named):
                found.append(s)
        return found[0] if len(found) == 1 else None


_UNDIVIDED = "[\u3041-\u30fa\u3400-\u9fff\uac00-\ud7a3]{3,}"  # kana, Han, Hangul
_OPTIONAL = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670]"
)  # accents; vowels of Hebrew, Arabic


def _words(name: str) -> list[str]:
    return [word for part in re.split(r"[\s_.,;-]+", name) if (word := plain(part))]


def plain(name: str) -> str:
    """A name without case, accents, blanks and punctuation; the vowels and voicings of other scripts stay."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    letters = _OPTIONAL.sub("", letters).replace("\u0131", "i")  # Turkish, without its dot
    return "".join(c for c in letters if _in_a_word(c))


def _in_a_word(c: str) -> bool:
    return c.isalnum() or unicodedata.category(c) in ("Mn", "Mc")


_LONGEST = 80, 160  # characters and bytes: names of files are made from it, and 255 bytes are the most
_DEVICE = re.compile(r"^(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)", re.IGNORECASE)  # no names on Windows


def folder_name(name: str) -> str:
    """A name that can be a folder anywhere; what had to be cut, or has no letter, is told apart by a hash."""
    name = visible(name)
    kept = "".join(c if _in_a_word(c) or c in "_.-" else " " for c in name)
    safe = re.sub(" +", "_", kept).strip("._-")
    if not safe and not name.strip("._- "):
        return "unnamed"
    if not safe or len(safe) > _LONGEST[0] or len(safe.encode()) > _LONGEST[1]:
        short = safe[: _LONGEST[0] - 9].encode()[: _LONGEST[1] - 9].decode(errors="ignore").rstrip("._-")
        return f"{short or 'unnamed'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return _DEVICE.sub(r"\g<0>_", safe)


def read(path: Path) -> Roster:
    """Read a list of students; an empty roster if there is none.

    Raises:
        ValueError: it has no column that could be an id, a name or an address; it has a student twice, or a row or letters
            that cannot be told surely.
    """
    if not path.is_file():
        return Roster()
    table = tables.read(path)
    _require_one_column_each(table)
    rows = table.by_heading()
    students: list[Student] = []
    places: dict[str, tuple[int, str, dict[str, str]]] = {}
    for row, line in zip(rows, table.lines[1:], strict=True):
        student, given = _student(row, f"{path}, line {line}")
        if student is None:
            continue
        before = places.setdefault(student.id.casefold(), (line, given, row))
        if before[0] != line:
            raise ValueError(_twice(path, student.id, before, (line, given, row)))
        students.append(student)
    if rows and not students:
        raise ValueError(f"{path} has no column id, name or email; it has {', '.join(table.headings)}.")
    return Roster(students)


def _student(row: Mapping[str, str], where: str) -> tuple[Student | None, str]:
    """The student of a row, and the id as it stands there; None for a row of the platform's own."""
    given = _given(row)
    name = given["name"] or _first_and_last(given)
    if re.fullmatch(r"[^,]+, [^,]+", name):  # Canvas: "Lovelace, Ada"
        name = " ".join(reversed(name.split(", ")))
    id_ = given["id"] or given["email"].partition("@")[0] or name
    if not id_ or name == "Points Possible" or given["name"] == "Student, Test":
        return None, ""
    for what in ("id", "platform"):
        if re.fullmatch(r"\d+(?:[.,]\d+)?E\+?\d+|\d+[.,]0+", given[what], re.IGNORECASE):
            raise ValueError(
                f"{where}: the id is {given[what]!r}, as a spreadsheet shortens a number. Make the column text there, or "
                "take the file as the platform gave it."
            )
    if _SUM.fullmatch(given["id"] or name) and not given["email"]:
        raise ValueError(f"{where}: {given['id'] or name!r} is a sum and no student; take the line out.")
    days = given["extension"] or "0"
    if not days.isdecimal():
        raise ValueError(f"{where}: the extension of {id_} is {days!r}; write whole days, such as 2.")
    return Student(folder_name(id_), name, given["email"], given["platform"], int(days)), id_


_SUM = re.compile(
    r"(?:grand |overall )?(?:total|sum|average|mean|count|summe|gesamt|insgesamt)\b[ :=]*\d*", re.IGNORECASE
)


def _twice(
    path: Path, id_: str, one: tuple[int, str, dict[str, str]], other: tuple[int, str, dict[str, str]]
) -> str:
    """What is said of two rows for one folder."""
    where = f"{path}, lines {one[0]} and {other[0]}"
    if one[2] == other[2]:
        return f"{where} are the same row, of {other[1]!r}; take one of them out."
    if visible(one[1]) == visible(other[1]):
        return f"{where}: the id {other[1]!r} is there twice; give each student an id of their own."
    return (
        f"{where}: the ids {one[1]!r} and {other[1]!r} are the same name of a folder, {id_!r}, as far as every system can "
        "tell; give each student an id of their own."
    )


def _require_one_column_each(table: Table) -> None:
    """Refuse two columns of one heading that is used, of which only one could be heard."""
    known = {heading for headings in _HEADINGS.values() for heading in headings}
    headings = [plain_heading(h) for h in table.headings]
    for heading in known.intersection(headings):
        columns = [i for i, h in enumerate(headings) if h == heading]
        for row, line in zip(table.rows[1:], table.lines[1:], strict=True):
            cells = {visible(row[i]) for i in columns if i < len(row)} - {""}
            if len(cells) > 1:
                raise ValueError(
                    f"{table.path}, line {line}: two columns are headed {heading!r}, with {' and '.join(map(repr, sorted(cells)))}; "
                    "take one out, or name it otherwise."
                )


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
            if plain_heading(name) == heading and (cell := _content(value)):
                return cell
    return ""


def _content(cell: str) -> str:
    """What a cell says, without the signs that make it a text for a spreadsheet: `="007"`, `'=x`."""
    text = visible(cell or "")
    if found := re.fullmatch(r'="([^"]*)"', text):
        return found[1].strip()
    return re.sub(r"^'(?=[=+@\d-])", "", text)


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by heading, whether it is separated by commas, semicolons or tabs."""
    return tables.read(path).by_heading()


def write_csv(path: Path, headings: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows; a text that a spreadsheet would take for a formula gets an apostrophe, signs that act are shown.

    The file has a mark for Excel.
    """
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, headings, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _harmless(row.get(k, "")) for k in headings} for row in rows)
    return files.write_text(path, MARK + out.getvalue())


def _harmless(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:g}"
    if not isinstance(value, str):
        return value
    text = harmless(value)
    return "'" + text if text[:1] in tuple("=+-@\t") and text != "-" else text
