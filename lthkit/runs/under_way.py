"""A run under way: its seeds and controls side by side, each seed a cell that this process has claimed, or waits for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from lthkit.cells.carrying import missing_of
from lthkit.cells.cells import Level
from lthkit.data.datasets import Dataset
from lthkit.machine.work import Work, skip
from lthkit.runs.asked import ARMS, Asked, Training, all_trainings, asked_of, levels_of, read_again, written
from lthkit.runs.experiment import Experiment
from lthkit.runs.results import write_results
from lthkit.runs.run_cells import CELLS, is_readable, put_damaged_aside, row_at
from lthkit.runs.seed_chains import Chain, Stage
from lthkit.runs.sessions import Sessions
from lthkit.storage import files
from lthkit.storage.claims import Lost, Patience, Taken, claim_of, claimed
from lthkit.storage.records import Row, environment
from lthkit.storage.snapshots import TimeUp
from lthkit.tickets.own_loop import TrainFn
from lthkit.training.choices import Choice
from lthkit.training.loop import train
from lthkit.training.meetings import Meeting
from lthkit.training.pool import Pool

log = logging.getLogger("lthkit")

POLL = 1.0  # seconds between two looks at cells that others work on


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """For what takes a moment and is done by one process at a time; others wait for it."""
    while True:
        try:
            with claimed(folder):
                yield
                return
        except Taken:
            time.sleep(POLL / 10)


class UnderWay:
    """The pool in which the trainings of a run wait for each other, and the rows of those that have ended."""

    def __init__(
        self,
        experiment: Experiment,
        data: Dataset,
        folder: Path,
        choice: Choice,
        sessions: Sessions,
        minutes: float | None,
        progress: Callable[[int], object],
        announce: Callable[[Row], object],
    ) -> None:
        self.experiment, self.data, self.folder, self.choice = experiment, data, folder, choice
        self.minutes, self.progress, self.announce = minutes, progress, announce
        self.sessions = sessions
        self.levels = levels_of(experiment.method, experiment.fraction, experiment.asked)
        self.meeting = Meeting(choice)
        self.rows: dict[Training, Row] = {}
        self._chains = {seed: self._chain_of(seed) for seed in experiment.seeds}
        self._of_others: dict[int, str] = {}  # seeds that another process works on, and who that is
        self._told: set[int] = set()
        self._lock = Lock()

    def to_the_end(self) -> list[Row]:
        """Train what is not in the folder yet, and wait for what others train; table and summary are written."""
        left: Sequence[int] = self.experiment.seeds
        try:
            for seed in left:
                put_damaged_aside(self._chains[seed].folder, self.levels.values())
            begun = [seed for seed in left if self._missing(seed)]
            while left:
                self._of_others = {}
                self.pool = Pool(workers=self.choice.workers, threads=self.choice.threads)
                for seed in left:
                    self.pool.submit(self._seed, seed)
                self.pool.run()
                if left := list(self._of_others):
                    self.sessions.known = False  # the time of others is none of this call's
                    self._wait(left)
            if any(not self._chains[seed].worked for seed in begun):
                self.sessions.known = False
        finally:
            for chain in self._chains.values():
                chain.give_up()
            self.sessions.save()
        self._write()
        return [self.rows[training] for training in self.experiment.asked.trainings]

    def _chain_of(self, seed: int) -> Chain:
        cell = self.experiment.cell(self.data.name, seed)
        return Chain(cell, self.data, self.folder / CELLS / cell.id(self.data))

    def _missing(self, seed: int) -> list[Level]:
        return missing_of(self._chains[seed].folder, list(self.levels.values()))

    def _seed(self, seed: int) -> None:
        """All rounds of one seed, read if they are finished, else trained here unless another process does."""
        chain = self._chains[seed]
        if is_readable(chain.folder) and not self._missing(seed):
            self._read(seed)
            return
        try:
            with chain.job(self.levels, self._tick), Work("ticket"), self._trainer() as train_one:
                for stage in chain.rounds(self.experiment, self.levels, train_one):
                    self._ended(seed, stage.round, stage.arm)
                    for arm in stage.controls:
                        chain.expect()
                        self.pool.submit(self._control, seed, stage, arm)
        except (Taken, Lost) as error:
            self._of_others[seed] = str(error)

    def _control(self, seed: int, stage: Stage, arm: str) -> None:
        """A control of one seed at one round, unless it is in the folder."""
        chain, level = self._chains[seed], self.levels[stage.round, arm]
        try:
            with chain.expected_job():
                if chain.found(level):
                    skip(self.experiment.recipe.steps)
                    self._tick(self.experiment.recipe.steps)
                else:
                    doing = f"{arm}, seed {seed}, round {stage.round}"
                    with Work(doing), self._trainer() as train_one:
                        chain.control(stage, level, arm, train_one)
                self._ended(seed, stage.round, arm)
        except Lost as error:
            self._of_others[seed] = str(error)

    def _trainer(self) -> AbstractContextManager[TrainFn]:
        """What trains a network: with the others in one stack, or by itself."""
        return (
            self.meeting.joined() if self.choice.stacked else nullcontext(partial(train, choice=self.choice))
        )

    def _read(self, seed: int) -> None:
        """The rows of a seed, as far as they are published."""
        for (r, arm), level in self.levels.items():
            if (r, arm, seed) not in self.rows and not missing_of(self._chains[seed].folder, [level]):
                self._ended(seed, r, arm)
                steps = self.experiment.recipe.steps - (self.experiment.rewind_step if arm == "ticket" else 0)
                skip(steps)
                self._tick(steps)

    def _wait(self, seeds: Sequence[int]) -> None:
        """Until one of these seeds is finished, or nobody works on it any more; what is published meanwhile is read."""
        for seed in seeds:
            log.warning(
                "%s Seed %d is waited for; its rows are read as they come.", self._of_others[seed], seed
            )
        with Work(f"waiting for seed {', '.join(map(str, seeds))}, of another process") as work:
            while True:
                for seed in seeds:
                    self._read(seed)
                    claim = claim_of(self._chains[seed].folder)
                    if not self._missing(seed) or claim is None or claim.age > Patience().lost:
                        return
                time.sleep(POLL)
                work.count(0)
                self._in_time()

    def _tick(self, steps: int) -> None:
        self.pool.check()
        self._in_time()
        with self._lock:
            self.sessions.save_if_due()
            self.progress(steps)

    def _in_time(self) -> None:
        if self.minutes is not None and self.sessions.seconds > 60 * self.minutes:
            raise TimeUp(f"{self.minutes:g} minutes are over, as asked. The run is saved in {self.folder}.")

    def _ended(self, seed: int, r: int, arm: str) -> None:
        """A level is published: its row, once."""
        row = row_at(self._chains[seed].folder, self.levels[r, arm], r)
        with self._lock:
            if row is not None and (r, arm, seed) not in self.rows:
                self.rows[r, arm, seed] = row
                self.announce(row)

    def _write(self) -> None:
        """Table and summary of all that this run was ever asked for and has finished."""
        with alone_in(self.folder):
            finished = [asked for asked in asked_of(self.folder) if self._is_finished(asked)]
            rows = []
            for r, arm, seed in all_trainings(finished):
                ours = self.rows.get((r, arm, seed))
                rows.append(ours or self._row_of_before(r, arm, seed))
            write_results(self.folder, self._summary(finished), {"table.csv": rows})

    def _is_finished(self, asked: Asked) -> bool:
        levels = list(self._levels(asked).values())
        return all(not missing_of(self._chain_of(seed).folder, levels) for seed in asked.seeds)

    def _levels(self, asked: Asked) -> dict[tuple[int, str], Level]:
        return levels_of(self.experiment.method, self.experiment.fraction, asked)

    def _row_of_before(self, r: int, arm: str, seed: int) -> Row:
        asked = Asked((seed,), max(r, 1), (arm,) if arm in ARMS[2:] else (), (r,))
        row = row_at(self._chain_of(seed).folder, self._levels(asked)[r, arm], r)
        assert row is not None
        return row

    def _summary(self, finished: Sequence[Asked]) -> dict[str, Any]:
        """Of the call that ended the run first, or made it grow, with the time of all calls up to then; a later one keeps it."""
        try:
            before = files.read_sealed(self.folder / "summary.json")
            if all_trainings(read_again(before["asked"])) == all_trainings(finished):
                return before
        except FileNotFoundError:
            pass
        except files.DamagedFile as error:
            log.warning("%s It is written anew.", error)
        return {
            "name": self.experiment.name,
            "data": self.data.label,
            "device": str(self.data.device),
            "execution": asdict(self.choice),
            **self.sessions.summary(),
            "environment": environment(),
            "asked": written(finished),
        }
