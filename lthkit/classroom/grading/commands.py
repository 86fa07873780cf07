"""What the four steps of `lthkit grade` do with their arguments, and what they print."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter

from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import wall
from lthkit.classroom.grading.collect import collect
from lthkit.classroom.grading.late import LateRule, parse_time
from lthkit.classroom.grading.report import report
from lthkit.classroom.grading.run import run
from lthkit.classroom.grading.stage import stage

Say = Callable[[str], None]


def _stage(arguments: argparse.Namespace, say: Say) -> int:
    course = stage(
        arguments.folder,
        arguments.lessons,
        due=parse_time(arguments.due) if arguments.due else None,
        points=_points(arguments.points),
        section=arguments.section,
        seed=arguments.seed,
        hidden_tests=arguments.hidden_tests,
        late=_late(arguments.late),
        nbgrader=not arguments.without_nbgrader,
    )
    for lesson in arguments.lessons:
        for a in course.chosen(lesson):
            due = f"due {a.due:%Y-%m-%d %H:%M}" if a.due else "no due time"
            say(f"{a.name}: {len(a.points)} exercises, {a.total:g} points, {due}")
            say(f"  for students: {_short(course, 'release', a.name, f'{a.name}.ipynb')}")
    say(f"keep to yourself: {_short(course, courses.NAME)}, which has the seed of the hidden cases")
    return 0


def _collect(arguments: argparse.Namespace, say: Say) -> int:
    course = courses.load(arguments.folder)
    found, aside = collect(course, arguments.paths, lesson=arguments.lesson, dates=arguments.dates)
    for one in found:
        say(one.line())
    if late := sum(c.dated_late for c in found):
        say(
            f"{late} files have dates after the due time, which count only with --dates (a copy has the date of copying)"
        )
    for sentence in aside:
        say(f"left aside: {sentence}")
    say(
        f"{len(found)} collected, {sum(bool(c.problem) for c in found)} of them unreadable, {len(aside)} files left aside"
    )
    return 0


def _run(arguments: argparse.Namespace, say: Say) -> int:
    course = courses.load(arguments.folder)
    if arguments.jobs is not None and arguments.jobs < 1:
        raise ValueError(f"--jobs {arguments.jobs} was given; expected 1 or more.")
    begun = perf_counter()
    fresh: list[str] = []

    def tell(line: str) -> None:
        fresh.append(line)
        say(line)

    results = run(course, lesson=arguments.lesson, jobs=arguments.jobs, again=arguments.again, report=tell)
    minutes = (perf_counter() - begun) / 60
    say(f"{len(fresh)} graded in {minutes:.1f} minutes, {len(results) - len(fresh)} unchanged")
    if wall.kind() != "kernel":
        say(
            "this system has no Landlock: a submission that is made for it could read your files; see the guide"
        )
    return 0


def _report(arguments: argparse.Namespace, say: Say) -> int:
    course = courses.load(arguments.folder)
    for written in report(course, lesson=arguments.lesson, gradebook=arguments.gradebook):
        say(written.text)
        say(
            f"grades {written.grades}   feedback {len(written.feedback)} pages in {written.grades.parent / 'feedback'}"
        )
        if written.gradebook:
            say(f"gradebook {written.gradebook}")
        for student in written.unplaced:
            say(f"  {student} has points and no row in the gradebook")
    return 0


STEPS: dict[str, Callable[[argparse.Namespace, Say], int]] = {
    "stage": _stage,
    "collect": _collect,
    "run": _run,
    "report": _report,
}


def _points(words: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for word in words:
        exercise_id, _, worth = word.partition("=")
        try:
            found[exercise_id] = float(worth)
        except ValueError:
            raise ValueError(
                f"--points {word!r} was given; write exercise=points, such as 05.1=2,05.4=3."
            ) from None
    return found


def _late(text: str | None) -> LateRule | None:
    if text is None:
        return None
    percent, _, days = text.partition(",")
    try:
        return LateRule(float(percent), int(days or LateRule().days))
    except ValueError:
        raise ValueError(f"--late {text!r} was given; write PERCENT,DAYS, such as 10,5.") from None


def _short(course: courses.Course, *parts: str) -> str:
    return str(course.path(*parts).relative_to(course.folder.parent))
