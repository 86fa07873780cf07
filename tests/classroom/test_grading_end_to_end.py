"""A class of sixteen, staged, collected, graded and reported as an instructor does it; three ways to the same grades."""

from __future__ import annotations

import csv
import html
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lthkit.__main__ import main
from lthkit.classroom.exercises import find
from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import run as grading
from lthkit.classroom.grading.collected import students, submitted
from lthkit.classroom.grading.run import Result
from lthkit.classroom.variants import hidden_cases
from tests.submissions import LESSON, WRONG, course_root, exported, mixed, sixteen

pytest.importorskip("nbformat")
HAS_NBGRADER = importlib.util.find_spec("nbgrader") is not None
EXERCISES = ("05.1", "05.2", "05.3", "05.4")

# What each submission is worth, exercise by exercise, and a piece of the message where there is one.
PASSED = ("passed", "")
ALL = dict.fromkeys(EXERCISES, PASSED)
EXPECTED: dict[str, dict[str, tuple[str, str]]] = {
    "right": ALL,
    "wrong": {
        "05.1": ("wrong", "You seed with a fixed number"),
        "05.2": ("wrong", "beyond gaps too"),
        "05.3": ("wrong", "a training that has stopped"),
        "05.4": ("wrong", "a mean of a few seeds"),
    },
    "blank": dict.fromkeys(EXERCISES, ("blank", "")),
    "half": {
        "05.1": PASSED,
        "05.2": PASSED,
        "05.3": ("wrong", "a training that has stopped"),
        "05.4": ("blank", ""),
    },
    "stripped": ALL,
    "reordered": ALL,
    "deleted": ALL,
    "renamed": ALL
    | {"05.2": ("missing", "no function `matching_density`; its cell defines `matching_densities`")},
    "loop": ALL | {"05.3": ("stopped", "is there a loop that does not end?")},
    "leave": ALL | {"05.1": ("stopped", "exit code 3")},
    "megabyte": ALL,
    "warns": ALL,
    "snoop": ALL | {"05.2": ("wrong", "LookupError: nobody to copy from"), "05.3": ("wrong", "Error")},
    "table": ALL | {"05.2": ("hidden", "right on the cases that you can see, and not on others")},
    "syntax": ALL | {"05.4": ("missing", "its cell is not Python")},
    "broken": {},  # no grade: its student shall hand in again
}


