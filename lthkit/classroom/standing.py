"""How far a student is: the passport as a table."""

from __future__ import annotations

from lthkit.classroom import passport
from lthkit.classroom.exercises import lessons, of_lesson, questions_of
from lthkit.classroom.saying import say


def progress() -> None:
    """Print the passport: exercises passed, passed with the solution shown (assisted) and open, and questions. Never raises."""
    known = passport.read(say)
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
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    say("together: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
