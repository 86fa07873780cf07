"""Timing by interleaved repetitions: medians, quartiles, and ratios between neighbours in time.

A machine that others use is faster at one moment than at another. So the things to compare take turns, and each
ratio is taken within one turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter
from typing import Any, cast

from lthkit.machine.tables import Table
from lthkit.machine.work import hidden, waiting

Work = Callable[[], object]


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of n values."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one value, all three are that value. ValueError if there is none."""
        if not values:
            raise ValueError("No values were given; expected at least one repetition.")
        if len(values) == 1:
            return cls(values[0], values[0], values[0], 1)
        low, _, high = quantiles(values, n=4, method="inclusive")
        return cls(median(values), low, high, len(values))

    def scaled(self, factor: float) -> Spread:
        """The same in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor, self.n)


@dataclass(frozen=True)
class Timing:
    """What `interleaved` measured of one of its callables.

    seconds: of each repetition, for one unit of work.
    ratios: seconds of the first callable over seconds of this one, repetition by repetition: above 1 is faster.
    """

    name: str
    seconds: tuple[float, ...]
    ratios: tuple[float, ...]

    @property
    def time(self) -> Spread:
        """Seconds for one unit of work."""
        return Spread.of(self.seconds)

    @property
    def ratio(self) -> Spread:
        """How many times as fast as the first callable."""
        return Spread.of(self.ratios)

    def __str__(self) -> str:
        t, r = self.time, self.ratio
        return (
            f"{self.name}: {1e3 * t.median:.3g} ms ({1e3 * t.low:.3g} to {1e3 * t.high:.3g}), "
            f"{r.median:.3g} times as fast ({r.low:.3g} to {r.high:.3g}), n = {t.n}"
        )


def times(timings: Sequence[Timing]) -> Table:
    """What `interleaved` measured as a table: medians with quartiles."""
    table = Table(
        ["", "ms", "quartiles", "times as fast", "its quartiles"],
        notes=[f"medians of {timings[0].time.n} turns" if timings else "nothing was timed"],
    )
    for timing in timings:
        t, r = timing.time.scaled(1e3), timing.ratio
        edges = [f"[{spread.low:.3g}, {spread.high:.3g}]" for spread in (t, r)]
        table.add(timing.name, f"{t.median:.3g}", edges[0], f"{r.median:.3g}", edges[1])
    return table


def interleaved(
    callables: Mapping[str, Work],
    *,
    repetitions: int = 5,
    warmups: int = 1,
    per: int | Mapping[str, int] | None = 1,
    before: Mapping[str, Work] | None = None,
    after: Mapping[str, Work] | None = None,
    synchronise: Work | None = None,
    clock: Callable[[], float] = perf_counter,
) -> list[Timing]:
    """Time several callables in turns: A B C, B C A, C A B, ... The first is what the others are compared with.

    `interleaved({"textbook": f, "lthkit": g}, repetitions=5)` gives a `Timing` for each name, in the order given.

    Args:
        repetitions: turns that count. warmups: calls of each before the first turn, which do not count.
        per: units of work in one call, such as the number of steps; one number, or one for each name. None: each call
            returns how many it did, as one does that stops after a while.
        before, after: by name, what to call around each timed call, outside the clock.
        synchronise: called before the clock is read; for a GPU, `torch.cuda.synchronize`.

    Raises:
        ValueError: nothing to time, no repetitions, units below 1, or a name that is not among the callables.
    """
    before, after, settle = before or {}, after or {}, synchronise or _nothing
    units = _units(callables, per, repetitions=repetitions, warmups=warmups, around={*before, *after})

    def once(name: str) -> float:
        before.get(name, _nothing)()
        with hidden():  # a bar moves between two turns
            settle()
            begun = clock()
            done = callables[name]()
            settle()
            elapsed = clock() - begun
        after.get(name, _nothing)()
        return max(elapsed, 1e-9) / (
            cast(int, done) if per is None else units[name]
        )  # a coarse clock may stand still

    names = list(callables)
    for _ in range(warmups):
        for name in names:
            once(name)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with closing(
        waiting(range(repetitions), lambda turn: f"timing, turn {turn + 1} of {repetitions}")
    ) as turns:
        for turn in turns:
            start = turn % len(names)  # nobody always follows the same neighbour's warm or cold caches
            for name in names[start:] + names[:start]:
                seconds[name].append(once(name))
    first = seconds[names[0]]
    return [
        Timing(name, tuple(mine), tuple(a / b for a, b in zip(first, mine, strict=True)))
        for name, mine in seconds.items()
    ]


def calls_for(work: Work, *, synchronise: Work | None = None, seconds: float = 0.002) -> int:
    """How many calls, 1000 at most, take so long that reading the clock does not count. It is called twice for that."""
    settle = synchronise or _nothing
    work()
    settle()
    begun = perf_counter()
    work()
    settle()
    return min(1000, math.ceil(seconds / max(perf_counter() - begun, 1e-6)))


def repeat(work: Work, calls: int) -> None:
    for _ in range(calls):
        work()


def _units(
    callables: Mapping[str, Work],
    per: int | Mapping[str, int] | None,
    *,
    repetitions: int,
    warmups: int,
    around: set[str],
) -> dict[str, int]:
    """Units of work by name. ValueError for what `interleaved` cannot do."""
    if not callables or repetitions < 1 or warmups < 0:
        raise ValueError(
            f"{len(callables)} callables, repetitions={repetitions} and warmups={warmups} were given; expected at "
            "least one callable, one repetition or more, and no fewer than 0 warm-ups."
        )
    per = 1 if per is None else per
    units = dict.fromkeys(callables, per) if isinstance(per, int) else dict(per)
    if odd := sorted((units.keys() | around) - callables.keys()):
        raise ValueError(f"{odd} are not among the callables {list(callables)}.")
    if bad := [name for name in callables if units.get(name, 0) < 1]:
        raise ValueError(f"per has no whole number of 1 or more for {bad}.")
    return units


def _nothing(*_: Any) -> None:
    pass
