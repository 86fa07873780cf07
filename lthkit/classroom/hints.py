"""Hints: one step more at each call, and at last the solution itself, below a line that says what it costs."""

from __future__ import annotations

from pathlib import Path

from lthkit.classroom import passport
from lthkit.classroom.exercises import Exercise, find
from lthkit.classroom.saying import Folded, InText, say
from lthkit.classroom.solutions import solution
from lthkit.machine import faces

_announced: set[str] = set()  # exercises whose solution comes with the next call, where nothing can be folded


def hint(exercise_id: str) -> None:
    """Show the next hint, one step more at each call. The last one is the solution. Never raises.

    A notebook shows the solution folded; a terminal shows it at the second call. An exercise that is passed after that
    counts as assisted.
    """
    try:
        exercise = find(exercise_id)
    except ValueError as error:
        say(str(error))
        return
    known = passport.read(say)
    count = len(exercise.hints)
    given = min(max(known.hints.get(exercise.id, 0), 0), count)
    if given == count:
        _last(exercise, known)
        return
    passport.note_hint(exercise.id, given + 1, say)
    head = f"{exercise.id} hint {given + 1} of {count + 1}: {exercise.hints[given]}"
    next_one = [f"The next hint is the solution. {_costs(exercise, known)}"] if given + 1 == count else []
    say(head, *_earlier(exercise, given), *next_one, state="told")


def _last(exercise: Exercise, known: passport.Passport) -> None:
    count = len(exercise.hints)
    head = f"{exercise.id} hint {count + 1} of {count + 1}: the solution. {_costs(exercise, known)}"
    shown = known.hints.get(exercise.id, 0) > count
    try:
        code = solution(exercise)
    except (OSError, TypeError, SyntaxError):  # a package without its sources
        passport.note_hint(exercise.id, count + 1, say)
        say(head, _elsewhere(exercise.id[:2]), state="told")
        return
    announced = shown or exercise.id in _announced
    if announced or faces.in_notebook():
        passport.note_hint(exercise.id, count + 1, say)
    _announced.add(exercise.id)
    folded = Folded("Open the solution", code, open_in_text=announced)
    more = () if announced else (InText(f'To see it: hint("{exercise.id}") once more.'),)
    say(head, *_earlier(exercise, count), *more, folded, state="told")


def _earlier(exercise: Exercise, given: int) -> list[str]:
    """The hints that were given before: in a notebook the next one takes the place of the last."""
    return [f"Hint {k}: {text}" for k, text in enumerate(exercise.hints[:given], start=1)]


def _costs(exercise: Exercise, known: passport.Passport) -> str:
    """What follows from seeing the solution."""
    if exercise.id in known.passed:
        return f"{exercise.id} is passed already, and stays so."
    if known.hints.get(exercise.id, 0) > len(exercise.hints):
        return f"{exercise.id} counts as assisted."
    return f"With the solution shown, {exercise.id} will count as assisted."


def _elsewhere(lesson: str) -> str:
    """Where the solved edition of a lesson is, for a package without its sources."""
    try:
        here = Path.cwd()
        for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
            if found := sorted((folder / "solutions").glob(f"{lesson}_*.*")):
                return f"It is in the solved edition of the lesson, solutions/{found[0].name}."
    except OSError:
        pass
    return (
        "It is in the solved edition of the lesson, which is not on this computer: "
        f"solutions/{lesson}_*.ipynb in the course's repository."
    )
