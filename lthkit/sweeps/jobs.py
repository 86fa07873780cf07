"""A job: one cell for one worker. It is a small value that can be sent, and what comes back is tiny: the truth is on disk."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import torch

from lthkit.cells.carrying import carry_out
from lthkit.cells.rows import level_of
from lthkit.data.datasets import Dataset
from lthkit.data.named import load_data
from lthkit.machine.devices import operator_threads
from lthkit.machine.work import Stopped
from lthkit.storage.claims import Lost, Patience, Taken
from lthkit.storage.files import CannotWrite
from lthkit.storage.folders import RunBusy
from lthkit.sweeps.asked import Asked

DONE = "done"
TAKEN = "taken"  # another process has the cell, or took it over: it is tried again later
FAILED = "failed"  # this cell alone
UNWRITABLE = "unwritable"  # the folder, so all cells
REFUSED = "refused"  # this worker cannot do any cell of this sweep
STOPPED = "stopped"  # it was asked to; what it had begun is saved
DIED = "died"  # the process that did it is gone


@dataclass(frozen=True)
class Job:
    """Do what is missing of a cell. `cell` is its id, `folder` its own, `attempt` tells the tries of one cell apart."""

    asked: Asked
    cell: str
    folder: str
    device: str
    patience: Patience
    attempt: int = 1


@dataclass(frozen=True)
class Ended:
    """How a job ended; of `UNWRITABLE`, `error` is number, reason and file. `notes` is what was logged meanwhile."""

    cell: str
    status: str
    message: str = ""
    notes: tuple[str, ...] = ()
    error: tuple[int, str, str] | None = None
    attempt: int = 1


@dataclass(frozen=True)
class Reported:
    """A job goes on: so many updates more are done, or a level is published."""

    cell: str
    updates: int = 0
    level: str = ""


Event = Ended | Reported
Tell = Callable[[str], object]  # is told what somebody who waits should know


class Engine(Protocol):
    """What does jobs, one at a time in each of its workers. Its events come in the order in which they happen in a job."""

    def free(self) -> int:
        """How many jobs more it would begin, or wants to have at hand."""

    def submit(self, job: Job) -> None:
        """Do this job; its end comes as an event, once."""

    def wait(self, seconds: float) -> list[Event]:
        """What has happened; after so many seconds at most."""

    def give_up(self, cell: str, holder: str) -> bool:
        """A worker says nothing, and the claim of its cell is lost; `holder` is whose it was.

        False if the cell is to be submitted again. True if not: the worker hung, and is ended for that, which is an event; or
        it is about to take over the claim of somebody else.
        """

    def stop(self) -> None:
        """Ask all workers to stop where they can save how far they are."""

    def close(self) -> None:
        """End all workers, gently where that is possible."""


def do(job: Job, *, stopped: Callable[[], bool], report: Callable[[Reported], object]) -> Ended:
    """Do a job in this process, on one thread of a CPU; no error leaves it.

    stopped: asked between two pieces of work; True ends the job where it is saved.
    """
    notes: list[str] = []

    def ended(status: str, message: str = "", error: tuple[int, str, str] | None = None) -> Ended:
        return Ended(job.cell, status, message, tuple(notes), error, job.attempt)

    def count(updates: int) -> None:
        report(Reported(job.cell, updates))
        if stopped():
            raise Stopped

    if stopped():
        return ended(STOPPED)
    try:
        with _noting(notes), operator_threads(1 if job.device == "cpu" else None):
            cell = job.asked.cell
            data = dataset(cell.data, cell.size, job.device)
            if (own := cell.id(data)) != job.cell:
                return ended(
                    REFUSED,
                    f"the data {cell.data!r}, or the code of the model, are others on this worker: the cell would be {own}, and "
                    f"{job.cell} was asked for. Expected the same files and the same lthkit on all machines.",
                )
            rows = carry_out(
                cell, job.asked.levels, data, Path(job.folder), progress=count, patience=job.patience
            )
            with closing(rows):  # whatever is raised here: a traceback that is kept shall not keep the claim
                for row in rows:
                    report(Reported(job.cell, level=level_of(row).name))
        return ended(DONE)
    except (Taken, Lost, RunBusy) as error:
        return ended(TAKEN, str(error))
    except Stopped:
        return ended(STOPPED)
    except CannotWrite as error:
        return ended(UNWRITABLE, str(error), (error.errno or 0, error.strerror or "", str(error.filename)))
    except Exception as error:
        return ended(FAILED, _said(error))


def _said(error: Exception) -> str:
    """One line; of an error that nobody expected, its kind and place too."""
    text = " ".join(str(error).split())
    if text and isinstance(error, ValueError | ArithmeticError | RuntimeError):
        return text
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({Path(last.filename).name}, line {last.lineno})"


@contextmanager
def _noting(notes: list[str]) -> Iterator[None]:
    """What lthkit logs meanwhile is gathered, each text once, instead of printed by every worker."""
    log, handler = logging.getLogger("lthkit"), _Gathering(notes)
    before = log.handlers[:], log.propagate
    log.handlers, log.propagate = [handler], False
    try:
        yield
    finally:
        log.handlers, log.propagate = before


class _Gathering(logging.Handler):
    def __init__(self, notes: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        if (text := record.getMessage()) not in self.notes:
            self.notes.append(text)


@lru_cache(maxsize=16)
def dataset(name: str, size: int | tuple[int, int] | None, device: str) -> Dataset:
    """A data set by name, loaded once in each process."""
    return load_data(name, size=size).to(torch.device(device))
