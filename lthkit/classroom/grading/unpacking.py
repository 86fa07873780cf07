"""The files in folders and zip files, one after another: whatever one of them is, the next one follows.

A zip file that a student handed in is unpacked within bounds, and all in it has the path and the date of that zip file.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from lthkit.classroom.grading.platforms import Names, on_platform, split

LARGEST = 64 * 2**20  # bytes of one file
OWN_LARGEST = 4 * LARGEST  # bytes of all files in a student's archive, those in archives in it too
OWN_MOST = 20_000  # files in it
DEEPEST = 3  # archives within archives
KINDS = (".ipynb", ".py")
STAMP = "timestamp.txt"
ZIP_DATE = "the date in the zip file"
_FILE_DATE = "the file's own date"
_SKIPPED = (".ipynb_checkpoints", "__MACOSX", "__pycache__")
_DAMAGED = "it is a damaged zip file."


@dataclass(frozen=True)
class Found:
    """One file.

    Attributes:
        parts: its path, with the names of the students' archives that it lies in.
        owner: the path that says whose it is: of the outermost of these archives, or `parts`.
        content: what is in it, for those kinds that are read.
        time, source: when it was handed in, as far as dates tell, and which date this is; of an archive, for all in it.
        packed: the date in a student's archive, which says nothing but which of its files is newer.
        problem: why it has no content; "" if it has.
        unread: its name could not be read surely.
        within: the name of what the instructor gave, in which it lies.
    """

    parts: tuple[str, ...]
    owner: tuple[str, ...]
    content: bytes = b""
    time: datetime | None = None
    source: str = ""
    packed: datetime | None = None
    problem: str = ""
    unread: bool = False
    within: str = ""

    @property
    def shown(self) -> str:
        """The path for people; a name longer than any disk takes is cut."""
        return "/".join(p if len(p) <= 260 else f"{p[:200]}...{p[-40:]}" for p in self.parts)


class Refused(ValueError):
    """A file that is not unpacked; the text says why."""


@dataclass
class _Bounds:
    """What is left of the bytes and the files that may come out of one student's archive."""

    size: int = OWN_LARGEST
    files: int = OWN_MOST


def files(path: Path, names: Names) -> Iterator[Found]:
    """All files in what the instructor gave: a folder, a zip file, or a single file."""
    parts, unread = names.on_disk(path.name)
    given = Found(parts or ("unnamed",), parts, unread=unread, within="/".join(parts))
    if not path.is_file():
        yield from _in_folder(path, names, given.within)
    elif path.suffix.lower() == ".zip":
        yield from _Archive(names, given.within).files(path, given)
    else:
        yield _on_disk(path, given)


def _in_folder(folder: Path, names: Names, within: str) -> Iterator[Found]:
    listed = sorted(_walk(folder), key=lambda item: item[0])
    archives: dict[str, Found] = {}
    tops: set[str] = set()
    found = []
    for path, problem in listed:
        parts, unread = names.on_disk(path.relative_to(folder).as_posix())
        parts = parts or (within,)
        if skipped(parts):
            continue
        tops.add(parts[0])
        one = Found(parts, parts, problem=problem, unread=unread, within=within)
        found.append((path, one))
        if len(parts) == 1 and path.suffix.lower() == ".zip" and not problem:
            archives[parts[0]] = one
    downloads = _downloads({name: folder / name for name in archives}, tops, names)
    for path, one in found:
        if one.problem or path.suffix.lower() != ".zip":
            yield one if one.problem else _on_disk(path, one)
        elif one.parts[0] in downloads and len(one.parts) == 1:
            yield from _Archive(names, f"{within}/{one.parts[0]}").files(path, one)
        else:
            one = _on_disk(path, one)
            bounds = _Bounds()
            yield from [one] if one.problem else _Archive(names, within, bounds).files(one.content, one)


