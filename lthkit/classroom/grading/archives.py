"""What a learning platform lets one download: folders and zip files, and who handed in which file, and when.

Known are Moodle (`Name_123_assignsubmission_file_/x.ipynb`, or all of it as one name), Canvas
(`lastfirst_123_456_x.ipynb`, with `LATE` where it says so), Blackboard (`Task_id_attempt_2026-10-01-12-00-00_x.ipynb`),
one folder for each student (nbgrader's `id/lesson/x.ipynb` too), and files that are named after students. Zip files may
stand inside of folders and zip files.
"""

from __future__ import annotations

import io
import os
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lthkit.classroom.grading import encodings
from lthkit.classroom.grading.roster import Roster

LARGEST = 64 * 2**20  # bytes of one file
ZIP_DATE = "the date in the zip file"
UNREAD = (
    "nothing says how its name is to be read, so that this name of the student is a guess; name the file after the student's "
    "id, as in 1001.ipynb, or put the student into the roster, and collect again."
)
_KINDS = (".ipynb", ".py")
_SKIPPED = (".ipynb_checkpoints", "__MACOSX", "__pycache__")

_MOODLE = re.compile(r"(?P<name>.+?)(?:_(?P<id>\d+))?_assignsubmission_[a-z]+(?:_(?P<file>.*))?")
_CANVAS = re.compile(r"(?P<name>[^_]+)_(?:(?P<late>LATE)_)?(?P<id>\d+)_(?P<work>\d+)_(?P<file>.+)")
_BLACKBOARD = re.compile(r"(?P<task>.+)_(?P<id>[^_]+)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<file>.+))?")


@dataclass(frozen=True)
class Handed:
    """One file of one student: what the platform calls them, and when it was handed in, as far as that is known.

    `problem` says why the content could not be read, `note` what is doubtful in the name; `time_from` says where the time
    comes from, and it is `sure` if the platform says it: a file's own date may be that of a copy.
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

    @property
    def sure(self) -> bool:
        return self.time_from in ("timestamp.txt", "the time in the file's name")


@dataclass(frozen=True)
class _File:
    parts: tuple[str, ...]
    content: bytes
    time: datetime | None
    source: str
    problem: str = ""
    unread: bool = False


@dataclass(frozen=True)
class _Names:
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

    def _student(self, path: str) -> str:
        for part in _split(path):
            found = _MOODLE.fullmatch(part) or _CANVAS.fullmatch(part)
            name = found["name"] if found else _without_lesson(Path(part).stem, self.lessons)
            student = None if part.isascii() else self.roster.find(name) or self.roster.guess(name)
            if student:
                return student.id
        return ""


def _split(path: str) -> tuple[str, ...]:
    """The names in a path of any system, without what leads outside; letters that a Mac takes apart are put together."""
    parts = re.split(r"[/\\]", unicodedata.normalize("NFC", path))
    return tuple(p for p in parts if p not in ("", ".", ".."))


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
    names = _Names(lessons, roster or Roster())
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(
                f"there is no {path}; give the folder or the zip file that the platform gave you."
            )
        found = list(_files(path, names))
        times: dict[tuple[str, ...], datetime] = {}
        work = []
        for file in found:
            name = file.parts[-1]
            if file.problem or name.lower().endswith(_KINDS):
                work.append(file)
            elif name != "timestamp.txt":
                aside.append(f"{'/'.join(file.parts)}: neither a notebook nor a .py file")
            elif time := _timestamp(file.content):
                times[file.parts[:-1]] = time
            else:
                said = file.content[:40].decode("utf-8", "replace").strip()
                aside.append(
                    f"{'/'.join(file.parts)}: {said!r} is not a time; write it like 2026-10-01 18:30, and collect again"
                )
        strip = _common(work, lessons)
        for file in work:
            handed.append(_handed(file, strip, names, times.get(file.parts[:-1])))
    return handed, aside


def _files(path: Path, names: _Names) -> Iterator[_File]:
    if path.is_file() and path.suffix.lower() == ".zip":
        yield from _zipped(path.read_bytes(), (), path.name, names)
    elif path.is_file():
        yield from _one(path.name, path, names)
    else:
        for inner in sorted(path.rglob("*")):
            if inner.is_file() and not inner.is_symlink() and not _skip(inner.relative_to(path).parts):
                yield from _one(inner.relative_to(path).as_posix(), inner, names)


def _on_disk(name: str, names: _Names) -> tuple[tuple[str, ...], bool]:
    """The names in a path on the disk, which a program may have unpacked byte by byte, or as the letters of DOS."""
    raw = b""
    if re.search("[\ud800-\udfff]", name):
        raw = os.fsencode(name)
    elif re.search("[\u2500-\u259f]", name):
        raw = name.encode("cp437", errors="ignore")
        raw = raw if raw.decode("cp437") == name else b""
    text, unread = names.of(raw) if raw else (name, False)
    return _split(text), unread


def _one(name: str, path: Path, names: _Names) -> Iterator[_File]:
    parts, unread = _on_disk(name, names)
    time = datetime.fromtimestamp(path.stat().st_mtime)
    if path.stat().st_size > LARGEST:
        yield _File(parts, b"", time, "file", f"it has more than {LARGEST // 2**20} MiB.", unread)
        return
    try:
        content = path.read_bytes()
    except OSError as error:
        yield _File(parts, b"", time, "file", f"it cannot be read ({error.strerror}).", unread)
        return
    if path.suffix.lower() == ".zip":
        yield from _zipped(content, parts, path.name, names, unread)
    else:
        yield _File(parts, content, time, "the file's own date", unread=unread)


def _zipped(
    content: bytes, outer: tuple[str, ...], name: str, names: _Names, unread: bool = False, depth: int = 0
) -> Iterator[_File]:
    """The files of a zip. One inside of a folder is a student's; one that holds several students' work is a download."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        entries = [(e, *_entry(e, names)) for e in archive.infolist() if not e.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError):
        yield _File(outer or (name,), b"", None, "", "it is a damaged zip file.", unread)
        return
    entries = [(e, inside, doubt) for e, inside, doubt in entries if inside and not _skip(inside)]
    folders = {inside[0] for _, inside, _ in entries if len(inside) > 1}
    known = any(_platform(inside) for _, inside, _ in entries)
    download = not outer or (len(outer) == 1 and (known or len(folders) > 1))
    base = () if download else outer[:-1] if len(outer) > 1 else (Path(outer[-1]).stem,)
    for entry, inside, doubt in entries:
        parts = (*base, *inside)
        doubt = unread or doubt
        time = datetime(*entry.date_time) if entry.date_time > (1980, 1, 1, 0, 0, 0) else None
        if entry.file_size > LARGEST:
            yield _File(parts, b"", time, "zip", f"it has more than {LARGEST // 2**20} MiB.", doubt)
            continue
        try:
            unpacked = archive.read(entry)
        except (
            zipfile.BadZipFile,
            RuntimeError,
            NotImplementedError,
            OSError,
            EOFError,
            ValueError,
        ) as error:
            yield _File(parts, b"", time, "zip", f"it cannot be unpacked ({error}).", doubt)
            continue
        if inside[-1].lower().endswith(".zip") and depth < 3:
            yield from _zipped(unpacked, parts, inside[-1], names, doubt, depth + 1)
        else:
            yield _File(parts, unpacked, time, ZIP_DATE, unread=doubt)


