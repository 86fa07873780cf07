"""What a learning platform lets one download: folders and zip files, and who handed in which file, and when.

Known are Moodle (`Name_123_assignsubmission_file_/x.ipynb`), Canvas (`lastfirst_123_456_x.ipynb`, with `LATE` where it
says so), Blackboard (`Task_id_attempt_2026-10-01-12-00-00_x.ipynb`), one folder for each student (nbgrader's
`id/lesson/x.ipynb` too), and files that are named after students. Zip files may stand inside of folders and zip files.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

LARGEST = 64 * 2**20  # bytes of one file
ZIP_DATE = "the date in the zip file"
_KINDS = (".ipynb", ".py")
_SKIPPED = (".ipynb_checkpoints", "__MACOSX", "__pycache__")

_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?")
_CANVAS = re.compile(r"(?P<name>[^_]+)_(?:(?P<late>LATE)_)?(?P<id>\d+)_\d+_(?P<file>.+)")
_BLACKBOARD = re.compile(r"(?P<task>.+)_(?P<id>[^_]+)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<file>.+))?")


@dataclass(frozen=True)
class Handed:
    """One file of one student: what the platform calls them, and when it was handed in, as far as that is known.

    `problem` says why the content could not be read; `time_from` says where the time comes from, and it is `sure` if the
    platform says it: a file's own date may be that of a copy.
    """

    name: str
    number: str
    file: str
    content: bytes
    time: datetime | None = None
    time_from: str = ""
    said_late: bool = False
    problem: str = ""

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


def read(paths: Sequence[Path], lessons: Collection[str]) -> tuple[list[Handed], list[str]]:
    """The notebooks and .py files of all students, and a sentence on each file that was left aside.

    Args:
        paths: folders, zip files or single files.
        lessons: names of the staged lessons, which are not taken for names of students.

    Raises:
        FileNotFoundError: a path does not exist.
    """
    handed: list[Handed] = []
    aside: list[str] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(
                f"there is no {path}; give the folder or the zip file that the platform gave you."
            )
        found = list(_files(path))
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
            handed.append(_handed(file, strip, lessons, times.get(file.parts[:-1])))
    return handed, aside


def _files(path: Path) -> Iterator[_File]:
    if path.is_file() and path.suffix.lower() == ".zip":
        yield from _zipped(path.read_bytes(), (), path.name)
    elif path.is_file():
        yield from _one((path.name,), path)
    else:
        for inner in sorted(path.rglob("*")):
            parts = inner.relative_to(path).parts
            if inner.is_file() and not inner.is_symlink() and not _skip(parts):
                yield from _one(parts, inner)


def _one(parts: tuple[str, ...], path: Path) -> Iterator[_File]:
    time = datetime.fromtimestamp(path.stat().st_mtime)
    if path.stat().st_size > LARGEST:
        yield _File(parts, b"", time, "file", f"it has more than {LARGEST // 2**20} MiB.")
        return
    try:
        content = path.read_bytes()
    except OSError as error:
        yield _File(parts, b"", time, "file", f"it cannot be read ({error.strerror}).")
        return
    if path.suffix.lower() == ".zip":
        yield from _zipped(content, parts, path.name)
    else:
        yield _File(parts, content, time, "the file's own date")


def _zipped(content: bytes, outer: tuple[str, ...], name: str, depth: int = 0) -> Iterator[_File]:
    """The files of a zip. One inside of a folder is a student's; one that holds several students' work is a download."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        entries = [e for e in archive.infolist() if not e.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError):
        yield _File(outer or (name,), b"", None, "", "it is a damaged zip file.")
        return
    entries = [e for e in entries if not _skip(Path(e.filename).parts)]
    folders = {Path(e.filename).parts[0] for e in entries if len(Path(e.filename).parts) > 1}
    known = any(_platform(Path(e.filename).parts) for e in entries)
    download = not outer or (len(outer) == 1 and (known or len(folders) > 1))
    base = () if download else outer[:-1] if len(outer) > 1 else (Path(outer[-1]).stem,)
    for entry in entries:
        parts = (*base, *(p for p in Path(entry.filename).parts if p not in ("..", "/")))
        time = datetime(*entry.date_time) if entry.date_time > (1980, 1, 1, 0, 0, 0) else None
        if entry.file_size > LARGEST:
            yield _File(parts, b"", time, "zip", f"it has more than {LARGEST // 2**20} MiB.")
            continue
        try:
            inner = archive.read(entry)
        except (
            zipfile.BadZipFile,
            RuntimeError,
            NotImplementedError,
            OSError,
            EOFError,
            ValueError,
        ) as error:
            yield _File(parts, b"", time, "zip", f"it cannot be unpacked ({error}).")
            continue
        if entry.filename.lower().endswith(".zip") and depth < 3:
            yield from _zipped(inner, parts, entry.filename, depth + 1)
        else:
            yield _File(parts, inner, time, ZIP_DATE)


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


def _handed(file: _File, strip: int, lessons: Collection[str], stamped: datetime | None) -> Handed:
    parts = file.parts[strip:]
    time, source = (stamped, "timestamp.txt") if stamped else (file.time, file.source)
    shown = "/".join(file.parts)
    for part in parts[:-1]:
        if found := _MOODLE.fullmatch(part):
            return Handed(found["name"], found["id"], shown, file.content, time, source, problem=file.problem)
    last = parts[-1]
    if found := _CANVAS.fullmatch(last):
        late = bool(found["late"])
        return Handed(found["name"], found["id"], shown, file.content, time, source, late, file.problem)
    if found := _BLACKBOARD.fullmatch(Path(last).stem):
        time = datetime(*map(int, found["time"].split("-")))  # type: ignore[arg-type]
        return Handed(
            found["id"], "", shown, file.content, time, "the time in the file's name", problem=file.problem
        )
    folders = [p for p in parts[:-1] if p not in lessons]
    name = folders[0] if folders else _without_lesson(Path(last).stem, lessons)
    return Handed(name, "", shown, file.content, time, source, problem=file.problem)


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
    numbers = set(re.findall(r"(?<!\d)\d\d(?=[_-][a-z])", parts[-1]))
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
