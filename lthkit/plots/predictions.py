"""A reader's predictions beside the measurement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

import matplotlib
from matplotlib.figure import Figure

from lthkit import evidence
from lthkit.plots.style import LOOKS, STYLE, WIDTH, bands_in_words, finish, measured, wrapped

Prediction = tuple[str, float | None, evidence.Interval]


def predicted(
    points: Sequence[Prediction],
    *,
    unit: str,
    title: str = "Your predictions beside the measurement",
    stamp: str = "",
) -> Figure:
    """Predictions (diamonds) beside measurements (dots with their 95 % interval), one line for each of `points`.

    `points` are (label, prediction or None, interval), all in `unit`. Without a prediction only the measurement is drawn.
    Where no interval is to be shown (`Interval.shown`: from three seeds or fewer, two of a difference, or where it reaches
    beyond what can be), small dots are the seeds, and the legend says so. 0 is always on the axis: a prediction is as
    far off as it is, beside the size of the thing itself.

    Raises:
        ValueError: no points, or a prediction that is no finite number.
    """
    if not points:
        raise ValueError("No points were given; expected one (label, prediction or None, interval) at least.")
    for label, value, _ in points:
        if value is not None and not (isinstance(value, Real) and math.isfinite(value)):
            raise ValueError(
                f"The prediction for {label!r} is {value!r}; expected a number, or None for none."
            )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.7 + 0.55 * len(points)), layout="constrained")
        ax = figure.subplots()
        look, place = LOOKS["ticket"], list(range(len(points)))[::-1]
        bands = [band for _, _, band in points]
        measured(ax, place, bands, look, across=True, label=f"measured: {bands_in_words(bands)}")
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
        ax.set_yticks(place, [wrapped(label, 24) for label, _, _ in points])
        ax.set_ylim(-0.6, len(points) - 0.4)
        drawn = [0.0, *(value for value, _ in mine)]
        drawn += [v for b in bands for v in ((b.low, b.high) if b.shown else (b.mean, *b.values))]
        room = 0.06 * (max(drawn) - min(drawn) or 1.0)
        ax.set_xlim(min(drawn) - room, max(drawn) + room)
        ax.ticklabel_format(axis="x", useOffset=False)
        ax.axvline(0, color="#333333", linewidth=1)
        ax.set_xlabel(wrapped(unit, 44))
        finish(figure, ax, title, stamp, lines=False)
    return figure


def describe_predicted(points: Sequence[Prediction], *, unit: str) -> str:
    """The text alternative of `predicted`."""
    parts = []
    for label, value, band in points:
        said = "no prediction" if value is None else f"predicted {value:.3g}"
        parts.append(f"{label}: {said}, measured {band.said('.3g')} {unit}")
    return (
        "Predictions beside measurements, mean and 95 % interval or single seeds. " + "; ".join(parts) + "."
    )
