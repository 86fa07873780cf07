"""The notebook's side of the worker process: start it, send it a function, wait no longer than its limit (`limits`).

One worker serves all checks. It is ended with the notebook, and replaced when a function killed, hung or changed it. Where
the system can fork, each function has a process of its own below it, which ends with the function or at its limit (`forking`).
"""

from __future__ import annotations

import atexit
import functools
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lthkit.classroom import forking, running
from lthkit.classroom.exercises import Case
from lthkit.classroom.limits import Limit, Over, usage
from lthkit.classroom.running import Run
from lthkit.classroom.sending import Unsendable, dumps, pickled
from lthkit.classroom.values import read_frame, write_frame

SECONDS = 10.0  # of computing, for all cases of an exercise together
FORGED = "forged"  # how it ended that a function wrote answers in the worker's place
BACK_SECONDS = 5.0  # in which a job ends that is taken back; else the worker is ended with it
START_SECONDS = 120.0  # importing torch takes long on a busy machine, and so may loading what is sent

Frame = tuple[dict[str, Any], bytes]

# `python -m lthkit.classroom.worker`, without a search for garbage while torch is imported: a seventh of the start.
_BEGIN = "import gc, runpy; gc.disable(); runpy.run_module('lthkit.classroom.worker', run_name='__main__', alter_sys=True)"


@dataclass(frozen=True)
class Place:
    """Where a function runs: a folder of its own, what is added to the environment there, and the order for a wall."""

    folder: Path
    environment: dict[str, str]
    wall: dict[str, Any]


def time_limit() -> float:
    """Seconds that a function may compute for all cases: $LTHKIT_CHECK_SECONDS, else 10."""
    try:
        seconds = float(os.environ.get("LTHKIT_CHECK_SECONDS", ""))
    except ValueError:
        return SECONDS
    return seconds if 0 < seconds < float("inf") else SECONDS


def in_worker(
    function: Callable[..., Any],
    cases: tuple[Case, ...],
    *,
    worker: Worker | None = None,
    seconds: float | None = None,
    place: Place | None = None,
) -> Run:
    """Run a function on the cases in the worker process, ours if none is given, and in a place, ours if none is given.

    It may compute for `seconds` (`time_limit` if None), and sleep for as long; see `limits.Limit`.

    What the function does is told by the result, never raised.
    """
    try:
        pieces = [pickled(function), *(dumps(case.arguments) for case in cases)]
    except Unsendable as error:
        return Run((), "unsendable", str(error))
    except ModuleNotFoundError:
        return Run((), "start", "cloudpickle is missing (pip install cloudpickle)")
    return (worker or _worker).run(pieces, seconds=seconds, place=place)


