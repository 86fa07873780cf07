"""Every two lines of a sweep against one another, at one density: paired differences as a matrix and as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lthkit.evidence.statistics import Interval, Judged, differences, interval
from lthkit.machine.checks import is_number
from lthkit.machine.tables import Table
from lthkit.plots.letters import lettered
from lthkit.plots.style import INK, SMALL, STYLE, WIDTH, wrapped
from lthkit.plots.sweep_panels import NEAR, Curve, Panel, Spot, decimals, listed, panels, percent
from lthkit.plots.sweep_remarks import shortened
from lthkit.plots.sweeps import framed
from lthkit.storage.records import Row

# Pale enough at both ends for black letters; orange is worse, blue better, in grey by the sign that is written.
_COLOURS = LinearSegmentedColormap.from_list("worse to better", ["#F2A766", "#FFFFFF", "#7FBCE6"])


@dataclass(frozen=True)
class _Pairs:
    """The lines of a panel at one density, the best mean first; `sparse` are those of a ticket."""

    panel: Panel
    chosen: tuple[tuple[Curve, Spot], ...]
    left_out: tuple[str, ...]

    def between(self, i: int, j: int) -> Interval | str:
        """Line i minus line j over the seeds that both have, or why there is no difference."""
        one, other = self.chosen[i][1].values, self.chosen[j][1].values
        shared = sorted(one.keys() & other.keys())
        if len(shared) < 2:
            return "one seed" if shared else "no seed"
        return interval([one[seed] - other[seed] for seed in shared])


def sweep_matrix(
    rows: Sequence[Row],
    *,
    density: float | None = None,
    column: str | None = None,
    title: str = "",
    stamp: str = "",
) -> Figure:
    """Paired differences between every two lines at one density: the line of the row minus that of the column.

    A cell has the mean difference over the seeds that both lines have, and half its 95 % interval. It is blue where the
    line of the row is better, orange where it is worse, and framed where the interval excludes 0. Where two lines have fewer than two seeds in common the cell is
    empty and says so. The dense network is one of the lines. One matrix for each network and data.

    rows: those of a sweep, as `lth.results` gives them.
    density: fraction of the weights kept, such as 0.1. Of each line the level that is nearest to it is taken, which is at
        most 12 % of it away; lines that have none are named under the matrix. None is the density that most lines have, the
        least of several.
    column: None is that by which the rows are judged (see `evidence.judged`).

    Raises:
        ValueError: as `sweep`; a density at which no two lines can be compared.
    """
    at, found = _chosen(rows, density, column)
    sizes = [len(pairs.chosen) for pairs in found]
    with matplotlib.rc_context(STYLE):
        heights = [0.75 + 0.47 * size for size in sizes]
        figure = Figure(figsize=(WIDTH, 0.2 + sum(heights)), layout="constrained")
        axes = list(figure.subplots(len(found), 1, height_ratios=heights, squeeze=False)[:, 0])
        for ax, pairs in zip(axes, found, strict=True):
            _draw(ax, pairs, at)
        head = title or f"Paired differences at {percent(100 * at)} of the weights"
        framed(figure, axes, head, stamp, shortened(_said(found, at)))
    return figure


def describe_sweep_matrix(
    rows: Sequence[Row], *, density: float | None = None, column: str | None = None
) -> str:
    """The text alternative of `sweep_matrix`: each difference once, with its interval and n."""
    at, found = _chosen(rows, density, column)
    parts = []
    for pairs in found:
        told = []
        for i, j in _once(pairs):
            band, name = pairs.between(i, j), _difference(pairs, i, j)
            told.append(
                f"{name}: {band} in common"
                if isinstance(band, str)
                else f"{name}: {band.said('+.2f' if pairs.panel.by.scale == 100 else '+.3g')}, n = {band.n}"
            )
        parts.append(f"{pairs.panel.title}, {pairs.panel.by.points}: {'; '.join(told)}.")
    return (
        f"Matrix of paired differences at {percent(100 * at)} of the weights, the best mean first, with 95 % intervals. "
        f"{' '.join(parts)} {' '.join(_said(found, at))}"
    )


def sweep_differences(
    rows: Sequence[Row], *, density: float | None = None, column: str | None = None
) -> list[Table]:
    """The differences of `sweep_matrix` as tables, one for each network and data: mean, 95 % interval, n, and what it says."""
    at, found = _chosen(rows, density, column)
    tables = []
    for pairs in found:
        by = pairs.panel.by
        bands = {(i, j): pairs.between(i, j) for i, j in _once(pairs)}
        known = {_difference(pairs, *ij): band for ij, band in bands.items() if isinstance(band, Interval)}
        lacking = [
            f"{_difference(pairs, *ij)}: {band} in common, so no difference."
            for ij, band in bands.items()
            if isinstance(band, str)
        ]
        digits = 2 if by.scale == 100 else decimals(band.half for band in known.values())
        unit = "points" if by.scale == 100 else by.quantity.unit or by.quantity.name
        title = f"{pairs.panel.title}: paired differences of {by.name} at {percent(100 * at)} of the weights"
        if not known:
            lacking = ["No two lines have two seeds in common, so there is no difference."]
        notes = [*lacking, *pairs.left_out, *_caution(len(known))]
        if by.quantity.better:
            notes.insert(0, f"{by.quantity.better[:1].upper()}{by.quantity.better[1:]}.")
        tables.append(differences(known, unit=unit, title=title, digits=digits, notes=notes))
    return tables


def _chosen(rows: Sequence[Row], density: float | None, column: str | None) -> tuple[float, list[_Pairs]]:
    """The density as a fraction, and of each panel the lines that have it."""
    if density is not None and (not is_number(density) or not 0 < density < 1):
        raise ValueError(f"density={density!r} was given; expected a fraction between 0 and 1, such as 0.1.")
    found = panels(rows, column)
    at = _common(found) if density is None else density
    pairs = [_pairs(panel, at) for panel in found]
    enough = [one for one in pairs if len(one.chosen) > 1]
    if not enough or all(curve.arm == "dense" for one in enough for curve, _ in one.chosen):
        there = sorted({percent(s.density) for p in found for c in p.curves for s, _ in c.drawn})
        raise ValueError(
            f"density={at:g} was given, and no two lines can be compared there; expected one of the densities of the rows, "
            f"{', '.join(there) or 'which have none'}, at which two lines have results."
        )
    return at, enough


def _common(found: Sequence[Panel]) -> float:
    """The density, a fraction, that most lines have; the least of several."""
    every = sorted({s.density for panel in found for curve in panel.curves for s, _ in curve.drawn})
    counts = {
        at: sum(_nearest(curve, at / 100) is not None for panel in found for curve in panel.curves)
        for at in every
    }
    exact = {
        at: sum(
            any(abs(s.density / at - 1) < 0.01 for s, _ in curve.drawn)
            for panel in found
            for curve in panel.curves
        )
        for at in every
    }
    return max(every, key=lambda at: (counts[at], exact[at], -at)) / 100 if every else 1.0


def _nearest(curve: Curve, density: float) -> Spot | None:
    spots = [spot for spot, _ in curve.drawn]
    best = min(spots, key=lambda spot: abs(math.log(spot.density / 100 / density)), default=None)
    if best is None or abs(math.log(best.density / 100 / density)) > math.log(1 + NEAR) + 1e-9:
        return None
    return best


def _pairs(panel: Panel, at: float) -> _Pairs:
    chosen, left_out = [], []
    for curve in panel.curves:
        spot = _nearest(curve, at)
        if spot is None:
            there = ", ".join(percent(s.density) for s, _ in curve.drawn) or "no level"
            left_out.append(f"{curve.name} has no result at {percent(100 * at)}: it has {there}.")
        else:
            chosen.append((curve, spot))
    chosen += [(curve, spot) for curve in panel.dense for spot, _ in curve.drawn[:1]]
    sign = 1 if panel.by.quantity.direction == "lower" else -1
    chosen.sort(key=lambda pair: sign * (pair[1].band.mean if pair[1].band else 0.0))
    return _Pairs(panel, tuple(chosen), tuple(left_out))


def _once(pairs: _Pairs) -> list[tuple[int, int]]:
    count = len(pairs.chosen)
    return [(i, j) for i in range(count) for j in range(i + 1, count)]


def _difference(pairs: _Pairs, i: int, j: int) -> str:
    return f"{pairs.chosen[i][0].name} - {pairs.chosen[j][0].name}"


def _said(found: Sequence[_Pairs], at: float) -> list[str]:
    """What stands under the matrices."""
    said = [
        "Row minus column over common seeds, ± half the 95 % interval. Blue: the row is better. Framed: the interval excludes 0."
    ]
    numbers: set[int] = set()
    unspread = False
    for pairs in found:
        before = f"{pairs.panel.title}: " if len(found) > 1 else ""
        bands = [pairs.between(i, j) for i, j in _once(pairs)]
        numbers |= {band.n for band in bands if isinstance(band, Interval)}
        if any(isinstance(band, str) for band in bands):
            seeds = "; ".join(f"{curve.name} has {listed(spot.values)}" for curve, spot in pairs.chosen)
            said.append(f"{before}Empty: fewer than two common seeds. {seeds}.")
        said += [before + sentence for sentence in pairs.left_out]
        other = [
            f"{curve.name} at {percent(spot.density)}"
            for curve, spot in pairs.chosen
            if curve not in pairs.panel.dense and abs(spot.density / 100 / at - 1) > 0.01
        ]
        said += [f"{before}The nearest levels: {', '.join(other)}."] * bool(other)
        unspread |= any(band.unspread for band in bands if isinstance(band, Interval))
    if len(numbers) == 1:
        said.insert(1, f"Each difference is of n = {numbers.pop()} seeds.")
    elif numbers:
        said.insert(1, "n under a difference: the seeds that both have.")
    said += ["equal: the difference is the same for all seeds, so it has no interval."] * unspread
    known = [pairs.between(i, j) for pairs in found for i, j in _once(pairs)]
    return said + _caution(sum(isinstance(band, Interval) for band in known))


def _caution(count: int) -> list[str]:
    if count < 2:
        return []
    return [f"{count} comparisons: where there is no difference, 1 interval in 20 excludes 0 all the same."]


def _exponent(values: Sequence[float]) -> int:
    """The power of ten, a multiple of three, by which values are divided so that they fit into a cell."""
    most = max((abs(value) for value in values), default=0.0)
    if not most or 0.1 <= most < 1000:
        return 0
    return 3 * math.floor(math.log10(most) / 3 + 1e-9)


def _draw(ax: Axes, pairs: _Pairs, at: float) -> None:
    count, by = len(pairs.chosen), pairs.panel.by
    cells = {(i, j): pairs.between(i, j) for i in range(count) for j in range(count) if i != j}
    bands = {ij: band for ij, band in cells.items() if isinstance(band, Interval)}
    power = _exponent([band.mean for band in bands.values()])
    form = _form([band.mean / 10.0**power for band in bands.values()])
    sign = -1 if by.quantity.direction == "lower" else 1
    means = np.full((count, count), np.nan)
    for (i, j), band in bands.items():
        means[i, j] = sign * band.mean
    reach = float(np.nanmax(np.abs(means))) if bands else 0.0
    ax.imshow(means, cmap=_COLOURS, vmin=-(reach or 1.0), vmax=reach or 1.0, aspect="auto")
    several = len({band.n for band in bands.values()}) > 1
    for (i, j), cell in cells.items():
        small = SMALL - 0.4
        if isinstance(cell, str):
            ax.text(j, i, cell.replace(" ", "\n"), ha="center", va="center", fontsize=small)
            continue
        half = "equal" if cell.unspread else "±" + _half(cell.half / 10.0**power, form)
        text = f"{format(cell.mean / 10.0**power, '+' + form)}\n{half}" + (f"\nn {cell.n}" if several else "")
        ax.text(j, i, text, ha="center", va="center", fontsize=small, linespacing=1.05)
        if cell.excludes_0:
            x, y = (
                (j - 0.46, j + 0.46, j + 0.46, j - 0.46, j - 0.46),
                (i - 0.45, i - 0.45, i + 0.45, i + 0.45, i - 0.45),
            )
            ax.plot(x, y, color=INK, linewidth=1.1, clip_on=False)
    for edge in range(count + 1):
        ax.axhline(edge - 0.5, color="#e4e4e4", linewidth=0.6)
        ax.axvline(edge - 0.5, color="#e4e4e4", linewidth=0.6)
    names = [wrapped(f"{i + 1} {curve.name}", 20) for i, (curve, _) in enumerate(pairs.chosen)]
    ax.set_xticks(range(count), [str(i + 1) for i in range(count)])
    ax.set_yticks(range(count), names, fontsize=SMALL)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.set_xlim(-0.5, count - 0.5)
    ax.set_ylim(count - 0.5, -0.5)
    for spine in ax.spines.values():
        spine.set_visible(False)
    head = f"{wrapped(pairs.panel.title, 50)}\n{wrapped(_unit(by, power), 50)}"
    lettered(ax.set_title(head, loc="left", fontsize=SMALL + 1))


def _form(values: Sequence[float]) -> str:
    """Two decimals, and one where they would not fit."""
    return (
        ".2f"
        if max((abs(v) for v in values), default=0.0) < 10
        else ".1f"
        if max(map(abs, values)) < 100
        else ".0f"
    )


def _half(half: float, form: str) -> str:
    """Half an interval; one that is not 0 is not written as 0."""
    text = format(half, form)
    return text if not half or float(text) else f"<{text[:-1]}1"


def _unit(by: Judged, power: int) -> str:
    return by.points + (f", in units of 1e{power}" if power else "")
