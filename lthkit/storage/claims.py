"""Who works on a folder that several machines share: claims by exclusive creation, with a heartbeat.

A claim is a small file with a number, `.claim-0001.json`. Who creates it has it: of two that create the same number, the
file system refuses one. Its holder writes it again now and then. One that has not been written for a while is lost, and the
next number may be claimed over it: so a claim is never deleted under another one, and nothing is checked before it is done.
A holder that wakes up late sees the higher number. All times are those of the file system that has the folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from lthkit.storage.files import CannotWrite

_CLAIMS = ".claim-*.json"


@dataclass(frozen=True)
class Patience:
    """Times of claims in seconds: a holder writes every `beat`; a claim that was not written for `lost` is lost.

    All who share a folder have the same. A machine that pauses a program for longer than `lost` loses what it claimed,
    not what it has published.
    """

    beat: float = 10.0
    lost: float = 120.0

    def __post_init__(self) -> None:
        numbers = all(isinstance(value, int | float) for value in (self.beat, self.lost))
        if not numbers or not 0 < 3 * self.beat <= self.lost:
            raise ValueError(
                f"beat={self.beat!r}, lost={self.lost!r} were given; expected seconds above 0, lost three times beat or more."
            )


class Taken(RuntimeError):
    """Somebody else works on this folder now."""


class Lost(RuntimeError):
    """This claim was taken over: its holder was silent for too long. What was published stays."""


@dataclass(frozen=True)
class Claim:
    """A claim as it lies on disk: its number, who has it, how long ago it was written, and how far the work is."""

    number: int
    who: str
    age: float
    done: int


class Holding:
    """A claim that this process holds. `done` is written with each heartbeat: updates so far."""

    def __init__(self, folder: Path, number: int, patience: Patience) -> None:
        self.folder, self.number, self.patience = folder, number, patience
        self.done = 0
        self._mine = uuid4().hex
        self._ended = threading.Event()

    @property
    def path(self) -> Path:
        """Of the claim."""
        return _path(self.folder, self.number)

    def check(self) -> None:
        """`Lost` if somebody has claimed a higher number, or this claim is gone."""
        numbers = _numbers(self.folder)
        if not numbers or max(numbers) != self.number:
            raise Lost(
                f"{self.folder} was taken over by another process, because this one was silent for {self.patience.lost:g} s. What it "
                "had published stays, and the other one goes on from there."
            )

    def _content(self) -> bytes:
        who = f"process {os.getpid()} on {socket.gethostname()}"
        return json.dumps({"who": who, "id": self._mine, "done": self.done}).encode()

    def _create(self) -> None:
        """FileExistsError if somebody was faster."""
        descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        with open(descriptor, "wb") as file:
            file.write(self._content())

    def _beat(self) -> None:
        temporary = self.path.with_name(f".beat-{self._mine}.tmp")
        while not self._ended.wait(self.patience.beat):
            try:
                if _numbers(self.folder)[-1:] != [self.number]:
                    return  # lost; `check` says so
                temporary.write_bytes(self._content())
                os.replace(temporary, self.path)
            except OSError:  # a full disk: the time of the last change is what counts
                with contextlib.suppress(OSError):
                    os.utime(self.path)
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def claimed(folder: Path, *, patience: Patience = Patience()) -> Iterator[Holding]:  # noqa: B008  (frozen)
    """Claim a folder while this lasts.

    Raises:
        Taken: another process has it, and is alive; the text says who. CannotWrite: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        holding = _claim(folder, patience)
    except OSError as error:
        raise CannotWrite(error.errno, error.strerror or str(error), str(folder)) from error
    heart = threading.Thread(target=holding._beat, name="heartbeat", daemon=True)
    heart.start()
    try:
        yield holding
    finally:
        holding._ended.set()
        heart.join()
        _leave(holding)


def claim_of(folder: Path) -> Claim | None:
    """The newest claim of a folder, None if nobody works there. Its age is by the clock of the file system."""
    numbers = _numbers(folder)
    if not numbers:
        return None
    path = _path(folder, numbers[-1])
    try:
        age = _now(folder) - path.stat().st_mtime
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None  # it has just ended
    except ValueError:
        content = {}  # it is just being written
    return Claim(numbers[-1], str(content.get("who", "another process")), age, int(content.get("done", 0)))


def _claim(folder: Path, patience: Patience) -> Holding:
    found = claim_of(folder)
    if found is not None and found.age <= patience.lost:
        raise Taken(
            f"{folder} is being worked on by {found.who}, which was last heard of {max(0, found.age):.0f} s ago."
        )
    holding = Holding(folder, 1 if found is None else found.number + 1, patience)
    try:
        holding._create()
    except FileExistsError:
        raise Taken(f"{folder} was claimed by another process at the same moment.") from None
    return holding


def _leave(holding: Holding) -> None:
    """Give up the claim, and those that were lost before it; one that was taken over leaves all as it is."""
    numbers = _numbers(holding.folder)
    if not numbers or numbers[-1] != holding.number:
        return
    for number in numbers:  # the own one last: until then nobody else begins
        with contextlib.suppress(OSError):
            _path(holding.folder, number).unlink()


def _path(folder: Path, number: int) -> Path:
    return folder / f".claim-{number:04d}.json"


def _numbers(folder: Path) -> list[int]:
    names = [path.stem.rpartition("-")[2] for path in folder.glob(_CLAIMS)]
    return sorted(int(name) for name in names if name.isdigit())


def _now(folder: Path) -> float:
    """The time by the file system's clock: that of a file that is written now."""
    probe = folder / f".clock-{uuid4().hex}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:  # a folder that cannot be written: this machine's clock has to do
        return time.time()
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
