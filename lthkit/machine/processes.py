"""Processes of Python that work for this one: how one is started, and those that are started before anybody knows of work for them.

It imports nothing but the standard library, so that they can begin before this process has torch.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

from lthkit.machine.interrupts import blocked


def started(program: str) -> subprocess.Popen[bytes]:
    """A new Python that runs `program`, with pipes to its stdin and from its stdout.

    It finds the modules that this process finds, has one thread for numbers, and does not see Ctrl-C, which is for this one.
    """
    path = os.pathsep.join(dict.fromkeys(entry or os.getcwd() for entry in sys.path))
    own = {"PYTHONPATH": path} | {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    with blocked():  # a process inherits it
        return subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | own,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )


class Spare:
    """Processes that run one program and begin ahead of their work. Whoever makes it calls `end` in the end, whatever happens.

    spare = Spare(PROGRAM)
    try:
        spare.begin(2)
        ...
    finally:
        spare.end()
    """

    def __init__(self, program: str) -> None:
        self._program = program
        self._all: list[subprocess.Popen[bytes]] = []
        self._taken = 0

    def begin(self, count: int) -> None:
        """Start so many."""
        with blocked():  # none is started that is not in the list
            for _ in range(count):
                self._all.append(started(self._program))

    def take(self) -> subprocess.Popen[bytes] | None:
        """One that nobody has taken; None if there is none. Who takes it ends it."""
        if self._taken == len(self._all):
            return None
        self._taken += 1
        return self._all[self._taken - 1]

    def keep(self, count: int) -> None:
        """End at once those that nobody has taken, but for so many."""
        with blocked():
            _end(self._all[self._taken + max(0, count) :])
            del self._all[self._taken + max(0, count) :]

    def end(self) -> None:
        """End all that are there, taken or not: here nothing is waited for any longer."""
        with blocked():
            _end(self._all)
            self._all, self._taken = [], 0


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.kill()
    for process in processes:
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()
