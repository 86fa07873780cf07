"""A sweep in one figure: what each method reaches at each density, with its seeds; and what that takes in updates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lthkit.plots.letters import lettered
from lthkit.plots.style import (
    DPI,
    INK,
    PAPER,
    QUIET,
    SMALL,
    STYLE,
    WIDTH,
    Look,
    bands_in_words,
    density_axis,
    few,
    headed,
    legend,
    measured,
    wrapped,
)
from lthkit.plots.sweep_panels import Curve, Panel, panels, percent
from lthkit.plots.sweep_remarks import remarks, shortened
from lthkit.storage.records import Row

_BANDS = 4  # curves in a panel up to which intervals are bands; more of them would hide one another
_ASIDE = 1.03
_CLOSE = 1.12  # densities that span no more have no axis of their own


def sweep(
    rows: Sequence[Row], *, column: str | None = None, title: str = "Methods against density", stamp: str = ""
) -> Figure:
    """What each method reaches against the weights that remain: a panel for each network and data, a line a method.

    rows: those of a sweep, as `lth.results` gives them. A line is all that differs in seed and level only; its name says
    what tells it from the others. Lines show the mean, and its 95 % interval as a band, or as a bar where there are more
    than four lines, whose marks then stand side by side. Small dots are the seeds where an interval is not to be shown
    (`Interval.shown`). An open marker says that some seed's best step lay in the last tenth of its budget. Under the figure stand the number of seeds, searches that found no ticket, and levels that are missing.

    column: None is that by which the rows are judged (see `evidence.judged`).

    Raises:
        ValueError: no rows; more lines than eight (see `sweep_parts`); two rows of one line, level and seed.
    """
    found = panels(rows, column)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.5 + 2.7 * len(found)), layout="constrained")
        axes = list(figure.subplots(len(found), 1, sharex=True, squeeze=False)[:, 0])
        keys: dict[str, Any] = {}
        densities = [spot.density for panel in found for curve in panel.curves for spot, _ in curve.drawn]
        names = list(dict.fromkeys(curve.name for panel in found for curve in panel.curves))
        places = _places(found, densities, names)
        for ax, panel in zip(axes, found, strict=True):
            _panel(ax, panel, keys, places)
            _axis(ax, densities, names)
            ax.label_outer()
        closing(axes, found, bands=True)
        framed(figure, axes, title, stamp, remarks(found))
    return figure


def describe_sweep(rows: Sequence[Row], *, column: str | None = None) -> str:
    """The text alternative of `sweep`: of each line its values at a few densities, the best line at the least density, and
    all that is said under the figure."""
    found = panels(rows, column)
    parts = [_panel_in_words(panel) for panel in found]
    return f"Line charts against weights remaining. {' '.join(parts)} {' '.join(remarks(found))}".strip()


def framed(figure: Figure, axes: Sequence[Axes], title: str, stamp: str, sentences: Sequence[str]) -> None:
    """Legend, title, small print, and under the legend what is said of the panels; the figure grows for all of it."""
    height = figure.get_figheight()
    legend(figure, axes[0], *axes[1:])
    wide = round(13 * figure.get_figwidth())
    words = "\n".join(wrapped(sentence, wide) for sentence in shortened(sentences))
    small = lettered(figure.text(0.012, 0.0, words, fontsize=SMALL, color=QUIET, va="bottom"))
    small.set_in_layout(False)
    figure.set_dpi(DPI)  # measured as it will be saved: text does not scale exactly
    figure.draw_without_rendering()
    pieces = [small, *figure.legends]
    below, keys = [piece.get_window_extent().height / DPI for piece in pieces] + [0.0] * (2 - len(pieces))
    head = wrapped(title, 44).count("\n") + 1 + (wrapped(stamp, 70).count("\n") + 1 if stamp else 0)
    height += below + keys + 0.18 * head + 0.1
    figure.set_figheight(height)
    small.set_y(0.05 / height)
    for box in figure.legends:
        box.set_in_layout(False)
        box.set_loc("lower left")
        box.set_bbox_to_anchor((0.0, (below + 0.08) / height), figure.transFigure)
    engine = figure.get_layout_engine()
    share = (below + keys + 0.1) / height
    if engine is not None:
        engine.set(rect=(0.0, share, 1.0, 1.0 - share))  # type: ignore[call-arg]
    headed(figure, title, stamp)


def closing(axes: Sequence[Axes], found: Sequence[Panel], *, bands: bool) -> None:
    """The last entries of the legend: what an open marker is, and what stands round the means."""
    every = [(spot, band) for panel in found for curve in panel.curves for spot, band in curve.drawn]
    if any(spot.improving for spot, _ in every):
        open_: dict[str, Any] = {"color": "#333333", "markerfacecolor": PAPER, "markersize": 5}
        axes[0].plot([], [], "o", label="open: some best step near the end", **open_)
    if not every:
        return
    words = bands_in_words([band for _, band in every])
    if bands and all(len(panel.curves) <= _BANDS for panel in found):
        words = words.replace("95 % interval", "band: 95 % interval")
    if all(band.n == 1 for _, band in every):
        words = "the one seed (no interval)"
    if bands and max(len(panel.curves) for panel in found) > _BANDS:
        words += "; lines of one density stand side by side"
    axes[0].plot([], [], " ", color=INK, label=words)


def levels(ax: Axes, panel: Panel, keys: dict[str, Any]) -> list[float]:
    """The dense networks as level lines across a panel; gives their values."""
    values = []
    for curve in panel.dense:
        for _, band in curve.drawn:
            label = curve.name if band.n == 1 else f"{curve.name} (mean)"
            key = "_" if label in keys else label
            keys[label] = True
            ax.axhline(band.mean, color=curve.look.color, linestyle=curve.look.dash, linewidth=1.2, label=key)
            values.append(band.mean)
    return values


def _one(densities: Sequence[float]) -> bool:
    """Whether there is one density, or several that are as near to one another as lines of one level can be."""
    return bool(densities) and max(densities) <= _CLOSE * min(densities)


def _places(
    found: Sequence[Panel], densities: Sequence[float], names: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Where the marks of each line stand: a factor of the density, and what is added to it.

    Of one density the lines stand one beside the other. Many lines at several densities stand a little aside.
    """
    if _one(densities):
        return {name: (0.0, float(i)) for i, name in enumerate(names)}
    if max(len(panel.curves) for panel in found) <= _BANDS:
        return {name: (1.0, 0.0) for name in names}
    return {name: (_ASIDE ** ((len(names) - 1) / 2 - i), 0.0) for i, name in enumerate(names)}


