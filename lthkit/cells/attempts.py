"""Attempts: what the holder of a claim has begun in a cell, rounds and snapshots of the drivers, in a folder of its own.

Each holder has its own name for it, `attempt-NUMBER-ID`, and the next one renames it. So a holder that was taken over finds
its folder gone, and can neither spoil nor remove what the next one does.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from lthkit.cells.chains import CHAIN
from lthkit.cells.folders import round_files
from lthkit.storage.claims import Holding
from lthkit.storage.publishing import REMOVED, remove, same_file

_PREFIX = "attempt-"


def attempt_of(claim: Holding) -> Path:
    """The working folder of a claim: what the newest attempt before it has begun becomes its own, older ones are removed.

    Raises:
        claims.Lost: it was taken over meanwhile.
    """
    folder = claim.folder
    attempt = folder / f"{_PREFIX}{claim.number:04d}-{claim.id[:12]}"
    earlier = sorted(attempts_in(folder), key=_changed)
    claim.check()  # after the look: an attempt of a later holder is not among these
    if earlier:
        with contextlib.suppress(OSError):  # gone, or a file in it is open where the system minds
            os.rename(earlier.pop(), attempt)
            for lock in attempt.rglob(".lock"):  # of one that is stopped, and would keep us out
                lock.unlink()
    for old in (*earlier, *folder.glob(f"{REMOVED}*")):  # also what one left that was killed while it removed
        remove(old)
    attempt.mkdir(exist_ok=True)
    return attempt


def attempts_in(folder: Path) -> list[Path]:
    """The attempts that lie in a cell's folder, whosever they are."""
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.name.startswith(_PREFIX)]


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
