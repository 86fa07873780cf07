"""A student's copies: made once, never overwritten, found from any folder of the course."""

from __future__ import annotations

from pathlib import Path

import pytest

from lthkit.__main__ import main
from lthkit.classroom.start import course_folder, start

NOTEBOOK = '{"cells": [{"cell_type": "markdown", "source": ["# 03 · Training loops\\n", "text"]}]}'


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "notebooks").mkdir()
    for stem in ("03_training_loops", "04_iterative_pruning"):
        (tmp_path / "notebooks" / f"{stem}.ipynb").write_text(NOTEBOOK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTHKIT_RUNS", str(tmp_path / "runs"))  # the passport of this student alone
    return tmp_path


def test_a_copy_is_made_and_never_overwritten(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches: a second `start`, or an update of the course, that wipes out a student's work."""
    own = course / "my" / "03_training_loops.ipynb"
    assert main(["start", "03"]) == 0 and own.read_text(encoding="utf-8") == NOTEBOOK
    own.write_text("my work")
    (course / "notebooks" / "03_training_loops.ipynb").write_text("a new version")
    assert main(["start", "3"]) == 0 and own.read_text() == "my work"
    assert "stays as it is" in capsys.readouterr().out


def test_fresh_starts_over_beside_the_old_ones(course: Path) -> None:
    names = [start(course, "03", fresh=True).path.name for _ in range(3)]
    assert names == ["03_training_loops.ipynb", "03_training_loops-2.ipynb", "03_training_loops-3.ipynb"]
    assert not start(course, "03").new


def test_the_course_is_found_from_below(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (course / "my" / "deep").mkdir(parents=True)
    monkeypatch.chdir(course / "my" / "deep")
    assert course_folder() == course.resolve()
    assert main(["start", "04"]) == 0 and (course / "my" / "04_iterative_pruning.ipynb").exists()


def test_lessons_are_listed(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start", "04"]) == 0
    capsys.readouterr()
    assert main(["start"]) == 0
    lines = [line.split(maxsplit=5) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["copy", "passed", "lesson"],
        ["03", "-", "0", "of", "3", "03 · Training loops"],
        ["04", "begun", "0", "of", "4", "03 · Training loops"],
    ]


def test_a_slip_is_one_clear_line(
    course: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["start", "9"]) == 2
    assert "03_training_loops, 04_iterative_pruning" in capsys.readouterr().err
    (course / "my").write_text("a file in the way")
    assert main(["start", "03"]) == 2 and "Traceback" not in capsys.readouterr().err
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert main(["start", "03"]) == 2 and "not inside the course" in capsys.readouterr().err
