"""The solution that the last hint unfolds: a cell of a notebook with nothing in it, and it passes."""

from __future__ import annotations

import linecache
from typing import Any

import pytest

from lthkit.classroom.exercises import Exercise, every
from lthkit.classroom.judge import judge
from lthkit.classroom.running import in_process
from lthkit.classroom.solutions import solution


@pytest.mark.parametrize("exercise", list(every()), ids=lambda e: e.id)
def test_an_unfolded_solution_passes_its_own_check(exercise: Exercise) -> None:
    """Catches a helper or an import that is missing, and types that a notebook does not know."""
    text, name = solution(exercise), f"<solution of {exercise.id}>"
    space: dict[str, Any] = {}
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), space)
    found = judge(exercise, space[exercise.name], runner=in_process)
    assert found.state == "passed", (text, found.lines)
    assert text.count(f"def {exercise.name}(") == 1 and "mistake" not in text
    assert max(map(len, text.splitlines())) <= 110
