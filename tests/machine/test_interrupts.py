"""An interrupt is raised at a place of ours, never inside a lock, and is neither lost nor raised twice."""

from __future__ import annotations

import concurrent.futures
import signal
import threading

import pytest

import lthkit.training.pool as pools
from lthkit.machine import bars
from lthkit.machine.interrupts import held
from lthkit.machine.work import Interrupted, Work
from lthkit.training.pool import Pool


def interrupt(times: int = 1) -> None:
    for _ in range(times):
        signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def as_it_was():
    """Catches a handler that stays behind, after which Ctrl-C does nothing.

    What a shell starts in the background ignores SIGINT, so these tests listen to it themselves.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    after = signal.signal(signal.SIGINT, before)
    assert after is signal.default_int_handler


def test_each_interrupt_is_raised_once_where_it_is_asked_for():
    """Catches one that breaks in at once, is lost, or is raised again and again."""
    with held() as check:
        check()
        interrupt(2)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                check()
        check()


def test_one_that_was_not_asked_for_is_raised_at_the_end():
    """Catches a Ctrl-C that is swallowed because it came after the last look."""
    done = []
    with pytest.raises(KeyboardInterrupt), held():
        interrupt()
        done.append("all")
    assert done == ["all"]


def test_an_error_under_way_is_not_replaced():
    """Catches a second Ctrl-C in place of the sentence of the first."""
    with pytest.raises(OSError, match="broken"), held():
        interrupt()
        raise OSError("broken")


def test_inside_another_the_outer_one_is_not_lost():
    """Catches an inner use that takes the signal from the outer one, or gives it back too early."""
    done = []
    with pytest.raises(KeyboardInterrupt), held():
        with held() as check:
            interrupt()
            check()
        interrupt()
        done.append("all")
    assert done == ["all"]


@pytest.mark.parametrize("times", [1, 2])
def test_a_pool_is_interrupted_between_two_waits(monkeypatch, times):
    """Catches an interrupt inside the lock on which a pool waits: a RuntimeError instead of `Interrupted`, or no end."""
    whole, begun, free = [], threading.Event(), threading.Event()

    def wait(*args, **options):
        begun.wait()
        if not whole:
            interrupt(times)
            whole.append(True)
        elif times == 1:
            free.set()
        return concurrent.futures.wait(*args, **options)

    def job() -> None:
        with Work(total=1) as endless:
            begun.set()
            if times == 2:
                free.wait()  # so that it has not ended when the second one is looked for
            while True:
                endless.count()

    monkeypatch.setattr(pools, "wait", wait)
    with pytest.raises(Interrupted), Work(parts=1) as all_of_it:
        pool = Pool()
        pool.submit(job)
        pool.run()
    assert whole and all_of_it.not_waited_for == (times == 2)
    free.set()
    assert isinstance(list(pool._futures)[0].exception(timeout=60), pools.Stopped)


def test_an_interrupt_where_a_job_is_handed_over_stops_those_that_have_begun(monkeypatch):
    """Catches trainings that go on unseen after Ctrl-C, and a queue whose lock is broken."""
    pool, begun, give = Pool(), threading.Event(), pools.ThreadPoolExecutor.submit

    def job() -> None:
        with Work(total=1) as endless:
            begun.set()
            while True:
                endless.count()

    def submit(*args):
        begun.wait()
        interrupt()
        return give(*args)

    with pytest.raises(Interrupted), Work(parts=2) as both:
        pool.submit(job)
        monkeypatch.setattr(pools.ThreadPoolExecutor, "submit", submit)
        pool.submit(job)
    assert not both.not_waited_for and all(future.done() for future in pool._futures)


def test_an_interrupt_while_the_bar_goes_leaves_the_sentence(monkeypatch):
    """Catches fifty lines in place of one where a second Ctrl-C comes while the first is being told."""
    monkeypatch.setattr(bars, "again", lambda: interrupt() or "again")
    monkeypatch.setattr(bars, "hide", interrupt)
    monkeypatch.setattr(bars, "_bar", object())
    with pytest.raises(Interrupted, match="Stopped"), Work():
        raise KeyboardInterrupt
