"""Who works on a folder that several machines share: claims by exclusive creation, with a heartbeat.

A claim is a small file with a number, `.claim-0001.json`. Who creates it has it: of two that create the same number, the
file system refuses one. Its holder writes into it now and then. One that was not written for a while is lost, and the next
number may be claimed over it: so a claim is never deleted under its holder, and who wakes up late sees the higher number.
A holder keeps its file open and writes to nothing else, so it never takes a later claim of the same number for its own.
All times are those of the file system that has the folder.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import getnode, uuid4

from lthkit.storage.files import CannotWrite

HOLDER = uuid4().hex  # of this process: it stands in all claims that it makes


def _processes() -> str:
    """Among which processes a number means one: those of this machine since it was started, and of this container.

    "" where that cannot be told; on Windows, where asking for a process may end it, it is not asked.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{getnode():x}" if sys.platform == "darwin" else ""


_PROCESSES = _processes()
CLAIM = ".claim-"  # begins the names of claims
CLOCK = ".clock-"  # and those of the files from which the time is read
_CLAIM = re.compile(rf"{re.escape(CLAIM)}(\d+)\.json")
# of a file: that is not there, or that another machine has removed, as NFS says it
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
_BYTES = 512  # of a claim, always: writing one again needs no room


def _another_holder() -> None:
    global HOLDER
    HOLDER = uuid4().hex


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_another_holder)


@dataclass(frozen=True)
class Patience:
    """Times of claims in seconds: a holder writes every `beat`; a claim that was not written for `lost` is lost.

    All who share a folder have the same. A machine that pauses a program for longer than `lost` loses what it claimed,
    not what it has published.
    """

    beat: float = 10.0
    lost: float = 120.0

    def __post_init__(self) -> None:
        given = (self.beat, self.lost)
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)
        if not numbers or not 0 < 3 * self.beat <= self.lost < float("inf"):
            raise ValueError(
                f"beat={self.beat!r}, lost={self.lost!r} were given; expected seconds above 0, lost three times beat or more."
            )


class Taken(RuntimeError):
    """Somebody else works on this folder now."""


class Lost(RuntimeError):
    """This claim was taken over: its holder was silent for too long. What was published stays."""


@dataclass(frozen=True)
class Claim:
    """A claim as it lies on disk.

    number: of its file. who: for a reader, "process 12 on host". age: seconds since it was written. done: updates so far.
    holder: `HOLDER` of the process that has it, "" if that cannot be read. gone: True if that process was one of this
    machine and has ended, killed say; of another machine's process only its silence tells.
    """

    number: int
    who: str
    age: float
    done: int
    holder: str = ""
    gone: bool = False

    def is_lost(self, patience: Patience, dead: Collection[str] = ()) -> bool:
        """True if the next number may be claimed over it.

        One that is dated further in the future than it may be silent is lost too: the clock was set back, and a holder
        that lives would have written since.
        """
        return self.gone or abs(self.age) > patience.lost or self.holder in dead


class Holding:
    """A claim that this process holds. `done` is written with each heartbeat: updates so far.

    id: of this claim alone; no other one, of this process or another, has the same.
    """

    def __init__(self, folder: Path, number: int, patience: Patience) -> None:
        self.folder, self.number, self.patience = folder, number, patience
        self.done = 0
        self.id = uuid4().hex
        self._ended = threading.Event()
        self._file = -1

    @property
    def path(self) -> Path:
        """Of the claim."""
        return _path(self.folder, self.number)

    @property
    def is_lost(self) -> bool:
        """True if somebody has claimed a higher number, or this claim is gone, or another one has its name."""
        try:
            if _numbers(self.folder)[-1:] != [self.number]:
                return True
            now, own = os.stat(self.path), os.fstat(self._file)
        except OSError as error:
            if error.errno in _GONE:
                return True
            raise
        return (now.st_ino, now.st_dev) != (own.st_ino, own.st_dev)

    def check(self) -> None:
        """Raises:
        Lost: somebody has taken the folder over, or removed it. CannotWrite: the folder cannot be looked at.
        """
        try:
            lost = self.is_lost
        except OSError as error:
            raise _unwritable(error, self.folder) from error
        if lost:
            raise Lost(
                f"{self.folder} was taken over by another process, because this one was silent for {self.patience.lost:g} s, or it "
                "was removed. What it had published stays, and who works there now goes on from that."
            )

    def _content(self) -> bytes:
        who = f"process {os.getpid()} on {socket.gethostname()[:200]}"
        told = {"who": who, "holder": HOLDER, "id": self.id, "done": self.done}
        told |= {"pid": os.getpid(), "among": _PROCESSES}
        return json.dumps(told).encode().ljust(_BYTES)

    def _create(self) -> None:
        """FileExistsError if somebody was faster."""
        self._file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        try:
            os.write(self._file, self._content())
        except OSError:  # a full disk: nobody shall wait for a claim that nobody has
            self._remove()
            raise

    def _beat(self) -> None:
        while not self._ended.wait(self.patience.beat):
            with contextlib.suppress(OSError):  # of a file system that is away for a while
                if self.is_lost:
                    return  # `check` says so
                self._write()

    def _write(self) -> None:
        try:
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, self._content())
            os.fsync(self._file)  # a network drive would keep it for itself
        except OSError:  # the time of the last change is what counts
            os.utime(self._file if os.utime in os.supports_fd else self.path)

    def _remove(self) -> None:
        os.close(self._file)
        with contextlib.suppress(OSError):
            self.path.unlink()


