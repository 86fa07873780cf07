"""Carrying a cell out: claim it, go its way up to the levels that are asked for, publish each as it ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from lthkit.cells import attempts, chains, folders
from lthkit.cells.cells import DENSE, Cell, Level
from lthkit.cells.networks import choice_for
from lthkit.cells.places import Finished, Place
from lthkit.cells.rows import joined, level_row, unstable_row
from lthkit.data.datasets import Dataset
from lthkit.storage import files, owners
from lthkit.storage.claims import Holding, Lost, Patience, Taken, claimed
from lthkit.storage.folders import RunBusy, open_run, read_config
from lthkit.storage.publishing import remove
from lthkit.storage.records import Row
from lthkit.tickets.own_loop import TrainFn
from lthkit.training.choices import Choice, check_sparse, on_one_core
from lthkit.training.loop import train


@dataclass
class Held:
    """A cell that this process has claimed, and goes on with."""

    folder: Path
    place: Place
    claim: Holding
    config: dict[str, Any]
    mark: str
    _counted: threading.Lock = field(default_factory=threading.Lock)

    def row(self, level: Level) -> Row | None:
        """The row of a level that is finished, joined with what was trained; None if it has to be done."""
        found = folders.finished_row(self.folder, level, mark=self.mark)
        return None if found is None else joined(self.config, found)

    def publish(self, this: Finished) -> Row:
        """Publish a level that has ended. `Lost` if the cell was taken over meanwhile."""
        self.claim.check()
        cell = self.place.cell
        if this.result is None:
            row = unstable_row(
                this.level, cell.seed, cell.task.quantity, this.outcome, search_steps=this.search_steps
            )
        else:
            assert this.mask is not None
            row = level_row(
                this.level,
                cell.seed,
                this.round,
                this.mask.density,
                this.result,
                search_steps=this.search_steps,
            )
        published = folders.publish_level(self.folder, self.place.folder, this, row, mark=self.mark)
        return joined(self.config, published)

    def clear(self) -> None:
        """Remove what was begun, once nothing is missing. `Lost` if the cell was taken over meanwhile."""
        self.claim.check()
        remove(self.place.folder)

    def count(self, steps: int) -> None:
        """So many updates more are done; the heartbeat tells it."""
        with self._counted:
            self.claim.done += steps


@contextmanager
def held(
    cell: Cell,
    data: Dataset,
    folder: Path,
    *,
    train: TrainFn | None = None,
    progress: Callable[[int], object] | None = None,
    patience: Patience = Patience(),  # noqa: B008  (frozen)
    dead: Collection[str] = (),
) -> Iterator[Held]:
    """Claim the folder of a cell while this lasts; `carry_out` does all of the rest.

    train: what changes no number but for rounding, such as a meeting's; None is `lthkit.train` on one thread of a CPU, so
    that the bits are the same on any machine and beside anything. dead: see `claims.claimed`.

    Raises:
        claims.Taken: another process works on it. RunMismatch: the folder has something else. CannotWrite. claims.Lost: it
            was taken over; so too where what was done then failed because of that.
    """
    config: dict[str, Any] = json.loads(owners.canonical(cell.config(data)))
    mark, here = owners.mark_of(config), choice_for(cell.model, data)
    with claimed(folder, patience=patience, dead=dead) as claim, _taking_its_own(claim):
        try:
            with files.explained(folder):
                folders.open_cell(folder, config)
                attempt = attempts.attempt_of(claim)
                begun = _go_on(folder, attempt, mark)
            trains = train or alone(begun or here, data)
            this = Held(folder, Place(cell, data, attempt, trains), claim, config, mark)

            def count(steps: int) -> None:
                this.count(steps)
                if progress is not None:
                    progress(steps)

            this.place = replace(this.place, progress=count)
            yield this
        except (OSError, ValueError, RunBusy):
            claim.check()  # the folder that was worked in is renamed by who takes it over
            raise


@contextmanager
def _taking_its_own(claim: Holding) -> Iterator[None]:
    """Who was taken over finds its attempt renamed, and what it wrote after that is in a new one, which goes with it."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            if claim.is_lost:
                remove(attempts.path_of(claim))
        raise


def _go_on(folder: Path, attempt: Path, mark: str) -> Choice | None:
    """Give an attempt the rounds that are published and whole; how they were executed, None if there are none."""
    choice = None
    for name in folders.level_names(folder):
        if name == DENSE or name.startswith("ticket-round-"):
            level = folders.finished_level(folder, name, mark=mark, read=True)
            if level is not None:
                choice = choice or folders.choice_of(level[1])
                attempts.give_rounds(folder, attempt, [name])
    return choice


