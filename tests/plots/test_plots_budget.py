"""Figures of budgets: the right numbers at the right places, and the same in words."""

from __future__ import annotations

import pytest

from lthkit import evidence, plots

ROWS = [
    {
        "arm": arm,
        "budget": budget,
        "seed": seed,
        "steps": budget,
        "sparse_flops": budget * price,
        "test_accuracy": 0.8 + gain * budget / 1e5 + 0.01 * seed,
    }
    for arm, price, gain in (("SNIP alone", 10, 1), ("IMP", 50, 3), ("hybrid", 20, 2), ("lot", 10, 0))
    for budget in (600, 1500, 3600)
    for seed in range(3)
    if arm != "lot" or budget == 1500
]


def errorbars(ax):
    return {str(c.get_label()): c.lines[0] for c in ax.containers}


def test_each_method_is_drawn_at_its_price_and_mean():
    """Catches: fractions drawn as percent, a budget in place of the price, a method without all budgets dropped."""
    lines = errorbars(plots.budget_curve(ROWS, column="sparse_flops", xlabel="operations").axes[0])
    assert list(lines) == ["SNIP alone", "IMP", "hybrid", "lot"]
    assert list(lines["IMP"].get_xdata()) == [30_000, 75_000, 180_000]
    assert list(lines["IMP"].get_ydata()) == pytest.approx([82.8, 85.5, 91.8])
    assert list(lines["lot"].get_xdata()) == [15_000] and lines["lot"].get_ydata() == pytest.approx([81])


def test_an_axis_of_prices_has_plain_numbers():
    """Catches: 10 to the power of 10 where a reader looks for 20 and 50, and a tick outside the axis."""
    rows = [row | {"gflop": row["sparse_flops"] / 1000} for row in ROWS]
    ax = plots.budget_curve(rows, column="gflop", xlabel="GFLOP").axes[0]
    words = [ax.xaxis.get_major_formatter()(tick, 0) for tick in ax.get_xticks()]
    assert words == ["10", "20", "50", "100", "200"]


def test_methods_of_one_price_stand_side_by_side():
    """Catches: intervals drawn over each other, and marks so far aside that they seem to cost something else."""
    ax = plots.budget_curve(ROWS, column="steps", xlabel="steps").axes[0]
    places = [line.get_xdata()[0] for name, line in errorbars(ax).items() if name != "lot"]
    assert len(set(places)) == 3 and all(0.9 * 600 < x < 1.1 * 600 for x in places)
    assert list(ax.get_xticks()) == [600, 1500, 3600]


def test_methods_differ_by_marker_and_dash_as_well_as_colour():
    lines = errorbars(plots.budget_curve(ROWS, column="steps", xlabel="steps").axes[0]).values()
    for look in ("get_marker", "get_color"):
        assert len({getattr(line, look)() for line in lines}) == 4


def test_the_words_have_every_mean_interval_and_price():
    text = plots.describe_budget(ROWS, column="steps", xlabel="steps")
    assert "IMP: 82.8 (seeds 81.8, 82.8, 83.8) % at 600" in text
    more = [*ROWS, *(row | {"seed": 3} for row in ROWS if row["seed"] == 1)]
    band = evidence.interval([81.8, 82.8, 83.8, 82.8])
    words = plots.describe_budget(more, column="steps", xlabel="steps")
    assert f"IMP: 82.8 ({band.low:.1f} to {band.high:.1f}) % at 600" in words
    assert "lot: 81.0 (seeds 80.0, 81.0, 82.0) %" in text and "3 seeds" in text and text.count(" at ") == 10


def test_differences_are_filled_where_the_interval_excludes_0():
    """Catches: labels upside down against their values; a mark that claims what its interval does not."""
    gaps = {
        "helps": [1.0, 1.1, 0.9],
        "unclear": [1.0, -0.5, 0.4],
        "harms": [-2.0, -2.1, -1.9],
        "steps": [4.0] * 3,
    }
    ax = plots.paired_differences(gaps).axes[0]
    names = [t.get_text() for t in ax.get_yticklabels()]
    drawn = {}
    for container in ax.containers:
        line = container.lines[0]
        filled = line.get_markerfacecolor() != "white"
        place = list(ax.get_yticks()).index(line.get_ydata()[0])
        drawn[names[place]] = (round(float(line.get_xdata()[0]), 6), filled)
    assert drawn == {
        "helps": (1.0, True),
        "unclear": (0.3, False),
        "harms": (-2.0, True),
        "steps": (4.0, False),
    }
    assert "no spread: no interval, no claim" in ax.get_legend_handles_labels()[1]
    strokes = [line for line in ax.lines if line.get_marker() == "|" and len(line.get_xdata()) == 3]
    assert all(len(set(line.get_ydata())) == 3 for line in strokes[:3])  # equal seeds do not hide each other
    text = plots.describe_differences(gaps)
    band = evidence.interval(gaps["unclear"])
    assert f"unclear: +0.30 ({band.low:+.2f} to {band.high:+.2f}), n = 3" in text
    assert "helps: +1.00 (+" in text


def test_one_seed_has_no_interval_and_nothing_to_compare_is_refused():
    assert "one: +1.00, n = 1" in plots.describe_differences({"one": [1.0]})
    plots.paired_differences({"one": [1.0]}).draw_without_rendering()
    with pytest.raises(ValueError, match="No comparison"):
        plots.paired_differences({})


def test_the_same_table_gives_the_same_bytes(tmp_path):
    def draw(name):
        figure = plots.budget_curve(ROWS, column="steps", xlabel="steps", stamp="made up")
        return [p.read_bytes() for p in plots.save(figure, tmp_path / name, alt="a")]

    assert draw("1") == draw("2")
