"""Independent trainings side by side: worker threads, each with its own torch thread count.

Small networks keep one core busy and no more: two trainings on one thread each end sooner than one training on two
threads. torch releases Python's lock inside its operators, so threads do as well here as processes and need neither
a second copy of the data nor a second start-up, and work alike on Linux, macOS and Windows.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event, Lock
from typing import Any

import torch


class Stopped(RuntimeError):
    """The pool is stopping because another job failed or the user interrupted."""


class Pool:
    """Runs jobs, and the jobs that jobs add, and gives every job's torch operators one thread on a CPU.

    Because the thread count of an operator is always 1 on a CPU, the numbers do not depend on how many workers run.
    """

    def __init__(self, device: torch.device | str = "cpu", workers: int | None = None) -> None:
        cpu = torch.device(device).type == "cpu"
        self.workers = workers or (default_workers() if cpu else 1)
        one_thread = (torch.set_num_threads, (1,)) if cpu else (None, ())
        self._executor = ThreadPoolExecutor(self.workers, "lthkit", *one_thread)
        self._futures: set[Future[Any]] = set()
        self._lock, self._stop = Lock(), Event()

    def submit(self, job: Callable[..., Any], *args: Any) -> None:
        """Queue a job; jobs start in the order in which they were queued. May be called from inside a job."""
        self.check()
        with self._lock:
            self._futures.add(self._executor.submit(job, *args))

    def check(self) -> None:
        """Raise `Stopped` if the pool is stopping; long jobs call this now and then."""
        if self._stop.is_set():
            raise Stopped

    def run(self) -> None:
        """Wait until every job is done. The first error, or Ctrl-C, stops the others and is raised."""
        try:
            while running := self._snapshot():
                done, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                with self._lock:
                    self._futures -= done
                for future in done:
                    future.result()
        except BaseException:
            self._stop.set()
            raise
        finally:
            self._executor.shutdown(wait=True, cancel_futures=self._stop.is_set())

    def _snapshot(self) -> set[Future[Any]]:
        with self._lock:
            return set(self._futures)


def default_workers() -> int:
    """One worker for each core that this process may use, at most 8."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(8, usable or 1)
