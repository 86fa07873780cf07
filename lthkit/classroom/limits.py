"""How long a function may take: by the computing time of its process, or by the clock on the wall where that is unknown.

Beside other programs a function gets less of the processor and computes no more for it, so its computing time is the
same on a busy machine. What sleeps computes nothing; the states of its threads tell it from what waits for the processor.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

LOOK = 0.25  # seconds from one look at the process to the next, at most
WALL_SECONDS, WALL_TIMES = (
    60.0,
    6.0,
)  # the limit behind: so many seconds, and so many times the limit on computing
IMPORT_SECONDS = 120.0  # of the wall clock, for all imports together

# Whoever looks less often stood still himself, as a computer does that is put to sleep.
_STEP = 1.0

_AWAKE = "RDU"  # states of a thread that computes, waits for the processor or for a disk: not of its own will


@dataclass(frozen=True)
class Usage:
    """Of a process and those that it started: the seconds of computing so far, and whether one of them wants more."""

    cpu: float
    awake: bool


@dataclass(frozen=True)
class Over:
    """Why a function has to end: `why` is "time", "asleep" or "starved" as in `Run.stopped`, `detail` tells how long."""

    why: str
    detail: str


class Limit:
    """Watches a process from now on; `over` says when what it does has to end.

    It may compute for `seconds` ("time") and sleep for as long ("asleep"). Behind both is a wall clock that runs several
    times as long, for a machine that does not let it compute ("starved"). Where `used` returns None `seconds` are those
    of the wall clock ("time"). Imports do not count, but for their sleep.
    """

    def __init__(
        self, seconds: float, used: Callable[[], Usage | None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.look = min(LOOK, seconds / 4)
        self._seconds, self._used, self._clock = seconds, used, clock
        self._computed = self._slept = self._passed = 0.0
        self._importing, self._import_computed, self._import_passed = False, 0.0, 0.0
        self._import_begun = self._import_lasts = 0.0  # of the import under way
        self._last: Usage | None = None
        self._seen = clock()

    def importing(self) -> None:
        """An import has begun."""
        self._importing, self._import_begun, self._import_lasts = True, self._clock(), 0.0

    def imported(self, computed: float) -> None:
        """It has ended and says that it took so many seconds of computing; no more are believed than have passed."""
        self._note_import(self._clock())
        self._import_computed += max(0.0, min(self._import_lasts, computed))
        self._importing, self._import_lasts = False, 0.0

    def _note_import(self, now: float) -> None:
        """Add what has passed of the import under way since the last look."""
        if self._importing:
            step = min(now - max(self._import_begun, self._seen), _STEP)
            self._import_passed += step
            self._import_lasts += step

    def over(self) -> Over | None:
        """Why it has to end now, None if it need not; looks no more often than every `look` seconds."""
        now = self._clock()
        if now - self._seen < self.look:
            return None
        self._note_import(now)
        step, self._seen = min(now - self._seen, _STEP), now
        self._passed += step
        if (used := self._used()) is not None:
            if self._last is None:
                self._import_computed = self._import_lasts = 0.0  # from here on is counted
            else:
                # What a process has used that is gone may be missing.
                computed = max(used.cpu - self._last.cpu, 0.0)
                self._computed += computed
                self._slept += 0.0 if used.awake else max(step - computed, 0.0)
            self._last = used
        return self._found()

    def _found(self) -> Over | None:
        passed = self._passed - min(self._import_passed, IMPORT_SECONDS)
        if self._last is None:
            return Over("time", _seconds(self._seconds)) if passed >= self._seconds else None
        under_way = self._import_lasts if self._import_passed < IMPORT_SECONDS else 0.0
        if self._computed - min(self._import_computed, IMPORT_SECONDS) - under_way >= self._seconds:
            return Over("time", f"{_seconds(self._seconds)} of computing")
        if self._slept >= self._seconds:
            return Over("asleep", _seconds(self._seconds))
        if passed >= max(WALL_SECONDS, WALL_TIMES * self._seconds):
            return Over("starved", f"{self._computed:.1f} seconds of computing in {self._passed:.0f}")
        return None


def _seconds(number: float) -> str:
    return f"{number:g} second{'s' * (number != 1)}"


def usage(pid: int) -> Usage | None:
    """What a process that leads a session, and all in that session, have used; None where it cannot be told."""
    try:
        if sys.platform == "linux":
            found = [_linux(Path("/proc", name), pid) for name in os.listdir("/proc") if name.isdigit()]
        elif sys.platform == "darwin":
            command = ["/bin/ps", "-axo", "pgid=,state=,time="]
            said = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
            found = list(from_ps(said, pid))
        else:
            return None
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    processes = [p for p in found if p is not None]
    return Usage(sum(p.cpu for p in processes), any(p.awake for p in processes)) if processes else None


def _linux(process: Path, session: int) -> Usage | None:
    """Of a process by its folder in /proc; None if it is of another session, or gone."""
    try:
        state, *fields = _after_name(process / "stat")
        if int(fields[2]) != session:
            return None
        # Its own and that of the children that it has waited for, for the system and not.
        cpu = sum(map(int, fields[10:14])) / os.sysconf("SC_CLK_TCK")
        awake = state in _AWAKE or any(_after_name(t / "stat")[0] in _AWAKE for t in process.glob("task/*"))
        return Usage(cpu, awake)
    except OSError:
        return None


def _after_name(stat: Path) -> list[str]:
    return stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()


def from_ps(said: str, group: int) -> Iterator[Usage]:
    """The processes of a group in what `ps -axo pgid=,state=,time=` prints: [[days-]hours:]minutes:seconds[.hundredths]."""
    for line in said.splitlines():
        number, state, clock = line.split()
        if int(number) == group:
            days, _, rest = clock.rpartition("-")
            seconds = 86400.0 * int(days or 0)
            for place, part in enumerate(reversed(rest.split(":"))):
                seconds += float(part) * 60**place
            yield Usage(seconds, state[0] in _AWAKE)
