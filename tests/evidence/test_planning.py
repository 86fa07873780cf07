"""Planning: seeds, power and cost against published and independent values; the units and counts that are refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lthkit import evidence


@pytest.mark.parametrize(
    "effect, seeds, expected",
    [
        (0.5, 34, 0.8077775012792738),
        (0.5, 33, 0.7953658414875041),
        (0.2, 199, 0.8016910240370655),
        (0.8, 15, 0.8213105387241081),
        (1.0, 10, 0.8030968566327219),
        (2.0, 3, 0.47074943127843494),
        (1.0, 5, 0.40138991737179536),
        (0.1, 20, 0.07094115697036982),
        (3.0, 2, 0.26077071422910975),
    ],
)
def test_the_power_is_that_of_the_noncentral_t(effect: float, seeds: int, expected: float) -> None:
    """Values of scipy 1.17 (stats.nct). Catches the normal approximation, one side for two, n for n - 1."""
    assert evidence.power_of(effect, sd=1.0, seeds=seeds) == pytest.approx(expected, rel=1e-9)
    assert evidence.power_of(-effect, sd=1.0, seeds=seeds) == pytest.approx(expected, rel=1e-9)
    assert evidence.power_of(0.7 * effect, sd=0.7, seeds=seeds) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seeds", [2, 3, 20])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_without_a_difference_the_power_is_alpha(seeds: int, alpha: float) -> None:
    assert evidence.power_of(0.0, sd=0.6, seeds=seeds, alpha=alpha) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize("effect, expected", [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_the_seeds_are_those_of_the_textbook(effect: float, expected: int) -> None:
    """Small, middle and large effects for the paired t-test at 80 %, as power tables and G*Power have them."""
    assert evidence.seeds_needed(effect, sd=1.0) == expected


def test_the_seeds_are_the_fewest_that_do() -> None:
    for effect, sd, power, alpha in ((0.5, 0.7, 0.9, 0.05), (0.3, 0.2, 0.8, 0.01), (4.0, 0.5, 0.8, 0.05)):
        n = evidence.seeds_needed(effect, sd=sd, power=power, alpha=alpha)
        assert evidence.power_of(effect, sd=sd, seeds=n, alpha=alpha) >= power
        assert n == 2 or evidence.power_of(effect, sd=sd, seeds=n - 1, alpha=alpha) < power


def test_the_smallest_effect_is_the_other_way_round() -> None:
    for seeds in (2, 3, 5, 40):
        effect = evidence.smallest_effect(sd=0.6, seeds=seeds)
        assert evidence.power_of(effect, sd=0.6, seeds=seeds) == pytest.approx(0.8, abs=1e-6)


def test_power_is_what_a_simulation_says() -> None:
    """Five seeds, a difference of one standard deviation, by the interval that lessons use."""
    drawn = np.random.default_rng(0).normal(0.6, 0.6, (4000, 5))
    seen = [evidence.interval(row.tolist()).says == "excludes 0" for row in drawn]
    assert np.mean(seen) == pytest.approx(evidence.power_of(0.6, sd=0.6, seeds=5), abs=0.03)


def test_the_spread_has_the_interval_of_the_chi_square() -> None:
    """Table values: chi-square of four degrees of freedom has 0.4844 and 11.1433 at 2.5 % and 97.5 %."""
    found = evidence.spread([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.sd == pytest.approx(math.sqrt(2.5)) and found.n == 5
    assert found.low == pytest.approx(math.sqrt(4 * 2.5 / 11.14329), rel=1e-5)
    assert found.high == pytest.approx(math.sqrt(4 * 2.5 / 0.4844186), rel=1e-5)
    assert f"{found:.2f}" == "1.58 [0.95, 4.54]"
    with pytest.raises(ValueError, match="one has no spread"):
        evidence.spread([1.0])


def test_a_design_counts_everything() -> None:
    """Catches a control that is not paid for, minutes of one core for two, and alpha that is not shared out."""
    made = evidence.design(
        0.5, sd=0.7, trainings=4, steps=2000, comparisons=3, seconds=6.0, at_once=2, power=0.8
    )
    assert made.alpha == pytest.approx(0.05 / 3)
    assert (
        made.seeds == evidence.seeds_needed(0.5, sd=0.7, alpha=0.05 / 3) > evidence.seeds_needed(0.5, sd=0.7)
    )
    assert made.trainings == 4 * made.seeds and made.updates == 2000 * made.trainings
    assert made.minutes == pytest.approx(made.trainings / 2 * 6 / 60)
    assert made.power >= 0.8
    assert str(made).startswith(f"{made.seeds} seeds, {made.trainings} trainings, {made.updates:,} updates, ")


def test_a_design_of_given_seeds_says_what_they_can_see() -> None:
    made = evidence.design(0.5, sd=0.7, trainings=2, steps=100, seeds=5)
    assert (made.seeds, made.trainings, made.updates, made.minutes) == (5, 10, 1000, None)
    assert made.power == pytest.approx(evidence.power_of(0.5, sd=0.7, seeds=5))
    assert "minutes" not in str(made)
    odd = evidence.design(0.5, sd=0.7, trainings=1, steps=1, seeds=5, seconds=60, at_once=2)
    assert odd.minutes == 3  # the fifth training runs alone


@pytest.mark.parametrize(
    "change, words",
    [
        ({"sd": 0.006}, "Are both in one unit"),
        ({"sd": 0.006, "seeds": 5}, "Are both in one unit"),
        ({"effect": 0.0005}, "Are both in one unit"),
        ({"effect": 0.0}, "above 0"),
        ({"effect": -0.5}, "above 0"),
        ({"effect": math.nan}, "above 0"),
        ({"effect": [0.5]}, "above 0"),
        ({"sd": 0.0}, "paired differences, above 0"),
        ({"sd": math.inf}, "paired differences, above 0"),
        ({"sd": True}, "paired differences, above 0"),
        ({"power": 80}, "a probability between 0 and 1"),
        ({"power": 0.05}, "chance alone gives alpha"),
        ({"alpha": 5}, "a probability between 0 and 1"),
        ({"comparisons": 0}, "comparisons=0"),
        ({"trainings": 2.5}, "trainings=2.5"),
        ({"steps": 0}, "steps=0"),
        ({"seeds": 1}, "seeds=1"),
        ({"seconds": 0.0}, "seconds=0.0"),
        ({"seconds": math.nan}, "seconds=nan"),
        ({"at_once": 0}, "at_once=0"),
    ],
)
def test_a_design_that_would_be_quietly_wrong_is_refused(change: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"effect": 0.5, "sd": 0.7, "trainings": 2, "steps": 100} | change
    with pytest.raises(ValueError, match=words):
        evidence.design(given.pop("effect"), **given)


def exact_alarms(looks: int) -> float:
    """False alarms of equal groups of very many normal observations, by integrating over the sums that go on.

    The method of Armitage, McPherson & Rowe 1969: the density of the sum after each group, where it has not stopped.
    """
    grid = np.linspace(-8.0, 8.0, 1601)
    step, kernel = (
        grid[1] - grid[0],
        np.exp(-0.5 * np.subtract.outer(grid, grid) ** 2) / math.sqrt(2 * math.pi),
    )
    going_on = np.exp(-0.5 * grid**2) / math.sqrt(2 * math.pi)
    for look in range(1, looks + 1):
        if look > 1:
            going_on = kernel @ going_on * step
        going_on = going_on * np.clip((1.959964 * math.sqrt(look) - np.abs(grid)) / step + 0.5, 0, 1)
    return float(1 - going_on.sum() * step)


@pytest.mark.parametrize(
    "looks, known",
    [(1, 0.050), (2, 0.083), (3, 0.107), (4, 0.126), (5, 0.142), (10, 0.193)],
)
def test_repeated_looks_cost_what_an_exact_calculation_says(looks: int, known: float) -> None:
    """`known` are the numbers that textbooks of sequential trials print. Catches a look that is not counted."""
    exact = exact_alarms(looks)
    assert exact == pytest.approx(known, abs=0.001)
    found = evidence.false_alarms([100 * (i + 1) for i in range(looks)], trials=20_000)
    assert len(found) == looks
    assert found[-1] == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 20_000) + 0.001)


def test_looks_are_held_against_a_loop() -> None:
    """Independent of the arrays: 300 experiments one by one, with `interval`."""
    looks, trials = (3, 4, 8), 300
    drawn = np.random.default_rng(0).standard_normal((trials, 8))
    stopped = [
        next((i for i, n in enumerate(looks) if evidence.interval(row[:n].tolist()).says == "excludes 0"), 3)
        for row in drawn
    ]
    slow = [sum(at <= i for at in stopped) / trials for i in range(3)]
    assert evidence.false_alarms(looks, trials=trials) == pytest.approx(slow, abs=1e-12)


def test_a_stricter_alpha_holds_the_error() -> None:
    looks = range(3, 21)
    assert evidence.false_alarms(looks)[-1] > 0.2
    assert evidence.false_alarms(looks, alpha=0.05 / 18)[-1] < 0.05


@pytest.mark.parametrize("looks", [[], [1, 2], [3, 3], [5, 4], 5, "3", [3.5]])
def test_looks_that_are_none_are_refused(looks: Any) -> None:
    with pytest.raises(ValueError):
        evidence.false_alarms(looks)
