"""A reader's predictions beside the measurement."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure

from lthkit import evidence
from lthkit.plots.style import LOOKS, STYLE, WIDTH, bar, finish

Prediction = tuple[str, float | None, evidence.Interval]


def predicted(
    points: Sequence[Prediction],
    *,
    unit: str,
    title: str = "Your predictions beside the measurement",
    start: float | None = None,
    stamp: str = "",
) -> Figure:
    """Predictions (diamonds) beside measurements (dots with their 95 % interval), one line for each of `points`.

    `points` are (label, prediction or None, interval), all in `unit`. Without a prediction only the measurement is drawn.
    `start` is where the axis is to begin at the latest, such as 0 where lengths are to be compared.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.7 + 0.55 * len(points)), layout="constrained")
        ax = figure.subplots()
        look, place = LOOKS["ticket"], list(range(len(points)))[::-1]
        bands = [band for _, _, band in points]
        ax.errorbar(
            [b.mean for b in bands],
            place,
            xerr=[bar(b) for b in bands],
            fmt=look.marker,
            color=look.color,
            capsize=4,
            label="measured: mean, 95 % interval",
        )
        mine = [(value, y) for (_, value, _), y in zip(points, place, strict=True) if value is not None]
        if mine:
            ax.plot(
                [value for value, _ in mine],
                [y for _, y in mine],
                "D",
                color=LOOKS["re-initialised"].color,
                markersize=8,
                markerfacecolor="none",
                markeredgewidth=1.8,
                label="your prediction",
            )
        ax.set_yticks(place, [label for label, _, _ in points])
        ax.set_ylim(-0.6, len(points) - 0.4)
        left, right = ax.get_xlim()
        if (room := 0.04 * max(abs(left), abs(right))) > right - left:  # a very narrow interval
            left, right = (left + right - room) / 2, (left + right + room) / 2
            ax.set_xlim(left, right)
        if start is not None and start < left:
            ax.set_xlim(start, right + 0.05 * (right - start))
        ax.ticklabel_format(axis="x", useOffset=False)
        if left < 0 < right:
            ax.axvline(0, color="#333333", linewidth=1)
        ax.set_xlabel(unit)
        finish(figure, ax, title, stamp)
    return figure


def describe_predicted(points: Sequence[Prediction], *, unit: str) -> str:
    """The text alternative of `predicted`."""
    parts = []
    for label, value, band in points:
        said = "no prediction" if value is None else f"predicted {value:.3g}"
        spread = f" (95 % interval {band.low:.3g} to {band.high:.3g})" if band.n > 1 else ""
        parts.append(f"{label}: {said}, measured {band.mean:.3g}{spread} {unit}")
    return "Predictions beside measurements. " + "; ".join(parts) + "."
