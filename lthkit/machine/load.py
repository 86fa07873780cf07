"""How busy other programs keep the cores that this process may use.

Linux says it without another package: what all programs did since the start, core by core (/proc/stat), less what this
process and its children did (/proc/PID/stat). Both count in the same unit, ticks, and idle cores tick too: so no clock is
read. macOS and Windows do not say it to Python; a load average there counts this process too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
NOTICED = 0.2  # cores; below it a machine counts as quiet
_IDLE = (3, 4)  # idle, iowait
_COUNTED = (
    8  # user, nice, system, idle, iowait, irq, softirq, steal; a guest's time is in user and nice already
)
_PARENT, _USED = 1, slice(11, 15)  # of /proc/PID/stat behind the name: utime, stime, cutime, cstime


@dataclass(frozen=True)
class Moment:
    """Ticks since the machine started, of so many cores: `passed` in all, `busy` not idle, `ours` of this process."""

    cores: int
    passed: int
    busy: int
    ours: int


def others_use(seconds: float = 0.3) -> float | None:
    """How many cores programs other than this one and its children use, over so many seconds from now; None: not said.

    In a container these are all programs of the machine, and what another virtual machine took of its cores counts too.
    """
    since = moment()
    time.sleep(seconds)
    return others_between(since, moment())


def others_between(since: Moment | None, until: Moment | None) -> float | None:
    """How many cores other programs used on average between two moments; None where the system did not say."""
    if since is None or until is None or until.passed <= since.passed:
        return None
    theirs = (until.busy - since.busy) - (until.ours - since.ours)
    each = (until.passed - since.passed) / until.cores
    return min(max(theirs, 0) / each, float(until.cores))


def moment(proc: Path = PROC) -> Moment | None:
    """What has been used until now; None where the system does not say."""
    try:
        lines = (proc / "stat").read_text().splitlines()
        counted = {name: [int(x) for x in rest] for name, *rest in map(str.split, lines) if name[:3] == "cpu"}
        own = [counted[f"cpu{core}"] for core in usable() if f"cpu{core}" in counted]
        if len(own) < len(usable()):  # a container that numbers its cores anew: all that it has
            own = [ticks for name, ticks in counted.items() if name != "cpu"]
        passed = sum(sum(ticks[:_COUNTED]) for ticks in own)
        idle = sum(ticks[i] for ticks in own for i in _IDLE)
        return Moment(len(own), passed, passed - idle, _ours(proc)) if own else None
    except (OSError, ValueError, LookupError):
        return None


def usable() -> set[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def cores() -> int:
    """How many of them are worth using, at most 8: more do not help networks of this size."""
    return min(8, len(usable()) or 1)


def _ours(proc: Path) -> int:
    """Ticks of this process, of its living descendants, and of the ended ones that were waited for."""
    used, children = {}, dict[int, list[int]]()
    for pid, parent, ticks in _processes(proc):
        used[pid] = ticks
        children.setdefault(parent, []).append(pid)
    total, family = 0, [os.getpid()]
    while family:
        pid = family.pop()
        total += used[pid]
        family += children.get(pid, [])
    return total


def _processes(proc: Path) -> Iterator[tuple[int, int, int]]:
    """Of each process its number, its parent's, and the ticks it used."""
    for entry in proc.iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "stat").read_bytes()
            except OSError:  # it has just ended
                continue
            rest = line.rpartition(b")")[2].split()  # its name may hold blanks and brackets
            yield int(entry.name), int(rest[_PARENT]), sum(int(x) for x in rest[_USED])
