"""What the cases of an exercise ask for and what its text says: two lists that must agree.

`pytest -s -k table tests/classroom/test_exercise_texts.py` prints the table: each exercise's shapes, types, NaN, emptiness
and ties, or why it has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from lthkit.classroom.behaviour import calls_of
from lthkit.classroom.exercises import Case, Exercise, every, features
from tests.classroom.test_exercises import SOURCES, by_exercise, by_exercise_in_source, cells_of


def words_of(text: str) -> str:
    """A text on one line, without the marks of Markdown, so that words can be looked for across lines."""
    plain = re.sub(r"^\s*# ?", "", text, flags=re.MULTILINE)
    return " ".join(re.sub(r"[`*]", "", plain).split()).casefold()


def text_of(exercise: Exercise) -> str:
    """What a student reads of an exercise: the text cells from its heading to its check, and the docstring of the stub."""
    parts, inside = [], False
    for cell in cells_of(exercise.id[:2]):
        if f"### Exercise {exercise.id}:" in cell.text:
            inside = True
        if not inside:
            continue
        if cell.is_code and f'check("{exercise.id}"' in cell.text:
            break
        parts.append(
            cell.text if not cell.is_code else "\n".join(re.findall(r'"""(.*?)"""', cell.text, re.DOTALL))
        )
    assert parts, f"{exercise.id} has no heading"
    return words_of("\n".join(parts))


def found(exercise: Exercise) -> frozenset[str]:
    return frozenset().union(*(features.features(case) for case in exercise.cases))


@by_exercise_in_source
def test_the_text_names_what_the_cases_ask_for(exercise: Exercise) -> None:
    """Catches a case on an empty curve, say, of which the text does not speak, and words that are in no text."""
    told, text = features.told(exercise), text_of(exercise)
    untold = found(exercise) - features.USUAL - set(features.FOR_ALL) - set(told)
    assert not untold, f"no words in the text are named for {sorted(untold)}"
    assert not set(told) - found(exercise), f"no case has {sorted(set(told) - found(exercise))}"
    for feature, words in told.items():
        assert words_of(words) in text, f"{feature}: {words!r} is not in the text of {exercise.id}: {text}"


def test_lesson_00_says_what_holds_for_all() -> None:
    """Catches a rule for all exercises that no student can read."""
    text = words_of("\n".join(cell.text for cell in cells_of("00") if not cell.is_code))
    for words in (*features.FOR_ALL.values(), *features.RULES):
        assert words_of(words) in text, words


@by_exercise
def test_every_kind_of_case_is_there_or_it_is_said_why_not(exercise: Exercise) -> None:
    """Catches an exercise over tensors of any shape that has matrices only, so that `shape[0] * shape[1]` passes."""
    there, why = found(exercise), features.absent(exercise)
    missing = [name for name in features.wanted(exercise) if name not in there and name not in why]
    assert not missing, f"no case has {missing}, and `absent` does not say why"
    assert not set(why) & there, f"`absent` names {sorted(set(why) & there)}, and a case has it"
    assert all(len(reason.split()) > 2 for reason in why.values())


@by_exercise
def test_a_case_has_the_note_and_the_tags_of_itself(exercise: Exercise) -> None:
    """Catches one note for two cases, of which it cannot be true alone, and more than one point of a lesson."""
    notes = [case.note for case in exercise.cases]
    assert len(set(notes)) == len(notes)
    assert sum(case.point for case in exercise.cases) <= 1
    for case in exercise.cases:
        assert features.features(case), case.note


@by_exercise
def test_arguments_stay_or_are_the_task(exercise: Exercise) -> None:
    """Catches a reference that changes an argument on some cases only, so that the rule for all exercises is broken."""
    expected = calls_of(exercise, exercise.reference)
    assert len(expected) == len(exercise.cases)


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints for each exercise which kinds of cases it has, or why not."""
    columns: dict[str, Callable[[Case], bool]] = {
        name: lambda case, name=name: name in features.features(case)  # type: ignore[misc]
        for name in (*features.SHAPES, *features.TYPES, features.NAN, *features.EMPTY, features.TIES)
    }
    lines = []
    for exercise in every():
        why = features.absent(exercise)
        cells = []
        for name, has in columns.items():
            count = sum(map(has, exercise.cases))
            cells.append(f"{name}: {count or why.get(name) or '-'}")
        lines.append(
            f"{exercise.id} {exercise.name}\n    " + "; ".join(cells) + "; arguments compared after each call"
        )
    with capsys.disabled():
        pass
    print("\n".join(lines))
    assert len(lines) == len(every()) and SOURCES
