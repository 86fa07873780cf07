"""What an exercise is. One module a lesson, `lesson_NN.py`, holds its exercises in the tuple `EXERCISES`."""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

BLANK = "your code goes here"  # what a stub raises, in both editions' build and in the check


@dataclass(frozen=True)
class Case:
    """One call that a student's function must get right.

    `arguments` are copied before each call, so a function that changes them spoils nothing. `note` says in one neutral
    sentence what is special about the case; it is shown when the case fails and no misconception fits.
    """

    arguments: tuple[Any, ...]
    note: str = ""


@dataclass(frozen=True)
class Misconception:
    """A mistake that people make: a small wrong `function`, and the `sentence` that names the mistake to the student.

    The sentence is shown when the student's function does on all cases what `function` does: the same values, or an
    exception of the same type.
    """

    function: Callable[..., Any]
    sentence: str


def variants(function: Callable[..., Any], sentences: Mapping[str, str]) -> tuple[Misconception, ...]:
    """One misconception for each sentence: `function` with its keyword `mistake` set to the sentence's key."""
    return tuple(Misconception(partial(function, mistake=m), sentence) for m, sentence in sentences.items())


@dataclass(frozen=True)
class Exercise:
    """One exercise: a reference to compare with and the cases to compare on, the smallest case first.

    Attributes:
        id: lesson and number, such as "05.1".
        reference: a right answer; its name and its parameters are those of the stub in the lesson.
        cases: the calls, smallest first, because the first that fails is shown.
        hints: three sentences, each one step further than the last; `hint` adds the way to the solution itself.
        misconceptions: each is refused by the cases and behaves unlike every other one.
        alternatives: right answers in other styles, which must pass.
        difficulty: "easy", "medium" or "hard".
        lines: the line budget: how many lines of code the solution takes.
        minutes: how long a student may need.
        rtol, atol: how far a float may be from the reference. With `atol=0` an expected 0 must be exactly 0.
        python_numbers: where the result is one number, it must be a Python number, as the text says; otherwise a tensor
            without dimensions stands for a number, and a whole float for an int.
        fresh: the result must not share memory with an argument.
        leaves_random_state: torch's global random state must be after each call what it was before.
        points: what `grade_cell` returns for a right answer.
        vary: makes the arguments of a hidden case, where other values in the visible cases (`variants`) do not do.
    """

    id: str
    reference: Callable[..., Any]
    cases: tuple[Case, ...]
    hints: tuple[str, ...] = ()
    misconceptions: tuple[Misconception, ...] = ()
    alternatives: tuple[Callable[..., Any], ...] = ()
    difficulty: str = "easy"
    lines: int = 1
    minutes: int = 5
    rtol: float = 1e-5
    atol: float = 1e-7
    python_numbers: bool = False
    fresh: bool = False
    leaves_random_state: bool = False
    points: int = 1
    vary: Callable[[random.Random], tuple[Any, ...]] | None = None

    @property
    def name(self) -> str:
        return self.reference.__name__


@dataclass(frozen=True)
class Option:
    """One answer to choose: its text, whether it is right, and one or two sentences `because` of which it is or is not."""

    text: str
    right: bool
    because: str


@dataclass(frozen=True)
class Question:
    """A question with three or four options, of which exactly one is right. The id is such as "05.Q1"."""

    id: str
    text: str
    options: tuple[Option, ...]


def lessons() -> list[str]:
    """The numbers of the lessons that have exercises, such as ["00", "05"]."""
    prefix = "lesson_"
    return sorted(
        m.name.removeprefix(prefix) for m in pkgutil.iter_modules(__path__) if m.name.startswith(prefix)
    )


def of_lesson(number: str) -> dict[str, Exercise]:
    """The exercises of one lesson by id, in their order; empty for a lesson without any."""
    if number not in lessons():
        return {}
    module = importlib.import_module(f"{__name__}.lesson_{number}")
    return {exercise.id: exercise for exercise in module.EXERCISES}


def find(exercise_id: str) -> Exercise:
    """Return the exercise with this id.

    Raises:
        ValueError: there is none; the text lists those of the lesson, or the lessons.
    """
    number = str(exercise_id).partition(".")[0]
    known = of_lesson(number)
    if exercise_id in known:
        return known[exercise_id]
    if known:
        raise ValueError(f"there is no exercise {exercise_id!r}; lesson {number} has {', '.join(known)}.")
    listed = ", ".join(lessons())
    raise ValueError(
        f"there is no exercise {exercise_id!r}; write lesson and number, such as '05.1' (lessons: {listed})."
    )


def every() -> list[Exercise]:
    """The exercises of all lessons, in their order."""
    return [exercise for number in lessons() for exercise in of_lesson(number).values()]


def questions_of(number: str) -> dict[str, Question]:
    """The questions of one lesson by id, in their order; empty for a lesson without any."""
    if number not in lessons():
        return {}
    module = importlib.import_module(f"{__name__}.lesson_{number}")
    return {question.id: question for question in getattr(module, "QUESTIONS", ())}


def find_question(question_id: str) -> Question:
    """Return the question with this id.

    Raises:
        ValueError: there is none; the text lists those of the lesson, or the lessons.
    """
    number = str(question_id).partition(".")[0]
    known = questions_of(number)
    if question_id in known:
        return known[question_id]
    if known:
        raise ValueError(f"there is no question {question_id!r}; lesson {number} has {', '.join(known)}.")
    listed = ", ".join(n for n in lessons() if questions_of(n))
    raise ValueError(
        f"there is no question {question_id!r}; write lesson and number, such as '05.Q1' (lessons: {listed})."
    )
