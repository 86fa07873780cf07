"""Student's t distribution, plain and shifted: quantiles, p-values, and how often a test sees a difference that is there.

Written out here because scipy is no dependency of the course. Tests hold it against values of scipy and of textbooks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch

from lthkit.machine.checks import check_whole, is_number

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_PANELS = 24


def tail(t: float, freedom: int) -> float:
    """The probability that Student's t with `freedom` degrees of freedom is above `t`."""
    freedom = check_whole("freedom", freedom, 1)
    square = t * t
    half = 0.5 * _beta(freedom / (freedom + square), square / (freedom + square), freedom / 2, 0.5)
    return half if t >= 0 else 1 - half


@cache
def quantile(p: float, freedom: int) -> float:
    """The number below which Student's t lies with probability `p`; 0.975 is that of a 95 % interval.

    Raises:
        ValueError: `p` is not between 0 and 1, both left out.
    """
    if not is_number(p) or not 0 < p < 1:
        raise ValueError(f"p={p!r} was given; expected a probability between 0 and 1, such as 0.975.")
    if p < 0.5:
        return -quantile(1 - p, freedom)
    low, high = 0.0, 1.0
    while tail(high, freedom) > 1 - p:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if tail(middle, freedom) > 1 - p else (low, middle)
    return high


def shifted_tail(t: float, freedom: int, shift: float) -> float:
    """The probability that (Z + `shift`) / S is above `t`: the noncentral t distribution.

    Z is a standard normal number and S a standard deviation estimated with `freedom` degrees of freedom, divided by the
    true one. The integral over S is done numerically, to about ten digits.
    """
    freedom = check_whole("freedom", freedom, 1)
    reach = 12 / math.sqrt(2 * freedom)
    low, high = max(0.0, 1 - reach), 1 + reach
    edges = set(np.linspace(low, high, _PANELS + 1).tolist())
    if t:  # where the normal probability below turns from 1 to 0
        steps = (-8.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0)
        edges |= {e for step in steps if low < (e := (shift + step) / t) < high}
    ends = np.array(sorted(edges))
    half, middle = np.diff(ends) / 2, (ends[1:] + ends[:-1]) / 2
    s = (middle[:, None] + half[:, None] * _NODES).ravel()
    weights = (half[:, None] * _WEIGHTS).ravel()
    k = freedom / 2
    density = np.exp(math.log(2) + k * math.log(k) - math.lgamma(k) + (freedom - 1) * np.log(s) - k * s * s)
    above = torch.special.ndtr(torch.from_numpy(shift - t * s)).numpy()
    return float(np.sum(weights * density * above))


def p_value(values: Sequence[float]) -> float:
    """The two-sided p-value of paired differences: how often seeds alone would give a mean so far from 0 or farther.

    Raises:
        ValueError: fewer than two values, one that is no finite number, or all the same (there is no spread to compare with).
    """
    return p_value_of(*t_statistic(values))


def p_said(p: float) -> str:
    """A p-value in three digits: "0.042"; one that they would show as zero is "<0.001", as no p-value is 0.

    Raises:
        ValueError: no number from 0 to 1.
    """
    if not is_number(p) or not 0 <= p <= 1:
        raise ValueError(f"p={p!r} was given; expected a number from 0 to 1.")
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def p_value_of(t: float, freedom: int) -> float:
    """The two-sided p-value of a t statistic."""
    return 2 * tail(abs(t), freedom)


def t_statistic(values: Any, *, against: float = 0.0) -> tuple[float, int]:
    """(mean - `against`) over its standard error, and the degrees of freedom; refuses as `p_value` does."""
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise TypeError(f"values={values!r} was given; expected a list, with one difference for each seed.")
    values = list(values)
    if bad := [v for v in values if not is_number(v) or not math.isfinite(v)]:
        raise ValueError(f"values has {bad}; expected finite numbers, one for each seed.")
    if len(values) < 2:
        raise ValueError(
            f"{len(values)} values were given; expected two or more. One seed has no spread, so it says nothing of chance."
        )
    spread = stdev(values)
    if spread == 0:
        raise ValueError(
            f"All {len(values)} values are {values[0]}; without any spread there is no t statistic. Are the arms really "
            "trained with different seeds?"
        )
    return (mean(values) - against) / (spread / math.sqrt(len(values))), len(values) - 1


def _beta(x: float, rest: float, a: float, b: float) -> float:
    """The regularised incomplete beta function of x = 1 - `rest`, by a continued fraction (Abramowitz & Stegun 26.5.8)."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(rest, x, b, a)
    front = math.exp(
        a * math.log(x) + b * math.log(rest) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    )
    tiny, c, d = 1e-300, 1.0, 0.0
    value = 1.0
    for i in range(100_000):
        m = i // 2
        if i == 0:
            term = 1.0
        elif i % 2 == 0:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + term * d or tiny)
        c = 1 + term / c or tiny
        value *= c * d
        if abs(1 - c * d) < 1e-15:
            break
    return front * (value - 1) / a
