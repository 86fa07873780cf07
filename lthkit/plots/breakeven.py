"""What a sparse form costs against the dense one: time and bytes, density by density."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lthkit.plots.style import LOOKS, SERIES, STYLE, density_axis, few, finish, new_figure
from lthkit.storage.records import Row

_ASIDE = 1.06  # how far a seed's dot stands beside the marker that would hide it


def break_even(rows: Sequence[Row], *, stamp: str = "") -> Figure:
    """Time of a sparse form over time of the dense network against the weights that remain; below 1 it is faster.

    Columns of `rows`: batch, density (0 to 1), name, ratio, low, high (quartiles), and a seed if there are several. A
    line for each form and batch size; small dots, a little to its right, are single seeds. The line, and the lower and upper
    end of a whisker, are the medians over seeds of the median, the lower and the upper quartile.

    Raises:
        ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("No rows were given; expected those of bench.break_even.")
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        for look, (label, curve) in zip(SERIES, _curves(rows).items(), strict=False):
            middle = [m for _, m, _, _ in curve]
            ax.errorbar(
                [100 * d for d, _, _, _ in curve],
                middle,
                yerr=[[m - low for _, m, low, _ in curve], [high - m for _, m, _, high in curve]],
                color=look.color,
                marker=look.marker,
                linestyle=look.dash,
                markersize=5,
                capsize=3,
                label=label,
            )
            mine = [row for row in rows if _label(row) == label]
            ax.plot(
                [100 * row["density"] / _ASIDE for row in mine],
                [row["ratio"] for row in mine],
                ".",
                markersize=4,
                color=look.color,
            )
        dense = LOOKS["dense"]
        ax.axhline(1, color=dense.color, linestyle=dense.dash, linewidth=1.2, label="1: the dense network")
        density_axis(ax, [100 * row["density"] for row in rows])
        ends = [v for curve in _curves(rows).values() for _, _, low, high in curve for v in (low, high)]
        _log_axis(ax, [*ends, *(row["ratio"] for row in rows), 1.0])
        ax.set_ylabel("time over dense time, logarithmic")
        what = "Whiskers: quartiles over the turns; dots: single seeds"
        finish(figure, ax, "Below 1 it is faster", ". ".join(filter(None, [what, stamp])))
    return figure


def describe_break_even(rows: Sequence[Row]) -> str:
    """The text alternative of `break_even`."""
    parts = []
    for label, curve in _curves(rows).items():
        shown = [curve[i] for i in few(range(len(curve)))]
        parts.append(f"{label}: " + ", ".join(f"{m:.2f} at {100 * d:.3g} %" for d, m, _, _ in shown))
    return f"Time over dense time against weights remaining, medians. {'; '.join(parts)}. Below 1 is faster."


def file_sizes(sizes: Mapping[float, Mapping[str, float]], *, stamp: str = "") -> Figure:
    """Bytes of a file against the weights that remain, a line for each way of writing it; both axes logarithmic.

    sizes: density (0 to 1) -> way of writing -> bytes; every density has the same ways.

    Raises:
        ValueError: there are none.
    """
    if not sizes:
        raise ValueError("No sizes were given; expected bytes for at least one density.")
    densities = sorted(sizes, reverse=True)
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        for look, name in zip(SERIES, sizes[densities[0]], strict=False):
            ax.plot(
                [100 * d for d in densities],
                [sizes[d][name] / 1000 for d in densities],
                color=look.color,
                marker=look.marker,
                linestyle=look.dash,
                markersize=5,
                label=name,
            )
        density_axis(ax, [100 * d for d in densities])
        _log_axis(ax, [n / 1000 for by_name in sizes.values() for n in by_name.values()])
        ax.set_ylabel("size of the file (kB), logarithmic")
        finish(figure, ax, "What a ticket takes on disk", stamp)
    return figure


def describe_file_sizes(sizes: Mapping[float, Mapping[str, float]]) -> str:
    """The text alternative of `file_sizes`."""
    densities = sorted(sizes, reverse=True)
    shown = [densities[i] for i in few(range(len(densities)), 4)]
    parts = [
        f"{name}: " + ", ".join(f"{sizes[d][name] / 1000:.0f} kB at {100 * d:.3g} %" for d in shown)
        for name in sizes[densities[0]]
    ]
    return f"Size of the file against weights remaining. {'; '.join(parts)}."


Curve = list[tuple[float, float, float, float]]  # density, median ratio, lower and upper quartile


def _curves(rows: Sequence[Row]) -> dict[str, Curve]:
    curves: dict[str, Curve] = {}
    for label in dict.fromkeys(_label(row) for row in rows):
        mine = [row for row in rows if _label(row) == label]
        curve = []
        for density in sorted({row["density"] for row in mine}, reverse=True):
            at = [row for row in mine if row["density"] == density]
            middle, low, high = (float(median(row[key] for row in at)) for key in ("ratio", "low", "high"))
            curve.append((density, middle, low, high))
        curves[label] = curve
    return curves


def _label(row: Row) -> str:
    return f"{row['name']}, batch {row['batch']}"


def _log_axis(ax: Axes, values: Sequence[float]) -> None:
    low, high = min(values) / 1.25, max(values) * 1.25
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    steps = [m * 10.0**e for e in range(-4, 7) for m in (1, 2, 5)]
    ax.yaxis.set_major_locator(FixedLocator([t for t in steps if low <= t <= high]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
