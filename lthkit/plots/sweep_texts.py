"""The figures of a sweep as tables for the terminal and the notebook: lines against densities."""

from __future__ import annotations

from collections.abc import Sequence

from lthkit.machine.tables import Table
from lthkit.plots.sweep_panels import NEAR, Curve, Panel, Spot, panels, percent
from lthkit.plots.sweep_remarks import counts, remarks
from lthkit.storage.records import Row


def sweep_tables(rows: Sequence[Row], *, column: str | None = None) -> list[Table]:
    """One table for each network and data: a row a density, a column a line, in the cells the mean ± half the 95 % interval.

    Densities of different lines stand in one row where they are within 0.5 % of one another. A star says that some seed's best step lay in the last tenth of its
    budget, an exclamation mark that the mean is of fewer seeds than the heading says. The notes say what the dense network reaches, n, searches that found no ticket, and levels that are missing.

    rows: those of a sweep, as `lth.results` gives them. column: None is that by which they are judged (see `evidence.judged`).

    Raises:
        ValueError: as `sweep`.
    """
    return [_table(panel) for panel in panels(rows, column)]


def _table(panel: Panel) -> Table:
    numbers = {n for curve in panel.all for n in counts(curve)}
    title = ": ".join(filter(None, [panel.title, panel.by.heading]))
    curves = panel.curves or panel.dense
    headings = ["weights left (%)", *(_heading(curve, numbers) for curve in curves)]
    table = Table(headings, title=title)
    for level in _levels(curves):
        if not any(spot.band for spot in level.values()):
            continue  # the notes say why
        densities = [spot.density for spot in level.values()]
        most, least = f"{max(densities):.3g}", f"{min(densities):.3g}"
        at = most if most == least else f"{most}-{least}"
        table.add(at, *(_cell(panel, curve, level.get(curve.name)) for curve in curves))
    for curve in panel.dense if panel.curves else ():
        for _, band in curve.drawn:
            table.note(f"{curve.name}: {band:{panel.form}} (n = {band.n}).")
    if any(spot.improving for curve in curves for spot in curve.spots):
        table.note("* still improving: the best step of some seed lies in the last tenth of its budget.")
    fewer = [
        f"{curve.name} at {percent(spot.density)} n = {band.n}"
        for curve in curves
        for spot, band in curve.drawn
        if band.n < max(counts(curve))
    ]
    if fewer:
        table.note(f"! fewer seeds than the heading says: {', '.join(fewer)}.")
    for sentence in remarks([panel]):
        table.note(sentence)
    return table


def _heading(curve: Curve, numbers: set[int]) -> str:
    """The name of a line, with n where lines or levels have other numbers of seeds."""
    of = counts(curve)
    return curve.name if len(numbers) < 2 or not of else f"{curve.name} (n = {of[-1]})"


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


def _cell(panel: Panel, curve: Curve, spot: Spot | None) -> str | None:
    if spot is None or spot.band is None:
        return None
    fewer = "!" if spot.band.n < max(counts(curve)) else ""
    return f"{spot.band:{panel.form}}{'*' if spot.improving else ''}{fewer}"
