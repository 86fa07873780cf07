"""A slow shared file system, for tests: below a folder each call to it takes a while, and what it says may be a little old.

As NFS does, a machine asks the server for each file by name, which takes a round trip, and keeps for a second what it was
told of a folder's list, of a file's size and time, and of names that were not there; what it changes itself, it sees at once.
What is exclusive stays so: of two machines that create one file, or give one folder its name, the server refuses one.

In a process of its own, `environment` makes all of that happen, and each call becomes a line in a file `PID` of `log`.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHANGES = ("mkdir", "rmdir", "unlink", "remove", "rename", "replace", "link", "utime")
CALLS = (*CHANGES, "open", "stat", "lstat", "scandir", "listdir", "fsync")
ROOT, LOG = "LTHKIT_TEST_SLOW", "LTHKIT_TEST_SLOW_LOG"
SECONDS, STALE = 0.02, 1.0  # of a call, and for how long it may be remembered


class Machine:
    """One that shares the folder: what it remembers of it. calls: (name, path) of each call that went to the server."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.lists: dict[str, tuple[float, list[Any]]] = {}
        self.told: dict[str, tuple[float, Any]] = {}  # of `stat`; None is a name that is not there

    def count(self) -> Counter[str]:
        return Counter(name for name, _ in self.calls)

    def changed(self, path: str) -> None:
        """This machine has changed it itself."""
        for kept in [kept for kept in self.told if kept == path or kept.startswith(path + os.sep)]:
            del self.told[kept]
        self.lists.pop(os.path.dirname(path), None)
        self.lists.pop(path, None)


class Slow:
    """The calls of this process below `root`. machine: as which it makes them; a test may be several, one after another."""

    def __init__(
        self,
        root: Path,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        stale: float = STALE,
    ) -> None:
        self.root, self.machine = os.path.realpath(root), Machine()
        self.sleep, self.clock, self.stale = sleep, clock, stale
        self.wait = SECONDS
        self.note: Callable[[str, str], object] = lambda name, path: None
        self._real: dict[str, Any] = {name: getattr(os, name) for name in CALLS}
        self._open = builtins.open

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, getattr(self, f"_{name}", None) or self._changing(name))
        os.open = self._os_open  # type: ignore[assignment]
        builtins.open = io.open = self._file  # type: ignore[assignment]

    def remove(self) -> None:
        for name, real in self._real.items():
            setattr(os, name, real)
        builtins.open = io.open = self._open

    def _place(self, path: Any, folder: int | None = None) -> str | None:
        """Where it is below the root; None if it is not."""
        if isinstance(path, int):
            folder, path = path, ""
        try:
            base = os.getcwd() if folder is None else os.readlink(f"/proc/self/fd/{folder}")
            where = os.path.normpath(os.path.join(base, os.fsdecode(path)))
        except (OSError, TypeError):
            return None
        return where if where == self.root or where.startswith(self.root + os.sep) else None

    def _asked(self, name: str, place: str) -> None:
        self.machine.calls.append((name, os.path.relpath(place, self.root)))
        self.note(*self.machine.calls[-1])
        self.sleep(self.wait)

    def _known(self, place: str) -> Any:
        """What is remembered of a path: a stat, None for a name that is not there, ... for nothing."""
        now = self.clock()
        while place.startswith(self.root + os.sep):
            when, found = self.machine.told.get(place, (-1e9, ...))
            if now - when < self.stale and found is not ...:
                return found
            parent = os.path.dirname(place)
            if self.machine.told.get(parent, (0.0, ...))[1] is not None:
                return ...
            place = parent
        return ...

    def _changing(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **given: Any) -> Any:
            folders = [given.get("dir_fd")]
            if name in ("rename", "replace", "link"):
                folders = [given.get("src_dir_fd"), given.get("dst_dir_fd")]
            paths = args[:2] if name in ("rename", "replace", "link") else args[:1]
            places = [self._place(path, folder) for path, folder in zip(paths, folders, strict=False)]
            inside = [place for place in places if place is not None]
            if inside:
                self._asked(name, inside[-1])
            found = self._real[name](*args, **given)
            for place in inside:  # what fails teaches it nothing
                self.machine.changed(place)
            return found

        return call

    def _fsync(self, file: int) -> None:
        if (place := self._place(file)) is not None:
            self._asked("fsync", place)
        self._real["fsync"](file)

    def _os_open(self, path: Any, flags: int, *args: Any, **given: Any) -> int:
        place = self._place(path, given.get("dir_fd"))
        if place is not None:
            if not flags & os.O_CREAT:
                self._refuse_unknown(place, path)
            self._asked("create" if flags & os.O_CREAT else "open", place)
        file: int = self._real["open"](path, flags, *args, **given)
        if place is not None and flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
            self.machine.changed(place)
        return file

    def _file(self, path: Any, mode: str = "r", *args: Any, **given: Any) -> Any:
        place = None if isinstance(path, int) else self._place(path)
        if place is not None:
            writes = any(letter in mode for letter in "wxa+")
            if not writes:
                self._refuse_unknown(place, path)
            self._asked("create" if writes else "open", place)
            if writes:
                self.machine.changed(place)
        return self._open(path, mode, *args, **given)

    def _refuse_unknown(self, place: str, path: Any) -> None:
        if self._known(place) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    def _stat(self, path: Any, **given: Any) -> Any:
        return self._stated("stat", path, **given)

    def _lstat(self, path: Any, **given: Any) -> Any:
        return self._stated("lstat", path, **given)

    def _stated(self, name: str, path: Any, **given: Any) -> Any:
        place = None if isinstance(path, int) else self._place(path, given.get("dir_fd"))
        if place is None:
            return self._real[name](path, **given)
        if (known := self._known(place)) is not ...:
            self._refuse_unknown(place, path)
            return known
        self._asked(name, place)
        try:
            found = self._real[name](path, **given)
        except FileNotFoundError:
            found = None
        self.machine.told[place] = self.clock(), found
        self._refuse_unknown(place, path)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return found

    def _scandir(self, path: Any = ".") -> Any:
        place = self._place(path)
        if place is None:
            return self._real["scandir"](path)
        when, entries = self.machine.lists.get(place, (-1e9, []))
        if isinstance(path, int) or self.clock() - when >= self.stale:
            self._asked("scandir", place)
            when = self.clock()
            with self._real["scandir"](path) as found:
                entries = list(found)
            if not isinstance(path, int):
                self.machine.lists[place] = when, entries
        return _Listed(entries)

    def _listdir(self, path: Any = ".") -> list[str]:
        return [entry.name for entry in self._scandir(path)]


