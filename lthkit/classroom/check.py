"""Checking a student's function: `check` says what is wrong, `hint` helps on, `use` lets the lesson go on either way.

Nothing here raises because of what a student wrote, and all that is printed is plain text for any console. (The stop
button still stops.)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lthkit.classroom import passport
from lthkit.classroom.exercises import (
    Exercise,
    Question,
    find,
    find_question,
    lessons,
    of_lesson,
    questions_of,
)
from lthkit.classroom.grading import course
from lthkit.classroom.judge import Outcome, judge

_last: dict[str, tuple[Any, Outcome]] = {}  # the function checked last and what was found, by exercise


def check(exercise_id: str, function: Any) -> None:
    """Print whether `function` solves the exercise: passed, not attempted yet, or what is wrong and where.

    The function runs in a process of its own, with a time limit of $LTHKIT_CHECK_SECONDS (10 seconds) for all cases.
    Never raises because of it and returns nothing, so that *Run All* goes on.
    """
    try:
        exercise = find(exercise_id)
        outcome = _judged(exercise, function)
        title = f"{exercise.id} {exercise.name}"
        if outcome.state == "passed":
            _say(f"{title}: passed.")
        elif outcome.state == "blank":
            _say(f'{title}: not attempted yet. Stuck? hint("{exercise.id}")')
        else:
            _say(
                f"{title}: not yet.",
                *(f"  {line}" for line in outcome.lines),
                f'  Next: hint("{exercise.id}")',
            )
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a student's object does when it is looked at
        _say(f"{exercise_id}: could not be checked. {_named(error)}")


def use(exercise_id: str, function: Any) -> Callable[..., Any]:
    """Return `function` if it passes its check, else the reference, and print which of the two it is.

    What `check` found about the same function is used again.

    Raises:
        ValueError: there is no such exercise.
    """
    exercise = find(exercise_id)
    if _passes(exercise, function):
        _say(f"{exercise.id} {exercise.name}: from here on your function is used.")
        return function  # type: ignore[no-any-return]
    _say(f"{exercise.id} {exercise.name}: from here on the reference is used, until yours passes.")
    return exercise.reference


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
            _say(f"{exercise.id} {exercise.name}: {found.points:g} of {found.of:g} points", *found.lines)
            return found.points
        points = float(exercise.points) if _passes(exercise, function) else 0.0
        _say(f"{exercise.id} {exercise.name}: {points:g} of {exercise.points:g} points")
        return points
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        _say(f"{exercise_id}: 0 points, it could not be checked. {_named(error)}")
        return 0.0


def hint(exercise_id: str) -> None:
    """Print the next hint, one step more at each call; the last one says where the solution is. Never raises."""
    try:
        exercise = find(exercise_id)
    except ValueError as error:
        _say(str(error))
        return
    hints = (*exercise.hints, _solution(exercise.id[:2]))
    given = min(max(passport.read(_say).hints.get(exercise.id, 0), 0), len(hints) - 1)
    passport.note_hint(exercise.id, given + 1, _say)
    _say(f"{exercise.id} hint {given + 1} of {len(hints)}: {hints[given]}")


def _solution(lesson: str) -> str:
    """Where the solved edition of a lesson is; somebody with the package and one notebook alone does not have it."""
    try:
        here = Path.cwd()
        for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
            if found := sorted((folder / "solutions").glob(f"{lesson}_*.*")):
                return f"The solution is in the solved edition of the lesson, solutions/{found[0].name}."
    except OSError:
        pass
    return (
        "The solution is in the solved edition of the lesson, which is not on this computer: "
        f"solutions/{lesson}_*.ipynb in the course's repository."
    )


def quiz(question_id: str, answer: Any) -> None:
    """Print a question with its options and, for a letter, whether that option is right and why. Never raises.

    `answer` is the letter of an option, such as "b", or None for no answer yet.
    """
    try:
        question = find_question(question_id)
    except ValueError as error:
        _say(str(error))
        return
    letters = "abcdefgh"[: len(question.options)]
    chosen = answer.strip().lower().rstrip(".)") if isinstance(answer, str) else None
    lines = [f"{question.id}  {question.text}"]
    for letter, option in zip(letters, question.options, strict=True):
        lines.append(f"  {'>' if letter == chosen else ' '} {letter}) {option.text}")
    _say(*lines, _verdict(question, letters, chosen, answer))


def _verdict(question: Question, letters: str, chosen: str | None, answer: Any) -> str:
    if answer is None:
        return 'Not answered yet: put the letter of an option in place of None, such as "a", and run the cell again.'
    if chosen is None or len(chosen) != 1 or chosen not in letters:
        return f'Answer with one letter in quotes, "{letters[0]}" to "{letters[-1]}".'
    option = question.options[letters.index(chosen)]
    passport.note_answer(question.id, option.right, _say)
    return f"{'Right' if option.right else 'Not right'}. {option.because}"


def progress() -> None:
    """Print the passport: exercises passed, passed with the solution shown (assisted) and open, and questions. Never raises."""
    known = passport.read(_say)
    rows: list[tuple[str, ...]] = [("lesson", "passed", "assisted", "open", "questions right")]
    counts = {"passed": 0, "assisted": 0, "open": 0}
    for number in lessons():
        states: dict[str, list[str]] = {state: [] for state in counts}
        for exercise_id in of_lesson(number):
            state = known.passed.get(exercise_id, "open")
            states[state].append(exercise_id)
            counts[state] += 1
        questions = list(questions_of(number))
        right = sum(known.answers.get(q, False) for q in questions)
        answers = f"{right} of {len(questions)}" if questions else "-"
        rows.append((number, *(" ".join(ids) or "-" for ids in states.values()), answers))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        _say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    _say("together: " + ", ".join(f"{count} {state}" for state, count in counts.items()))


def _judged(exercise: Exercise, function: Any) -> Outcome:
    _last.pop(exercise.id, None)
    outcome = judge(exercise, function)
    _last[exercise.id] = function, outcome
    if outcome.state == "passed":
        given = passport.read(_say).hints.get(exercise.id, 0)
        passport.note_passed(exercise.id, given > len(exercise.hints), _say)
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


def _say(*lines: str) -> None:
    print("\n".join(line.encode("ascii", "backslashreplace").decode("ascii") for line in lines))
