"""A sweep is run: what is missing of its cells is done by an engine, and what has ended is told, and put into one table.

`run` has an engine, and sees to it until everything is done. `work` is for machines that share a folder and know nothing of
each other: each does cell after cell, until there is none left. Both may be started, killed and started again at any time.
"""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType

from lthkit.machine.devices import resolve_device
from lthkit.machine.processes import Spare
from lthkit.machine.work import Work
from lthkit.storage.claims import Patience
from lthkit.storage.files import CannotWrite
from lthkit.storage.records import Row
from lthkit.sweeps import records
from lthkit.sweeps.driving import Drive
from lthkit.sweeps.engines import SerialEngine, check_engine, check_process, open_engine, workers_ahead
from lthkit.sweeps.failures import Failure, SweepFailed
from lthkit.sweeps.grids import Grid, merged
from lthkit.sweeps.jobs import Tell
from lthkit.sweeps.planning import Plan
from lthkit.sweeps.published import cells_in
from lthkit.sweeps.shards import sharded
from lthkit.sweeps.units import Units, units_of

Announce = Callable[[Row], object]

__all__ = ["Failure", "SweepFailed", "run", "work"]


def run(
    grid: Grid,
    folder: Path | str,
    *,
    on: str = "local",
    workers: int | None = None,
    device: str = "cpu",
    minutes: float | None = None,
    shard: tuple[int, int] | None = None,
    only_missing: bool = False,
    planned: Callable[[Plan], object] | None = None,
    announce: Announce | None = None,
    tell: Tell | None = None,
    patience: Patience = Patience(),  # noqa: B008  (frozen)
    spare: Spare | None = None,
) -> list[Row]:
    """Do what is missing of a grid, and return its rows; all that is published in the folder is in `folder/table.csv` too.

    The same call goes on with a sweep that was stopped or killed, and so does one that asks for more. Several may go on in
    one folder, on one machine or more: they share the work.

    Args:
        on: "local", processes on this machine; "serial", this process alone; "dask", a Dask cluster on this machine;
            "dask=ADDRESS", one that is there. One local worker is "serial".
        workers: None is one for each core, or each GPU. A Dask cluster that is there has its own.
        minutes: stop after this time, with everything saved; None goes on to the end.
        shard: (2, 8) does the second of eight parts of the cells.
        only_missing: return the rows of those cells alone of which something was missing.
        planned: called with what is to be done, before any of it is begun.
        announce: called with each row that is published from now on. tell: with sentences for somebody who waits; None logs them.
        spare: processes that began ahead of this call, as `lthkit sweep` has them (`sweeps.ahead`); all of them end with it.

    Raises:
        SweepFailed: cells failed, each with its reason; all others were done. TimeUp. Interrupted: Ctrl-C; it says what is saved.
        ValueError: bad arguments, or a folder that is no sweep's. CannotWrite: a full disk, a folder that is read-only.
    """
    check_process()
    check_engine(on, workers)
    place, grid, device = _checked(grid, folder, device, minutes, shard, patience)
    surely = len(merged(grid.asked)) - len(cells_in(place))  # missing: each cell has a folder of its own
    with workers_ahead(on, cells=surely, device=device, workers=workers, spare=spare) as ahead:
        units = _begun(grid, place, device, check=True, planned=planned)
        with Work(total=0) as this, _terminations():
            drive = Drive(
                place,
                units,
                this,
                device=device,
                patience=patience,
                minutes=minutes,
                announce=announce,
                tell=tell,
            )
            drive.look(quick=False)
            asked = [unit.cell for unit in units.values() if unit.missing or not only_missing]
            if drive.left:
                begun = partial(open_engine, on, device=device, workers=workers, folder=str(place))
                drive.to_the_end(lambda: begun(cells=drive.left, tell=drive.tell, ahead=ahead, spare=spare))
            return drive.rows(asked)


def work(
    grid: Grid,
    folder: Path | str,
    *,
    device: str = "cpu",
    minutes: float | None = None,
    shard: tuple[int, int] | None = None,
    start: int | None = None,
    announce: Announce | None = None,
    tell: Tell | None = None,
    patience: Patience = Patience(),  # noqa: B008  (frozen)
) -> list[Row]:
    """Be one of many workers on a shared folder: do cell after cell of a grid, until nothing is missing; see `run`.

    For array jobs, say of SLURM: each of them calls this, none knows of the others, and any of them may end at any time. What
    others have in hand is waited for, in case they do not end it. Returned are the rows of what this worker has done.

    Args:
        start: number of the cell to begin with, in the order of the grid; None is one at random, so that a thousand workers
            that begin together do not all ask for the first.
    """
    place, grid, device = _checked(grid, folder, device, minutes, shard, patience)
    units = _begun(grid, place, device, check=False)
    order = list(units)
    first = (
        (random.SystemRandom().randrange(len(order)) if start is None else start % len(order)) if order else 0
    )
    turned: Units = {cell: units[cell] for cell in (*order[first:], *order[:first])}
    with Work(total=0) as this, _terminations():
        drive = Drive(
            place,
            turned,
            this,
            device=device,
            patience=patience,
            minutes=minutes,
            announce=announce,
            tell=tell,
        )
        drive.look(quick=True)
        drive.to_the_end(SerialEngine, last=False)
        return drive.rows(drive.own)


def _checked(
    grid: Grid,
    folder: Path | str,
    device: str,
    minutes: float | None,
    shard: tuple[int, int] | None,
    patience: Patience,
) -> tuple[Path, Grid, str]:
    """The folder, what of the grid is to be done here, and the device. ValueError for bad arguments."""
    if minutes is not None and not (
        isinstance(minutes, int | float) and not isinstance(minutes, bool) and minutes > 0
    ):
        raise ValueError(f"minutes={minutes!r} were given; expected a number above 0, such as 20.")
    if not isinstance(patience, Patience):
        raise ValueError(
            f"patience={patience!r} was given; expected claims.Patience(beat=10, lost=120), say."
        )
    if shard is not None:
        grid = replace(grid, asked=sharded(grid.asked, *shard))
    return Path(folder).absolute(), grid, str(resolve_device(device))


def _begun(
    grid: Grid, place: Path, device: str, *, check: bool, planned: Callable[[Plan], object] | None = None
) -> Units:
    """The cells; the folder has what is asked of it from now on."""
    try:
        units = units_of(grid, place, device, check=check, planned=planned)
    except NotADirectoryError as error:
        raise CannotWrite(error.errno, error.strerror, str(place)) from None
    records.begin(
        place, grid.name, [(cell, unit.asked) for cell, unit in units.items()], claims=dict(grid.claims)
    )
    return units


@contextmanager
def _terminations() -> Iterator[None]:
    """Within it a termination (of a batch system whose time is up, say) is like Ctrl-C: what can be saved is saved."""
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):  # a shell starts what is in the background so that it ignores Ctrl-C
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
