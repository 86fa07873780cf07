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
from lthkit.classroom.process import Worker, in_worker
from lthkit.classroom.running import Run

_KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH", "LTHKIT_DATA", "OMP_NUM_THREADS", "TZ")

Runner = Callable[[Callable[..., Any], tuple[Case, ...]], Run]


@contextmanager
def walled(course: Course) -> Iterator[Runner]:
    """Runs functions in one process, which is started when it is first needed and gone with its folder at the end."""
    own = Path(tempfile.mkdtemp(prefix="lthkit-graded-")).resolve()
    worker = Worker(environment=_environment(own, course), folder=own, path=_modules(course))
    try:
        yield functools.partial(in_worker, worker=worker)
    finally:
        worker.stop()
        shutil.rmtree(own, ignore_errors=True)


def _environment(own: Path, course: Course) -> dict[str, str]:
    """The worker's environment: nothing that names the instructor or the class."""
    given = {name: os.environ[name] for name in (*_KEPT, "LTHKIT_CHECK_SECONDS") if name in os.environ}
    folders = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR"), str(own))
    return (
        given
        | folders
        | {
            "LTHKIT_TIER": "smoke",
            "LTHKIT_RUNS": str(own / "runs"),
            "LTHKIT_PASSPORT": str(own / "passport.json"),
            wall.VARIABLE: wall.order(own, [course.folder]),
        }
    )


def _modules(course: Course) -> list[str]:
    """Where the worker finds modules: where we do, without the current folder and the class."""
    found = [str(Path(p).resolve()) for p in sys.path if p]
    return [p for p in found if not Path(p).is_relative_to(course.folder) and Path(p) != Path.cwd()]
