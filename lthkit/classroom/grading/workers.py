"""Where a submission's functions run: each in a new process, in an empty folder of its own, behind the wall."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lthkit.classroom import forking
from lthkit.classroom.exercises import Case
from lthkit.classroom.grading import wall
from lthkit.classroom.grading.course import Course
from lthkit.classroom.process import Place, Worker, in_worker
from lthkit.classroom.running import Run

_KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH", "LTHKIT_DATA", "OMP_NUM_THREADS", "TZ")

Runner = Callable[[Callable[..., Any], tuple[Case, ...]], Run]


@contextmanager
def walled(course: Course, *, parts: wall.Parts | None = None) -> Iterator[Runner]:
    """Runs functions, each in a process and a folder of its own that are gone when it has ended.

    `parts` are the parts of the wall that it is behind, if not all that this system has.

    Raises:
        ValueError: the class lies where every submission can read.
    """
    wall.require_outside(course.folder)
    parts = wall.here() if parts is None else parts
    shared = forking.POSSIBLE and parts.reaches_no_process
    worker = _kept_warm(course) if shared else _new(course)

    def run(function: Callable[..., Any], cases: tuple[Case, ...]) -> Run:
        own = Path(tempfile.mkdtemp(prefix="lthkit-graded-")).resolve()
        try:
            place = Place(own, _folders(own), wall.order(own, [course.folder], parts))
            return in_worker(function, cases, worker=worker, place=place)
        finally:
            _remove(own)

    try:
        yield run
    finally:
        if not shared:
            worker.stop()


_warm: tuple[Any, Worker] | None = None  # and what it was started with


def _kept_warm(course: Course) -> Worker:
    """The worker of earlier submissions too: none of their functions could reach it. It ends with this process."""
    global _warm
    terms = _environment(course), _modules(course)
    if _warm is None or _warm[0] != terms:
        if _warm is not None:
            _warm[1].stop()
        _warm = terms, _new(course)
        atexit.register(_warm[1].stop)
    return _warm[1]


def _new(course: Course) -> Worker:
    return Worker(environment=_environment(course), path=_modules(course), alone=True)


def _remove(folder: Path) -> None:
    """Remove the folder, whatever modes a submission gave to the folders in it."""
    for parent, names, _ in os.walk(folder) if hasattr(os, "O_PATH") else ():
        for name in names:
            try:
                inner = os.open(os.path.join(parent, name), os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
            except OSError:  # a link, which leads somewhere else
                continue
            try:
                os.chmod(f"/proc/self/fd/{inner}", 0o700)
            except OSError:  # it belongs to another user
                pass
            finally:
                os.close(inner)
    shutil.rmtree(folder, ignore_errors=True)


def _environment(course: Course) -> dict[str, str]:
    """The worker's environment: nothing that names the instructor or the class."""
    given = {name: os.environ[name] for name in (*_KEPT, "LTHKIT_CHECK_SECONDS") if name in os.environ}
    libraries = [p for p in given.pop("LD_LIBRARY_PATH", "").split(os.pathsep) if os.path.isabs(p)]
    if libraries:
        given["LD_LIBRARY_PATH"] = os.pathsep.join(libraries)
    return given | {
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": os.pathsep.join(_modules(course)),
        "LTHKIT_TIER": "smoke",
    }


def _folders(own: Path) -> dict[str, str]:
    """What the environment of one function says beside: its own folder for all that is written."""
    homes = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR"), str(own))
    return homes | {"LTHKIT_RUNS": str(own / "runs"), "LTHKIT_PASSPORT": str(own / "passport.json")}


def _modules(course: Course) -> list[str]:
    """Where the worker finds modules: where we do, without the current folder and the class."""
    found = [str(Path(p).resolve()) for p in sys.path if p]
    return [p for p in found if not Path(p).is_relative_to(course.folder) and Path(p) != Path.cwd()]
