"""`lthkit grade`: the options of its four steps, which are in `lthkit/classroom/grading`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from lthkit.commands.console import say, words

EXAMPLES = """\
examples:
  lthkit grade stage 05 --due 2027-03-01
      students get class/release/05_winning_tickets/05_winning_tickets.ipynb
  lthkit grade collect submissions.zip
      a zip file or a folder, as Moodle, Canvas, Blackboard or nbgrader have it
  lthkit grade run
  lthkit grade report
      class/reports/05_winning_tickets: grades.csv, overview.md, feedback/

The guide for instructors is solutions/README.md in the course's repository.
"""


def add(commands: Any) -> None:
    """The four commands of `lthkit grade`; what they do is in lthkit/classroom/grading."""
    grade = commands.add_parser(
        "grade",
        help="for instructors: stage an assignment, collect submissions, grade and report",
        description="Assignments for a class. Everything lies in one folder,\n`class` if --class names no other.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = grade.add_subparsers(required=True, metavar="step")
    stage = steps.add_parser(
        "stage", help="make an assignment of lessons; students get what is in class/release/"
    )
    stage.add_argument("lessons", nargs="+", metavar="NN", help="lesson numbers")
    stage.add_argument(
        "--due", metavar="TIME", help="2026-10-01 (its end) or 2026-10-01T18:00, local time; default: none"
    )
    stage.add_argument(
        "--points",
        type=words,
        default=(),
        metavar="05.1=2,05.4=3",
        help="points; 1 each by default, and what they were if staged before",
    )
    stage.add_argument(
        "--hidden-tests", type=Path, metavar="FILE", help="cases of your own, see class/hidden_tests.py"
    )
    stage.add_argument("--section", help="name of the section; another section has another folder, --class")
    stage.add_argument(
        "--seed", type=int, help="seed of the hidden cases (default: drawn once for a new folder)"
    )
    stage.add_argument("--late", metavar="PERCENT,DAYS",
                       help="late work loses PERCENT of its points a day, all after DAYS days (default 10,5)")  # fmt: skip
    stage.add_argument(
        "--without-nbgrader", action="store_true", help="do not tell nbgrader of the assignment"
    )
    collect = steps.add_parser("collect", help="take what students handed in, and say what is missing")
    collect.add_argument(
        "paths", nargs="*", type=Path, metavar="FOLDER_OR_ZIP", help="as the platform gave it"
    )
    collect.add_argument("--dates", action="store_true",
                         help="count the dates of files as the time of handing in (only if they are not those of a copy)")  # fmt: skip
    collect.add_argument(
        "--roster-only", action="store_true", help="leave aside what belongs to nobody in roster.csv"
    )
    collect.add_argument("--replace", action="store_true",
                         help="take these files even where older than what was collected, or unreadable")  # fmt: skip
    collect.add_argument("--forget", action="append", default=[], metavar="STUDENT",
                         help="remove what was collected of a student, by the id that the lists show, and its grades")  # fmt: skip
    run = steps.add_parser("run", help="grade what was collected, several submissions side by side")
    run.add_argument(
        "--jobs", type=int, help="how many side by side (default: one for each processor, at most 4)"
    )
    run.add_argument("--again", action="store_true", help="grade again what has not changed")
    report = steps.add_parser(
        "report", help="write grades.csv, feedback pages and an overview to class/reports/"
    )
    report.add_argument(
        "--gradebook", type=Path, metavar="FILE.csv", help="a platform's gradebook, to be filled in"
    )
    report.add_argument(
        "--column", metavar="HEADING", help="the gradebook's column, if the lesson's name is not in it"
    )
    for step, name in ((stage, "stage"), (collect, "collect"), (run, "run"), (report, "report")):
        step.add_argument(
            "--class", dest="folder", type=Path, default=Path("class"), help="folder of the class"
        )
        if step is not stage:
            step.add_argument(
                "--lesson", metavar="NN", help="this lesson only (default: all that were staged)"
            )
        step.set_defaults(command=_grade_step, step=name)


def _grade_step(arguments: argparse.Namespace) -> int:
    from lthkit.classroom.grading.steps import STEPS
    from lthkit.classroom.saying import harmless

    return STEPS[arguments.step](arguments, lambda line: say(harmless(line)))
