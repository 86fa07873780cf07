"""Every exercise of every lesson: mistakes are named, right answers pass, and the lesson's text agrees with the exercise.

A lesson whose source is not in `solutions/` yet is left out of the tests that compare the two.
"""

from __future__ import annotations

import functools
import inspect
import io
import itertools
import math
import re
import textwrap
import tokenize
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lthkit as lth
from lthkit.classroom.behaviour import alike, calls_of
from lthkit.classroom.cells import Cell, calls, parse, read_source
from lthkit.classroom.exercises import (
    BLANK,
    Case,
    Exercise,
    Misconception,
    Question,
    every,
    find,
    lessons,
    of_lesson,
    questions_of,
)
from lthkit.classroom.judge import judge
from lthkit.classroom.process import in_worker
from lthkit.classroom.running import in_process

ROOT = Path(__file__).resolve().parents[2]
EVERY = every()
SOURCES = {path.stem[:2]: path for path in sorted((ROOT / "solutions").glob("[0-9][0-9]_*.py"))}
IN_SOURCE = [exercise for exercise in EVERY if exercise.id[:2] in SOURCES]
QUESTIONS = [question for number in lessons() for question in questions_of(number).values()]
WORDS = "no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
COUNTED = [number for number in lessons() if number != "00"]  # the first lesson only shows how exercises work

by_exercise = pytest.mark.parametrize("exercise", EVERY, ids=lambda e: e.id)
by_exercise_in_source = pytest.mark.parametrize("exercise", IN_SOURCE, ids=lambda e: e.id)


@functools.cache
def cells_of(number: str) -> list[Cell]:
    return parse(SOURCES[number], read_source(SOURCES[number]))


def mistakes() -> list[Any]:
    return [
        pytest.param(exercise, wrong, id=f"{exercise.id}-{i}")
        for exercise in EVERY
        for i, wrong in enumerate(exercise.misconceptions)
    ]


# What a student may answer


@pytest.mark.parametrize("exercise, wrong", mistakes())
def test_a_misconception_is_refused_with_its_own_sentence(exercise: Exercise, wrong: Misconception) -> None:
    """Catches cases too weak to refuse a mistake or to tell it from another one, whose sentence would be shown."""
    for spelling, function in enumerate(wrong.functions):
        outcome = judge(exercise, function, runner=in_process)
        assert outcome.state == "wrong", f"the cases accept spelling {spelling}: a case is missing"
        shown = outcome.misconception.sentence if outcome.misconception else "no misconception"
        assert outcome.misconception is wrong, f"spelling {spelling} is taken for: {shown}"
        assert outcome.lines[0] == wrong.sentence


@by_exercise
def test_the_reference_and_its_alternatives_are_accepted(exercise: Exercise) -> None:
    """Catches a case that asks for more than the text says, or a tolerance that refuses another order of summing."""
    assert len(exercise.alternatives) >= (0 if exercise.id.startswith("00.") else 2)
    for function in (exercise.reference, *exercise.alternatives):
        outcome = judge(exercise, function, runner=in_process)
        assert outcome.state == "passed", (function, outcome.lines)


@by_exercise
def test_the_worker_comes_to_the_same_verdict(exercise: Exercise) -> None:
    """Catches arguments that cannot be pickled, results that are not plain data, and a reference that needs its process."""
    assert judge(exercise, exercise.reference, runner=in_worker).state == "passed"
    for wrong in exercise.misconceptions[:1]:
        assert judge(exercise, wrong.function, runner=in_worker).misconception is wrong


@by_exercise
def test_a_case_leaves_the_next_one_alone(exercise: Exercise) -> None:
    """Catches a reference that changes the arguments of the exercise itself, or gives other numbers the second time."""
    first = in_process(exercise.reference, exercise.cases).calls
    again = in_process(exercise.reference, tuple(reversed(exercise.cases))).calls[::-1]
    assert alike(exercise, first, again)
    assert all(not call.unsendable for call in first)


def test_a_weak_case_and_a_doubled_mistake_are_found() -> None:
    """The tests above can fail: a case that a mistake survives, and two mistakes that no case tells apart."""
    absolute = Misconception(lambda w: w, "The sign is kept.")
    weak = Exercise("99.1", lambda w: abs(w), (Case((2,)),), misconceptions=(absolute,))
    assert judge(weak, absolute.function, runner=in_process).state == "passed"
    doubled = Exercise(
        "99.1",
        lambda w: abs(w),
        (Case((2,)), Case((-2,))),
        misconceptions=(absolute, Misconception(lambda w: min(w, 2), "It is cut at 2.")),
    )
    assert judge(doubled, doubled.misconceptions[1].function, runner=in_process).misconception is absolute


# What an exercise must have


