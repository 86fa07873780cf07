"""Figures of Early-Bird tickets show the numbers that they are given, and say them in words."""

from __future__ import annotations

import math

import pytest
import torch
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure

from lthkit import plots
from lthkit.evidence.statistics import interval

MATRIX = torch.tensor([[0.0, 0.1, 0.3], [0.1, 0.0, 0.2], [0.3, 0.2, 0.0]], dtype=torch.float64)
ROWS = [
    {"arm": arm, "seed": s, "epoch": e, "worst": math.nan if e < 3 else w + 0.01 * s - 0.01 * e, "null": null}
    for arm, w, null in (("50 %", 0.20, 0.5), ("10 %", 0.10, 0.18))
    for s in (0, 1)
    for e in range(1, 6)
]


def colorbars(figure: Figure) -> list[Colorbar]:
    return [image.colorbar for ax in figure.axes for image in ax.images if image.colorbar is not None]


def test_a_matrix_is_drawn_with_its_null_and_threshold_in_the_colour_bar() -> None:
    """Catches a transposed or rescaled matrix, a shared scale that hides a small null, and marks at the wrong place."""
    figure = plots.mask_distances({"a": MATRIX, "b": MATRIX / 10}, {"a": 0.5, "b": 0.06}, threshold=0.05)
    first, second = colorbars(figure)
    assert first.mappable.get_array().tolist() == MATRIX.tolist()
    places = [[line.get_xdata()[0] for line in bar.ax.lines] for bar in (first, second)]
    assert all(null in own for null, own in zip((0.5, 0.06), places, strict=True))
    assert all(0.05 in own for own in places)
    assert first.vmax > 0.5 and 0.06 < second.vmax < 0.1
    picture = next(ax.images[0] for ax in figure.axes if ax.images)
    assert picture.get_extent() == [0.5, 3.5, 3.5, 0.5]  # epochs count from 1


def test_the_words_of_a_matrix_have_its_numbers() -> None:
    """Catches first and last epoch taken for neighbours."""
    words = plots.describe_distances({"a": MATRIX}, {"a": 0.5})
    assert "0.100 at the start and 0.200 at the end" in words
    assert "first and last epoch by 0.300, random masks by 0.500" in words


def test_curves_are_means_beside_threshold_and_null() -> None:
    """Catches an arm in another arm's unit, and epochs before the window is full drawn as 0."""
    figure = plots.window_curves(ROWS, threshold=0.1, stamp="s")
    plain, relative = figure.axes
    wanted = [0.205 - 0.01 * e for e in (3, 4, 5)]
    assert plain.lines[0].get_xdata().tolist() == [3, 4, 5]
    assert plain.lines[0].get_ydata().tolist() == pytest.approx(wanted)
    curves = [line for line in relative.lines if len(line.get_xdata()) == 3]
    assert curves[0].get_ydata().tolist() == pytest.approx([w / 0.5 for w in wanted])
    assert curves[1].get_ydata()[0] == pytest.approx((0.105 - 0.03) / 0.18)
    flat = [line.get_ydata()[0] for line in relative.lines if len(line.get_xdata()) == 2]
    assert flat == pytest.approx([0.1 / 0.5, 0.1 / 0.18, 1])
    thin = [line for line in relative.lines if len(line.get_xdata()) == 2 and line.get_linewidth() < 1]
    looks = [(line.get_color(), line.get_linestyle()) for line in thin]
    assert looks == [(line.get_color(), line.get_linestyle()) for line in plain.lines[:2]]
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any("thin lines" in words for words in said)  # a thin line without a name is a riddle
    words = plots.describe_window(ROWS)
    assert "50 %: 0.175 at epoch 3" in words and "the threshold is 0.56 of that" in words


def test_gaps_keep_their_names_and_intervals() -> None:
    """Catches comparisons drawn on each other's line, and half an interval drawn as the whole."""
    gaps = {
        "50 %": {"a - b": interval([1.0, 2.0, 3.0]), "a - c": interval([-1.0, -1.0, -1.0])},
        "10 %": {"a - c": interval([4.0, 4.0])},
    }
    figure = plots.arm_gaps(gaps)
    (ax,) = figure.axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a - c", "a - b"]
    dots = [line for line in ax.lines if line.get_marker() in "o^s" and len(line.get_xdata())]
    assert dots[0].get_xdata().tolist() == [2.0, -1.0]
    assert [round(y) for y in dots[0].get_ydata()] == [1, 0] and round(dots[1].get_ydata()[0]) == 0
    bar = ax.collections[0].get_segments()[0]
    assert bar[1, 0] - bar[0, 0] == pytest.approx(2 * interval([1.0, 2.0, 3.0]).half)
    assert "50 %, a - b: +2.00 (-0.48 to +4.48)" in plots.describe_gaps(gaps)
