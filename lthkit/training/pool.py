"""Independent trainings side by side: worker threads, each with its own torch thread count.

Small networks keep one core busy and no more: two trainings on one thread each end sooner than one training on two
threads. `choices.choose` shares the cores out. torch releases Python's lock inside its operators, so threads do as well here as processes and need neither
a second copy of the data nor a second start-up, and work alike on Linux, macOS and Windows.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import Context, copy_context
from threading import Event, Lock, local
from typing import Any, TypeVar

import torch

from lthkit.machine.checks import check_whole
from lthkit.machine.devices import device_explained
from lthkit.machine.interrupts import held
from lthkit.machine.work import Stopped as Stopped
from lthkit.machine.work import Work, current
from lthkit.training.choices import cores

T = TypeVar("T")


class Pool:
    """Runs jobs, and the jobs that jobs add, in `workers` threads; what they train counts for the `machine.Work` at hand
    where the pool is filled.

    threads: torch operator threads in each; None leaves torch's setting. Because it does not depend on how many jobs
    happen to run at a time, neither do the numbers.
    """

    def __init__(self, *, workers: int = 1, threads: int | None = 1) -> None:
        check_whole("workers", workers, 1)
        if threads is not None:
            check_whole("threads", threads, 1)
        self.workers, self.threads = workers, threads
        settings = (torch.set_num_threads, (threads,)) if threads else (None, ())
        self._executor = ThreadPoolExecutor(workers, "lthkit", *settings)
        self._given = local()  # in a worker: the context of who filled the pool
        self._futures: set[Future[Any]] = set()
        self._lock, self._stop = Lock(), Event()

    def submit(self, job: Callable[..., Any], *args: Any) -> None:
        """Queue a job; jobs start in the order in which they were queued. May be called from inside a job."""
        self.check()
        try:
            with held(), self._lock:
                self._futures.add(self._executor.submit(self._run, self._context(), job, *args))
        except KeyboardInterrupt:
            with held() as check:
                self._end(current(), check)
            raise

    def _context(self) -> Context:
        """For a job that a job adds that of the first one, whose own work may be over before it begins."""
        return getattr(self._given, "context", None) or copy_context()

    def _run(self, context: Context, job: Callable[..., Any], *args: Any) -> None:
        self._given.context = context
        context.copy().run(job, *args)

    def check(self) -> None:
        """Raise `Stopped` if the pool is stopping; long jobs call this now and then."""
        if self._stop.is_set():
            raise Stopped

    def run(self) -> None:
        """Wait until every job is done. The first error, or Ctrl-C, stops the others and is raised.

        They stop where they can save how far they are, and are waited for; not so after a second Ctrl-C.
        """
        work = current()
        with held() as check:
            try:
                while running := self._snapshot():
                    done, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                    check()
                    with self._lock:
                        self._futures -= done
                    for future in done:
                        future.result()
                    if work is not None:
                        work.look()
            except BaseException:
                self._end(work, check)
                raise
            self._executor.shutdown()

    def _end(self, work: Work | None, check: Callable[[], None]) -> None:
        """Nothing more begins; what goes on is told to stop, and waited for until another Ctrl-C."""
        self._stop.set()
        if work is not None:
            work.halt()
        self._executor.shutdown(wait=False, cancel_futures=True)
        try:
            while running := [future for future in self._snapshot() if not future.done()]:
                check()
                wait(running, timeout=0.2)
                if work is not None:
                    work.look()
        except KeyboardInterrupt:
            if work is not None:
                work.root.not_waited_for = True
            raise

    def _snapshot(self) -> set[Future[Any]]:
        with self._lock:
            return set(self._futures)


def each(
    job: Callable[..., T],
    cases: Iterable[tuple[Any, ...]],
    *,
    device: torch.device | str = "cpu",
    updates: int | None = None,
) -> list[T]:
    """`[job(*case) for case in cases]`, side by side: as many at a time as there are cores, one torch thread each.

    On another device than a CPU the jobs run in turn. A job's numbers do not depend on what runs beside it. The first
    error, or Ctrl-C, stops the others and is raised.

    A bar shows how many cases are done, and of those under way what they do. The time that is left is told from the first
    case that has ended; from the start, if `updates` says about how many updates a case does.
    """
    cases = list(cases)
    for i, case in enumerate(cases):
        if not isinstance(case, tuple | list):
            raise TypeError(f"Case {i} is {case!r}; expected a tuple of arguments, such as ({case!r},).")
    with device_explained(device):
        on_cpu = torch.device(device).type == "cpu"
    results: dict[int, T] = {}
    with Work(parts=len(cases), typical=updates):
        pool = Pool(workers=min(cores(), max(1, len(cases))) if on_cpu else 1, threads=1 if on_cpu else None)

        def one(i: int) -> None:
            pool.check()
            with Work(_described(job, cases[i])):
                results[i] = job(*cases[i])

        for i in range(len(cases)):
            pool.submit(one, i)
        pool.run()
    return [results[i] for i in range(len(cases))]


def _described(job: Callable[..., Any], case: Iterable[Any]) -> str:
    """What a case is, such as "seed 0, arm ticket", from the names of the job's arguments; "" where they say nothing."""
    try:
        given = inspect.signature(job).bind(*case).arguments
    except (TypeError, ValueError):
        return ""
    short = {name: value for name, value in given.items() if isinstance(value, int | float | str)}
    return ", ".join(
        f"{name.replace('_', ' ')} {text}" for name, value in short.items() if len(text := str(value)) <= 24
    )
