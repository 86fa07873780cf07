"""Retraining arms side by side, the path between two networks, and instability against the step of the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

import matplotlib
from matplotlib.figure import Figure

from lthkit import evidence
from lthkit.evidence.statistics import once
from lthkit.plots.style import (
    LOOKS,
    SERIES,
    STYLE,
    WIDTH,
    bands_in_words,
    density_axis,
    finish,
    headed,
    legend,
    measured,
    new_figure,
)
from lthkit.storage.records import Row


def retrained(rows: Sequence[Row], *, against: str, stamp: str = "") -> Figure:
    """Each arm's test accuracy minus that of arm `against`, in points, paired by seed; one line an arm.

    Columns of `rows`: arm, seed, test_accuracy (0 to 1), or what the rows are judged by. Small crosses are seeds; the larger marker and its bar are
    the mean and its 95 % interval; two seeds get none.

    Raises:
        ValueError: no row of arm `against`.
    """
    bands, by = _differences(rows, against), evidence.judged(rows)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.9 + 0.42 * len(bands)), layout="constrained")
        ax, look = figure.subplots(), LOOKS["ticket"]
        what = bands_in_words(
            (evidence.interval(values) for _, values in bands), seeds="crosses: single seeds"
        )
        for i, (_, values) in enumerate(bands):
            y, band = len(bands) - 1 - i, evidence.interval(values)
            ax.plot(
                values,
                [y - 0.22] * len(values),
                "x",
                color="#777777",
                markersize=5,
                label="single seeds" if i == 0 else "_",
            )
            measured(ax, [y], [band], look, across=True, seeds=False, label=what if i == 0 else "_")
        ax.set_yticks(list(range(len(bands)))[::-1], [arm for arm, _ in bands])
        ax.set_ylim(-0.7, len(bands) - 0.5)
        ax.axvline(0, color="#333333", linewidth=1)
        unit = "points" if by.scale == 100 else by.heading
        ax.set_xlabel(f"{by.name} minus that of {against} ({unit})")
        finish(figure, ax, f"Retraining, compared with {against}", stamp, lines=False)
    return figure


def describe_retrained(rows: Sequence[Row], *, against: str) -> str:
    """The text alternative of `retrained`."""
    parts = [f"{arm} {evidence.interval(values).said('+.2f')}" for arm, values in _differences(rows, against)]
    return (
        f"{evidence.judged(rows).said} minus that of {against}, mean and 95 % interval: {'; '.join(parts)}."
    )


def between_networks(
    paths: Mapping[str, Sequence[Sequence[tuple[float, float]]]],
    *,
    title: str,
    start: float = 0.0,
    stamp: str = "",
) -> Figure:
    """Error along the straight line between two networks; a thin line a path, the mean of each group thick.

    `paths`: label -> paths; a path is (alpha, error) pairs, error from 0 to 1, with equal alphas within a label.
    `start` is the error at which the axis begins, at the latest: it never cuts a path.
    """
    errors = [error for group in paths.values() for path in group for _, error in path]
    low, high = 100 * min(start, *errors), 100 * max(errors)
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        for look, (label, group) in zip(SERIES, paths.items(), strict=False):
            for path in group:
                ax.plot(
                    [a for a, _ in path],
                    [100 * e for _, e in path],
                    color=look.color,
                    linestyle=look.dash,
                    linewidth=0.5,
                )
            ax.plot(
                [a for a, _ in group[0]],
                [100 * e for e in _mean_path(group)],
                color=look.color,
                linestyle=look.dash,
                marker=look.marker,
                markersize=5,
                label=label,
            )
        ax.set_xlabel("place on the line: 0 is one network, 1 the other")
        ax.set_ylabel("validation error (%)")
        ax.set_ylim(low, high + 0.08 * ((high - low) or 1.0))
        finish(figure, ax, title, stamp)
    return figure


def describe_between(paths: Mapping[str, Sequence[Sequence[tuple[float, float]]]]) -> str:
    """The text alternative of `between_networks`: mean error at the ends and at the highest point of the mean path."""
    parts = []
    for label, group in paths.items():
        middle = _mean_path(group)
        top = max(range(len(middle)), key=middle.__getitem__)
        parts.append(
            f"{label}: {100 * middle[0]:.3g} % and {100 * middle[-1]:.3g} % at the ends, highest "
            f"{100 * middle[top]:.3g} % at {group[0][top][0]:.2g}"
        )
    return "Validation error along the line between two networks, means. " + "; ".join(parts) + "."


def instability(rows: Sequence[Row], *, threshold: float = 0.02, stamp: str = "") -> Figure:
    """Error barrier between children against the step k of the checkpoint that they share; one line a network.

    Columns of `rows`: net (at most seven), seed, k, barrier (0 to 1). The steps stand side by side, not to scale. Thin
    lines are seeds, the thick one is their mean; the dotted line is the threshold of Frankle et al. 2020.
    """
    steps = sorted({row["k"] for row in rows})
    place = {k: i for i, k in enumerate(steps)}
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        for look, net in zip(SERIES, dict.fromkeys(row["net"] for row in rows), strict=False):
            own = [row for row in rows if row["net"] == net]
            for seed in sorted({row["seed"] for row in own}):
                line = sorted((place[row["k"]], 100 * row["barrier"]) for row in own if row["seed"] == seed)
                ax.plot(
                    *zip(*line, strict=True),
                    color=look.color,
                    linestyle=look.dash,
                    linewidth=0.5,
                )
            at = sorted({row["k"] for row in own})
            ax.plot(
                [place[k] for k in at],
                [100 * mean(row["barrier"] for row in own if row["k"] == k) for k in at],
                color=look.color,
                linestyle=look.dash,
                marker=look.marker,
                markersize=6,
                label=net,
            )
        ax.axhline(
            100 * threshold,
            color="#333333",
            linestyle=":",
            linewidth=1,
            label=f"threshold, {100 * threshold:g} points",
        )
        ax.set_xticks(range(len(steps)), [f"{k:,}" for k in steps])
        ax.set_xlabel("step k of the shared checkpoint (not to scale)")
        ax.set_ylabel("error barrier (points)")
        top = 100 * max(threshold, *(row["barrier"] for row in rows))
        ax.set_ylim(-0.03 * top, 1.08 * top)  # a marker at 0 is not cut in half
        finish(figure, ax, "How far the error rises between two children of step k", stamp)
    return figure


def describe_instability(rows: Sequence[Row]) -> str:
    """The text alternative of `instability`."""
    parts = []
    for net in dict.fromkeys(row["net"] for row in rows):
        own = [row for row in rows if row["net"] == net]
        means = {
            k: mean(row["barrier"] for row in own if row["k"] == k) for k in sorted({r["k"] for r in own})
        }
        parts.append(f"{net}: " + ", ".join(f"{100 * b:.3g} points at step {k:,}" for k, b in means.items()))
    return "Mean error barrier between children of one checkpoint. " + "; ".join(parts) + "."


def rewound(rows: Sequence[Row], *, title: str, stamp: str = "") -> Figure:
    """Test accuracy against the weights that remain, one line an arm: a thin line a seed, the mean with its interval.

    No interval is drawn from three seeds or fewer, nor beyond 0 to 100 % (`Interval.shown`); the legend says so.

    Columns of `rows`: arm (at most seven, and "dense"), seed, round, density, test_accuracy (0 to 1), or what the rows are
    judged by.
    """
    by = evidence.judged(rows)
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        look = LOOKS["dense"]
        if dense := [by.scale * v for v in evidence.by_seed(rows, "dense", 0).values()]:
            ax.axhline(
                mean(dense), color=look.color, linestyle=look.dash, linewidth=1.2, label="dense (mean)"
            )
        arms = [arm for arm in dict.fromkeys(row["arm"] for row in rows) if arm != "dense"]
        shown: list[evidence.Interval] = []
        for i, (look, arm) in enumerate(zip(SERIES, arms, strict=False)):
            at = evidence.levels(rows, arm)
            x = [100 * evidence.density_of(rows, r) * 1.025 ** (len(arms) / 2 - i) for r in at]
            cells = [evidence.by_seed(rows, arm, r) for r in at]
            for seed in sorted({row["seed"] for row in rows}):
                line = [(d, by.scale * cell[seed]) for d, cell in zip(x, cells, strict=True) if seed in cell]
                if line:
                    ax.plot(
                        *zip(*line, strict=True),
                        color=look.color,
                        linestyle=look.dash,
                        linewidth=0.5,
                    )
            bands = [
                evidence.interval([by.scale * v for v in cell.values()], within=by.within) for cell in cells
            ]
            shown += bands
            measured(ax, x, bands, look, seeds=False, linestyle=look.dash, label=arm)
        ax.plot([], [], " ", label=bands_in_words(shown, seeds="thin lines: single seeds"))
        density_axis(ax, sorted({100 * row["density"] for row in rows if row["arm"] != "dense"}))
        ax.set_ylabel(by.heading)
        finish(figure, ax, title, stamp)
    return figure


def describe_rewound(rows: Sequence[Row]) -> str:
    """The text alternative of `rewound`: mean test accuracy, or what the rows are judged by, of each arm at each density."""
    parts, by = [], evidence.judged(rows)
    unit = f" {by.quantity.unit}".rstrip()
    for arm in dict.fromkeys(row["arm"] for row in rows):
        cells = {
            evidence.density_of(rows, r): mean(evidence.by_seed(rows, arm, r).values())
            for r in evidence.levels(rows, arm)
        }
        parts.append(
            f"{arm}: " + ", ".join(f"{by.scale * a:.3g}{unit} at {100 * d:.3g} %" for d, a in cells.items())
        )
    return f"Line chart of {by.name} against weights remaining, means. " + "; ".join(parts) + "."


def rescue(
    gaps: Sequence[Row], barriers: Sequence[Row], *, title: str, threshold: float = 2.0, stamp: str = ""
) -> Figure:
    """Accuracy minus that of the dense network, above, and the error barrier, below, against the step that weights come from.

    Columns of `gaps`: line (the label, at most seven), seed, k, gap (points). Rows whose k is None, of a control that has no step, give
    a level line at their mean. Columns of `barriers`: line, seed, k, barrier (points). Upper panel: mean and 95 % interval;
    lower one: mean, small dots are seeds; the dotted line is the threshold. The steps stand side by side, not to scale.
    """
    lines = list(dict.fromkeys(row["line"] for row in (*gaps, *barriers)))
    steps = sorted({row["k"] for row in (*gaps, *barriers) if row["k"] is not None})
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 5.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        upper.axhline(0, color="#333333", linewidth=1)
        shown: list[evidence.Interval] = []
        for i, (label, look) in enumerate(zip(lines, SERIES, strict=False)):
            shift = 0.12 * (i - (len(lines) - 1) / 2)
            marks = {"color": look.color, "linestyle": look.dash}
            cells = _by_step(gaps, label, "gap")
            if level := cells.pop(None, None):
                upper.axhline(mean(level), label=label, linewidth=1.2, **marks)
            if cells:
                bands = [evidence.interval(values) for values in cells.values()]
                shown += bands
                x = [steps.index(k) + shift for k in cells]
                measured(upper, x, bands, look, linestyle=look.dash, label=label)
            heights = _by_step(barriers, label, "barrier")
            x = [steps.index(k) + shift for k in heights]
            lower.plot(x, [mean(h) for h in heights.values()], marker=look.marker, markersize=6, **marks)
            for at, values in zip(x, heights.values(), strict=True):
                lower.plot([at] * len(values), values, ".", color=look.color, markersize=4)
        words = bands_in_words(shown)
        upper.plot([], [], " ", label=f"above: {words}; below: mean, small dots are seeds")
        dots = {"color": "#333333", "linestyle": ":", "linewidth": 1}
        lower.axhline(threshold, label=f"threshold, {threshold:g} points", **dots)
        lower.set_xticks(range(len(steps)), [f"{k:,}" for k in steps])
        lower.set_xlabel("step k that the weights come from (not to scale)")
        upper.set_ylabel("minus dense (points)")
        lower.set_ylabel("error barrier (points)")
        lower.set_ylim(bottom=-0.03 * lower.get_ylim()[1])  # a marker at 0 is not cut in half
        legend(figure, upper, lower)
        headed(figure, title, stamp)
    return figure


def describe_rescue(gaps: Sequence[Row], barriers: Sequence[Row]) -> str:
    """The text alternative of `rescue`."""
    parts = []
    for label in dict.fromkeys(row["line"] for row in (*gaps, *barriers)):
        cells = _by_step(gaps, label, "gap")
        level = cells.pop(None, None)
        said = [f"{mean(level):+.2f} points on average"] if level else []
        if cells:
            bands = {k: evidence.interval(values) for k, values in cells.items()}
            said.append(", ".join(f"{band.said('+.2f')} at step {k:,}" for k, band in bands.items()))
        heights = _by_step(barriers, label, "barrier")
        if heights:
            tops = ", ".join(f"{mean(values):.1f} at step {k:,}" for k, values in heights.items())
            said.append(f"mean barrier {tops}")
        parts.append(f"{label}: {'; '.join(said)}")
    return (
        "Test accuracy minus that of the dense network, in points, with 95 % intervals, and error barriers in points, by the "
        f"step that the weights come from. {'. '.join(parts)}."
    )


def _by_step(rows: Sequence[Row], label: str, column: str) -> dict[int | None, list[float]]:
    """The numbers of a line by their step, rising; that of no step first."""
    own = [row for row in rows if row["line"] == label]
    steps = sorted({row["k"] for row in own}, key=lambda k: -1 if k is None else k)
    found: dict[int | None, list[float]] = {}
    for k in steps:
        here = [row for row in own if row["k"] == k]
        found[k] = list(
            once(
                (row["seed"], row[column], f"{label!r}, step {k}, seed {row['seed']}") for row in here
            ).values()
        )
    return found


def _differences(rows: Sequence[Row], against: str) -> list[tuple[str, list[float]]]:
    """For each other arm its differences to `against`, in points, one a seed that both have."""
    by = evidence.judged(rows)
    values = {
        arm: once(
            (row["seed"], row[by.column], f"arm {arm!r}, seed {row['seed']}")
            for row in rows
            if row["arm"] == arm
        )
        for arm in dict.fromkeys(row["arm"] for row in rows)
    }
    if not (base := values.pop(against, None)):
        raise ValueError(f"against={against!r} was given; expected one of the arms: {', '.join(values)}.")
    gaps = {
        arm: [by.scale * (value - base[seed]) for seed, value in own.items() if seed in base]
        for arm, own in values.items()
    }
    return [(arm, gap) for arm, gap in gaps.items() if gap]


def _mean_path(group: Sequence[Sequence[tuple[float, float]]]) -> list[float]:
    return [mean(path[i][1] for path in group) for i in range(len(group[0]))]
