"""Figures that hold criteria side by side."""

from __future__ import annotations

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

import lthkit as lth
from lthkit import plots


def rows():
    """SNIP at both densities, 'late' at the second only; SNIP's seeds are 0.60, 0.62, 0.64 and 0.50, 0.52, 0.54."""
    table = {("dense", 0): 0.8, ("SNIP", 3): 0.60, ("SNIP", 4): 0.50, ("late", 4): 0.40}
    return [
        {
            "arm": arm,
            "seed": seed,
            "round": level,
            "density": {0: 1.0, 3: 0.05, 4: 0.02}[level],
            "test_accuracy": start + 0.02 * seed,
            "still_improving": arm == "late" and seed == 1,
        }
        for (arm, level), start in table.items()
        for seed in range(3)
    ]


def names(ax):
    return {round(y): t.get_text() for y, t in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)}


def drawn(ax, marker):
    """(x, arm) of the lines with this marker; the ticks of the axes and of the legend left out."""
    lines = [line for line in ax.lines if line.get_marker() == marker and len(line.get_xdata())]
    return [(list(line.get_xdata()), float(line.get_ydata()[0]), line) for line in lines]


def test_each_criterion_has_its_row_and_each_density_its_panel():
    """Catches: arms upside down against their names, a panel with the other density, fractions drawn as percent."""
    figure = plots.by_criterion(rows(), stamp="made up")
    first, second = figure.axes
    assert names(first) == {1: "SNIP", 0: "late"}
    assert [ax.get_title() for ax in figure.axes] == ["5.0 % left", "2.0 % left"]
    (seeds,) = (d for d in drawn(first, "|") if len(d[0]) == 3)  # the caps of the bar are single strokes
    assert seeds[0] == pytest.approx([60, 62, 64]) and round(seeds[1]) == 1
    means = {round(y): x for x, y, _ in drawn(second, "o") + drawn(second, "^")}
    assert means == {1: pytest.approx([52]), 0: pytest.approx([42])}
    dense = next(line for line in first.lines if line.get_linestyle() == plots.LOOKS["dense"].dash)
    assert list(dense.get_xdata()) == pytest.approx([82, 82])
    ((_, _, mark),) = drawn(second, "^")
    assert mark.get_markerfacecolor() == "white"  # some seed of 'late' was cut off
    ((_, _, mark),) = drawn(second, "o")
    assert mark.get_markerfacecolor() != "white"


def test_the_bar_is_the_interval_over_seeds():
    """Catches: a standard deviation for the 95 % interval."""
    fourth = [row | {"seed": 3} for row in rows() if row["seed"] == 1]
    first = plots.by_criterion([*rows(), *fourth]).axes[0]
    (bar,) = (c for c in first.containers if c.has_xerr)
    (segment,) = bar.lines[2][0].get_segments()
    band = lth.evidence.interval([60, 62, 64, 62])
    assert sorted(segment[:, 0]) == pytest.approx([band.low, band.high])


def test_no_interval_is_cut_by_the_frame():
    """Catches: an axis that has room for the seeds only; few seeds that differ have a wider interval."""
    ax = plots.by_criterion([*rows(), *(r | {"seed": 3} for r in rows() if r["seed"] == 2)]).axes[1]
    low, high = ax.get_xlim()
    ends = [x for bar in ax.containers for x in bar.lines[2][0].get_segments()[0][:, 0]]
    assert len(ends) == 4 and low < min(ends) < 41 and high > max(ends)


def test_criteria_in_words_have_every_interval():
    """Catches: a text alternative without an arm, a density or the number of seeds."""
    text = plots.describe_by_criterion(rows())
    assert "3 seeds" in text and "5 % of the weights: SNIP 62.0 (seeds 60.0, 62.0, 64.0);" in text
    assert (
        "2 % of the weights: SNIP 52.0 (seeds 50.0, 52.0, 54.0), late 42.0 (seeds 40.0, 42.0, 44.0)." in text
    )


def test_nothing_to_compare_is_named():
    with pytest.raises(ValueError, match="no arm but 'dense'"):
        plots.by_criterion([r for r in rows() if r["arm"] == "dense"])


def test_no_words_are_cut_or_overlap():
    """Catches: a stamp over the titles of the panels, a long name of an arm that leaves the figure."""
    table = [
        r | {"arm": "a criterion, five thousand images" if r["arm"] == "late" else r["arm"]} for r in rows()
    ]
    figure = plots.by_criterion(
        table,
        title="Seven ways to a sparse network",
        stamp="LeNet-300-100, Fashion-MNIST (embedded), 5 seeds, tier laptop, cpu",
    )
    FigureCanvasAgg(figure).draw()
    renderer, frame = figure.canvas.get_renderer(), figure.bbox
    (stamp,) = (t for t in figure.texts if t is not figure._suptitle)
    texts = [stamp, *(ax.title for ax in figure.axes), *figure.axes[0].get_yticklabels()]
    boxes = [t.get_window_extent(renderer) for t in texts]
    assert figure._suptitle.get_text() == "Seven ways to a sparse network\n"
    head = figure._suptitle.get_window_extent(renderer)
    assert boxes[0].y1 < (head.y0 + head.y1) / 2 + 2  # the stamp stands in the empty line of the title
    for i, box in enumerate(boxes):
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_classes_stand_above_their_masks():
    """Catches: masks in another order than the images, connections summed over pixels, one scale for unlike rows."""
    kept = {name: torch.zeros(6, 4, dtype=torch.bool) for name in ("shirt", "bag")}
    kept["shirt"][:5, 0] = True
    kept["bag"][:2, 3] = True
    masks = {name: lth.Mask({"fc1.weight": bits}) for name, bits in kept.items()}
    images = {"shirt": torch.tensor([[9.0, 0], [0, 0]]), "bag": torch.tensor([[0.0, 0], [0, 7]])}
    figure = plots.class_masks(images, {"raw": masks, "whole": {n: full() for n in images}}, stamp="made up")
    pictures = [ax.get_images()[0] for ax in figure.axes if ax.get_images()]
    values = [p.get_array().tolist() for p in pictures]
    assert values[:4] == [[[9, 0], [0, 0]], [[0, 0], [0, 7]], [[5, 0], [0, 0]], [[0, 0], [0, 2]]]
    assert values[4:] == [[[6, 6], [6, 6]]] * 2
    assert [p.get_clim()[1] for p in pictures[2:]] == [5, 5, 6, 6]
    assert [ax.get_title() for ax in figure.axes[:2]] == ["shirt", "bag"]
    with pytest.raises(ValueError, match=r"masks\['raw'\] has the classes \['bag'\]"):
        plots.class_masks(images, {"raw": {"bag": masks["bag"]}})


def full():
    return lth.Mask({"fc1.weight": torch.ones(6, 4, dtype=torch.bool)})
