"""The exercises of all lessons: one module a lesson, `lesson_NN.py`, holds its own in the tuple `EXERCISES`."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from lthkit.classroom.exercises.exercise import Exercise, Question


def lessons() -> list[str]:
    """The numbers of the lessons that have exercises, such as ["00", "05"]."""
    prefix = "lesson_"
    return sorted(
        m.name.removeprefix(prefix)
        for m in pkgutil.iter_modules([str(Path(__file__).parent)])
        if m.name.startswith(prefix)
    )


def of_lesson(number: str) -> dict[str, Exercise]:
    """The exercises of one lesson by id, in their order; empty for a lesson without any."""
    if number not in lessons():
        return {}
    module = importlib.import_module(f"{__package__}.lesson_{number}")
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
    module = importlib.import_module(f"{__package__}.lesson_{number}")
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