def _axis(ax: Axes, densities: Sequence[float], names: Sequence[str]) -> None:
    """The axis of the densities: logarithmic, or of one density the lines side by side."""
    if not _one(densities):
        density_axis(ax, sorted({float(f"{density:.3g}") for density in densities}) or [100.0])
        first, last = ax.get_xlim()
        edge = _ASIDE ** (len(names) / 2)
        ax.set_xlim(first * edge, last / edge)
        return
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.set_xticks([])
    least, most = f"{min(densities):.3g}", f"{max(densities):.3g}"
    at = least if least == most else f"{most} to {least}"
    ax.set_xlabel(f"at {at} % of the weights: lines side by side")


def _panel(ax: Axes, panel: Panel, keys: dict[str, Any], places: dict[str, tuple[float, float]]) -> None:
    values = levels(ax, panel, keys)
    bars = any(place != (1.0, 0.0) for place in places.values())
    for curve in panel.curves:
        _line(ax, curve, places[curve.name], keys, bars=bars)
        values += [value for spot in curve.spots for value in spot.values.values()]
        values += [end for _, band in curve.drawn if band.shown for end in (band.low, band.high)]
    if values:
        margin = 0.06 * (max(values) - min(values)) or 0.02 * abs(values[0]) or 1.0
        ax.set_ylim(min(values) - margin, max(values) + margin)
    ax.set_ylabel(panel.by.heading if len(panel.by.heading) < 30 else wrapped(panel.by.heading, 20))
    lettered(ax.set_title(wrapped(panel.title, 56), loc="left", fontsize=SMALL + 1))


