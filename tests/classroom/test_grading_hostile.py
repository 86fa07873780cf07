"""What no submission does to the grading, the machine and the others: a table of attacks, and a class that is full of them."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from lthkit.__main__ import main
from lthkit.classroom import forking
from lthkit.classroom.exercises import find
from lthkit.classroom.grading import collected, wall
from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import run as grading
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.judging import hidden_of
from lthkit.classroom.grading.run import Result
from lthkit.classroom.grading.stage import stage
from lthkit.classroom.grading.workers import walled
from lthkit.classroom.saying import harmless
from lthkit.storage import files
from tests.hostile import ANSWERS, ELSEWHERE, Row, class_of
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
        return [
            *folders,
            *in_folder(self.temporary / "lthkit-graded-"),
            *(p for p in parents if parents[p] in ours),
        ]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    root = course_root(tmp_path_factory.mktemp("course"))
    course = stage(root / "class", ["05"], root=root, seed=1, nbgrader=False)
    (root / "beside").mkdir()
    for i in range(20):
        (root / "beside" / f"{i}.txt").write_text(str(i), encoding="utf-8")
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="lthkit-hostile-") as folder,
    ):
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
def test_an_attack_is_contained_and_named_and_costs_nobody_else(
    row: Row, ground: Ground, tmp_path: Path
) -> None:
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


# A class


def told_of(course: Course, student: str) -> tuple[tuple[float, ...] | None, str]:
    """The points of a student's exercises, None without a grade, and all that the instructor reads of it."""
    result = grading.read_result(grading.where(course, LESSON, student))
    known = collected.read_record(collected.record(course, LESSON, student))
    assert result is not None and known is not None and not result.fault, (student, result)
    lines = [line for v in result.verdicts for line in (*v.lines, *v.remarks)]
    points = tuple(v.points for v in result.verdicts) or None
    return points, " ".join([known.file, known.problem, result.problem, *known.notes, *lines])


@pytest.mark.parametrize("number", [6, pytest.param(20, marks=pytest.mark.soak)])
def test_a_class_in_which_every_second_submission_is_one_of_these(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches an honest grade that is not exact, a bad file without its owner, and what goes on, is left or is touched."""
    root = course_root(tmp_path / "course")
    (root / "beside").mkdir()
    (root / "beside" / "thesis.txt").write_text("mine", encoding="utf-8")
    handed = {f"{name}_{100 + i}": one for i, (name, one) in enumerate(class_of(number).items())}
    with tempfile.TemporaryDirectory(prefix="lthkit-hostile-") as folder:
        os.chmod(folder, 0o711)
        for name, value in (("TMPDIR", folder), ("LTHKIT_CHECK_SECONDS", "3")):
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(root)
        assert main(["grade", "stage", "05", "--seed", "11", "--without-nbgrader"]) == 0
        course = courses.load(root / "class")
        release = json.loads(course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8"))
        with zipfile.ZipFile(root / "submissions.zip", "w") as archive:
            for name, one in handed.items():
                archive.writestr(f"{name}_900_{one.file}", one.content(release))
        before = below(root / "beside"), below(root / "notebooks"), below(course.path("release"))
        own = grading._own_state()
        assert main(["grade", "collect", "submissions.zip"]) == 0
        assert main(["grade", "run", "--jobs", "2"]) == 0
        assert main(["grade", "report"]) == 0
        assert not [path for path in Path(folder).iterdir() if path.name.startswith("lthkit-graded")]
        assert not in_folder(Path(folder) / "lthkit-graded-")
    assert (below(root / "beside"), below(root / "notebooks"), below(course.path("release"))) == before
    assert grading._own_state() == own
    assert sorted(collected.students(course, LESSON)) == sorted(handed)
    said = capsys.readouterr().out
    for name, one in handed.items():
        points, told = told_of(course, name)
        assert points == one.points, (name, points, told)
        assert one.said in told and name in said and len(told) < 5000, (name, told)
    pages = list(course.path("reports", LESSON, "feedback").glob("*.html"))
    assert len(pages) == number and max(page.stat().st_size for page in pages) < 2**18
