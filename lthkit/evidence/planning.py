"""Before the run: how many seeds a question needs, what they cost, and what a number of seeds can and cannot show.

All of it is about the mean of paired differences and its t-interval. `effect` and `sd` are in one unit, such as points:
`effect` is the smallest difference that is worth seeing, `sd` the standard deviation of the paired differences, as a pilot
run or a recorded run has it (`spread`). It is not that of an arm alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev

import numpy as np
import torch

from lthkit.evidence.statistics import interval
from lthkit.evidence.student import quantile, shifted_tail
from lthkit.machine.checks import check_whole, is_number

MOST_SEEDS = 100_000
_TRIALS = 2000  # simulated experiments at once
_UNITS = "Are both in one unit, such as points?"


@dataclass(frozen=True)
class Spread:
    """A standard deviation, and the 95 % interval of the one that many seeds would give."""

    sd: float
    low: float
    high: float
    n: int

    def __format__(self, form: str) -> str:
        low, middle, high = (format(v, form) for v in (self.low, self.sd, self.high))
        return f"{middle} [{low}, {high}]"


def spread(values: Sequence[float]) -> Spread:
    """The standard deviation of paired differences with its 95 % interval, for differences that are about normal.

    A pilot run of three seeds or five knows the mean badly, and the standard deviation worse.
    """
    values = list(interval(values).values)
    if len(values) < 2:
        raise ValueError("One value was given; expected two or more, because one has no spread.")
    sd, freedom = stdev(values), len(values) - 1
    low, high = (sd * math.sqrt(freedom / _chi_square(p, freedom)) for p in (0.975, 0.025))
    return Spread(sd, low, high, len(values))


def power_of(effect: float, *, sd: float, seeds: int, alpha: float = 0.05) -> float:
    """The probability that the interval of `seeds` paired differences excludes 0 if the true mean is `effect`.

    Two-sided, by the noncentral t distribution, so exact for normal differences. With an effect of 0 it is `alpha`: the
    probability of a false alarm.

    Args:
        alpha: 0.05 is for the 95 % interval.

    Raises:
        ValueError: `sd` is not above 0, `alpha` not between 0 and 1, or fewer than two seeds.
    """
    sd = _spread(sd)
    if not is_number(effect) or not math.isfinite(effect):
        raise ValueError(f"effect={effect!r} was given; expected a finite number, in the unit of sd.")
    seeds, alpha = check_whole("seeds", seeds, 2), _chance("alpha", alpha)
    edge, shift = quantile(1 - alpha / 2, seeds - 1), effect / sd * math.sqrt(seeds)
    return shifted_tail(edge, seeds - 1, shift) + shifted_tail(edge, seeds - 1, -shift)


def seeds_needed(effect: float, *, sd: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """The fewest paired seeds with which a true mean of `effect` is seen with probability `power` or more.

    Raises:
        ValueError: as `power_of`; or more than `MOST_SEEDS` are needed, or `effect` is fifty times `sd`: then they are
            hardly in one unit.
    """
    effect, sd = _worth_seeing(effect, sd)
    power, alpha = _power(power, alpha)

    def enough(n: int) -> bool:
        return power_of(effect, sd=sd, seeds=n, alpha=alpha) >= power

    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if low > MOST_SEEDS:
            raise ValueError(
                f"For effect={effect:g} at sd={sd:g} more than {MOST_SEEDS:,} seeds are needed. {_UNITS} If they are, ask for "
                "a larger effect."
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def smallest_effect(*, sd: float, seeds: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest true mean that `seeds` paired differences see with probability `power`, in the unit of `sd`."""
    sd = _spread(sd)
    power, alpha = _power(power, alpha)
    low, high = 0.0, 1.0
    while power_of(high, sd=1.0, seeds=seeds, alpha=alpha) < power:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        below = power_of(middle, sd=1.0, seeds=seeds, alpha=alpha) < power
        low, high = (middle, high) if below else (low, middle)
    return high * sd


@dataclass(frozen=True)
class Design:
    """An experiment on paper: what it can see, and what it costs.

    effect, sd, power, alpha: see `seeds_needed`; `alpha` is that of one comparison, after it was shared out.
    comparisons: how many differences are asked about.
    trainings, updates: of all seeds and arms together. minutes: None where no time of a training was given.
    """

    effect: float
    sd: float
    seeds: int
    power: float
    alpha: float
    comparisons: int
    trainings: int
    updates: int
    minutes: float | None

    def __str__(self) -> str:
        time = "" if self.minutes is None else f", {self.minutes:,.3g} minutes"
        return (
            f"{self.seeds} seeds, {self.trainings:,} trainings, {self.updates:,} updates{time}: "
            f"a difference of {self.effect:g} is seen with probability {self.power:.2f} (sd {self.sd:g}, alpha {self.alpha:.3g})"
        )