class _Listed:
    def __init__(self, entries: list[Any]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> _Listed:
        return self

    def __exit__(self, *_: object) -> None: ...

    def close(self) -> None: ...


@contextmanager
def slow(root: Path, **given: Any) -> Iterator[Slow]:
    """All calls of this process below `root` are slow while this lasts."""
    this = Slow(root, **given)
    this.install()
    try:
        yield this
    finally:
        this.remove()


def environment(given: dict[str, str], root: Path, place: Path) -> dict[str, str]:
    """Variables for a process, and those that it starts, in which `root` is slow; `place` is a folder for what that needs."""
    log, start = place / "calls", place / "start"
    log.mkdir(exist_ok=True)
    start.mkdir(exist_ok=True)
    (start / "sitecustomize.py").write_text("from tests import slow_files\nslow_files.begin()\n")
    python = os.pathsep.join((str(start), given["PYTHONPATH"]))
    return given | {ROOT: str(root), LOG: str(log), "PYTHONPATH": python}


def begin() -> None:
    """In a process that has such variables, before anything else."""
    this = Slow(Path(os.environ[ROOT]))
    file = os.open(Path(os.environ[LOG]) / str(os.getpid()), os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o666)
    this.note = lambda name, path: os.write(file, f"{name} {path}\n".encode())
    this.install()


def noted(place: Path) -> list[tuple[str, str]]:
    """The calls of all processes that `environment` was for."""
    lines = [line for path in (place / "calls").iterdir() for line in path.read_text().splitlines()]
    return [(name, path) for name, _, path in (line.partition(" ") for line in lines)]
