"""What functions do on the cases of an exercise, and whether two of them do the same. Knows nothing of right and wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lthkit.classroom.compare import as_number, difference
from lthkit.classroom.exercises import Exercise
from lthkit.classroom.running import Call, in_process

# By the ids of exercise and function, which are kept beside the calls so that their ids stay theirs.
_known_calls: dict[tuple[int, int], tuple[Exercise, Callable[..., Any], tuple[Call, ...]]] = {}


def calls_of(exercise: Exercise, function: Callable[..., Any]) -> tuple[Call, ...]:
    """What a function of our own (a reference, a known mistake) does on the cases; computed once."""
    key = (id(exercise), id(function))
    if key not in _known_calls:
        _known_calls[key] = exercise, function, in_process(function, exercise.cases).calls
    return _known_calls[key][2]


def alike(exercise: Exercise, one: Sequence[Call], other: Sequence[Call]) -> bool:
    """Whether two functions behave alike on all cases: equal values within the tolerance, or exceptions of one type."""
    return len(one) == len(other) and all(same(exercise, a, b) for a, b in zip(one, other, strict=True))


def same(exercise: Exercise, one: Call, other: Call) -> bool:
    """Whether two calls did the same: value, arguments after it, and what the value shares with them."""
    if one.raised or other.raised:
        return bool(one.raised and other.raised and one.raised.kind == other.raised.kind)
    return (
        not one.unsendable
        and not other.unsendable
        and close(exercise, one.value, other.value)
        and close(exercise, one.arguments, other.arguments)
        and (not exercise.fresh or (one.shares, one.same) == (other.shares, other.same))
    )


def close(exercise: Exercise, one: Any, other: Any) -> bool:
    """Whether two values agree within the tolerance, taken either way round; what cannot be compared does not."""
    try:
        return any(not differs(exercise, x, y) for x, y in ((one, other), (other, one)))
    except Exception:  # a tensor without entries of its own, a number beyond every float
        return False


def differs(exercise: Exercise, expected: Any, got: Any) -> str:
    """How a value differs from the expected one, by the tolerance of the exercise; "" if it does not."""
    if not exercise.python_numbers:
        got = as_number(expected, got)
    return difference(expected, got, rtol=exercise.rtol, atol=exercise.atol)
