"""The table of a sweep: methods against densities, mean and interval over seeds in each cell, and in words what is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lthkit import evidence
from lthkit.evidence.grouping import Line, Point, lines
from lthkit.machine.tables import Table
from lthkit.storage.records import Row

EQUAL = 0.005  # densities that differ by less, relative to the larger, are taken for one

_PLACE = ("model", "data", "data_fingerprint", "task", "metric")


def table(rows: Sequence[Row], *, title: str = "") -> Table:
    """One row a line, one column a density: mean ± half of the 95 % t-interval over seeds, and always n.

    Raises:
        ValueError: no rows, rows that measure different things, or two rows of one training.
    """
    if not rows:
        raise ValueError("There are no rows; expected those of trainings that have ended.")
    by, found = evidence.judged(rows), lines(rows)
    points = {line.name: line.points(by.column) for line in found}
    columns = _columns(list(points.values()))
    unit = f" ({by.quantity.unit})" if by.quantity.unit else ""
    made = Table(
        ["weights left", *_headings(columns)],
        title=title or f"{by.title}{unit} of each method at each density",
    )
    numbers = {len(p.values) for own in points.values() for p in own if p.values}
    for line in found:
        at: dict[float, list[str]] = {density: [] for density in columns}
        for point in points[line.name]:
            if point.density is not None and point.values:
                cell = _cell(point, by, several=len(numbers) > 1)
                at[_nearest(point.density, columns)].append(cell)
        made.add(line.name, *(" / ".join(cells) or None for cells in at.values()))
    for note in _notes(found, made.rows, numbers, by):
        made.note(note)
    return made


def tables_of(rows: Sequence[Row]) -> list[Table]:
    """A `table` for each network and data set of a sweep, in the order in which they come."""
    places: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        places.setdefault(tuple(str(row.get(key)) for key in _PLACE), []).append(row)
    made = []
    for (model, data, *_), own in places.items():
        by = evidence.judged(own)
        unit = f" ({by.quantity.unit})" if by.quantity.unit else ""
        made.append(table(own, title=f"{model} on {data}: {by.name}{unit}"))
    return made


def never_stable(found: Sequence[Line]) -> Iterator[str]:
    """A sentence for each density at which searches ended without a ticket."""
    for line in found:
        for point in line.points():
            if point.without:
                why = _outcomes(line, point)
                rest = "the mean is over the other seeds" if point.values else "there is no other seed"
                yield f"{line.name}, {point.name}: no ticket for {seeds_told(point.without)} ({why}); {rest}."


def _outcomes(line: Line, point: Point) -> str:
    told = dict.fromkeys(
        row.get("outcome")
        for row in line.rows
        if row["seed"] in point.without and row["round"] == point.round and row.get("asked") == point.asked
    )
    return ", ".join(str(one) for one in told if one) or "it was not measured"


def seeds_told(seeds: Sequence[int]) -> str:
    """ "seed 3", "seeds 0, 1, 2", and runs of many as "seeds 0 to 19"."""
    ordered = sorted(seeds)
    if len(ordered) > 3 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"seeds {ordered[0]} to {ordered[-1]}"
    return f"seed{'s' * (len(ordered) != 1)} {', '.join(map(str, ordered))}"


def _notes(
    found: Sequence[Line], cells: Sequence[Sequence[str]], numbers: set[int], by: evidence.Judged
) -> Iterator[str]:
    if len(numbers) == 1:
        (n,) = numbers
        spread = "mean ± half of the 95 % interval over seeds" if n > 1 else "one seed, so no interval"
        yield f"{spread}; n = {n}."
    else:
        yield "mean ± half of the 95 % interval over seeds, with the number n of seeds behind it."
    if any("(seeds" in cell for row in cells for cell in row):
        yield "(seeds ... to ...): how far the seeds reach, where such an interval could not be."
    if by.quantity.better:
        yield f"{by.name}: {by.quantity.better}"
    if any(row["still_improving"] for line in found for row in line.rows):
        yield "* the best step of some seed lies in the last tenth of its budget: more steps might still help"
    yield from never_stable(found)


def _cell(point: Point, by: evidence.Judged, *, several: bool) -> str:
    band = evidence.interval([by.scale * value for value in point.values.values()], within=by.within)
    mark = "*" if point.still_improving else ""
    return f"{band:{by.form}}{mark}" + (f" n={band.n}" if several else "")


def _columns(points: Sequence[Sequence[Point]]) -> list[float]:
    """A column for each density, the densest first; nearly equal ones share it, unless two of one line would."""
    densities = sorted({p.density for own in points for p in own if p.density is not None}, reverse=True)
    chosen: list[float] = []
    for density in densities:
        if not chosen or density < chosen[-1] * (1 - EQUAL):
            chosen.append(density)
    for own in points:
        at = [_nearest(density, chosen) for density in {p.density for p in own} if density is not None]
        if len(set(at)) < len(at):
            return densities
    return chosen


def _nearest(density: float, columns: Sequence[float]) -> float:
    return min(columns, key=lambda column: abs(column - density))


def _headings(columns: Sequence[float]) -> list[str]:
    """In percent, with as many digits as it takes to tell them apart, three at least."""
    for digits in range(3, 18):
        told = [f"{100 * density:.{digits}g} %" for density in columns]
        if len(set(told)) == len(told):
            break
    return told
