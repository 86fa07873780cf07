"""The pool runs jobs that add jobs, stops on the first error, and fixes the thread count."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from lthkit.machine.work import Work
from lthkit.training import choices, pool
from lthkit.training.pool import Pool, Stopped


def test_jobs_may_add_jobs_and_all_are_done():
    pool, done = Pool(workers=2), []

    def job(depth: int) -> None:
        done.append(depth)
        if depth:
            pool.submit(job, depth - 1)
            pool.submit(job, depth - 1)

    pool.submit(job, 4)
    pool.run()
    assert sorted(done) == sorted([4] + [3] * 2 + [2] * 4 + [1] * 8 + [0] * 16)


def test_a_job_counts_after_the_work_of_the_job_that_added_it_has_ended():
    """Catches controls that train for minutes while the bar of their run stands still."""
    labels = []

    def control():
        with Work("control") as work:
            work.count(30)
            labels.append(root.label)

    def chain(pool):
        with Work("ticket") as work:
            work.count(70)
            pool.submit(control)

    with Work(total=100) as root:
        jobs = Pool(workers=1)
        jobs.submit(chain, jobs)
        jobs.run()
        assert root.updates == 100
    assert labels == ["control"]


def test_an_error_stops_the_others_and_is_raised():
    """Catches: an error that is swallowed, or a pool that works on for minutes after it."""
    pool, steps = Pool(workers=2), []

    def endless() -> None:
        while True:
            pool.check()
            steps.append(1)
            time.sleep(0.01)

    def fail() -> None:
        raise ValueError("bad mask")

    pool.submit(endless)
    pool.submit(fail)
    with pytest.raises(ValueError, match="bad mask"):
        pool.run()
    with pytest.raises(Stopped):
        pool.check()


@pytest.mark.parametrize("threads", [1, 2])
def test_operators_get_the_threads_asked_for_whatever_the_number_of_workers(threads):
    """Catches: torch's default in a worker, so that the numbers depend on the machine's cores."""
    for workers in (1, 3):
        pool, seen = Pool(workers=workers, threads=threads), list[int]()

        def note(seen: list[int] = seen) -> None:
            seen.append(torch.get_num_threads())

        for _ in range(4):
            pool.submit(note)
        pool.run()
        assert seen == [threads] * 4


def test_each_keeps_the_order_and_one_thread_a_job():
    """Catches: results in the order in which jobs end; a job that takes the other jobs' cores."""
    gate = threading.Event()

    def job(i: int, wait: bool) -> tuple[int, int]:
        if wait:
            gate.wait(10)
        else:
            gate.set()
        return i, torch.get_num_threads()

    waits = choices.cores() > 1  # the first job ends after the second, if they run side by side
    before = torch.get_num_threads()
    assert pool.each(job, [(0, waits), (1, False), (2, False)]) == [(0, 1), (1, 1), (2, 1)]
    assert torch.get_num_threads() == before and pool.each(job, []) == []


def test_each_raises_the_error_of_a_job():
    """Catches: an error that is lost in its thread."""
    with pytest.raises(ZeroDivisionError):
        pool.each(lambda n: 1 / n, [(1,), (0,), (2,)])
