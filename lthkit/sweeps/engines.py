"""Engines by one line: `local` (processes of this machine), `serial` (this process), `dask`, `dask=tcp://HOST:PORT`."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep

import torch

from lthkit.machine.checks import check_whole, did_you_mean
from lthkit.machine.processes import Spare
from lthkit.sweeps.jobs import Engine, Event, Job, Reported, Tell, do
from lthkit.sweeps.local_engine import LocalEngine
from lthkit.training.choices import cores

ENGINES = ("local", "serial", "dask")


def check_engine(on: str, workers: int | None) -> None:
    """ValueError for an engine that there is not, or workers that are no number above 0."""
    name, given, address = str(on).partition("=")
    if name not in ENGINES or (given and (name != "dask" or not address)):
        raise ValueError(
            f"on={on!r} was given; expected local, serial, dask or dask=ADDRESS, such as "
            f"dask=tcp://head-node:8786.{did_you_mean(name, ENGINES)}"
        )
    if workers is not None:
        check_whole("workers", workers, 1)


def check_process() -> None:
    """End a process that was started to work for another one, and runs the script of that one anew, with its sweep.

    Processes of Dask, and all that `multiprocessing` spawns, import the script that started them.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(
            "lthkit: this script starts a sweep wherever it is imported, and its worker processes import it. Put the call below\n"
            '    if __name__ == "__main__":'
        )


@contextmanager
def workers_ahead(
    on: str, *, cells: int, device: str, workers: int | None, spare: Spare | None = None
) -> Iterator[LocalEngine | None]:
    """Workers on this machine that begin at once, while it is still planned what at least so many cells are; None for others.

    A worker needs a second or two before it can do anything. Those that `open_engine` does not get have ended after this.

    spare: processes that have begun before, which are the first workers; all of them have ended after this.
    """
    count = _workers(cells, device, workers)
    engine = LocalEngine(count, devices_of(device), spare) if on == "local" and count > 1 else None
    try:
        if engine is not None:
            engine.begin()
        yield engine
    finally:
        if engine is not None:
            engine.close()
        if spare is not None:
            spare.end()


def open_engine(
    on: str,
    *,
    cells: int,
    device: str,
    workers: int | None,
    tell: Tell,
    folder: str,
    ahead: LocalEngine | None = None,
    spare: Spare | None = None,
) -> Engine:
    """Start an engine for so many cells. One worker on this machine is this process.

    workers: None is one for each core (at most 8), or for each GPU. tell: is told what somebody who waits should know.
    ahead: `workers_ahead` for as many cells or fewer. spare: that of `workers_ahead`; those without work end now.

    Raises:
        ValueError: see `check_engine`; Dask is not installed, or its workers cannot see the folder.
    """
    check_engine(on, workers)
    name, _, address = on.partition("=")
    count = _workers(cells, device, workers)
    if name == "local" and count > 1:
        engine = ahead or LocalEngine(count, devices_of(device), spare)
        engine.have(count)
        return engine
    if spare is not None:
        spare.end()
    if name != "dask":
        return SerialEngine()
    from lthkit.sweeps.dask_engine import DaskEngine

    return DaskEngine(address, workers=workers and min(workers, cells), tell=tell, folder=folder)


def _workers(cells: int, device: str, workers: int | None) -> int:
    return min(workers or (cores() if device == "cpu" else len(devices_of(device))), max(1, cells))


def devices_of(device: str) -> list[str]:
    """The devices that workers share: all GPUs for "cuda", else the one that was given."""
    if device != "cuda":
        return [device]
    return [f"cuda:{i}" for i in range(torch.cuda.device_count())] or [device]


class SerialEngine:
    """One job after the other in this process; see `jobs.Engine`. What is trained counts for the work at hand.

    between: called with each report of a job, while that goes on.
    """

    def __init__(self) -> None:
        self._todo: deque[Job] = deque()
        self._stopped = False
        self.between: Callable[[Reported], object] = lambda report: None

    def free(self) -> int:
        return 1 - len(self._todo)

    def submit(self, job: Job) -> None:
        self._todo.append(job)

    def wait(self, seconds: float) -> list[Event]:
        if not self._todo:
            sleep(seconds)
            return []
        return [do(self._todo.popleft(), stopped=lambda: self._stopped, report=self.between)]

    def give_up(self, cell: str, holder: str) -> bool:
        return False

    def stop(self) -> None:
        self._stopped = True

    def close(self) -> None:
        pass
