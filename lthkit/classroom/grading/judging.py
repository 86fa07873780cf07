"""What a function is worth: all points if it is right on the visible and on the hidden cases, else none.

Every way to a grade comes through `verdict`: the command line, nbgrader's commands by `grade_cell`, and exported .py.
"""

from __future__ import annotations
import __future__

import ast
import atexit
import linecache
import random
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lthkit.classroom.exercises import Case, Exercise, find
from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading.hidden import own_cases
from lthkit.classroom.grading.workers import Runner, walled
from lthkit.classroom.judge import judge
from lthkit.classroom.process import in_worker
from lthkit.classroom.running import Run
from lthkit.classroom.variants import hidden_cases, with_hidden

_runners: dict[Path, Runner] = {}

_FAULTS = ("start", "starved")  # what stops a run and says nothing of the function

RULE = "An exercise gives all of its points if the function is right on the visible and on the hidden cases, else none."


@dataclass(frozen=True)
class Verdict:
    """What an exercise is worth and why.

    `state` is "passed", "wrong" (on a case that students see), "stopped" (time, memory, or Python ended on such a case),
    "hidden" (wrong or stopped on hidden cases only), "blank" or "missing". `lines` may be shown to the student: they tell of visible cases only. `misconception` is the sentence of a known mistake.
    """

    exercise: str
    state: str
    points: float
    of: float
    lines: tuple[str, ...] = ()
    misconception: str = ""


def verdict(
    exercise: Exercise, function: Any, hidden: Sequence[Case], points: float, *, runner: Runner = in_worker
) -> Verdict:
    """Run the function once on all cases and say what it is worth.

    Raises:
        RuntimeError: the process that runs functions could not be started, or the machine was too busy for it, which says
            nothing of the function.
    """
    all_cases = with_hidden(exercise, hidden)
    runs: list[Run] = []

    def once(function: Callable[..., Any], cases: tuple[Case, ...]) -> Run:
        if cases is not exercise.cases:  # one case alone, to find the mistake
            return runner(function, cases)
        if not runs:
            runs.append(runner(function, all_cases.cases))
        run, shown = runs[0], len(exercise.cases)
        return Run(run.calls[:shown]) if len(run.calls) >= shown else run

    seen = judge(exercise, function, runner=once)
    if seen.stopped in _FAULTS:
        raise RuntimeError(seen.lines[0])
    if seen.state == "blank":
        return Verdict(exercise.id, "blank", 0.0, points)
    if seen.state != "passed":
        state = "stopped" if seen.stopped in ("time", "asleep", "memory", "ended") else "wrong"
        return Verdict(exercise.id, state, 0.0, points, seen.lines, seen.named)
    run = runs[0]
    whole = judge(all_cases, function, runner=lambda f, c: run)
    if whole.stopped in _FAULTS:
        raise RuntimeError(whole.lines[0])
    if whole.state == "passed":
        return Verdict(exercise.id, "passed", points, points)
    return Verdict(exercise.id, "hidden", 0.0, points, (_on_hidden(run),))


def _on_hidden(run: Run) -> str:
    """A sentence that gives no hidden case away."""
    why = {
        "time": f" It did not finish within {run.detail} on them.",
        "asleep": f" It waited for {run.detail} and did nothing on them.",
        "memory": " It ran out of memory on them.",
        "ended": " It ended Python itself on them.",
    }.get(run.stopped, " Does it answer for those cases only, or miss something that the text asks for?")
    return "It is right on the cases that you can see, and not on others of the same kind." + why


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
    is not there counts where one of them is missed.
    """

    def __init__(self, code: str, name: str, file: str) -> None:
        self._code, self._name, self._file = code, name, file
        self._function: Any = None
        self._failed: BaseException | None = None
        self._absent: ImportError | None = None

    def __call__(self, *arguments: Any) -> Any:
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
        whole = compile(code, file, "exec", dont_inherit=True)
        nodes = [n for n in ast.parse(code).body if isinstance(n, ast.FunctionDef) and n.name == name]
        inside = [c for c in whole.co_consts if isinstance(c, types.CodeType) and c.co_name == name]
        if nodes and inside and not nodes[-1].decorator_list and not inside[-1].co_freevars:
            function = types.FunctionType(inside[-1], {}, name)
            arguments = nodes[-1].args
            function.__defaults__ = (None,) * len(arguments.defaults)
            named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            function.__kwdefaults__ = {a.arg: None for a, default in named if default is not None}
            return function
    except (SyntaxError, ValueError):
        pass

    def any_function(*arguments: Any) -> Any:
        raise AssertionError("this stands for a function and is none")

    any_function.__name__ = name
    return any_function
