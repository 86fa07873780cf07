"""Checking a student's function: `check` says what is wrong, `use` lets the lesson go on either way.

Nothing here raises because of what a student wrote. A notebook gets one display with an HTML and a text face, a console
plain text. (The stop button still stops.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lthkit.classroom import passport, references
from lthkit.classroom.compare import side_by_side
from lthkit.classroom.exercises import Exercise, find
from lthkit.classroom.grading import course
from lthkit.classroom.judge import Outcome, judge
from lthkit.classroom.saying import Apart, Block, Call, say, write
from lthkit.machine.work import hidden

_last: dict[str, tuple[Any, Outcome]] = {}  # the function checked last and what was found, by exercise


@hidden()
def check(exercise_id: str, function: Any) -> None:
    """Show whether `function` solves the exercise: passed, not attempted yet, or what is wrong and where.

    The function runs in a process of its own, with a time limit of $LTHKIT_CHECK_SECONDS (10 seconds) for all cases.
    Never raises because of it and returns nothing, so that *Run All* goes on.
    """
    try:
        exercise = find(exercise_id)
        outcome = _judged(exercise, function)
        title = f"{exercise.id} {exercise.name}"
        if outcome.state == "passed":
            say(f"{title}: passed{_with_help(exercise)}.", state="passed")
        elif outcome.state == "blank":
            say(f'{title}: not attempted yet. Stuck? hint("{exercise.id}")', state="open")
        else:
            say(
                f"{title}: not yet.",
                *_explained(outcome),
                f'  Next: hint("{exercise.id}")',
                state="not yet",
            )
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a student's object does when it is looked at
        say(f"{exercise_id}: could not be checked. {_named(error)}")


@hidden()
def use(exercise_id: str, function: Any) -> Callable[..., Any]:
    """Return `function` if it passes its check, else the reference, and show which of the two it is.

    What `check` found about the same function is used again. The reference stands in for an answer and is none: it passes
    neither its check nor a graded cell.

    Raises:
        ValueError: there is no such exercise.
    """
    if references.graded is not None:
        return references.graded(exercise_id, function)  # type: ignore[no-any-return]
    exercise = find(exercise_id)
    if _passes(exercise, function):
        say(f"{exercise.id} {exercise.name}: from here on your function is used.", state="passed")
        return function  # type: ignore[no-any-return]
    say(
        f"{exercise.id} {exercise.name}: from here on the reference is used, until yours passes.",
        state="reference",
    )
    return exercise.reference


@hidden()
def grade_cell(exercise_id: str, function: Any) -> float:
    """Print one line and return the points of a graded cell: those of the exercise if `function` solves it, else 0.0.

    The function is checked anew. In the folder of a class (`lthkit grade`) it must be right on the hidden cases too.
    Never raises because of it.
    """
    try:
        exercise = find(exercise_id)
        _last.pop(exercise.id, None)
        if (folder := course.around()) is not None:
            from lthkit.classroom.grading.judging import graded_cell

            found = graded_cell(exercise.id, function, folder)
            write(f"{exercise.id} {exercise.name}: {found.points:g} of {found.of:g} points", *found.lines)
            return found.points
        points = float(exercise.points) if _passes(exercise, function) else 0.0
        write(f"{exercise.id} {exercise.name}: {points:g} of {exercise.points:g} points")
        return points
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        write(f"{exercise_id}: 0 points, it could not be checked. {_named(error)}")
        return 0.0


def _with_help(exercise: Exercise) -> str:
    """What the passport adds where the solution was shown before."""
    return (
        ", assisted: the solution was shown"
        if passport.read(say).passed.get(exercise.id) == "assisted"
        else ""
    )


def _explained(outcome: Outcome) -> list[Block]:
    """What is wrong, line by line, with the call as code and the two values side by side."""
    blocks: list[Block] = [f"  {line}" for line in outcome.lines]
    if outcome.call and outcome.call in outcome.lines:
        blocks[outcome.lines.index(outcome.call)] = Call(outcome.call)
    if outcome.apart is not None:
        shown = tuple(side_by_side(*outcome.apart))
        for i in range(len(blocks) - len(shown) + 1):
            if shown and outcome.lines[i : i + len(shown)] == shown:
                blocks[i : i + len(shown)] = [Apart(*outcome.apart)]
                break
    return blocks


def _judged(exercise: Exercise, function: Any) -> Outcome:
    _last.pop(exercise.id, None)
    if references.is_reference(exercise, function):
        return Outcome("wrong", (references.NO_ANSWER,))
    outcome = judge(exercise, function)
    _last[exercise.id] = function, outcome
    if outcome.state == "passed":
        given = passport.read(say).hints.get(exercise.id, 0)
        passport.note_passed(exercise.id, given > len(exercise.hints), say)
    return outcome


def _passes(exercise: Exercise, function: Any) -> bool:
    if exercise.id in _last and _last[exercise.id][0] is function:
        return _last[exercise.id][1].state == "passed"
    return _judged(exercise, function).state == "passed"


def _named(error: BaseException) -> str:
    try:
        text = str(error).strip().splitlines()
    except BaseException:
        text = []
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
