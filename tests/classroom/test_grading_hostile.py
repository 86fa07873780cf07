"""What no submission does to the grading, the machine and the others: a table of attacks, and a class that is full of them."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from lthkit.classroom import forking
from lthkit.classroom.exercises import find
from lthkit.classroom.grading import run as grading
from lthkit.classroom.grading import wall
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.judging import hidden_of
from lthkit.classroom.grading.run import Result
from lthkit.classroom.grading.stage import stage
from lthkit.classroom.grading.workers import walled
from lthkit.classroom.saying import harmless
from lthkit.storage import files
from tests.hostile import ANSWERS, ELSEWHERE, Row
from tests.submissions import LESSON, RIGHT, ROOT, course_root

pytestmark = pytest.mark.skipif(
    not forking.POSSIBLE or not wall.here().files, reason="the table is of a system with a wall"
)


def below(folder: Path) -> str:
    """What is in a folder, as one number: names, kinds, modes, times and contents."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        found.update(repr((str(path), state.st_mode, state.st_uid, state.st_mtime_ns)).encode())
        if path.is_file() and not path.is_symlink():
            found.update(path.read_bytes())
    return found.hexdigest()


def processes() -> dict[int, int]:
    """The parents of all processes."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if fields[0] != "Z":
            found[int(stat.parent.name)] = int(fields[1])
    return found


def in_folder(folder: Path) -> list[int]:
    """The processes that stand in a folder, or have it in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "environ").read_bytes() + os.fsencode(os.readlink(process / "cwd"))
        except OSError:
            continue
        if os.fsencode(folder) in text:
            found.append(int(process.name))
    return found


@dataclass(frozen=True)
class Ground:
    """A class, a runner for its submissions, and the folders that submissions may make."""

    course: Course
    runner: Any
    temporary: Path

    def left(self) -> list[Any]:
        """What submissions have left: folders, processes in them, and processes below the one that forks."""
        folders = list(self.temporary.iterdir())
        parents = processes()
        ours = [p for p, parent in parents.items() if parent == os.getpid()]
        return [*folders, *in_folder(self.temporary / "lthkit-graded-"), *(p for p in parents if parents[p] in ours)]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    root = course_root(tmp_path_factory.mktemp("course"))
    course = stage(root / "class", ["05"], root=root, seed=1, nbgrader=False)
    (root / "beside").mkdir()
    for i in range(20):
        (root / "beside" / f"{i}.txt").write_text(str(i), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="lthkit-hostile-") as folder:
        os.chmod(folder, 0o711)
        patch.setattr(tempfile, "tempdir", str(Path(folder).resolve()))
        patch.setenv("LTHKIT_CHECK_SECONDS", "1.5")
        with walled(course) as runner:
            yield Ground(course, runner, Path(folder).resolve())


def rows(slow: bool) -> list[Any]:
    marks = [pytest.mark.soak] if slow else []
    return [
        pytest.param(row, id=name.replace(" ", "-"), marks=marks)
        for name, row in ANSWERS.items()
        if row.slow == slow
    ]


@pytest.mark.parametrize("row", [*rows(False), *rows(True)])
def test_an_attack_is_contained_and_named_and_costs_nobody_else(row: Row, ground: Ground, tmp_path: Path) -> None:
    """Catches points for nothing, a result that cannot be written, what goes on or is left, and the next one's lost points."""
    if row.needs and not getattr(wall.here(), row.needs):
        pytest.skip(f"this system has no {row.needs}")
    exercise, hidden = find("05.3"), hidden_of(ground.course, find("05.3"))
    own, outside = grading._own_state(), below(ground.course.folder.parent)
    got = grading._judged(exercise, row.code, 2.0, hidden, ground.runner)
    assert (got.points == 2.0) == (got.state == "passed") and got.points in (0.0, 2.0)
    assert got.state == row.state or not row.state, got
    told = " ".join((*got.lines, *got.remarks))
    assert row.said in told, told
    assert len(told) < 5000 and told == harmless(told)
    files.write_json(tmp_path / "result.json", asdict(Result("mallory", LESSON, (got,))))
    assert not ground.left()
    honest = grading._judged(exercise, RIGHT["05.3"], 2.0, hidden, ground.runner)
    assert (honest.state, honest.points, honest.lines, honest.remarks) == ("passed", 2.0, (), ())
    assert grading._own_state() == own and below(ground.course.folder.parent) == outside


@pytest.mark.parametrize("test", sorted(set(ELSEWHERE.values())))
def test_what_the_table_names_is_tested(test: str) -> None:
    """Catches a row whose test is gone."""
    file, _, name = test.partition("::")
    assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_the_table_is_long_enough() -> None:
    assert len([row for row in ANSWERS.values() if not row.slow]) >= 60