def _walk(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each file below a folder, and what speaks against reading it: a link, a pipe, a folder that nobody may open."""
    failed: list[OSError] = []
    for root, folders, plain in os.walk(folder, onerror=failed.append):
        folders[:] = [f for f in folders if f not in _SKIPPED]
        links = [f for f in folders if os.path.islink(os.path.join(root, f))]
        for name in (*plain, *links):
            path = Path(root, name)
            try:
                mode = path.lstat().st_mode
            except OSError as error:
                yield path, f"it cannot be read ({error.strerror})."
                continue
            if stat.S_ISLNK(mode):
                yield path, "it is a link, and links are not followed; hand in the file itself."
            else:
                yield path, "" if stat.S_ISREG(mode) else "it is no file but a pipe, a socket or a device."
    for closed in failed:
        yield Path(closed.filename or folder), f"the folder cannot be opened ({closed.strerror})."


def _on_disk(path: Path, one: Found) -> Found:
    """A file with its content and its date."""
    try:
        about = path.stat()
        one = replace(one, time=_date(about.st_mtime), source=_FILE_DATE)
        if not wanted(one.parts[-1]):
            return one
        if about.st_size > LARGEST:
            return replace(one, problem=f"it has more than {LARGEST // 2**20} MiB.")
        return replace(one, content=path.read_bytes())
    except (OSError, MemoryError) as error:
        return replace(
            one, problem=f"it cannot be read ({getattr(error, 'strerror', '') or 'out of memory'})."
        )


def _date(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds)
    except (OverflowError, ValueError, OSError):
        return None


def wanted(name: str) -> bool:
    """Whether anybody looks into a file of this name."""
    return name == STAMP or name.lower().endswith((*KINDS, ".zip"))


def skipped(parts: Sequence[str]) -> bool:
    return not parts or any(p in _SKIPPED or p.startswith("._") or p == ".DS_Store" for p in parts)


def _downloads(archives: dict[str, Path | bytes], tops: set[str], names: Names) -> set[str]:
    """Which of the zip files that lie together are downloads of a platform, and no student's work.

    A student's is what a platform or a student of the roster gave its name. Of the others one is a download if it holds
    several folders or names of a platform, and if what lies beside it was named by a platform too; of several all must
    have names of a platform in them, since else each may be a student's.
    """
    own = {name for name in archives if on_platform((name,)) or names.knows(Path(name).stem)}
    others = [name for name in archives if name not in own]
    if not others or any(not on_platform((top,)) for top in tops if top not in others):
        return set()
    looks = {name: _looks(archives[name], names) for name in others}
    if len(others) == 1:
        return {name for name, (known, several) in looks.items() if known or several}
    return set(others) if all(known for known, _ in looks.values()) else set()


def _looks(archive: Path | bytes, names: Names) -> tuple[bool, bool]:
    """Whether a zip file has names of a platform in it, and whether it has several folders."""
    try:
        with _opened(archive) as opened:
            listed = [_entry(e, names)[0] for e in opened.infolist() if not e.is_dir()]
    except Exception:  # it is told when its turn comes
        return False, False
    listed = [parts for parts in listed if not skipped(parts)]
    known = any(on_platform(parts) for parts in listed)
    return known, len({parts[0] for parts in listed if len(parts) > 1}) > 1


@dataclass
class _Archive:
    """Unpacks a zip file: one of the instructor's, or within `bounds` one of a student's."""

    names: Names
    within: str
    bounds: _Bounds | None = None
    depth: int = 0

    def files(self, archive: Path | bytes, at: Found) -> Iterator[Found]:
        """The files in it; `at` is the archive itself."""
        try:
            with _opened(archive) as opened:
                entries = [(e, *_entry(e, self.names)) for e in opened.infolist() if not e.is_dir()]
                entries = [(e, parts, unread) for e, parts, unread in entries if not skipped(parts)]
                if not entries:
                    yield replace(at, content=b"", problem="it is an empty zip file.")
                elif self.bounds is None:
                    yield from self._of_instructor(opened, entries, at)
                else:
                    yield from self._of_student(opened, entries, at, self.bounds)
        except Exception as error:  # a file of somebody else's can be damaged in any way
            why = _DAMAGED if not isinstance(error, OSError) else f"it cannot be read ({error.strerror})."
            yield replace(at, content=b"", problem=why)

    def _of_instructor(self, opened: zipfile.ZipFile, entries: list[_Listed], at: Found) -> Iterator[Found]:
        tops = {parts[0] for _, parts, _ in entries}
        inner: dict[str, Path | bytes] = {}
        for entry, parts, _ in entries:
            if len(parts) == 1 and parts[0].lower().endswith(".zip") and not on_platform(parts):
                inner[parts[0]] = self._unpacked(opened, entry).content
        downloads = _downloads(inner, tops, self.names) if self.depth < DEEPEST else set()
        for entry, parts, unread in entries:
            one = replace(self._unpacked(opened, entry), parts=parts, owner=parts, unread=at.unread or unread)
            if one.problem or not parts[-1].lower().endswith(".zip"):
                yield one
            elif len(parts) == 1 and parts[0] in downloads:
                deeper = _Archive(self.names, f"{self.within}/{parts[0]}", depth=self.depth + 1)
                yield from deeper.files(one.content, one)
            else:
                yield from _Archive(self.names, self.within, _Bounds()).files(one.content, one)

    def _of_student(
        self, opened: zipfile.ZipFile, entries: list[_Listed], at: Found, bounds: _Bounds
    ) -> Iterator[Found]:
        bounds.files -= len(entries)
        if bounds.files < 0:
            yield replace(at, content=b"", problem=f"it has more than {OWN_MOST:,} files in it.")
            return
        for entry, parts, unread in entries:
            raw = self._unpacked(opened, entry)
            one = replace(
                at,
                parts=(*at.parts, *parts),
                content=raw.content,
                packed=raw.time,
                problem=raw.problem,
                unread=at.unread or unread,
            )
            if one.problem or not parts[-1].lower().endswith(".zip"):
                yield one
            elif self.depth + 1 >= DEEPEST:
                yield replace(one, content=b"", problem="it is a zip file in too many others.")
            else:
                yield from _Archive(self.names, self.within, bounds, self.depth + 1).files(one.content, one)

    def _unpacked(self, opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Found:
        """What is in an entry, with its date; the names come from elsewhere."""
        one = Found((), (), time=_entry_date(entry), source=ZIP_DATE, within=self.within)
        if not wanted(entry.filename.rpartition("/")[2].rpartition("\\")[2]):
            return one
        try:
            return replace(one, content=_content(opened, entry, self.bounds))
        except Refused as error:
            return replace(one, problem=str(error))
        except Exception as error:  # zlib, struct, memory: whatever damaged bytes lead to
            said = str(error).strip() or type(error).__name__
            return replace(one, problem=f"it cannot be unpacked ({said[:120]}).")


_Listed = tuple[zipfile.ZipInfo, tuple[str, ...], bool]


def _content(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, bounds: _Bounds | None) -> bytes:
    """What is in an entry, unpacked piece by piece: what it says of its size may be wrong.

    Raises:
        Refused: a link, a lock, or too much.
    """
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise Refused("it is a link in a zip file; hand in the file itself.")
    if entry.flag_bits & 1:
        raise Refused("it is locked with a password; hand it in without one.")
    most = LARGEST if bounds is None else min(LARGEST, bounds.size)
    piece = 2**20 if entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) else 2**12
    pieces, size = [], 0
    if entry.file_size <= most:
        with opened.open(entry) as file:
            while size <= most and (read := file.read(piece)):
                pieces.append(read)
                size += len(read)
    if entry.file_size > most or size > most:
        what = "it has" if most == LARGEST else "with it the zip file has"
        raise Refused(f"{what} more than {(LARGEST if most == LARGEST else OWN_LARGEST) // 2**20} MiB.")
    if bounds is not None:
        bounds.size -= size
    return b"".join(pieces)


def _entry_date(entry: zipfile.ZipInfo) -> datetime | None:
    """The date of an entry; the first one that a zip file can hold stands for none."""
    try:
        return datetime(*entry.date_time) if entry.date_time > (1980, 1, 1, 0, 0, 0) else None
    except ValueError:
        return None


_UTF8 = 0x800  # the flag of an entry whose name is UTF-8; zipfile takes any other name for letters of DOS


def _opened(archive: Path | bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive if isinstance(archive, Path) else io.BytesIO(archive))
    except UnicodeDecodeError:
        content = archive.read_bytes() if isinstance(archive, Path) else archive
        return zipfile.ZipFile(io.BytesIO(_honest(content)))


def _honest(content: bytes) -> bytes:
    """A zip file in which no name is called UTF-8 that is not."""
    made = bytearray(content)
    end = content.rfind(b"PK\5\6")
    at = int.from_bytes(content[end + 16 : end + 20], "little")
    while content[at : at + 4] == b"PK\1\2":
        flags, name, extra, comment = (
            int.from_bytes(content[at + i : at + i + 2], "little") for i in (8, 28, 30, 32)
        )
        try:
            content[at + 46 : at + 46 + name].decode("utf-8")
        except UnicodeDecodeError:
            made[at + 8 : at + 10] = (flags & ~_UTF8).to_bytes(2, "little")
        at += 46 + name + extra + comment
    return bytes(made)


def _entry(entry: zipfile.ZipInfo, names: Names) -> tuple[tuple[str, ...], bool]:
    """The names in an entry's path, and whether it could not be read."""
    name = entry.orig_filename.partition("\0")[0]
    if name.isascii() or entry.flag_bits & _UTF8:
        return split(name) or ("unnamed",), False
    raw = name.encode("cp437")
    text, unread = (said, False) if (said := _unicode_path(entry.extra, raw)) else names.of(raw)
    return split(text) or ("unnamed",), unread


def _unicode_path(extra: bytes, raw: bytes) -> str:
    """The name in UTF-8 that Info-ZIP and WinRAR write beside an old one; "" if there is none for this name."""
    while len(extra) >= 4:
        kind, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        found, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == 0x7075 and found[:1] == b"\1" and found[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
            try:
                return found[5:].decode("utf-8")
            except UnicodeDecodeError:
                return ""
    return ""