@by_exercise
def test_an_exercise_is_complete(exercise: Exercise) -> None:
    """Catches an exercise that was left half done: too few mistakes, a hint or a note missing, no budget."""
    assert re.fullmatch(r"\d\d\.\d+", exercise.id)
    assert len(exercise.hints) == 3 and len(set(exercise.hints)) == 3
    assert len(exercise.misconceptions) >= (0 if exercise.id.startswith("00.") else 4)
    sentences = [m.sentence for m in exercise.misconceptions]
    assert len(set(sentences)) == len(sentences)
    assert exercise.difficulty in ("easy", "medium", "hard")
    assert exercise.lines >= 1 and exercise.minutes >= 1 and exercise.points >= 1
    assert all(case.note for case in exercise.cases)
    wanted = len(inspect.signature(exercise.reference).parameters)
    assert all(len(case.arguments) <= wanted for case in exercise.cases)


@by_exercise
def test_what_is_printed_is_ascii_and_ends_like_a_sentence(exercise: Exercise) -> None:
    """Catches a note or a hint that an ASCII console would show as escapes, and a sentence that was cut off."""
    texts = [
        *exercise.hints,
        *(m.sentence for m in exercise.misconceptions),
        *(c.note for c in exercise.cases),
    ]
    for text in texts:
        assert text.isascii() and text == text.strip() and text[-1] in ".?)", text


@by_exercise
def test_all_functions_of_an_exercise_take_its_cases(exercise: Exercise) -> None:
    """Catches a misconception that fails only because of its parameters, which says nothing about the mistake."""
    functions = [*exercise.alternatives, *(m.function for m in exercise.misconceptions)]
    for function in functions:
        for case in exercise.cases:
            inspect.signature(function).bind(*case.arguments)


def test_no_two_exercises_share_a_name_and_ids_run_on() -> None:
    """Catches a copied exercise: a function given to the wrong check is recognised by its name."""
    names = [exercise.name for exercise in EVERY]
    assert len(set(names)) == len(names)
    for number in lessons():
        ids = list(of_lesson(number))
        assert ids == [f"{number}.{i + 1}" for i in range(len(ids))]


@pytest.mark.parametrize("number", COUNTED)
def test_a_lesson_has_enough_to_do(number: str) -> None:
    """Catches a lesson with fewer than three exercises or four questions."""
    assert len(of_lesson(number)) >= 3 and len(questions_of(number)) >= 4


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.id)
def test_a_question_has_one_right_option_and_explains_each(question: Question) -> None:
    """Catches a question without a right answer, or with two, and an option that leaves the student alone."""
    assert re.fullmatch(r"\d\d\.Q\d+", question.id)
    assert len(question.options) in (3, 4)
    assert sum(option.right for option in question.options) == 1
    texts = [question.text, *(o.text for o in question.options), *(o.because for o in question.options)]
    assert all(text.strip() and text.isascii() for text in texts)
    assert len({o.text for o in question.options}) == len({o.because for o in question.options})
    assert len({o.text for o in question.options}) == len(question.options)


# The lesson and its exercises agree


def scope_of(exercise: Exercise) -> dict[str, Any]:
    """What the cell of an exercise may use: the lesson's imports, and the functions of the exercises before it."""
    scope: dict[str, Any] = {"torch": torch, "lth": lth, "math": math, "np": np, "numpy": np, "nn": torch.nn}
    lines = [line for cell in cells_of(exercise.id[:2]) if cell.is_code for line in cell.lines]
    imports = [line for line in lines if re.fullmatch(r"(import|from) [^(]*", line)]
    exec("\n".join(imports), scope)
    for other in of_lesson(exercise.id[:2]).values():
        if other.id == exercise.id:
            break
        scope[other.name] = scope[other.name + "_"] = other.reference
    return scope


def cell_of(exercise: Exercise) -> Cell:
    found = [cell for cell in cells_of(exercise.id[:2]) if cell.exercise == exercise.id]
    assert found, f"{SOURCES[exercise.id[:2]].name} has no exercise {exercise.id}"
    return found[0]


def defined(code: str, exercise: Exercise) -> Callable[..., Any]:
    scope = scope_of(exercise)
    exec(code, scope)
    assert exercise.name in scope, f"the cell of {exercise.id} defines no {exercise.name}"
    return scope[exercise.name]  # type: ignore[no-any-return]


@by_exercise_in_source
def test_the_solution_in_the_lesson_is_what_passes(exercise: Exercise) -> None:
    """Catches a lesson whose solution is not the reference's answer any more."""
    function = defined(cell_of(exercise).text, exercise)
    outcome = judge(exercise, function, runner=in_process)
    assert outcome.state == "passed", outcome.lines
    assert list(inspect.signature(function).parameters) == list(
        inspect.signature(exercise.reference).parameters
    )


@functools.cache
def student_edition(number: str) -> Any:
    from lthkit.classroom.editions import editions

    return editions(ROOT, SOURCES[number])[0]


