"""The wall, the late rule, lists of students, gradebooks, an instructor's own cases, and graded cells in a class."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lthkit.__main__ import main
from lthkit.classroom import grade_cell
from lthkit.classroom.exercises import find
from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import roster as rosters
from lthkit.classroom.grading import wall
from lthkit.classroom.grading.collect import collect
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.hidden import own_cases, require_agreement
from lthkit.classroom.grading.judging import FromText, hidden_of, stand_in, verdict
from lthkit.classroom.grading.late import LateRule, days_late, kept, parse_time
from lthkit.classroom.grading.report import report
from lthkit.classroom.grading.run import run
from lthkit.classroom.grading.stage import stage
from lthkit.classroom.grading.workers import walled
from tests.submissions import LESSON, RIGHT, course_root, filled


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return course_root(tmp_path / "course")


@pytest.fixture
def course(root: Path) -> Course:
    return stage(root / "class", ["05"], root=root, due=parse_time("2026-10-01"), seed=1, nbgrader=False)


def handed_in(course: Course, folder: Path, students: dict[str, str]) -> Path:
    """Right submissions, each with a time as nbgrader writes it ("" for none)."""
    release = json.loads(course.path("release", LESSON, f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    for student, at in students.items():
        (folder / student).mkdir(parents=True)
        (folder / student / f"{LESSON}.ipynb").write_text(
            json.dumps(filled(release, RIGHT)), encoding="utf-8"
        )
        if at:
            local = datetime.fromisoformat(at).astimezone()
            (folder / student / "timestamp.txt").write_text(
                local.strftime("%Y-%m-%d %H:%M:%S %z"), encoding="utf-8"
            )
    return folder


# The wall


def in_a_wall(course: Course, code: str) -> Any:
    """What a submission's function `f` returns, or the name of what it raised."""
    from lthkit.classroom.exercises import Case

    with walled(course) as runner:
        done = runner(FromText(code, "f", "<f>"), (Case((0,)),))
    assert done.calls, (done.stopped, done.detail)
    return done.calls[0].raised.kind if done.calls[0].raised else done.calls[0].value


LOOKS = {
    "the seed": "def f(x):\n    return open({course!r} + '/course.json').read()",
    "a neighbour": "import os\ndef f(x):\n    return os.listdir({course!r} + '/source')",
    "a program": "import subprocess\ndef f(x):\n    return subprocess.run(['cat', {course!r} + '/course.json'], capture_output=True, check=True).stdout.decode()",
    "a link": "import os\ndef f(x):\n    os.symlink({course!r}, 'l')\n    return open('l/course.json').read()",
}


@pytest.mark.parametrize("code", LOOKS.values(), ids=LOOKS.keys())
def test_a_submission_sees_nothing_of_the_class(course: Course, code: str) -> None:
    """Catches a wall with a door: an absolute path, a link, another program."""
    assert in_a_wall(course, code.format(course=str(course.folder))) in (
        "PermissionError",
        "CalledProcessError",
    )


@pytest.mark.skipif(wall.kind() != "kernel", reason="this system has no Landlock")
def test_the_kernels_wall_closes_the_rest_too(course: Course, tmp_path: Path) -> None:
    """Catches a home that can be read, a file outside that can be written, and a network."""
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    assert (
        in_a_wall(course, f"def f(x):\n    return open({str(tmp_path / 'secret')!r}).read()")
        == "PermissionError"
    )
    assert in_a_wall(course, f"def f(x):\n    open({str(tmp_path / 'new')!r}, 'w')") == "PermissionError"
    assert in_a_wall(
        course, "import socket\ndef f(x):\n    socket.create_connection(('127.0.0.1', 9), 2)"
    ) in (
        "PermissionError",
        "ConnectionRefusedError",
    )
    assert not (tmp_path / "new").exists()


