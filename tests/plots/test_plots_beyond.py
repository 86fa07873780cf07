"""The figure of lesson 14 draws what it is given, and its words give the same numbers."""

from __future__ import annotations

import io

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


@pytest.mark.parametrize("errors", [{}, {2: []}])
def test_subset_errors_refuses_nothing(errors):
    with pytest.raises(ValueError, match="one or more for each count"):
        plots.subset_errors(errors)


@pytest.mark.parametrize(
    "errors, words, line",
    [
        ({2: [0.1, 0.0], 4: [0.02, 0.02]}, "1 of 4", [[2, 4], [0.1, 0.02]]),
        ({2: [0.1], 4: [0.0]}, "1 of 2", [[2], [0.1]]),
        ({2: [0.1], 4: [-0.1]}, "1 of 2", [[2], [0.1]]),
        ({2: [float("nan")], 4: [float("inf")]}, "2 of 2", [[], []]),
    ],
)
def test_subset_errors_says_what_it_leaves_out(errors, words, line):
    """Catches: a crash in the lesson where a function gives 0, a figure that hides it, and a mean that counts it."""
    figure = plots.subset_errors(errors, stamp="a stamp")
    drawn = figure.axes[0].get_lines()[0]
    assert drawn.get_label() == "best subset, geometric mean of the seeds"
    assert [list(map(float, one)) for one in drawn.get_data()] == [pytest.approx(one) for one in line]
    assert f"Not drawn: {words} errors" in plots.describe_subset_errors(errors)
    small = " ".join(" ".join(text.get_text() for text in figure.axes[0].texts).split())
    assert "a stamp" in small and f"Not drawn: {words} errors" in small
    figure.savefig(io.BytesIO(), format="png")
