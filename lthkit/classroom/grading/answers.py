"""A student's answers in whatever was handed in: found by exercise, or an exact word on what is missing.

An answer is the student's function and what it needs of the student's own cells: helpers, imports, constants. What the
lesson itself provides before the exercise does not come along.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lthkit.classroom.exercises import Exercise, every, find
from lthkit.classroom.grading.notebooks import Code, plain
from lthkit.classroom.grading.slices import Statement, needed, statements


@dataclass(frozen=True)
class Answer:
    """What was found for an exercise: its code ("" if nothing), or why it is `missing`; `notes` for the instructor."""

    exercise: str
    code: str
    blank: bool = False
    missing: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lesson:
    """A lesson as students got it: code cells in order, and the exercises among them with their places."""

    name: str
    cells: tuple[str, ...]
    places: dict[str, int]

    @property
    def exercises(self) -> list[Exercise]:
        return [find(exercise_id) for exercise_id in self.places]


def read_lesson(path: Path) -> Lesson:
    """Read a student edition, staged or not.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is no notebook of the course.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        places = {exercise_in(cell): i for i, cell in enumerate(code) if exercise_in(cell)}
        texts = tuple(plain("".join(cell["source"])) for cell in code)
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{path} is not a notebook of the course ({type(error).__name__}: {error})."
        ) from error
    return Lesson(path.stem, texts, places)


def exercise_in(cell: dict[str, Any]) -> str:
    """The exercise that a cell of a student edition is for, "" if it is for none."""
    return str(cell.get("metadata", {}).get("exercise", ""))


def find_answers(cells: Sequence[Code], lesson: Lesson) -> dict[str, Answer]:
    """The answers to all exercises of the lesson, by exercise, in the lesson's order."""
    given = {s.form for text in lesson.cells for s in _readable(text)}
    own: list[Statement] = []
    broken: list[tuple[Code, SyntaxError]] = []
    names: dict[str, set[str]] = {}  # functions that stand in the marked cell of an exercise
    for cell in cells:
        try:
            found = statements(cell.text)
        except SyntaxError as error:
            broken.append((cell, error))
            continue
        own += [s for s in found if s.form not in given or s.blank]
        if cell.mark:
            names.setdefault(cell.mark, set()).update(s.function for s in found if s.function)
    return {
        exercise.id: _answer(exercise, own, broken, names.get(exercise.id, set()), lesson)
        for exercise in lesson.exercises
    }


def _answer(
    exercise: Exercise,
    own: Sequence[Statement],
    broken: Sequence[tuple[Code, SyntaxError]],
    marked: set[str],
    lesson: Lesson,
) -> Answer:
    name = exercise.name
    defining = [s for s in own if name in s.binds]
    done = [s for s in defining if not s.blank]
    if not done:
        for cell, error in broken:
            if cell.mark == exercise.id or re.search(
                rf"^\s*def {re.escape(name)}\b", cell.text, re.MULTILINE
            ):
                line = (cell.text.split("\n") + [""])[max(0, (error.lineno or 1) - 1)].strip()
                where = f"line {error.lineno}, `{line[:60]}`" if error.lineno else "somewhere"
                return Answer(exercise.id, "", missing=f"its cell is not Python: {error.msg} ({where}).")
        if defining:
            return Answer(exercise.id, "", blank=True)
        return Answer(exercise.id, "", missing=_absent(exercise, own, marked, lesson))
    place = lesson.places[exercise.id]
    before = [s for text in lesson.cells[:place] for s in _readable(text)]
    earlier = {e.name for e in lesson.exercises if lesson.places[e.id] < place}
    chosen = needed([name], [s for s in own if not s.binds & earlier])
    # A name that the lesson imports only later was there when the student ran the cells in another order.
    have = frozenset().union(earlier, *(s.binds for s in [*before, *chosen]))
    lacking = frozenset().union(*(s.needs for s in chosen)) - have
    later = [s for text in lesson.cells[place:] for s in _readable(text) if s.imports and s.binds & lacking]
    notes = []
    if sum(s.function == name for s in done) > 1:
        notes.append(f"{name} is defined {len(done)} times; the last one is graded.")
    return Answer(exercise.id, "\n".join(s.text for s in [*later, *chosen]), notes=tuple(notes))


def _absent(exercise: Exercise, own: Sequence[Statement], marked: set[str], lesson: Lesson) -> str:
    others = {e.name for e in lesson.exercises}
    functions = {s.function for s in own if s.function and not s.blank} - others
    renamed = sorted(marked & functions) or difflib.get_close_matches(
        exercise.name, sorted(functions), 1, 0.6
    )
    said = f"there is no function `{exercise.name}`"
    if renamed:
        where = "its cell defines" if renamed[0] in marked else "the nearest name is"
        return f"{said}; {where} `{renamed[0]}`. Was it renamed? Give it its name back."
    return f"{said}, and no cell of the exercise: was it deleted?"


def program(lesson: Lesson, answers: dict[str, Answer], exercise_id: str) -> str:
    """The code that defines an answer, from nothing: what it needs of the lesson, of earlier answers, and itself."""
    place = lesson.places[exercise_id]
    at = {where: e for e, where in lesson.places.items()}
    pool: list[Statement] = []
    for i, text in enumerate(lesson.cells[: place + 1]):
        own = _readable(answers[at[i]].code) if i in at else []
        # An exercise's cell may hold more than its stub: an import that later cells need.
        pool += [s for s in _readable(text) if not (own and s.blank)] + own
    return "\n".join(_without_use(s.text) for s in needed([find(exercise_id).name], pool))


def _without_use(text: str) -> str:
    """`name_ = use("05.1", None)`: the reference, without running the student's function on its cases once more."""
    return re.sub(r'^(\w+_ = use\("\d\d\.\d+"), \w+\)', r"\1, None)", text, flags=re.MULTILINE)


def _readable(text: str) -> list[Statement]:
    try:
        return statements(text)
    except SyntaxError:
        return []


def lesson_in(cells: Iterable[Code]) -> str:
    """The number of the lesson whose exercises a submission defines, or has the cells of, most of; "" if there is none."""
    text, counts = "", Counter[str]()
    for cell in cells:
        text += cell.text + "\n"
        counts[cell.mark[:2]] += bool(cell.mark)
    for exercise in every():
        counts[exercise.id[:2]] += bool(
            re.search(rf"^\s*def {re.escape(exercise.name)}\b", text, re.MULTILINE)
        )
    best = max(counts.values(), default=0)
    most = [number for number, count in counts.items() if count == best and best]
    return most[0] if len(most) == 1 else ""
