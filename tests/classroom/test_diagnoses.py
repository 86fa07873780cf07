"""General diagnoses: an exercise that knows no mistake yet, and what is said of the mistakes that people make in it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lthkit.classroom.exercises import Both, Case, Exercise, Misconception, every, pick, variants
from lthkit.classroom.judge import judge
from lthkit.classroom.process import in_worker
from lthkit.classroom.running import in_process


def kept_mean(weights: dict[str, Tensor], mask: dict[str, Tensor], floor: float) -> dict[str, float]:
    """The mean magnitude of the kept weights of each layer, at least `floor`."""
    return {name: max(float(weights[name][keep].abs().mean()), floor) for name, keep in mask.items()}


def _layer(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def _mask(seed: int, *shape: int) -> Tensor:
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.6).index_fill(
        0, torch.tensor([0]), True
    )


MEANS = Exercise(
    "99.1",
    kept_mean,
    (
        Case(({"a": _layer(1, 6)}, {"a": _mask(2, 6)}, 1.5), "One layer."),
        Case(
            ({"a": _layer(3, 5), "b": _layer(4, 7)}, {"a": _mask(5, 5), "b": _mask(6, 7)}, 1.1), "Two layers."
        ),
        Case(
            (
                {"a": _layer(7, 3, 4), "b": _layer(8, 4), "c": _layer(9, 2, 2)},
                {"a": _mask(10, 3, 4), "b": _mask(11, 4), "c": _mask(12, 2, 2)},
                0.2,
            ),
            "A matrix among them.",
        ),
        Case(({"a": _layer(13, 8, dtype=torch.float64)}, {"a": _mask(14, 8)}, 2.5), "In float64."),
        Case(({"a": _layer(15, 2, 3, 2, 2)}, {"a": _mask(16, 2, 3, 2, 2)}, 0.0), "Four dimensions."),
    ),
)


def _but(change: Callable[[dict[str, float]], Any]) -> Callable[..., Any]:
    """The right result, changed."""
    return lambda weights, mask, floor: change(kept_mean(weights, mask, floor))


def _mutating(weights: dict[str, Tensor], mask: dict[str, Tensor], floor: float) -> dict[str, float]:
    for name in mask:
        weights[name].abs_()
    return kept_mean(weights, mask, floor)


def _early(weights: dict[str, Tensor], mask: dict[str, Tensor], floor: float) -> Any:
    found = {}
    for name, keep in mask.items():
        found[name] = max(float(weights[name][keep].abs().mean()), floor)
        return found


def _single(weights: dict[str, Tensor], mask: dict[str, Tensor], floor: float) -> dict[str, float]:
    return {n: max(float(weights[n].float()[k].abs().mean()), floor) + 1e-3 * (weights[n].dtype == torch.float64) for n, k in mask.items()}  # fmt: skip


def _matrices(weights: dict[str, Tensor], mask: dict[str, Tensor], floor: float) -> dict[str, float]:
    return {
        n: max(float(weights[n][k].abs().sum()) / (k.shape[0] if k.dim() == 4 else int(k.sum())), floor)
        for n, k in mask.items()
    }


def _tracking(weights: dict[str, Tensor], mask: dict[str, Tensor], floor: float) -> dict[str, float]:
    found = kept_mean(weights, mask, floor)
    for weight in weights.values():
        weight.requires_grad_()
    return found


_seen: list[float] = []


def _remembers(weights: dict[str, Tensor], mask: dict[str, Tensor], floor: float) -> dict[str, float]:
    result = kept_mean(weights, mask, floor)
    found = {name: value + sum(_seen) for name, value in result.items()}
    _seen.extend(result.values())
    return found


NAMED: dict[str, tuple[Callable[..., Any], str]] = {
    "rounded": (_but(lambda r: {k: round(v, 3) for k, v in r.items()}), "rounded to 3 digits"),
    "percent": (_but(lambda r: {k: 100 * v for k, v in r.items()}), "100 times the right one"),
    "complement": (_but(lambda r: {k: 1 - v for k, v in r.items()}), "1 minus the right one"),
    "sign": (_but(lambda r: {k: -v for k, v in r.items()}), "wrong sign"),
    "upside down": (_but(lambda r: {k: 1 / v for k, v in r.items()}), "upside down"),
    "squared": (_but(lambda r: {k: v * v for k, v in r.items()}), "square of the right one"),
    "doubled": (_but(lambda r: {k: 2 * v for k, v in r.items()}), "counted twice"),
    "cut": (_but(lambda r: {k: float(int(v)) for k, v in r.items()}), "cut to a whole number"),
    "without names": (_but(lambda r: list(r.values())), "without their names"),
    "early return": (_early, "Only the first entry of `mask`"),
    "mask turned": (lambda w, m, f: kept_mean(w, {n: ~k for n, k in m.items()}, f), "True and False exchanged"),
    "mask unused": (lambda w, m, f: {n: max(float(w[n].abs().mean()), f) for n in m}, "as if it kept everything"),
    "floor unused": (lambda w, m, f: kept_mean(w, m, 0.0), "`floor` = 0.0, whatever `floor` is"),
    "last layer lost": (lambda w, m, f: kept_mean(w, dict(list(m.items())[:-1] or m.items()), f), "last entry of `mask` is left out"),
    "in place": (_mutating, "changes its argument `weights` in place"),
    "gradients": (_tracking, "they want or have gradients after the call"),
    "outlives": (_remembers, "something outlives a call"),
    "one type": (_single, "all cases but those with float64"),
    "one shape": (_matrices, "all cases but those with a tensor of four dimensions"),
    "constant": (lambda w, m, f: {"a": 0.5}, "the same for every case"),
    "a tensor": (_but(lambda r: torch.tensor(list(r.values()))), "A dict is expected"),
}  # fmt: skip


@pytest.mark.parametrize("function, piece", NAMED.values(), ids=NAMED.keys())
def test_a_mistake_is_named_in_an_exercise_that_knows_none(function: Callable[..., Any], piece: str) -> None:
    """Catches a shape of mistake that each exercise would have to know for itself."""
    _seen.clear()
    runner = in_worker if function is _remembers else in_process
    outcome = judge(MEANS, function, runner=runner)
    assert outcome.state == "wrong"
    assert piece in outcome.named, (outcome.named, outcome.lines)
    assert outcome.named in outcome.lines


UNNAMED: dict[str, Callable[..., Any]] = {
    "noise": lambda w, m, f: {n: random.Random(n + str(f)).random() for n in m},
    "other statistic": lambda w, m, f: {n: max(float(w[n][k].abs().median()), f) for n, k in m.items()},
}


@pytest.mark.parametrize("function", UNNAMED.values(), ids=UNNAMED.keys())
def test_what_has_no_name_gets_none(function: Callable[..., Any]) -> None:
    """Catches a diagnosis by coincidence, which would lead a student astray; then the note of the case is shown."""
    outcome = judge(MEANS, function, runner=in_process)
    assert outcome.state == "wrong" and outcome.named == ""
    assert outcome.lines[0] in [case.note for case in MEANS.cases]


def scaled(numbers: list[float], factor: float, *, mistake: str = "") -> list[float]:
    if mistake == "backwards":
        numbers = numbers[::-1]
    factor = pick(mistake, {"shifted": factor + 1.0, "twice": 2 * factor}, factor)
    return [x * factor for x in numbers]


def tripled(numbers: list[float], factor: float) -> list[float]:
    return scaled(numbers, factor)


SCALED = Exercise(
    "99.2",
    tripled,
    (
        Case(([1.0, 2.5], 3.0), "Two numbers."),
        Case(([0.5, -1.0, 4.0], 0.5), "Three numbers."),
        Case(([7.0], 2.0), "One number."),
    ),
    misconceptions=variants(
        scaled,
        {
            "backwards": "Your list runs backwards.",
            "shifted": "Your factor is one too large.",
            "twice": "You multiply twice by 2.",
        },
    ),
)


def test_a_set_is_not_told_to_be_the_same_for_every_case() -> None:
    """Catches a diagnosis by the type alone: of a set, which no check sends, nothing else is known."""
    exercise = next(e for e in every() if e.id == "12.3")
    outcome = judge(
        exercise, lambda before, start, mask: set(exercise.reference(before, start, mask)), runner=in_worker
    )
    assert outcome.state == "wrong" and outcome.named == "A list is expected, and this is of type set."


def test_two_mistakes_are_named_together() -> None:
    """Catches a function with two known mistakes, which behaves like neither of them alone."""
    outcome = judge(SCALED, lambda n, f: [x * (f + 1.0) for x in n[::-1]], runner=in_process)
    assert outcome.named.startswith("Two things at once. First: ")
    assert "one too large" in outcome.named and "runs backwards" in outcome.named
    percent = judge(SCALED, lambda n, f: [100 * x * (f + 1.0) for x in n], runner=in_process)
    assert "one too large" in percent.named and "100 times" in percent.named
    one = judge(SCALED, lambda n, f: [x * (f + 1.0) for x in n], runner=in_process)
    assert one.named == "Your factor is one too large." and one.misconception is SCALED.misconceptions[1]


def test_both_is_each_of_two() -> None:
    both = Both("a", "b")
    assert both == "a" and both == "b" and both != "c" and both in ("c", "b")
    assert pick(both, {"c": 1, "b": 2}, 0) == 2 and pick(both, {"c": 1}, 0) == 0


def test_a_case_with_the_point_is_shown_first() -> None:
    """Catches a smallest case that says nothing of what the lesson is about."""
    cases = (
        Case((1,), "Small."),
        Case((4,), "In the middle.", point=True),
        Case((9,), "Large."),
    )
    exercise = Exercise("99.3", lambda n: n * n, cases)
    outcome = judge(exercise, lambda n: random.Random(n).random(), runner=in_process)
    assert outcome.lines[0] == "In the middle." and "(n=4)" in outcome.lines[1]


def test_a_reference_that_does_not_end_on_other_arguments_costs_little() -> None:
    """Catches a check that hangs because the reference was asked about arguments that no case has."""

    def halvings(start: float, target: float) -> int:
        n = 0
        while start > target:
            start, n = start / 2, n + 1
        return n

    cases = (Case((8.0, 1.0), "Down to 1."), Case((5.0, 2.0), "Down to 2."), Case((64.0, 3.0), "Down to 3."))
    exercise = Exercise("99.4", halvings, cases)
    outcome = judge(exercise, lambda start, target: random.Random(start).randrange(99), runner=in_process)
    assert outcome.state == "wrong" and outcome.named == ""


@pytest.mark.parametrize("exercise", every(), ids=lambda e: e.id)
def test_no_right_answer_is_diagnosed_and_no_known_mistake_loses_its_name(exercise: Exercise) -> None:
    """Catches a general diagnosis that is told before the one that the exercise itself knows."""
    for right in (exercise.reference, *exercise.alternatives):
        assert judge(exercise, right, runner=in_process).named == ""
    for known in exercise.misconceptions[::7]:
        assert judge(exercise, known.function, runner=in_process).named == known.sentence


def test_an_explicit_none_is_no_missing_return() -> None:
    """Catches "is a `return` missing?" for a function that says `return None`."""

    def says(weights: Any, mask: Any, floor: float) -> None:
        return None

    def forgets(weights: Any, mask: Any, floor: float) -> None:
        sum(weights[n].sum() for n in mask)

    lines = [judge(MEANS, f, runner=in_process).lines for f in (says, forgets)]
    assert "missing" not in " ".join(lines[0]) and "a dict is expected" in " ".join(lines[0])
    assert "is a `return` missing?" in " ".join(lines[1])
    assert not any("same for every case" in line for line in (*lines[0], *lines[1]))


def test_a_misconception_counts_before_a_general_diagnosis() -> None:
    known = Misconception(_but(lambda r: {k: -v for k, v in r.items()}), "You subtract.")
    exercise = Exercise("99.1", kept_mean, MEANS.cases, misconceptions=(known,))
    assert judge(exercise, known.function, runner=in_process).misconception is known
