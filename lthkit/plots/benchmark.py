"""How fast loops are, beside one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lthkit.plots.style import LEGEND, LOOKS, QUIET, SERIES, SMALL, STYLE, WIDTH, finish, wrapped
from lthkit.storage.records import Row


def speed(rows: Sequence[Row], *, stamp: str = "") -> Figure:
    """How many times as fast as the textbook loop: a line a case, a marker a variant, whiskers from quartile to quartile.

    `rows` are those of a document of `lthkit bench`; rows without a ratio to "textbook" are left out.

    Raises:
        ValueError: no row has such a ratio, as where torchvision is missing.
    """
    shown = [row for row in rows if row["ratio"] and row["ratio_to"] == "textbook"]
    if not shown:
        raise ValueError(
            "No row has a ratio to the textbook loop; expected at least one, so there is nothing to draw."
        )
    cases = list(dict.fromkeys(row["case"] for row in shown))
    names = list(dict.fromkeys(row["name"] for row in shown))
    markers = "osD^vP*X<>"
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.9 + 0.6 * len(cases)), layout="constrained")
        ax = figure.subplots()
        for i, name in enumerate(names):
            points = [(cases.index(row["case"]), row) for row in shown if row["name"] == name]
            middle = [row["ratio"]["median"] for _, row in points]
            spread = [
                [m - row["ratio"]["low"] for m, (_, row) in zip(middle, points, strict=True)],
                [row["ratio"]["high"] - m for m, (_, row) in zip(middle, points, strict=True)],
            ]
            heights = [case + _shift(row, shown) for case, row in points]
            ax.errorbar(
                middle,
                heights,
                xerr=spread,
                fmt=markers[i % len(markers)],
                markersize=5,
                color=SERIES[i % len(SERIES)].color,
                elinewidth=1.1,
                label=name,
            )
        ax.axvline(
            1, color=LOOKS["dense"].color, linestyle=LOOKS["dense"].dash, linewidth=1.2, label="textbook"
        )
        low = min(0.8, *(0.9 * row["ratio"]["low"] for row in shown))
        high = max(2.0, *(1.1 * row["ratio"]["high"] for row in shown))
        ax.set_xscale("log")
        ax.set_xlim(low, high)
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if low <= t <= high]
        ax.xaxis.set_major_locator(FixedLocator(ticks))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.set_xlabel("times as fast as the textbook loop,\nlogarithmic")
        ax.set_yticks(range(len(cases)), [wrapped(case, 24) for case in cases], fontsize=SMALL)
        ax.set_ylim(len(cases) - 0.5, -0.5)
        ax.grid(axis="y", visible=False)
        for edge in range(1, len(cases)):
            ax.axhline(edge - 0.5, color="#e4e4e4", linewidth=0.6, zorder=0)
        finish(figure, ax, "Speed against the textbook loop", stamp, lines=False)
    return figure


def _shift(row: Row, shown: Sequence[Row]) -> float:
    """Where in its case's line a variant stands: they lie below one another, so that equal ratios do not hide."""
    names = [other["name"] for other in shown if other["case"] == row["case"]]
    return 0.7 * ((names.index(row["name"]) + 0.5) / len(names) - 0.5)


def speed_steps(timings: Sequence[Any], *, stamp: str = "") -> Figure:
    """Updates per second of several loops, one below the other: median, and a bar from quartile to quartile.

    `timings` are those of `bench.interleaved`, timed per update; each has `name`, `time` and `ratio`.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.6 + 0.5 * len(timings)), layout="constrained")
        ax = figure.subplots()
        look, place = LOOKS["ticket"], list(range(len(timings)))[::-1]
        for y, timing in zip(place, timings, strict=True):
            low, middle, high = 1 / timing.time.high, 1 / timing.time.median, 1 / timing.time.low
            ax.plot([0, middle], [y, y], color=QUIET, linewidth=0.8)
            ax.errorbar(
                [middle],
                [y],
                xerr=[[middle - low], [high - middle]],
                fmt=look.marker,
                color=look.color,
                capsize=4,
            )
            ax.annotate(
                f"{middle:,.0f} ({timing.ratio.median:.1f}x)",
                (high, y),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                fontsize=LEGEND,
            )
        ax.set_yticks(place, [wrapped(timing.name, 22) for timing in timings])
        ax.set_ylim(-0.6, len(timings) - 0.4)
        ax.set_xlim(0, 1.7 * max(1 / timing.time.low for timing in timings))
        ax.set_xlabel("updates per second\n(in brackets: times the first)")
        finish(figure, ax, "From the textbook loop to a fast one", stamp, lines=False)
    return figure


def describe_steps(timings: Sequence[Any]) -> str:
    """The text alternative of `speed_steps`."""
    parts = [f"{t.name} {1 / t.time.median:,.0f} ({t.ratio.median:.1f} times the first)" for t in timings]
    return "Updates per second, medians: " + "; ".join(parts) + "."
