"""How far a student is: the passport as a table."""

from __future__ import annotations

from lthkit.classroom import passport
from lthkit.classroom.exercises import lessons, of_lesson, questions_of
from lthkit.classroom.saying import STATES, TOLD, State, say
from lthkit.machine import faces
from lthkit.machine.tables import Table

_SIGNS = {"passed": STATES["passed"], "assisted": State("◐", TOLD), "open": STATES["open"]}


def progress() -> None:
    """Show the passport: exercises passed, passed with the solution shown (assisted) and open, and questions. Never raises."""
    known = passport.read(say)
    table = Table(["lesson", *_SIGNS, "questions right"])
    counts = dict.fromkeys(_SIGNS, 0)
    for number in lessons():
        states: dict[str, list[str]] = {state: [] for state in counts}
        for exercise_id in of_lesson(number):
            state = known.passed.get(exercise_id, "open")
            states[state].append(exercise_id)
            counts[state] += 1
        questions = list(questions_of(number))
        right = sum(known.answers.get(q, False) for q in questions)
        answers = f"{right} of {len(questions)}" if questions else None
        table.add(number, *(" ".join(ids) or None for ids in states.values()), answers)
    table.note("together: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    page = table._repr_html_()
    for state, (sign, color) in _SIGNS.items():
        page = page.replace(f">{state}</th>", f'><span style="color:{color}">{sign}</span> {state}</th>')
    faces.show(html=page, text=table.text(encoding="ascii"))
