"""Figures: drawn from tables, never without a text alternative, and the same bytes for the same table."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import matplotlib.image
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

import lthkit as lth
from lthkit import plots
from lthkit.bench import Timing
from lthkit.evidence.statistics import Interval

ROWS = [
    {
        "arm": arm,
        "seed": seed,
        "round": r,
        "density": 0.8**r,
        "test_accuracy": 0.8 + 0.01 * seed - 0.002 * r,
        "best_step": 100 * r + 100,
        "still_improving": arm == "shuffled" and r == 15,
    }
    for arm, rounds in (
        ("dense", [0]),
        ("ticket", range(1, 21)),
        ("re-initialised", [7, 15]),
        ("shuffled", [7, 15]),
    )
    for r in rounds
    for seed in range(3)
]


@pytest.mark.parametrize("draw", [plots.trade_off, plots.early_stop])
def test_curves_are_written_as_png_and_svg_with_their_description(tmp_path, draw):
    png, svg = plots.save(draw(ROWS, stamp="three seeds"), tmp_path / "figure", alt="Ticket above controls.")
    assert matplotlib.image.imread(png).shape[1] == 1080
    assert b"Ticket above controls." in png.read_bytes()
    assert "Ticket above controls." in "".join(ElementTree.parse(svg).getroot().itertext())


def test_the_same_table_gives_the_same_bytes(tmp_path):
    one = plots.save(plots.trade_off(ROWS), tmp_path / "1", alt="a")
    two = plots.save(plots.trade_off(ROWS), tmp_path / "2", alt="a")
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


def test_a_figure_without_a_text_alternative_is_refused(tmp_path):
    with pytest.raises(ValueError, match="alt is empty"):
        plots.save(plots.trade_off(ROWS), tmp_path / "x", alt=" ")
    with pytest.raises(ValueError, match="alt is empty"):
        plots.show(plots.trade_off(ROWS), alt="")
    assert not list(tmp_path.iterdir())


def test_arms_differ_by_marker_and_dash_as_well_as_colour():
    looks = list(plots.LOOKS.values())
    assert (
        len({look.marker for look in looks})
        == len({look.dash for look in looks})
        == len({look.color for look in looks})
        == 4
    )


def test_arms_of_any_name_are_drawn_and_told_each_at_its_own_density():
    """Catches: an arm that a figure leaves out; two arms that share a round and not a density, drawn at the middle of both."""
    rows = [
        {**row, "arm": arm, "density": base ** row["round"]}
        for row in ROWS
        if row["arm"] == "ticket"
        for arm, base in (("ticket", 0.8), ("saliency", 0.5), ("movement", 0.6))
    ]
    lines = {line.get_label(): line for line in plots.trade_off(rows).axes[0].get_lines()}
    assert lines["saliency"].get_xdata() == pytest.approx([100 * 0.5**20])
    assert lines["ticket"].get_xdata() == pytest.approx([100 * 0.8**20])
    looks = {
        (line.get_marker(), line.get_color()) for line in map(lines.get, ("ticket", "saliency", "movement"))
    }
    assert len(looks) == 3
    assert "saliency: 80.8 % at 50 %" in plots.describe(
        rows
    ) and "movement: 80.8 % at 60 %" in plots.describe(rows)
    with pytest.raises(ValueError, match=r"a0, a1.*7 or fewer"):
        plots.trade_off([{**row, "arm": f"a{i}"} for row in rows[:3] for i in range(8)])


def test_no_text_is_cut_and_none_overlaps_the_title():
    figure = plots.trade_off(
        ROWS, stamp="lenet-300-100, Fashion-MNIST (embedded, 10,000 images), 3 seeds, cpu, lthkit 0.1.0"
    )
    FigureCanvasAgg(figure).draw()  # lays the figure out
    axes = figure.axes[0]
    frame = figure.bbox
    renderer = figure.canvas.get_renderer()
    texts = [
        t
        for t in (*axes.texts, axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label)
        if t.get_text()
    ]
    boxes = [t.get_window_extent(renderer) for t in texts]
    for box in boxes:
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
    for i, a in enumerate(boxes):
        assert not any(a.overlaps(b) for b in boxes[i + 1 :])


def test_a_long_stamp_is_wrapped_beside_long_labels_and_narrows_nothing():
    """Catches: small print that runs out of the picture, or that takes the axes' room."""
    points = [("a label that takes half of the width of the figure", None, Interval(1.0, 0.5, 1.5, 5))]
    widths = []
    for stamp in ("", "network, data set (embedded, 10,000 images), 5 seeds, tier laptop, " * 2):
        figure = plots.predicted(points, unit="points", stamp=stamp)
        figure.draw_without_rendering()
        (ax,) = figure.axes
        widths.append(ax.bbox.width / figure.bbox.width)
        for text in ax.texts:
            assert text.get_window_extent().x1 <= figure.bbox.x1
            assert text.get_window_extent().y1 <= ax.title.get_window_extent().y1
    assert widths[0] == pytest.approx(widths[1], rel=0.02)


