"""A process for each function, forked from a warm one in milliseconds: nothing that a function does reaches the next.

On Linux, unless $LTHKIT_NO_FORK is set. Where forking a process that computes is unsafe (macOS) or unknown (Windows), `worker` calls the functions in its
own process.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from lthkit.classroom.grading import wall
from lthkit.classroom.values import read_frame, write_frame

POSSIBLE = sys.platform == "linux" and "LTHKIT_NO_FORK" not in os.environ

Job = tuple[dict[str, Any], bytes]
_MANY = 20  # functions after which a third of a second pays that makes each fork cheaper
BACK = {"what": "back"}  # the head of a frame that takes back the job under way


def serve(jobs: BinaryIO, answers: BinaryIO, warm: Callable[[Job], None], do: Callable[[Job], None]) -> None:
    """Take jobs until their pipe closes, and have `do` called for each in a process of its own, which then ends.

    `warm` is called here before, for what may be imported once for all. This process must have one thread.

    A job's first frame says "begun" and has a key that the process of the function cannot know; its last one has it again,
    says "done" and how that process ended: `code` as in `subprocess`, and whether the system ended one for want of memory.
    Then nothing of the job runs any more. `BACK` before that takes the job back: its process is ended at once.
    """
    wall.adopt_orphans()
    ends, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: _leave())
    served = 0
    while (job := read_frame(jobs)) is not None:
        if job[0] != BACK:  # that of a job which ended meanwhile
            warm(job)
            _one(job, jobs, answers, ends, do)
            served += 1
            if served == _MANY:
                wall.keep_in_large_pages()
    os._exit(0)


def _one(job: Job, jobs: BinaryIO, answers: BinaryIO, ends: int, do: Callable[[Job], None]) -> None:
    waits, begins = os.pipe()
    own, killed = os.getpid(), _killed_for_memory()
    child = os.fork()
    if child == 0:
        try:
            _alone(own, jobs, ends)
            os.close(begins)
            if os.read(waits, 1):
                os.close(waits)
                do(job)
        finally:
            os._exit(0)
    os.close(waits)
    key = secrets.token_hex(16)
    write_frame(answers, {"what": "begun", "key": key})
    os.write(begins, b"x")
    os.close(begins)
    code = _wait(child, jobs, ends)
    end_children()
    memory = code == -signal.SIGKILL and _killed_for_memory() != killed
    write_frame(answers, {"what": "done", "key": key, "code": code, "memory": memory, "clean": True})


def _alone(parent: int, jobs: BinaryIO, ends: int) -> None:
    """Make this new process one that leads its own group, takes no jobs, and ends with its parent."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    os.close(jobs.fileno())
    os.close(ends)
    os.setpgid(0, 0)
    wall.end_with(parent)


def _wait(child: int, jobs: BinaryIO, ends: int) -> int:
    """Wait until the child has ended and return its code; end it if its job is taken back.

    Leave if nobody waits for its answers any more.
    """
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        ready, _, _ = select.select([jobs.fileno(), ends], [], [])
        if jobs.fileno() in ready:
            if read_frame(jobs) is None:
                _leave()
            os.kill(child, signal.SIGKILL)
        if ends in ready:
            os.read(ends, 4096)


def _leave() -> None:
    """End at once, with all that was started here."""
    end_children()
    os._exit(0)


def end_children() -> None:
    """End all children of this process, and theirs, which become ours."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        found = _children()
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if found:
            os.waitpid(-1, 0)


def _children() -> list[int]:
    own, found = str(os.getpid()), []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit():
                stat = Path("/proc", name, "stat").read_text(encoding="ascii", errors="replace")
                if stat.rpartition(")")[2].split()[1] == own:
                    found.append(int(name))
        except OSError:  # it has ended
            continue
    return found


def _killed_for_memory() -> int:
    """How many processes the system has ended so far because memory was short; 0 where it does not tell."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
    except (OSError, ValueError):
        return 0
