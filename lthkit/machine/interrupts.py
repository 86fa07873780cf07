"""Interrupts that wait for a place of ours. One that breaks into a lock of Python's leaves it broken: what comes then is
a RuntimeError, or a wait without an end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held() -> Iterator[Callable[[], None]]:
    """Within it Ctrl-C, or a kernel interrupt, is raised only where the function that it gives is called, each one once.

    One that was not raised by then is raised at the end, but not in place of an error that is under way. Other threads get
    no interrupts; in them, and where somebody else handles the signal, nothing changes.
    """
    came = raised = 0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came += 1

    def check() -> None:
        nonlocal raised
        if raised < came:
            raised += 1
            raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    check()


@contextmanager
def blocked() -> Iterator[None]:
    """Within it this thread takes no Ctrl-C, nor does a process that it starts, ever; one that came meanwhile comes after it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
