"""Checking a student's function: `check` says what is wrong, `hint` helps on, `use` lets the lesson go on either way.

Nothing here raises because of what a student wrote, and all that is printed is plain text for any console.
"""

from __future__ import annotations

import copy
import inspect
import math
import numbers
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lthkit.classroom.exercises import Case, Exercise, find

BLANK = "your code goes here"

_hints_given: dict[str, int] = {}


@dataclass(frozen=True)
class Outcome:
    """What a check found: `state` is "passed", "blank" (not attempted yet) or "wrong"; `lines` explain a wrong one."""

    state: str
    lines: list[str] = field(default_factory=list)


def check(exercise_id: str, function: Any) -> None:
    """Print whether `function` solves the exercise: passed, not attempted yet, or the smallest case that fails.

    Never raises and returns nothing, so that *Run All* goes on.
    """
    try:
        exercise = find(exercise_id)
        outcome = judge(exercise, function)
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
    except BaseException as error:  # whatever a student's object does when it is looked at
        _say(f"{exercise_id}: could not be checked. {_named(error)}")


def use(exercise_id: str, function: Any) -> Callable[..., Any]:
    """Return `function` if it passes its check, else the reference, and print which of the two it is.

    Raises:
        ValueError: there is no such exercise.
    """
    exercise = find(exercise_id)
    if judge(exercise, function).state == "passed":
        _say(f"{exercise.id} {exercise.name}: from here on your function is used.")
        return function
    _say(f"{exercise.id} {exercise.name}: from here on the reference is used, until yours passes.")
    return exercise.reference


def hint(exercise_id: str) -> None:
    """Print the next hint, one step more at each call; the last one says where the solution is. Never raises."""
    try:
        exercise = find(exercise_id)
    except ValueError as error:
        _say(str(error))
        return
    last = f"The solution is in the solved edition of lesson {exercise.id[:2]}, in the folder solutions."
    hints = (*exercise.hints, last)
    given = min(_hints_given.get(exercise.id, 0), len(hints) - 1)
    _hints_given[exercise.id] = given + 1
    _say(f"{exercise.id} hint {given + 1} of {len(hints)}: {hints[given]}")


def judge(exercise: Exercise, function: Any) -> Outcome:
    """Run `function` on the cases of the exercise and say what was found; what it raises is caught and named."""
    if not callable(function):
        return Outcome(
            "wrong",
            [
                f'Give the function itself, check("{exercise.id}", {exercise.name}); this is {_kind(function)}.'
            ],
        )
    for case in exercise.cases:
        outcome = _judge_case(exercise, case, function)
        if outcome is not None:
            return outcome
    return Outcome("passed")


def _judge_case(exercise: Exercise, case: Case, function: Callable[..., Any]) -> Outcome | None:
    expected = exercise.reference(*copy.deepcopy(case.arguments))
    arguments = copy.deepcopy(case.arguments)
    try:
        with torch.random.fork_rng(devices=[]):  # a student's manual_seed stays inside
            got = function(*arguments)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: the lesson goes on
        if isinstance(error, NotImplementedError) and (BLANK in str(error) or not error.args):
            return Outcome("blank")
        return _failed(exercise, case, f"It stopped with {_named(error)}{_where(error, function)}.")
    try:
        return _judge_result(exercise, case, arguments, expected, got)
    except BaseException as error:
        return _failed(exercise, case, f"The result, {_kind(got)}, could not be compared: {_named(error)}.")


def _judge_result(
    exercise: Exercise, case: Case, arguments: tuple[Any, ...], expected: Any, got: Any
) -> Outcome | None:
    values = f"expected {show(expected)}   got {show(got)}"
    for name, before, after in zip(_parameters(exercise), case.arguments, arguments, strict=True):
        if difference(before, after, rtol=0.0, atol=0.0):
            sentence = f"It changes its argument `{name}` in place; leave the arguments as they are and work on a copy."
            return _failed(exercise, case, sentence)
    if got is None and expected is not None:
        return _failed(exercise, case, "It returned None: is a `return` missing?", values)
    wrong = difference(expected, got, rtol=exercise.rtol, atol=exercise.atol)
    if wrong:
        sentences = [values] if wrong.startswith("expected ") else [wrong, values]
        return _failed(exercise, case, *sentences)
    if exercise.fresh and not _memory(got).isdisjoint(_memory(arguments)):
        return _failed(
            exercise,
            case,
            "The result shares memory with an argument: what changes one changes the other. Copy.",
        )
    return None


def _failed(exercise: Exercise, case: Case, *sentences: str) -> Outcome:
    shown = ", ".join(f"{n}={show(a)}" for n, a in zip(_parameters(exercise), case.arguments, strict=True))
    return Outcome("wrong", [*filter(None, [case.note]), f"{exercise.name}({shown})", *sentences])


