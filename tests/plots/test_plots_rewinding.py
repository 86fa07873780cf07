"""The figures of lesson 06 draw what the tables say, and their words give the same numbers."""

from __future__ import annotations

import pytest

from lthkit import plots


def line(figure, label):
    """x and y of the line with this label, or of the error bar's."""
    ax = figure.axes[0]
    for container in ax.containers:
        if container.get_label() == label:
            return list(container.lines[0].get_xdata()), list(container.lines[0].get_ydata())
    found = [one for one in ax.get_lines() if one.get_label() == label]
    assert len(found) == 1, [one.get_label() for one in ax.get_lines()]
    return list(found[0].get_xdata()), list(found[0].get_ydata())


ARMS = [
    {"arm": arm, "seed": seed, "round": 1, "density": 0.1, "test_accuracy": base + slope * (seed - 1)}
    for arm, base, slope in (("rewound to k", 0.81, 0.01), ("fine-tuning", 0.71, 0.02))
    for seed in (0, 1, 2)
]


def test_retrained_pairs_by_seed_and_counts_in_points():
    """Catches: means subtracted instead of pairs, the sign turned round, fractions for points."""
    x, _ = line(plots.retrained(ARMS, against="rewound to k"), "mean, 95 % interval")
    assert x == pytest.approx([-10.0])
    words = plots.describe_retrained(ARMS, against="rewound to k")
    assert "fine-tuning -10.00 (-12.48 to -7.52)" in words  # t of two degrees of freedom: 4.303 / sqrt(3)
    with pytest.raises(ValueError, match="expected one of the arms: rewound to k, fine-tuning"):
        plots.retrained(ARMS, against="dense")


def test_between_networks_draws_the_mean_path_and_names_its_top():
    """Catches: the first path for the mean, and the top of another path."""
    paths = {"net": [[(0.0, 0.1), (0.4, 0.5), (1.0, 0.1)], [(0.0, 0.3), (0.4, 0.7), (1.0, 0.1)]]}
    x, y = line(plots.between_networks(paths, title="t"), "net")
    assert x == [0.0, 0.4, 1.0] and y == pytest.approx([20, 60, 10])
    assert "net: 20 % and 10 % at the ends, highest 60 % at 0.4" in plots.describe_between(paths)


def test_between_networks_begins_where_it_is_told_and_cuts_no_path():
    """Catches: a small hill on an axis from 0, and a path below the beginning of the axis."""
    paths = {"net": [[(0.0, 0.35), (0.5, 0.37), (1.0, 0.34)]]}
    limits = [plots.between_networks(paths, title="t", start=at).axes[0].get_ylim() for at in (0, 0.3, 0.36)]
    assert [low for low, _ in limits] == pytest.approx([0, 30, 34])
    assert all(high > 37 for _, high in limits)


def test_instability_has_its_steps_in_order_and_the_mean_over_seeds():
    """Catches: steps in the order of the rows, and a network with fewer steps drawn at the wrong places."""
    rows = [
        {"net": net, "seed": seed, "k": k, "barrier": barrier + 0.02 * seed}
        for net, k, barrier in (("a", 100, 0.0), ("a", 0, 0.2), ("b", 100, 0.1))
        for seed in (0, 1)
    ]
    figure = plots.instability(rows)
    assert line(figure, "a") == ([0, 1], pytest.approx([21, 1])) and line(figure, "b") == (
        [1],
        pytest.approx([11]),
    )
    assert "a: 21 points at step 0, 1 points at step 100; b: 11 points" in plots.describe_instability(rows)


def test_rewound_draws_each_arm_where_it_was_trained():
    """Catches: an arm without some rounds drawn at another arm's densities, and the dense network as an arm."""
    rows = [
        {"arm": arm, "seed": seed, "round": r, "density": d, "test_accuracy": a}
        for arm, r, d, a in (
            ("dense", 0, 1.0, 0.9),
            ("rewound to 0", 1, 0.4, 0.8),
            ("rewound to 0", 2, 0.16, 0.7),
            ("re-initialised", 2, 0.16, 0.6),
        )
        for seed in (0, 1)
    ]
    figure = plots.rewound(rows, title="t")
    assert line(figure, "rewound to 0")[1] == pytest.approx([80, 70])
    x, y = line(figure, "re-initialised")
    assert x == pytest.approx([16], rel=0.05) and y == pytest.approx([60])
    assert line(figure, "dense (mean)")[1] == pytest.approx([90, 90])
    assert "rewound to 0: 80 % at 40 %, 70 % at 16 %" in plots.describe_rewound(rows)


def test_rescue_draws_each_line_at_its_steps_and_the_control_as_a_level():
    """Catches: barriers of another line, steps of a shorter line at the wrong place, a control drawn at a step."""
    gaps = [
        {"line": line, "seed": seed, "k": k, "gap": gap + (seed - 1)}
        for line, k, gap in (("own", 50, 0.0), ("own", 0, -2.0), ("other", 50, -3.0), ("control", None, -4.0))
        for seed in (0, 1, 2, 3)
    ]
    barriers = [
        {"line": line, "seed": seed, "k": k, "barrier": height + 2 * seed}
        for line, k, height in (("own", 0, 10.0), ("own", 50, 1.0), ("other", 50, 5.0))
        for seed in (0, 1)
    ]
    figure = plots.rescue(gaps, barriers, title="t")
    x, y = line(figure, "own")
    assert x == pytest.approx([0, 1], abs=0.2) and y == pytest.approx([-1.5, 0.5])
    x, y = line(figure, "other")
    assert x == pytest.approx([1], abs=0.2) and y == pytest.approx([-2.5])
    assert line(figure, "control")[1] == pytest.approx([-3.5, -3.5])
    lower = [list(one.get_ydata()) for one in figure.axes[1].get_lines()]
    assert [11.0, 2.0] in lower and [6.0] in lower and [10.0, 12.0] in lower
    words = plots.describe_rescue(gaps, barriers)
    assert "own: -1.50 (-3.55 to +0.55) at step 0" in words
    assert "mean barrier 11.0 at step 0, 2.0 at step 50" in words
    assert "control: -3.50 points on average." in words


def test_rescue_takes_a_seed_once():
    """Catches: a seed that counts twice, and so an interval that is too narrow."""
    gaps = [{"line": "own", "seed": 1, "k": 0, "gap": gap} for gap in (0.1, 0.2)]
    with pytest.raises(ValueError, match="seed 1"):
        plots.rescue(gaps, [], title="t")
