"""The course's own answers: which functions they are, and that they are no answers of a student's."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lthkit.classroom import exercises
from lthkit.classroom.exercises import Exercise
from lthkit.classroom.sending import inside

NO_ANSWER = "This is the course's own function, which is no answer. Write one of your own."

graded: Callable[[str, Any], Any] | None = None  # what stands in for `use` where a submission is graded

_FOLDER = str(Path(exercises.__file__).parent)


def is_reference(exercise: Exercise, function: Any) -> bool:
    """Whether a function is the exercise's reference itself, in partials, caches or a copy of the function too."""
    code = _code(function)
    return code is not None and code is _code(exercise.reference)


def is_ours(function: Any) -> bool:
    """Whether a function was written in the modules of the exercises."""
    code = _code(function)
    return code is not None and str(code.co_filename).startswith(_FOLDER)


def _code(function: Any) -> types.CodeType | None:
    try:
        found = inside(function)
        found = found.__func__ if isinstance(found, types.MethodType) else found
        return found.__code__ if isinstance(found, types.FunctionType) else None
    except BaseException:  # a student's object can do anything when it is looked at
        return None
