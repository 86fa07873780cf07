"""Which lines of a sweep are held against one another at one density, over which seeds, and what is said of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lthkit.evidence.grouping import NEAR, seeds_told
from lthkit.evidence.statistics import Interval, interval
from lthkit.machine.checks import is_number
from lthkit.plots.sweep_panels import Curve, Panel, Spot, panels, percent
from lthkit.plots.sweep_remarks import unlike
from lthkit.storage.records import Row


@dataclass(frozen=True)
class Pairs:
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


def chosen_at(
    rows: Sequence[Row], density: float | None, near: float, column: str | None
) -> tuple[float, list[Pairs]]:
    """The density as a fraction, and of each panel the lines that have it."""
    if density is not None and (not is_number(density) or not 0 < density < 1):
        raise ValueError(f"density={density!r} was given; expected a fraction between 0 and 1, such as 0.1.")
    if not is_number(near) or not 0 <= near < 1:
        raise ValueError(
            f"near={near!r} was given; expected a number from 0 to 1, such as 0.12 for densities within 12 %."
        )
    found = panels(rows, column)
    at = _common(found, near) if density is None else density
    pairs = [_pairs(panel, at, near) for panel in found]
    enough = [one for one in pairs if len(one.chosen) > 1]
    if not enough or all(curve.arm == "dense" for one in enough for curve, _ in one.chosen):
        there = sorted({percent(s.density) for p in found for c in p.curves for s, _ in c.drawn})
        raise ValueError(
            f"density={at:g} was given, and no two lines can be compared there; expected one of the densities of the rows, "
            f"{', '.join(there) or 'which have none'}, at which two lines have results."
        )
    return at, enough


def _common(found: Sequence[Panel], near: float) -> float:
    """The density, a fraction, that most lines have; the least of several."""
    every = sorted({s.density for panel in found for curve in panel.curves for s, _ in curve.drawn})
    counts = {
        at: sum(_nearest(curve, at / 100, near) is not None for panel in found for curve in panel.curves)
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


def _nearest(curve: Curve, density: float, near: float) -> Spot | None:
    spots = [spot for spot, _ in curve.drawn]
    best = min(spots, key=lambda spot: abs(math.log(spot.density / 100 / density)), default=None)
    if best is None or abs(math.log(best.density / 100 / density)) > math.log(1 + near) + 1e-9:
        return None
    return best


def _pairs(panel: Panel, at: float, near: float) -> Pairs:
    chosen, left_out = [], []
    for curve in panel.curves:
        spot = _nearest(curve, at, near)
        if spot is None:
            there = ", ".join(percent(s.density) for s, _ in curve.drawn) or "no level"
            left_out.append(f"{curve.name} has no result at {percent(100 * at)}: it has {there}.")
        else:
            chosen.append((curve, spot))
    chosen += [(curve, spot) for curve in panel.dense for spot, _ in curve.drawn[:1]]
    sign = 1 if panel.by.quantity.direction == "lower" else -1
    chosen.sort(key=lambda pair: sign * (pair[1].band.mean if pair[1].band else 0.0))
    return Pairs(panel, tuple(chosen), tuple(left_out))


def once(pairs: Pairs) -> list[tuple[int, int]]:
    """Every two lines once, the better one first."""
    count = len(pairs.chosen)
    return [(i, j) for i in range(count) for j in range(i + 1, count)]


def difference(pairs: Pairs, i: int, j: int) -> str:
    """Two lines of a matrix in words: "imp - one-shot"."""
    return f"{pairs.chosen[i][0].name} - {pairs.chosen[j][0].name}"


def said_of(found: Sequence[Pairs], at: float) -> list[str]:
    """What stands under the matrices."""
    said = [
        "Row minus column over common seeds, ± half the 95 % interval. Blue: the row is better. Framed: the interval excludes 0."
    ]
    numbers: set[int] = set()
    unspread = False
    for pairs in found:
        before = f"{pairs.panel.title}: " if len(found) > 1 else ""
        bands = [pairs.between(i, j) for i, j in once(pairs)]
        numbers |= {band.n for band in bands if isinstance(band, Interval)}
        if any(isinstance(band, str) for band in bands):
            seeds = "; ".join(f"{curve.name} has {seeds_told(spot.values)}" for curve, spot in pairs.chosen)
            said.append(f"{before}Empty: fewer than two common seeds. {seeds}.")
        said += [before + sentence for sentence in (*unlike(pairs.panel), *pairs.left_out)]
        other = [
            f"{c.name}{aside(pairs, c, spot, at)}" for c, spot in pairs.chosen if aside(pairs, c, spot, at)
        ]
        said += [f"{before}Levels that are only near: {', '.join(other)}."] * bool(other)
        unspread |= any(band.unspread for band in bands if isinstance(band, Interval))
    if len(numbers) == 1:
        said.insert(1, f"Each difference is of n = {numbers.pop()} seeds.")
    elif numbers:
        said.insert(1, "n under a difference: the seeds that both have.")
    said += ["equal: the difference is the same for all seeds, so it has no interval."] * unspread
    known = [pairs.between(i, j) for pairs in found for i, j in once(pairs)]
    return said + caution(sum(isinstance(band, Interval) for band in known))


def aside(pairs: Pairs, curve: Curve, spot: Spot, at: float) -> str:
    """The density of a line in brackets, where it is not the one that was asked for."""
    if curve in pairs.panel.dense or abs(spot.density / 100 / at - 1) < NEAR:
        return ""
    return f" ({percent(spot.density)})"


def caution(count: int) -> list[str]:
    """What so many comparisons at 5 % each come to."""
    if count < 2:
        return []
    return [f"{count} comparisons: where there is no difference, 1 interval in 20 excludes 0 all the same."]
