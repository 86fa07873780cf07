"""The figures of lesson 12 draw what they are given, and their words give the same numbers."""

from __future__ import annotations

import pytest
import torch

from lthkit import plots
from lthkit.plots.museum import SHOWN

WAS = torch.tensor([[-0.2, -0.1, 0.0], [0.1, 0.2, 0.3]])
NOW = torch.tensor([[-0.2, -0.3, 0.5], [0.1, 0.4, 0.5]])


def lines(figure):
    """label -> its points, as pairs."""
    return {
        one.get_label(): [(float(x), float(y)) for x, y in zip(*one.get_data(), strict=True)]
        for one in figure.axes[0].get_lines()
    }


def test_before_and_after_parts_the_weights_by_their_sign_before():
    """Catches: the axes exchanged, the sign taken after the training, a share of all for a share of one sign."""
    drawn = lines(plots.before_and_after(WAS, NOW))
    assert drawn["negative before"] == [pytest.approx((-0.2, -0.2)), pytest.approx((-0.1, -0.3))]
    assert drawn["positive before"] == [
        pytest.approx((0.1, 0.1)),
        pytest.approx((0.2, 0.4)),
        pytest.approx((0.3, 0.5)),
    ]
    words = plots.describe_before_and_after(WAS, NOW)
    assert words.startswith("Scatter plot of 6 weights")
    assert "negative ones 50 % lie" in words and "positive ones 33 % lie" in words


def test_before_and_after_thins_both_alike():
    """Catches: other weights before than after, and more marks than the eye can part."""
    was = torch.linspace(0.1, 1.0, 4 * SHOWN + 1)
    points = lines(plots.before_and_after(was, 2 * was))["positive before"]
    assert SHOWN // 2 < len(points) <= SHOWN and all(y == pytest.approx(2 * x) for x, y in points)


def test_before_and_after_draws_weights_that_are_all_zero():
    """Catches: an axis without a length."""
    low, high = plots.before_and_after(torch.zeros(3), torch.zeros(3)).axes[0].get_xlim()
    assert low < high


def test_before_and_after_refuses_what_does_not_belong_together():
    with pytest.raises(ValueError, match=r"was has the shape \[2, 3\] and now \[3, 2\]"):
        plots.before_and_after(WAS, NOW.T)
    with pytest.raises(ValueError, match="one or more"):
        plots.describe_before_and_after(torch.zeros(0), torch.zeros(0))


def test_restarted_begins_at_step_0_and_ends_at_the_last():
    """Catches: the first reading drawn after the first step, where the symptom would be hidden."""
    curves = {"SGD": [10.0, 50.0, 60.0], "Adam": [60.0, 70.0]}
    assert lines(plots.restarted(curves, steps=40)) == {
        "SGD": [(0, 10), (20, 50), (40, 60)],
        "Adam": [(0, 60), (40, 70)],
    }
    words = plots.describe_restarted(curves)
    assert "SGD from 10.0 to 60.0 %" in words and "Adam from 60.0 to 70.0 %" in words
    with pytest.raises(ValueError, match="0 curves were given; expected 1 to"):
        plots.restarted({}, steps=40)


def test_readings_shows_each_reading_and_the_reported_one():
    """Catches: readings that are left out, and a reported value that lies outside the axes."""
    drawn = lines(plots.readings([9.0, 12.0, 9.0], 30.0))
    assert drawn["one reading"] == [(1, 9), (2, 12), (3, 9)]
    assert {y for _, y in drawn["reported: 30.0 %"]} == {30.0}
    assert plots.readings([9.0], 30.0).axes[0].get_ylim()[1] > 30
    words = plots.describe_readings([9.0, 12.0, 9.0], 12.0)
    assert "3 test accuracies between 9.0 and 12.0 %, mean 10.0" in words and "reported is 12.0 %" in words
    with pytest.raises(ValueError, match="one test accuracy at least"):
        plots.readings([], 10.0)
