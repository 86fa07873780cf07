"""The process in which a student's function runs: the module is its program, started by `process`.

It reads jobs from its standard input and writes what came out to its standard output. It calls functions and knows
nothing of what is right. It ends when its input closes, even inside a loop that does not end. Where the system can fork
(`forking`), each function has a process of its own.

Jobs and answers are frames (`values.read_frame`).
"""

from __future__ import annotations

import functools
import gc
import os
import queue
import signal
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import cloudpickle
import torch

from lthkit.classroom import forking, running
from lthkit.classroom.grading import wall
from lthkit.classroom.snapshot import Snapshot
from lthkit.classroom.values import read_frame, write_frame
from lthkit.machine.contents import look_up_all

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

MEMORY = 2 * 2**30  # bytes that a function may take beyond what the worker has

Job = tuple[dict[str, Any], bytes]
Send = Callable[..., None]


def main() -> None:
    jobs, answers = _take_pipes()
    torch.set_num_threads(1)  # the cases are small, and the notebook may be training
    # What lthkit and torch set up or import at first use is there before the limit, the snapshot, the wall and the clock.
    look_up_all(but=("lthkit.bench", "lthkit.classroom", "lthkit.explore", "lthkit.pictures", "lthkit.plots"))
    running.load(cloudpickle.dumps(torch.ones(2)))
    running.read(running.call(lambda w: (w @ w).abs().sort(), (torch.ones(2, 2),)))
    gc.collect()
    gc.freeze()  # what is there now stays; garbage is looked for among what functions make
    gc.enable()
    write_frame(answers, {"what": "ready"})
    if forking.POSSIBLE:
        forking.serve(jobs, answers, _warm, functools.partial(_forked, answers))
    else:
        _serve_here(jobs, answers)


def _warm(job: Job) -> None:
    """Import here what an earlier function needed; it takes a second, and none for the functions from now on."""
    if job[0]["optimizers"]:
        import torch._dynamo  # noqa: F401


def _forked(answers: BinaryIO, job: Job) -> None:
    """Run the function of a job in this process, which is its own."""
    send = _sender(answers)
    sys.meta_path.insert(0, Aside(send))
    _do(job, send)


def _serve_here(pipe: BinaryIO, answers: BinaryIO) -> None:
    """Run functions in this process until one of them changes it."""
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, jobs), daemon=True).start()
    snapshot, send = Snapshot(), _sender(answers)
    sys.meta_path.insert(0, Aside(send, snapshot.accepting))
    clean = True
    while clean:
        job = jobs.get()
        send({"what": "begun", "key": ""})
        clean = _do(job, send) and snapshot.unchanged() and not _has_children()
        send({"what": "done", "key": "", "code": 0, "memory": False, "clean": clean})
    os._exit(0)  # a function has changed this process: nobody else's function shall run in it


def _do(job: Job, send: Send) -> bool:
    """Run the function of a job on its cases; False if the process is better not used again."""
    head, content = job
    sys.path[:] = head["path"]
    try:
        _settle(head)
    except OSError as error:
        send({"what": "failed", "detail": str(error)})
        return False
    send({"what": "settled"})
    pieces = [content[begin:end] for begin, end in head["pieces"]]
    try:
        function = running.load(pieces[0])
    except BaseException as error:
        text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        send({"what": "unsendable", "detail": text})
        return False
    send({"what": "loaded"})
    for piece in pieces[1:]:
        answer = running.call(function, running.load(piece))
        send({"what": "call"}, answer)
        if (raised := running.read(answer).raised) and raised.memory:
            return False
    return True


def _settle(head: dict[str, Any]) -> None:
    """Limit the memory, go into the function's own folder, if it has one, and put up the wall, if one is asked for."""
    _limit_memory()
    if head["folder"]:
        os.chdir(head["folder"])
        os.environ.update(head["environment"])
        tempfile.tempdir = None
    if head["wall"]:
        wall.put_up(head["wall"])


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


def _listen(pipe: BinaryIO, jobs: queue.SimpleQueue[Job]) -> None:
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


def _limit_memory() -> None:
    """Limit the address space where the system can (Linux); else a function that takes all memory is stopped by time."""
    if resource is None or sys.platform != "linux":
        return
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = used + MEMORY
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))  # nobody raises it again
    except (OSError, ValueError):
        pass


class Aside:
    """Finds modules as the finders after it do; importing an installed one costs a function neither time nor the worker.

    The first optimizer of a process imports 900 modules, which takes a second of computing, and seconds from a cold
    disk. Few answers use one: they are imported when they are needed, beside the clock; `around` surrounds each import.
    """

    def __init__(self, send: Send, around: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._send, self._around = send, around
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
            self._send({"what": "importing", "name": module.__name__})
            with self._around():
                execute(module)
        finally:
            if searching:
                gc.enable()
            self._send({"what": "imported", "computed": time.process_time() - begun})
            self._outermost.release()


if __name__ == "__main__":
    main()
