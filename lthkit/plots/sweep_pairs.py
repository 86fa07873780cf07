"""Every two lines of a sweep against one another, at one density: paired differences as a matrix and as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lthkit.evidence.grouping import NEAR
from lthkit.evidence.statistics import Interval, Judged, differences
from lthkit.machine.tables import Table
from lthkit.plots.letters import lettered
from lthkit.plots.style import INK, SMALL, STYLE, WIDTH, wrapped
from lthkit.plots.sweep_choice import Pairs, aside, caution, chosen_at, difference, once, said_of
from lthkit.plots.sweep_panels import decimals, percent
from lthkit.plots.sweep_remarks import shortened, unlike
from lthkit.plots.sweeps import framed
from lthkit.storage.records import Row

# Pale enough at both ends for black letters; orange is worse, blue better, in grey by the sign that is written.
_COLOURS = LinearSegmentedColormap.from_list("worse to better", ["#F2A766", "#FFFFFF", "#7FBCE6"])


def sweep_matrix(
    rows: Sequence[Row],
    *,
    density: float | None = None,
    near: float = NEAR,
    column: str | None = None,
    title: str = "",
    stamp: str = "",
) -> Figure:
    """Paired differences between every two lines at one density: the line of the row minus that of the column.

    A cell has the mean difference over the seeds that both lines have, and half its 95 % interval. It is blue where the
    line of the row is better, orange where it is worse, and framed where the interval excludes 0. Where two lines have fewer than two seeds in common the cell is
    empty and says so. The dense network is one of the lines. One matrix for each network and data.

    rows: those of a sweep, as `lth.results` gives them.
    density: fraction of the weights kept, such as 0.107. None is the density that most lines have, the least of several.
    near: how far a line may be from that density, relatively. Lines that have no level there are named under the matrix. With
        0.12 a round of IMP is taken that is only near to the densities of other methods; its name then says its density.
    column: None is that by which the rows are judged (see `evidence.judged`).

    Raises:
        ValueError: as `sweep`; a density at which no two lines can be compared.
    """
    at, found = chosen_at(rows, density, near, column)
    sizes = [len(pairs.chosen) for pairs in found]
    with matplotlib.rc_context(STYLE):
        heights = [0.75 + 0.47 * size for size in sizes]
        figure = Figure(figsize=(WIDTH, 0.2 + sum(heights)), layout="constrained")
        axes = list(figure.subplots(len(found), 1, height_ratios=heights, squeeze=False)[:, 0])
        for ax, pairs in zip(axes, found, strict=True):
            _draw(ax, pairs, at)
        head = title or f"Paired differences at {percent(100 * at)} of the weights"
        framed(figure, axes, head, stamp, shortened(said_of(found, at)))
    return figure


def describe_sweep_matrix(
    rows: Sequence[Row], *, density: float | None = None, near: float = NEAR, column: str | None = None
) -> str:
    """The text alternative of `sweep_matrix`: each difference once, with its interval and n."""
    at, found = chosen_at(rows, density, near, column)
    parts = []
    for pairs in found:
        told = []
        for i, j in once(pairs):
            band, name = pairs.between(i, j), difference(pairs, i, j)
            told.append(
                f"{name}: {band} in common"
                if isinstance(band, str)
                else f"{name}: {band.said('+.2f' if pairs.panel.by.scale == 100 else '+.3g')}, n = {band.n}"
            )
        parts.append(f"{pairs.panel.title}, {pairs.panel.by.points}: {'; '.join(told)}.")
    return (
        f"Matrix of paired differences at {percent(100 * at)} of the weights, the best mean first, with 95 % intervals. "
        f"{' '.join(parts)} {' '.join(said_of(found, at))}"
    )


def sweep_differences(
    rows: Sequence[Row], *, density: float | None = None, near: float = NEAR, column: str | None = None
) -> list[Table]:
    """The differences of `sweep_matrix` as tables, one for each network and data: mean, 95 % interval, n, and what it says."""
    at, found = chosen_at(rows, density, near, column)
    tables = []
    for pairs in found:
        by = pairs.panel.by
        bands = {(i, j): pairs.between(i, j) for i, j in once(pairs)}
        known = {difference(pairs, *ij): band for ij, band in bands.items() if isinstance(band, Interval)}
        lacking = [
            f"{difference(pairs, *ij)}: {band} in common, so no difference."
            for ij, band in bands.items()
            if isinstance(band, str)
        ]
        digits = 2 if by.scale == 100 else decimals(band.half for band in known.values())
        unit = "points" if by.scale == 100 else by.quantity.unit or by.quantity.name
        title = f"{pairs.panel.title}: paired differences of {by.name} at {percent(100 * at)} of the weights"
        if not known:
            lacking = ["No two lines have two seeds in common, so there is no difference."]
        around = [s for s in said_of([pairs], at) if s.startswith("Levels")]
        notes = [*around, *unlike(pairs.panel), *lacking, *pairs.left_out, *caution(len(known))]
        if by.quantity.better:
            notes.insert(0, f"{by.quantity.better[:1].upper()}{by.quantity.better[1:]}.")
        tables.append(differences(known, unit=unit, title=title, digits=digits, notes=notes))
    return tables


def _exponent(values: Sequence[float]) -> int:
    """The power of ten, a multiple of three, by which values are divided so that they fit into a cell."""
    most = max((abs(value) for value in values), default=0.0)
    if not most or 0.1 <= most < 1000:
        return 0
    return 3 * math.floor(math.log10(most) / 3 + 1e-9)


def _draw(ax: Axes, pairs: Pairs, at: float) -> None:
    count, by = len(pairs.chosen), pairs.panel.by
    cells = {(i, j): pairs.between(i, j) for i in range(count) for j in range(count) if i != j}
    bands = {ij: band for ij, band in cells.items() if isinstance(band, Interval)}
    power = _exponent([band.mean for band in bands.values()])
    form = _form([value / 10.0**power for band in bands.values() for value in (band.mean, band.half)])
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
    names = [
        wrapped(f"{i + 1} {curve.name}{aside(pairs, curve, spot, at)}", 20)
        for i, (curve, spot) in enumerate(pairs.chosen)
    ]
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
