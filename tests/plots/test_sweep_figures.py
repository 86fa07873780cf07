"""The figures of a sweep: which rows are a line, what is drawn of it, and what is said of what is not there."""

from __future__ import annotations

import random
from statistics import mean

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from lthkit import plots
from lthkit.cells import rows as joined
from lthkit.plots import style
from lthkit.plots.sweep_panels import MANY, MOST, panels
from lthkit.plots.sweep_remarks import remarks, shortened
from tests.plots import sweep_rows as made

ONE = ("lenet-300-100",)


def under(figure: Figure) -> str:
    """What stands under the legend of a figure."""
    return next(t.get_text() for t in figure.texts if t.get_position()[1] < 0.3).replace("\n", " ")


def key_of(row: dict) -> tuple:
    """All of a row that is no measurement, no seed and no level, written down for the test itself.

    Of a dense training what is known to decide it: network, data, device and recipe.
    """
    measured = (
        *("cell", "seed", "round", "density", "asked", "outcome", "best_step", "still_improving", "steps"),
        *("seconds", "search_steps", "test_accuracy", "validation_accuracy", "validation_loss"),
    )
    own = (
        *("method", "score", "iterations", "images", "snip_density", "fraction", "output_fraction", "rounds"),
        *("rewind_step", "momentum", "scope", "window", "threshold", "rule"),
    )
    left_out = {*measured, *((*own, "something") if row["arm"] == "dense" else ())}
    return tuple(sorted((k, repr(v)) for k, v in row.items() if k not in left_out))


KINDS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(("imp", "one-shot", "prune-at-init snip", "prune-at-init synflow")),
        "arm": st.sampled_from(("ticket", "shuffled", "lr-rewind", "dense")),
        "model": st.sampled_from(("a", "b")),
        "data": st.sampled_from(("c", "d")),
        "device": st.sampled_from(("cpu", "cuda")),
        "rewind_step": st.sampled_from((None, 0, 50)),
        "fraction": st.sampled_from((0.2, 0.2000001, 0.5)),
        "recipe_lr": st.sampled_from((0.1, 0.01, 1e-9)),
        "recipe_optimizer": st.sampled_from(("adam", "sgd")),
        "data_fingerprint": st.sampled_from((None, "aaaaaaaa1", "aaaaaaaa2")),
        "something": st.sampled_from((None, "new")),
    }
)


@settings(max_examples=120, deadline=None)
@given(st.lists(KINDS, min_size=1, max_size=7), st.randoms(use_true_random=False))
def test_two_settings_are_never_one_line(kinds, draw: random.Random):
    """Catches: rows of two learning rates, devices, data or rewind steps averaged under one name, and one line torn in two."""
    found: dict[tuple, dict] = {}
    for kind in kinds:
        more = {key: value for key, value in kind.items() if key != "kind"}
        row = made.sweep_row(kind["kind"], 0, 0.1, 0.5) | more
        found.setdefault(key_of(row), row)
    rows = [
        row | {"seed": seed, "test_accuracy": (100 * i + seed) / 1000, "cell": f"{i}-{seed}"}
        for i, row in enumerate(found.values())
        for seed in range(2)
    ]
    draw.shuffle(rows)
    drawn = [(panel, curve) for panel in panels(rows) for curve in panel.all]
    names = [(panel.title, curve.name) for panel, curve in drawn]
    assert len(set(names)) == len(names) == len(found)
    values = sorted(tuple(curve.spots[0].values.values()) for _, curve in drawn)
    assert values == [(pytest.approx(10 * i), pytest.approx(10 * i + 0.1)) for i in range(len(found))]


def test_the_order_of_the_rows_changes_nothing():
    """Catches: looks and names that depend on which machine ended first."""
    rows = made.holey_rows()
    mixed = rows[:]
    random.Random(3).shuffle(mixed)
    assert plots.describe_sweep(rows) == plots.describe_sweep(mixed)
    assert plots.describe_sweep_costs(rows) == plots.describe_sweep_costs(mixed)
    assert plots.describe_sweep_matrix(rows) == plots.describe_sweep_matrix(mixed)
    looks = [[(c.name, c.look) for c in panel.all] for panel in panels(mixed)]
    assert looks == [[(c.name, c.look) for c in panel.all] for panel in panels(rows)]


def test_made_rows_have_the_settings_of_real_ones():
    assert joined.SETTINGS == made.SETTINGS


def test_a_setting_that_goes_with_the_network_stands_in_the_title():
    """Catches: every line twice in the legend, because each network has its own learning rate."""
    rows = [
        row | {"recipe_lr": {"conv-2": 0.01, "lenet-300-100": 0.1}[row["model"]]} for row in made.sweep_rows()
    ]
    found = panels(rows)
    assert [panel.title for panel in found] == [
        "conv-2, fashion-mnist, lr 0.01",
        "lenet-300-100, fashion-mnist, lr 0.1",
    ]
    assert [c.name for c in found[0].curves] == [c.name for c in found[1].curves]
    assert "imp" in [c.name for c in found[0].curves]


