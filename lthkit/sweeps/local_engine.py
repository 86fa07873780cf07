"""Workers on this machine: processes, each with one thread, each with one cell at a time.

A worker is a new Python that imports nothing of the script that started the sweep, so such a script needs no
`if __name__ == "__main__":`. One that is killed is noticed at once, its cell is free again at once, and another worker takes its
place. With several GPUs worker i has GPU i modulo their number; that was not tried on a machine with more than one.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from lthkit.machine.interrupts import blocked
from lthkit.machine.processes import Spare, started
from lthkit.storage.claims import Taken, claim_of, claimed
from lthkit.storage.files import CannotWrite
from lthkit.sweeps.frames import STOP, receive, send
from lthkit.sweeps.jobs import DIED, Ended, Event, Job, Reported
from lthkit.sweeps.worker import PROGRAM

STARTS = 3  # workers that may end one after the other before they have begun


class LocalEngine:
    """See `jobs.Engine`. devices: of the workers, in turn. spare: processes of `worker.PROGRAM` that are taken first."""

    def __init__(self, workers: int, devices: Sequence[str] = ("cpu",), spare: Spare | None = None) -> None:
        self.workers, self._devices, self._spare = workers, list(devices), spare
        self._inbox: queue.SimpleQueue[tuple[_Worker, Any]] = queue.SimpleQueue()
        self._all: list[_Worker] = []
        self._unborn = 0  # workers that ended one after the other without a word

    def have(self, workers: int) -> None:
        """Have so many workers from now on. Spare processes that are not needed for that end."""
        self.workers = workers
        if self._spare is not None:
            self._spare.keep(workers - len(self._all))

    def begin(self) -> None:
        """Start all workers now; else each begins with its first job."""
        while len(self._all) < self.workers:
            self._new()

    def free(self) -> int:
        return self.workers - sum(worker.job is not None for worker in self._all)

    def submit(self, job: Job) -> None:
        idle = [worker for worker in self._all if worker.job is None]
        worker = idle[0] if idle else self._new()
        worker.begin(job)

    def wait(self, seconds: float) -> list[Event]:
        events: list[Event] = []
        until = perf_counter() + seconds
        while not events and (left := until - perf_counter()) > 0:
            with contextlib.suppress(queue.Empty):
                events += self._event(*self._inbox.get(timeout=left))
                while True:
                    events += self._event(*self._inbox.get_nowait())
        return events

    def give_up(self, cell: str, holder: str) -> bool:
        for worker in self._all:
            if worker.job is not None and worker.job.cell == cell and worker.holder == holder:
                worker.process.kill()
        return True

    def stop(self) -> None:
        for worker in self._all:
            worker.say(STOP)

    def close(self) -> None:
        for worker in self._all:
            worker.leave()
            if worker.job is None and worker.holder is None:  # it is still importing: nothing to be saved
                worker.process.kill()
        until = perf_counter() + 1.0
        for worker in self._all:
            worker.end(max(0.1, until - perf_counter()))
        self._all.clear()

    def _new(self) -> _Worker:
        taken = {worker.place for worker in self._all}
        place = next(i for i in range(self.workers) if i not in taken)
        worker = _Worker(place, self._devices[place % len(self._devices)], self._inbox, self._spare)
        self._all.append(worker)
        return worker

    def _event(self, worker: _Worker, message: Any) -> list[Event]:
        """What a message is for the sweep: a job's report or end; the end of a worker ends its job too."""
        if isinstance(message, str):
            worker.holder, self._unborn = message, 0
            return []
        if isinstance(message, Reported):
            return [message]
        job = worker.job
        if isinstance(message, Ended):
            worker.job = None
            return [message]
        code = worker.end(5.0)
        self._all.remove(worker)
        if worker.holder is None:
            self._unborn += 1
            if self._unborn >= STARTS:
                raise RuntimeError(
                    f"{STARTS} workers of the sweep ended one after the other before they had begun, the last {_how(code)}. What they "
                    "said stands above. Expected a Python that can import lthkit, and memory enough for so many workers."
                )
        if job is None:
            return []
        return [Ended(job.cell, DIED, f"its process was ended, {_how(code)}", attempt=job.attempt)]


class _Worker:
    """The sweep's side of a worker: the process, and a thread that reads what it says."""

    def __init__(
        self, place: int, device: str, inbox: queue.SimpleQueue[tuple[_Worker, Any]], spare: Spare | None
    ) -> None:
        self.place, self.device, self._inbox = place, device, inbox
        self.job: Job | None = None
        self.holder: str | None = None  # `claims.HOLDER` there; None until it has begun
        with blocked():
            self.process = (spare and spare.take()) or started(PROGRAM)
            threading.Thread(target=self._listen, name="worker", daemon=True).start()

    def begin(self, job: Job) -> None:
        self.job = job
        device = self.device if job.device == "cuda" else job.device
        self.say(Job(job.asked, job.cell, job.folder, device, job.patience, job.attempt))

    def say(self, message: Any) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it is gone: the listener says so
            send(self.process.stdin, message)

    def leave(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.close()

    def end(self, seconds: float) -> int:
        """Wait for its end, but no longer than that; its exit code. What it had claimed is free then."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.leave()
        if self.job is not None:
            release(self.job, self.holder)
        return code

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(Exception):
            while (message := receive(self.process.stdout)) is not None:
                self._inbox.put((self, message))
        self.process.stdout.close()
        self._inbox.put((self, None))


def release(job: Job, holder: str | None) -> None:
    """Give up the claim of a worker of ours that has certainly ended, so that nobody waits until it counts as lost."""
    folder = Path(job.folder)
    claim = claim_of(folder) if holder else None
    if holder and claim is not None and claim.holder == holder:
        with contextlib.suppress(Taken, CannotWrite), claimed(folder, patience=job.patience, dead=(holder,)):
            pass


def _how(code: int) -> str:
    if code >= 0:
        return f"with status {code}"
    hint = ", as a system does whose memory is full" if -code == getattr(signal, "SIGKILL", 9) else ""
    return f"by signal {-code} ({signal.Signals(-code).name}{hint})"