def _line(ax: Axes, curve: Curve, place: tuple[float, float], keys: dict[str, Any], *, bars: bool) -> None:
    look, drawn = curve.look, curve.drawn
    if not drawn:
        return
    x = [place[0] * spot.density + place[1] for spot, _ in drawn]
    bands = [band for _, band in drawn]
    means = [band.mean for band in bands]
    ax.plot(x, means, color=look.color, linestyle=look.dash, linewidth=1.5, zorder=3)
    if bars:
        measured(ax, x, bands, look._replace(marker=""), zorder=2, elinewidth=1)
    else:
        low, high = [b.low for b in bands], [b.high for b in bands]
        ax.fill_between(
            x, low, high, where=[b.shown for b in bands], color=look.color, alpha=0.16, linewidth=0
        )
        lacking = [(at, band) for at, band in zip(x, bands, strict=True) if not band.shown]
        for at, band in lacking:
            ax.plot([at] * band.n, band.values, ".", color=look.color, markersize=5, zorder=2)
    marked(ax, x, means, [spot.improving > 0 for spot, _ in drawn], look)
    key: dict[str, Any] = {"color": look.color, "linestyle": look.dash, "marker": look.marker}
    label = "_" if curve.name in keys else curve.name
    keys[curve.name] = True
    ax.plot(x[-1:], means[-1:], label=label, zorder=0, markersize=5, **key)


def marked(ax: Axes, x: Sequence[float], y: Sequence[float], open_: Sequence[bool], look: Look) -> None:
    """The markers of the means: an open one where a training may still improve."""
    for improving in (False, True):
        spots = [(a, b) for a, b, one in zip(x, y, open_, strict=True) if one == improving]
        if spots:
            ax.plot(
                *zip(*spots, strict=True),
                linestyle="none",
                marker=look.marker,
                markersize=7 if look.marker in "PX" and improving else 5,
                color=look.color,
                markerfacecolor=PAPER if improving else look.color,
                zorder=4,
            )


def _panel_in_words(panel: Panel) -> str:
    by, unit = panel.by, f" {panel.by.quantity.unit}".rstrip()
    parts = [
        f"{curve.name}: {band.said(panel.form)}{unit}" for curve in panel.dense for _, band in curve.drawn
    ]
    for curve in panel.curves:
        drawn = curve.drawn
        shown = [drawn[i] for i in few(range(len(drawn)), 5 if len(panel.curves) < 4 else 3)]
        if shown:
            told = [f"{band.said(panel.form)}{unit} at {percent(spot.density)}" for spot, band in shown]
            parts.append(f"{curve.name}: {', '.join(told)}")
    better = f" ({by.quantity.better})" if by.quantity.better else ""
    what = (
        f"{panel.title}, {by.name}{better}, means with their 95 % interval or their seeds"
        if panel.title
        else by.title
    )
    return f"{what}: {'; '.join(parts) or 'no result yet'}.{_best(panel)}{_improving(panel)}"


def _best(panel: Panel) -> str:
    """Which line has the best mean at the least density, if all lines have it. It is no claim."""
    ends = {curve.name: curve.drawn[-1] for curve in panel.curves if curve.drawn}
    densities = [spot.density for spot, _ in ends.values()]
    if len(ends) < 2 or not _one(densities):
        return ""
    means = [band.mean for _, band in ends.values()]
    top = min(means) if panel.by.quantity.direction == "lower" else max(means)
    names = [name for name, (_, band) in ends.items() if math.isclose(band.mean, top, rel_tol=1e-9)]
    verb = "best mean is that" if len(names) == 1 else "best mean is shared by those"
    return f" At the least density the {verb} of {', '.join(names)}."


def _improving(panel: Panel) -> str:
    parts = [
        f"{curve.name} at {', '.join(percent(spot.density) for spot, _ in curve.drawn if spot.improving)}"
        for curve in panel.curves
        if any(spot.improving for spot, _ in curve.drawn)
    ]
    return f" Still improving at the end of the budget, in some seed: {'; '.join(parts)}." if parts else ""