def difference(expected: Any, got: Any, *, rtol: float, atol: float, at: str = "") -> str:
    """Say in one sentence how `got` differs from `expected`; an empty string if it does not.

    Tensors must agree in dtype, shape and device, mappings in their names, sequences in their length; a list stands for a tuple and
    an int for a float. NaN equals NaN.
    """
    here = f"{at}: " if at else ""
    if isinstance(expected, Tensor):
        return _tensor_difference(expected, got, rtol, atol, here)
    if isinstance(got, Tensor):
        advice = (
            "; .item() makes a Python number of it"
            if got.numel() == 1 and isinstance(expected, numbers.Number)
            else ""
        )
        return f"{here}{_a_type(expected)} is expected, and this is {_kind(got)}{advice}."
    if isinstance(expected, bool):
        # numpy's bool is one too, and has no common base class with Python's
        if type(got).__name__ not in ("bool", "bool_"):
            return f"{here}True or False is expected, and this is {_kind(got)}."
        return "" if bool(got) == expected else f"{here}expected {expected}, got {bool(got)}."
    if isinstance(expected, numbers.Real):
        wanted = numbers.Integral if isinstance(expected, numbers.Integral) else numbers.Real
        if not isinstance(got, wanted) or isinstance(got, bool):
            return f"{here}{_a_type(expected)} is expected, and this is {_kind(got)}."
        return (
            ""
            if _close(float(expected), float(got), rtol, atol)
            else f"{here}expected {show(expected)}, got {show(got)}."
        )
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping):
            return f"{here}a dict is expected, and this is {_kind(got)}."
        if set(expected) != set(got):
            missing, extra = [k for k in expected if k not in got], [k for k in got if k not in expected]
            parts = [
                f"{what} {show(keys)}" for what, keys in (("missing", missing), ("too many", extra)) if keys
            ]
            return f"{here}the names differ, {' and '.join(parts)}."
        pairs = [(f"{at}[{key!r}]", value, got[key]) for key, value in expected.items()]
    elif isinstance(expected, (list, tuple)):
        if not isinstance(got, (list, tuple)):
            return f"{here}{_a_type(expected)} is expected, and this is {_kind(got)}."
        if len(expected) != len(got):
            return f"{here}{len(expected)} values are expected, and this is {len(got)}."
        pairs = [(f"{at}[{i}]", *pair) for i, pair in enumerate(zip(expected, got, strict=True))]
    else:
        return (
            ""
            if type(expected) is type(got) and expected == got
            else f"{here}expected {show(expected)}, got {show(got)}."
        )
    return next(filter(None, (difference(e, g, rtol=rtol, atol=atol, at=where) for where, e, g in pairs)), "")


def _tensor_difference(expected: Tensor, got: Any, rtol: float, atol: float, here: str) -> str:
    if not isinstance(got, Tensor):
        return f"{here}a torch.Tensor is expected, and this is {_kind(got)}."
    for what in ("shape", "dtype", "device"):
        want, have = getattr(expected, what), getattr(got, what)
        if want != have:
            want, have = (tuple(want), tuple(have)) if what == "shape" else (want, have)
            return f"{here}the {what} should be {want}, and it is {have}."
    want, have = expected.detach(), got.detach()
    if expected.is_floating_point():
        equal = torch.isclose(have, want, rtol=rtol, atol=atol, equal_nan=True)
    else:
        equal = have == want
    if bool(equal.all()):
        return ""
    index = [int(i) for i in torch.nonzero(~equal)[0]] if equal.ndim else []
    place = f"entry {index}" if index else "the value"
    count = "" if not index else f"; {int((~equal).sum())} of {equal.numel()} entries differ"
    return f"{here}{place} should be {show(want[tuple(index)].item())}, and it is {show(have[tuple(index)].item())}{count}."


def _close(expected: float, got: float, rtol: float, atol: float) -> bool:
    if math.isnan(expected) or math.isnan(got):
        return math.isnan(expected) and math.isnan(got)
    return expected == got or abs(got - expected) <= atol + rtol * abs(expected)


def show(value: Any) -> str:
    """Write a value on one short line, in ASCII: tensors as their entries when there are few, else as shape and dtype."""
    try:
        if isinstance(value, Tensor):
            if value.numel() > 16:
                return f"<tensor {tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}>"
            return f"tensor({show(value.tolist())})"
        if isinstance(value, bool):
            return str(value)
        if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
            number = float(value) + 0.0  # without the sign of a zero
            return f"{number:.1f}" if number % 1 == 0 else f"{number:.6g}"
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{key!r}: {show(item)}" for key, item in value.items()) + "}"
        if isinstance(value, (list, tuple)):
            inside = ", ".join(map(show, value))
            return f"[{inside}]" if isinstance(value, list) else f"({inside})"
        text = ascii(value)
    except BaseException:  # a __repr__ can do anything
        return f"<{type(value).__name__}>"
    return text if len(text) <= 120 else text[:117] + "..."


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a torch.Tensor of shape {tuple(value.shape)}"
    return "None" if value is None else f"of type {type(value).__name__}"


def _a_type(value: Any) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _parameters(exercise: Exercise) -> list[str]:
    return list(inspect.signature(exercise.reference).parameters)


def _named(error: BaseException) -> str:
    try:
        text = str(error).strip().splitlines()
    except BaseException:
        text = []
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _where(error: BaseException, function: Callable[..., Any]) -> str:
    """The last line of the student's own code that the error passed through."""
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    lines = [
        f for f in traceback.extract_tb(error.__traceback__) if f.filename == code.co_filename and f.lineno
    ]
    if not lines or lines[-1].lineno is None:
        return ""
    text = f", `{lines[-1].line.strip()}`" if lines[-1].line else ""
    return f" (line {lines[-1].lineno - code.co_firstlineno + 1} of the function{text})"


def _memory(value: Any) -> set[int]:
    return {t.untyped_storage().data_ptr() for t in _tensors(value)} - {0}


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


def _say(*lines: str) -> None:
    print("\n".join(line.encode("ascii", "backslashreplace").decode("ascii") for line in lines))
