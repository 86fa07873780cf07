"""Cells that other processes have in hand: who has them, when they are looked at again, and what is told of a wait."""

from __future__ import annotations

import random
from pathlib import Path
from time import perf_counter

from lthkit.storage.claims import Claim, Patience, claim_of, time_in
from lthkit.sweeps.jobs import Tell
from lthkit.sweeps.units import Unit, Units

LOOKS = 1  # cells of others that are looked at in one pause: a thousand may wait for a thousand
SOON, LATE = 0.5, 10.0  # seconds from one look at a cell of others to the next: at first, and later
SILENCE, AGAIN = 2.0, 60.0  # seconds of waiting after which that is told: at first, and later


class Waiting:
    """The cells of a sweep that somebody else does, and that are waited for. It has a length: how many they are."""

    def __init__(self, folder: Path, units: Units, *, patience: Patience, tell: Tell) -> None:
        self.folder, self.units, self.patience, self.tell = folder, units, patience, tell
        self._cells: dict[str, tuple[float, float]] = {}  # when to look again, and the pause after that
        self._clock: tuple[float, float] | None = None
        self._idle: float | None = None  # when it is told that nothing is done here

    def __len__(self) -> int:
        return len(self._cells)

    def add(self, cell: str) -> None:
        """Wait for a cell; again, if it was looked at and is not free yet, and longer than before."""
        pause = 1.5 * self._cells[cell][1] if cell in self._cells else SOON
        pause = min(pause, LATE) * random.uniform(0.8, 1.2)
        self._cells[cell] = perf_counter() + pause, pause

    def remove(self, cell: str) -> None:
        """It is not waited for any longer, if it was."""
        self._cells.pop(cell, None)

    def due(self) -> list[str]:
        """The cells that are to be looked at now, the longest due first: few, since each look asks the file system."""
        now = perf_counter()
        return [
            cell for _, cell in sorted((when, cell) for cell, (when, _) in self._cells.items() if when <= now)
        ][:LOOKS]

    def claim(self, unit: Unit) -> Claim | None:
        """Who has claimed a cell, be it here or elsewhere."""
        return claim_of(unit.folder, now=self._time())

    def is_held(self, unit: Unit) -> bool:
        """True if another process works on it; a look costs the file system less than a job that finds out."""
        claim = self.claim(unit)
        return claim is not None and not claim.is_lost(self.patience)

    def say(self, *, busy: bool) -> None:
        """Tell it where nothing is done here, because others do the rest. busy: something is done here."""
        now = perf_counter()
        if busy or not self._cells:
            self._idle = None
        elif self._idle is None:
            self._idle = now + SILENCE
        elif now >= self._idle:
            self._idle = now + AGAIN
            cells = "1 cell is" if len(self) == 1 else f"{len(self)} cells are"
            claim = self.claim(self.units[next(iter(self._cells))])
            who = "" if claim is None else f" ({claim.who}, say)"
            self.tell(
                f"{cells} being done by another process{who}; waiting for what it publishes. A cell is free again "
                f"{self.patience.lost:g} s after its process was last heard of."
            )

    def _time(self) -> float:
        """By the clock of the file system, which is asked now and then only: asking writes a file."""
        now = perf_counter()
        if self._clock is None or now - self._clock[0] > self.patience.beat:
            self._clock = now, time_in(self.folder)
        return self._clock[1] + now - self._clock[0]
