"""Workers of a Dask cluster: one on this machine, started here, or one that is there, by the address of its scheduler.

Dask (`pip install "lthkit[scale]"`) hands out cells and notices when a worker is gone; what is done is on the shared folder,
as everywhere. A worker has one thread, because torch's settings and random states are those of a process.
"""

from __future__ import annotations

import contextlib
import logging
import queue
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

from lthkit.machine.interrupts import blocked
from lthkit.machine.work import hidden
from lthkit.storage import files
from lthkit.sweeps.failures import EngineGone
from lthkit.sweeps.jobs import DIED, REFUSED, Ended, Event, Job, Reported, Tell, do
from lthkit.sweeps.records import is_sweep
from lthkit.training.choices import cores

INSTALL = 'pip install "lthkit[scale]"'
CONNECT = 10.0  # seconds that a scheduler has to answer
COUNTING = 2.0  # seconds from one count of the workers to the next
SILENCE, AGAIN = 3.0, 60.0  # seconds without a worker after which that is told: at first, and later
EVERY = 0.5  # seconds from one report of updates to the next

_stopped: set[str] = set()  # in a worker: sweeps that were asked to stop


class DaskEngine:
    """See `jobs.Engine`. address: of a scheduler; "" starts a cluster on this machine, with so many workers."""

    def __init__(self, address: str, *, workers: int | None, tell: Tell, folder: str) -> None:
        distributed = imported()
        self._address, self._tell, self._folder, self._most = address, tell, Path(folder), workers
        self._token = f"lthkit-{uuid4().hex[:12]}"
        self._inbox: queue.SimpleQueue[Event | Any] = queue.SimpleQueue()
        self._futures: dict[Any, Job] = {}
        self._workers: dict[str, int] = {}  # threads of each, by its address
        self._checked: set[str] = set()
        self._counted, self._without = -COUNTING, perf_counter() + SILENCE
        self._open = contextlib.ExitStack()
        self._open.enter_context(_quiet())
        try:
            scheduler = address or self._cluster(distributed, workers or cores())
            self._client = self._connected(distributed, scheduler)
            self._count_workers()
        except BaseException:
            self._open.close()
            raise

    def free(self) -> int:
        self._count_workers()
        count = min(len(self._workers), self._most or len(self._workers))
        spare = (count + 3) // 4 if count else 0  # at hand where a worker ends one
        return count + spare - len(self._futures)

    def submit(self, job: Job) -> None:
        key = f"{self._token}-{job.cell}-{job.attempt}"
        future = self._client.submit(on_worker, job, self._token, key=key, pure=False)
        self._futures[future] = job
        future.add_done_callback(self._inbox.put)

    def wait(self, seconds: float) -> list[Event]:
        events: list[Event] = []
        with contextlib.suppress(queue.Empty):
            events += self._event(self._inbox.get(timeout=seconds))
            while True:
                events += self._event(self._inbox.get_nowait())
        if not events:
            self._check_scheduler()
            self._tell_of_workers()
        return events

    def give_up(self, cell: str, holder: str) -> bool:
        return False  # Dask finds out by itself

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            self._client.run(mark_stopped, self._token, wait=False)

    def close(self) -> None:
        self._open.close()

    def _cluster(self, distributed: Any, workers: int) -> Any:
        self._tell(
            f"A Dask cluster of {workers} {'worker' if workers == 1 else 'workers'} with one thread each starts on this machine. Dask sets "
            "no limit to their memory."
        )
        with blocked():  # its processes inherit that they do not see Ctrl-C
            cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=None,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
        self._open.callback(_closing, cluster)
        return cluster

    def _connected(self, distributed: Any, scheduler: Any) -> Any:
        try:
            client = distributed.Client(scheduler, timeout=CONNECT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"on='dask={self._address}' was given, and no Dask scheduler answers there ({error}); expected the address that "
                "`dask scheduler` prints, such as tcp://head-node:8786."
            ) from None
        self._open.callback(_closing, client)

        def reported(event: Any) -> None:
            cell, updates, level = event[1]
            self._inbox.put(Reported(cell, updates, level))

        client.subscribe_topic(self._token, reported)
        return client

    def _event(self, found: Any) -> list[Event]:
        """A report, or a future that is done."""
        if isinstance(found, Reported):
            return [found]
        job = self._futures.pop(found)
        if found.status == "finished":
            return [found.result()]
        self._check_scheduler()
        error = found.exception(timeout=CONNECT) if found.status == "error" else None
        said = " ".join(f"{type(error).__name__}: {error}".split())
        if error is None or type(error).__name__ in (
            "KilledWorker",
            "CancelledError",
            "FutureCancelledError",
        ):
            return [
                Ended(job.cell, DIED, "Dask lost the worker that did it, more than once", attempt=job.attempt)
            ]
        return [
            Ended(
                job.cell,
                REFUSED,
                f"a Dask worker cannot do a cell ({said}). Expected the same Python packages and the same lthkit on all workers.",
            )
        ]

    def _check_scheduler(self) -> None:
        if self._client.status in ("running", "newly-created"):
            return
        where = self._address or "on this machine"
        raise EngineGone(f"The Dask scheduler {where} is gone.")

    def _count_workers(self) -> None:
        """See which workers there are now and then; new ones must see the folder, and have one thread."""
        if perf_counter() - self._counted < COUNTING:
            return
        self._check_scheduler()
        self._counted = perf_counter()
        with contextlib.suppress(OSError):  # it is just being lost
            self._workers = dict(self._client.nthreads())
        if new := sorted(set(self._workers) - self._checked):
            self._check_folder(new)
            self._checked |= set(new)

    def _check_folder(self, workers: list[str]) -> None:
        """ValueError if a worker has more than one thread, or does not see what is written into the folder here."""
        if many := {where: n for where, n in self._workers.items() if n != 1}:
            where, count = next(iter(many.items()))
            raise ValueError(
                f"{len(many)} of {len(self._workers)} Dask workers have more than one thread ({where} has {count}); expected one each: "
                "`dask worker ADDRESS --nworkers 4 --nthreads 1`, or in dask-jobqueue cores= as many as processes=."
            )
        token, path = uuid4().hex, self._folder / f".seen-{uuid4().hex[:8]}"
        files.write_text(path, token)
        try:
            seen = self._client.run(contents, str(path), workers=workers, on_error="return")
        finally:
            path.unlink(missing_ok=True)
        # a worker that has gone meanwhile sees nothing, and need not
        odd = {
            where: text for where, text in seen.items() if text != token and where in self._client.nthreads()
        }
        if odd:
            where, text = next(iter(odd.items()))
            why = f"{type(text).__name__}: {text}" if isinstance(text, BaseException) else text
            raise ValueError(
                f"{len(odd)} of {len(self._workers)} Dask workers cannot read what is written into {self._folder} here ({where}: {why}). "
                "Expected a folder that all machines share under one path, and lthkit installed on all of them."
            )

    def _tell_of_workers(self) -> None:
        now = perf_counter()
        if self._workers:
            self._without = now + SILENCE
        elif now >= self._without:
            self._without = now + AGAIN
            where = self._address or "on this machine"
            self._tell(
                f"The Dask cluster {where} has no workers now; waiting for one. `dask worker {self._address or 'ADDRESS'} --nthreads 1` "
                "starts one."
            )


