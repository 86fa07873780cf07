"""What a function is worth: all points if it is right on the visible and on the hidden cases, else none.

The visible cases run first. Only a function that is right on them meets the hidden ones, in a run of their own, of which
nothing but right or not right goes further. A function can tell the two runs apart: by the arguments, which it has to be
given, by how many there are, and by the number of the job. It gains nothing by that, since neither run sees the other.

Every way to a grade comes through `verdict`: the command line, nbgrader's commands by `grade_cell`, and exported .py.
"""

from __future__ import annotations
import __future__

import ast
import atexit
import linecache
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lthkit.classroom import references
from lthkit.classroom.exercises import Case, Exercise, find
from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import reaching
from lthkit.classroom.grading.hidden import own_cases
from lthkit.classroom.grading.workers import Runner, walled
from lthkit.classroom.judge import judge
from lthkit.classroom.process import in_worker
from lthkit.classroom.variants import hidden_cases

_runners: dict[Path, Runner] = {}

_FAULTS = ("start", "starved")  # what stops a run and says nothing of the function

RULE = "An exercise gives all of its points if the function is right on the visible and on the hidden cases, else none."


@dataclass(frozen=True)
class Verdict:
    """What an exercise is worth and why.

    `state` is "passed", "wrong" (on a case that students see), "stopped" (time, memory, or Python ended on such a case),
    "hidden" (wrong or stopped on hidden cases only), "blank" or "missing". `lines` may be shown to the student: they tell of
    visible cases only. `misconception` is the sentence of a known mistake. `remarks` are for the instructor alone.
    """

    exercise: str
    state: str
    points: float
    of: float
    lines: tuple[str, ...] = ()
    misconception: str = ""
    remarks: tuple[str, ...] = ()


_hidden: dict[
    tuple[int, ...], Exercise
] = {}  # exercises with hidden cases alone, by the ids of what they are made of
_kept: list[Exercise] = []  # whose ids are in there


def verdict(
    exercise: Exercise, function: Any, hidden: Sequence[Case], points: float, *, runner: Runner = in_worker
) -> Verdict:
    """Run the function on the visible cases, then by itself on the hidden ones, and say what it is worth.

    Raises:
        RuntimeError: the process that runs functions could not be started, or the machine was too busy for it, which says
            nothing of the function.
    """
    seen = judge(exercise, function, runner=runner)
    if seen.stopped in _FAULTS:
        raise RuntimeError(seen.lines[0])
    if seen.state == "blank":
        return Verdict(exercise.id, "blank", 0.0, points)
    if seen.state != "passed":
        state = "stopped" if seen.stopped in ("time", "asleep", "memory", "ended") else "wrong"
        return Verdict(exercise.id, state, 0.0, points, seen.lines, seen.named)
    if not hidden:
        return Verdict(exercise.id, "passed", points, points)
    run = runner(function, tuple(hidden))
    # The run is there: the mistake is not looked for on hidden cases, one by one.
    whole = judge(_with_hidden_alone(exercise, hidden), function, runner=lambda f, c: run)
    if whole.stopped in _FAULTS:
        raise RuntimeError(whole.lines[0])
    if whole.state == "passed":
        return Verdict(exercise.id, "passed", points, points)
    why = _STOPS.get(run.stopped)
    remarks = (f"on the hidden cases it {why.format(run.detail)}.",) if why else ()
    return Verdict(exercise.id, "hidden", 0.0, points, (_ON_HIDDEN,), remarks=remarks)


# All that a student is told of hidden cases: what stopped a function there would tell what they are like.
_ON_HIDDEN = (
    "It is right on the cases that you can see, and not on others of the same kind. Does it answer for those cases only, "
    "take too long on others, or miss something that the text asks for?"
)
_STOPS = {
    "time": "did not finish within {}",
    "asleep": "waited for {} and did nothing",
    "memory": "ran out of memory",
    "ended": "ended Python itself",
}


def _with_hidden_alone(exercise: Exercise, hidden: Sequence[Case]) -> Exercise:
    """The exercise with hidden cases in place of its own; the same one for the same cases, whose right results are known."""
    key = (id(exercise), *map(id, hidden))
    if key not in _hidden:
        _hidden[key] = replace(exercise, cases=tuple(hidden), misconceptions=())
        _kept.append(exercise)
    return _hidden[key]


def missing(exercise: Exercise, why: str, points: float) -> Verdict:
    """No function to judge."""
    return Verdict(exercise.id, "missing", 0.0, points, (why,))


def hidden_of(course: courses.Course, exercise: Exercise) -> tuple[Case, ...]:
    """The hidden cases of an exercise in this class: drawn from its seed, then those of its hidden_tests.py."""
    own = own_cases(course.path("hidden_tests.py")).get(exercise.id, ())
    return (*hidden_cases(exercise, course.seed, count=course.hidden), *own)


