"""Student's t, plain and shifted, against values of scipy 1.17 (stats.t, stats.nct) and of textbooks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lthkit.evidence import p_said, p_value
from lthkit.evidence.student import p_value_of, quantile, shifted_tail, tail


@pytest.mark.parametrize(
    "p, freedom, expected",
    [
        (0.975, 1, 12.706204736174694),
        (0.975, 2, 4.302652729749462),
        (0.975, 4, 2.7764451051977934),
        (0.975, 39, 2.022690920036761),
        (0.95, 9, 1.833112932656237),
        (0.995, 5, 4.032142983555228),
        (0.975, 1000, 1.9623390808264083),
    ],
)
def test_a_quantile_is_that_of_scipy(p: float, freedom: int, expected: float) -> None:
    assert quantile(p, freedom) == pytest.approx(expected, rel=1e-11)
    assert quantile(1 - p, freedom) == pytest.approx(-expected, rel=1e-11)
    assert tail(quantile(p, freedom), freedom) == pytest.approx(1 - p, rel=1e-11)


@pytest.mark.parametrize(
    "t, freedom, expected",
    [
        (2.0, 3, 0.13932596855884305),
        (2.5, 39, 0.01673378474719785),
        (0.3, 1, 0.8144528418445154),
        (-6.0, 10, 0.00013210886035478557),
        (12.0, 4, 0.000276428548502973),
        (0.0, 7, 1.0),
    ],
)
def test_a_p_value_is_that_of_scipy(t: float, freedom: int, expected: float) -> None:
    """Catches one side for two, and a sign that matters."""
    assert p_value_of(t, freedom) == pytest.approx(expected, rel=1e-11)


def test_the_p_value_of_differences() -> None:
    """By hand: mean 1, standard deviation 1, three seeds: t = sqrt(3), two degrees of freedom, p = 1 - sqrt(3 / 5)."""
    assert p_value([0.0, 1.0, 2.0]) == pytest.approx(1 - math.sqrt(0.6))
    assert p_value([0.0, -1.0, -2.0]) == pytest.approx(1 - math.sqrt(0.6))


@pytest.mark.parametrize(
    "values, words",
    [
        ([], "two or more"),
        ([0.3], "no spread"),
        ([0.3, math.nan], "finite numbers"),
        ([0.3, True], "finite numbers"),
        ([0.3, "0.4"], "finite numbers"),
        ([0.3, 0.3, 0.3], "really trained with different seeds"),
    ],
)
def test_what_has_no_p_value_is_refused(values: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        p_value(values)


def test_values_that_are_no_list_are_refused() -> None:
    for given in (0.3, "0.3"):
        with pytest.raises(TypeError, match="one difference for each seed"):
            p_value(given)  # type: ignore[arg-type]


def test_a_quantile_needs_a_probability() -> None:
    for bad in (0, 1, 97.5, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            quantile(bad, 4)
    with pytest.raises(ValueError, match="freedom=0"):
        quantile(0.975, 0)


@pytest.mark.parametrize("freedom", [1, 2, 9, 200, 5000])
@pytest.mark.parametrize("t", [-3.0, 0.0, 0.5, 2.0, 60.0])
def test_without_a_shift_it_is_students_t(t: float, freedom: int) -> None:
    """Catches a range of the integral that is too short for one degree of freedom, or too coarse for many."""
    assert shifted_tail(t, freedom, 0.0) == pytest.approx(tail(t, freedom), rel=1e-8, abs=1e-12)


def test_a_shift_is_what_a_simulation_says() -> None:
    """Independent of the integral: four seeds of mean 0.8 and standard deviation 1."""
    drawn = np.random.default_rng(1).normal(0.8, 1.0, (200_000, 4))
    t = drawn.mean(1) / (drawn.std(1, ddof=1) / 2)
    assert shifted_tail(1.5, 3, 1.6) == pytest.approx(np.mean(t > 1.5), abs=0.004)


def test_a_p_value_in_words_is_never_zero() -> None:
    """Catches "0.000", and a p-value in percent."""
    assert [p_said(p) for p in (0.0, 1e-9, 0.000999, 0.001, 0.0421, 1.0)] == [
        *3 * ["<0.001"], "0.001", "0.042", "1.000",
    ]  # fmt: skip
    for bad in (-0.1, 4.2, math.nan, True, None):
        with pytest.raises(ValueError, match="from 0 to 1"):
            p_said(bad)  # type: ignore[arg-type]
