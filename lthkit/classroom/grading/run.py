"""Grade what was collected: each submission in a process of its own behind a wall, several side by side.

Only the graded functions run, and what they need; the lesson's trainings do not. What was graded before is not graded
again unless the submission, the class or the exercises changed.
"""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from lthkit.classroom import references
from lthkit.classroom.exercises import Exercise, find
from lthkit.classroom.grading import collected, hidden, notebooks, reaching, wall
from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import roster as rosters
from lthkit.classroom.grading.answers import Answer, Lesson, find_answers, program, read_lesson
from lthkit.classroom.grading.course import Assignment, Course
from lthkit.classroom.grading.judging import FromText, Verdict, hidden_of, missing, stand_in, verdict
from lthkit.classroom.grading.workers import walled
from lthkit.classroom.saying import harmless
from lthkit.storage import files

_JUDGED = 2  # another number where the same submission may be judged in another way


@dataclass(frozen=True)
class Result:
    """The grades of one submission, before the rule for late work.

    Without verdicts there is no grade: `problem` says why the file cannot be read, which its student may see; `fault` what
    stopped the grading itself, which is for the instructor alone and is tried again by the next run.
    """

    student: str
    lesson: str
    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""
    fault: str = ""
    fingerprint: str = ""

    @property
    def points(self) -> float:
        return sum(v.points for v in self.verdicts)

    def line(self, name: str = "") -> str:
        """One line for the terminal, with the student's name if it is known."""
        begin = f"{self.lesson[:2]}, {collected.called(self.student, name)}:"
        if not self.verdicts:
            return f"{begin} no grade  {self.problem or self.fault}"
        of = sum(v.of for v in self.verdicts)
        parts = [f"{v.exercise} {v.state}" for v in self.verdicts]
        return f"{begin} {self.points:g} of {of:g}  {', '.join(parts)}"


