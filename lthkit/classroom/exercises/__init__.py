"""What an exercise is. One module a lesson, `lesson_NN.py`, holds its exercises in the tuple `EXERCISES`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One call that a student's function must get right.

    `arguments` are copied before each call, so a function that changes them spoils nothing. `note` says in one sentence
    what is special about the case; it is shown when the case fails.
    """

    arguments: tuple[Any, ...]
    note: str = ""


@dataclass(frozen=True)
class Exercise:
    """One exercise: a reference to compare with and the cases to compare on, the smallest case first.

    Attributes:
        id: lesson and number, such as "05.1".
        reference: a right answer; its name and its parameters are those of the stub in the lesson.
        cases: the calls, smallest first, because the first that fails is shown.
        hints: sentences, each one step further than the last.
        rtol, atol: how far a float may be from the reference. With `atol=0` an expected 0 must be exactly 0.
        fresh: the result must not share memory with an argument.
    """

    id: str
    reference: Callable[..., Any]
    cases: tuple[Case, ...]
    hints: tuple[str, ...] = ()
    rtol: float = 1e-5
    atol: float = 1e-7
    fresh: bool = False

    @property
    def name(self) -> str:
        return self.reference.__name__


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