_UTF8 = 0x800  # the flag of an entry whose name is UTF-8; zipfile takes any other name for letters of DOS


def _entry(entry: zipfile.ZipInfo, names: _Names) -> tuple[tuple[str, ...], bool]:
    """The names in an entry's path, and whether it could not be read."""
    name = entry.orig_filename.partition("\0")[0]
    if name.isascii() or entry.flag_bits & _UTF8:
        return _split(name), False
    raw = name.encode("cp437")
    text, unread = (said, False) if (said := _unicode_path(entry.extra, raw)) else names.of(raw)
    return _split(text), unread


def _unicode_path(extra: bytes, raw: bytes) -> str:
    """The name in UTF-8 that Info-ZIP and WinRAR write beside an old one; "" if there is none for this name."""
    while len(extra) >= 4:
        kind, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == 0x7075 and field[:1] == b"\1" and field[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
            try:
                return field[5:].decode("utf-8")
            except UnicodeDecodeError:
                return ""
    return ""


def _skip(parts: Sequence[str]) -> bool:
    return any(p in _SKIPPED or p.startswith("._") or p == ".DS_Store" for p in parts)


def _platform(parts: Sequence[str]) -> bool:
    return any(_MOODLE.fullmatch(p) for p in parts) or bool(
        parts and (_CANVAS.fullmatch(parts[-1]) or _BLACKBOARD.fullmatch(Path(parts[-1]).stem))
    )


def _common(files: Sequence[_File], lessons: Collection[str]) -> int:
    """How many folders at the top are the download's own: all files lie in them, and several students below."""
    strip = 0
    while True:
        tops = {f.parts[strip] for f in files if len(f.parts) > strip + 1}
        below = {f.parts[strip + 1] for f in files if len(f.parts) > strip + 2} - set(lessons)
        flat = [f for f in files if len(f.parts) == strip + 2]
        whole = all(len(f.parts) > strip + 1 for f in files)
        only_lesson = tops <= set(lessons)
        several = len(below) > 1 or len(flat) > 1 and not below and _all_named(flat, lessons)
        if files and len(tops) == 1 and whole and (only_lesson or several):
            strip += 1
        else:
            return strip


def _all_named(files: Sequence[_File], lessons: Collection[str]) -> bool:
    """Whether files of one folder are named after students, each another one."""
    names = [_without_lesson(Path(f.parts[-1]).stem, lessons) for f in files]
    return (
        all(names) and len(set(names)) == len(names) and all(_has_lesson(f.parts[-1], lessons) for f in files)
    )


def _has_lesson(name: str, lessons: Collection[str]) -> bool:
    return any(lesson in name for lesson in lessons)


def _handed(file: _File, strip: int, names: _Names, stamped: datetime | None) -> Handed:
    time, source = (stamped, "timestamp.txt") if stamped else (file.time, file.source)
    name, number, late, attempt = _who(file.parts[strip:], names)
    if attempt:
        time, source = attempt, "the time in the file's name"
    note = UNREAD if file.unread and not name.isascii() else ""
    return Handed(name, number, "/".join(file.parts), file.content, time, source, late, file.problem, note)


def _who(parts: Sequence[str], names: _Names) -> tuple[str, str, bool, datetime | None]:
    """What a path calls its student, the platform's number, whether the platform calls the file late, and its time."""
    for part in parts:
        if found := _MOODLE.fullmatch(part):
            return found["name"], found["id"] or "", False, None
    last = parts[-1]
    folders = [p for p in parts[:-1] if p not in names.lessons]
    found = _CANVAS.fullmatch(last)
    if found and (not folders or _surely_canvas(found, folders[0], names.roster)):
        return found["name"], found["id"], bool(found["late"]), None
    if found := _BLACKBOARD.fullmatch(Path(last).stem):
        name = _user(f"{found['task']}_{found['id']}", names.roster)
        return name, "", False, _attempt(found["time"])
    return folders[0] if folders else _without_lesson(Path(last).stem, names.lessons), "", False, None


def _attempt(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d-%H-%M-%S")
    except ValueError:
        return None


def _surely_canvas(found: re.Match[str], folder: str, roster: Roster) -> bool:
    """Whether a file in a folder is one of Canvas's and not a student's own "hw_05_2_final"."""
    if roster.find(found["id"], found["name"]):
        return True
    long = min(len(found["id"]), len(found["work"])) > 2
    return not roster.find(folder) and (long or bool(found["late"]))


def _user(text: str, roster: Roster) -> str:
    """Blackboard's user name at the end of "task_user": the longest one in the roster, else what has no underscore."""
    parts = text.split("_")
    ends = ("_".join(parts[i:]) for i in range(1, len(parts)))
    return next((end for end in ends if roster.find(end)), parts[-1])


def _without_lesson(stem: str, lessons: Collection[str]) -> str:
    """The student's name in the name of a file: "ada_05_winning_tickets" is "ada"."""
    for lesson in lessons:
        if lesson in stem:
            stem = stem.replace(lesson, " ")
    stem = re.sub(r"\(\d+\)|-(?:checkpoint|copy\d*)\b", " ", stem, flags=re.IGNORECASE)
    return re.sub(r"^[\s_-]+|[\s_-]+$", "", stem)


def lesson_named(file: str, lessons: Collection[str]) -> str | None:
    """The lesson that a path names, by its full name or by a number at the beginning of a name."""
    parts = re.split(r"[/\\]", file)
    for part in reversed(parts):
        named = [lesson for lesson in lessons if lesson in part]
        if len(named) == 1:
            return named[0]
    last = parts[-1]
    for platform in (_MOODLE, _CANVAS, _BLACKBOARD):
        if found := platform.fullmatch(last):
            last = found["file"] or ""  # a student's number is no lesson's
            break
    numbers = set(re.findall(r"(?<!\d)\d\d(?=[_-][a-z])", last))
    named = [lesson for lesson in lessons if lesson[:2] in numbers]
    return named[0] if len(named) == 1 else None


def _timestamp(content: bytes) -> datetime | None:
    """What nbgrader writes: "2015-02-02 15:58:23.948203 UTC"."""
    found = re.match(
        r"\s*(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?\s*(.*)", content.decode("utf-8", "replace")
    )
    if not found:
        return None
    try:
        zone = {"UTC": "+00:00", "Z": "+00:00", "": ""}.get(found[3].strip(), found[3].strip())
        time = datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}")
    except ValueError:
        return None
    return time.astimezone().replace(tzinfo=None) if time.tzinfo else time
