"""Intervals and paired differences."""

from __future__ import annotations

import math

import pytest

from lthkit import evidence
from lthkit.evidence import student
from lthkit.runs import report


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


def test_two_rows_of_one_seed_are_refused():
    """Catches: rows that were joined twice, of which the last one would win."""
    twice = [*ROWS, {**ROWS[3], "test_accuracy": 0.1}]
    text = r"Two rows have arm 'ticket', seed 0, round 1; expected one"
    for rows in (twice, [*ROWS, ROWS[3]]):
        with pytest.raises(ValueError, match=text):
            evidence.by_seed(rows, "ticket", 1)
        with pytest.raises(ValueError, match=text):
            evidence.paired(rows, ("ticket", 1), ("dense", 0))
    assert evidence.by_seed(twice, "dense", 0) == evidence.by_seed(ROWS, "dense", 0)


@pytest.mark.parametrize("n", [2, 3, 5, 40])
def test_equal_differences_make_no_claim(n):
    """Catches: "excludes 0" of a test split of one picture; and a spread that is rounding: 0.8 - 0.7 is not 0.9 - 0.8."""
    for values in ([-3.125] * n, [0.8 - 0.7] + [0.9 - 0.8] * (n - 1)):
        for band in (evidence.interval(values), evidence.interval(values).times(100)):
            assert band.unspread and not band.excludes_0 and not band.shown
            assert band.says == f"no spread over {n} seeds: no claim"
    assert f"{evidence.interval([-3.125] * n):+.1f[]}" == f"-3.1 (no spread over {n} seeds: no claim)"
    assert evidence.interval([-3.0] * n).said("+.0f") == f"-3 (seeds {', '.join(['-3'] * n)})"
    cell = evidence.differences({"a - b": evidence.interval([-3.125] * n)}, unit="points").rows[0]
    assert cell[2] == "–" and cell[4] == f"no spread over {n} seeds: no claim"


def test_what_a_run_concludes_of_equal_differences_makes_no_claim():
    rows = [
        {"arm": arm, "seed": seed, "round": r, "density": 0.8**r, "test_accuracy": 0.5 + seed / 8 - r / 32}
        for arm, r in (("dense", 0), ("ticket", 1))
        for seed in (0, 1)
    ]
    said = " ".join(report.conclusions(rows))
    assert "-3.1 (no spread over 2 seeds: no claim) against dense" in said and "[" not in said
    assert "no spread over 2 seeds: no claim" in str(report.differences(rows))


def test_what_spreads_says_what_it_said():
    assert evidence.interval([1.0, 1.001, 1.002]).says == "excludes 0"
    assert evidence.interval([0.0, 0.0]).says == "contains 0: no claim"
    assert evidence.interval([1.0, -1.0]).says == "contains 0: no claim"
    assert evidence.interval([1.0]).says == "one seed: no claim" and not evidence.interval([1.0]).unspread
    same = evidence.interval([100.0] * 4, within=evidence.PERCENT)
    assert not same.unspread and same.shown and f"{same:.1f}" == "100.0 ± 0.0"


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
