"""The figures of lesson 12: symptoms that are seen before they are understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lthkit.plots.style import LOOKS, SERIES, STYLE, finish, new_figure

SHOWN = 1500  # weights in a figure: more would hide one another


def before_and_after(was: Tensor, now: Tensor, *, stamp: str = "") -> Figure:
    """Kept weights after a training against their values before it; on the diagonal nothing has changed.

    At most `SHOWN` of them, evenly spread. Weights that were negative and positive have a look each.

    Raises:
        ValueError: other shapes, or no weights.
    """
    before, after = _thinned(was, now)
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        reach = 1.05 * float(torch.cat([before, after]).abs().max()) or 1.0
        ax.plot([-reach, reach], [-reach, reach], color="#333333", linewidth=1, label="not changed")
        for look, words, own in (
            (LOOKS["ticket"], "negative before", before < 0),
            (LOOKS["re-initialised"], "positive before", before > 0),
        ):
            ax.plot(
                before[own], after[own], look.marker, color=look.color, markersize=2.6, markerfacecolor="none",
                markeredgewidth=0.7, label=words,
            )  # fmt: skip
        ax.set_xlim(-reach, reach)
        ax.set_ylim(-reach, reach)
        ax.set_xlabel("weight before the training")
        ax.set_ylabel("weight after it")
        finish(figure, ax, "What the training did to the kept weights", stamp, lines=False)
    return figure


def describe_before_and_after(was: Tensor, now: Tensor) -> str:
    """The text alternative of `before_and_after`: how many of each sign have not changed."""
    before, after = _thinned(was, now)
    parts = []
    for words, own in (("negative", before < 0), ("positive", before > 0)):
        still = float((before == after)[own].float().mean()) if bool(own.any()) else 0.0
        parts.append(f"of the {words} ones {100 * still:.0f} % lie on the diagonal, unchanged")
    return f"Scatter plot of {len(before):,} weights after training against before; {', and '.join(parts)}."


def _thinned(was: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
    if was.shape != now.shape or not was.numel():
        raise ValueError(
            f"was has the shape {list(was.shape)} and now {list(now.shape)}; expected the same weights twice, one or more."
        )
    step = -(-was.numel() // SHOWN)
    return was.flatten()[::step].float().cpu(), now.flatten()[::step].float().cpu()


def restarted(curves: Mapping[str, Sequence[float]], *, steps: int, stamp: str = "") -> Figure:
    """Accuracy in percent over the steps of several trainings that are said to begin from one state.

    curves: name -> accuracies at even distances, the first before the first step. steps: of each training.

    Raises:
        ValueError: no curves, or more than seven.
    """
    if not 1 <= len(curves) <= len(SERIES):
        raise ValueError(f"{len(curves)} curves were given; expected 1 to {len(SERIES)}.")
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        for look, (name, values) in zip(SERIES, curves.items(), strict=False):
            at = [steps * i / max(1, len(values) - 1) for i in range(len(values))]
            ax.plot(
                at, list(values), look.marker, color=look.color, linestyle=look.dash, markersize=5, linewidth=1.8,
                label=name,
            )  # fmt: skip
        ax.set_ylim(0, 100)
        ax.set_xlabel("step")
        ax.set_ylabel("accuracy (%)")
        finish(figure, ax, "Two trainings from one start", stamp)
    return figure


def describe_restarted(curves: Mapping[str, Sequence[float]]) -> str:
    """The text alternative of `restarted`: where each curve begins and ends."""
    parts = [f"{name} from {values[0]:.1f} to {values[-1]:.1f} %" for name, values in curves.items()]
    return f"Line chart of accuracy over steps: {'; '.join(parts)}."


def readings(values: Sequence[float], reported: float, *, chance: float = 10.0, stamp: str = "") -> Figure:
    """Test accuracies in percent, one for each time that the split was read, and the one that was reported.

    Raises:
        ValueError: no readings.
    """
    if not values:
        raise ValueError("No readings were given; expected one test accuracy at least.")
    with matplotlib.rc_context(STYLE):
        figure, ax = new_figure()
        look, mark = LOOKS["ticket"], LOOKS["re-initialised"]
        places = range(1, len(values) + 1)
        ax.plot(places, list(values), look.marker, color=look.color, markersize=4, label="one reading")
        ax.axhline(chance, color="#333333", linewidth=1, label=f"chance: {chance:g} %")
        ax.axhline(
            reported,
            color=mark.color,
            linestyle=mark.dash,
            linewidth=1.8,
            label=f"reported: {reported:.1f} %",
        )
        ax.set_ylim(0, 1.25 * max(*values, reported, chance))
        ax.set_xlabel("reading of the test split")
        ax.set_ylabel("test accuracy (%)")
        finish(figure, ax, "Every reading of one training", stamp, lines=False)
    return figure


def describe_readings(values: Sequence[float], reported: float, *, chance: float = 10.0) -> str:
    """The text alternative of `readings`."""
    mean = sum(values) / len(values)
    return (
        f"{len(values)} test accuracies between {min(values):.1f} and {max(values):.1f} %, mean {mean:.1f}, around the chance of "
        f"{chance:g} %; reported is {reported:.1f} %."
    )