def test_lines_that_were_trained_differently_are_told():
    """Catches: a method that is better because it was trained for longer, and a figure that is silent on it."""
    rows = made.sweep_rows(("imp", "early-bird"), models=ONE)
    longer = [row | {"recipe_steps": 9000} if row["method"] == "early-bird" else row for row in rows]
    said = "Trained differently, steps: 2000 for dense, imp; 9000 for early-bird."
    for words in (plots.describe_sweep, plots.describe_sweep_matrix, plots.describe_sweep_costs):
        assert said in words(longer) and "differently" not in words(rows)
    for tables in (plots.sweep_tables, plots.sweep_differences):
        assert said in tables(longer)[0].notes


def test_the_dense_network_is_one_level_of_each_panel():
    """Catches: the dense trainings of IMP and of one-shot taken for two, and the dense level of another network."""
    for panel in panels(made.sweep_rows()):
        (dense,) = panel.dense
        ((spot, band),) = dense.drawn
        assert band.n == 5 and spot.density == 100
        assert band.mean == pytest.approx(90.2 if "conv-2" in panel.title else 87.2, abs=0.1)


def test_means_and_bands_are_those_of_the_rows():
    """Catches: fractions for percent, a level's mean over other rows, and a band of another width."""
    rows = made.sweep_rows(("one-shot",), models=ONE)
    figure = plots.sweep(rows)
    (ax,) = figure.axes
    values = [100 * row["test_accuracy"] for row in rows if row["asked"] == 0.107]
    line = next(one for one in ax.lines if one.get_linestyle() == "-" and len(one.get_xdata()) == 5)
    at = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert at[10.7] == pytest.approx(mean(values))
    (band,) = [c for c in ax.collections if isinstance(c, PolyCollection)]
    heights = [y for x, y in band.get_paths()[0].vertices if x == 10.7]
    spread = plots.predictions.evidence.interval(values)
    assert min(heights) == pytest.approx(spread.low) and max(heights) == pytest.approx(spread.high)
    assert "n = 5" in under(figure)


def test_too_few_seeds_have_no_band_and_it_is_said():
    """Catches: a band of three seeds, or of one, and a figure that is silent on it."""
    for seeds, said in ((3, "n = 3 seeds"), (1, "no interval")):
        figure = plots.sweep(made.sweep_rows(("imp", "one-shot"), seeds=seeds, models=ONE))
        shades = [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]
        assert not sum(len(path.vertices) for c in shades for path in c.get_paths())
        assert said in under(figure)
        labels = " ".join(t.get_text() for t in figure.legends[0].get_texts()).replace("\n", " ")
        assert ("too few" if seeds == 3 else "no interval") in labels


def test_what_is_missing_is_said():
    """Catches: searches without a ticket, seeds and levels that are missing, and unequal seeds passed over in silence."""
    assert remarks(panels(made.holey_rows())) == [
        "Seeds of a mean (n): 5 for one-shot, prune-at-init snip, prune-at-init synflow, dense; 4 to 5 for imp; 3 to 5 for "
        "early-bird; 2 for hybrid.",
        "early-bird: never stable at 1.8 % (seeds 1, 4).",
        "imp: seed 3 missing at 5.5 %, 1.8 %.",
        "prune-at-init snip: no training at 1.8 %.",
    ]


def test_many_remarks_are_counted_not_cut():
    """Catches: a figure that grows without end, and remarks that vanish."""
    said = [f"sentence {i}" for i in range(20)]
    assert len(shortened(said)) == 7 and "14 remarks more" in shortened(said)[-1]
    assert shortened(said[:7]) == said[:7]


def test_a_line_that_is_still_improving_has_an_open_marker():
    """Catches: a training that was stopped too early shown as a result like the others."""
    figure = plots.sweep(made.holey_rows())
    (ax,) = figure.axes
    hollow = [
        line for line in ax.lines if line.get_markerfacecolor() == style.PAPER and len(line.get_xdata())
    ]
    ((x,), (y,)) = (hollow[0].get_xdata(), hollow[0].get_ydata())
    assert len(hollow) == 1 and x == pytest.approx(5.5, rel=0.1) and 84 < y < 87
    assert any("open" in t.get_text() for t in figure.legends[0].get_texts())
    assert (
        "Still improving at the end of the budget, in some seed: one-shot at 5.5 %"
        in plots.describe_sweep(made.holey_rows())
    )