def test_still_improving_points_are_open():
    lines = plots.trade_off(ROWS).axes[0].get_lines()
    opened = [line for line in lines if line.get_marker() == "s" and line.get_markerfacecolor() == "white"]
    assert len(opened) == 1 and opened[0].get_xdata() == pytest.approx([100 * 0.8**15])


def test_first_layer_shows_what_is_beyond_chance_over_all_seeds():
    """Catches: counts in place of deviations, one seed for all, and a spread that forgets the size of the layer."""
    draw = torch.Generator().manual_seed(0)
    plain = [torch.rand(300, 784, generator=draw) < 0.05 for _ in range(4)]
    for kept in plain:
        kept[:, 28 * 3 + 5] = torch.rand(300, generator=draw) < 0.2
    masks = [lth.Mask({"fc1.weight": kept}) for kept in plain]
    picture = plots.first_layer({"ticket": masks}).axes[0].get_images()[0].get_array()
    assert picture[3, 5] > 20 and abs(picture.mean()) < 1e-6
    rest = torch.as_tensor(picture.data).flatten()[torch.arange(784) != 28 * 3 + 5]
    assert float(rest.std()) == pytest.approx(1, abs=0.12)
    one = plots.from_chance(masks[:1])
    assert picture[3, 5] > 1.5 * float(one[3, 5])
    assert "4 seeds" in plots.describe_first_layer({"ticket": masks})


def test_a_layer_without_chance_and_a_lone_mask_are_refused():
    full = lth.Mask({"fc1.weight": torch.ones(300, 784, dtype=torch.bool)})
    for group, match in (
        ([full], "some, and not all"),
        (full, "one mask for each seed"),
        ([], "at least one"),
    ):
        with pytest.raises(ValueError, match=match):
            plots.first_layer({"ticket": group})
    with pytest.raises(ValueError, match="a column for each of 14 x 14"):
        plots.first_layer({"ticket": [full]}, shape=(14, 14))


def test_layer_density_and_description():
    model = lth.models.lenet_300_100(seed=0)
    mask = lth.prune(lth.Mask.ones(model), lth.random(model, seed=0), 0.5)
    axes = plots.layer_density({"random": mask, "whole": lth.Mask.ones(model)}).axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["fc1", "fc2", "fc3"]
    text = plots.describe(ROWS)
    assert "3 seeds" in text and "ticket: " in text and "81 % at 100 %" in text


def gap_rows():
    table = {("iterative", 2): (0.80, 0.82, 0.84), ("one-shot", 2): (0.79, 0.80, 0.81)}
    table |= {("iterative", 4): (0.70, 0.71, 0.72), ("one-shot", 4): (0.72, 0.73, 0.74)}
    return [
        {"arm": arm, "round": r, "seed": seed, "density": 0.8**r, "test_accuracy": value}
        for (arm, r), values in table.items()
        for seed, value in enumerate(values)
    ]


def test_paired_gap_draws_one_minus_other_seed_by_seed():
    """Catches a swapped sign, differences of means instead of pairs, and fractions drawn as points."""
    ax = plots.paired_gap(gap_rows(), "iterative", "one-shot", stamp="made up").axes[0]
    seeds = [line.get_ydata() for line in ax.lines if line.get_marker() == "^"]
    assert [list(y) for y in seeds] == [pytest.approx([g, -2.0]) for g in (1.0, 2.0, 3.0)]
    mean = next(line for line in ax.lines if line.get_marker() == "o")
    assert list(mean.get_ydata()) == pytest.approx([2.0, -2.0])


