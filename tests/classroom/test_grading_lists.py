"""The late rule, lists of students, and gradebooks of platforms."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lthkit.classroom.grading import roster as rosters
from lthkit.classroom.grading.collect import collect
from lthkit.classroom.grading.course import Assignment, Course
from lthkit.classroom.grading.gradebook import fill
from lthkit.classroom.grading.late import LateRule, days_late, kept, parse_time
from lthkit.classroom.grading.report import fill_gradebook, report
from lthkit.classroom.grading.roster import Student
from lthkit.classroom.grading.run import run
from tests.submissions import LESSON, hand_in

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
    for wrong in (120, 5), (-1, 5), (10, -1):
        with pytest.raises(ValueError, match="expected 0 to 100 %"):
            LateRule(*wrong)
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
        ('Student,ID,SIS User ID\n"Lovelace, Ada",77,s1\n', ("77",), "s1"),
        ("id;first_name;last_name\ns1;Ada;Lovelace\n", ("lovelaceada",), "s1"),
        ("name\temail\nÁda Lovelace\ta.l@x.org\n", ("ada lovelace",), "a.l"),
        ("id,name\ns1,Ada\ns2,Ada\n", ("Ada",), None),
        ("id,name\ns1,Ada\n", ("Bo", "x"), None),
        ("id,username,ID number\n7,ada,s1\n", ("7",), "s1"),
    ],
)
def test_a_roster_of_any_platform(
    tmp_path: Path, text: str, asked: tuple[str, ...], expected: str | None
) -> None:
    """Catches a heading that is not known, and a student who is taken for another of the same name."""
    (tmp_path / "roster.csv").write_text(text, encoding="utf-8-sig")
    found = rosters.read(tmp_path / "roster.csv").find(*asked)
    assert (found.id if found else None) == expected


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Lovelace_Ada_5", "s1"),
        ("hw5 1002", "1002"),
        ("Ada", None),
        ("Ada Lovelace Bo Li", None),
        ("s1 hw", None),
        ("10021", None),
    ],
)
def test_a_student_in_the_name_of_a_file(name: str, expected: str | None) -> None:
    """Catches a student who is taken for another one since a name begins like theirs."""
    found = rosters.Roster([ADA, Student("1002", "Bo Li")]).guess(name)
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
    collect(course, [hand_in(course, tmp_path / "in", times)])
    assert [r.note() for r in _rows(course) if r.student.id == "ada"] == [
        "not graded since it was collected: lthkit grade run"
    ]
    run(course, jobs=1)
    written = report(course)[0]
    content = written.grades.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")  # else Excel shows other letters
    with open(written.grades, encoding="utf-8-sig") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert [
        (rows[s]["total"], rows[s]["days late"], rows[s]["after late rule"]) for s in ("ada", "bo", "li")
    ] == [
        ("4", "2", "3.2"),
        ("4", "0", "4"),
        ("4", "0", "4"),
    ]
    assert rows["li"]["name"] == "'=Li Wei" and rows["max"]["total"] == ""
    assert "2 days late: 4 points become 3.2" in written.feedback[0].read_text(encoding="utf-8")
    assert "Late work loses 10 % of its points for each day begun" in written.text
    canvas = "Student,ID,05_winning_tickets (991),Other\nPoints Possible,,10,\nAda Lovelace,1,,3\nBo,2,,=4\nStranger,3,,\n"
    (tmp_path / "canvas.csv").write_text(canvas, encoding="utf-8")
    where, (filled,) = fill_gradebook(course, [written], tmp_path / "canvas.csv")
    assert where == course.path("reports", LESSON, "gradebook-canvas.csv") and filled.unplaced == ("li",)
    assert where.read_text(encoding="utf-8") == canvas.replace("lace,1,,", "lace,1,3.2,").replace(
        "2,,", "2,4,"
    )
    assert (tmp_path / "canvas.csv").read_text(encoding="utf-8") == canvas


def _rows(course: Course) -> Any:
    from lthkit.classroom.grading.report import rows

    return rows(course, course.assignments[LESSON], rosters.read(course.path("roster.csv")))


# Gradebooks

ADA, BO = Student("s1", "Ada Lovelace", "ada@x.org", "123"), Student("s2", "Bo Li")
FIVE, SIX = Assignment("05_winning_tickets", {"05.1": 4.0}), Assignment("06_rewinding", {"06.1": 10.0})
GRADES = [(FIVE, {"s1": 3.5, "s2": 2.0})]
WORKSHEET = "Identifier,Full name,Status,Grade,Maximum Grade,Feedback comments"
GRADEBOOKS = {
    "Moodle's list": (
        "First name,Last name,ID number,Assignment: 05_winning_tickets (Real),Course total (Real)\n"
        "Ada,Lovelace,s1,-,-\nBo,Li,,1.00,-\n",
        "Assignment: 05_winning_tickets (Real)",
        ["Ada,Lovelace,s1,3.5,-", "Bo,Li,,2,-"],
        1,
        None,
    ),
    "Moodle's percentages too": (
        "Full name,Winning (Letter),05 Winning Tickets (Percentage),05 Winning Tickets (Real)\nAda Lovelace,-,-,-\n",
        "05 Winning Tickets (Real)",
        ["Ada Lovelace,-,-,3.5"],
        0,
        None,
    ),
    "Moodle's worksheet": (
        f"{WORKSHEET}\nParticipant 123,A. L.,Submitted,,100.00,\nParticipant 9,Bo Li,No,,100.00,\n",
        "Grade",
        ["Participant 123,A. L.,Submitted,3.5,100.00,", "Participant 9,Bo Li,No,2,100.00,"],
        0,
        100.0,
    ),
    "Canvas": (
        'Student,ID,05_winning_tickets (991),Note\n    Points Possible,,4,\n"Lovelace, Ada",1,2.5,"a, b"\n',
        "05_winning_tickets (991)",
        ["    Points Possible,,4,", '"Lovelace, Ada",1,3.5,"a, b"'],
        1,
        4.0,
    ),
    "semicolons, short rows": (
        "id;name\ns1;Ada\ns2\n",
        "05_winning_tickets",
        ["s1;Ada;3.5", "s2;;2"],
        0,
        None,
    ),
}


@pytest.mark.parametrize("text, column, rows, replaced, most", GRADEBOOKS.values(), ids=GRADEBOOKS.keys())
def test_a_gradebook_of_any_platform(
    tmp_path: Path, text: str, column: str, rows: list[str], replaced: int, most: float | None
) -> None:
    """Catches a grade in another column, a cell of somebody's that is changed, and a scale that does not fit."""
    (tmp_path / "in.csv").write_text(text, encoding="utf-8")
    (filled,) = fill(tmp_path / "in.csv", tmp_path / "out.csv", GRADES, [ADA, BO])
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()[1:] == rows
    assert (filled.column, filled.replaced, filled.most) == (column, replaced, most)
    assert filled.added == (column not in text)
    assert any("at most" in line for line in filled.lines(4.0)) == (most == 100.0)