@contextlib.contextmanager
def claimed(
    folder: Path,
    *,
    patience: Patience = Patience(),  # noqa: B008  (frozen)
    dead: Collection[str] = (),
) -> Iterator[Holding]:
    """Claim a folder while this lasts.

    Args:
        dead: `HOLDER` of processes that have certainly ended; their claims are lost at once. A parent knows its children.

    Raises:
        Taken: another process has it, and is alive; the text says who. CannotWrite: the folder cannot be written.
    """
    try:
        try:
            holding = _claim(folder, patience, dead)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            holding = _claim(folder, patience, dead)
    except OSError as error:
        raise _unwritable(error, folder) from error
    heart = threading.Thread(target=holding._beat, name="heartbeat", daemon=True)
    heart.start()
    try:
        yield holding
    finally:
        holding._ended.set()
        heart.join()
        _leave(holding)


def claim_of(folder: Path, *, now: float | None = None) -> Claim | None:
    """The newest claim of a folder, None if nobody works there.

    now: the time, by `time_in` of a folder of the same file system; None asks for it, which writes a small file.
    """
    try:
        numbers = _numbers(folder)
    except FileNotFoundError:
        return None
    return _read(folder, numbers[-1], now) if numbers else None


def time_in(folder: Path) -> float:
    """The time by the clock of the file system that has this folder: that of a file that is written now."""
    probe = folder / f"{CLOCK}{uuid4().hex}"
    try:
        file = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except OSError:  # a folder that cannot be written: this machine's clock has to do
        return time.time()
    try:
        return os.fstat(file).st_mtime
    finally:
        os.close(file)
        with contextlib.suppress(OSError):
            probe.unlink()


def old_clocks(claim: Holding) -> list[Path]:
    """Files of `time_in` in the folder of a claim whose processes were killed over them: nobody that lives is silent so long."""
    old = []
    for path in claim.folder.glob(f"{CLOCK}*"):
        with contextlib.suppress(OSError):
            if claim.path.stat().st_mtime - path.stat().st_mtime > claim.patience.lost:
                old.append(path)
    return old


def _read(folder: Path, number: int, now: float | None) -> Claim | None:
    now = time_in(folder) if now is None else now
    try:
        with open(_path(folder, number), "rb") as file:  # NFS asks the server anew at this, and not at `stat`
            age = now - os.fstat(file.fileno()).st_mtime
            content = _object(file.read())
    except OSError as error:
        if error.errno in _GONE:
            return None  # it has just ended
        raise
    done = content.get("done")
    return Claim(
        number,
        str(content.get("who", "another process")),
        age,
        done if isinstance(done, int) else 0,
        str(content.get("holder", "")),
        content.get("among") == _PROCESSES != "" and _has_ended(content.get("pid")),
    )


def _has_ended(pid: object) -> bool:
    """True if there is no such process of this machine, or nothing but its number is left."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except ProcessLookupError:
        return True
    except OSError:  # one of another user, or a system without /proc
        return False
    return state.split()[:1] == ["Z"]


def _object(content: bytes) -> dict[str, Any]:
    """The content of a claim; nothing where it is just being written, or is none of ours."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _claim(folder: Path, patience: Patience, dead: Collection[str]) -> Holding:
    numbers = _numbers(folder)
    found = _read(folder, numbers[-1], None) if numbers else None
    if found is not None and not found.is_lost(patience, dead):
        when = f"was last heard of {found.age:.0f} s ago" if found.age >= 0 else "was heard of just now"
        raise Taken(f"{folder} is being worked on by {found.who}, which {when}.")
    holding = Holding(folder, 1 if found is None else found.number + 1, patience)
    try:
        holding._create()
    except FileExistsError:
        raise Taken(f"{folder} was claimed by another process at the same moment.") from None
    if found is not None:
        again = _read(folder, found.number, None)
        if again is not None and not again.is_lost(patience, dead):
            holding._remove()
            raise Taken(f"{folder} is being worked on by {again.who}, which has just woken up.")
    return holding


def _leave(holding: Holding) -> None:
    """Give up the claim, and those that were lost before it; one that was taken over leaves all as it is."""
    with contextlib.suppress(OSError):
        if not holding.is_lost:
            for number in _numbers(holding.folder):  # the own one last: until then nobody else begins
                if number < holding.number:
                    with contextlib.suppress(OSError):
                        _path(holding.folder, number).unlink()
            holding._remove()
            return
    with contextlib.suppress(OSError):
        os.close(holding._file)


def _path(folder: Path, number: int) -> Path:
    return folder / f"{CLAIM}{number:04d}.json"


def _numbers(folder: Path) -> list[int]:
    """Upwards. FileNotFoundError if there is no such folder."""
    with os.scandir(folder) as entries:
        found = [_CLAIM.fullmatch(entry.name) for entry in entries]
    return sorted(int(match[1]) for match in found if match)


def _unwritable(error: OSError, folder: Path) -> CannotWrite:
    return CannotWrite(error.errno, error.strerror or str(error), str(folder))