def design(
    effect: float,
    *,
    sd: float,
    trainings: int,
    steps: int,
    seeds: int | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    comparisons: int = 1,
    seconds: float | None = None,
    at_once: int = 1,
) -> Design:
    """Power and cost of an experiment: how many seeds `effect` needs, and what they cost; or what `seeds` can see.

    Args:
        trainings: of one seed, with all that belongs to it: a ticket of seven rounds takes eight trainings, the control two
            at one density, the dense network none more, because round 0 trained it.
        steps: updates of one training.
        seeds: how many there are; None asks for as many as `power` needs.
        comparisons: how many differences the verdict is on; each gets alpha / comparisons, as Bonferroni has it.
        seconds: that one training takes on this machine, measured; None leaves the minutes out.
        at_once: how many trainings run side by side in that time.

    Raises:
        ValueError: as `seeds_needed`; a count that is no whole number; seconds that are not above 0.
    """
    trainings, steps = check_whole("trainings", trainings, 1), check_whole("steps", steps, 1)
    comparisons, at_once = check_whole("comparisons", comparisons, 1), check_whole("at_once", at_once, 1)
    if seconds is not None and not (is_number(seconds) and math.isfinite(seconds) and seconds > 0):
        raise ValueError(
            f"seconds={seconds!r} was given; expected the time of one training, above 0, or None."
        )
    share = _chance("alpha", alpha) / comparisons
    effect, sd = _worth_seeing(effect, sd)
    if seeds is None:
        seeds = seeds_needed(effect, sd=sd, power=power, alpha=share)
    count = seeds * trainings
    return Design(
        effect=effect,
        sd=sd,
        seeds=seeds,
        power=power_of(effect, sd=sd, seeds=seeds, alpha=share),
        alpha=share,
        comparisons=comparisons,
        trainings=count,
        updates=count * steps,
        minutes=None if seconds is None else math.ceil(count / at_once) * seconds / 60,
    )


def false_alarms(
    looks: Sequence[int], *, alpha: float = 0.05, trials: int = 20_000, seed: int = 0
) -> list[float]:
    """What looking again and again does: how often somebody who stops at the first "excludes 0" stops, with no difference.

    Simulated: normal differences of mean 0 come in, one a seed; after each number of seeds in `looks` the interval at
    `alpha` is looked at.

    Args:
        looks: numbers of seeds at which is looked, rising, such as range(3, 21).

    Returns:
        For each look, the share of experiments that have stopped by then. The error of a share p is about
        sqrt(p (1 - p) / trials).
    """
    if isinstance(looks, int | str) or not (at := [check_whole("looks", n, 2) for n in looks]):
        raise ValueError(f"looks={looks!r} was given; expected numbers of seeds, such as range(3, 21).")
    if any(b <= a for a, b in zip(at, at[1:], strict=False)):
        raise ValueError(f"looks={looks!r} was given; expected rising numbers of seeds.")
    alpha, trials = _chance("alpha", alpha), check_whole("trials", trials, 1)
    edges = np.array([quantile(1 - alpha / 2, n - 1) for n in at])
    counts, index = np.array(at, dtype=float), np.array(at) - 1
    rng, stopped = np.random.default_rng(seed), np.zeros(len(at))
    for begun in range(0, trials, _TRIALS):
        drawn = rng.standard_normal((min(_TRIALS, trials - begun), at[-1]))
        sums, squares = drawn.cumsum(1)[:, index], (drawn**2).cumsum(1)[:, index]
        variance = (squares - sums**2 / counts) / (counts - 1)
        seen = np.abs(sums) / counts > edges * np.sqrt(variance / counts)
        stopped += np.maximum.accumulate(seen, axis=1).sum(0)
    return [float(share) for share in stopped / trials]


def _worth_seeing(effect: float, sd: float) -> tuple[float, float]:
    if not is_number(effect) or not math.isfinite(effect) or effect <= 0:
        raise ValueError(
            f"effect={effect!r} was given; expected the smallest difference worth seeing, a number above 0."
        )
    sd = _spread(sd)
    if effect > 50 * sd:
        raise ValueError(f"effect={effect:g} is {effect / sd:,.0f} times sd={sd:g}. {_UNITS}")
    return float(effect), sd


def _spread(sd: float) -> float:
    if not is_number(sd) or not math.isfinite(sd) or sd <= 0:
        raise ValueError(
            f"sd={sd!r} was given; expected the standard deviation of the paired differences, above 0."
        )
    return float(sd)


def _power(power: float, alpha: float) -> tuple[float, float]:
    power, alpha = _chance("power", power), _chance("alpha", alpha)
    if power <= alpha:
        raise ValueError(
            f"power={power!r} was given, and alpha={alpha!r}; expected more, because chance alone gives alpha."
        )
    return power, alpha


def _chance(name: str, value: float) -> float:
    if not is_number(value) or not 0 < value < 1:
        raise ValueError(f"{name}={value!r} was given; expected a probability between 0 and 1.")
    return float(value)


def _chi_square(p: float, freedom: int) -> float:
    """The number below which a sum of `freedom` squared normal numbers lies with probability `p`."""
    low, high = 0.0, freedom + 10 * math.sqrt(2 * freedom) + 20.0
    half = torch.tensor(freedom / 2, dtype=torch.float64)
    for _ in range(100):
        middle = (low + high) / 2
        below = torch.special.gammainc(half, torch.tensor(middle / 2, dtype=torch.float64))
        low, high = (middle, high) if float(below) < p else (low, middle)
    return high
