"""Accuracy and early stopping against the weights that remain."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lthkit import evidence
from lthkit.plots.style import (
    LOOKS,
    PAPER,
    SERIES,
    STYLE,
    Look,
    bands_in_words,
    density_axis,
    few,
    finish,
    measured,
    new_figure,
)
from lthkit.storage.records import Row


def trade_off(
    rows: Sequence[Row], *, stamp: str = "", column: str | None = None, ylabel: str | None = None
) -> Figure:
    """Accuracy, or whatever the rows are judged by, against the weights that remain: a thin line a seed, their mean, and its
    95 % interval.

    No interval is drawn from three seeds or fewer, nor where it reaches beyond 0 to 100 % (`Interval.shown`): there the
    lines of the seeds speak for themselves, and the legend says so.

    Columns of `rows`, as `lthkit.runs.row_of` makes them: arm, seed, round, density, still_improving and `column`, an accuracy
    from 0 to 1; None is what the rows are judged by (`evidence.judged`): test_accuracy, or test_metric with what metric, unit and direction say of it. An
    open marker says that some seed's best step lay in the last tenth of its budget. `stamp` is the small print: data,
    seeds, tier, device.

    Arms may be called anything; those of lthkit (dense, ticket, re-initialised, shuffled) have looks of their own, and of
    "dense" only round 0 is drawn, as a level line.

    Raises:
        ValueError: no rows; more arms than there are looks (`lthkit.plots.SERIES`).
    """
    by = evidence.judged(rows, column)
    name = by.quantity.name[:1].upper() + by.quantity.name[1:]
    heading = ylabel or (
        by.heading if column is None or by.quantity.name != "accuracy" else "test accuracy (%)"
    )
    return _arms(
        rows, by.column, by.scale, heading, f"{name} of tickets and their controls", stamp, by.within
    )


def early_stop(rows: Sequence[Row], *, stamp: str = "", budget: int | None = None) -> Figure:
    """Step of least validation loss against the weights that remain; drawn as `trade_off`.

    budget: the steps of a whole training. No interval reaches beyond it: there the seeds speak for themselves.
    """
    return _arms(
        rows,
        "best_step",
        1.0,
        "early-stop step",
        "When the validation loss is least",
        stamp,
        evidence.POSITIVE if budget is None else (0.0, float(budget)),
    )


def describe(
    rows: Sequence[Row], *, column: str | None = None, scale: float | None = None, unit: str | None = None
) -> str:
    """A text alternative for `trade_off` or `early_stop`, made from the numbers themselves.

    column: None is what the rows are judged by. scale, unit: None are those of it: times 100 and " %" for an accuracy.
    """
    by = evidence.judged(rows, column)
    scale = by.scale if scale is None else scale
    unit = f" {by.quantity.unit}".rstrip() if unit is None else unit
    told = by.name if column is None else column.replace("_", " ")
    parts = []
    for arm in ("dense", "ticket", "re-initialised", "shuffled", *_others(rows)):
        own = [row for row in rows if row["arm"] == arm]
        points = [
            f"{scale * evidence.interval(list(evidence.by_seed(rows, arm, r, by.column).values())).mean:.4g}{unit} at "
            f"{100 * evidence.density_of(own, r):.3g} %"
            for r in few(evidence.levels(rows, arm))
        ]
        if points:
            parts.append(f"{arm}: " + ", ".join(points))
    seeds = len({row["seed"] for row in rows})
    return (
        f"Line chart of {told} against weights remaining, means of {seeds} seeds. " + "; ".join(parts) + "."
    )


def paired_gap(rows: Sequence[Row], one: str, other: str, *, stamp: str = "") -> Figure:
    """Test accuracy of arm `one` minus arm `other`, in points, paired by seed, against the weights that remain.

    Columns of `rows`: arm, seed, round, density, test_accuracy (0 to 1), or what the rows are judged by. Small markers are seeds, side by side; the
    larger marker and its bar are the mean and its 95 % interval, which is not cut. Two seeds get no bar.
    """
    by = evidence.judged(rows)
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        look, seeds = LOOKS["ticket"], sorted({row["seed"] for row in rows})
        at = [r for r in evidence.levels(rows, one) if r in evidence.levels(rows, other)]
        x = [100 * evidence.density_of(rows, r) for r in at]
        for i, seed in enumerate(seeds):
            pairs = [
                (d * 1.05 ** (i + 1), by.scale * (a[seed] - b[seed]))
                for d, r in zip(x, at, strict=True)
                if seed in (a := evidence.by_seed(rows, one, r))
                and seed in (b := evidence.by_seed(rows, other, r))
            ]
            ax.plot(
                [d for d, _ in pairs],
                [gap for _, gap in pairs],
                "^",
                markersize=4,
                color="#777777",
                label="single seeds" if i == 0 else "_",
            )
        bands = [evidence.paired(rows, (one, r), (other, r)).times(by.scale) for r in at]
        what = bands_in_words(bands, seeds="triangles: single seeds")
        measured(ax, x, bands, look, seeds=False, label=what)
        ax.axhline(0, color="#333333", linewidth=1)
        density_axis(ax, x)
        ax.set_xlim(max(x) * 1.05 ** (len(seeds) + 2), min(x) / 1.25)
        unit = "points" if by.scale == 100 else by.heading
        ax.set_ylabel(f"{one} - {other} ({unit})")
        finish(figure, ax, f"{by.title}, {one} minus {other}", stamp, lines=False)
    return figure


def describe_gap(rows: Sequence[Row], one: str, other: str) -> str:
    """The text alternative of `paired_gap`: mean difference and 95 % interval at each density, largest first."""
    both = [r for r in evidence.levels(rows, one) if r in evidence.levels(rows, other)]
    parts, by = [], evidence.judged(rows)
    for r in sorted(both, key=lambda r: -evidence.density_of(rows, r)):
        band = evidence.paired(rows, (one, r), (other, r)).times(by.scale)
        parts.append(f"{band.said('+.2f')} at {100 * evidence.density_of(rows, r):.3g} % of the weights")
    return f"{by.said}, {one} minus {other}, mean and 95 % interval: {'; '.join(parts)}."


def _arms(
    rows: Sequence[Row],
    column: str,
    scale: float,
    ylabel: str,
    title: str,
    stamp: str,
    within: tuple[float, float],
) -> Figure:
    if not rows:
        raise ValueError("rows is empty; expected the table of a run, such as experiments.load(folder)[2].")
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        dense = [scale * v for v in evidence.by_seed(rows, "dense", 0, column).values()]
        if dense:
            band = evidence.interval(dense)
            look = LOOKS["dense"]
            ax.axhline(band.mean, color=look.color, linestyle=look.dash, linewidth=1.2, label="dense (mean)")
        bands = {arm: _arm(ax, rows, arm, look, column, scale, within) for arm, look in _looks(rows).items()}
        shown = [band for of_arm in bands.values() for band in of_arm]
        if any(evidence.unfinished(rows, arm, r) for arm in bands for r in evidence.levels(rows, arm)):
            open_: dict[str, Any] = {"color": "#333333", "markerfacecolor": PAPER, "markersize": 5}
            ax.plot([], [], "o", label="open: some best step near the end", **open_)
        words = bands_in_words(shown, seeds="thin lines: single seeds")
        ax.plot([], [], " ", label=words.replace("95 % interval", "band: 95 % interval"))
        density_axis(ax, sorted({100 * row["density"] for row in rows}))
        ax.set_ylabel(ylabel)
        _fit(ax, rows, column, scale)
        finish(figure, ax, title, stamp)
    return figure


def _arm(
    ax: Axes,
    rows: Sequence[Row],
    arm: str,
    look: Look,
    column: str,
    scale: float,
    within: tuple[float, float],
) -> list[evidence.Interval]:
    """Draw one arm: its seeds, its mean, and a band wherever an interval may be shown."""
    own, at = [row for row in rows if row["arm"] == arm], evidence.levels(rows, arm)
    x = [100 * evidence.density_of(own, r) for r in at]
    table = [evidence.by_seed(rows, arm, r, column) for r in at]
    for seed in sorted({row["seed"] for row in rows}):
        line = [(d, scale * cell[seed]) for d, cell in zip(x, table, strict=True) if seed in cell]
        if line:
            ax.plot(*zip(*line, strict=True), color=look.color, linestyle=look.dash, linewidth=0.5)
    bands = [evidence.interval([scale * v for v in cell.values()], within=within) for cell in table]
    middle, shown = [band.mean for band in bands], [band.shown for band in bands]
    low, high = [band.low for band in bands], [band.high for band in bands]
    ax.fill_between(x, low, high, where=shown, color=look.color, alpha=0.16, linewidth=0)
    ax.plot(x, middle, color=look.color, linestyle=look.dash, linewidth=1.8, zorder=3)
    for closed in (True, False):
        spots = [
            (d, m)
            for d, m, r in zip(x, middle, at, strict=True)
            if (not evidence.unfinished(rows, arm, r)) == closed
        ]
        if spots:
            ax.plot(
                *zip(*spots, strict=True),
                linestyle="none",
                marker=look.marker,
                markersize=5,
                color=look.color,
                markerfacecolor=look.color if closed else PAPER,
                zorder=4,
            )
    # What the legend shows has the arm's own points, so that its place in the legend is that of its right end.
    key: dict[str, Any] = {
        "color": look.color,
        "linestyle": look.dash,
        "marker": look.marker,
        "markersize": 5,
    }
    ax.plot(x[-1:], middle[-1:], label=arm, zorder=0, **key)
    return bands


def _others(rows: Sequence[Row]) -> list[str]:
    """The arms that lthkit has no name for, in the order in which they come."""
    return [arm for arm in dict.fromkeys(row["arm"] for row in rows) if arm not in LOOKS]


def _looks(rows: Sequence[Row]) -> dict[str, Look]:
    """The look of each arm but "dense", in the order of drawing. ValueError if there are more arms than looks."""
    there, others = {row["arm"] for row in rows}, _others(rows)
    looks = {arm: LOOKS[arm] for arm in ("shuffled", "re-initialised", "ticket") if arm in there}
    free = [look for look in SERIES if look not in looks.values()]
    if len(others) > len(free):
        raise ValueError(
            f"rows has the arms {', '.join([*looks, *others])}; expected {len(SERIES)} or fewer in one figure. Draw some of them: "
            "[row for row in rows if row['arm'] in ('one', 'other')]."
        )
    return looks | dict(zip(others, free, strict=False))


def _fit(ax: Axes, rows: Sequence[Row], column: str, scale: float) -> None:
    """Limits from the measured points: an interval may be wider, and is cut by the frame."""
    values = [scale * row[column] for row in rows]
    margin = 0.06 * (max(values) - min(values) or 1.0)
    ax.set_ylim(min(values) - margin, max(values) + margin)


def pruned_accuracy(
    rows: Sequence[Row],
    *,
    dense: Sequence[float],
    title: str = "Pruned once, not trained again",
    stamp: str = "",
) -> Figure:
    """Validation accuracy of pruned networks against the weights that remain: a thin line a seed, their mean thick.

    Columns of `rows`: arm (at most seven), seed, density, accuracy (0 to 1). `dense` has the dense networks' accuracies.
    """
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        look = LOOKS["dense"]
        level = mean(100 * v for v in dense)
        ax.axhline(level, color=look.color, linestyle=look.dash, linewidth=1.2, label="dense (mean)")
        for look, arm in zip(SERIES, dict.fromkeys(row["arm"] for row in rows), strict=False):
            own = [row for row in rows if row["arm"] == arm]
            at = sorted({row["density"] for row in own}, reverse=True)
            x = [100 * d for d in at]
            for seed in sorted({row["seed"] for row in own}):
                cell = {row["density"]: 100 * row["accuracy"] for row in own if row["seed"] == seed}
                y = [cell[d] for d in at]
                ax.plot(x, y, color=look.color, linestyle=look.dash, linewidth=0.5)
            middle = [mean(100 * row["accuracy"] for row in own if row["density"] == d) for d in at]
            ax.plot(
                x, middle, color=look.color, linestyle=look.dash, marker=look.marker, markersize=5, label=arm
            )
        density_axis(ax, sorted({100 * row["density"] for row in rows}))
        ax.set_ylabel("validation accuracy (%)")
        finish(figure, ax, title, stamp)
    return figure


def describe_pruned(rows: Sequence[Row]) -> str:
    """The text alternative of `pruned_accuracy`: mean accuracy of each arm at a few densities."""
    parts = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        own = [row for row in rows if row["arm"] == arm]
        at = sorted({row["density"] for row in own}, reverse=True)
        shown = [at[i] for i in few(range(len(at)))]
        means = {d: evidence.interval([r["accuracy"] for r in own if r["density"] == d]).mean for d in shown}
        parts.append(f"{arm}: " + ", ".join(f"{100 * m:.3g} % at {100 * d:.3g} %" for d, m in means.items()))
    return "Line chart of validation accuracy against weights remaining, means. " + "; ".join(parts) + "."
