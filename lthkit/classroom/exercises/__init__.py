"""What an exercise is, and those of each lesson. This file is the table of contents."""

from __future__ import annotations

from lthkit.classroom.exercises.catalogue import (
    every,
    find,
    find_question,
    lessons,
    of_lesson,
    questions_of,
)
from lthkit.classroom.exercises.exercise import (
    BLANK,
    Case,
    Exercise,
    Misconception,
    Option,
    Question,
    variants,
)

__all__ = [
    "BLANK",
    "Case",
    "Exercise",
    "Misconception",
    "Option",
    "Question",
    "every",
    "find",
    "find_question",
    "lessons",
    "of_lesson",
    "questions_of",
    "variants",
]
