"""What an exercise is, and those of each lesson. This file is the table of contents."""

from __future__ import annotations

from lthkit.classroom.exercises import features
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
    Both,
    Case,
    Exercise,
    Misconception,
    Option,
    Question,
    pick,
    variants,
)

__all__ = [
    "BLANK",
    "Both",
    "Case",
    "Exercise",
    "Misconception",
    "Option",
    "Question",
    "every",
    "features",
    "find",
    "find_question",
    "lessons",
    "of_lesson",
    "pick",
    "questions_of",
    "variants",
]