def run(
    course: Course,
    *,
    lesson: str | None = None,
    jobs: int | None = None,
    again: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> list[Result]:
    """Grade all submissions of a lesson, or of all lessons, and write their results; returns them.

    Args:
        jobs: how many submissions are graded side by side; as many as there are processors, at most 4, if None.
        again: also grade what has not changed since it was graded.
        report: called with one line for each submission that was graded.

    Raises:
        ValueError: the lesson was not staged, nothing was collected, `hidden_tests.py` is wrong, or the class lies where every
            submission can read; nothing was graded.
    """
    wall.require_outside(course.folder)
    collected.follow(course, rosters.read(course.path(rosters.NAME)))
    tasks = [(a, student) for a in course.chosen(lesson) for student in collected.students(course, a.name)]
    if not tasks:
        raise ValueError(
            f"there are no submissions in {course.folder} yet: lthkit grade collect FOLDER_OR_ZIP"
        )
    try:
        hidden.require_agreement(course.path("hidden_tests.py"))
    except ValueError as error:
        raise ValueError(f"{error} Nothing was graded. Correct the file, then: lthkit grade run") from error
    done = [r for a, s in tasks if not again and (r := _kept(course, a, s)) is not None]
    finished = {(r.lesson, r.student) for r in done}
    open_tasks = [(course.folder, a.name, s) for a, s in tasks if (a.name, s) not in finished]
    results = list(done)
    for result in _side_by_side(open_tasks, jobs or min(os.cpu_count() or 1, 4)):
        files.write_json(where(course, result.lesson, result.student), asdict(result))
        results.append(result)
        known = collected.read_record(collected.record(course, result.lesson, result.student))
        report(result.line(known.name if known else ""))
    return sorted(results, key=lambda r: (r.lesson, r.student))


def _kept(course: Course, assignment: Assignment, student: str) -> Result | None:
    """The result that needs no grading anew; a damaged one does."""
    try:
        return current(course, assignment, student)
    except Exception:  # whatever a damaged file makes of reading it
        return None


def where(course: Course, lesson: str, student: str) -> Path:
    return course.path("results", lesson, f"{student}.json")


def read_result(path: Path) -> Result | None:
    """A result that was written, None if there is none."""
    if not path.is_file():
        return None
    value: dict[str, Any] = files.read_json(path)
    verdicts = tuple(
        Verdict(**{**v, "lines": tuple(v["lines"]), "remarks": tuple(v.get("remarks", ()))})
        for v in value.pop("verdicts")
    )
    return Result(verdicts=verdicts, **value)


Task = tuple[Path, str, str]  # the folder of the class, the lesson, the student


def _side_by_side(tasks: Sequence[Task], jobs: int) -> Iterator[Result]:
    """The results as they come, each from a process of a pool; nothing of a submission runs in this one.

    Where a process of the pool dies, each submission under way then is graded again alone. The one that ends its process
    once more is at fault; all others have their grades.
    """
    waiting = deque(tasks)
    while waiting:
        suspects: list[Task] = []
        with _pool(min(jobs, len(waiting))) as pool:
            under_way: dict[Future[Result], Task] = {}
            while (waiting or under_way) and not suspects:
                while waiting and len(under_way) < jobs:
                    try:
                        future = pool.submit(_graded, *waiting[0])
                    except BrokenProcessPool:  # it died while nothing was looked at; the loop below meets it
                        break
                    under_way[future] = waiting.popleft()
                if not under_way:  # it died idle
                    break
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    task = under_way.pop(future)
                    try:
                        yield future.result()
                    except BrokenProcessPool:
                        suspects.append(task)
            suspects += under_way.values()
        for task in suspects:
            yield _alone(task)


def _alone(task: Task) -> Result:
    with _pool(1) as pool:
        try:
            return pool.submit(_graded, *task).result()
        except BrokenProcessPool:
            why = (
                "not graded: it ends or changes the process that grades it, twice now. Look at what it does."
            )
            return Result(task[2], task[1], fault=why)


def _pool(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(max(1, jobs), mp_context=get_context("spawn"), initializer=_single_thread)


def _single_thread() -> None:
    torch.set_num_threads(1)


def _graded(folder: Path, lesson: str, student: str) -> Result:
    """Grade one submission; what goes wrong here is written in its result and ends nothing else."""
    before = _own_state()
    course = courses.load(folder)
    assignment = course.assignments[lesson]
    try:
        result = grade(course, assignment, student)
    except Exception as error:
        why = f"not graded: {type(error).__name__}: {error}. This is not the student's mistake."
        if os.environ.get("LTHKIT_DEBUG"):
            why += "\n" + traceback.format_exc()
        result = Result(student, lesson, fault=why)
    if (
        _own_state() != before
    ):  # a submission has reached out of its process: nothing more is graded in this one
        os._exit(1)
    return _writable(result)


def _writable(result: Result) -> Result:
    """The result with texts that can be written to any file: those of a submission may be no Unicode."""
    verdicts = tuple(
        replace(v, lines=tuple(map(harmless, v.lines)), remarks=tuple(map(harmless, v.remarks)))
        for v in result.verdicts
    )
    problem, fault = harmless(result.problem), harmless(result.fault)
    return replace(result, verdicts=verdicts, problem=problem, fault=fault)


def _own_state() -> tuple[Any, ...]:
    """What another process of the same user could change of this one: its limits, its priority, its processors."""
    found: list[Any] = []
    if hasattr(os, "getpriority"):
        found.append(os.getpriority(os.PRIO_PROCESS, 0))
    if hasattr(os, "sched_getaffinity"):
        found.append(sorted(os.sched_getaffinity(0)))
    try:
        import resource
    except ImportError:  # Windows has none
        return tuple(found)
    kinds = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
    return (*found, *(resource.getrlimit(kind) for kind in kinds))


def grade(course: Course, assignment: Assignment, student: str) -> Result:
    """Grade the submission of a student as it lies in `submitted/`."""
    fingerprint = _fingerprint(course, assignment, student)
    known = collected.read_record(collected.record(course, assignment.name, student))
    notebook = collected.submitted(course, assignment.name, student)
    if not notebook.is_file():
        why = f"{known.file}: {known.problem}" if known else "there is no submission."
        return Result(student, assignment.name, problem=why, fingerprint=fingerprint)
    lesson = read_lesson(collected.release_of(course, assignment))
    try:
        answers = find_answers(notebooks.read(notebook.name, notebook.read_bytes()), lesson)
    except notebooks.Unreadable as error:
        return Result(student, assignment.name, problem=str(error), fingerprint=fingerprint)
    for exercise_id, why in (known.missing if known else {}).items():
        if exercise_id in answers and answers[exercise_id].blank:  # the stub that was put in its place
            answers[exercise_id] = Answer(exercise_id, "", missing=why)
    for exercise_id, hint in (known.hints if known else {}).items():
        if exercise_id in answers:
            answers[exercise_id] = replace(answers[exercise_id], hint=hint)
    verdicts = judged(course, assignment, lesson, answers)
    return Result(student, assignment.name, verdicts, fingerprint=fingerprint)


def judged(
    course: Course, assignment: Assignment, lesson: Lesson, answers: dict[str, Answer]
) -> tuple[Verdict, ...]:
    """The verdicts on the answers of one submission, which run in one new process behind a wall."""
    with walled(course) as runner:
        found = []
        for exercise_id, points in assignment.points.items():
            exercise, answer = find(exercise_id), answers.get(exercise_id)
            if answer is None or answer.missing:
                why = answer.missing if answer else "the lesson has no such exercise."
                found.append(missing(exercise, why, points))
            elif answer.blank:
                found.append(Verdict(exercise_id, "blank", 0.0, points))
            else:
                code = program(lesson, answers, exercise_id)
                got = _judged(exercise, code, points, hidden_of(course, exercise), runner)
                told = answer.hint if got.state != "passed" else ""
                found.append(replace(got, lines=(*got.lines, told)) if told else got)
        return tuple(found)


def _judged(exercise: Exercise, code: str, points: float, hidden: Any, runner: Any) -> Verdict:
    file = f"<answer {exercise.id}>"
    answer = FromText(code, exercise.name, file, exercise=exercise.id)
    look = stand_in(code, exercise.name, file)
    reached: dict[str, None] = {}
    got = verdict(exercise, look, hidden, points, runner=reaching.watched(runner, answer, reached))
    return _with_remarks(got, reached, reaching.doors(code, exercise.id))


def _with_remarks(got: Verdict, reached: dict[str, None], doors: str) -> Verdict:
    """The verdict with what the instructor should know of the ways to the course's own answers."""
    is_ours = "it" in reached
    opened = ", ".join(sorted(reached.keys() - {"it"}))
    remarks = (
        *got.remarks,
        "the answer is the course's own function, which is no answer." if is_ours else "",
        doors,
        f"while it ran, it opened the course's own answers ({opened})." if opened else "",
    )
    lines = (*got.lines, references.NO_ANSWER) if is_ours else got.lines
    return replace(got, lines=lines, remarks=tuple(filter(None, remarks)))


def current(course: Course, assignment: Assignment, student: str) -> Result | None:
    """The result of a submission; None if it was not graded yet, or something changed since."""
    result = read_result(where(course, assignment.name, student))
    same = result is not None and result.fingerprint == _fingerprint(course, assignment, student)
    return result if same else None


def _fingerprint(course: Course, assignment: Assignment, student: str) -> str:
    """Changes with all that a grade depends on."""
    paths = (
        collected.submitted(course, assignment.name, student),
        collected.record(course, assignment.name, student),
        collected.release_of(course, assignment),
        course.path("hidden_tests.py"),
    )
    contents = [p.read_bytes() if p.is_file() else b"" for p in paths]
    exercises = [inspect.getsource(sys.modules[find(e).reference.__module__]) for e in assignment.points]
    terms = repr(
        (_JUDGED, course.seed, course.hidden, sorted(assignment.points.items()), sorted(set(exercises)))
    )
    return collected.fingerprint(*contents, terms)