def test_describe_gap_gives_interval_and_density():
    """Catches a text alternative without the sign, the interval or the density of the difference."""
    text = plots.describe_gap(gap_rows(), "iterative", "one-shot")
    band = lth.evidence.interval([1.0, 2.0, 3.0])
    assert f"+2.00 ({band.low:+.2f} to {band.high:+.2f}) at 64 % of the weights; -2.00" in text


def test_pruned_accuracy_draws_the_mean_of_each_arm_and_says_it():
    """Catches seeds or arms that are mixed up, a median where the words say mean, and fractions drawn as if they were percent."""
    rows = [
        {"arm": arm, "seed": seed, "density": d, "accuracy": base * d + 0.01 * seed**2}
        for arm, base in (("global", 0.8), ("random", 0.4))
        for d in (1.0, 0.5, 0.1)
        for seed in range(3)
    ]
    figure = plots.pruned_accuracy(rows, dense=[0.8, 0.9])
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert lines["dense (mean)"].get_ydata() == pytest.approx([85, 85])
    assert lines["random"].get_xdata() == pytest.approx([100, 50, 10])
    assert lines["random"].get_ydata() == pytest.approx([40 + 5 / 3, 20 + 5 / 3, 4 + 5 / 3])
    assert "global: 81.7 % at 100 %, 41.7 % at 50 %, 9.67 % at 10 %; random: " in plots.describe_pruned(rows)


def test_a_prediction_is_drawn_beside_its_measurement():
    """Catches: labels upside down against their values, and a missing prediction that stops the lesson."""
    bands = [Interval(1.0, 0.5, 1.5, 3), Interval(-2.0, -3.0, -1.0, 3)]
    points = [("one", 1.2, bands[0]), ("two", None, bands[1])]
    ax = plots.predicted(points, unit="points").axes[0]
    labels = {
        round(y): text.get_text() for y, text in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    }
    diamonds = next(line for line in ax.lines if line.get_label() == "your prediction")
    assert [(x, labels[round(y)]) for x, y in zip(*diamonds.get_data(), strict=True)] == [(1.2, "one")]
    assert "two: no prediction, measured -2 (-3 to -1) points" in plots.describe_predicted(
        points, unit="points"
    )
    assert ax.get_xlim()[0] < -2  # 0 would cut a measurement off
    nothing = plots.predicted([("one", None, bands[0])], unit="points").axes[0]
    assert all(line.get_label() != "your prediction" for line in nothing.lines)


def test_a_kept_mask_is_a_line_at_zero():
    """Catches: another arm's leak, a kept mask off a logarithmic axis, and the first step told as the last."""
    rows = [
        {"arm": arm, "seed": seed, "step": step, "share": leak * step / 10, "size": leak * step / 1000}
        for arm, leak in (("once", 0.98), ("kept", 0.0))
        for seed in (0, 1)
        for step in (1, 10)
    ]
    (ax,) = plots.mask_leak(rows).axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert drawn == {"once (98 % not 0)": pytest.approx([0.098, 0.98]), "kept (0 % not 0)": [0, 0]}
    assert ax.get_ylim()[0] < 0  # 0 has a place on the axis
    assert "once: 98 % of the removed weights are not 0, their norm is 0.98 %" in plots.describe_leak(rows)


def test_speeds_are_updates_per_second_and_not_seconds():
    """Catches: the slowest drawn as the fastest, and names upside down."""
    timings = [Timing("slow", (0.01, 0.01), (1.0, 1.0)), Timing("fast", (0.002, 0.002), (5.0, 5.0))]
    ax = plots.speed_steps(timings).axes[0]
    names = {round(y): text.get_text() for y, text in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)}
    drawn = {
        names[round(text.xy[1])]: (text.xy[0], text.get_text()) for text in ax.texts if hasattr(text, "xy")
    }
    assert drawn["slow"] == (pytest.approx(100), "100 (1.0x)")
    assert drawn["fast"] == (pytest.approx(500), "500 (5.0x)")
    assert "fast 500 (5.0 times the first)" in plots.describe_steps(timings)
