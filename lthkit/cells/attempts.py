"""Attempts: what the holder of a claim has begun in a cell, rounds and snapshots of the drivers, in a folder of its own.

Each holder has its own name for it, `attempt-NUMBER-ID`, and the next one renames it. So a holder that was taken over finds
its folder gone, and can neither spoil nor remove what the next one does.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from lthkit.cells.chains import CHAIN, SEARCH
from lthkit.cells.folders import level_names, round_files
from lthkit.storage import files
from lthkit.storage.claims import CLAIM, CLOCK, Holding, old_clocks
from lthkit.storage.publishing import REMOVED, remove, same_file

_PREFIX = "attempt-"


def attempt_of(claim: Holding) -> Path:
    """The working folder of a claim: what the newest attempt before it has begun becomes its own, older ones are removed.

    Raises:
        claims.Lost: it was taken over meanwhile.
    """
    folder, attempt = claim.folder, path_of(claim)
    earlier = sorted(attempts_in(folder), key=_changed)
    claim.check()  # after the look: an attempt of a later holder is not among these
    if earlier:
        with contextlib.suppress(OSError):  # gone, or a file in it is open where the system minds
            os.rename(earlier.pop(), attempt)
            for lock in attempt.rglob(".lock"):  # of one that is stopped, and would keep us out
                lock.unlink()
    for old in (*earlier, *folder.glob(f"{REMOVED}*")):  # also what one left that was killed while it removed
        remove(old)
    half = [path for path in folder.iterdir() if files.is_temporary(path.name)]  # nobody else writes here
    for path in (*half, *old_clocks(claim)):
        with contextlib.suppress(OSError):
            path.unlink()
    attempt.mkdir(exist_ok=True)
    return attempt


def path_of(claim: Holding) -> Path:
    """The working folder of a claim, whether it is there or not; no other claim has that one."""
    return claim.folder / f"{_PREFIX}{claim.number:04d}-{claim.id[:12]}"


def is_littered(folder: Path) -> bool:
    """True if something lies in a cell's folder that only work needs: a claim, an attempt, one that was being removed, half
    a configuration, a file from which the time was read."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
        return any(n.startswith((_PREFIX, REMOVED, CLAIM, CLOCK)) or files.is_temporary(n) for n in names)
    except OSError:
        return False


def attempts_in(folder: Path) -> list[Path]:
    """The attempts that lie in a cell's folder, whosever they are."""
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.name.startswith(_PREFIX)]


def is_under_way(attempt: Path) -> bool:
    """True if it has the snapshot of a training whose level is not published; the last one of a training that is stays."""
    of = {path.relative_to(attempt).parts[0].removeprefix(SEARCH) for path in attempt.rglob("snapshot-*")}
    return not of <= set(level_names(attempt.parent))


def give_rounds(folder: Path, attempt: Path, levels: Iterable[str]) -> None:
    """Give the chain of an attempt the rounds of these finished levels, so that it goes on from there."""
    chain = attempt / CHAIN
    for name in levels:
        for kept in sorted((folder / name).glob("round-*.npz")):
            needed = round_files(folder / name, int(kept.stem.removeprefix("round-")))
            if all(source.exists() for source in needed) and not (chain / kept.name).exists():
                for source in needed:
                    same_file(source, chain / source.name)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
