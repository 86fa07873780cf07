"""The figure of lesson 14 draws what it is given, and its words give the same numbers."""

from __future__ import annotations

import pytest

from lthkit import plots

ERRORS = {4: [0.04, 0.01], 2: [0.4, 0.1]}


def test_subset_errors_draws_geometric_means_and_halves():
    """Catches: plain means, counts out of order, a line that starts elsewhere or falls at another rate."""
    axes = plots.subset_errors(ERRORS).axes[0]
    drawn = {one.get_label(): [list(map(float, d)) for d in one.get_data()] for one in axes.get_lines()}
    assert drawn["best subset, geometric mean of the seeds"] == [
        [2, 4],
        [pytest.approx(0.2), pytest.approx(0.02)],
    ]
    assert drawn["half with each number"] == [[2, 4], [pytest.approx(0.2), pytest.approx(0.05)]]
    assert axes.get_yscale() == "log"
    assert "0.2 with 2, 0.02 with 4" in plots.describe_subset_errors(ERRORS)
    assert "2 seeds" in plots.describe_subset_errors(ERRORS)


@pytest.mark.parametrize("errors", [{}, {2: []}, {2: [0.1, 0.0]}])
def test_subset_errors_refuses_what_has_no_logarithm(errors):
    with pytest.raises(ValueError, match="Errors above 0"):
        plots.subset_errors(errors)