def graded_cell(exercise_id: str, function: Any, folder: Path) -> Verdict:
    """The verdict of a graded cell that runs in the folder of a class.

    Raises:
        ValueError: the class or the exercise cannot be found.
    """
    course, exercise = courses.load(folder), find(exercise_id)
    assignment = course.of_exercise(exercise.id)
    points = assignment.points[exercise.id] if assignment else float(exercise.points)
    if references.is_reference(exercise, function):
        return Verdict(exercise.id, "blank", 0.0, points, (references.NO_ANSWER,))
    if folder not in _runners:  # one process for all graded cells of a notebook
        context = walled(course)
        _runners[folder] = context.__enter__()
        atexit.register(context.__exit__, None, None, None)
    return verdict(exercise, function, hidden_of(course, exercise), points, runner=_runners[folder])


# An answer that is only text here, and a function in the worker


class FromText:
    """A function that is defined in the worker when it is first called there, within the time limit of its cases.

    Whatever its definition raises, each call raises. `display` and `get_ipython` are there as they are outside of a
    notebook; `In`, `Out` and `_` are not, since what a cell gave once is in no file. That a module with all of its names
    is not there counts where one of them is missed. `use` gives no reference but those of exercises before this one, and a
    function of the course's own is no answer (`reaching`).
    """

    def __init__(self, code: str, name: str, file: str, *, exercise: str = "") -> None:
        self._code, self._name, self._file, self._exercise = code, name, file, exercise
        self._watch: reaching.Watch | None = None
        self._function: Any = None
        self._failed: BaseException | None = None
        self._absent: ImportError | None = None

    def __call__(self, *arguments: Any) -> Any:
        if self._watch is None:
            self._watch = reaching.Watch(self._exercise)
        if arguments and isinstance(arguments[0], reaching.Asked):
            return self._watch.reached()
        if self._function is None and self._failed is None:
            before = torch.get_rng_state(), random.getstate(), np.random.get_state()
            try:
                space: dict[str, Any] = {
                    "__name__": "__main__",
                    "display": display,
                    "get_ipython": _no_notebook,
                }
                self._define(space)
                if self._name not in space:
                    raise NameError(f"name {self._name!r} is not defined")
                self._watch.refuse(space[self._name])
                self._function = space[self._name]
            except BaseException as error:
                self._failed = error
            torch.set_rng_state(before[0])
            random.setstate(before[1])
            np.random.set_state(before[2])
        if self._failed is not None:
            raise self._failed
        try:
            return self._function(*arguments)
        except NameError as error:
            raise self._absent or error from None

    def _define(self, space: dict[str, Any]) -> None:
        parts: list[list[ast.stmt]] = [[]]
        for node in ast.parse(self._code, self._file).body:
            star = _is_star(node)
            if star or (parts[-1] and _is_star(parts[-1][-1])):
                parts.append([])
            parts[-1].append(node)
        flags = 0
        for part in parts:
            code = compile(ast.Module(part, []), self._file, "exec", flags, dont_inherit=True)
            flags |= code.co_flags & __future__.annotations.compiler_flag
            try:
                exec(code, space)
            except ImportError as error:
                if not _is_star(part[0]):
                    raise
                self._absent = error


def _is_star(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.names[0].name == "*"


def display(*values: Any, **settings: Any) -> None:
    """What IPython's `display` does where there is no notebook."""
    print(*values)


def _no_notebook() -> None:
    """What `get_ipython()` gives where there is no notebook."""


def stand_in(code: str, name: str, file: str) -> Callable[..., Any]:
    """A function with the parameters and the lines of the one in the text, to be looked at and never called."""
    linecache.cache[file] = (len(code), None, [line + "\n" for line in code.split("\n")], file)
    try:
        nodes = [n for n in ast.parse(code).body if isinstance(n, ast.FunctionDef) and n.name == name]
        if nodes and not nodes[-1].decorator_list:
            return _shell(nodes[-1], file)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass

    def any_function(*arguments: Any) -> Any:
        raise AssertionError("this stands for a function and is none")

    any_function.__name__ = name
    return any_function


def _shell(node: ast.FunctionDef, file: str) -> Callable[..., Any]:
    """A function with the parameters and the place of one in a text, and without its body.

    The body is not compiled here: a few lines can keep a compiler busy for hours (`finally` in `finally` doubles them).
    """
    given = node.args
    bare = ast.arguments(
        [ast.arg(a.arg) for a in given.posonlyargs],
        [ast.arg(a.arg) for a in given.args],
        ast.arg(given.vararg.arg) if given.vararg else None,
        [ast.arg(a.arg) for a in given.kwonlyargs],
        [ast.Constant(None) if default is not None else None for default in given.kw_defaults],
        ast.arg(given.kwarg.arg) if given.kwarg else None,
        [ast.Constant(None)] * len(given.defaults),
    )
    empty = ast.FunctionDef(node.name, bare, [ast.Pass()], [], lineno=node.lineno)
    space: dict[str, Any] = {}
    exec(
        compile(ast.fix_missing_locations(ast.Module([ast.copy_location(empty, node)], [])), file, "exec"),
        space,
    )
    function: Callable[..., Any] = space[node.name]
    return function
