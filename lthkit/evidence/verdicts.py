"""After the run: what many comparisons may claim together, what a null result says, and how often few seeds mislead."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import stdev

import numpy as np

from lthkit.evidence.statistics import Interval, interval
from lthkit.evidence.student import quantile, t_statistic, tail
from lthkit.machine.checks import check_whole, is_number


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values of several comparisons (Holm 1979): claim those below 0.05, and be wrong in any at most 5 % of the time.

    The smallest is multiplied by the number of comparisons, the next by one less, and so on; none is adjusted to less than
    one before it, nor to more than 1. It holds however the comparisons depend on each other.

    Args:
        p_values: by name; all that were looked at, the disappointing ones too.
    """
    if not isinstance(p_values, Mapping) or not p_values:
        raise ValueError(f"p_values={p_values!r} was given; expected a dict, comparison -> p-value.")
    if bad := {name: p for name, p in p_values.items() if not is_number(p) or not 0 <= p <= 1}:
        raise ValueError(f"p_values has {bad}; expected numbers from 0 to 1.")
    adjusted, largest, count = {}, 0.0, len(p_values)
    for i, (name, p) in enumerate(sorted(p_values.items(), key=lambda pair: pair[1])):
        largest = max(largest, min(1.0, (count - i) * p))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


@dataclass(frozen=True)
class Margin:
    """A difference held against a margin.

    difference: with its 95 % interval. margin: the largest difference that does not matter.
    low, high: the 90 % interval; the two one-sided tests at 5 % (TOST, Schuirmann 1987) say "equivalent" exactly if it lies
        between -margin and +margin. p: the larger p-value of the two.
    """

    difference: Interval
    margin: float
    low: float
    high: float
    p: float

    @property
    def equivalent(self) -> bool:
        """Whether a difference of `margin` or more, to either side, is ruled out at 5 %."""
        return -self.margin < self.low and self.high < self.margin

    @property
    def says(self) -> str:
        """What may be claimed, in words."""
        other = self.difference.low > 0 or self.difference.high < 0
        if self.equivalent:
            return (
                f"different, by less than {self.margin:g}" if other else f"no difference of {self.margin:g}"
            )
        return "different" if other else "open: no claim"


def against_margin(values: Sequence[float], margin: float) -> Margin:
    """Hold paired differences against a margin that was chosen before the run: is there a difference, is there none?

    "The interval contains 0" says neither. A difference is ruled out only where the interval ends before the margin.

    Raises:
        ValueError: `margin` is not above 0, or the values have no spread (see `student.p_value`).
    """
    if not is_number(margin) or not math.isfinite(margin) or margin <= 0:
        raise ValueError(
            f"margin={margin!r} was given; expected the largest difference that does not matter, above 0."
        )
    (below, freedom), (above, _) = (t_statistic(values, against=edge) for edge in (-margin, margin))
    band = interval(values)
    reach = quantile(0.95, freedom) * stdev(band.values) / math.sqrt(band.n)
    p = max(tail(below, freedom), tail(-above, freedom))
    return Margin(band, float(margin), band.mean - reach, band.mean + reach, p)


@dataclass(frozen=True)
class Sampled:
    """What experiments with few seeds would have said, drawn from recorded differences.

    whole: all recorded differences. winner: 1 or -1, the side on which their interval lies; 0 if it contains 0, so that
        nobody knows. seeds: of one drawn experiment. means: one for each of them.
    claims: for each, 1 or -1 if its own 95 % interval lies on that side, else 0 (always 0 for one seed).
    drawn: for each, the places of its seeds among the recorded ones.
    """

    whole: Interval
    seeds: int
    means: tuple[float, ...] = field(repr=False)
    claims: tuple[int, ...] = field(repr=False)
    drawn: tuple[tuple[int, ...], ...] = field(repr=False)

    def experiment(self, number: int) -> Interval:
        """The drawn experiment with this number, from 1."""
        return interval([self.whole.values[i] for i in self.drawn[check_whole("number", number, 1) - 1]])

    @property
    def winner(self) -> int:
        return (self.whole.low > 0) - (self.whole.high < 0)

    @property
    def wrong(self) -> float | None:
        """How often the better mean is the wrong one; a tie counts half. None if it is not known which is right."""
        if not self.winner:
            return None
        signs = np.sign(self.means) * self.winner
        return float(np.mean((signs < 0) + 0.5 * (signs == 0)))

    @property
    def found(self) -> float:
        """How often the interval excludes 0 on the right side; on either side where no winner is known.

        In the second case it is the rate of false alarms only if the recorded differences have the mean 0; that of a
        record is near it at best, and may be taken away first.
        """
        claims = np.array(self.claims)
        return float(np.mean(claims == self.winner if self.winner else claims != 0))

    @property
    def misled(self) -> float | None:
        """How often the interval excludes 0 on the wrong side; None if it is not known which is right."""
        return float(np.mean(np.array(self.claims) == -self.winner)) if self.winner else None


def sample_seeds(differences: Sequence[float], seeds: int, *, draws: int = 2000, seed: int = 0) -> Sampled:
    """Draw many experiments of `seeds` seeds from recorded paired differences, and see what each would have said.

    A seed may come twice in an experiment, as if there were very many like the recorded ones; without that, experiments of
    nearly all seeds would agree because they are nearly the same. A draw whose differences are all equal makes no claim.

    Args:
        differences: one for each recorded seed, ten or more.
        seeds: of one drawn experiment.

    Raises:
        ValueError: too few differences, or one that is no finite number.
    """
    whole = interval(differences)
    if whole.n < 10:
        raise ValueError(
            f"{whole.n} differences were given; expected those of ten seeds or more to draw experiments from."
        )
    seeds, draws = check_whole("seeds", seeds, 1), check_whole("draws", draws, 1)
    rng = np.random.default_rng(seed)
    places = rng.integers(whole.n, size=(draws, seeds))
    drawn = np.array(whole.values)[places]
    means, claims = drawn.mean(1), np.zeros(draws, dtype=int)
    if seeds > 1:
        half = quantile(0.975, seeds - 1) * drawn.std(1, ddof=1) / math.sqrt(seeds)
        spread = np.ptp(drawn, axis=1) > 0  # not half > 0: the mean of equal numbers is rounded
        claims = np.where((np.abs(means) > half) & spread, np.sign(means), 0).astype(int)
    return Sampled(
        whole, seeds, tuple(means.tolist()), tuple(claims.tolist()), tuple(map(tuple, places.tolist()))
    )
