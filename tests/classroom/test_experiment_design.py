"""Lesson 13: answers that are nearly right are refused, and what is said of them is true of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import mean, pstdev, stdev
from typing import Any

import pytest

from lthkit import evidence
from lthkit.classroom.exercises import find
from lthkit.classroom.judge import judge
from lthkit.classroom.running import in_process
from lthkit.evidence.student import quantile


def stopping(
    p: float = 0.975, *, less: int = 1, sd: Callable[[Any], float] = stdev, root: bool = True
) -> Callable[..., Any]:
    """Exercise 13.3 with an interval by hand."""

    def first_stop(differences: list[float], first: int) -> int | None:
        for n in range(first, len(differences) + 1):
            seen = differences[:n]
            if n > 1 and abs(mean(seen)) > quantile(p, n - less) * sd(seen) / (math.sqrt(n) if root else 1):
                return n
        return None

    return first_stop


def factor_of_five(differences: list[float], first: int) -> int | None:
    for n in range(first, len(differences) + 1):
        seen = differences[:n]
        if n > 1 and abs(mean(seen)) > 2.776 * stdev(seen) / math.sqrt(n):
            return n
    return None


def by_p(differences: list[float], first: int) -> int | None:
    for n in range(first, len(differences) + 1):
        if evidence.p_value(differences[:n]) < 0.05:
            return n
    return None


def patient(patience: int) -> Callable[..., float]:
    """Exercise 13.6 with the early stopping of lesson 05."""

    def optimism(v: list[float], t: list[float]) -> float:
        b = 0
        for i in range(len(v)):
            if v[i] < v[b]:
                b = i
            elif i - b > patience:
                break
        return max(t) - t[b]

    return optimism


def begun_at(best: float) -> Callable[..., float]:
    def optimism(v: list[float], t: list[float]) -> float:
        least, chosen = best, 0.0
        for loss, accuracy in zip(v, t, strict=True):
            if loss < least:
                least, chosen = loss, accuracy
        return max(t) - chosen

    return optimism


def wrong_rate(
    winner: Callable[[list[float]], bool], zero: Callable[[float], bool] = lambda x: x == 0
) -> Any:
    """Exercise 13.1 with another winner, or with more that counts as 0."""

    def wrong_winner_rate(d: list[float]) -> float:
        s = 1 if winner(d) else -1
        return sum(0.5 if zero(x) else 1 if s * x < 0 else 0 for x in d) / len(d)

    return wrong_winner_rate


def above(d: list[float]) -> bool:
    return mean(d) > 0


def holm(
    limit: Callable[[float, int], float], key: Callable[[float], Any] = float
) -> Callable[..., list[str]]:
    """Exercise 13.4 with another limit of the place with `left` comparisons, or sorted by another key."""

    def holm_claims(p: dict[str, float], alpha: float) -> list[str]:
        claimed: list[str] = []
        for i, name in enumerate(sorted(p, key=lambda name: key(p[name]))):
            if p[name] > limit(alpha, len(p) - i):
                break
            claimed.append(name)
        return claimed

    return holm_claims


def share(alpha: float, left: int) -> float:
    return alpha / left


def seeds(whole: Callable[[float], int], factor: float = 2.8, most: int = 2) -> Callable[..., int]:
    """Exercise 13.2 with another rounding or factor."""
    return lambda effect, sd: max(most, whole((factor * sd / effect) ** 2))


def with_quantiles(effect: float, sd: float) -> int:
    return evidence.seeds_needed(effect, sd=sd)


def rounded_optimism(digits: int) -> Callable[..., float]:
    right = find("13.6").reference
    return lambda v, t: round(right(v, t), digits)


def said(margin: float | None = None, change: Callable[[str], str] = str) -> Callable[..., str]:
    right = find("13.5").reference
    return lambda low, high, m: change(right(low, high, m if margin is None else margin))


# The answer, and words of the message; "" where no mistake is named.
NEARLY: dict[str, tuple[str, Callable[..., Any], str]] = {
    "about zero": ("13.1", wrong_rate(above, lambda x: abs(x) < 0.05), "exactly 0 counts half"),
    "less than 0.001": ("13.1", wrong_rate(above, lambda x: abs(x) < 0.001), ""),
    "rounded to 0": ("13.1", wrong_rate(above, lambda x: round(x, 1) == 0), "exactly 0 counts half"),
    "rounded mean": ("13.1", wrong_rate(lambda d: round(mean(d), 1) > 0), "round the mean"),
    "mean of two digits": ("13.1", wrong_rate(lambda d: round(mean(d), 2) > 0), "round the mean"),
    "whole mean": ("13.1", wrong_rate(lambda d: int(mean(d)) > 0), "cut the mean"),
    "half added": ("13.2", seeds(lambda x: round(x + 0.5)), "add one half"),
    "nearly one added": ("13.2", seeds(lambda x: int(x + 0.999)), "seeds are too few"),
    "rounded first": ("13.2", seeds(lambda x: math.ceil(round(x, 1))), "one digit"),
    "rounded to two": ("13.2", seeds(lambda x: math.ceil(round(x, 2))), "seeds are too few"),
    "more digits": ("13.2", seeds(math.ceil, 1.959964 + 0.841621), "more digits than 2.8"),
    "some more digits": ("13.2", seeds(math.ceil, 1.95996 + 0.84162), "more digits than 2.8"),
    "two more": ("13.2", seeds(lambda x: math.ceil(x) + 2), "two seeds"),
    "Student": ("13.2", with_quantiles, "Student's t"),
    "squared too late": ("13.2", lambda effect, sd: max(2, math.ceil(2.8 * sd / effect) ** 2), "square first"),
    "population": ("13.3", stopping(sd=pstdev), "pstdev"),
    "n degrees": ("13.3", stopping(less=0), "n degrees of freedom"),
    "90 %": ("13.3", stopping(0.95), "that of 90 %"),
    "94 %": ("13.3", stopping(0.97), ""),
    "96 %": ("13.3", stopping(0.98), ""),
    "99 %": ("13.3", stopping(0.995), "that of 99 %"),
    "no root": ("13.3", stopping(root=False), "square root of n"),
    "five seeds": ("13.3", factor_of_five, "2.776"),
    "p-value": ("13.3", by_p, "p is below 0.05"),
    "as text": ("13.4", holm(share, str), "as text"),
    "rounded": ("13.4", holm(lambda alpha, left: round(alpha / left, 3)), "round the limits"),
    "rounded to four": ("13.4", holm(lambda alpha, left: round(alpha / left, 4)), "a little larger"),
    "loose": ("13.4", holm(lambda alpha, left: alpha / left + 1e-4), "a little larger"),
    "less loose": ("13.4", holm(lambda alpha, left: alpha / left + 1e-5), "a little larger"),
    "Sidak": ("13.4", holm(lambda alpha, left: 1 - (1 - alpha) ** (1 / left)), "Sidak"),
    "a set": ("13.4", lambda p, alpha: set(holm(share)(p, alpha)), ""),
    "margin 0.5": ("13.5", said(0.5), "You take 0.5"),
    "capital": ("13.5", said(change=str.capitalize), "capital letter"),
    "capitals": ("13.5", said(change=str.upper), "capital letters"),
    "two worse": ("13.6", patient(1), "after two evaluations"),
    "three worse": ("13.6", patient(2), "after some evaluations"),
    "six worse": ("13.6", patient(5), "after some evaluations"),
    "two digits": ("13.6", rounded_optimism(2), "rounded to 2 digits"),
    "three digits": ("13.6", rounded_optimism(3), "rounded to 3 digits"),
    "begins at 1": ("13.6", begun_at(1.0), ""),
    "begins at 100": ("13.6", begun_at(100.0), ""),
    "above the mean": ("13.6", lambda v, t: max(t) - mean(t), "subtract the mean"),
}  # fmt: skip


@pytest.mark.parametrize("number, answer, words", NEARLY.values(), ids=NEARLY.keys())
def test_an_answer_that_is_nearly_right_is_refused(
    number: str, answer: Callable[..., Any], words: str
) -> None:
    """Catches cases too weak for a mistake that changes the tables of the lesson, and a message about another mistake."""
    outcome = judge(find(number), answer, runner=in_process)
    assert outcome.state == "wrong", "the cases accept it"
    if words:
        assert words in outcome.named and "Two things" not in outcome.named, outcome.lines
    else:
        assert outcome.misconception is None and "the same for every case" not in outcome.named, outcome.lines