def test_without_the_kernel_python_holds_a_fence(course: Course, tmp_path: Path) -> None:
    """Catches a hook that lets through what it should not, or stops what every program needs."""
    (tmp_path / "own").mkdir()
    code = (
        "import sys, os, json\nfrom pathlib import Path\nfrom lthkit.classroom.grading import wall\n"
        f"course = Path({str(course.folder)!r})\nwall._by_python([course])\nimport statistics, torch\n"
        "open('here', 'w').write('x')\ntorch.ones(3).sum()\n"
        "def refused(f):\n    try:\n        f()\n    except PermissionError:\n        return True\n"
        "assert refused(lambda: open(course / 'course.json'))\nassert refused(lambda: os.listdir(course))\n"
        "assert refused(lambda: os.listdir(course.parent))\nassert refused(lambda: os.system('true'))\n"
        "os.listdir('.')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "own", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_submission_starts_in_an_empty_folder_that_is_gone_after(course: Course) -> None:
    """Catches a folder that the next submission finds, and an environment that names the instructor."""
    code = (
        "import os\ndef f(x):\n    open('note', 'w').write('for my friend')\n"
        "    return [os.getcwd(), sorted(os.listdir('.')), os.path.expanduser('~'), sorted(os.environ)]"
    )
    folder, files, home, names = in_a_wall(course, code)
    assert files == ["note"] and home == folder and not Path(folder).exists()
    assert not {"USER", "LOGNAME", courses.VARIABLE, wall.VARIABLE, "SSH_AUTH_SOCK", "VIRTUAL_ENV"} & set(
        names
    )
    assert in_a_wall(course, code)[0] != folder


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_what_a_submission_started_ends_with_it(course: Course) -> None:
    """Catches a program that goes on after the submission was graded, and one that holds the grading up."""
    code = "import os, time\ndef f(x):\n    child = os.fork()\n    if child == 0:\n        {}time.sleep(40)\n        os._exit(0)\n    return child"
    begun = time.monotonic()
    child = in_a_wall(course, code.format(""))
    stat = Path(f"/proc/{child}/stat")
    while stat.exists() and stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < begun + 30
        time.sleep(0.1)
    begun = time.monotonic()
    in_a_wall(course, code.format("os.setsid(); "))  # out of the group
    assert time.monotonic() < begun + 30


# Judging a text


def test_a_function_from_text_is_judged_like_the_function(course: Course) -> None:
    """Catches parameters, a blank or a line number that get lost on the way."""
    exercise = find("05.3")

    def judged(code: str) -> Any:
        with walled(course) as runner:
            answer = FromText(code, exercise.name, "<answer 05.3>")
            look = stand_in(code, exercise.name, "<answer 05.3>")
            return verdict(
                exercise,
                look,
                hidden_of(course, exercise),
                2.0,
                runner=lambda _, cases: runner(answer, cases),
            )

    assert judged(RIGHT["05.3"]).points == 2.0
    assert "It should take the parameters" in judged("def early_stop_step(steps):\n    return 1").lines[0]
    assert (
        judged(
            "def early_stop_step(steps, losses, patience=3, *, f=None):\n    raise NotImplementedError"
        ).state
        == "blank"
    )
    failing = judged(
        "import math\n\ndef early_stop_step(steps, losses, patience):\n    a = 1\n    return a / 0"
    )
    assert "(line 3 of the function, `return a / 0`)" in " ".join(failing.lines)
    assert "No module named 'nowhere'" in " ".join(judged("import nowhere\n" + RIGHT["05.3"]).lines)
    more = (
        RIGHT["05.3"]
        .replace("patience)", "patience, *, loud=False)")
        .replace("losses, patience", "losses, patience=9")
    )
    assert (
        judged(more).points == 2.0
        and judged(RIGHT["05.3"].replace("patience)", "patience, loud=False)", 1)).points == 2.0
    )
    assert judged("early_stop_step = 5").state == "wrong"
    assert judged("import functools\n@functools.cache\ndef g(): return 1\n" + RIGHT["05.3"]).points == 2.0
    assert judged("import random, torch\nrandom.seed(1)\nX = torch.rand(3)\n" + RIGHT["05.3"]).points == 2.0
    lying = "class Yes:\n    def __eq__(self, other): return True\ndef early_stop_step(s, l, p): return Yes()"
    assert judged(lying).points == 0.0


def test_what_a_definition_draws_changes_no_later_number() -> None:
    """Catches a constant drawn beside the function, after which the function itself draws other numbers than its neighbour's."""
    from lthkit.classroom import running

    code = "import random, torch\ndef f(x):\n    return [torch.rand(1).item(), random.random()]"
    drawn = code.replace("\n", "\nX = torch.rand(3), random.random()\n", 1)
    one, two = (running.read(running.call(FromText(c, "f", "<f>"), (0,))) for c in (code, drawn))
    assert one.value == two.value


# Late


def test_the_late_rule() -> None:
    """Catches a minute that costs a day, a day that is counted twice, and work that is worth less than nothing."""
    rule, due = LateRule(10, 3, 15), parse_time("2026-10-01")
    assert due == datetime(2026, 10, 1, 23, 59, 59)

    def days(text: str, extension: int = 0) -> int:
        return days_late(rule, due, datetime.fromisoformat(text), extension=extension)

    assert [days("2026-10-01 12:00"), days("2026-10-02 00:14"), days("2026-10-02 00:16")] == [0, 0, 1]
    assert [days("2026-10-03 12:00"), days("2026-10-03 12:00", 1), days("2026-10-03 12:00", 2)] == [2, 1, 0]
    assert [kept(rule, d) for d in (0, 1, 3, 4)] == [1.0, 0.9, 0.7, 0.0]
    assert kept(LateRule(60, 5), 2) == 0.0
    assert days_late(rule, None, due) == days_late(rule, due, None) == 0
    with pytest.raises(ValueError, match="is not a time"):
        parse_time("next week")


# Lists


@pytest.mark.parametrize(
    "text, asked, expected",
    [
        (
            "First name,Last name,ID number,Email address\nAda,Lovelace,s1,ada@x.org\n",
            ("Ada Lovelace",),
            "s1",
        ),
        ('Student,ID,SIS User ID\n"Lovelace, Ada",77,s1\n', ("77", "lovelaceada"), "77"),
        ("id;first_name;last_name\ns1;Ada;Lovelace\n", ("lovelaceada",), "s1"),
        ("name\temail\nÁda Lovelace\ta.l@x.org\n", ("ada lovelace",), "a.l"),
        ("id,name\ns1,Ada\ns2,Ada\n", ("Ada",), None),
        ("id,name\ns1,Ada\n", ("Bo", "x"), None),
    ],
)
def test_a_roster_of_any_platform(
    tmp_path: Path, text: str, asked: tuple[str, ...], expected: str | None
) -> None:
    """Catches a heading that is not known, and a student who is taken for another of the same name."""
    (tmp_path / "roster.csv").write_text(text, encoding="utf-8-sig")
    found = rosters.read(tmp_path / "roster.csv").find(*asked)
    assert (found.id if found else None) == expected


def test_a_roster_that_says_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text("colour,size\nred,3\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no column id, name or email"):
        rosters.read(tmp_path / "roster.csv")


def test_late_work_and_a_gradebook(course: Course, tmp_path: Path) -> None:
    """Catches points that a late rule takes twice, an extension that does not count, and a row that is filled wrongly."""
    course.path("roster.csv").write_text(
        "id,name,extension\nada,Ada Lovelace,\nbo,Bo,2\nli,=Li Wei,\nmax,Max,\n", encoding="utf-8"
    )
    times = {"ada": "2026-10-03 12:00", "bo": "2026-10-03 12:00", "li": ""}
    collect(course, [handed_in(course, tmp_path / "in", times)])
    assert [r.note() for r in _rows(course) if r.student.id == "ada"] == [
        "not graded since it was collected: lthkit grade run"
    ]
    run(course, jobs=1)
    (tmp_path / "canvas.csv").write_text(
        "Student,ID,05_winning_tickets (991),Other\nPoints Possible,,10,\nAda Lovelace,1,,3\nBo,2,,4\nStranger,3,,\n",
        encoding="utf-8",
    )
    written = report(course, gradebook=tmp_path / "canvas.csv")[0]
    with open(written.grades, encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert [
        (rows[s]["total"], rows[s]["days late"], rows[s]["after late rule"]) for s in ("ada", "bo", "li")
    ] == [
        ("4", "2", "3.2"),
        ("4", "0", "4"),
        ("4", "0", "4"),
    ]
    assert rows["li"]["name"] == "'=Li Wei" and rows["max"]["total"] == ""
    assert written.gradebook is not None and written.unplaced == ("li",)
    filled_in = written.gradebook.read_text(encoding="utf-8").splitlines()
    assert filled_in[0] == "Student,ID,05_winning_tickets (991),Other"
    assert filled_in[2:] == ["Ada Lovelace,1,3.2,3", "Bo,2,4,4", "Stranger,3,,"]
    assert "2 days late: 4 points become 3.2" in written.feedback[0].read_text(encoding="utf-8")
    assert "Late work loses 10 % of its points for each day begun" in written.text


def _rows(course: Course) -> Any:
    from lthkit.classroom.grading.report import rows

    return rows(course, course.assignments[LESSON], rosters.read(course.path("roster.csv")))


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
        (["run", "--lesson", "06"], "was not staged"),
        (["report", "--gradebook", "none.csv"], "there is no gradebook"),
    ):
        assert main(["grade", *arguments]) == 2
        assert said in capsys.readouterr().err
    course.path("course.json").write_text('{"format": 1}', encoding="utf-8")
    assert main(["grade", "run"]) == 2 and "cannot be read" in capsys.readouterr().err
