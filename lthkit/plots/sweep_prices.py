"""What a sweep's methods cost: the metric against the updates of search and training together, each point with its density."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import Bbox

from lthkit.plots.letters import lettered
from lthkit.plots.style import DPI, INK, SMALL, STYLE, WIDTH, few, measured, wrapped
from lthkit.plots.sweep_panels import Curve, Panel, Spot, panels, percent
from lthkit.plots.sweep_remarks import remarks
from lthkit.plots.sweeps import closing, framed, levels, marked
from lthkit.storage.records import Row

_ASIDE = {2: 1.12, 3: 1.1, 4: 1.08}  # between the marks of so many lines that cost the same
_ASIDE_OF_MANY = 1.05
_GAP = 7.0  # points between a mark and its density
# To the right, above and below; to the left it would be taken for that of another line.
_AROUND = tuple(
    (math.cos(a), math.sin(a)) for a in (0.0, math.pi / 4, -math.pi / 4, math.pi / 2, -math.pi / 2)
)


def sweep_costs(
    rows: Sequence[Row], *, column: str | None = None, title: str = "What a ticket costs", stamp: str = ""
) -> Figure:
    """What each method reaches against what it takes: the updates of the search and of the last training, all together.

    rows: those of a sweep, as `lth.results` gives them; updates are steps + search_steps, the mean over seeds. Updates of
    dense and of sparse networks count the same; evaluations and scores are not counted. One panel for each network and data,
    one line a method, which goes from the densest ticket to the sparsest. The small numbers are densities in percent, where there is room. Bars, dots and open markers are those of `sweep`. Where lines share a cost, their marks stand a little aside.

    column: None is that by which the rows are judged (see `evidence.judged`).

    Raises:
        ValueError: as `sweep`; no row says its updates.
    """
    found = panels(rows, column)
    if not any(_priced(curve) for panel in found for curve in panel.curves):
        raise ValueError(
            "No ticket of the rows has steps and search_steps; expected those of a sweep, which say how many updates a ticket took."
        )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.5 + 3.1 * len(found)), layout="constrained")
        axes = list(figure.subplots(len(found), 1, sharex=True, squeeze=False)[:, 0])
        names = list(dict.fromkeys(curve.name for panel in found for curve in panel.curves))
        aside = _asides(found, names)
        keys: dict[str, Any] = {}
        for ax, panel in zip(axes, found, strict=True):
            _panel(ax, panel, keys, aside)
        _axis(axes, [p for panel in found for c in panel.all for _, p in _priced(c)], aside)
        for ax in axes:
            ax.label_outer()
        closing(axes, found, bands=False)
        words = "numbers: weights remaining (%), where there is room"
        words += "; lines of one cost stand side by side" * (len(set(aside.values())) > 1)
        axes[0].plot([], [], " ", color=INK, label=words)
        framed(figure, axes, title, stamp, remarks(found))
        figure.set_dpi(DPI)  # measured as it will be saved: text does not scale exactly
        figure.draw_without_rendering()
        for ax, panel in zip(axes, found, strict=True):
            _densities(ax, panel, aside)
    return figure


def describe_sweep_costs(rows: Sequence[Row], *, column: str | None = None) -> str:
    """The text alternative of `sweep_costs`: of each line its value and its updates at the densest and the sparsest tickets."""
    parts = []
    for panel in panels(rows, column):
        by, unit, told = panel.by, f" {panel.by.quantity.unit}".rstrip(), []
        for curve in (*panel.dense, *panel.curves):
            spots = _priced(curve)
            points = [
                f"{spot.band.said(panel.form)}{unit} for {price:,.0f} updates"
                + ("" if curve in panel.dense else f" at {percent(spot.density)}")
                for spot, price in (spots[i] for i in few(range(len(spots)), 3))
                if spot.band is not None
            ]
            if points:
                told.append(f"{curve.name}: {', '.join(points)}")
        better = f" ({by.quantity.better})" if by.quantity.better else ""
        parts.append(f"{panel.title}, {by.name}{better}: {'; '.join(told)}.")
    sentences = " ".join(remarks(panels(rows, column)))
    return f"Line charts against updates of search and training, logarithmic. {' '.join(parts)} {sentences}"


def _priced(curve: Curve) -> list[tuple[Spot, float]]:
    """The levels of a curve that have a value, with the updates that they took, where rows say so."""
    return [(spot, spot.updates) for spot in curve.spots if spot.band is not None and spot.updates]


def _asides(found: Sequence[Panel], names: Sequence[str]) -> dict[str, float]:
    """A factor for the place of each line: 1 but for those that share a cost with another line."""
    aside = dict.fromkeys(names, 1.0)
    groups: list[list[str]] = []
    for panel in found:
        costs = {curve.name: {round(math.log(p), 2) for _, p in _priced(curve)} for curve in panel.curves}
        for name, own in costs.items():
            for group in groups:
                if name not in group and any(own & costs.get(other, set()) for other in group):
                    group.append(name)
            if not any(name in group for group in groups):
                groups.append([name])
    for group in groups:
        for i, name in enumerate(group):
            aside[name] = _ASIDE.get(len(group), _ASIDE_OF_MANY) ** (i - (len(group) - 1) / 2)
    return aside


def _panel(ax: Axes, panel: Panel, keys: dict[str, Any], aside: dict[str, float]) -> None:
    values = levels(ax, panel, keys)
    for curve in panel.curves:
        spots = _priced(curve)
        if not spots:
            continue
        look = curve.look
        bands = [spot.band for spot, _ in spots if spot.band is not None]
        x, means = [aside[curve.name] * price for _, price in spots], [band.mean for band in bands]
        ax.plot(x, means, color=look.color, linestyle=look.dash, linewidth=1.2, zorder=3)
        measured(ax, x, bands, look._replace(marker=""), zorder=2, elinewidth=1)
        marked(ax, x, means, [spot.improving > 0 for spot, _ in spots], look)
        key: dict[str, Any] = {"color": look.color, "linestyle": look.dash, "marker": look.marker}
        label = "_" if curve.name in keys else curve.name
        keys[curve.name] = True
        ax.plot(x[-1:], means[-1:], label=label, zorder=0, markersize=5, **key)
        values += [v for spot, _ in spots for v in spot.values.values()]
        values += [end for band in bands if band.shown for end in (band.low, band.high)]
    margin = 0.08 * (max(values) - min(values)) or 0.02 * abs(values[0]) or 1.0 if values else 0.0
    if values:
        ax.set_ylim(min(values) - margin, max(values) + margin)
    ax.set_ylabel(panel.by.heading if len(panel.by.heading) < 30 else wrapped(panel.by.heading, 20))
    ax.set_xlabel("updates in all, logarithmic")
    lettered(ax.set_title(wrapped(panel.title, 56), loc="left", fontsize=SMALL + 1))


def _axis(axes: Sequence[Axes], prices: Sequence[float], aside: dict[str, float]) -> None:
    low = min(prices) * min(aside.values()) / 1.25
    high = max(prices) * max(aside.values()) * 1.25
    steps = [m * 10.0**e for e in range(15) for m in (1, 2, 5)]
    ticks = [t for t in steps if low <= t <= high]
    if len(ticks) < 2:
        ticks = sorted({float(f"{price:.3g}") for price in (min(prices), max(prices))})
    for ax in axes:
        ax.set_xscale("log")
        ax.set_xlim(low, high)
        ax.xaxis.set_major_locator(FixedLocator(ticks))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))


def _densities(ax: Axes, panel: Panel, aside: dict[str, float]) -> None:
    """Write the density beside each mark where nothing is in the way: the ends of the lines first."""
    to = ax.transData.transform
    scale = DPI / 72
    lines: list[list[tuple[float, float]]] = []
    wanted: list[tuple[int, float, float, str]] = []
    for curve in panel.curves:
        spots = [(spot, aside[curve.name] * price) for spot, price in _priced(curve)]
        lines.append([tuple(to((price, spot.band.mean))) for spot, price in spots if spot.band])
        for i, (spot, price) in enumerate(spots):
            rank = 0 if i == len(spots) - 1 else 1 if i == 0 else 2
            wanted.append((rank, price, spot.band.mean if spot.band else 0.0, f"{spot.density:.3g}"))
    taken = [
        Bbox.from_bounds(x - 4 * scale, y - 4 * scale, 8 * scale, 8 * scale)
        for line in lines
        for x, y in line
    ]
    between = [point for line in lines for point in _along(line)]
    frame = ax.get_window_extent()
    for rank, price, value, text in sorted(wanted, key=lambda one: one[0]):
        best: tuple[int, Annotation, Bbox] | None = None
        for dx, dy in _AROUND:
            note = ax.annotate(
                text,
                (price, value),
                (_GAP * dx, _GAP * dy),
                textcoords="offset points",
                fontsize=SMALL,
                ha="left" if dx > 0.3 else "right" if dx < -0.3 else "center",
                va="bottom" if dy > 0.3 else "top" if dy < -0.3 else "center",
            )
            note.set_in_layout(False)
            box = note.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            crossed = sum(box.contains(*point) for point in between)
            if (
                not inside
                or any(box.padded(scale).overlaps(other) for other in taken)
                or (rank == 2 and crossed)
            ):
                note.remove()
                continue
            if best is None or crossed < best[0]:
                if best is not None:
                    best[1].remove()
                best = (crossed, note, box)
            else:
                note.remove()
        if best is not None:
            taken.append(best[2])


def _along(line: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points on a line of pixels, close enough to find what it crosses."""
    found = []
    for (ax, ay), (bx, by) in zip(line, line[1:], strict=False):
        count = max(2, round(math.hypot(bx - ax, by - ay) / 8))
        found += [(ax + (bx - ax) * i / count, ay + (by - ay) * i / count) for i in range(1, count)]
    return found