def test_several_lessons_fill_one_gradebook(tmp_path: Path) -> None:
    """Catches a second lesson that overwrites the first, and a `Grade` that would be both."""
    (tmp_path / "in.csv").write_bytes(b"\xef\xbb\xbfid,06_rewinding,Other\ns1,,7\n")
    both = [*GRADES, (SIX, {"s1": 9.0})]
    fill(tmp_path / "in.csv", tmp_path / "out.csv", both, [ADA, BO])
    assert (
        tmp_path / "out.csv"
    ).read_bytes() == b"\xef\xbb\xbfid,06_rewinding,Other,05_winning_tickets\ns1,9,7,3.5\n"
    (tmp_path / "in.csv").write_text("id,06_rewinding,Grade\ns1,,7\n", encoding="utf-8")
    with pytest.raises(ValueError, match="one column Grade, .* choose one with --lesson"):
        fill(tmp_path / "in.csv", tmp_path / "out.csv", both, [ADA, BO])


def test_a_file_that_is_not_the_gradebook_is_refused(tmp_path: Path) -> None:
    """Catches a copy of something else with an empty new column, and a guess between two columns."""
    for text, column, why in (
        (
            "colour,size\nred,3\n",
            None,
            "no row of a student who has a grade here; its columns are colour, size",
        ),
        ("", None, "its columns are none"),
        (
            "id,05_winning_tickets a,05_winning_tickets b\ns1,,\n",
            None,
            "which column .* Name it with --column",
        ),
        ("id,Quiz\ns1,\n", "Quizz", "has no column 'Quizz'; it has id, Quiz"),
        ("id,E-mail\ns1,\ns2,a@b.c\n", "E-mail", "holds text, such as 'a@b.c', and no grades"),
    ):
        (tmp_path / "in.csv").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=why):
            fill(tmp_path / "in.csv", tmp_path / "out.csv", GRADES, [ADA, BO], column=column)
        assert not (tmp_path / "out.csv").exists()
    (tmp_path / "in.csv").write_text("id,Quiz\ns1,\n", encoding="utf-8")
    (filled,) = fill(tmp_path / "in.csv", tmp_path / "out.csv", GRADES, [ADA, BO], column="quiz ")
    assert filled.column == "Quiz" and filled.unplaced == ("s2",)
    with pytest.raises(ValueError, match="is for one lesson"):
        fill(tmp_path / "in.csv", tmp_path / "out.csv", [*GRADES, (SIX, {"s1": 1.0})], [ADA], column="Quiz")
