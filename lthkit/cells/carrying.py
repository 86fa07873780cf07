"""Carrying a cell out: claim it, go its way up to the levels that are asked for, publish each as it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from lthkit.cells import chains, folders
from lthkit.cells.cells import Cell, Level
from lthkit.cells.chains import Finished, Place
from lthkit.cells.networks import model_function
from lthkit.cells.rows import joined, level_row, unstable_row
from lthkit.data.datasets import Dataset
from lthkit.storage.claims import Holding, Patience, claimed
from lthkit.storage.folders import open_run
from lthkit.storage.records import Row
from lthkit.tickets.own_loop import TrainFn
from lthkit.training.choices import choose
from lthkit.training.loop import train
from lthkit.training.tasks import Task


@dataclass
class Held:
    """A cell that this process has claimed, and goes on with."""

    folder: Path
    place: Place
    claim: Holding
    config: dict[str, object]
    _counted: threading.Lock = field(default_factory=threading.Lock)

    def row(self, level: Level) -> Row | None:
        """The row of a level that is finished, joined with what was trained; None if it has to be done."""
        found = folders.finished_row(self.folder, level)
        return None if found is None else joined(self.folder.name, self.config, found)

    def publish(self, this: Finished) -> Row:
        """Publish a level that has ended. `Lost` if the cell was taken over meanwhile."""
        self.claim.check()
        seed = self.place.cell.seed
        if this.result is None:
            task = self.place.task
            row = unstable_row(this.level, seed, task.quantity, search_steps=this.search_steps)
        else:
            assert this.mask is not None
            row = level_row(
                this.level, seed, this.round, this.mask.density, this.result, search_steps=this.search_steps
            )
        return joined(
            self.folder.name, self.config, folders.publish_level(self.folder, self.place.folder, this, row)
        )


@contextmanager
def held(
    cell: Cell,
    data: Dataset,
    folder: Path,
    *,
    train: TrainFn | None = None,
    progress: Callable[[int], object] | None = None,
    patience: Patience = Patience(),  # noqa: B008  (frozen)
    task: Task = Task(),  # noqa: B008  (frozen)
) -> Iterator[Held]:
    """Claim the folder of a cell while this lasts; `carry_out` does all of the rest.

    train: None is `lthkit.train` on one thread of a CPU, so that the bits are the same on any machine and beside anything.

    Raises:
        claims.Taken: another process works on it. RunMismatch: the folder has something else. CannotWrite.
    """
    given = cell.config(data) | ({} if task.default else {"task": task.config()})
    with claimed(folder, patience=patience) as claim:
        open_run(folder, given)
        place = Place(
            cell, data, folders.attempt_in(folder, claim.number), train or alone(cell, data), None, task
        )
        this = Held(folder, place, claim, given)

        def count(steps: int) -> None:
            with this._counted:
                claim.done += steps
            if progress is not None:
                progress(steps)

        this.place = replace(place, progress=count)
        yield this


def alone(cell: Cell, data: Dataset) -> TrainFn:
    """What trains a cell: as the table of choices has it, on a CPU with one thread."""
    choice = choose(model_function(cell.model, data)(seed=0), data.device)
    if data.device.type == "cpu":
        choice = replace(choice, threads=1, workers=1)
    return partial(train, choice=choice)


def carry_out(
    cell: Cell,
    levels: Sequence[Level],
    data: Dataset,
    folder: Path,
    *,
    progress: Callable[[int], object] | None = None,
    patience: Patience = Patience(),  # noqa: B008  (frozen)
) -> Iterator[Row]:
    """Do what is missing of a cell, and give the rows of these levels as they end; those that had ended come first.

    Rounds of IMP on the way to the last one are published too. A process that is killed leaves what it has published, and
    what it has begun: the next one goes on from there, to the same bits on a CPU.

    Args:
        folder: of this cell, best named by `cell.id(data)`. progress: called with the updates done since the last call.

    Raises:
        ValueError: a level that this way does not have. claims.Taken: another process works on it now.
        claims.Lost: another process took it over. files.CannotWrite. What the drivers refuse, TrainingDiverged say.
    """
    wanted = cell.levels(levels)
    if not missing_of(folder, wanted):
        yield from _found(cell, data, folder, wanted)
        return
    with held(cell, data, folder, progress=progress, patience=patience) as this:
        rows = {level: row for level in wanted if (row := this.row(level)) is not None}
        yield from rows.values()
        left = [level for level in wanted if level not in rows]
        for done in chains.finished(cell.way, this.place, wanted, left.__contains__) if left else ():
            if (row := this.row(done.level)) is None:
                row = this.publish(done)
            if done.level in left:
                left.remove(done.level)
                yield row
            if not left:
                break
        this.claim.check()
        folders.remove_attempts(folder)


def missing_of(folder: Path, levels: Sequence[Level]) -> list[Level]:
    """The levels that are not published; nothing is read but names."""
    there = set(folders.level_names(folder)) if folder.is_dir() else set()
    return [level for level in levels if level.name not in there]


def _found(cell: Cell, data: Dataset, folder: Path, levels: Sequence[Level]) -> Iterator[Row]:
    config = cell.config(data)
    open_run(folder, config)
    for level in levels:
        row = folders.published_row(folder, level)
        assert row is not None
        yield joined(folder.name, config, row)