def test_a_line_of_nothing_but_failed_searches_is_said_and_not_drawn():
    """Catches: a crash, or a line at 0, where no search found a ticket; an outcome that is new taken for a number."""
    rows = made.sweep_rows(("imp", "early-bird"), models=ONE)
    nothing = dict.fromkeys(("density", "test_accuracy", "validation_accuracy", "still_improving"))
    rows = [
        row | nothing | {"outcome": "stable too late"} if row["method"] == "early-bird" else row
        for row in rows
    ]
    figure = plots.sweep(rows)
    labels = [t.get_text() for t in figure.legends[0].get_texts()]
    assert "imp" in labels and "early-bird" not in labels
    assert "early-bird: stable too late at 51.2 % (seeds 0 to 4)" in under(figure)
    assert "early-bird" not in [c.name for p in panels(rows) for c in p.curves if c.drawn]
    plots.sweep_costs(rows)
    assert "early-bird has no result at 10.7 %" in plots.describe_sweep_matrix(rows, density=0.107)


def test_dense_alone_and_nothing_at_all():
    """Catches: an exception of matplotlib for a sweep that has only begun."""
    rows = [row for row in made.sweep_rows(models=ONE) if row["arm"] == "dense"]
    plots.sweep(rows)
    assert "dense: 87.2" in plots.describe_sweep(rows)
    for draw in (plots.sweep_costs, plots.sweep_matrix):
        with pytest.raises(ValueError, match="expected"):
            draw(rows)
    for draw in (plots.sweep, plots.sweep_costs, plots.sweep_matrix, plots.sweep_tables):
        with pytest.raises(ValueError, match="rows is empty"):
            draw([])


def test_a_training_that_is_there_twice_is_refused():
    """Catches: the same run joined twice, which would halve the interval's width by luck of nothing."""
    rows = made.sweep_rows(("imp",), models=ONE, dense=False)
    with pytest.raises(ValueError, match="two rows of seed 0"):
        plots.sweep([*rows, rows[0]])


def test_more_lines_than_looks_are_refused_and_come_in_parts():
    """Catches: a ninth line with the look of the first; a row that is lost between two parts."""
    assert len(MANY) == MOST == len({look.marker for look in MANY}) == len({str(look.dash) for look in MANY})
    rows = [*made.arm_rows(), *made.sweep_rows(models=ONE, dense=False)]
    rows = [
        row for row in rows if not (row["method"] == "one-shot" and row["cell"].startswith("one-shot-lenet"))
    ]
    with pytest.raises(ValueError, match="sweep_parts"):
        plots.sweep(rows)
    parts = plots.sweep_parts(rows)
    assert [len({c.name for p in panels(part) for c in p.curves}) for part in parts] == [1, 8, 4]
    sparse = [row for part in parts for row in part if row["arm"] != "dense"]
    assert len(sparse) == len([row for row in rows if row["arm"] != "dense"])
    few = plots.sweep_parts(rows, most=3)
    assert [len({c.name for p in panels(part) for c in p.curves}) for part in few] == [1, 3, 3, 2, 3, 1]
    assert all(panel.dense for part in parts for panel in panels(part))


def test_lower_is_better_is_said_and_meant():
    """Catches: the best line of an error taken to be the one with most of it."""
    words = plots.describe_sweep(
        [row for row in made.error_rows() if row["method"] != "imp" or row["arm"] == "dense"]
    )
    assert "lower is better" in words and "best mean is that of one-shot" in words


@pytest.mark.parametrize(
    "rows", [made.sweep_rows(), made.arm_rows(), made.error_rows()], ids=("two", "many", "error")
)
def test_numbers_beside_points_do_not_hide_one_another(rows):
    """Catches: densities written over one another, over marks, or beyond the axes."""
    figure = plots.sweep_costs(rows)
    FigureCanvasAgg(figure).draw()
    for ax in figure.axes:
        notes = [t for t in ax.texts if isinstance(t, Annotation)]
        assert len(notes) >= 8
        boxes = [note.get_window_extent() for note in notes]
        assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
        frame = ax.get_window_extent().padded(1)
        assert all(
            frame.x0 <= b.x0 and b.x1 <= frame.x1 and frame.y0 <= b.y0 and b.y1 <= frame.y1 for b in boxes
        )


def test_a_ticket_costs_its_search_too():
    """Catches: the price of the last training alone, by which every method would cost the same."""
    figure = plots.sweep_costs(made.sweep_rows(("imp",), models=ONE))
    line = next(one for one in figure.axes[0].lines if len(one.get_xdata()) == 5)
    assert list(line.get_xdata()) == [2000 * (rounds + 1) for rounds in (3, 7, 10, 13, 18)]
    assert "38,000 updates at 1.8 %" in plots.describe_sweep_costs(made.sweep_rows(("imp",), models=ONE))
    silent = [{k: v for k, v in row.items() if k != "search_steps"} for row in made.sweep_rows(("imp",))]
    with pytest.raises(ValueError, match="search_steps"):
        plots.sweep_costs(silent)
