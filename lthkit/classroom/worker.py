"""The process in which a student's function runs: the module is its program, started by `process`.

It reads jobs from its standard input and writes what came out to its standard output. It calls functions and knows
nothing of what is right. It ends when its input closes, even inside a loop that does not end.

Jobs and answers are frames (`values.read_frame`).
"""

from __future__ import annotations

import _thread
import builtins
import functools
import gc
import json
import math
import os
import queue
import random
import signal
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
import torch

from lthkit.classroom import running
from lthkit.classroom.grading import wall
from lthkit.classroom.values import read_frame, write_frame

MEMORY = 2 * 2**30  # bytes that a function may take beyond what the worker has

Send = Callable[..., None]


def main() -> None:
    jobs_in, answers_out = _take_pipes()
    wall.close()  # what Python holds; what the system holds is there since `wall.begin`
    jobs: queue.SimpleQueue[tuple[dict[str, Any], bytes]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs_in, jobs), daemon=True).start()
    torch.set_num_threads(1)  # the cases are small, and the notebook may be training
    # What torch sets up or imports at first use is there before the limit, the snapshot and the clock.
    running.read(running.call(lambda w: (w @ w).abs().sort(), (torch.ones(2, 2),)))
    gc.freeze()  # what is there now stays; garbage is looked for among what functions make
    gc.enable()
    limited = _limit_memory()
    snapshot, send = Snapshot(), _sender(answers_out)
    sys.meta_path.insert(0, Aside(snapshot, send))
    send({"what": "ready", "limited": limited})
    clean = True
    while clean:
        job, content = jobs.get()
        clean = _do(job, content, send) and snapshot.unchanged() and not _has_children()
        send({"what": "done", "job": job["job"], "clean": clean})
    os._exit(0)  # a function has changed this process: nobody else's function shall run in it


def _do(job: dict[str, Any], content: bytes, send: Send) -> bool:
    """Run the function of a job on its cases; False if the process is better not used again."""
    sys.path[:] = job["path"]
    pieces = [content[begin:end] for begin, end in job["pieces"]]
    try:
        function = running.load(pieces[0])
    except BaseException as error:
        text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        send({"what": "unsendable", "job": job["job"], "detail": text})
        return False
    send({"what": "loaded", "job": job["job"]})
    for piece in pieces[1:]:
        answer = running.call(function, running.load(piece))
        send({"what": "call", "job": job["job"]}, answer)
        if (raised := running.read(answer).raised) and raised.memory:
            return False
    return True


def _sender(out: BinaryIO) -> Send:
    """What writes one frame at a time, and only in this process.

    A copy that a function made of it with `os.fork`, and that came out of the function, ends here.
    """
    own, one = os.getpid(), threading.Lock()

    def send(head: dict[str, Any], content: bytes = b"") -> None:
        if os.getpid() != own:
            os._exit(0)
        with one:
            write_frame(out, head, content)

    return send


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes for us alone: what a function reads from standard input is empty, what it writes goes nowhere."""
    sys.stdout.flush()
    pipes = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)
    return pipes


def _listen(pipe: BinaryIO, jobs: queue.SimpleQueue[tuple[dict[str, Any], bytes]]) -> None:
    """Take jobs in a thread of its own, so that the end of the notebook is noticed whatever the function does."""
    while True:
        frame = read_frame(pipe)
        if frame is None:
            if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
                os.killpg(os.getpid(), signal.SIGKILL)  # with what functions started
            os._exit(0)
        jobs.put(frame)


def _has_children() -> bool:
    """Whether a process that a function started still runs."""
    try:
        while hasattr(os, "WNOHANG"):
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return True
    except ChildProcessError:
        pass
    return False


def _limit_memory() -> bool:
    """Limit the address space where the system can (Linux); else a function that takes all memory is stopped by time."""
    if sys.platform != "linux":
        return False
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = used + MEMORY
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))  # nobody raises it again
    except (ImportError, OSError, ValueError):
        return False
    return True


class Snapshot:
    """Remembers what a function can change for those after it, and says whether all is still the same."""

    def __init__(self) -> None:
        self._spaces: list[Mapping[str, Any]] = [
            vars(m) for m in (builtins, math, random, json, os, np, torch, torch.nn, torch.nn.functional)
        ]
        self._spaces += [vars(c) for c in (torch.Tensor, torch.Generator, torch.nn.Module, torch.nn.Linear)]
        self._names = [dict(space) for space in self._spaces]
        self._settings = _settings()
        self._exchanged = False  # at some time, and perhaps put back

    def unchanged(self) -> bool:
        return not (self._exchanged or self._differing()) and _settings() == self._settings

    def _differing(self) -> list[tuple[int, str]]:
        """The names that stand for another object. A name more is a module that was imported."""
        return [
            (i, name)
            for i, names in enumerate(self._names)
            for name, value in names.items()
            if self._spaces[i].get(name) is not value
        ]

    @contextmanager
    def accepting(self) -> Iterator[None]:
        """What changes in here belongs to a module that is being imported, as `torch._dynamo` wraps `torch.manual_seed`."""
        self._exchanged = self._exchanged or bool(self._differing())  # it may import what was exchanged
        before = _settings()
        try:
            yield
        finally:
            if not self._exchanged:
                for i, name in self._differing():
                    self._names[i][name] = self._spaces[i].get(name)
            after, then = _settings(), self._settings
            self._settings = tuple(t if b == a else a for t, b, a in zip(then, before, after, strict=True))


def _settings() -> tuple[Any, ...]:
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
        sys.getrecursionlimit(),
        os.getcwd(),
        _thread._count(),  # threads, those too that `threading` does not know
    )


class Aside:
    """Finds modules as the finders after it do; importing an installed one costs a function neither time nor the worker.

    The first optimizer of a process imports 900 modules, which takes a second of computing, and seconds from a cold
    disk. Few answers use one: they are imported when they are needed, beside the clock and with the snapshot's leave.
    """

    def __init__(self, snapshot: Snapshot, send: Send) -> None:
        self._snapshot, self._send = snapshot, send
        self._own, self._outermost = os.getpid(), threading.Lock()
        installed = {sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")}
        self._installed = [Path(folder) for folder in installed if folder]

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        others = (f for f in sys.meta_path if f is not self)
        spec = next((s for f in others if (s := f.find_spec(name, path, target)) is not None), None)
        loader = spec.loader if spec is not None else None
        # The loaders of built-in modules are classes that they share.
        if spec is None or loader is None or isinstance(loader, type) or not self._is_installed(spec):
            return spec
        loader.exec_module = functools.partial(self._exec, loader.exec_module)  # type: ignore[method-assign]
        return spec

    def _is_installed(self, spec: ModuleSpec) -> bool:
        origin = spec.origin
        return bool(origin) and any(Path(str(origin)).is_relative_to(f) for f in self._installed)

    def _exec(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        if os.getpid() != self._own or not self._outermost.acquire(blocking=False):
            return execute(module)
        searching = gc.isenabled()
        gc.disable()  # much is made and nothing of it thrown away
        begun = time.process_time()
        try:
            self._send({"what": "importing"})
            with self._snapshot.accepting():
                execute(module)
        finally:
            if searching:
                gc.enable()
            self._send({"what": "imported", "computed": time.process_time() - begun})
            self._outermost.release()


if __name__ == "__main__":
    main()
