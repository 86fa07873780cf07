"""Seeing to the cells of a sweep until all are done: which are begun, which are waited for, what has ended, what failed."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter, sleep

from lthkit.cells.carrying import missing_of, tidy
from lthkit.cells.folders import level_names
from lthkit.machine.bars import again
from lthkit.machine.work import Interrupted, Work
from lthkit.storage.claims import Patience
from lthkit.storage.files import CannotWrite
from lthkit.storage.records import Row
from lthkit.storage.snapshots import TimeUp
from lthkit.sweeps import jobs, records
from lthkit.sweeps.engines import SerialEngine
from lthkit.sweeps.failures import EngineGone, Failure, SweepFailed, SweepUnwritable
from lthkit.sweeps.jobs import Ended, Engine, Event, Job, Reported, Tell
from lthkit.sweeps.progress import Progress, told, told_when_stopped
from lthkit.sweeps.published import Published, ordered
from lthkit.sweeps.trainings import cost_of
from lthkit.sweeps.units import Unit, Units
from lthkit.sweeps.waiting import SOON, Waiting

log = logging.getLogger("lthkit")

PAUSE = 0.2  # seconds from one look at the engine to the next, at most
DEATHS = 3  # times that the process of a cell may end before the cell counts as failed
UNSEEN = 8  # times that a cell may be done, and not be seen here, before it counts as failed
GRACE = 20.0  # seconds that is waited for workers that were asked to stop


class Drive:
    """A sweep under way. Each cell is in one of todo, under way, waiting (others have it), done and failed."""

    def __init__(
        self,
        folder: Path,
        units: Units,
        work: Work,
        *,
        device: str,
        patience: Patience,
        minutes: float | None,
        announce: Callable[[Row], object] | None,
        tell: Tell | None,
    ) -> None:
        self.folder, self.units, self.work, self.patience, self.minutes = (
            folder,
            units,
            work,
            patience,
            minutes,
        )
        self.device, self.tell = device, tell or log.warning
        self.own: list[str] = []  # cells that were done by this call, in the order in which they ended
        self._announce = announce or (lambda row: None)
        self._begun = self._last = perf_counter()
        self._published, self._progress = Published(folder), Progress(work)
        self._todo: deque[str] = deque()
        self._under_way: dict[str, float] = {}  # seconds without a word, by cell
        self._waiting = Waiting(folder, units, patience=patience, tell=self.tell)
        self._told: set[tuple[str, str]] = set()  # levels that were announced, or need not be
        self._over_with: set[str] = set()  # cells that are done or have failed
        self._failures: list[Failure] = []
        self._notes: set[str] = set()
        self._quick = False
        self._all_stopped = True
        work.stopped = lambda: told_when_stopped(folder, *self._counts(), all_stopped=self._all_stopped)

    @property
    def left(self) -> int:
        """Cells that have not ended."""
        return len(self._todo) + len(self._under_way) + len(self._waiting)

    def look(self, *, quick: bool) -> None:
        """See what is missing. With `quick` nothing is read before its turn comes, so all counts as missing till then."""
        self._quick = quick
        for cell, unit in self.units.items():
            unit.missing = list(unit.wanted)
            if not quick:
                self._read(unit)
                self._told |= {(cell, level.name) for level in unit.wanted if level not in unit.missing}
            if not unit.missing:
                tidy(unit.folder, patience=self.patience)
            else:
                self._todo.append(cell)
                there = () if quick else level_names(unit.folder)
                self._progress.expect(cell, cost_of(unit.asked.cell, unit.missing, there).updates)
        self.work.total = self._progress.total

    def to_the_end(self, start: Callable[[], Engine], *, last: bool = True) -> None:
        """Do all with an engine. What has ended is in the table when this ends, in whatever way.

        last: see to it that the table has everything, though somebody else is writing it.
        """
        try:
            engine = start()
            try:
                self._drive(engine)
            finally:
                engine.close()
            self._write(wait=last)
        except CannotWrite as error:
            stopped = SweepUnwritable(error.errno, error.strerror, error.filename)
            stopped.told = told(self.folder, *self._counts())
            raise stopped from None
        except EngineGone as error:
            self._write(wait=False)
            saved = told(self.folder, *self._counts())
            raise EngineGone(f"{error} {saved} {again().capitalize()} to go on from there.") from None
        except BaseException:
            try:
                self._write(wait=False)
            except CannotWrite as error:
                log.warning("%s", error)
            raise

    def rows(self, cells: Iterable[str]) -> list[Row]:
        """The rows of these cells, as far as they were asked for. `SweepFailed` if a cell failed."""
        keys = [(cell, level.name) for cell in cells for level in self.units[cell].wanted]
        found = ordered(self._published.rows[key] for key in keys if key in self._published.rows)
        if self._failures:
            raise SweepFailed(self.folder, len(self.units), self._failures, found)
        return found

    def _drive(self, engine: Engine) -> None:
        if isinstance(engine, SerialEngine):
            self._progress.inside = True
            engine.between = lambda report: self._between(engine, report)
        else:
            self._todo = deque(self._for_many())
        try:
            while self.left:
                self._fill(engine)
                for event in engine.wait(PAUSE if self._under_way else min(PAUSE, SOON)):
                    self._happened(event)
                self._fill(engine)  # before anything is written: a worker is free
                self._look_at_silent(engine)
                self._look_at_waiting()
                self._published.write_if_due(self.patience)
                self._waiting.say(busy=bool(self._under_way or self._todo))
                self.work.doing = self._described()
                self.work.count(0)
                if self._over:
                    self._stop(engine)
                    done, trainings = self._counts()
                    raise TimeUp(
                        f"{self.minutes:g} minutes are over, as asked. {told(self.folder, done, trainings)}"
                    )
        except (KeyboardInterrupt, CannotWrite) as stop:
            self._stop(engine)
            if isinstance(stop, Interrupted):  # of a training in this process, which knows of itself alone
                raise KeyboardInterrupt from None
            raise

    def _for_many(self) -> list[str]:
        """Cells in the order for several workers: seed by seed, so that a sweep that is stopped has whole comparisons, and of
        each seed the longest first, so that nobody waits for long at the end.
        """
        seeds = {cell: self.units[cell].asked.cell.seed for cell in self._todo}
        turn = {seed: i for i, seed in enumerate(dict.fromkeys(seeds.values()))}
        return sorted(self._todo, key=lambda cell: (turn[seeds[cell]], -self._progress.expected(cell)))

    @property
    def _over(self) -> bool:
        return self.minutes is not None and self.left > 0 and perf_counter() - self._begun > 60 * self.minutes

    def _between(self, engine: Engine, report: Reported) -> None:
        """Between two pieces of a job in this process."""
        self._happened(report)
        self._published.write_if_due(self.patience)
        if self._over:
            engine.stop()

    def _fill(self, engine: Engine) -> None:
        """Give the engine as many cells as it wants."""
        while self._todo and engine.free() > 0 and not self._over:
            unit = self.units[self._todo.popleft()]
            if not unit.damaged and not missing_of(unit.folder, unit.missing):
                if self._quick:
                    self._leave(unit, here=False)
                else:
                    self._ended(unit, here=False)
                continue
            if self._waiting.is_held(unit):
                self._waiting.add(unit.cell)
                continue
            if self._quick:
                self._told |= {(unit.cell, name) for name in level_names(unit.folder)}
            unit.attempts += 1
            self._under_way[unit.cell] = 0.0
            engine.submit(
                Job(unit.asked, unit.cell, str(unit.folder), self.device, self.patience, unit.attempts)
            )

    def _happened(self, event: Event) -> None:
        unit = self.units[event.cell]
        if isinstance(event, Reported):
            if event.cell in self._under_way:
                self._under_way[event.cell] = 0.0
            if event.updates:
                self._progress.count(event.cell, event.updates)
            if event.level:
                self._new(unit, [event.level])
            return
        for note in event.notes:
            if note not in self._notes:
                self._notes.add(note)
                log.warning("%s", note)
        current = event.attempt == unit.attempts and event.cell in self._under_way
        if not current and event.status != jobs.DONE:
            return  # it was given up, and another has it or has done it
        if current:
            del self._under_way[event.cell]
        self._end(unit, event)

    def _end(self, unit: Unit, event: Ended) -> None:
        if event.status == jobs.DONE:
            if unit.cell not in self._over_with:
                self._ended(unit, here=True)
        elif event.status == jobs.TAKEN:
            self._waiting.add(unit.cell)
        elif event.status == jobs.STOPPED:
            self._todo.appendleft(unit.cell)
        elif event.status == jobs.UNWRITABLE:
            assert event.error is not None
            self._todo.appendleft(unit.cell)
            raise CannotWrite(*event.error)
        elif event.status == jobs.REFUSED:
            raise ValueError(event.message)
        elif event.status == jobs.DIED and unit.deaths + 1 < DEATHS:
            unit.deaths += 1
            self._todo.appendleft(unit.cell)
        elif event.status == jobs.DIED:
            self._fail(unit, f"{event.message}; that happened {DEATHS} times.")
        else:
            self._fail(unit, event.message)

    def _ended(self, unit: Unit, *, here: bool) -> None:
        """All that was asked of a cell is published; or it is not to be seen here yet, and is looked for again."""
        self._new(unit, [level.name for level in unit.missing])
        self._read(unit)
        if unit.missing:
            unit.unseen += 1
            names = ", ".join(level.name for level in unit.missing)
            if unit.unseen < UNSEEN:
                self._waiting.add(unit.cell)
            else:
                why = unit.damaged or f"{unit.folder} has no {names} for this machine."
                self._fail(unit, f"It was done, and what it published cannot be read here. {why}")
            return
        if here:
            self.own.append(unit.cell)
        records.not_failed(self.folder, unit.cell)
        self._leave(unit, here=here)

    def _leave(self, unit: Unit, *, here: bool) -> None:
        """Nothing is to be done for a cell any longer; who did it somewhere else may have died before it had cleared it."""
        if not here:
            tidy(unit.folder, patience=self.patience)
        self._over_with.add(unit.cell)
        self._waiting.remove(unit.cell)
        self._under_way.pop(unit.cell, None)
        if unit.cell in self._todo:
            self._todo.remove(unit.cell)
        self._progress.ended(unit.cell, here=here)

    def _fail(self, unit: Unit, message: str) -> None:
        self._failures.append(Failure(unit.cell, unit.described, message))
        records.failed(self.folder, unit.cell, message, [level.name for level in unit.missing])
        self._leave(unit, here=True)

    def _read(self, unit: Unit) -> None:
        """Read what is published of a cell, and see what is missing; what is damaged is to be done again (`carry_out`)."""
        self._published.add(unit.cell, level_names(unit.folder))
        keys = {level: (unit.cell, level.name) for level in unit.wanted}
        unit.damaged = next(filter(None, (self._published.damaged.get(key) for key in keys.values())), "")
        unit.missing = [level for level, key in keys.items() if key not in self._published.rows]

    def _new(self, unit: Unit, names: Iterable[str]) -> None:
        """Read and announce the levels of these names."""
        names = list(names)
        self._published.add(unit.cell, names)
        for key in ((unit.cell, name) for name in names):
            if key in self._published.rows and key not in self._told:
                self._told.add(key)
                self._announce(self._published.rows[key])

    def _look_at_waiting(self) -> None:
        """See whether cells that others have are done, or free."""
        for cell in self._waiting.due():
            unit = self.units[cell]
            if not unit.damaged and not missing_of(unit.folder, unit.missing):
                self._ended(unit, here=False)
                continue
            if self._waiting.is_held(unit):
                self._waiting.add(unit.cell)
            else:
                self._waiting.remove(cell)
                self._todo.append(cell)

    def _look_at_silent(self, engine: Engine) -> None:
        """A worker that says nothing may be one that hangs: its claim tells. Time in which we slept ourselves counts little."""
        now = perf_counter()
        passed, self._last = min(now - self._last, 1.0), now
        for cell in list(self._under_way):
            self._under_way[cell] += passed
            if self._under_way[cell] <= self.patience.lost:
                continue
            unit = self.units[cell]
            claim = self._waiting.claim(unit)
            lost = claim is not None and claim.is_lost(self.patience)
            self._under_way[cell] = 0.0 if claim is None or lost else max(0.0, claim.age)
            if claim is not None and lost and not engine.give_up(cell, claim.holder):
                del self._under_way[cell]
                self._todo.appendleft(cell)

    def _described(self) -> str:
        ended = len(self.units) - self.left
        others = f", {len(self._waiting)} done by others" if self._waiting else ""
        return f"{ended} of {len(self.units)} cells{others}"

    def _counts(self) -> tuple[int, int]:
        """Trainings that are finished, and all, as far as this call knows."""
        wanted = [(unit.cell, level.name) for unit in self.units.values() for level in unit.wanted]
        return sum(key in self._published.rows for key in wanted), len(wanted)

    def _stop(self, engine: Engine) -> None:
        """Ask all workers to stop, and wait for them, but not for ever, and not after a second Ctrl-C."""
        if isinstance(engine, SerialEngine):  # its job was in this process, and has unwound
            self._under_way.clear()
            return
        self.work.doing = "stopping"
        try:
            engine.stop()
            until = perf_counter() + GRACE
            while self._under_way and perf_counter() < until:
                for event in engine.wait(PAUSE):
                    try:
                        self._happened(event)
                    except (CannotWrite, ValueError) as error:
                        log.debug("while stopping: %s", error)
                self.work.count(0)
        except KeyboardInterrupt:
            pass
        self._all_stopped = not self._under_way

    def _write(self, *, wait: bool) -> None:
        """The table of all that is published."""
        until = perf_counter() + self.patience.lost + PAUSE
        while not self._published.write(self.patience) and wait and perf_counter() < until:
            sleep(PAUSE)
            self.work.count(0)
