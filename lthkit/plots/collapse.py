"""Pruning before training: where a criterion cuts the network, and what its mask loses when it is shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lthkit import evidence
from lthkit.evidence.statistics import once
from lthkit.plots.style import (
    LOOKS,
    SERIES,
    STYLE,
    WIDTH,
    bands_in_words,
    density_axis,
    few,
    finish,
    measured,
    new_figure,
)
from lthkit.storage.records import Row

CONTROLS = ("shuffled", "re-initialised")


def collapse_curve(rows: Sequence[Row], *, stamp: str = "") -> Figure:
    """Connected weights of the layer that has fewest, against the weights that remain; at 0 the network is cut.

    Columns of `rows`: arm (the criterion, at most seven), seed, density (0 to 1) and smallest (that number). A thin line a
    seed, the median thick. The axis is logarithmic above 1, and 0 is on it. The markers of one density stand side by
    side, so that all can be seen where several criteria have the same number.

    Raises:
        ValueError: no rows, or more than seven criteria.
    """
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    if not 1 <= len(arms) <= len(SERIES):
        raise ValueError(f"The rows have {len(arms)} criteria in `arm`; expected 1 to {len(SERIES)}.")
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        top = max(row["smallest"] for row in rows)
        for i, (look, arm) in enumerate(zip(SERIES, arms, strict=False)):
            own = [row for row in rows if row["arm"] == arm]
            aside = 100 * 1.03 ** ((len(arms) - 1) / 2 - i)
            for seed in sorted({row["seed"] for row in own}):
                line = sorted((aside * r["density"], r["smallest"]) for r in own if r["seed"] == seed)
                ax.plot(*zip(*line, strict=True), color=look.color, linestyle=look.dash, linewidth=0.5)
            at = sorted({row["density"] for row in own})
            ax.plot(
                [aside * d for d in at],
                [median(row["smallest"] for row in own if row["density"] == d) for d in at],
                color=look.color,
                linestyle=look.dash,
                marker=look.marker,
                markersize=5,
                linewidth=1.8,
                label=arm,
            )
        densities = sorted({100 * row["density"] for row in rows})
        density_axis(ax, densities)
        ax.set_xlim(left=1.2 * densities[-1])
        ax.set_yscale("symlog", linthresh=1)
        ax.set_ylim(-0.15, 1.6 * max(top, 1))
        ticks = [0, *(10**k for k in range(12) if 10**k <= 1.6 * top)]
        ax.yaxis.set_major_locator(FixedLocator(ticks))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        ax.axhline(0, color="#333333", linewidth=1)
        ax.set_ylabel("connected weights, smallest\nlayer (logarithmic from 1 on)")
        finish(figure, ax, "Where the network is cut, before any training", stamp)
    return figure


def describe_collapse(rows: Sequence[Row]) -> str:
    """The text alternative of `collapse_curve`: medians over seeds at a few densities."""
    parts = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        own = [row for row in rows if row["arm"] == arm]
        at = sorted({row["density"] for row in own}, reverse=True)
        said = [
            f"{median(row['smallest'] for row in own if row['density'] == at[i]):.3g} at {100 * at[i]:.2g} %"
            for i in few(range(len(at)))
        ]
        parts.append(f"{arm}: " + ", ".join(said))
    return (
        "Line chart of the connected weights in the smallest layer against weights remaining, medians. "
        + "; ".join(parts)
        + "."
    )


def sanity_checks(rows: Sequence[Row], *, stamp: str = "") -> Figure:
    """What each criterion's mask loses or gains when it is shuffled in its layers, and when it gets new weights.

    Columns of `rows`: criterion, arm ("as is", "shuffled" or "re-initialised"), seed, test_accuracy (0 to 1), or what
    the rows are judged by. The larger marker is the mean of the differences to "as is", paired by seed, with its 95 %
    interval (two seeds get none); small ones are single seeds.

    Raises:
        ValueError: a criterion has no seed with both arms.
    """
    criteria = list(dict.fromkeys(row["criterion"] for row in rows))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.9 + 0.62 * len(criteria)), layout="constrained")
        ax = figure.subplots()
        for arm, shift in zip(CONTROLS, (0.16, -0.16), strict=True):
            look = LOOKS[arm]
            gaps = [_gaps(rows, criterion, arm) for criterion in criteria]
            place = [len(criteria) - 1 - i + shift for i in range(len(criteria))]
            for y, values in zip(place, gaps, strict=True):
                ax.plot(
                    values,
                    [y - 0.13] * len(values),
                    look.marker,
                    markersize=3,
                    color=look.color,
                    markerfacecolor="none",
                    markeredgewidth=0.6,
                )
            bands = [evidence.interval(values) for values in gaps]
            what = bands_in_words(bands, seeds="small markers: single seeds")
            measured(ax, place, bands, look, across=True, seeds=False, label=f"{arm} - as is: {what}")
        ax.axvline(0, color="#333333", linewidth=1)
        ax.set_yticks([len(criteria) - 1 - i for i in range(len(criteria))], criteria)
        ax.set_ylim(-0.55, len(criteria) - 0.45)
        ax.grid(axis="y", visible=False)
        by = evidence.judged(rows)
        worse = "right" if by.quantity.direction == "lower" else "left"
        ax.set_xlabel(f"{by.points}\n({worse} of 0 the control is worse)")
        finish(figure, ax, "Does it matter which weights, and which values?", stamp, lines=False)
    return figure


def describe_sanity(rows: Sequence[Row]) -> str:
    """The text alternative of `sanity_checks`: mean difference and 95 % interval of each control of each criterion."""
    parts = []
    for criterion in dict.fromkeys(row["criterion"] for row in rows):
        for arm in CONTROLS:
            parts.append(f"{criterion}, {arm}: {evidence.interval(_gaps(rows, criterion, arm)).said('+.2f')}")
    return (
        f"Differences to the mask as it is, in {evidence.judged(rows).points}, mean and 95 % interval: "
        + "; ".join(parts)
        + "."
    )


def _gaps(rows: Sequence[Row], criterion: str, arm: str) -> list[float]:
    """Differences arm - as is in points, one for each seed that has both."""
    by = evidence.judged(rows)
    one, other = (
        once(
            (r["seed"], r[by.column], f"criterion {criterion!r}, arm {a!r}, seed {r['seed']}")
            for r in rows
            if (r["criterion"], r["arm"]) == (criterion, a)
        )
        for a in (arm, "as is")
    )
    shared = sorted(one.keys() & other.keys())
    if not shared:
        raise ValueError(f"No seed of {criterion!r} has both {arm!r} and 'as is'; its rows have other arms.")
    return [by.scale * (one[seed] - other[seed]) for seed in shared]
