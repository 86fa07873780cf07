"""The instructor's guide: its commands work as they stand, its numbers are those of the lessons, its links lead somewhere."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lthkit.__main__ import main
from lthkit.classroom.exercises import of_lesson
from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import roster as rosters
from lthkit.classroom.grading.judging import RULE
from lthkit.classroom.grading.late import LateRule
from lthkit.classroom.grading.stage import stage
from tests.submissions import LESSON, RIGHT, course_root, filled

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "solutions" / "README.md").read_text(encoding="utf-8")
BLOCKS = [b.splitlines() for b in re.findall(r"^ *```bash\n(.*?)^ *```", GUIDE, re.MULTILINE | re.DOTALL)]


@pytest.mark.skipif(
    importlib.util.find_spec("nbgrader") is None,
    reason='nbgrader is not installed: pip install -e ".[classroom]"',
)
def test_the_commands_of_the_guide_work_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a command that only its author could give: all of them, in order, in a course with one submission."""
    root = course_root(tmp_path / "course")
    course = stage(tmp_path / "for the students", ["05"], root=root, nbgrader=False)
    release = json.loads(course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    for name in ("submissions", "evening"):
        with zipfile.ZipFile(root / f"{name}.zip", "w") as archive:
            archive.writestr(
                "Ada Lovelace_1_assignsubmission_file_/a.ipynb", json.dumps(filled(release, RIGHT))
            )
    monkeypatch.chdir(root)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    given = 0
    for command in [shlex.split(line) for block in BLOCKS for line in block]:
        given += 1
        if command[0] == "lthkit":
            assert main(command[1:]) == 0, command
        elif command[0] == "cd":
            monkeypatch.chdir(command[1])
        else:
            done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
            assert done.returncode == 0, (command, done.stderr)
    assert given == 11 and Path.cwd() == root / "class"
    for name in ("class", "evening"):
        grades = (root / name / "reports" / LESSON / "grades.csv").read_text(encoding="utf-8")
        assert "Ada Lovelace,1,1,1,1,4,4" in grades
    assert courses.load(root / "evening").section == "Tuesday evening"
    assert list((root / "class" / "feedback").rglob("*.html"))


def test_the_plan_has_the_lessons_minutes() -> None:
    """Catches a plan that is older than the lessons: minutes, what the computer needs, number of exercises."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d+ \| (\d\d) [^|]+\| (\d+) \| ([^|]+) \| (\d+) \|", GUIDE, re.MULTILINE)
    sources = {p.stem[:2]: p for p in (ROOT / "solutions").glob("[0-9][0-9]_*.py")}
    assert [row[0] for row in rows] == sorted(sources)
    for number, minutes, computer, exercises in rows:
        told = re.search(r"\*\*Time:\*\* about (\d+) minutes", sources[number].read_text(encoding="utf-8"))
        assert told and told[1] == minutes, number
        assert re.search(rf"^\| {number} \| .* \| {re.escape(computer)} \|$", readme, re.MULTILINE), (
            number,
            computer,
        )
        assert int(exercises) == len(of_lesson(number)), number


def minutes_of(number: str) -> int:
    (source,) = (ROOT / "solutions").glob(f"{number}_*.py")
    told = re.search(
        r"\*\*Time:\*\* about (\d+) minutes", " ".join(source.read_text(encoding="utf-8").split())
    )
    assert told
    return int(told[1])


def test_the_twelve_weeks_have_every_lesson_once_and_its_hours() -> None:
    """Catches a week whose lessons are not those of the table above it, or hours that are older than the lessons."""
    weeks = re.findall(r"^\| (\d+) \| lessons? ([\d, ]+) \| ([\d.]+) \|", GUIDE, re.MULTILINE)
    assert [int(week) for week, _, _ in weeks] == list(range(1, 13))
    found = {number: week for week, lessons, _ in weeks for number in lessons.split(", ")}
    above = {
        number: week
        for week, number in re.findall(r"^\| (\d+) \| (\d\d) [^|]+\| \d+ \|", GUIDE, re.MULTILINE)
    }
    assert found == above
    for _, lessons, hours in weeks:
        assert float(hours) == pytest.approx(sum(map(minutes_of, lessons.split(", "))) / 60, abs=0.051), (
            lessons
        )


def test_the_two_days_have_the_lessons_minutes() -> None:
    days = re.findall(r"^\| day \d, \w+ \| lessons ([\d, ]+) \| (\d+) \|", GUIDE, re.MULTILINE)
    assert len(days) == 3
    for lessons, minutes in days:
        assert int(minutes) == sum(map(minutes_of, lessons.split(", "))), lessons
    example = (ROOT / "solutions" / "capstone_example.py").read_text(encoding="utf-8")
    assert "**Time:** about 40 minutes" in " ".join(example.replace("\n#", "").split())
    assert "| the worked example of the capstone, read together | 40 |" in GUIDE


def test_the_rubric_has_four_levels_and_a_hundred_points() -> None:
    table = GUIDE.split("### Points")[1].split("\n\n")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert rows[0][2:] == ["missing (0)", "begun (a third)", "good (two thirds)", "very good (all)"]
    assert all(len(row) == 6 and all(row) for row in rows[2:])
    assert sum(int(row[1]) for row in rows[2:]) == 100


def test_the_rules_in_the_guide_are_those_of_the_code() -> None:
    told, rule = " ".join(GUIDE.split()), LateRule()
    assert (
        f"loses {rule.percent_per_day:g} % of its points for each day begun, and all after {rule.days} days"
        in told
    )
    assert f"the first {rule.grace_minutes} minutes are free" in told
    assert "gives all of its points if" in RULE and "gives all of its points if" in told


def test_the_roster_of_the_guide_is_one(tmp_path: Path) -> None:
    """Catches headings in the guide that are not read."""
    lines = re.search(r"^  ```\n(.*?)^  ```", GUIDE, re.MULTILINE | re.DOTALL)
    assert lines
    (tmp_path / "roster.csv").write_text(lines[1].replace("  ", ""), encoding="utf-8")
    found = rosters.read(tmp_path / "roster.csv").students
    assert [(s.id, s.name, s.extension) for s in found.values()] == [
        ("1001", "Ada Lovelace", 0),
        ("1002", "Li Wei", 2),
    ]


def test_links_of_the_guide_resolve_and_the_readme_points_here() -> None:
    for target in re.findall(r"\]\(([^)#]+)", GUIDE):
        assert (ROOT / "solutions" / target).exists(), target
    assert "(solutions/README.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_options_named_in_the_guide_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches an option that was renamed in the code."""
    helps = ""
    for step in ("stage", "collect", "run", "report"):
        with pytest.raises(SystemExit):
            main(["grade", step, "--help"])
        helps += capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["audit", "--help"])
    helps += capsys.readouterr().out
    for option in re.findall(r"(?<=[` ])(--[a-z-]+)", GUIDE.replace("`--force`", "")):
        assert option in helps, option
