"""From rows of single runs to what may be claimed: medians, intervals over seeds, paired differences."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from statistics import mean, median, stdev
from typing import NamedTuple

from lthkit.evidence.student import quantile
from lthkit.machine.tables import Table
from lthkit.storage.records import Row
from lthkit.training.metrics import ACCURACY, Quantity

# 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom, to three decimals as every textbook and the lessons have
# them, so that a reader who checks by hand finds the same digits. From 31 on `quantile` computes them.
_T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)

ANY = (-math.inf, math.inf)  # where a difference may lie
PERCENT = (0.0, 100.0)
POSITIVE = (0.0, math.inf)
FINITE = (-sys.float_info.max, sys.float_info.max)  # of a quantity without bounds: it is no difference

FEWEST = 4  # seeds from which on the interval of a quantity is shown
FEWEST_DIFFERENCES = 3
_EQUAL = 1e-9  # of a difference: what rounding makes of equal ones


@dataclass(frozen=True)
class Interval:
    """A mean over n seeds and its 95 % t-interval; with n = 1 the interval is unknown (NaN).

    `values` are the single seeds. `within` is where the quantity can lie, such as `PERCENT` for an accuracy in percent;
    with no bound it is taken for a difference.
    """

    mean: float
    low: float
    high: float
    n: int
    values: tuple[float, ...] = field(default=(), repr=False, compare=False)
    within: tuple[float, float] = field(default=ANY, repr=False, compare=False)

    def __format__(self, form: str) -> str:
        """As a cell of a table: "85.2 ± 0.5" for ".1f", and "+0.7 [+0.2, +1.2]" for "+.1f[]".

        An interval that cannot be says how far its seeds reach instead: "93.1 (seeds 80.1 to 99.9)". One seed has no interval.
        """
        if not form:
            return str(self)
        number = form.removesuffix("[]")
        middle = format(self.mean, number)
        if self.n == 1:
            return middle
        if self.unspread and number != form:
            return f"{middle} ({self.says})"
        if not self.possible and self.values:
            reach = (format(v, number) for v in (min(self.values), max(self.values)))
            return f"{middle} (seeds {' to '.join(reach)})"
        if number == form:
            half = format(self.half, number.removeprefix("+"))
            if self.half and re.fullmatch(r"[0.]+%?", half):  # 84.7 ± 0.0 would say that the mean is known
                half = "<" + re.sub(r"0(%?)$", r"1\1", half)
            return f"{middle} ± {half}"
        return f"{middle} [{format(self.low, number)}, {format(self.high, number)}]"

    @property
    def half(self) -> float:
        """Half the width: the number after ±."""
        return (self.high - self.low) / 2

    @property
    def possible(self) -> bool:
        """Whether all of the interval can be: 93 % [65, 122] cannot. False for one seed."""
        return self.within[0] <= self.low and self.high <= self.within[1]

    @property
    def enough(self) -> bool:
        """Whether there are seeds enough: four, and three for a difference.

        The interval of three reaches two and a half standard deviations to each side, beyond all its seeds. Beside an
        accuracy it says less than the three numbers do. Of a difference it is needed all the same: three marks on one
        side of 0 look like more than they show.
        """
        return self.n >= (FEWEST_DIFFERENCES if self.within == ANY else FEWEST)

    @property
    def shown(self) -> bool:
        """Whether figures and texts give the interval; if not, they give the seeds themselves."""
        return self.enough and self.possible and not self.unspread

    @property
    def unspread(self) -> bool:
        """True for differences that are all the same, and not 0: as of accuracies of a few pictures, which move in coarse steps.

        How far other seeds would lie from these is not known then, so there is no interval, and no claim.
        """
        return self.n > 1 and self.within == ANY and self.half <= _EQUAL * abs(self.mean) > 0

    @property
    def excludes_0(self) -> bool:
        """Whether there is an interval, and 0 is not in it."""
        return not self.unspread and (self.low > 0 or self.high < 0)

    def said(self, form: str = ".1f") -> str:
        """The mean with its interval or its seeds: "85.2 (84.7 to 85.7)", "93.1 (seeds 80.1, 99.3, 99.9)"."""
        middle = format(self.mean, form)
        if self.shown:
            return f"{middle} ({format(self.low, form)} to {format(self.high, form)})"
        if self.n == 1:
            return middle
        seeds = [format(v, form) for v in sorted(self.values)]
        return f"{middle} (seeds {', '.join(seeds)})" if seeds else f"{middle} (no interval, n = {self.n})"

    @property
    def says(self) -> str:
        """What may be concluded of a difference: "excludes 0", "contains 0: no claim" or "one seed: no claim".

        Of several equal ones "no spread over 2 seeds: no claim".
        """
        if self.n == 1:
            return "one seed: no claim"
        if self.unspread:
            return f"no spread over {self.n} seeds: no claim"
        return "excludes 0" if self.excludes_0 else "contains 0: no claim"

    def times(self, factor: float) -> Interval:
        """The same interval in another unit, such as points (100) for fractions; `factor` is positive."""
        if not factor > 0:
            raise ValueError(f"factor={factor!r} was given; expected a number above 0, such as 100.")
        return Interval(
            factor * self.mean,
            factor * self.low,
            factor * self.high,
            self.n,
            tuple(factor * v for v in self.values),
            (factor * self.within[0], factor * self.within[1]),
        )


def interval(values: Sequence[float], *, within: tuple[float, float] = ANY) -> Interval:
    """The mean of `values` and its 95 % t-interval. For differences, pass the differences paired by seed.

    Equal differences have no spread to tell an interval from: `says` makes no claim of them (`Interval.unspread`).

    `within` is where the quantity can lie, such as `PERCENT` for an accuracy in percent; it decides what is shown of the
    interval (`Interval.shown`), and never what is computed.

    Raises:
        ValueError: no values, one that is no finite number, or one that is not within `within`.
    """
    if not isinstance(values, Iterable):
        raise TypeError(f"values={values!r} was given; expected a list, with one number for each seed.")
    values = list(values)
    if not values:
        raise ValueError("No values were given; expected one for each seed.")
    if bad := [v for v in values if not isinstance(v, Real) or not math.isfinite(v)]:
        raise ValueError(
            f"values has {bad}; expected finite numbers, one for each seed. Leave out a seed that has no result."
        )
    if bad := [v for v in values if not within[0] <= v <= within[1]]:
        raise ValueError(
            f"values has {bad}; expected numbers from {within[0]:g} to {within[1]:g}, as `within` says. Is it another unit?"
        )
    n, centre, seeds = len(values), mean(values), tuple(values)
    if n == 1:
        return Interval(centre, math.nan, math.nan, 1, seeds, within)
    factor = _T[n - 2] if n <= len(_T) + 1 else quantile(0.975, n - 1)
    half = factor * stdev(values) / math.sqrt(n)
    return Interval(centre, centre - half, centre + half, n, seeds, within)


def differences(
    bands: Mapping[str, Interval], *, unit: str, title: str = "", digits: int = 2, notes: Sequence[str] = ()
) -> Table:
    """A table of paired differences by name: mean with sign, 95 % t-interval, n, and what that says."""
    table = Table(["difference", unit, "95 % interval", "n", "says"], title=title, notes=notes)
    for name, band in bands.items():
        edges = (
            f"[{band.low:+.{digits}f}, {band.high:+.{digits}f}]" if band.n > 1 and not band.unspread else None
        )
        table.add(name, f"{band.mean:+.{digits}f}", edges, band.n, band.says)
    return table


class Judged(NamedTuple):
    """The column by which rows are judged, and what it measures."""

    column: str
    quantity: Quantity

    @property
    def scale(self) -> float:
        """By what a value is multiplied where it is shown: 100 for a fraction, shown in percent."""
        return self.quantity.scale

    @property
    def within(self) -> tuple[float, float]:
        """Where a value, times `scale`, can lie."""
        return PERCENT if self.quantity.unit == "%" else FINITE

    @property
    def name(self) -> str:
        """In words: "test accuracy"."""
        part = "validation" if self.column.startswith("validation") else "test"
        return f"{part} {self.quantity.name}"

    @property
    def title(self) -> str:
        """`name` at the beginning of a sentence."""
        return self.name[:1].upper() + self.name[1:]

    @property
    def heading(self) -> str:
        """For an axis: "test accuracy (%)", "test rmse (m), lower is better"."""
        better = f", {self.quantity.better}" if self.quantity.better else ""
        return self.quantity.heading(self.name.partition(" ")[0]) + better

    @property
    def points(self) -> str:
        """What a difference is counted in: "points of test accuracy", "test rmse (m), lower is better"."""
        better = f", {self.quantity.better}" if self.quantity.better else ""
        return f"points of {self.name}{better}" if self.quantity.unit == "%" else self.heading

    @property
    def said(self) -> str:
        """What differences are of, at the beginning of a sentence: "Test accuracy in points", "Test rmse (m), lower is better"."""
        return f"{self.title} in points" if self.scale == 100 else self.heading[:1].upper() + self.heading[1:]

    @property
    def form(self) -> str:
        """How a value, times `scale`, is written in a table."""
        return ".1f" if self.quantity.unit == "%" else ".4g"


def judged(rows: Sequence[Row], column: str | None = None) -> Judged:
    """By what rows are judged: the column that is given, else `test_metric` if they have one, else `test_accuracy`.

    Rows of another task than the default have the columns `metric`, `unit` and `direction`, which say what is measured.

    Raises:
        ValueError: rows that measure different things.
    """
    found = {(row.get("metric"), row.get("unit") or "", row.get("direction")) for row in rows}
    if len(found) > 1:
        raise ValueError(
            f"The rows measure different things: {', '.join(sorted(str(one[0]) for one in found))}; expected one metric."
        )
    name, unit, direction = next(iter(found), (None, "", None))
    if name is None or column not in (None, "test_metric", "validation_metric"):
        return Judged(column or "test_accuracy", ACCURACY)
    return Judged(column or "test_metric", Quantity(str(name), str(unit), str(direction)))


def levels(rows: Sequence[Row], arm: str) -> list[int]:
    """Rounds at which an arm was trained, in order."""
    return sorted({row["round"] for row in rows if row["arm"] == arm})


def density_of(rows: Sequence[Row], level: int) -> float:
    """Median fraction of weights kept at a round. ValueError if no row has that round."""
    densities = [row["density"] for row in rows if row["round"] == level]
    if not densities:
        raise ValueError(
            f"No row has round {level}; expected one of {sorted({row['round'] for row in rows})}."
        )
    return float(median(densities))


def by_seed(rows: Sequence[Row], arm: str, level: int, column: str | None = None) -> dict[int, float]:
    """One value for each seed; none if the rows have no such arm or round.

    column: None is that by which the rows are judged (see `judged`).

    Raises:
        ValueError: a column that is not there; two rows of one arm, seed and round.
    """
    column = judged(rows).column if column is None else column
    own = [row for row in rows if row["arm"] == arm and row["round"] == level]
    if own and column not in own[0]:
        raise ValueError(f"column={column!r} was given; expected one of {', '.join(own[0])}.")
    return once((row["seed"], row[column], f"arm {arm!r}, seed {row['seed']}, round {level}") for row in own)


def once(found: Iterable[tuple[int, float, str]]) -> dict[int, float]:
    """Values by seed, of (seed, value, what the row is of). ValueError if two rows are of the same."""
    values: dict[int, float] = {}
    for seed, value, what in found:
        if seed in values:
            raise ValueError(
                f"Two rows have {what}; expected one. Were the rows of one run joined twice, or those of two runs? Leave one "
                "out, or give the arms of each run a name of their own."
            )
        values[seed] = value
    return values


def paired(
    rows: Sequence[Row], one: tuple[str, int], other: tuple[str, int], column: str | None = None
) -> Interval:
    """Interval of the difference one - other over the seeds that both have; each is an (arm, round)."""
    a, b = by_seed(rows, *one, column), by_seed(rows, *other, column)
    shared = sorted(a.keys() & b.keys())
    if not shared:
        there = sorted({row["arm"] for row in rows})
        raise ValueError(
            f"No seed has both {one} (seeds {sorted(a)}) and {other} (seeds {sorted(b)}); expected an (arm, round) each, "
            f"of the arms {there}."
        )
    return interval([a[seed] - b[seed] for seed in shared])


def unfinished(rows: Sequence[Row], arm: str, level: int) -> int:
    """How many of the arm's trainings had their best step in the last tenth of the budget, and so may still improve."""
    return sum(row["still_improving"] for row in rows if row["arm"] == arm and row["round"] == level)
