"""A student's answers in whatever was handed in: found by exercise, or an exact word on what is missing.

An answer is the student's function and what it needs of the student's own cells: helpers, imports, constants. What the
lesson itself provides before the exercise does not come along.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lthkit.classroom.exercises import Exercise, every, find
from lthkit.classroom.grading.forms import short
from lthkit.classroom.grading.notebooks import Code, plain
from lthkit.classroom.grading.slices import BUILTIN, Statement, joined, needed, statements


@dataclass(frozen=True)
class Answer:
    """What was found for an exercise: its code ("" if nothing), or why it is `missing`; `notes` for the instructor.

    `hint` tells the student of a name that the code needs and that stands in a cell which is not Python.
    """

    exercise: str
    code: str
    blank: bool = False
    missing: str = ""
    notes: tuple[str, ...] = ()
    hint: str = ""


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


@dataclass(frozen=True)
class _Placed:
    """A statement of a submission: the exercise that its cell is marked for, and the first place in the lesson where it
    stands too (None if it is the student's own)."""

    statement: Statement
    mark: str
    given: int | None


@dataclass(frozen=True)
class _Broken:
    """A cell that is no code, and why."""

    cell: Code
    why: str

    def holds(self, exercise: Exercise) -> bool:
        """Whether it is the cell of an exercise, by its mark or by the function in it."""
        return self.cell.mark == exercise.id or exercise.name in self.defined()

    def defined(self) -> set[str]:
        return set(re.findall(r"^[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)", self.cell.text, re.MULTILINE))

    def bound(self) -> set[str]:
        """Names that it would give a value, as far as its lines tell."""
        text = self.cell.text
        named = re.findall(r"^[ \t]*class[ \t]+(\w+)", text, re.MULTILINE)
        given = re.findall(r"^[ \t]*([\w ,]+?)[ \t]*(?::[^=\n]+)?=(?!=)", text, re.MULTILINE)
        imported = re.findall(r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+(.+)$", text, re.MULTILINE)
        last = [part.split()[-1].partition(".")[0] for x in imported for part in x.split(",") if part.split()]
        return self.defined() | {*named, *last} | {x.strip() for names in given for x in names.split(",")}


def find_answers(cells: Sequence[Code], lesson: Lesson) -> dict[str, Answer]:
    """The answers to all exercises of the lesson, by exercise, in the lesson's order."""
    places: dict[str, int] = {}
    for place, text in enumerate(lesson.cells):
        for s in _readable(text):
            places.setdefault(s.form, place)
    placed: list[_Placed] = []
    names: dict[str, set[str]] = {}  # functions that stand in the marked cell of an exercise
    for cell in cells:
        if _why_broken(cell):
            continue
        found = _readable(cell.text)
        placed += [_Placed(s, cell.mark, places.get(s.form)) for s in found]
        if cell.mark:
            names.setdefault(cell.mark, set()).update(s.function for s in found if s.function)
    broken = _broken(cells)
    return {
        exercise.id: _answer(exercise, placed, broken, names.get(exercise.id, set()), lesson)
        for exercise in lesson.exercises
    }


def unread(cells: Sequence[Code], answers: Mapping[str, Answer]) -> tuple[str, ...]:
    """A sentence for the instructor on each cell that is no code, but for those that already make an exercise missing."""
    told: dict[str, None] = {}
    for broken in _broken(cells):
        missing = [a for a in answers.values() if a.missing and broken.holds(find(a.exercise))]
        if not missing:
            begin = next((line.strip() for line in broken.cell.text.split("\n") if line.strip()), "")
            which = f"the cell that begins with `{begin[:40]}`" if begin else "a cell"
            told[f"{which} is left out, since it {broken.why}."] = None
    return tuple(told)


def _broken(cells: Iterable[Code]) -> list[_Broken]:
    return [_Broken(cell, why) for cell in cells if (why := _why_broken(cell))]


def _why_broken(cell: Code) -> str:
    """Why a cell is no code, after the word "it"; "" if it is."""
    if trouble := getattr(cell, "trouble", ""):
        return f"was not read as code: {trouble.rstrip('.')}"
    error = _error(cell.text)
    if error is None:
        return ""
    line = (cell.text.split("\n") + [""])[max(0, (error.lineno or 1) - 1)].strip()
    return f"is not Python: {error.msg} ({f'line {error.lineno}, `{line[:60]}`' if error.lineno else 'somewhere'})"


def _answer(
    exercise: Exercise,
    placed: Sequence[_Placed],
    broken: Sequence[_Broken],
    marked: set[str],
    lesson: Lesson,
) -> Answer:
    name, place = exercise.name, lesson.places[exercise.id]
    earlier = {e.name for e in lesson.exercises if lesson.places[e.id] < place}
    own, cut = _own(placed, exercise, place, earlier)
    defining = [i for i, s in enumerate(own) if name in s.binds]
    done = [i for i in defining if not own[i].blank]
    notes: list[str] = []
    if not done and (other := _checked_as(exercise, placed, own)):
        own.append(statements(f"{name} = {other}")[0])
        done = [len(own) - 1]
        notes.append(f"{exercise.id} is graded as `{other}`, which was given to its check.")
    if not done:
        if why := next((b.why for b in broken if b.holds(exercise)), ""):
            return Answer(exercise.id, "", missing=f"its cell {why}.")
        if defining:
            return Answer(exercise.id, "", blank=True)
        return Answer(exercise.id, "", missing=_absent(exercise, own, marked, lesson))
    if done[0] >= cut:  # it was checked in another order than the cells have
        cut = len(own)
    before = [s for text in lesson.cells[:place] for s in _readable(text)]
    there = frozenset().union(earlier, *(s.binds for s in before)) - {name}
    modules = frozenset().union(*(s.binds for s in before if s.imports))
    chosen = needed([name], own, cut=cut, elsewhere=there, modules=modules)
    needs = frozenset({name}).union(*(s.needs for s in chosen))
    # A name that the lesson imports only later was there when the student ran the cells in another order.
    lacking = needs - BUILTIN - there.union(*(s.binds for s in chosen))
    later = [s for text in lesson.cells[place:] for s in _readable(text) if s.imports and s.binds & lacking]
    lacking -= frozenset().union(*(s.binds for s in later))
    hints = [f"`{n}` is in a cell that {b.why}." for n in sorted(lacking) for b in broken if n in b.bound()]
    again = list(_bound_again(exercise, own, cut, needs))
    if count := sum(own[i].function == name for i in done if i < cut) - 1:
        which = "the last one before its check" if cut < len(own) else "the last one"
        notes += [f"{name} is defined {count + 1} times; {which} is graded."] if count > 0 else []
    return Answer(
        exercise.id, joined([*later, *chosen]), notes=(*notes, *again), hint=" ".join([*hints, *again])
    )


def _checked_as(exercise: Exercise, placed: Sequence[_Placed], own: Sequence[Statement]) -> str:
    """The function of another name that was given to the last check of an exercise, "" if there is none."""
    given = [
        f for p in placed for e, f in p.statement.effect.checks if e == exercise.id and f != exercise.name
    ]
    functions = {s.function for s in own if s.function and not s.blank}
    return given[-1] if given and given[-1] in functions else ""


def _own(
    placed: Sequence[_Placed], exercise: Exercise, place: int, earlier: Set[str]
) -> tuple[list[Statement], int]:
    """The student's own statements, and how many of them stand before the last check of the exercise: all, if there is none.

    What the lesson has before the exercise is not the student's own, unless it follows something of the student's that
    gives the same name a value. What the lesson has only after it is, if it stands before the check here.
    """
    checks = [i for i, p in enumerate(placed) if any(e == exercise.id for e, _ in p.statement.effect.checks)]
    end = checks[-1] if checks else len(placed)
    own: list[Statement] = []
    touched: set[str] = set()
    changed: dict[str, str] = {}  # changes in marked cells, by form
    in_cells: dict[str, set[str]] = {}
    for p in placed:
        in_cells.setdefault(p.mark, set()).update(p.statement.binds)
    cut = 0
    for i, p in enumerate(placed):
        s, late = p.statement, bool(checks) and i > end
        lessons = p.given is not None and (p.given < place or late or not checks) and not s.blank
        if (lessons and (late or not s.binds & touched)) or (s.binds | s.changes) & earlier:
            continue
        anew = s.changes & in_cells[p.mark]
        if s.changes and p.mark and not anew and changed.setdefault(s.form, p.mark) != p.mark:
            continue  # an answer with what it needs, as it was collected: this was already done for another one
        if not s.blank:
            touched |= s.binds | s.changes
        own.append(s)
        cut += i < end
    return own, cut


def _bound_again(
    exercise: Exercise, own: Sequence[Statement], cut: int, needs: Iterable[str]
) -> Iterator[str]:
    """A sentence on each needed name that gets another value after the check."""
    forms: dict[str, set[str]] = {}
    for s in own[:cut]:
        for n in s.binds if not s.blank else ():
            forms.setdefault(n, set()).add(s.form)
    again = {n for s in own[cut:] if not s.blank for n in s.binds & forms.keys() if s.form not in forms[n]}
    for n in sorted(again & set(needs)):
        yield f"{n} gets another value after the check of {exercise.id}; the one before it is graded."


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
    done: set[str] = set()
    for i, text in enumerate(lesson.cells[: place + 1]):
        own = _readable(answers[at[i]].code) if i in at else ()
        bound = frozenset().union(*(s.binds for s in own))
        # An exercise's cell may hold more than its stub: an import that later cells need.
        pool += [s for s in _readable(text) if not (own and s.blank)]
        # What earlier answers change, and this one does not begin anew, is changed once.
        pool += [s for s in own if not (s.form in done and s.changes and not s.changes & bound)]
        done |= {s.form for s in own}
    whole = range(len(pool) - len(own), len(pool))
    return joined(
        replace(s, text=_without_use(s.text)) for s in needed([find(exercise_id).name], pool, whole=whole)
    )


def _without_use(text: str) -> str:
    """`name_ = use("05.1", None)`: the reference, without running the student's function on its cases once more."""
    return re.sub(r'^(\w+_ = use\("\d\d\.\d+"), \w+\)', r"\1, None)", text, flags=re.MULTILINE)


@short(maxsize=512)
def _parsed(text: str) -> tuple[tuple[Statement, ...], SyntaxError | None]:
    try:
        return tuple(statements(text)), None
    except SyntaxError as error:
        return (), error


def _readable(text: str) -> tuple[Statement, ...]:
    """The statements of a cell; none if it is not Python."""
    return _parsed(text)[0]


def _error(text: str) -> SyntaxError | None:
    return _parsed(text)[1]


def lesson_in(cells: Iterable[Code]) -> str:
    """The number of the lesson whose exercises a submission defines, or has the cells of, most of; "" if there is none."""
    defined, counts = set[str](), Counter[str]()
    for cell in cells:
        defined.update(re.findall(r"^[ \t]*def (\w+)", cell.text, re.MULTILINE))
        counts[cell.mark[:2]] += bool(cell.mark)
    for exercise in every():
        counts[exercise.id[:2]] += exercise.name in defined
    best = max(counts.values(), default=0)
    most = [number for number, count in counts.items() if count == best and best]
    return most[0] if len(most) == 1 else ""
