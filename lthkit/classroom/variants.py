"""Hidden cases: an exercise's own cases with other values, drawn from the seed of a section.

The references are public, so a grade rests on arguments that nobody has seen. A drawn case counts only if the reference
and all alternatives of the exercise agree on it. The same exercise and the same seed give the same cases.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from lthkit.classroom import values
from lthkit.classroom.behaviour import alike, calls_of
from lthkit.classroom.changes import changed
from lthkit.classroom.exercises import Case, Exercise
from lthkit.classroom.process import in_worker
from lthkit.classroom.running import Call, Run

COUNT = 6  # hidden cases of an exercise
_TRIED = 30  # cases drawn at once
_ROUNDS = 8

Runner = Callable[[Callable[..., Any], tuple[Case, ...]], Run]


def patiently(function: Callable[..., Any], cases: tuple[Case, ...]) -> Run:
    """Run a function of ours in the worker with so much time that a busy machine draws the same cases as a quiet one."""
    return in_worker(function, cases, seconds=60.0)


_made: dict[tuple[int, int, int], tuple[Exercise, tuple[Case, ...]]] = {}


def hidden_cases(
    exercise: Exercise, seed: int, *, count: int = COUNT, runner: Runner = patiently
) -> tuple[Case, ...]:
    """Up to `count` cases that the exercise does not show; the same ones for the same seed.

    Our own functions run in the worker, with its time limit, since drawn arguments may be such that one does not end.

    Args:
        exercise: its cases are varied, or its `vary` makes new arguments.
        seed: the section's; two sections get different cases.
    """
    key = (id(exercise), seed, count)
    if key not in _made:
        _made[key] = exercise, _drawn(exercise, random.Random(f"{exercise.id}/{seed}"), count, runner)
    return _made[key][1]


def _drawn(exercise: Exercise, rng: random.Random, count: int, runner: Runner) -> tuple[Case, ...]:
    visible = calls_of(exercise, exercise.reference)
    seen = {packed for case in exercise.cases if (packed := _packed(case.arguments))}
    results = [call.value for call in visible if call.raised is None]
    chosen: list[Case] = []
    spare: list[Case] = []
    for _ in range(_ROUNDS):
        drawn: list[tuple[Case, Call]] = []
        for arguments, base in _arguments(exercise, visible, rng):
            packed = _packed(arguments)
            if packed and packed not in seen:
                seen.add(packed)
                drawn.append((Case(arguments), base))
        for case, call in _agreed(exercise, drawn, runner):
            # A case with a result of its own cannot be answered from the results of other cases.
            if call.raised is None and any(_alike(exercise, call.value, other) for other in results):
                spare.append(case)
            elif len(chosen) < count:
                chosen.append(case)
                results.append(call.value)
        if len(chosen) >= count:
            break
    return tuple(chosen[:count] + spare[: count - len(chosen)])


def _arguments(
    exercise: Exercise, visible: Sequence[Call], rng: random.Random
) -> Iterator[tuple[tuple[Any, ...], Call]]:
    """Drawn arguments, each with what the reference did on the case that they came from."""
    order = list(range(len(exercise.cases)))
    rng.shuffle(order)
    for i in range(_TRIED):
        base = order[i % len(order)]
        if exercise.vary is not None:
            yield exercise.vary(rng), visible[0]
        else:
            named = isinstance(visible[base].value, str)
            yield changed(exercise.cases[base].arguments, rng, exercise.cases, rename=named), visible[base]


def _agreed(
    exercise: Exercise, drawn: Sequence[tuple[Case, Call]], runner: Runner
) -> list[tuple[Case, Call]]:
    """The cases on which the reference and every alternative do the same, with what the reference does."""
    cases = [case for case, _ in drawn]
    calls = _calls(exercise.reference, cases, runner)
    kept = []
    for (case, base), call in zip(drawn, calls, strict=True):
        # An exception is a result only where the case is about it.
        if call is not None and not call.unsendable and _kind(call) in (None, _kind(base)):
            if call.raised or _finite(call.value) or not _finite(base.value):
                kept.append((case, call))
    for other in exercise.alternatives:
        theirs = _calls(other, [case for case, _ in kept], runner)
        kept = [
            (case, call)
            for (case, call), their in zip(kept, theirs, strict=True)
            if their is not None and alike(exercise, [call], [their])
        ]
    return kept


def _calls(function: Callable[..., Any], cases: Sequence[Case], runner: Runner) -> list[Call | None]:
    """What a function does on each case; None where it does not end, or takes the process with it."""
    calls: list[Call | None] = []
    while len(calls) < len(cases):
        run = runner(function, tuple(cases[len(calls) :]))
        calls += run.calls
        if run.stopped in ("start", "starved", "unsendable"):
            raise RuntimeError(f"the process that checks functions could not be used: {run.detail}")
        if run.stopped:
            calls.append(None)
    return calls[: len(cases)]


def _kind(call: Call) -> str | None:
    return call.raised.kind if call.raised else None


def _packed(arguments: Any) -> bytes:
    try:
        return values.pack(arguments)
    except values.TooLarge:
        return b""


def _alike(exercise: Exercise, one: Any, other: Any) -> bool:
    return _packed(one) == _packed(other)


def _finite(value: Any) -> bool:
    """Whether no number in a value is infinite or no number at all."""
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(value.isfinite().all())
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return all(map(_finite, value)) if isinstance(value, (list, tuple)) else True


def with_hidden(exercise: Exercise, hidden: Sequence[Case]) -> Exercise:
    """The exercise with hidden cases after its own."""
    return replace(exercise, cases=(*exercise.cases, *hidden))
