"""The process in which a submission's functions run: a new one, in an empty folder of its own, behind the wall."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lthkit.classroom.exercises import Case
from lthkit.classroom.grading import wall
from lthkit.classroom.grading.course import Course
from lthkit.classroom.process import BEGIN, Worker, in_worker
from lthkit.classroom.running import Run

_KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH", "LTHKIT_DATA", "OMP_NUM_THREADS", "TZ")

Runner = Callable[[Callable[..., Any], tuple[Case, ...]], Run]


@contextmanager
def walled(course: Course, *, parts: wall.Parts | None = None) -> Iterator[Runner]:
    """Runs functions in one process, which is started when it is first needed and gone with its folder at the end.

    `parts` are the parts of the wall that it is behind, if not all that this system has.

    Raises:
        ValueError: the class lies where every submission can read.
    """
    wall.require_outside(course.folder)
    parts = wall.here() if parts is None else parts
    own = Path(tempfile.mkdtemp(prefix="lthkit-graded-")).resolve()
    environment = _environment(own, course, parts)
    worker = Worker(environment=environment, folder=own, path=_modules(course), begin=wall.program(BEGIN))
    try:
        yield functools.partial(in_worker, worker=worker)
    finally:
        worker.stop()
        _remove(own)


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


def _environment(own: Path, course: Course, parts: wall.Parts) -> dict[str, str]:
    """The worker's environment: nothing that names the instructor or the class."""
    given = {name: os.environ[name] for name in (*_KEPT, "LTHKIT_CHECK_SECONDS") if name in os.environ}
    libraries = [p for p in given.pop("LD_LIBRARY_PATH", "").split(os.pathsep) if os.path.isabs(p)]
    if libraries:
        given["LD_LIBRARY_PATH"] = os.pathsep.join(libraries)
    folders = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR"), str(own))
    return (
        given
        | folders
        | {
            # An earlier function may have left modules in its folder: a process that starts must not take them.
            "PYTHONSAFEPATH": "1",
            "PYTHONNOUSERSITE": "1",
            "PYTHONPATH": os.pathsep.join(_modules(course)),
            "LTHKIT_TIER": "smoke",
            "LTHKIT_RUNS": str(own / "runs"),
            "LTHKIT_PASSPORT": str(own / "passport.json"),
            wall.VARIABLE: wall.order(own, [course.folder], parts),
        }
    )


def _modules(course: Course) -> list[str]:
    """Where the worker finds modules: where we do, without the current folder and the class."""
    found = [str(Path(p).resolve()) for p in sys.path if p]
    return [p for p in found if not Path(p).is_relative_to(course.folder) and Path(p) != Path.cwd()]