def on_worker(job: Job, token: str) -> Ended:
    """Do a job in a Dask worker."""
    import torch
    from distributed import get_worker

    if not is_sweep(Path(job.folder).parents[1]):
        text = f"a Dask worker does not see {Path(job.folder).parents[1]}; expected a folder that all machines share under one path."
        return Ended(job.cell, REFUSED, text, attempt=job.attempt)
    torch.set_num_threads(1)
    worker, waiting, last = get_worker(), 0, 0.0

    def report(this: Reported) -> None:
        nonlocal waiting, last
        waiting += this.updates
        if this.level or perf_counter() - last >= EVERY:
            worker.log_event(token, (this.cell, waiting, this.level))
            waiting, last = 0, perf_counter()

    with hidden():
        return do(job, stopped=lambda: token in _stopped, report=report)


def mark_stopped(token: str) -> None:
    """In a worker: jobs of this sweep stop where they are saved."""
    _stopped.add(token)


def contents(path: str) -> str:
    """In a worker: what a file has, or why it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        return str(error.strerror)


def imported() -> Any:
    """Dask's `distributed`. ValueError with the line that installs it, if it is missing."""
    try:
        import distributed
    except ImportError as error:
        raise ValueError(
            f"on='dask' needs Dask, which is not installed ({error}). Install it: {INSTALL}"
        ) from None
    return distributed


def _closing(what: Any) -> None:
    with contextlib.suppress(Exception):
        what.close(timeout=5)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Dask's own log tells of each worker that comes and goes, with tracebacks; what matters is said by the sweep."""
    logs = [logging.getLogger(name) for name in ("distributed", "tornado", "asyncio")]
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)
