"""A worker of a sweep on this machine: a process that does jobs from its stdin, one at a time, until that is closed.

It lives over many cells, so torch and the data are loaded once. It ends with the sweep that started it, whatever becomes
of that: when its stdin closes it stops where it is saved.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from time import perf_counter
from typing import IO, Any

from lthkit.sweeps.frames import STOP, receive, send

PROGRAM = "from lthkit.sweeps.worker import main; main()"
GRACE = 20.0  # seconds that a worker has for a place to stop at, once its sweep is gone
EVERY = 0.2  # seconds from one report of updates to the next


def main() -> None:
    """Do jobs until stdin is closed."""
    answers = _alone_with_stdout()
    stop = threading.Event()
    todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the sweep, which says what to do

    def end(*_: object) -> None:
        stop.set()
        todo.put(None)

    signal.signal(signal.SIGTERM, end)
    import torch

    from lthkit.machine.work import hidden
    from lthkit.storage import claims
    from lthkit.sweeps.jobs import Reported, do

    torch.set_num_threads(1)
    # Not before all is imported: reading a job imports what it is made of, and two threads that import wait for each other.
    threading.Thread(target=_listen, args=(todo, stop), name="listener", daemon=True).start()
    lock = threading.Lock()
    waiting, last = 0, 0.0

    def answer(message: Any) -> None:
        with lock:
            send(answers, message)

    def report(this: Reported) -> None:
        nonlocal waiting, last
        waiting += this.updates
        if this.level or perf_counter() - last >= EVERY:
            answer(Reported(this.cell, waiting, this.level))
            waiting, last = 0, perf_counter()

    try:
        answer(claims.HOLDER)
        with hidden():
            while not stop.is_set() and (job := todo.get()) is not None:
                waiting = 0
                answer(do(job, stopped=stop.is_set, report=report))
        answers.close()
    except OSError:
        pass  # the sweep is gone
    os._exit(0)  # the listener may wait for a byte for ever


def _alone_with_stdout() -> IO[bytes]:
    """What goes to the sweep; what a network of the user's prints goes to stderr instead."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _listen(todo: queue.SimpleQueue[Any], stop: threading.Event) -> None:
    """Take what the sweep says; without a sweep end soon, saved if that is possible."""
    while (message := receive(sys.stdin.buffer)) is not None:
        if message == STOP:
            stop.set()
            todo.put(None)
        else:
            todo.put(message)
    stop.set()
    todo.put(None)
    threading.Event().wait(GRACE)
    os._exit(1)


if __name__ == "__main__":
    main()
