"""Hidden cases: enough of them, the same for the same seed, fair to right answers and fatal to a table of visible ones."""

from __future__ import annotations

import dataclasses
import inspect
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

from lthkit.classroom import values
from lthkit.classroom.behaviour import calls_of
from lthkit.classroom.changes import changed
from lthkit.classroom.exercises import Case, Exercise, every
from lthkit.classroom.judge import judge
from lthkit.classroom.running import in_process
from lthkit.classroom.variants import hidden_cases, with_hidden

EVERY = every()
SEEDS = (0, 1)
by_exercise = pytest.mark.parametrize("exercise", EVERY, ids=lambda e: e.id)


def table_of(exercise: Exercise) -> Callable[..., Any]:
    """An answer that looks the visible cases up, and gives the first result for everything else."""
    calls = calls_of(exercise, exercise.reference)
    known = {values.pack(case.arguments): call for case, call in zip(exercise.cases, calls, strict=True)}
    first = next(call for call in calls if call.raised is None)

    def looked_up(*arguments: Any) -> Any:
        call = known.get(values.pack(arguments), first)
        if call.raised is not None:
            raise {"ValueError": ValueError, "IndexError": IndexError}.get(call.raised.kind, TypeError)
        return call.value

    looked_up.__signature__ = inspect.signature(exercise.reference)  # type: ignore[attr-defined]
    looked_up.__name__ = exercise.name
    return looked_up


@by_exercise
def test_hidden_cases_are_many_fair_and_different(exercise: Exercise) -> None:
    """Catches an exercise whose cases cannot be varied, and a hidden case that refuses a right answer."""
    seen = {values.pack(case.arguments) for case in exercise.cases}
    sets = []
    for seed in SEEDS:
        hidden = hidden_cases(exercise, seed)
        packed = {values.pack(case.arguments) for case in hidden}
        assert len(packed) == len(hidden) >= 3 and not packed & seen
        sets.append(packed)
        for function in (exercise.reference, *exercise.alternatives):
            outcome = judge(with_hidden(exercise, hidden), function, runner=in_process)
            assert outcome.state == "passed", (seed, function, outcome.lines)
    assert len({frozenset(packed) for packed in sets}) == len(SEEDS)


@by_exercise
def test_a_table_of_the_visible_cases_fails(exercise: Exercise) -> None:
    """Catches hidden cases that are answered like visible ones, so that a copied table would pass."""
    table = table_of(exercise)
    plain = dataclasses.replace(exercise, fresh=False, misconceptions=())
    assert judge(plain, table, runner=in_process).state == "passed" or exercise.leaves_random_state
    for seed in SEEDS:
        only = dataclasses.replace(plain, cases=hidden_cases(exercise, seed))
        assert judge(only, table, runner=in_process).state == "wrong", seed


def test_the_same_seed_gives_the_same_cases_in_another_process() -> None:
    """Catches cases that depend on what ran before: the same exercise as another object is drawn anew."""
    for exercise in EVERY[:: len(EVERY) // 5]:
        again = dataclasses.replace(exercise)
        first = [values.pack(c.arguments) for c in hidden_cases(exercise, 7)]
        torch.manual_seed(3), random.seed(3)
        assert [values.pack(c.arguments) for c in hidden_cases(again, 7)] == first


def test_a_case_on_which_right_answers_differ_is_not_taken() -> None:
    """Catches a hidden case that would refuse somebody who is right: here ties, on which the two answers differ."""

    def first_largest(xs: list[int]) -> int:
        return xs.index(max(xs))

    def last_largest(xs: list[int]) -> int:
        return len(xs) - 1 - xs[::-1].index(max(xs))

    exercise = Exercise(
        "99.1", first_largest, (Case(([3, 1, 2],)), Case(([90, 5, 90, 2],))), alternatives=(last_largest,)
    )
    for seed in range(5):
        hidden = hidden_cases(exercise, seed)
        assert hidden and all(first_largest(*c.arguments) == last_largest(*c.arguments) for c in hidden)


def test_arguments_on_which_the_reference_does_not_end_cost_nothing() -> None:
    """Catches a drawn case that hangs the instructor's machine."""

    def halved(n: int) -> int:
        while n % 7 == 3:
            pass
        return n // 2

    exercise = Exercise("99.1", halved, (Case((10**6 + 1,)), Case((12,))))

    def quick(function: Callable[..., Any], cases: tuple[Case, ...]) -> Any:
        from lthkit.classroom.process import in_worker

        return in_worker(function, cases, seconds=1.0)

    hidden = hidden_cases(exercise, 0, count=3, runner=quick)
    assert len(hidden) == 3 and all(c.arguments[0] % 7 != 3 for c in hidden)


def test_an_exercise_can_make_its_own_cases() -> None:
    exercise = Exercise("99.1", lambda n: n + 1, (Case((1,)),), vary=lambda rng: (rng.randint(100, 10**6),))
    assert all(c.arguments[0] >= 100 for c in hidden_cases(exercise, 0))


def test_what_is_changed_keeps_its_kind() -> None:
    """Catches a sorted list that is not sorted any more, an accuracy above 1, equal numbers that come apart."""
    arguments = ([0.9, 0.85, 0.8, 0.2], [0.8, 0.8, 0.7], torch.tensor([1.0, -1.0, 2.0]), {"a": 3}, "ticket")
    for seed in range(40):
        falling, accuracies, weights, counts, word = changed(arguments, random.Random(seed))
        assert list(falling) == sorted(falling, reverse=True) and all(
            0 < x < 1 for x in [*falling, *accuracies]
        )
        assert len(set(accuracies)) <= 2
        assert weights.dtype == torch.float32 and weights.shape in ((3,), (2,))
        assert isinstance(counts["a"], int) and counts["a"] >= 1 and word == "ticket"
    assert torch.equal(arguments[2], torch.tensor([1.0, -1.0, 2.0]))
