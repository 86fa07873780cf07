"""Intervals and paired differences."""

from __future__ import annotations

import math

import pytest

from lthkit import evidence
from lthkit.evidence import student


def _t_cdf(x: float, df: int) -> float:
    """Student's t distribution by Simpson's rule; slow, and independent of the table under test."""
    scale = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    n, h = 20_000, x / 20_000
    density = [scale * (1 + (i * h) ** 2 / df) ** (-(df + 1) / 2) for i in range(n + 1)]
    return 0.5 + h / 3 * (density[0] + density[-1] + 4 * sum(density[1:-1:2]) + 2 * sum(density[2:-1:2]))


@pytest.mark.parametrize("n", [2, 3, 4, 5, 10, 31, 32, 33, 60, 200])
def test_the_interval_uses_students_t(n):
    """Catches: 1.96 for three seeds, which is less than half of the right width."""
    values = [0.0] * (n - 1) + [1.0]
    band = evidence.interval(values)
    mean, spread = 1 / n, math.sqrt((1 - 1 / n) / (n - 1))
    assert band.mean == pytest.approx(mean) and band.n == n
    quantile = band.half / (spread / math.sqrt(n))
    assert _t_cdf(quantile, n - 1) == pytest.approx(0.975, abs=1e-6 if n > 31 else 2e-4)


def test_the_quantiles_are_students_to_all_digits_that_are_used():
    """Catches: a wrong number in the table, and another rule than Student's t behind its end."""
    for n in (*range(2, 45), 60, 100, 1000):
        half = evidence.interval([float(i) for i in range(n)]).half
        used = half * math.sqrt(n) / math.sqrt(n * (n + 1) / 12)
        exact = student.quantile(0.975, n - 1)
        assert used == pytest.approx(round(exact, 3) if n <= 31 else exact, rel=1e-12), n


def test_many_seeds_come_near_the_normal_quantile():
    assert evidence.interval([0.0, 1.0] * 200).half == pytest.approx(1.966 * 0.5006 / 20, rel=0.01)


def test_one_seed_has_no_interval():
    band = evidence.interval([0.8])
    assert band.mean == 0.8 and math.isnan(band.low) and band.n == 1
    with pytest.raises(ValueError):
        evidence.interval([])


ROWS = [
    {
        "arm": arm,
        "seed": seed,
        "round": r,
        "density": 0.8**r,
        "test_accuracy": accuracy,
        "still_improving": seed == 2,
    }
    for arm, r, accuracies in (
        ("dense", 0, (0.80, 0.82, 0.84)),
        ("ticket", 1, (0.81, 0.84, 0.85)),
        ("shuffled", 1, (0.70, 0.74)),
    )
    for seed, accuracy in enumerate(accuracies)
]


def test_differences_are_paired_by_seed():
    """Catches: an unpaired difference, whose interval holds the spread between seeds too."""
    band = evidence.paired(ROWS, ("ticket", 1), ("dense", 0))
    assert band.mean == pytest.approx(0.04 / 3) and band.n == 3
    assert band.half == pytest.approx(4.303 * 0.0057735 / math.sqrt(3), rel=1e-3)
    assert evidence.paired(ROWS, ("ticket", 1), ("shuffled", 1)).n == 2
    with pytest.raises(ValueError, match="No seed"):
        evidence.paired(ROWS, ("ticket", 1), ("shuffled", 9))


def test_small_questions():
    assert evidence.levels(ROWS, "ticket") == [1]
    assert evidence.density_of(ROWS, 1) == pytest.approx(0.8)
    assert evidence.by_seed(ROWS, "shuffled", 1) == {0: 0.70, 1: 0.74}
    assert evidence.unfinished(ROWS, "ticket", 1) == 1 and evidence.unfinished(ROWS, "shuffled", 1) == 0


def test_an_interval_is_shown_only_where_it_can_be_and_says_more_than_its_seeds():
    """Catches: 93 % [65, 122]; three seeds of an accuracy with a bar; a difference of three without one."""
    percent = {"within": evidence.PERCENT}
    wide = evidence.interval([80.0, 99.0, 100.0, 100.0], **percent)
    assert wide.high > 100 and not wide.possible and wide.enough and not wide.shown
    assert wide.said() == "94.8 (seeds 80.0, 99.0, 100.0, 100.0)"
    assert evidence.interval([80.0, 81.0, 79.0, 80.5], **percent).said() == "80.1 (78.8 to 81.5)"
    assert evidence.interval([80.0, 81.0, 79.0], **percent).said() == "80.0 (seeds 79.0, 80.0, 81.0)"
    assert evidence.interval([1.0, 2.0, 3.0]).said("+.1f") == "+2.0 (-0.5 to +4.5)"
    assert evidence.interval([1.0, 2.0]).said("+.1f") == "+1.5 (seeds +1.0, +2.0)"
    assert evidence.interval([1.0]).said() == "1.0" and not evidence.interval([1.0]).shown
    below = evidence.interval([1.0, 30.0, 2.0, 3.0], within=evidence.POSITIVE)
    assert below.low < 0 and not below.shown


def test_what_can_be_changes_no_number_and_follows_the_unit():
    """Catches: an interval that is cut at 100, and bounds of 1 beside values of 100."""
    plain, bounded = (evidence.interval([0.8, 0.99, 1.0, 1.0], within=w) for w in (evidence.ANY, (0.0, 1.0)))
    assert plain == bounded and plain.shown and not bounded.shown
    points = bounded.times(100)
    assert (
        points.within == (0, 100) and not points.shown and points.values == pytest.approx((80, 99, 100, 100))
    )
    with pytest.raises(ValueError, match="Is it another unit"):
        evidence.interval([80.0, 81.0], within=(0.0, 1.0))


def test_a_cell_of_a_table_shows_no_interval_that_cannot_be() -> None:
    """Catches 93.1 ± 28.3 for an accuracy in percent."""
    impossible = evidence.interval([80.1, 99.3, 99.9], within=evidence.PERCENT)
    assert f"{impossible:.1f}" == "93.1 (seeds 80.1 to 99.9)"
    assert f"{evidence.interval([84.7, 84.9, 85.1], within=evidence.PERCENT):.1f}" == "84.9 ± 0.5"


def test_an_interval_that_is_rounded_away_does_not_say_that_the_mean_is_known() -> None:
    """Catches 84.7 ± 0.0 for three seeds that differ by hundredths."""
    close = evidence.interval([84.72, 84.68, 84.70])
    assert (f"{close:.1f}", f"{close:.2f}") == ("84.7 ± <0.1", "84.70 ± 0.05")
    assert f"{evidence.interval([84.7, 84.7, 84.7]):.1f}" == "84.7 ± 0.0"
    assert f"{evidence.interval([7.2, 7.1, 7.3]):.0f}" == "7 ± <1"


def test_an_interval_is_written_in_any_form_of_a_number() -> None:
    """Catches a table of steps, or of fractions in percent, that is refused."""
    assert f"{evidence.interval([1000, 3000, 9000]):,.0f}" == "4,333 ± 10,343"
    assert f"{evidence.interval([0.841, 0.8412, 0.8411]):.1%}" == "84.1% ± <0.1%"
    assert f"{evidence.interval([0.841, 0.8412, 0.8411]):.2e}" == "8.41e-01 ± 2.48e-04"
