"""What accuracy a budget buys, and whether a change of method pays: drawn from rows and from paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lthkit import evidence
from lthkit.evidence.statistics import once
from lthkit.plots.style import (
    LOOKS,
    PAPER,
    SERIES,
    STYLE,
    WIDTH,
    bands_in_words,
    finish,
    measured,
    new_figure,
    wrapped,
)
from lthkit.storage.records import Row


def budget_curve(
    rows: Sequence[Row], *, column: str, xlabel: str, title: str = "Accuracy for a price", stamp: str = ""
) -> Figure:
    """Test accuracy against the price, logarithmic: a line a method, bars are 95 % intervals of the mean over seeds.

    Columns of `rows`: arm (at most seven), seed, budget (what belongs together), test_accuracy (0 to 1), or what the rows are
    judged by, and `column`, the price, of which the mean over seeds is drawn. Where methods share a price their markers stand side by side. No bar is
    drawn from three seeds or fewer, nor beyond 0 to 100 % (`Interval.shown`): small dots are then the seeds.
    """
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        arms = list(dict.fromkeys(row["arm"] for row in rows))
        budgets = sorted({row["budget"] for row in rows})
        prices = {(arm, b): _price(rows, arm, b, column) for arm in arms for b in budgets}
        shared = len({round(p, 6) for p in prices.values() if p is not None}) <= len(budgets)
        shown: list[evidence.Interval] = []
        for i, (arm, look) in enumerate(zip(arms, SERIES, strict=False)):
            aside = 1.035 ** (i - (len(arms) - 1) / 2) if shared else 1.0
            at = [b for b in budgets if prices[arm, b] is not None]
            bands = [_band(rows, arm, b) for b in at]
            shown += bands
            places = [aside * (prices[arm, b] or 0) for b in at]
            measured(ax, places, bands, look, linestyle=look.dash, linewidth=1.5, label=arm)
        ax.plot([], [], " ", label=bands_in_words(shown))
        ax.set_xscale("log")
        if shared:
            ticks = sorted({p for p in prices.values() if p is not None})
            ax.xaxis.set_major_locator(FixedLocator(ticks))
        else:
            low, high = ax.get_xlim()
            steps = [m * 10.0**e for e in range(-3, 15) for m in (1, 2, 5)]
            ax.xaxis.set_major_locator(FixedLocator([t for t in steps if low <= t <= high]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xlabel(f"{xlabel}, logarithmic")
        ax.set_ylabel(evidence.judged(rows).heading)
        finish(figure, ax, title, stamp)
    return figure


def describe_budget(rows: Sequence[Row], *, column: str, xlabel: str) -> str:
    """The text alternative of `budget_curve`: mean and interval of each method at each price."""
    parts, by = [], evidence.judged(rows)
    unit = f" {by.quantity.unit}".rstrip()
    for arm in dict.fromkeys(row["arm"] for row in rows):
        points = []
        for budget in sorted({row["budget"] for row in rows}):
            if (price := _price(rows, arm, budget, column)) is not None:
                points.append(f"{_band(rows, arm, budget).said(by.form)}{unit} at {price:,.4g}")
        parts.append(f"{arm}: " + ", ".join(points))
    return (
        f"{by.title} against {xlabel}, mean and 95 % interval or single seeds, of "
        f"{len({row['seed'] for row in rows})} seeds. {'; '.join(parts)}."
    )


def paired_differences(
    gaps: Mapping[str, Sequence[float]],
    *,
    unit: str = "points of test accuracy",
    title: str = "One change at a time: paired differences",
    stamp: str = "",
) -> Figure:
    """One line for each comparison: small strokes are seeds, the large marker its mean with the 95 % interval.

    `gaps` has, for each label, one paired difference a seed, in `unit`. The strokes of the seeds hang in steps, so that
    equal ones stay visible. A filled marker says that the interval excludes 0, an open one that it contains 0. Two seeds
    have an interval too wide to be drawn; what it says of 0 still counts. Equal differences have none.
    """
    if not gaps:
        raise ValueError("No comparison was given; expected a label with one difference for each seed.")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.9 + 0.38 * len(gaps)), layout="constrained")
        ax = figure.subplots()
        look = LOOKS["ticket"]
        seen: set[str] = set()
        for place, values in zip(range(len(gaps))[::-1], gaps.values(), strict=True):
            band = evidence.interval(values)
            apart = band.excludes_0
            ax.plot(
                list(values),
                [place - 0.16 - 0.26 * i / max(1, len(values) - 1) for i in range(len(values))],
                "|",
                color="#777777",
                markersize=5,
                markeredgewidth=1.5,
                zorder=3,  # above the line at 0
                label="_" if seen else "single seeds",
            )
            label = "mean, 95 % interval excludes 0" if apart else "mean, 95 % interval contains 0"
            label = label if band.n > 1 else "one seed: no interval, no claim"
            label = "no spread: no interval, no claim" if band.unspread else label
            measured(
                ax,
                [place],
                [band],
                look,
                across=True,
                seeds=False,
                markerfacecolor=look.color if apart else PAPER,
                label="_" if label in seen else label,
            )
            seen |= {label, "single seeds"}
        ax.axvline(0, color="#333333", linewidth=1)
        ax.set_yticks(list(range(len(gaps)))[::-1], [wrapped(name, 26) for name in gaps])
        ax.set_ylim(-0.6, len(gaps) - 0.4)
        ax.set_xlabel(unit)
        finish(figure, ax, title, stamp, lines=False)
    return figure


def describe_differences(gaps: Mapping[str, Sequence[float]], *, unit: str = "points") -> str:
    """The text alternative of `paired_differences`: mean and interval of each comparison."""
    parts = []
    for label, values in gaps.items():
        band = evidence.interval(values)
        parts.append(f"{label}: {band.said('+.2f')}, n = {band.n}")
    return f"Paired differences in {unit}, mean and 95 % interval. {'; '.join(parts)}."


def _cell(rows: Sequence[Row], arm: str, budget: int) -> list[Row]:
    return [row for row in rows if row["arm"] == arm and row["budget"] == budget]


def _band(rows: Sequence[Row], arm: str, budget: int) -> evidence.Interval:
    by = evidence.judged(rows)
    values = once(
        (row["seed"], row[by.column], f"arm {arm!r}, seed {row['seed']}, budget {budget}")
        for row in _cell(rows, arm, budget)
    )
    return evidence.interval([by.scale * v for v in values.values()], within=by.within)


def _price(rows: Sequence[Row], arm: str, budget: int, column: str) -> float | None:
    values = [float(row[column]) for row in _cell(rows, arm, budget)]
    return evidence.interval(values).mean if values else None
