"""What the four steps of `lthkit grade` do with their arguments, and what they print."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from datetime import datetime
from time import perf_counter

from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import roster as rosters
from lthkit.classroom.grading import wall
from lthkit.classroom.grading.collect import collect
from lthkit.classroom.grading.collected import forget, students
from lthkit.classroom.grading.hidden import own_cases
from lthkit.classroom.grading.late import LateRule, parse_time
from lthkit.classroom.grading.report import fill_gradebook, report
from lthkit.classroom.grading.run import Result, run
from lthkit.classroom.grading.stage import stage

Say = Callable[[str], None]


def _stage(arguments: argparse.Namespace, say: Say) -> int:
    before = _points_before(arguments)
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
    staged = [a for lesson in arguments.lessons for a in course.chosen(lesson)]
    for a in staged:
        due = f"due {a.due:%Y-%m-%d %H:%M}" if a.due else "no due time"
        past = ", which is past" if a.due and a.due < datetime.now() else ""
        say(f"{a.name}: {len(a.points)} exercises, {a.total:g} points, {due}{past}")
        for exercise_id, worth in before.get(a.name, {}).items():
            if a.points.get(exercise_id) != worth:
                say(f"  {exercise_id}: {a.points.get(exercise_id, 0):g} points, {worth:g} before")
        if before.get(a.name, a.points) != a.points and students(course, a.name):
            say("  submissions are there: give the new points by lthkit grade run and report")
        say(f"  for students: {_short(course, 'release', a.name, f'{a.name}.ipynb')}")
    if any(a.due for a in staged):
        say(course.late.sentence())
    _say_own_cases(course, say)
    say(f"keep to yourself: {_short(course, courses.NAME)}, which has the seed of the hidden cases")
    courses.tell_of_short_seed(course, say)
    return 0


def _say_own_cases(course: courses.Course, say: Say) -> None:
    own = own_cases(course.path("hidden_tests.py"))
    told = [f"{e} {len(cases)}{'' if course.of_exercise(e) else ' (not staged)'}" for e, cases in own.items()]
    if told:
        say(f"cases of your own: {', '.join(told)}")


def _points_before(arguments: argparse.Namespace) -> dict[str, Mapping[str, float]]:
    if not (arguments.folder / courses.NAME).is_file():
        return {}
    return {name: a.points for name, a in courses.load(arguments.folder).assignments.items()}


def _collect(arguments: argparse.Namespace, say: Say) -> int:
    course = courses.load(arguments.folder)
    for student in arguments.forget:
        lessons = forget(course, student, lesson=arguments.lesson)
        say(
            f"{student}: forgotten in {', '.join(lessons)}; collect --roster-only keeps out who is not in the roster"
        )
    if not arguments.paths:
        if arguments.forget:
            return 0
        raise ValueError("nothing was given; give the folder or the zip file that your platform gave you.")
    found, aside = collect(
        course,
        arguments.paths,
        lesson=arguments.lesson,
        dates=arguments.dates,
        roster_only=arguments.roster_only,
        replace=arguments.replace,
    )
    for one in found:
        say(one.line())
    in_roster = rosters.read(course.path(rosters.NAME)).students
    if in_roster and (strangers := [c.student for c in found if c.student not in in_roster]):
        say(
            f"not in the roster: {', '.join(strangers)}. Whose is it? Name the file after the student's id, as in "
            f"{next(iter(in_roster))}.ipynb, collect it, and give up the wrong name: --forget {strangers[0]}"
        )
    if late := [c.student for c in found if c.dated_late]:
        say(
            f"dates after the due time: {', '.join(late)}. They count only with --dates, since a copy has the date of copying"
        )
    if not found and not aside:
        given = ", ".join(map(str, arguments.paths))
        raise ValueError(
            f"{given} has no notebook and no .py file; give what the platform lets you download."
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
    say(wall.line())
    course = courses.tell_of_short_seed(course, say)
    begun = perf_counter()
    fresh: list[str] = []

    def tell(line: str) -> None:
        fresh.append(line)
        say(line)

    results = run(course, lesson=arguments.lesson, jobs=arguments.jobs, again=arguments.again, report=tell)
    minutes = (perf_counter() - begun) / 60
    say(
        f"{len(fresh)} done in {minutes:.1f} minutes, {len(results) - len(fresh)} unchanged; points are those before "
        "the rule for late work"
    )
    _say_own_cases(course, say)
    if unread := [r for r in results if r.problem]:
        say(f"{len(unread)} without a grade, since the file cannot be read: {_names(unread)}")
    faults = [r for r in results if r.fault]
    if faults:
        say(
            f"{len(faults)} not graded, by no mistake of theirs: {_names(faults)}. Try again: lthkit grade run"
        )
    return 1 if faults else 0


def _names(results: list[Result]) -> str:
    return ", ".join(r.student for r in results)


def _report(arguments: argparse.Namespace, say: Say) -> int:
    course = courses.load(arguments.folder)
    if arguments.gradebook is not None and not arguments.gradebook.is_file():
        raise FileNotFoundError(
            f"there is no gradebook {arguments.gradebook}; give the CSV file that the platform exports."
        )
    if arguments.column is not None and arguments.gradebook is None:
        raise ValueError("--column names a column of a gradebook: give it with --gradebook FILE.csv")
    written = report(course, lesson=arguments.lesson)
    for one in written:
        say(one.text)
        say(f"grades {one.grades}   feedback {len(one.feedback)} pages in {one.grades.parent / 'feedback'}")
    reported = {one.lesson for one in written}
    for a in course.chosen(arguments.lesson):
        if a.name not in reported:
            say(f"{a.name}: nothing graded yet")
    if arguments.gradebook is not None:
        target, filled = fill_gradebook(course, written, arguments.gradebook, column=arguments.column)
        for column in filled:
            for line in column.lines(course.assignments[column.lesson].total):
                say(line)
        say(f"written to {target}; {arguments.gradebook} is as it was")
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
        numbers = float(percent), int(days or LateRule().days)
    except ValueError:
        raise ValueError(f"--late {text!r} was given; write PERCENT,DAYS, such as 10,5.") from None
    return LateRule(*numbers)


def _short(course: courses.Course, *parts: str) -> str:
    return str(course.path(*parts).relative_to(course.folder.parent))