class Worker:
    """The worker process, started when it is first needed and again after its end.

    With an `environment` it has that one alone, instead of ours; `path` is where it finds modules, ours if none is given.
    With `alone` no two functions share a process, not even where that takes a new worker for each.
    """

    def __init__(
        self,
        *,
        environment: dict[str, str] | None = None,
        path: list[str] | None = None,
        alone: bool = False,
    ) -> None:
        self._environment, self._path, self._alone = environment, path, alone
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._listener: threading.Thread | None = None
        self._optimizers = False  # whether a function needed what torch imports for its first optimizer
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The id of the process, None if none is running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def run(self, pieces: list[bytes], *, seconds: float | None = None, place: Place | None = None) -> Run:
        """Send a pickled function and its pickled arguments, one piece a case, and collect what came out."""
        with self._lock:
            try:
                return self._run(pieces, time_limit() if seconds is None else seconds, place)
            except BaseException:  # the stop button: what the worker was doing is of no use to anybody
                self.stop()
                raise

    def _run(self, pieces: list[bytes], seconds: float, place: Place | None) -> Run:
        failure = self._start()
        if failure:
            return Run((), "start", failure)
        calls: list[running.Call] = []
        try:
            assert self._process is not None and self._process.stdin is not None
            write_frame(self._process.stdin, self._head(pieces, place), b"".join(pieces))
            return self._collected(calls, len(pieces) - 1, seconds)
        except Exception:  # the worker is gone, or the function made it write something else
            return self._ended(tuple(calls))
        finally:
            if self._alone and not forking.POSSIBLE:
                self.stop()

    def _head(self, pieces: list[bytes], place: Place | None) -> dict[str, Any]:
        ends = [sum(map(len, pieces[: i + 1])) for i in range(len(pieces))]
        return {
            "path": sys.path if self._path is None else self._path,
            "pieces": list(zip([0, *ends], ends, strict=False)),
            "optimizers": self._optimizers,
            "folder": str(place.folder) if place else "",
            "environment": place.environment if place else {},
            "wall": place.wall if place else None,
        }

    def _collected(self, calls: list[running.Call], cases: int, seconds: float) -> Run:
        """Take the answers of a job as they come, the results of calls into `calls`.

        A function can write answers of its own. They are taken for its results at most: the last one has a key that it
        cannot know, and what says that it is not at fault comes before any of its code runs.
        """
        key, state, refused = None, "", None
        limit = self._limit(START_SECONDS)
        while (answer := self._next(limit)) is not None:
            if isinstance(answer, Over):
                self._take_back(key)
                return _over(tuple(calls), answer, state)
            head, content = answer
            match state, head["what"]:
                case "", "begun":
                    key, state = head["key"], "begun"
                case _, "done" if key is not None and head["key"] == key:
                    if not head["clean"]:
                        self.stop()
                    return refused or _complete(tuple(calls), cases, head)
                case "begun", "failed":
                    refused = Run((), "start", str(head["detail"]))
                case "begun", "settled":
                    state = "settled"
                case "settled", "unsendable":
                    refused = Run((), "unsendable", f"it does not arrive there: {head['detail']}")
                case "settled", "loaded":
                    state, limit = "loaded", self._limit(seconds)
                case "loaded", "call" if len(calls) < cases:
                    calls.append(running.read(content))
                case _:
                    break
        return self._ended(tuple(calls))

    def _take_back(self, key: str | None) -> None:
        """Have the job ended that has this key; together with the worker, unless that says soon that it has ended."""
        try:
            if not key:  # it is not read yet, or has no process of its own
                return self.stop()
            assert self._process is not None and self._process.stdin is not None
            write_frame(self._process.stdin, forking.BACK)
            until = time.monotonic() + BACK_SECONDS
            while (answer := self._answer(until - time.monotonic())) is not None:
                head, _ = answer
                if head["what"] == "done" and head["key"] == key:
                    return
            self.stop()
        except Exception:  # the worker is gone, or the function spoils its answers
            self.stop()

    def _limit(self, seconds: float) -> Limit:
        assert self._process is not None
        return Limit(seconds, functools.partial(usage, self._process.pid))

    def _next(self, limit: Limit) -> Frame | Over | None:
        """The next answer, None when the worker is gone, and what the limit says if it is over before."""
        while (over := limit.over()) is None:
            try:
                answer = self._answer(limit.look)
            except queue.Empty:
                continue
            if answer is None or answer[0]["what"] not in ("importing", "imported"):
                return answer
            if answer[0]["what"] == "importing":
                limit.importing()
                self._optimizers = self._optimizers or answer[0]["name"] == "torch._dynamo"
            else:
                limit.imported(float(answer[0]["computed"]))
        return over

    def _ended(self, calls: tuple[running.Call, ...]) -> Run:
        """The worker is gone, or says what it should not. Was it killed for its memory, or did the function end it?"""
        code: int | None = None
        forged = False
        if self._process is not None:
            try:
                code = self._process.wait(timeout=0.5 if forking.POSSIBLE else 2)
            except subprocess.TimeoutExpired:
                forged = forking.POSSIBLE  # it is well: the function, in its own process, has spoken for it
        self.stop()
        if (
            code == -9 and not forking.POSSIBLE
        ):  # most likely by the system, which does so when memory is short
            return Run(calls, "memory")
        return Run(calls, "ended", FORGED if forged else "" if code is None else str(code))

    def _answer(self, seconds: float) -> Frame | None:
        """The next answer, None when the worker is gone; queue.Empty after `seconds`."""
        return self._answers.get(timeout=max(seconds, 0.0))

    def _start(self) -> str:
        """Have a worker running; otherwise return what the system says."""
        try:
            os.getcwd()
        except OSError:
            return "the folder that this Python runs in was removed; restart it in another one"
        if self.pid is not None:
            return ""
        self.stop()
        package = str(Path(__file__).resolve().parents[2])
        given = dict(os.environ) if self._environment is None else self._environment
        environment = given | {
            "PYTHONPATH": os.pathsep.join(filter(None, [package, given.get("PYTHONPATH", "")])),
            "CUDA_VISIBLE_DEVICES": "",  # a driver would take more address space than a function may
            "PYTHONWARNINGS": "ignore",
            "OPENBLAS_NUM_THREADS": "1",  # what forks has one thread
        }
        with tempfile.TemporaryFile() as messages:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", _BEGIN],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=messages,
                    env=environment,
                    # The notebook's stop button is for the notebook; no console window on Windows.
                    start_new_session=True,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
                assert self._process.stdout is not None
                self._answers = queue.SimpleQueue()
                self._listener = threading.Thread(
                    target=_listen, args=(self._process.stdout, self._answers), daemon=True
                )
                self._listener.start()
                if self._answer(START_SECONDS) is not None:
                    return ""
                self._process.wait(timeout=2)
                messages.seek(0)
                said = messages.read().decode(errors="replace").strip().splitlines()
                return said[-1] if said else f"exit code {self._process.returncode}"
            except queue.Empty:
                self.stop()
                return f"it was not ready after {START_SECONDS:g} seconds"
            except (OSError, subprocess.SubprocessError) as error:
                self.stop()
                return str(error)

    def stop(self) -> None:
        """End the worker, if there is one, and wait for it."""
        process, self._process = self._process, None
        if process is None:
            return
        _end(process)
        if self._listener is not None:
            self._listener.join(timeout=2)
        # A program that left the worker's group may hold the pipe open: closing it would wait for that program.
        listening = self._listener is not None and self._listener.is_alive()
        for pipe in (process.stdin, None if listening else process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not sent yet cannot be sent any more
                    pass


def _over(calls: tuple[running.Call, ...], over: Over, state: str) -> Run:
    """The limit is over; before the function has begun it is not the function's."""
    if state == "loaded" or over.why == "starved":
        return Run(calls, over.why, over.detail)
    return Run((), "unsendable", f"it had not arrived there after {over.detail}")


def _complete(calls: tuple[running.Call, ...], cases: int, last: dict[str, Any]) -> Run:
    """The process of the function has ended, or is ready for another one."""
    if calls and calls[-1].raised is not None and calls[-1].raised.memory:
        return Run(calls[:-1], "memory")
    if len(calls) == cases:
        return Run(calls)
    return Run(calls, "memory" if last["memory"] else "ended", str(last["code"] or ""))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started: all of it where it forks, else what is in the group that it leads."""
    try:
        if forking.POSSIBLE:
            process.terminate()
            process.wait(timeout=2)
    except (OSError, subprocess.TimeoutExpired):
        pass
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
    except OSError:  # nothing of it is left
        pass
    process.kill()
    process.wait()


def _listen(pipe: IO[bytes], answers: queue.SimpleQueue[Frame | None]) -> None:
    """Put the worker's answers into the queue, and None at its end; a pipe cannot be waited on with a time limit."""
    frame: Frame | None = ({}, b"")
    while frame is not None:
        try:
            frame = read_frame(pipe)
        except Exception:  # what a function wrote can be wrong in any way
            frame = None
        answers.put(frame)


_worker = Worker()
atexit.register(_worker.stop)
