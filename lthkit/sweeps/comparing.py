"""Two lines of sweeps against each other: paired differences over the seeds and at the densities that both have.

What is not common to both is named, never left out quietly, and different data are not compared at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lthkit import evidence
from lthkit.evidence.grouping import DENSE, NEAR, TICKET, Line, Point, differing, line_named, seeds_told
from lthkit.machine.tables import Table

# What two lines must have in common, or their numbers say nothing of each other.
_SAME = ("data", "data_fingerprint", "task", "metric", "unit", "direction")
_NAMED = ("method", "arm", "score")  # told by the names of the lines


@dataclass(frozen=True)
class Difference:
    """One line minus the other at one density: the interval of the paired differences, in shown units, and both means.

    densities: of the one and of the other, as counted. seeds: those that both have.
    """

    densities: tuple[float, float]
    means: tuple[float, float]
    seeds: tuple[int, ...]
    band: evidence.Interval


@dataclass(frozen=True)
class Comparison:
    """One line minus another, where both can be compared, and in `notes` all that cannot."""

    one: str
    other: str
    by: evidence.Judged
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    @property
    def table(self) -> Table:
        """One row a density: both means, the difference with its 95 % t-interval, and n."""
        digits = 2 if self.by.scale == 100 else 4
        made = Table(
            ["weights left (%)", "first", "second", "difference", "95 % interval", "n", "says"],
            title=f"{self.one} - {self.other}: {self.by.points}",
        )
        for this in self.differences:
            band = this.band
            edges = (
                f"[{band.low:+.{digits}f}, {band.high:+.{digits}f}]"
                if band.n > 1 and not band.unspread
                else None
            )
            means = [f"{mean:{self.by.form}}" for mean in this.means]
            density = f"{100 * this.densities[0]:.3g}"
            made.add(density, *means, f"{band.mean:+.{digits}f}", edges, band.n, band.says)
        made.note("Means and differences are over the seeds that both have, paired by seed.")
        for note in self.notes:
            made.note(note)
        return made


def compare(one: Line, other: Line, *, labels: tuple[str, str] | None = None) -> Comparison:
    """The paired differences one - other over common seeds at common densities.

    Densities are common if the same was asked of both, or if what was counted is equal within 0.5 %. With one common seed
    there is a difference and no interval.

    labels: what the two are called; None takes the names of the lines.

    Raises:
        ValueError: other data, or another quantity; the same line twice; no density, or no seed, that both have.
    """
    if one is other or (one.shared == other.shared and one.rows == other.rows):
        raise ValueError(f"{one.name!r} was given twice; expected two lines, to tell one from the other.")
    one, other = (
        replace(line, name=label)
        for line, label in zip((one, other), labels or (one.name, other.name), strict=True)
    )
    _check_comparable(one, other)
    by = evidence.judged([*one.rows, *other.rows])
    points, others = one.points(by.column), other.points(by.column)
    matched = _matched(points, others)
    found = []
    for this, that in matched:
        if seeds := sorted(this.values.keys() & that.values.keys()):
            found.append(_difference(this, that, seeds, by))
    if not found:
        raise ValueError(_nothing_common(one, points, other, others, matched))
    notes = [
        *_unlike(one, other),
        *(note for this, that in matched for note in _unequal(this, that)),
        *_seeds_left_out(one, matched),
        *_seeds_left_out(other, [(that, this) for this, that in matched]),
        *_levels_left_out(one, points, [p for p, _ in matched]),
        *_levels_left_out(other, others, [p for _, p in matched]),
        *_never_stable([one, other]),
    ]
    return Comparison(one.name, other.name, by, tuple(found), tuple(dict.fromkeys(notes)))


def pairs(
    ones: Sequence[Line], others: Sequence[Line], named: Sequence[str] | None = None
) -> tuple[list[tuple[Line, Line]], list[str]]:
    """Which lines of two runs to compare, and sentences on those that are left out.

    named: a line of the first and one of the second; None pairs lines of one name, and the tickets of two runs that have one
    kind of them each, such as a run of IMP and one of one-shot pruning.

    Raises:
        ValueError: no such line; nothing to pair.
    """
    if named is not None:
        return [(line_named(ones, named[0]), line_named(others, named[1]))], []
    by_name = {line.name: line for line in others}
    chosen = [(line, by_name[line.name]) for line in ones if line.name in by_name]
    rest = [
        [line for line in own if line.name not in {one.name for one, _ in chosen}] for own in (ones, others)
    ]
    tickets = [[line for line in own if line.arm == TICKET] for own in rest]
    if all(len(own) == 1 for own in tickets):
        chosen.append((tickets[0][0], tickets[1][0]))
        rest = [[line for line in own if line.arm != TICKET] for own in rest]
    if not [one for one, _ in chosen if one.arm != DENSE] and any(line.arm != DENSE for line in ones):
        told = ["; ".join(line.name for line in own) for own in (ones, others)]
        raise ValueError(
            f"The first has the lines {told[0]}, the second {told[1]}; none has the same name in both. Expected which to compare: "
            f'--lines "{ones[-1].name}" "{others[-1].name}", say.'
        )
    notes = [
        f"Not compared, because only the {which} has it: {line.name}."
        for which, own in (("first", rest[0]), ("second", rest[1]))
        for line in own
    ]
    return chosen, notes


def _check_comparable(one: Line, other: Line) -> None:
    a, b = dict(one.shared), dict(other.shared)
    for key in _SAME:
        if a.get(key) != b.get(key):
            raise ValueError(
                f"{one.name!r} and {other.name!r} cannot be compared: {key.replace('_', ' ')} is {_short(a.get(key))} of the one, "
                f"{_short(b.get(key))} of the other. Expected two lines that were measured on the same data by the same quantity."
            )


def _matched(points: Sequence[Point], others: Sequence[Point]) -> list[tuple[Point, Point]]:
    """Pairs of equal density, each point in one pair at most: those asked alike first, then the nearest."""
    pairs = [(_apart(p, q), i, j) for i, p in enumerate(points) for j, q in enumerate(others)]
    chosen: dict[int, int] = {}
    for apart, i, j in sorted(pair for pair in pairs if pair[0] is not None):  # type: ignore[type-var]
        if apart is not None and i not in chosen and j not in chosen.values():
            chosen[i] = j
    return [(points[i], others[j]) for i, j in sorted(chosen.items())]


def _apart(one: Point, other: Point) -> float | None:
    """How far two densities are from each other, relative to the larger; None if too far to be one."""
    if one.asked is not None and one.asked == other.asked:
        return -1.0
    if one.density is None or other.density is None:
        return None
    apart = abs(one.density - other.density) / max(one.density, other.density)
    return apart if apart <= NEAR else None


def _difference(this: Point, that: Point, seeds: Sequence[int], by: evidence.Judged) -> Difference:
    assert this.density is not None and that.density is not None  # a point with values has one
    pairs = [(by.scale * this.values[seed], by.scale * that.values[seed]) for seed in seeds]
    means = tuple(sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    band = evidence.interval([x - y for x, y in pairs])
    return Difference((this.density, that.density), (means[0], means[1]), tuple(seeds), band)


def _unequal(this: Point, that: Point) -> Iterator[str]:
    apart = abs((this.density or 0) - (that.density or 0)) / max(this.density or 0, that.density or 0)
    if apart > NEAR:
        yield (
            f"Density {this.asked:g} was asked of both; counted are {this.density:.4g} and {that.density:.4g}, because so few weights "
            "are left."
        )


def _unlike(one: Line, other: Line) -> Iterator[str]:
    a, b = dict(one.shared), dict(other.shared)
    told = [
        f"{key.removeprefix('recipe_')} ({_short(a.get(key))} and {_short(b.get(key))})"
        for key in differing(one, other)
        if key not in _NAMED and not (a.get("method") != b.get("method") and (key in a) != (key in b))
    ]
    if told:
        yield f"They also differ in {', '.join(told)}."


def _seeds_left_out(line: Line, matched: Sequence[tuple[Point, Point]]) -> Iterator[str]:
    """The seeds of a line that the other one lacks, at levels that both have; `matched` has this line's points first."""
    where: dict[tuple[int, ...], list[str]] = {}
    for this, that in matched:
        if alone := tuple(sorted(this.values.keys() - that.values.keys() - set(that.without))):
            where.setdefault(alone, []).append(f"{100 * (this.density or 0):.3g} %")
    for alone, densities in where.items():
        at = "" if len(densities) == len(matched) else f", at {', '.join(densities)}"
        yield f"Of {line.name} alone: {seeds_told(alone)}{at}."


def _levels_left_out(line: Line, points: Sequence[Point], matched: Sequence[Point]) -> Iterator[str]:
    alone = [f"{100 * p.density:.3g} %" for p in points if p not in matched and p.density is not None]
    if alone:
        yield f"Of {line.name} alone: weights left {', '.join(alone)}."


def _never_stable(found: Sequence[Line]) -> Iterator[str]:
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


def _nothing_common(
    one: Line, points: Sequence[Point], other: Line, others: Sequence[Point], matched: Sequence[object]
) -> str:
    if matched:
        return (
            f"{one.name!r} and {other.name!r} have no seed in common at any density that both have: {seeds_told(one.seeds)} and "
            f"{seeds_told(other.seeds)}. Expected two runs with some of the same seeds, because differences are paired by seed."
        )
    told = [", ".join(f"{p.density:.4g}" for p in own if p.density is not None) for own in (points, others)]
    return (
        f"{one.name!r} has the densities {told[0] or 'none'}, {other.name!r} has {told[1] or 'none'}; expected one that both have, "
        "within 0.5 %."
    )


def _short(value: Any) -> str:
    text = str(value)
    return text[:12] + "..." if len(text) == 64 else text
