"""The calls that a run takes: how long each took, kept in its folder, and what one says that is stopped."""

from __future__ import annotations

import logging
from pathlib import Path
from time import perf_counter
from typing import Any

from lthkit.machine.bars import again
from lthkit.machine.work import Work, near
from lthkit.storage import files
from lthkit.storage.snapshots import INTERVAL

log = logging.getLogger("lthkit")

FILE = "sessions.json"


class Sessions:
    """The seconds of each call that worked on a run, this one last; a call that is killed loses `INTERVAL` at most.

    known: False if a call of before left no time: it was made by an lthkit that kept none, or the file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._begun = folder / FILE, perf_counter()
        self._saved = self._begun
        self.earlier: list[float] = []
        self.known = True
        try:
            found = files.read_sealed(self._path)
            self.earlier, self.known = [float(s) for s in found["seconds"]], bool(found["known"])
        except FileNotFoundError:
            self.known = not (folder / "execution.json").exists()  # which every call writes when it begins
        except files.DamagedFile as error:
            self.known = False
            log.warning("%s How long earlier calls of this run took is not known.", error)

    @property
    def seconds(self) -> float:
        """Of this call, up to now."""
        return perf_counter() - self._begun

    def save(self) -> None:
        """Write down the time up to now."""
        self._saved = perf_counter()
        seconds = [*self.earlier, round(self.seconds, 1)]
        files.write_sealed(self._path, {"seconds": seconds, "known": self.known})

    def save_if_due(self) -> None:
        """Write it down if that was long ago."""
        if perf_counter() - self._saved >= INTERVAL:
            self.save()

    def summary(self) -> dict[str, Any]:
        """For summary.json: the seconds of all calls together, and how many; None where they are not known."""
        total = round(sum(self.earlier) + self.seconds, 1)
        return {"wall_seconds": total if self.known else None, "sessions": 1 + len(self.earlier)}


def told_when_stopped(folder: Path, ended: int, trainings: int, work: Work) -> str:
    """What an interrupt of a run says: what has ended is saved, and the rest too, if its threads were waited for."""
    rest = ", and how far those under way had come"
    if work.not_waited_for:
        rest = "; those under way were not waited for, and keep what they had saved"
    return (
        f"Stopped. {ended} of {trainings} trainings are finished and saved{rest}, in {near(folder)}. "
        f"{again().capitalize()} to go on from there."
    )