@pytest.fixture(scope="module")
def patient() -> Iterator[None]:
    """Short limits, so that an endless loop costs seconds, and no class around."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LTHKIT_CHECK_SECONDS", "3")
        patch.delenv(courses.VARIABLE, raising=False)
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return course_root(tmp_path_factory.mktemp("course"))


def lthkit(folder: Path, *arguments: str) -> None:
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert main(["grade", *arguments]) == 0
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def graded(root: Path, patient: None) -> dict[str, Any]:
    """The class after all four steps, and what was handed in."""
    extra = () if HAS_NBGRADER else ("--without-nbgrader",)
    lthkit(root, "stage", "05", "--seed", "11", "--due", "2026-10-01", "--points", "05.4=3", *extra)
    course = courses.load(root / "class")
    release = json.loads(course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    handed = sixteen(release, course.folder)
    with zipfile.ZipFile(root / "moodle.zip", "w") as archive:
        for i, (name, content) in enumerate(handed.items()):
            archive.writestr(
                f"{name.title()} Student_{400 + i}_assignsubmission_file_/Untitled{i}.ipynb", content
            )
    (course.folder / "roster.csv").write_text(
        "Student ID,First name,Last name\n"
        + "".join(f"{n},{n.title()},Student\n" for n in [*handed, "absent"]),
        encoding="utf-8",
    )
    lthkit(root, "collect", "moodle.zip")
    lthkit(root, "run", "--jobs", "2")
    lthkit(root, "report")
    return {"course": course, "handed": handed, "root": root}


def results(course: courses.Course) -> dict[str, Result]:
    found = {s: grading.read_result(grading.where(course, LESSON, s)) for s in students(course, LESSON)}
    return {s: r for s, r in found.items() if r is not None}


def states(course: courses.Course) -> dict[str, dict[str, str]]:
    return {s: {v.exercise: v.state for v in r.verdicts} for s, r in results(course).items()}


def test_each_score_and_each_message_is_as_expected(graded: dict[str, Any]) -> None:
    """Catches a submission that is lost, an exercise that costs another one, and a message that misses the point."""
    found = results(graded["course"])
    assert sorted(found) == sorted(EXPECTED) == sorted(graded["handed"])
    for student, expected in EXPECTED.items():
        for v in found[student].verdicts:
            state, piece = expected[v.exercise]
            assert (student, v.exercise, v.state) == (student, v.exercise, state), v.lines
            assert piece.lower() in " ".join(v.lines).lower(), (student, v.exercise, v.lines)
            assert v.of == (3 if v.exercise == "05.4" else 1)
            assert v.points == (v.of if state == "passed" else 0)
        assert len(found[student].verdicts) == len(expected)
    assert "not a whole notebook" in found["broken"].problem


def test_the_list_has_everybody_and_the_class_is_counted(graded: dict[str, Any]) -> None:
    """Catches a student who is dropped from the list, and a mistake that is counted wrongly."""
    folder = graded["course"].path("reports", LESSON)
    with open(folder / "grades.csv", encoding="utf-8-sig") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert sorted(rows) == sorted([*EXPECTED, "absent"])
    assert rows["right"]["total"] == "6" and rows["table"]["total"] == "5" and rows["broken"]["total"] == ""
    assert rows["absent"]["total"] == "" and "nothing handed in" in rows["absent"]["note"]
    assert "not a whole notebook" in rows["broken"]["note"]
    overview = (folder / "overview.md").read_text(encoding="utf-8")
    passed = sum(e.get("05.1") == PASSED for e in EXPECTED.values())
    assert f"| 05.1 reinitialised_weights | {passed} | 1 | 1 | 0 | 1 | 0 |" in overview
    assert "15 graded, 2 without a grade" in overview
    for exercise_id, times in (("05.1", 1), ("05.3", 2)):
        sentence = next(
            v.misconception for v in results(graded["course"])["wrong"].verdicts if v.exercise == exercise_id
        )
        assert sentence and f"- {exercise_id}, {times} of 15: {sentence}" in overview
    assert "05.3, 1 of 15: It did not finish within" in overview


def test_feedback_gives_no_hidden_case_away(graded: dict[str, Any]) -> None:
    """Catches a page that shows the arguments of a hidden case, or the seed that they come from."""
    course = graded["course"]
    pages = sorted(course.path("reports", LESSON, "feedback").glob("*.html"))
    assert [p.stem for p in pages] == sorted(EXPECTED)
    hidden = [repr(a) for e in EXERCISES for c in hidden_cases(find(e), course.seed) for a in c.arguments]
    hidden = [text for text in hidden if len(text) > 6]
    for page in pages:
        text = html.unescape(page.read_text(encoding="utf-8"))
        assert not [h for h in hidden if h in text], page.name
        assert page.stem == "snoop" or str(course.folder) not in text  # it names the folder itself
    assert "cannot be read" in (pages[0].parent / "broken.html").read_text(encoding="utf-8")
    wrong = html.unescape((pages[0].parent / "wrong.html").read_text(encoding="utf-8"))
    assert "You seed with a fixed number" in wrong and "expected" in wrong
    release = course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8")
    assert str(course.seed) not in release.replace("execution", "") or course.seed < 100
    assert "BEGIN SOLUTION" not in release and "takewhile" not in release


# Those in which a cell, a name, a verdict or what stands beside it differs; an endless loop is one with or without cells.
EXPORTED = "right wrong half stripped reordered deleted renamed warns table syntax".split()


def test_the_same_grades_come_from_exported_py_files(graded: dict[str, Any], tmp_path: Path) -> None:
    """Catches a function that is found by its cell and not by its name, and a second way to judge."""
    course = graded["course"]
    shutil.copytree(
        course.folder,
        tmp_path / "class",
        ignore=shutil.ignore_patterns("submitted", "collected", "results", "reports"),
    )
    for student in EXPORTED:
        (tmp_path / "py" / student).mkdir(parents=True)
        (tmp_path / "py" / student / "exported.py").write_bytes(exported(graded["handed"][student]))
    lthkit(tmp_path, "collect", "py")
    lthkit(tmp_path, "run", "--jobs", "1")
    assert states(courses.load(tmp_path / "class")) == {s: states(course)[s] for s in EXPORTED}


# With nbgrader a submission takes a kernel and most of its time: these three have each kind of verdict; all on demand.
BY_NBGRADER = {"half", "table", "warns"}


@pytest.mark.skipif(not HAS_NBGRADER, reason='nbgrader is not installed: pip install -e ".[classroom]"')
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_the_same_grades_come_from_nbgraders_own_commands(
    graded: dict[str, Any], tmp_path: Path, every: bool
) -> None:
    """Catches points lost to a warning, a graded cell that judges in another way, and a blank that gets points."""
    course = graded["course"]
    folders = [tmp_path / "one", tmp_path / "two"] if every else [tmp_path / "one"]
    by_content: dict[bytes, str] = {}  # repaired alike, graded alike: one of them is enough
    for student in sorted(p.name for p in course.path("submitted").iterdir()):
        by_content.setdefault(submitted(course, LESSON, student).read_bytes(), student)
    students = sorted(by_content.values() if every else BY_NBGRADER)
    assert len(students) >= (12 if every else 3)
    for i, folder in enumerate(folders):
        shutil.copytree(course.folder, folder)
        for student in {p.name for p in (folder / "submitted").iterdir()} - set(students[i :: len(folders)]):
            shutil.rmtree(folder / "submitted" / student)
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(tmp_path / "jupyter"), "LTHKIT_TIER": "smoke"}
    command = [sys.executable, "-m", "nbgrader", "autograde", LESSON]
    running = [
        subprocess.Popen(
            command, cwd=f, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for f in folders
    ]
    said = [process.communicate()[0] for process in running]
    assert {p.returncode for p in running} == {0}, said
    points = {}
    for folder in folders:
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", "export"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        with open(folder / "grades.csv", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if Path(folder, "submitted", row["student_id"]).exists():
                    points[row["student_id"]] = float(row["raw_score"])
    assert points == {s: r.points for s, r in results(course).items() if s in students}


def test_what_was_graded_is_not_graded_again(graded: dict[str, Any]) -> None:
    """Catches a run that starts over, and one that does not see a new submission or a changed list of points."""
    course = graded["course"]
    again: list[str] = []
    grading.run(course, report=again.append)
    assert again == []
    record = course.path("collected", LESSON, "blank.json")
    before = record.read_bytes()
    record.write_bytes(before + b"\n")
    grading.run(course, report=again.append)
    record.write_bytes(before)
    assert len(again) == 1 and again[0].startswith("05, blank Blank Student: 0 of 6")


@pytest.mark.soak
def test_a_hundred_submissions(
    root: Path, patient: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Prints minutes (fifteen are the aim on two cores). Catches a crash and a loss."""
    extra = () if HAS_NBGRADER else ("--without-nbgrader",)
    real = Path(__file__).resolve().parents[2]
    lthkit(real, "stage", "05", "--class", str(tmp_path / "class"), *extra)
    course = courses.load(tmp_path / "class")
    release = json.loads(course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    handed = mixed(release, 100)
    for student, content in handed.items():
        (tmp_path / "handed" / student).mkdir(parents=True)
        (tmp_path / "handed" / student / f"{LESSON}.ipynb").write_bytes(content)
    begun = time.perf_counter()
    lthkit(tmp_path, "collect", "handed")
    lthkit(tmp_path, "run", "--jobs", "2")
    lthkit(tmp_path, "report")
    minutes = (time.perf_counter() - begun) / 60
    with capsys.disabled():
        print(f"\n100 submissions of {LESSON}: {minutes:.1f} minutes on 2 of {os.cpu_count()} cores")
    found = results(course)
    assert sorted(found) == sorted(handed)
    assert not [r.problem for r in found.values() if r.fault]


def test_the_wrong_answers_are_wrong() -> None:
    """The test above can fail: each wrong answer is another function than the right one."""
    assert len(set(WRONG.values())) == 4


@pytest.mark.skipif(not HAS_NBGRADER, reason='nbgrader is not installed: pip install -e ".[classroom]"')
def test_staging_works_without_the_environments_programs_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a first `stage` that fails where the environment is called by its path, because nbgrader looks for alembic."""
    root = course_root(tmp_path / "root")
    monkeypatch.setenv("PATH", os.defpath)
    assert shutil.which("alembic") is None or os.name == "nt"
    lthkit(root, "stage", "05", "--seed", "11")
    assert (root / "class" / "gradebook.db").stat().st_size > 0


def test_a_half_made_database_is_not_taken_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a second `stage` that reports success because the first, which failed, has left a database behind."""
    root = course_root(tmp_path / "root")

    def fails(command: list[str], *, cwd: Path, **_: Any) -> subprocess.CompletedProcess[str]:
        (Path(cwd) / "gradebook.db").write_bytes(b"half")
        return subprocess.CompletedProcess(command, 1, "", "ERROR no alembic")

    monkeypatch.setattr("lthkit.classroom.grading.stage.subprocess.run", fails)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.chdir(root)
    assert main(["grade", "stage", "05"]) != 0
    assert "no alembic" in capsys.readouterr().err
    assert not (root / "class" / "gradebook.db").exists()
