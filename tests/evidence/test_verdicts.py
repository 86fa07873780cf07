"""Many comparisons, null results, and experiments drawn from recorded seeds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lthkit import evidence
from lthkit.evidence.student import quantile


def test_holm_is_that_of_the_textbook() -> None:
    """R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") is 0.03 0.06 0.06 0.02."""
    found = evidence.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert list(found) == ["a", "b", "c", "d"]
    assert list(found.values()) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_never_goes_down_nor_beyond_one() -> None:
    """Catches: 0.03 times 1 for the last of three, below the one before it; 3 times 0.5."""
    assert list(evidence.holm({"a": 0.02, "b": 0.025, "c": 0.03}).values()) == pytest.approx([0.06] * 3)
    assert list(evidence.holm({"a": 0.5, "b": 0.9}).values()) == [1.0, 1.0]
    assert evidence.holm({"one": 0.04}) == {"one": 0.04}


def test_holm_holds_the_error_of_the_family() -> None:
    """Ten comparisons without any difference: a false claim in 40 % of the families without it, in 5 % with it."""
    p = np.random.default_rng(0).random((4000, 10))
    plain = np.mean(p.min(1) < 0.05)
    held = np.mean([min(evidence.holm(dict(enumerate(row.tolist()))).values()) < 0.05 for row in p[:1000]])  # type: ignore[arg-type]
    assert plain == pytest.approx(0.401, abs=0.03) and held < 0.075


@pytest.mark.parametrize("given", [{}, [0.1, 0.2], {"a": 5.0}, {"a": math.nan}, {"a": True}, {"a": -0.1}])
def test_p_values_that_are_none_are_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="p_values"):
        evidence.holm(given)


@pytest.mark.parametrize(
    "shift, margin, says",
    [
        (0.0, 0.5, "no difference of 0.5"),
        (0.2, 0.5, "different, by less than 0.5"),
        (1.0, 0.5, "different"),
        (-1.0, 0.5, "different"),
        (0.0, 0.05, "open: no claim"),
    ],
)
def test_a_difference_is_held_against_a_margin(shift: float, margin: float, says: str) -> None:
    """Catches: "contains 0" taken for equal, and a difference below the margin that is no longer called one."""
    values = [shift + 0.1 * v for v in (-2.0, -1.0, 0.0, 1.0, 2.0, -1.5, 1.5, 0.5, -0.5, 0.0)]
    found = evidence.against_margin(values, margin)
    assert found.says == says
    assert found.equivalent == (found.p < 0.05)


def test_the_two_one_sided_tests_are_the_ninety_percent_interval() -> None:
    """By hand, with scipy's t: mean 0.1, sd 0.2, n = 6, margin 0.3; p is that of (0.3 - 0.1) / (0.2 / sqrt(6))."""
    values = np.array([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    values = 0.1 + 0.2 * values / values.std(ddof=1)
    found = evidence.against_margin(values.tolist(), 0.3)
    error = 0.2 / math.sqrt(6)
    assert (found.low, found.high) == pytest.approx((0.1 - 2.0150484 * error, 0.1 + 2.0150484 * error))
    assert found.p == pytest.approx(0.0289864, abs=1e-6)
    edge = 0.1 + quantile(0.95, 5) * error
    assert evidence.against_margin(values.tolist(), edge * 1.0001).equivalent
    assert not evidence.against_margin(values.tolist(), edge * 0.9999).equivalent


@pytest.mark.parametrize("margin", [0.0, -0.5, math.nan, math.inf, "0.5", True])
def test_a_margin_that_is_none_is_refused(margin: Any) -> None:
    with pytest.raises(ValueError, match="does not matter"):
        evidence.against_margin([0.1, 0.2, 0.3], margin)
    with pytest.raises(ValueError):
        evidence.against_margin([0.1], 0.5)


RECORDED = [0.9, 0.4, -0.2, 0.7, 0.0, 1.1, 0.5, -0.4, 0.8, 0.3, 0.6, 0.2]


def test_one_seed_is_wrong_as_often_as_the_record_says() -> None:
    """Two of twelve seeds are below 0, one is a tie: (2 + 0.5) / 12."""
    found = evidence.sample_seeds(RECORDED, 1, draws=20_000)
    assert found.winner == 1 and found.wrong == pytest.approx(2.5 / 12, abs=0.01)
    assert found.found == 0 and found.misled == 0  # one seed has no interval
    turned = evidence.sample_seeds([-v for v in RECORDED], 1, draws=20_000)
    assert turned.winner == -1 and turned.wrong == pytest.approx(2.5 / 12, abs=0.01)


def test_drawn_experiments_are_those_of_interval() -> None:
    """Catches a spread that divides by n, a quantile of another n, and draws that never have a seed twice."""
    found = evidence.sample_seeds(RECORDED, 3, draws=500, seed=4)
    rng = np.random.default_rng(4)
    drawn = np.array(RECORDED)[rng.integers(12, size=(500, 3))]
    for row, mean, claim in zip(drawn.tolist(), found.means, found.claims, strict=True):
        band = evidence.interval(row)
        assert mean == pytest.approx(band.mean)
        says = (band.low > 0) - (band.high < 0) if len(set(row)) > 1 else 0
        assert claim == says
    assert any(len(set(row)) < 3 for row in drawn.tolist())


def test_more_seeds_are_wrong_less_often() -> None:
    wrong = [evidence.sample_seeds(RECORDED, n).wrong for n in (1, 3, 10)]
    found = [evidence.sample_seeds(RECORDED, n).found for n in (3, 10, 40)]
    assert wrong[0] > wrong[1] > wrong[2] and found[0] < found[1] < found[2]  # type: ignore[operator]


def test_without_a_winner_nothing_is_called_wrong() -> None:
    """Catches: a coin called wrong in half of its throws. What is left are the false alarms."""
    found = evidence.sample_seeds([0.3, -0.3, 0.1, -0.1, 0.5, -0.5, 0.2, -0.2, 0.4, -0.4], 5, draws=4000)
    assert found.winner == 0 and found.wrong is None and found.misled is None
    assert 0.01 < found.found < 0.12


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="ten seeds or more"):
        evidence.sample_seeds(RECORDED[:9], 3)
    with pytest.raises(ValueError, match="seeds=0"):
        evidence.sample_seeds(RECORDED, 0)
    with pytest.raises(ValueError, match="finite"):
        evidence.sample_seeds([*RECORDED, math.nan], 3)