@by_exercise_in_source
def test_the_blank_stub_is_not_attempted_yet(exercise: Exercise) -> None:
    """Catches a stub that does something before it raises, or whose message the check does not know."""
    pytest.importorskip("jupytext")
    pytest.importorskip("nbformat")
    student = student_edition(exercise.id[:2])
    stubs = [cell.source for cell in student.cells if cell.metadata.get("exercise") == exercise.id]
    assert len(stubs) == 1 and BLANK in stubs[0]
    assert judge(exercise, defined(stubs[0], exercise), runner=in_process).state == "blank"


@by_exercise_in_source
def test_the_heading_agrees_with_the_exercise(exercise: Exercise) -> None:
    """Catches a heading that promises another difficulty, line budget or time than the exercise has."""
    text = read_source(SOURCES[exercise.id[:2]])
    heads = re.findall(rf"^# ### Exercise {re.escape(exercise.id)}: (.+)$", text, re.MULTILINE)
    assert len(heads) == 1, f"one heading `### Exercise {exercise.id}: ...`, and there are {len(heads)}"
    _, *parts = heads[0].split(" \u00b7 ")
    assert len(parts) == 3, heads[0]
    lines, minutes = (
        re.fullmatch(rf"(\S+) {unit}s?", part)
        for unit, part in zip(("line", "minute"), parts[1:], strict=True)
    )
    assert lines and minutes, heads[0]
    assert (parts[0], number(lines[1]), number(minutes[1])) == (
        exercise.difficulty,
        exercise.lines,
        exercise.minutes,
    )


def number(word: str) -> int:
    return int(word) if word.isdecimal() else WORDS.index(word)


@by_exercise_in_source
def test_the_solution_keeps_to_its_line_budget(exercise: Exercise) -> None:
    """Catches a budget that the solution itself exceeds. A statement is a line, however it is broken."""
    solution = cell_of(exercise).text.partition("# BEGIN SOLUTION")[2].partition("# END SOLUTION")[0]
    tokens = tokenize.generate_tokens(io.StringIO(textwrap.dedent(solution)).readline)
    assert sum(token.type == tokenize.NEWLINE for token in tokens) <= exercise.lines


@pytest.mark.parametrize("number", [n for n in lessons() if n in SOURCES])
def test_the_lesson_checks_and_uses_every_exercise_and_asks_every_question(number: str) -> None:
    """Catches an exercise that the lesson forgets to check, an unknown one, and a quiz with a wrong letter."""
    cells = cells_of(number)
    code = "\n".join(cell.text for cell in cells if cell.is_code)
    assert [cell.exercise for cell in cells if cell.exercise] == list(of_lesson(number))
    for exercise in of_lesson(number).values():
        for name in ("check", "use"):
            given = [
                getattr(call.args[1], "id", "")
                for call in calls(code, name)
                if getattr(call.args[0], "value", "") == exercise.id
            ]
            assert given and set(given) == {exercise.name}, f"{name}({exercise.id!r}, {exercise.name})"
        assert f"{exercise.name}_ = use(" in code
    asked = {
        cell.question: getattr(calls(cell.text, "quiz")[0].args[1], "value", None)
        for cell in cells
        if cell.question
    }
    right = {
        question.id: "abcd"[[option.right for option in question.options].index(True)]
        for question in questions_of(number).values()
    }
    assert asked == right


def test_what_our_own_functions_do_is_computed_once() -> None:
    """Catches a check that runs the reference and every known mistake again each time."""
    times = []
    exercise = Exercise("99.1", lambda w: times.append(w), (Case((1,)), Case((2,))))
    assert calls_of(exercise, exercise.reference) is calls_of(exercise, exercise.reference)
    assert times == [1, 2]


def test_no_case_of_lesson_14_has_the_ties_that_its_text_excludes() -> None:
    """Catches a case on which two right answers may differ: equal scores, or a sum that rounding puts above the target or below."""
    _, subsets, moved, inputs = (find(f"14.{i}") for i in (1, 2, 3, 4))
    for case in inputs.cases:
        weights, examples, _ = case.arguments
        scores = sorted(
            abs(w) * math.hypot(*column)
            for w, column in zip(weights, zip(*examples, strict=True), strict=True)
        )
        assert all(b - a > 1e-9 for a, b in itertools.pairwise(scores)), case.note
    for case in moved.cases:
        weights, kept, gradients, _ = case.arguments
        sizes = [abs(w) for w, k in zip(weights, kept, strict=True) if k]
        assert len(set(sizes)) == len(sizes) and len(set(map(abs, gradients))) == len(gradients), case.note
    for case in subsets.cases:
        numbers, target = case.arguments
        sums = [sum(s) for k in range(len(numbers) + 1) for s in itertools.combinations(numbers, k)]
        assert all(s == target or abs(s - target) > 1e-9 for s in sums), case.note
        if target in sums:
            assert all((x * 1024).is_integer() for x in (*numbers, target)) or target == 0, case.note
