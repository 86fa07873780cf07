"""The figures of a sweep as tables for the terminal and the notebook: lines against densities."""

from __future__ import annotations

from collections.abc import Sequence

from lthkit.evidence.grouping import NEAR
from lthkit.machine.tables import Table
from lthkit.plots.sweep_panels import Curve, Panel, Spot, panels, percent
from lthkit.plots.sweep_remarks import cautions, counts
from lthkit.storage.records import Row


def sweep_tables(rows: Sequence[Row], *, column: str | None = None) -> list[Table]:
    """One table for each network and data: a row a density, a column a line, in the cells the mean ± half the 95 % interval.

    Densities of different lines stand in one row where they are within 0.5 % of one another. A star says that some seed's best step lay in the last tenth of its
    budget, an exclamation mark that the mean is of fewer seeds than the heading says. The notes say what the dense network reaches, n, searches that found no ticket, and levels that are missing.
    A table has any number of lines, where a figure has eight: a terminal shows as many side by side as it has room for, and the others below.

    rows: those of a sweep, as `lth.results` gives them. column: None is that by which they are judged (see `evidence.judged`).

    Raises:
        ValueError: no rows; two rows of one line, level and seed.
    """
    return [_table(panel) for panel in panels(rows, column, most=None)]


def _table(panel: Panel) -> Table:
    numbers = {n for curve in panel.all for n in counts(curve)}
    title = ": ".join(filter(None, [panel.title, panel.by.heading]))
    curves = panel.curves or panel.dense
    headings = ["weights left (%)", *(_heading(curve, numbers) for curve in curves)]
    table = Table(headings, title=title)
    levels = [level for level in _levels(curves) if any(s.band for s in level.values())]  # the notes say why
    for at, level in zip(_densities(levels), levels, strict=True):
        table.add(at, *(_cell(panel, curve, level.get(curve.name)) for curve in curves))
    for sentence in _notes(panel, curves, numbers):
        table.note(sentence)
    return table


def _notes(panel: Panel, curves: Sequence[Curve], numbers: set[int]) -> list[str]:
    said = [_seeds(numbers)]
    for curve in panel.dense if panel.curves else ():
        for spot, band in curve.drawn:
            star = "*" if spot.improving else ""
            said.append(f"{curve.name}: {band:{panel.form}}{star} (n = {band.n}).")
    if any(band.n > 1 and not band.possible for curve in panel.all for _, band in curve.drawn):
        said.append("(seeds ... to ...): how far the seeds reach, where such an interval could not be.")
    if any(spot.improving for curve in panel.all for spot in curve.spots):
        said.append("* still improving: the best step of some seed lies in the last tenth of its budget.")
    fewer = [
        f"{curve.name} at {percent(spot.density)} (n = {band.n})"
        for curve in curves
        for spot, band in curve.drawn
        if band.n < max(counts(curve))
    ]
    if fewer:
        said.append(f"! fewer seeds than the heading says: {', '.join(fewer)}.")
    return [*said, *cautions(panel)]


def _seeds(numbers: set[int]) -> str:
    """Of how many seeds the means are, and what stands beside them."""
    if not numbers:
        return "No training has a result yet."
    if numbers == {1}:
        return "One seed each (n = 1): no interval, no claim."
    if len(numbers) == 1:
        return f"Mean ± half the 95 % interval over n = {min(numbers)} seeds."
    alone = " One seed has no interval." if 1 in numbers else ""
    return f"Mean ± half the 95 % interval over n seeds.{alone}"


def _heading(curve: Curve, numbers: set[int]) -> str:
    """The name of a line, with n where lines or levels have other numbers of seeds."""
    of = counts(curve)
    # Without blanks, because a heading is wrapped at them.
    return curve.name if len(numbers) < 2 or not of else f"{curve.name} (n={of[-1]})"


def _levels(curves: Sequence[Curve]) -> list[dict[str, Spot]]:
    """The rows: spots by the name of their line, the densest first."""
    spots = sorted(
        ((curve.name, spot) for curve in curves for spot in curve.spots),
        key=lambda one: -one[1].density,
    )
    levels: list[dict[str, Spot]] = []
    for name, spot in spots:
        last = levels[-1] if levels else {}
        top = max((other.density for other in last.values()), default=0.0)
        if last and name not in last and top <= (1 + NEAR) * spot.density:
            last[name] = spot
        else:
            levels.append({name: spot})
    return levels


def _densities(levels: Sequence[dict[str, Spot]]) -> list[str]:
    """The density of each row in percent, with as many digits as it takes to tell rows apart, three at least."""
    told: list[str] = []
    for digits in range(3, 18):
        told = [_density([spot.density for spot in level.values()], digits) for level in levels]
        if len(set(told)) == len(told):
            break
    return told


def _density(densities: Sequence[float], digits: int) -> str:
    most, least = f"{max(densities):.{digits}g}", f"{min(densities):.{digits}g}"
    return most if most == least else f"{most}-{least}"


def _cell(panel: Panel, curve: Curve, spot: Spot | None) -> str | None:
    if spot is None or spot.band is None:
        return None
    fewer = "!" if spot.band.n < max(counts(curve)) else ""
    return f"{spot.band:{panel.form}}{'*' if spot.improving else ''}{fewer}"
