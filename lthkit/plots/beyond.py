"""The figure of lesson 14: how close sums of random numbers come to a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, isfinite, log
from statistics import mean

import matplotlib
from matplotlib.figure import Figure

from lthkit.plots.style import LOOKS, STYLE, finish, new_figure


def subset_errors(errors: Mapping[int, Sequence[float]], *, stamp: str = "") -> Figure:
    """Distance of the best subset sum from its target against how many random numbers there are, on a logarithmic axis.

    errors: count of numbers -> one error a seed. The line goes through the geometric means of the seeds; dots are single seeds. The
        dashed line falls by a half with each number, as the number of subsets doubles. An error that is not above 0 has no
        logarithm: it is left out, and the small print says so.

    Raises:
        ValueError: nothing is given, or no error for a count.
    """
    above = _above_0(errors)
    middle = _middle(above)
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
                [count] * len(above[count]), above[count], "_", color="#555555", markersize=9, label=label
            )
        line = [middle[counts[0]] * 2.0 ** (counts[0] - count) for count in counts]
        ax.plot(counts, line, color=other.color, linestyle="--", label="half with each number")
        ax.set_yscale("log")
        ax.set_xticks(counts)
        ax.set_xlabel("random numbers for one weight")
        ax.set_ylabel("distance from the target, logarithmic")
        small = ". ".join(filter(None, (stamp, _left_out(errors))))
        finish(figure, ax, "A weight as a sum of random weights", small)
    return figure


def describe_subset_errors(errors: Mapping[int, Sequence[float]]) -> str:
    """The text alternative of `subset_errors`."""
    parts = [f"{value:.2g} with {count}" for count, value in _middle(_above_0(errors)).items()]
    said = (
        "Line chart: distance of the best subset sum from its target against how many random numbers there are, geometric mean "
        f"of {len(next(iter(errors.values())))} seeds",
        ", ".join(parts),
        _left_out(errors),
    )
    return ". ".join(filter(None, said)) + "."


def _above_0(errors: Mapping[int, Sequence[float]]) -> dict[int, list[float]]:
    """The errors that have a logarithm, for each count that has one."""
    if not errors or not all(len(values) for values in errors.values()):
        raise ValueError("Errors are drawn, one or more for each count; expected such as {2: [0.3, 0.2]}.")
    above = {n: [float(v) for v in values if isfinite(v) and v > 0] for n, values in errors.items()}
    return {n: values for n, values in above.items() if values}


def _left_out(errors: Mapping[int, Sequence[float]]) -> str:
    """Says how many errors are not drawn; "" if all are."""
    given, drawn = (sum(map(len, some.values())) for some in (errors, _above_0(errors)))
    return (
        f"Not drawn: {given - drawn} of {given} errors, which are no numbers above 0" if drawn < given else ""
    )


def _middle(errors: Mapping[int, Sequence[float]]) -> dict[int, float]:
    return {count: exp(mean(log(value) for value in values)) for count, values in sorted(errors.items())}
