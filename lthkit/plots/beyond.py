"""The figure of lesson 14: how close sums of random numbers come to a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log
from statistics import mean

import matplotlib
from matplotlib.figure import Figure

from lthkit.plots.style import LOOKS, STYLE, finish, new_figure


def subset_errors(errors: Mapping[int, Sequence[float]], *, stamp: str = "") -> Figure:
    """Distance of the best subset sum from its target against how many random numbers there are, on a logarithmic axis.

    errors: count of numbers -> one error a seed, all above 0. The line goes through the geometric means of the seeds; dots are
        single seeds. The dashed line falls by a half with each number, as the number of subsets doubles.

    Raises:
        ValueError: nothing is given, or an error that is not above 0.
    """
    middle = _middle(errors)
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        look, other = LOOKS["ticket"], LOOKS["dense"]
        counts = list(middle)
        ax.plot(
            counts,
            list(middle.values()),
            color=look.color,
            marker=look.marker,
            label="best subset, geometric mean of the seeds",
        )
        for i, count in enumerate(counts):
            label = "single seeds" if i == 0 else "_"
            ax.plot(
                [count] * len(errors[count]), errors[count], "_", color="#555555", markersize=9, label=label
            )
        first = middle[counts[0]]
        line = [first * 2.0 ** (counts[0] - count) for count in counts]
        ax.plot(counts, line, color=other.color, linestyle="--", label="half with each number")
        ax.set_yscale("log")
        ax.set_xticks(counts)
        ax.set_xlabel("random numbers for one weight")
        ax.set_ylabel("distance from the target, logarithmic")
        finish(figure, ax, "A weight as a sum of random weights", stamp)
    return figure


def describe_subset_errors(errors: Mapping[int, Sequence[float]]) -> str:
    """The text alternative of `subset_errors`."""
    parts = [f"{value:.2g} with {count}" for count, value in _middle(errors).items()]
    return (
        "Line chart: distance of the best subset sum from its target against how many random numbers there are, geometric mean "
        f"of {len(next(iter(errors.values())))} seeds. {', '.join(parts)}."
    )


def _middle(errors: Mapping[int, Sequence[float]]) -> dict[int, float]:
    if not errors or not all(values and min(values) > 0 for values in errors.values()):
        raise ValueError(
            "Errors above 0 are drawn, one or more for each count; expected such as {2: [0.3, 0.2]}."
        )
    return {count: exp(mean(log(value) for value in values)) for count, values in sorted(errors.items())}
