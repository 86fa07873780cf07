"""A class from the instructor's side: staging, cases of their own, what goes wrong, and graded cells."""

from __future__ import annotations

import csv
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lthkit.__main__ import main
from lthkit.classroom import grade_cell
from lthkit.classroom.exercises import find
from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import run as grading
from lthkit.classroom.grading.collected import read_record, record, students, submitted
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.hidden import own_cases, require_agreement
from lthkit.classroom.grading.judging import FromText, hidden_of, stand_in, verdict
from lthkit.classroom.grading.late import parse_time
from lthkit.classroom.grading.stage import stage
from lthkit.classroom.grading.workers import walled
from lthkit.classroom.running import Run
from tests.submissions import LESSON, RIGHT, filled, hand_in


@dataclass(frozen=True)
class Said:
    rc: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def command(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`lthkit grade ...` in the course's folder; `run` in this process, which draws the hidden cases of a course once."""
    monkeypatch.chdir(root)
    monkeypatch.setattr(grading, "_side_by_side", lambda tasks, jobs: (grading._graded(*t) for t in tasks))

    def give(*arguments: str) -> Said:
        extra = {"stage": ["--without-nbgrader"], "run": ["--jobs", "1"]}.get(arguments[0], [])
        rc = main(["grade", *arguments, *extra])
        return Said(rc, *capsys.readouterr())

    return give


# An instructor's own cases


def test_own_hidden_tests_count(root: Path, tmp_path: Path) -> None:
    """Catches a file that is copied and not used: the function is right but for the instructor's one case."""
    tests = tmp_path / "mine.py"
    tests.write_text('CASES = {"05.3": [([17, 18], [1.0, 0.5], 9)]}\n', encoding="utf-8")
    course = stage(root / "own", ["05"], root=root, seed=1, hidden_tests=tests, nbgrader=False)
    cunning = RIGHT["05.3"].replace(
        "    best = 0\n", "    if steps == [17, 18]:\n        return 0\n    best = 0\n", 1
    )
    exercise = find("05.3")
    with walled(course) as runner:
        answer = FromText(cunning, exercise.name, "<answer>")
        look = stand_in(cunning, exercise.name, "<answer>")
        found = verdict(
            exercise, look, hidden_of(course, exercise), 1.0, runner=lambda _, cases: runner(answer, cases)
        )
    assert found.state == "hidden" and "17" not in " ".join(found.lines)


@pytest.mark.parametrize(
    "text, why",
    [
        ("CASES = [1]\n", "defines no CASES"),
        ("1 / 0\n", "cannot be run: ZeroDivisionError"),
        ('CASES = {"05.9": [(1,)]}\n', "there is no exercise '05.9'"),
        ('CASES = {"05.3": [[1, 2, 3]]}\n', "05.3, call 1: a call is a tuple"),
        ('CASES = {"05.3": [([1], [1.0])]}\n', "cannot take these arguments"),
        ('CASES = {"05.3": ([1], [1.0], 1)}\n', r"expected a list of calls, \[\(.*, and this is tuple"),
        ('CASES = {"05.3": [(0, [1.0], 1)]}\n', "call 1: the reference itself stops on it \\(TypeError"),
        ("raise SystemExit\n", "cannot be run: SystemExit"),
    ],
)
def test_a_file_of_cases_that_is_wrong_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "hidden_tests.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=why):
        require_agreement(path)


def test_the_template_of_the_file_is_right_with_its_comments_taken_away(tmp_path: Path) -> None:
    from lthkit.classroom.grading.hidden import TEMPLATE

    (tmp_path / "hidden_tests.py").write_text(TEMPLATE.replace('    # "', '    "'), encoding="utf-8")
    assert require_agreement(tmp_path / "hidden_tests.py") == 2
    assert sorted(own_cases(tmp_path / "hidden_tests.py")) == ["00.1", "05.2"]


def test_cases_that_are_wrong_grade_nobody(course: Course, tmp_path: Path, command: Command) -> None:
    """Catches a slip of the instructor's that costs the whole class all points, and a path of theirs on a student's page."""
    assert command("collect", str(hand_in(course, tmp_path / "in", {"ada": "", "bo": ""}))).rc == 0
    course.path("hidden_tests.py").write_text("CASES = {\n", encoding="utf-8")
    said = command("run")
    assert said.rc == 2 and "cannot be run: SyntaxError" in said.err and "Nothing was graded" in said.err
    assert not course.path("results").exists() and command("report").rc == 2
    course.path("hidden_tests.py").write_text("CASES = {}\n", encoding="utf-8")
    assert command("run").rc == 0 and "05, ada: 4 of 4" in command("run", "--again").out


def test_a_fault_of_the_grading_is_no_grade(
    course: Course, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches 0 points for what is not the student's fault, a page that tells them of it, and a fault that stays."""
    command("collect", str(hand_in(course, tmp_path / "in", {"ada": "", "bo": ""})))
    assert command("run", "--jobs", "1").rc == 0 and command("report").rc == 0
    assert course.path("reports", LESSON, "feedback", "ada.html").exists()
    judged = grading.judged

    def failing(*arguments: Any) -> Any:
        raise OSError(28, "No space left on device", "/home/professor")

    monkeypatch.setattr(grading, "judged", failing)
    said = command("run", "--jobs", "1", "--again")
    assert said.rc == 1 and "2 not graded, by no mistake of theirs: ada, bo" in said.out
    said = command("report")
    assert said.rc == 0 and "0 graded, 2 without a grade" in said.out and "No space left" in said.out
    assert not list(course.path("reports", LESSON, "feedback").iterdir())
    with open(course.path("reports", LESSON, "grades.csv"), encoding="utf-8-sig") as file:
        assert [(row["total"], row["05.1"]) for row in csv.DictReader(file)] == [("", ""), ("", "")]
    monkeypatch.setattr(grading, "judged", judged)
    assert command("run", "--jobs", "1").out.count("4 of 4") == 2 and "2 graded" in command("report").out


def test_a_function_that_cannot_be_tried_is_no_wrong_one(course: Course) -> None:
    """Catches a machine without processes to spare that grades everybody 0."""
    with pytest.raises(RuntimeError, match="could not be started"):
        verdict(find("05.2"), table, (), 1.0, runner=lambda f, c: Run((), "start", "out of processes"))


# What comes again


def test_staging_again_keeps_what_is_not_given(root: Path, command: Command) -> None:
    """Catches points that fall back to 1 when a due time is set later, and a change that nobody is told of."""
    assert command("stage", "05", "--points", "05.4=3,05.1=2", "--late", "20,3").rc == 0
    said = command("stage", "05", "--due", "2020-01-01", "--points", "05.1=5")
    course = courses.load(root / "class")
    assert course.assignments[LESSON].points == {"05.1": 5, "05.2": 1, "05.3": 1, "05.4": 3}
    assert "05.1: 5 points, 2 before" in said.out and "05.4" not in said.out
    assert "which is past" in said.out and "Late work loses 20 %" in said.out
    assert course.path(".gitignore").read_text(encoding="utf-8").endswith("\n*\n")


def with_answers(course: Course, path: Path, answers: dict[str, str], at: str = "") -> Path:
    release = json.loads(course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(filled(release, answers)), encoding="utf-8")
    if at:
        path.with_name("timestamp.txt").write_text(at, encoding="utf-8")
    return path


def test_older_work_does_not_take_the_place_of_newer(
    course: Course, tmp_path: Path, command: Command
) -> None:
    """Catches an export of last week that is collected again and undoes this week's, or makes late work timely."""
    one = {"05.2": RIGHT["05.2"]}
    with_answers(course, tmp_path / "old" / "ada" / "a.ipynb", one, "2026-10-01 10:00")
    with_answers(course, tmp_path / "old" / "lovelacebo_7_8_x.ipynb", one)
    with_answers(course, tmp_path / "new" / "ada" / "a.ipynb", RIGHT, "2026-10-03 10:00")
    with_answers(course, tmp_path / "new" / "lovelacebo_LATE_7_9_x.ipynb", RIGHT)
    (tmp_path / "broken" / "ada").mkdir(parents=True)
    (tmp_path / "broken" / "ada" / "a.ipynb").write_text("{", encoding="utf-8")

    def there() -> list[tuple[str, int, bool]]:
        found = [read_record(record(course, LESSON, s)) for s in students(course, LESSON)]
        return [(c.time[:10], len(c.found), c.said_late) for c in found if c]

    old, new = [("2026-10-01", 1, False), ("", 1, False)], [("2026-10-03", 4, False), ("", 4, True)]
    assert command("collect", str(tmp_path / "old")).rc == 0 and there() == old
    said = command("collect", str(tmp_path / "new")).out
    assert there() == new and said.count("replaces ") == 2 and "kept as collected/" in said
    kept = course.path("collected", LESSON, "earlier", "ada-1.ipynb").read_text(encoding="utf-8")
    assert RIGHT["05.2"].split("\n")[1].strip() in kept and "drawn(w, generator)" not in kept
    said = command("collect", str(tmp_path / "old")).out
    assert there() == new and "it is older, of 2026-10-01 10:00" in said and "the platform calls late" in said
    said = command("collect", str(tmp_path / "broken")).out
    assert there() == new and "cannot be read" in said and "--replace" in said
    assert command("collect", str(tmp_path / "new")).out.count("replaces ") == 2  # of then; nothing new
    assert len(list(course.path("collected", LESSON, "earlier").iterdir())) == 2
    assert command("collect", str(tmp_path / "old"), "--replace").rc == 0 and there() == old


def test_two_files_without_a_time_are_for_the_instructor_to_choose(
    course: Course, tmp_path: Path, command: Command
) -> None:
    """Catches a date of copying that decides in silence which of two files counts."""
    with_answers(course, tmp_path / "in" / "ada" / "first.ipynb", RIGHT)
    with_answers(course, tmp_path / "in" / "ada" / "second.ipynb", {})
    assert "nothing says for sure which is the latest" in command("collect", str(tmp_path / "in")).out
    assert command("run").rc == 0
    assert "- ada: handed in more than once, and nothing says" in command("report").out


def test_a_roster_that_comes_later_is_followed(course: Course, tmp_path: Path, command: Command) -> None:
    """Catches a class in which everybody stands twice, once with grades and once with an id."""
    for name in ("Ada Lovelace_1_assignsubmission_file_", "Bo Li_2_assignsubmission_file_"):
        with_answers(course, tmp_path / "in" / name / "a.ipynb", RIGHT)
    command("collect", str(tmp_path / "in"))
    assert students(course, LESSON) == ["Ada_Lovelace_1", "Bo_Li_2"]
    command("run")
    course.path("roster.csv").write_text("id,name\n1001,Ada Lovelace\n1003,Max\n", encoding="utf-8")
    assert "05, 1001 Ada Lovelace: 4 of 4" in command("run").out
    course.path("results", LESSON, "1001.json").write_text(
        '{"student": "1001", "lesson": "05", "verdicts": []}'
    )
    course.path("results", LESSON, "Bo_Li_2.json").unlink()
    assert "for what it holds now: lthkit grade run" in command("report").err
    command("run")
    said = command("report").out
    assert students(course, LESSON) == ["1001", "Bo_Li_2"] and "- Bo_Li_2: not in the roster." in said
    assert sorted(p.stem for p in course.path("reports", LESSON, "feedback").iterdir()) == ["1001", "Bo_Li_2"]
    assert not course.path("submitted", "Ada_Lovelace_1").exists()
    assert submitted(course, LESSON, "1001").exists() and "- 1003: nothing handed in" in said
    assert "replaces" not in command("collect", str(tmp_path / "in")).out


def test_a_roster_that_comes_later_loses_no_earlier_work(
    course: Course, tmp_path: Path, command: Command
) -> None:
    """Catches a new id that takes a student's notebook along and leaves what it had replaced to be deleted."""
    for answers in ({}, RIGHT):
        with_answers(course, tmp_path / "in" / "Ada Lovelace_1_assignsubmission_file_" / "a.ipynb", answers)
        command("collect", str(tmp_path / "in"))
    course.path("roster.csv").write_text("id,name\n1001,Ada Lovelace\n", encoding="utf-8")
    said = command("collect", str(tmp_path / "in")).out
    assert f"kept as collected/{LESSON}/earlier/1001-1.ipynb" in said
    assert [p.name for p in course.path("collected", LESSON, "earlier").iterdir()] == ["1001-1.ipynb"]


def test_a_file_belongs_to_the_lesson_that_is_in_it(course: Course, tmp_path: Path, command: Command) -> None:
    """Catches another lesson's notebook that takes the place of this one's, by its name or in the same folder."""
    two = Path(__file__).resolve().parents[2] / "notebooks" / "02_masks.ipynb"
    with_answers(course, tmp_path / "in" / "ada" / "a.ipynb", RIGHT)
    for name in ("02_masks.ipynb", "05_winning_tickets.ipynb"):
        (tmp_path / "in" / "ada" / name).write_bytes(two.read_bytes())
    said = command("collect", str(tmp_path / "in")).out
    assert said.count("it holds the functions of lesson 02, which is not staged") == 2
    assert "05, ada: 4 answered\n" in said
    assert "named like lesson 05" not in said and "more than once" not in said


def test_a_time_that_cannot_be_read_is_told(course: Course, tmp_path: Path, command: Command) -> None:
    """Catches late work that counts as timely since somebody wrote the time in their own way."""
    with_answers(course, tmp_path / "in" / "ada" / "a.ipynb", RIGHT, "22/11/2026 6pm")
    said = command("collect", str(tmp_path / "in")).out
    assert "left aside: in/ada/timestamp.txt: '22/11/2026 6pm' is not a time" in said.replace(
        "aside: ada", "aside: in/ada"
    )


def test_dates_tell_the_older_file_where_nobody_else_does(
    course: Course, tmp_path: Path, command: Command
) -> None:
    """Catches an export of last week that undoes this week's, and one without any sign that is taken in silence."""
    one = {"05.2": RIGHT["05.2"]}
    path = with_answers(course, tmp_path / "in" / "ada" / "a.ipynb", RIGHT)
    os.utime(path, (2e9, 2e9))
    command("collect", str(tmp_path / "in"))
    os.utime(with_answers(course, path, one), (1e9, 1e9))
    said = command("collect", str(tmp_path / "in")).out
    assert "its date is older, 2001-09-0" in said and "--replace" in said
    os.utime(path, (2.1e9, 2.1e9))
    assert "though nothing says for sure" in command("collect", str(tmp_path / "in")).out
    command("run")
    assert "- ada: replaces" in command("report").out


def test_the_dates_in_zip_files_are_believed(course: Course, tmp_path: Path, command: Command) -> None:
    """Catches an alarm for each resubmission of a whole class, and a date within the free minutes that is called late."""
    for name, answers, at in (("a", {}, (2026, 10, 1, 9, 0, 0)), ("b", RIGHT, (2026, 10, 2, 0, 10, 0))):
        content = with_answers(course, tmp_path / f"{name}.ipynb", answers).read_bytes()
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo("Ada_1_assignsubmission_file_/x.ipynb", at), content)
        said = command("collect", str(tmp_path / f"{name}.zip")).out
    assert "4 answered; replaces" in said and "for sure" not in said and "after the due time" not in said
    said = command("collect", str(tmp_path / "a.zip")).out
    assert "left aside" in said and "its date is older, 2026-10-01 09:00" in said


def test_the_same_error_of_many_is_shown(course: Course, tmp_path: Path, command: Command) -> None:
    """Catches an error that lies in the lesson or in the grading and costs a whole class its points in silence."""
    broken = RIGHT | {
        "05.2": "def matching_density(densities, ticket, dense):\n    return nowhere(densities)\n"
    }
    for name in ("ada", "bo", "li"):
        with_answers(course, tmp_path / "in" / name / "a.ipynb", broken)
    command("collect", str(tmp_path / "in"))
    command("run")
    said = command("report").out
    assert "- 05.2, 3 of 3: It stopped with NameError: name 'nowhere' is not defined" in said
    assert "- 05.2: 3 functions end in the same error. Is it theirs, or the lesson's?" in said


def test_strays_can_be_left_aside_or_forgotten(course: Course, tmp_path: Path, command: Command) -> None:
    """Catches a colleague's trial in the list of grades, and a page that stays when its student is gone."""
    course.path("roster.csv").write_text("id,name\nada,Ada\n", encoding="utf-8")
    folder = str(hand_in(course, tmp_path / "in", {"ada": "", "ada-1": "", "trial": ""}))
    assert (
        "left aside: trial/05_winning_tickets.ipynb: trial is not in the roster"
        in command("collect", folder, "--roster-only").out
    )
    assert students(course, LESSON) == ["ada"]
    assert "not in the roster: ada-1, trial" in command("collect", folder).out
    assert command("run").rc == 0 and command("report").rc == 0
    pages = course.path("reports", LESSON, "feedback")
    assert sorted(p.stem for p in pages.iterdir()) == ["ada", "ada-1", "trial"]
    earlier = course.path("collected", LESSON, "earlier")
    earlier.mkdir()
    for name in ("trial-1", "trial-2", "ada-1-1", "ada-1"):
        (earlier / f"{name}.ipynb").touch()
    assert f"trial: forgotten in {LESSON}" in command("collect", "--forget", "trial").out
    assert sorted(p.stem for p in earlier.iterdir()) == ["ada-1", "ada-1-1"]
    assert students(course, LESSON) == ["ada", "ada-1"] and not course.path("submitted", "trial").exists()
    assert command("report").rc == 0 and sorted(p.stem for p in pages.iterdir()) == ["ada", "ada-1"]
    said = command("collect", "--forget", "trial")
    assert said.rc == 2 and "there is something of ada, ada-1" in said.err
    course.path("roster.csv").unlink()
    assert "--roster-only needs a list" in command("collect", folder, "--roster-only").err
    assert "nothing was given" in command("collect").err
    (tmp_path / "empty").mkdir()
    assert "has no notebook and no .py file" in command("collect", str(tmp_path / "empty")).err


def test_a_gradebook_on_the_command_line(course: Course, tmp_path: Path, command: Command) -> None:
    """Catches a file that is changed in place, and a slip that ends in a traceback."""
    command("collect", str(hand_in(course, tmp_path / "in", {"ada": ""})))
    command("run")
    book = tmp_path / "book.csv"
    book.write_text("id,Quiz\nada,\n", encoding="utf-8")
    said = command("report", "--gradebook", str(book), "--column", "Quiz")
    assert said.rc == 0 and "gradebook: 'Quiz' (a column of the file): 1 grades, 0 of them" in said.out
    assert book.read_text(encoding="utf-8") == "id,Quiz\nada,\n"
    assert (
        course.path("reports", LESSON, "gradebook-book.csv").read_text(encoding="utf-8") == "id,Quiz\nada,4\n"
    )
    for options, why in (
        (("--column", "Quiz"), "give it with --gradebook"),
        (("--gradebook", str(book), "--column", "Q"), "has no column 'Q'"),
        (("--gradebook", str(tmp_path / "no.csv")), "there is no gradebook"),
    ):
        said = command("report", *options)
        assert said.rc == 2 and why in said.err and said.err.count("\n") == 1


# Staging and graded cells


def test_two_sections_have_other_cases_and_a_second_stage_keeps_the_seed(root: Path) -> None:
    """Catches a seed that is drawn anew under the submissions, and two sections with the same cases."""
    one, two = (stage(root / n, ["05"], root=root, nbgrader=False) for n in ("a", "b"))
    again = stage(
        root / "a", ["05"], root=root, points={"05.1": 2}, due=parse_time("2026-10-01"), nbgrader=False
    )
    assert one.seed == again.seed != two.seed and again.assignments[LESSON].points["05.1"] == 2
    kept_due = stage(root / "a", ["05"], root=root, nbgrader=False)
    assert (
        kept_due.assignments[LESSON].due == parse_time("2026-10-01") and courses.load(root / "a") == kept_due
    )
    cases = [[repr(c.arguments) for c in hidden_of(c, find("05.2"))] for c in (one, two)]
    assert cases[0] != cases[1]
    with pytest.raises(ValueError, match="another section needs another folder"):
        stage(root / "a", ["05"], root=root, seed=again.seed + 1, nbgrader=False)


def test_students_get_neither_solutions_nor_the_seed(course: Course) -> None:
    release = course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in release and "takewhile" not in release and "smallest = 1.0" not in release
    assert release.count("your code goes here") == 4 and "grade_cell" in release
    source = course.path("source", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8")
    assert source.count("### BEGIN SOLUTION") == 4 and "smallest = 1.0" in source


def table(densities: Any, ticket: Any, dense: Any) -> float:
    known = {repr(c.arguments): find("05.2").reference(*c.arguments) for c in find("05.2").cases}
    return known.get(repr((densities, ticket, dense)), 1.0)


def test_a_graded_cell_knows_the_class_around_it(
    course: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Catches a graded cell that judges by visible cases where hidden ones are, and one that needs them where none are."""
    right: Callable[..., Any] = find("05.2").alternatives[0]
    monkeypatch.delenv(courses.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert [grade_cell("05.2", f) for f in (right, table)] == [1.0, 1.0]
    monkeypatch.chdir(course.path("source"))
    assert [grade_cell("05.2", f) for f in (right, table)] == [1.0, 0.0]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(courses.VARIABLE, str(course.folder))
    assert grade_cell("05.2", table) == 0.0
    assert "not on others of the same kind" in capsys.readouterr().out
    monkeypatch.setenv(courses.VARIABLE, str(tmp_path / "gone"))
    assert grade_cell("05.2", right) == 0.0 and "could not be checked" in capsys.readouterr().out


ERRORS = (
    (("run",), "is not a staged class"),
    (("stage", "77"), "there is no lesson '77'"),
    (("stage", "05", "--due", "soon"), "is not a time"),
    (("stage", "05", "--points", "05.1"), "write exercise=points"),
    (("stage", "05", "--points", "05.1=0"), "expected more than 0"),
    (("stage", "05", "--points", "01.1=2"), "is not among those staged"),
    (("stage", "05", "--late", "x"), "write PERCENT,DAYS"),
    (("stage", "05", "--late", "120,3"), "expected 0 to 100 %"),
    (("stage", "05", "--hidden-tests", "nope.py"), "there is no file nope.py of hidden tests"),
    (("collect", "nothing.zip", "--class", "class"), "is not a staged class"),
)


@pytest.mark.parametrize("arguments, said", ERRORS, ids=range(len(ERRORS)))
def test_an_error_is_one_line(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    """Catches a traceback in front of an instructor."""
    monkeypatch.chdir(root)
    assert main(["grade", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1 and not os.path.exists("class/source")


def test_an_error_in_a_class_is_one_line_too(
    course: Course, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    for arguments, said in (
        (["collect", "nothing.zip"], "there is no nothing.zip"),
        (["run"], "there are no submissions"),
        (["report"], "there are no grades in"),
        (["run", "--lesson", "06"], "was not staged"),
    ):
        assert main(["grade", *arguments]) == 2
        assert said in capsys.readouterr().err
    course.path("course.json").write_text('{"format": 1}', encoding="utf-8")
    assert main(["grade", "run"]) == 2 and "cannot be read" in capsys.readouterr().err
