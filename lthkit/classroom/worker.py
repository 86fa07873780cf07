"""The process in which a student's function runs: the module is its program, started by `process`.

It reads jobs from its standard input and writes what came out to its standard output. It calls functions and knows
nothing of what is right. It ends when its input closes, even inside a loop that does not end.

Jobs and answers are frames (`values.read_frame`).
"""

from __future__ import annotations

import builtins
import gc
import json
import math
import os
import queue
import random
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
import torch

from lthkit.classroom import running
from lthkit.classroom.grading import wall
from lthkit.classroom.values import read_frame, write_frame

MEMORY = 2 * 2**30  # bytes that a function may take beyond what the worker has


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
    unchanged = snapshot()
    write_frame(answers_out, {"what": "ready", "limited": limited})
    clean = True
    while clean:
        job, content = jobs.get()
        clean = _do(job, content, answers_out) and unchanged()
        write_frame(answers_out, {"what": "done", "job": job["job"], "clean": clean})
    os._exit(0)  # a function has changed this process: nobody else's function shall run in it


def _do(job: dict[str, Any], content: bytes, out: BinaryIO) -> bool:
    """Run the function of a job on its cases; False if the process is better not used again."""
    sys.path[:] = job["path"]
    pieces = [content[begin:end] for begin, end in job["pieces"]]
    try:
        function = running.load(pieces[0])
    except BaseException as error:
        text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        write_frame(out, {"what": "unsendable", "job": job["job"], "detail": text})
        return False
    write_frame(out, {"what": "loaded", "job": job["job"]})
    for piece in pieces[1:]:
        answer = running.call(function, running.load(piece))
        write_frame(out, {"what": "call", "job": job["job"]}, answer)
        if (raised := running.read(answer).raised) and raised.memory:
            return False
    return True


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
            os._exit(0)
        jobs.put(frame)


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


def snapshot() -> Callable[[], bool]:
    """Remember what a function can change for those after it; the result says whether all is still the same."""
    spaces: list[Mapping[str, Any]] = [
        vars(m) for m in (builtins, math, random, json, os, np, torch, torch.nn, torch.nn.functional)
    ]
    spaces += [vars(c) for c in (torch.Tensor, torch.Generator, torch.nn.Module, torch.nn.Linear)]
    before = [dict(space) for space in spaces]

    def settings() -> tuple[Any, ...]:
        return (
            torch.get_default_dtype(),
            torch.get_default_device(),
            torch.is_grad_enabled(),
            torch.are_deterministic_algorithms_enabled(),
            torch.get_num_threads(),
            sys.getrecursionlimit(),
            os.getcwd(),
            threading.active_count(),
        )

    then = settings()

    def unchanged() -> bool:
        # A name more is a module that was imported; a name with another object is a name that was exchanged.
        same = all(
            space.get(name) is value
            for space, names in zip(spaces, before, strict=True)
            for name, value in names.items()
        )
        return same and settings() == then

    return unchanged


if __name__ == "__main__":
    main()