def alone(choice: Choice, data: Dataset) -> TrainFn:
    """What trains a cell: as it was begun, on a CPU with one thread. ValueError if that cannot be done here."""
    check_sparse(choice, data.device, "this cell, by which its first trainings were done,")
    return partial(train, choice=choice)


def carry_out(
    cell: Cell,
    levels: Sequence[Level],
    data: Dataset,
    folder: Path,
    *,
    progress: Callable[[int], object] | None = None,
    patience: Patience = Patience(),  # noqa: B008  (frozen)
    dead: Collection[str] = (),
) -> Generator[Row, None, None]:
    """Do what is missing of a cell, and give the rows of these levels as they end; those that had ended come first.

    Rounds of IMP on the way to the last one are published too. A process that is killed leaves what it has published, and
    what it has begun: the next one goes on from there, to the same bits on a CPU. A level that is damaged is put aside and
    done again. What is finished is read from a folder that cannot be written, too.

    Args:
        folder: of this cell, best named by `cell.id(data)`. progress: called with the updates done since the last call.
        dead: see `claims.claimed`.

    Raises:
        ValueError: a level that this way does not have. claims.Taken: another process works on it now.
        claims.Lost: another process took it over. files.CannotWrite. What the drivers refuse, TrainingDiverged say.
    """
    wanted = cell.levels(levels)
    damage: Exception | None = None
    try:
        if (found := _found(cell.config(data), folder, wanted)) is not None:
            tidy(folder, patience=patience, dead=dead)
            yield from found
            return
    except files.DamagedFile as error:
        damage = error
    try:
        with held(cell, data, folder, progress=progress, patience=patience, dead=dead) as this:
            yield from _done(this, wanted)
    except files.CannotWrite:
        if damage is not None:
            raise damage from None
        raise


def _done(this: Held, wanted: Sequence[Level]) -> Iterator[Row]:
    rows = {level: row for level in wanted if (row := this.row(level)) is not None}
    yield from rows.values()
    left = [level for level in wanted if level not in rows]
    if left:
        chain = chains.finished(this.place.cell.way, this.place, wanted, left.__contains__)
        for done in _on_one_core(chain):
            if (row := this.row(done.level)) is None:
                with on_one_core():
                    row = this.publish(done)
            if done.level in left:
                left.remove(done.level)
                yield row
            if not left:
                break
    this.clear()


def _on_one_core(chain: Iterator[Finished]) -> Iterator[Finished]:
    """What a chain gives, each worked out with one thread on a CPU; who takes it has as many as before."""
    with closing(chain):  # type: ignore[type-var]
        while True:
            with on_one_core():
                this = next(chain, None)
            if this is None:
                return
            yield this


def tidy(
    folder: Path,
    *,
    patience: Patience = Patience(),  # noqa: B008  (frozen)
    dead: Collection[str] = (),
) -> None:
    """Clear a cell in which nothing is missing of what is asked, for a process that ended before it could do so itself.

    A living claim is left alone, and so is a training under way: it is of a level that somebody else asked for. What cannot be
    cleared stays; it is litter, and no number.

    Args:
        dead: see `claims.claimed`.
    """
    if not attempts.is_littered(folder):
        return
    with suppress(OSError, Taken, Lost), claimed(folder, patience=patience, dead=dead) as claim:
        attempt = attempts.attempt_of(claim)
        if not attempts.is_under_way(attempt):
            remove(attempt)


def missing_of(folder: Path, levels: Sequence[Level]) -> list[Level]:
    """The levels that are not published; nothing is read but names."""
    there = set(folders.level_names(folder))
    return [level for level in levels if level.name not in there]


def _found(config: dict[str, Any], folder: Path, levels: Sequence[Level]) -> list[Row] | None:
    """The rows of these levels, None if one is missing. Nothing is written.

    Raises:
        RunMismatch: the folder is another cell's. files.DamagedFile: a level is not what was published.
    """
    if missing_of(folder, levels):
        return None
    config = json.loads(owners.canonical(config))
    try:
        if read_config(folder) != config:
            open_run(folder, config)  # says what differs
    except FileNotFoundError:
        return None
    mark, rows = owners.mark_of(config), []
    for level in levels:
        try:
            row = folders.published_row(folder, level, mark=mark)
        except owners.RunMismatch as error:
            raise files.DamagedFile(str(error)) from error
        if row is None:
            return None
        rows.append(joined(config, row))
    return rows
