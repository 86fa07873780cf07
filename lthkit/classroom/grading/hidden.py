"""An instructor's own hidden tests: `hidden_tests.py` in the folder of the class."""

from __future__ import annotations

import inspect
import runpy
from pathlib import Path
from typing import Any

from lthkit.classroom.behaviour import alike, calls_of
from lthkit.classroom.exercises import Case, find
from lthkit.classroom.variants import patiently

TEMPLATE = '''\
"""Hidden cases of your own. What is right is what the exercise's reference does; no expected values are needed.

CASES names exercises; each has a list of calls, and a call is the tuple of its arguments. Save this file, then run
`lthkit grade run`, which first tries the cases: a call that stops the reference, or on which two right answers differ, is
refused, and nothing is graded until you have corrected it.
"""

import torch

CASES = {
    # "05.2": [([0.9, 0.4, 0.1], [0.81, 0.84, 0.70], 0.80)],
    # "00.1": [(torch.tensor([True, False, False]),)],
}
'''

_read: dict[Path, tuple[int, dict[str, tuple[Case, ...]]]] = {}


def own_cases(path: Path) -> dict[str, tuple[Case, ...]]:
    """The cases in the file by exercise; none if there is no file.

    Raises:
        ValueError: the file cannot be run, or is not of this form; the text says where.
    """
    if not path.is_file():
        return {}
    changed = path.stat().st_mtime_ns
    if path not in _read or _read[path][0] != changed:
        _read[path] = changed, _cases(path)
    return _read[path][1]


def _cases(path: Path) -> dict[str, tuple[Case, ...]]:
    try:
        cases: Any = runpy.run_path(str(path)).get("CASES")
    except (Exception, SystemExit) as error:
        raise ValueError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    if not isinstance(cases, dict):
        raise ValueError(f'{path} defines no CASES, a dict such as {{"05.2": [(arguments, of, one, call)]}}.')
    found = {}
    for exercise_id, calls in cases.items():
        exercise = find(str(exercise_id))
        if not isinstance(calls, list):
            raise ValueError(
                f"{path.name}, {exercise_id}: expected a list of calls, [(arguments, of, one, call)], and this is "
                f"{type(calls).__name__}."
            )
        for i, arguments in enumerate(calls):
            where = f"{path.name}, {exercise_id}, call {i + 1}"
            if not isinstance(arguments, tuple):
                raise ValueError(
                    f"{where}: a call is a tuple of arguments, and this is {type(arguments).__name__}."
                )
            try:
                inspect.signature(exercise.reference).bind(*arguments)
            except TypeError as error:
                raise ValueError(f"{where}: {exercise.name} cannot take these arguments ({error}).") from None
        found[exercise.id] = tuple(Case(arguments, "A case of your instructor's.") for arguments in calls)
    return found


def require_agreement(path: Path) -> int:
    """Try the file's cases on the right answers that we have; returns how many cases there are.

    Raises:
        ValueError: the file is not of this form; or a case stops the reference, or two right answers disagree on it, so
            that it would refuse somebody who is right.
    """
    number = 0
    for exercise_id, cases in own_cases(path).items():
        exercise = find(exercise_id)
        expected = patiently(exercise.reference, cases).calls
        if len(expected) < len(cases):
            raise ValueError(
                f"{path.name}, {exercise_id}, call {len(expected) + 1}: the reference does not end on it."
            )
        usual = {call.raised.kind for call in calls_of(exercise, exercise.reference) if call.raised}
        for i, call in enumerate(expected):
            if call.raised and call.raised.kind not in usual:
                raise ValueError(
                    f"{path.name}, {exercise_id}, call {i + 1}: the reference itself stops on it "
                    f"({call.raised.kind}: {call.raised.message}); correct the arguments."
                )
        for other in exercise.alternatives:
            theirs = patiently(other, cases).calls
            for i, (one, two) in enumerate(zip(expected, theirs, strict=False)):
                if not alike(exercise, [one], [two]):
                    raise ValueError(
                        f"{path.name}, {exercise_id}, call {i + 1}: two right answers differ on it; take another case."
                    )
        number += len(cases)
    return number
